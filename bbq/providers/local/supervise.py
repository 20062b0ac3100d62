"""Directories of nodes.

    <state directory>/nodes/<node>/      (0700) made under another name with its tag in it, then renamed
        tag.json            who it belongs to; there from the directory's first instant to its last
        deleting            its delete has begun
        ports.json          name -> port
        attributes.json     attributes, secrets marked
        units.json          the units that there must be
        units/<unit>/       one supervised process each, see `shim.py`
        data/ tmp/ ...      the component's own

Nothing here asks the journal: after a crash the directory alone tells what was meant.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from bbq.engine.contract import AmbiguousFault, ConfigurationFault, PermanentFault, QuotaFault, Tag
from bbq.providers import directories
from bbq.providers.local.files import ROOM, write_private
from bbq.providers.local.ports import choose_port
from bbq.providers.local.units import (
    PASSED_ON,
    Unit,
    UnitState,
    environment_text,
    read_unit,
    same_specification,
    specification,
    start_shim,
    stop_units,
)
from bbq.providers.supervisor import proc
from bbq.providers.supervisor.records import read_json
from bbq.topology.values import Secret, walk

_STARTS = 5
"""A client that was killed may have a supervisor under way that takes the lock before ours: it is ended, ours tries again."""
_SOCKET_PATH_LIMIT = 70
"""A path of a Unix socket has 107 bytes; programs put some 35 of their own behind TMPDIR."""


_PORT_LEFT = 2.0
"""Seconds: a process that is ending has lost its environment, by which it is found, some time before its sockets."""


def _is_left(port: int) -> bool:
    """Is it free, or will it be in a moment, when the component that had it has ended?"""
    deadline = time.monotonic() + _PORT_LEFT
    while not (free := proc.port_is_free(port)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return free


def node_id(node: str) -> str:
    """A node's name as the name of its directory, which is the handle's id; the other way: `node_of`."""
    return quote(node, safe="[]")


def node_of(identity: str) -> str:
    return unquote(identity)


class NodeDir:
    """One node's directory. Everything it does can be repeated after a crash in the middle of it."""

    def __init__(self, root: Path, deployment: str, deployment_id: str, identity: str) -> None:
        self.root, self.deployment, self.deployment_id, self.id = root, deployment, deployment_id, identity
        self.path = root / "nodes" / identity

    # -- whose it is ------------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    @property
    def deleting(self) -> bool:
        return (self.path / "deleting").exists()

    def tag(self) -> tuple[Tag, str]:
        """The tag and the resource's type. Where the file is damaged the directory's name must do."""
        found = read_json(self.path / "tag.json")
        tag = Tag(
            found.get("deployment", self.deployment),
            self.deployment_id,
            node_of(self.id),
            int(found.get("attempt", 0)),
            found.get("expires_at"),
        )
        return tag, found.get("type", "")

    def claim(self, tag: Tag, type_name: str) -> None:
        """Make the directory, or take it over for a new attempt."""
        content = json.dumps(
            {
                "deployment": tag.deployment,
                "deployment_id": tag.deployment_id,
                "node": tag.node,
                "attempt": tag.attempt,
                "expires_at": tag.expires_at,
                "type": type_name,
            }
        )
        if self.exists:
            write_private(self.path / "tag.json", content)
            return
        fresh = directories.begin(self.path)
        write_private(fresh / "tag.json", content)
        fresh.rename(self.path)

    # -- files and ports --------------------------------------------------------------------------------------------

    def write(self, name: str, content: Any, mode: int = 0o600) -> Path:
        """A file below the directory; `Secret`s are opened."""
        path = self.path / name
        content = content.reveal() if isinstance(content, Secret) else content
        write_private(path, content, mode)
        return path

    def directory(self, name: str, mode: int = 0o700) -> Path:
        path = self.path / name
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        return path

    def outside(self, mode: int = 0o700) -> Path:
        """A directory with a short path outside of the private state directory, for Unix sockets, or for a component that runs
        as another user and may not pass through the state directory (mode 0o711, then chown what is below). It goes when
        the node goes."""
        base = Path(tempfile.gettempdir()) / f"bbq-{self.deployment_id}"
        path = base / hashlib.sha256(self.id.encode()).hexdigest()[:8]
        self.write("outside", str(path))
        for one in (base, path):
            one.mkdir(mode=0o700, exist_ok=True)
            found = one.lstat()
            if found.st_uid != os.geteuid() or one.is_symlink():
                raise ConfigurationFault(f"{one} belongs to somebody else", hint="set TMPDIR to another directory")
            if found.st_mode & 0o777 | mode != found.st_mode & 0o777:
                one.chmod(found.st_mode & 0o777 | mode)
        return path

    def temporary(self) -> Path:
        """The unit's TMPDIR."""
        inside = self.path / "tmp"
        if len(str(inside)) <= _SOCKET_PATH_LIMIT:
            inside.mkdir(mode=0o700, exist_ok=True)
            return inside
        return self.outside()

    def ports(self) -> dict[str, int]:
        return read_json(self.path / "ports.json")

    def port(self, name: str, wanted: int = 0) -> int:
        """The node's port of that name, recorded before it is used and kept over restarts: `wanted`, or a free one.

        `PermanentFault` where the wanted one is taken, naming its holder.
        """
        ports = self.ports()
        known = ports.get(name)
        # one that waits for its next try holds no port: another may have it by now, and would keep it for ever
        held = any(unit.phase in ("starting", "running", "stopping") for unit in self.units())
        if known and (not wanted or wanted == known) and (held or _is_left(known)):
            return known
        port = choose_port(wanted, self._recorded_ports)
        self.write("ports.json", json.dumps({**ports, name: port}))
        return port

    def _recorded_ports(self) -> set[int]:
        return {int(port) for file in self.path.parent.glob("*/ports.json") for port in read_json(file).values()}

    def attributes(self) -> dict[str, Any]:
        def opened(value: Any) -> Any:
            if isinstance(value, dict):
                if value.keys() == {"$secret"}:
                    return Secret(value["$secret"])
                return {key: opened(item) for key, item in value.items()}
            return [opened(item) for item in value] if isinstance(value, list) else value

        found: dict[str, Any] = opened(read_json(self.path / "attributes.json"))
        return found

    def keep_attributes(self, attributes: Mapping[str, Any]) -> None:
        def closed(value: Any) -> Any:
            if isinstance(value, Secret):
                return {"$secret": value.reveal()}
            if isinstance(value, Mapping):
                return {key: closed(item) for key, item in value.items()}
            return [closed(item) for item in value] if isinstance(value, (list, tuple)) else value

        self.write("attributes.json", json.dumps(closed(attributes)))

    def want(self, units: Sequence[str]) -> None:
        self.write("units.json", json.dumps({"units": list(units)}))

    def missing_units(self) -> bool:
        """A client that died between claim and start leaves a node without all of its units."""
        wanted = read_json(self.path / "units.json").get("units")
        return wanted is None or not set(wanted) <= set(self.unit_names())

    # -- units ------------------------------------------------------------------------------------------------------

    def environment(self, unit: str = "") -> dict[str, str]:
        """The tag, and the little of the client's environment that a program needs; its secrets stay with the client."""
        tag, type_name = self.tag()
        passed = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        path = f"{Path(sys.executable).parent}{os.pathsep}{passed.get('PATH', os.defpath)}"
        return {
            **passed,
            "PATH": path,
            "TMPDIR": str(self.temporary()),
            "PYTHONUNBUFFERED": "1",
            "BBQ_DEPLOYMENT": self.deployment,
            "BBQ_DEPLOYMENT_ID": self.deployment_id,
            "BBQ_NODE": tag.node,
            "BBQ_NODE_TYPE": type_name,
            "BBQ_ATTEMPT": str(tag.attempt),
            **({"BBQ_UNIT": unit} if unit else {}),
        }

    def unit_path(self, name: str) -> Path:
        return self.path / "units" / name

    def spec(self, unit: str) -> dict[str, Any]:
        """What the unit was started with."""
        return read_json(self.unit_path(unit) / "spec.json")

    def unit_names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.path / "units"))  # noqa: PTH208 - in the way of every poll
        except OSError:
            return []

    def units(self) -> list[UnitState]:
        return [read_unit(self.unit_path(name)) for name in self.unit_names()]

    def is_running(self) -> bool:
        return any(unit.supervised for unit in self.units())

    def start(self, name: str, unit: Unit) -> None:
        """Start it, or start it anew where it runs with another specification; it runs as wanted already: nothing."""
        path = self.unit_path(name)
        spec = specification(unit, self.environment(name), self.path)
        now = read_unit(path)
        if same_specification(read_json(path / "spec.json"), spec) and (
            now.supervised or (now.phase == "exited" and now.code == 0)
        ):
            return
        for _ in range(_STARTS):
            stop_units([path])
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file, content in unit.files.items():
                self.write(file, content)
            for old in ("process.json", "exit.json"):
                (path / old).unlink(missing_ok=True)
            write_private(path / "spec.json", json.dumps(spec))
            if start_shim(path, {key: spec["env"][key] for key in spec["env"] if key.startswith("BBQ_")}):
                return
        raise AmbiguousFault(f"{node_of(self.id)}: other supervisors of {name} keep coming up")

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, Any] | None = None, timeout: float = 60.0, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """A short helper program (initdb) with the node's tag: its output; `PermanentFault` with it where the program fails,
        `QuotaFault` where it says that the disk is full.

        A client that dies meanwhile leaves a process that `delete` finds. `options` are those of `subprocess.run`.
        """
        environment = {**self.environment(), **environment_text(env or {})}
        hidden = [str(item.reveal()) for item in walk(dict(env or {})) if isinstance(item, Secret)]
        try:
            done = subprocess.run(
                list(argv),
                env=environment,
                timeout=timeout,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                start_new_session=True,
                **{"cwd": self.path, **options},
            )
        except FileNotFoundError:
            raise ConfigurationFault(f"there is no program {argv[0]!r}") from None
        except subprocess.TimeoutExpired:
            raise PermanentFault(f"{Path(argv[0]).name} did not end within {timeout:.0f} s") from None
        if done.returncode:
            text = "\n".join(done.stdout.strip().splitlines()[-10:])
            for secret in hidden:
                text = text.replace(secret, "********")
            text = f"{Path(argv[0]).name} failed with code {done.returncode}: {text}"
            raise QuotaFault(text, hint=ROOM) if os.strerror(errno.ENOSPC) in text else PermanentFault(text)
        return done

    # -- the end ----------------------------------------------------------------------------------------------------

    def stop(self, names: Sequence[str] | None = None) -> None:
        """Stop these units, or all, in parallel; their directories stay."""
        stop_units([self.unit_path(name) for name in (self.unit_names() if names is None else names)])

    def forget_units(self, names: Sequence[str]) -> None:
        self.stop(names)
        for name in names:
            self._remove(self.unit_path(name))

    def destroy(self) -> None:
        """Stop everything, wait until it is gone, remove the directory. Repeatable at any line."""
        if self.exists:
            (self.path / "deleting").touch(mode=0o600)
            self.stop()
        tag = {"BBQ_DEPLOYMENT_ID": self.deployment_id, "BBQ_NODE": node_of(self.id)}
        # Again, because what is ended may have had a child while the list was made.
        left: list[proc.Process] = []
        while not left and (found := proc.tagged(tag)):
            left = proc.end(found, 5.0)
        if left:
            raise AmbiguousFault(f"{node_of(self.id)}: pid {left[0].pid} does not end, even by SIGKILL")
        if self.exists:
            outside = self.path / "outside"
            if outside.exists():
                shutil.rmtree(outside.read_text(), ignore_errors=True)
            self._remove(self.path)
        directories.sweep(self.path)

    def _remove(self, path: Path) -> None:
        if path.exists():
            shutil.rmtree(directories.bury(path, self.path))
