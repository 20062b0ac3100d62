"""Operations of software as execution plans of Murano's agent. https://docs.openstack.org/murano/zed/admin/appdev-guide/execution_plan.html

A plan brings one archive with the operation's program and what lies beside it, and a script that sets the operation's inputs as
environment variables and runs the program.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

from bbq.render.hot import Translation
from bbq.render.hot.model import Fn
from bbq.render.hot.values import NotExpressed, hot_value
from bbq.topology.model import Node, Operation, Topology
from bbq.topology.operations import files_of, is_local, is_playbook, is_role
from bbq.topology.sources import Tree

ORDER: Final = ("create", "configure", "start")
"""Of the interface Standard; Murano takes servers away as they are, so `stop` and `delete` are not carried out."""
TIMEOUT: Final = 3600
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAN: Final = """\
FormatVersion: 2.0.0
Version: 1.0.0
Name: {name}
Body: return run()
Files:
  script:
    BodyType: Text
    Name: run.sh
    Body: $script
Scripts:
  run:
    Type: Application
    Version: 1.0.0
    EntryPoint: run.sh
    Files:
      - <{archive}>
    Options:
      captureStdout: true
      captureStderr: true
      verifyExitcode: true
"""


@dataclass(slots=True)
class Plan:
    """`settings` are the operation's inputs as values of the Heat template."""

    key: str
    title: str
    operation: Operation
    servers: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def files(self, directory: str) -> dict[str, bytes]:
        """Below `Resources` of the package. Raises OSError."""
        archive = f"{self.key}.tgz"
        plan = _PLAN.format(name=self.title, archive=archive)
        return {
            f"{self.key}.template": plan.encode(),
            f"scripts/{self.key}.sh": self._script(archive).encode(),
            f"scripts/{archive}": _packed(dict(files_of(self.operation, Tree(Path(directory))))),
        }

    def _script(self, archive: str) -> str:
        program = Path(str(self.operation.script)).name
        if is_playbook(self.operation):
            run = f"exec ansible-playbook -i localhost, -c local '{program}'"
        else:
            run = f"chmod +x './{program}'\nexec './{program}'"
        return f"set -e\nmkdir -p '{self.key}'\ntar -xzf '{archive}' -C '{self.key}'\ncd '{self.key}'\n{run}\n"


def plans(topology: Topology, made: Translation, left: list[str]) -> list[Plan]:
    """In the order in which they are carried out. `left` gets the names of operations that no plan can be made of, with why."""
    found: list[Plan] = []
    for name in TopologicalSorter(topology.dependencies()).static_order():
        node = topology.nodes[name]
        server = _host(topology, node)
        for relationship in node.relationships:
            left += [
                f"{name}: {operation} (of the relationship {relationship.requirement})" for operation in relationship.operations
            ]
        for operation in _ordered(node):
            why = _why_not(operation, server, made)
            settings: dict[str, Any] = {}
            if not why:
                try:
                    settings = {key: _text(hot_value(value, made.attributes)) for key, value in operation.inputs.items()}
                except NotExpressed as error:
                    why = str(error)
            if why:
                left.append(f"{name}: {operation.name} ({why})")
                continue
            key = re.sub(r"[^A-Za-z0-9]+", "-", f"{len(found) + 1}-{name}-{operation.name}").strip("-").lower()
            servers = tuple(one.name for one in made.servers[server])
            found.append(Plan(key, f"{name} {operation.name}", operation, servers, settings))
    return found


def _ordered(node: Node) -> Iterator[Operation]:
    for name in ORDER:
        yield from (one for one in node.operations.values() if one.name == name and one.interface in ("Standard", "Lifecycle"))


def _host(topology: Topology, node: Node) -> str:
    """The node at the bottom of what it is hosted on; "" where it is hosted on nothing."""
    found = ""
    while below := next((edge.target for edge in node.edges if edge.hosted), ""):
        found, node = below, topology.nodes[below]
    return found


def _why_not(operation: Operation, server: str, made: Translation) -> str:
    if operation.host == "ORCHESTRATOR" or not server:
        return "it works where bbq does"
    if server not in made.servers:
        return f"{server} is no server of the stack"
    if is_role(operation) or not is_local(operation.script):
        return f"{operation.script} is no file beside the template"
    if not Path(str(operation.script)).is_file():
        return f"there is no file {operation.script}"
    if operation.outputs:
        return "its outputs are known to bbq only"
    if bad := [name for name in operation.inputs if not _NAME.fullmatch(name)]:
        return f"{bad[0]} cannot be a variable's name"
    return ""


def _text(value: Any) -> Any:
    """Environment variables are texts: lists and maps become JSON, which `str_replace` does."""
    if isinstance(value, (list, Mapping)) and not isinstance(value, Fn):
        return Fn(str_replace={"template": "VALUE", "params": {"VALUE": value}})
    return value


def _packed(files: Mapping[str, Path]) -> bytes:
    """A tar archive, the same bytes for the same files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755 if path.stat().st_mode & 0o100 else 0o644
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), 6, mtime=0)
