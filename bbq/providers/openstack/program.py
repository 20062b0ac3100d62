"""The user's programs on servers: their files are copied there, their connections handed over as the local provider does it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from bbq.engine.contract import ConfigurationFault, PermanentFault, Target, Wanted
from bbq.providers.ansible.directory import NodeDirectory
from bbq.providers.applications import arguments, connections, text_of, variables
from bbq.providers.openstack.reach import addresses_of
from bbq.providers.openstack.software import ServerSoftware
from bbq.providers.spark_properties import application_properties, client_mode, exposed, properties_file
from bbq.topology.model import Operation
from bbq.topology.values import Secret, revealed

ARCHIVE: Final = "program.tar"
_MOST_FILES: Final = 2000
_MOST_BYTES: Final = 256 * 1024 * 1024
_LEFT_OUT: Final = frozenset({"__pycache__", "node_modules"})
_UI_PORT: Final = 4040


class Program(ServerSoftware):
    """A command in its directory, all of which is copied but what is hidden (`.git`) or `__pycache__`.

    Environment: as with the local provider <ALIAS>_<ATTRIBUTE> for every connection, BBQ_CONNECTIONS_FILE, BBQ_STATE_DIR,
    BBQ_INSTANCE and the template's own; services have HOST and PORT.
    """

    def operations(self, wanted: Wanted) -> dict[str, Operation]:
        host = wanted.hosts[wanted.node.name]
        base, archive = self._directory(wanted), self._archive(wanted)
        _pack(base, archive)
        found = {}
        for name, operation in super().operations(wanted).items():
            place = str(operation.inputs["place"])
            if Path(str(operation.script)).name == "install.yml" and Path(str(operation.script)).parent.name == "program":
                operation = replace(operation, dependencies=(*operation.dependencies, str(archive)))
            elif operation.name == "start":
                operation = replace(operation, inputs={**operation.inputs, **self.given(wanted, host, place)})
            found[name] = operation
        return found

    def given(self, wanted: Wanted, host: Target, place: str) -> dict[str, Any]:
        """What `start` is given beside what its type says."""
        argv = arguments(wanted, "command")
        if not argv:
            raise PermanentFault(f"{wanted.tag.node}: the command is empty")
        found = self._common(wanted, host, place)
        if port := wanted.properties.get("port"):
            found["environment_given"] |= {"HOST": found["address"], "PORT": str(port)}
            found["port"] = int(port)
        return {**found, "argv": argv, "health_path": wanted.properties.get("health_path") or ""}

    def _common(self, wanted: Wanted, host: Target, place: str) -> dict[str, Any]:
        own = wanted.properties.get("environment") or {}
        environment = {
            **variables(wanted.targets),
            "BBQ_CONNECTIONS_FILE": f"{place}/connections.json",
            "BBQ_STATE_DIR": f"{place}/state",
            "BBQ_INSTANCE": str(wanted.node.index or 0),
            **{str(key): text_of(value) for key, value in own.items()},
        }
        address = str(host.attributes["private_address"])
        return {
            "environment_given": {key: value for key, value in environment.items() if value is not None},
            "connections": Secret(json.dumps(revealed(connections(wanted.targets)), indent=1)),
            "address": address,
            "public": (addresses_of(host.attributes) or [address])[0],
        }

    def _directory(self, wanted: Wanted) -> Path:
        found = Path(wanted.template_dir, wanted.properties.get("directory") or ".").resolve()
        if not found.is_dir():
            raise PermanentFault(f"{wanted.tag.node}: there is no directory {found}")
        return found

    def _archive(self, wanted: Wanted) -> Path:
        identity = NodeDirectory.of(self.root, wanted.tag.node).path.name
        return self.root / "programs" / identity / ARCHIVE


class SparkProgram(Program):
    """A Spark application: its driver runs on a server of its own, in client mode, in its state directory."""

    def preflight(self, nodes: Any) -> list[str]:
        return [*super().preflight(nodes), *(text for node in nodes for text in exposed(node.name, node.properties, "server"))]

    def given(self, wanted: Wanted, host: Target, place: str) -> dict[str, Any]:
        cluster = wanted.target("cluster")
        if cluster is None:
            raise PermanentFault("a Spark application needs a cluster")
        for problem in exposed(wanted.tag.node, wanted.properties, "server"):
            raise PermanentFault(problem)
        file = (Path(wanted.template_dir) / str(wanted.properties["file"])).resolve()
        if not file.is_file():
            raise PermanentFault(f"{wanted.tag.node}: there is no file {file}")
        found = self._common(wanted, host, place)
        secret = revealed(cluster.attributes.get("auth_secret"))
        usual = {
            "spark.app.name": wanted.node.parent or wanted.tag.node,
            "spark.sql.warehouse.dir": f"{place}/state/warehouse",
        }
        properties = {
            **application_properties(wanted.properties, usual),
            **client_mode(cluster.attributes["master_url"], found["address"], _UI_PORT),
            **({"spark.authenticate": "true", "spark.authenticate.secret": secret} if secret else {}),
        }
        return {
            **found,
            "file": file.relative_to(self._directory(wanted)).as_posix(),
            "arguments": arguments(wanted, "arguments"),
            "mode": wanted.properties.get("mode") or "batch",
            "properties": Secret(properties_file(properties)),
            "ui_port": _UI_PORT,
        }

    def _directory(self, wanted: Wanted) -> Path:
        """The template's own, or that of a file outside of it."""
        base = Path(wanted.template_dir).resolve()
        file = (base / str(wanted.properties["file"])).resolve()
        return base if file.is_relative_to(base) else file.parent


def _pack(base: Path, archive: Path) -> None:
    """All files of the directory, the same bytes for the same files: times and owners are left out."""
    archive.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part, left = archive.with_suffix(".part"), _MOST_BYTES
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as packed:
        for number, path in enumerate(_files(base)):
            content = path.read_bytes()
            left -= len(content)
            if number >= _MOST_FILES or left < 0:
                raise ConfigurationFault(
                    f"{base} holds more than {_MOST_FILES} files or {_MOST_BYTES >> 20} MiB: too much for a program's files",
                    hint="put the program into a directory of its own, named by `directory`",
                )
            entry = tarfile.TarInfo(path.relative_to(base).as_posix())
            entry.size, entry.mode = len(content), 0o700 if path.stat().st_mode & 0o100 else 0o600
            packed.addfile(entry, BytesIO(content))
    part.replace(archive)


def _files(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.name in _LEFT_OUT:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        elif path.is_file():
            yield path
