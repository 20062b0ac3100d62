"""What the user's programs have in common: connection details, the environment, the working directory."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bbq.engine.contract import PermanentFault, Wanted
from bbq.providers.applications import arguments, connections, text_of, variables
from bbq.providers.local.process import NodeDir, ProcessResource, Unit
from bbq.topology.model import Node
from bbq.topology.sources import PROPERTY
from bbq.topology.values import Secret, revealed

CONNECTIONS = "connections.json"
SOURCES = "sources.json"


class Application(ProcessResource):
    """Environment: <ALIAS>_<ATTRIBUTE> for every connection, BBQ_CONNECTIONS_FILE (0600, JSON), BBQ_STATE_DIR (a directory that
    is kept over restarts and goes with the node), BBQ_INSTANCE (the number of the copy), then the template's own."""

    updatable = frozenset({"connection", "environment", "source_digests"})
    ignored = frozenset({"readiness", "sources", "timeouts"})

    def application_environment(self, node: NodeDir, wanted: Wanted) -> dict[str, Any]:
        env = variables(wanted.targets)
        env["BBQ_CONNECTIONS_FILE"] = str(node.path / CONNECTIONS)
        env["BBQ_STATE_DIR"] = str(node.directory("state"))
        env["BBQ_INSTANCE"] = str(wanted.node.index or 0)
        own = wanted.properties.get("environment") or {}
        return {**env, **{str(key): text_of(value) for key, value in own.items()}}

    def application_files(self, wanted: Wanted) -> dict[str, Any]:
        """The connections, and the digests of the program's files: a changed program is started again."""
        return {
            CONNECTIONS: Secret(json.dumps(revealed(connections(wanted.targets)), indent=1)),
            SOURCES: json.dumps(wanted.properties.get("source_digests") or {}, indent=1),
        }


class CommandApplication(Application):
    """`command` and `directory`, common to all but Spark applications."""

    updatable = frozenset({"command", "connection", "directory", "environment", "source_digests"})

    def command_unit(self, node: NodeDir, wanted: Wanted, env: Mapping[str, Any] | None = None, **options: Any) -> Unit:
        argv = arguments(wanted, "command")
        if not argv:
            raise PermanentFault(f"{wanted.tag.node}: the command is empty")
        if argv[0] in ("python", "python3"):
            argv[0] = sys.executable
        directory = Path(wanted.template_dir, wanted.properties.get("directory") or ".").resolve()
        if not directory.is_dir():
            raise PermanentFault(f"{wanted.tag.node}: there is no directory {directory}")
        return Unit(
            argv=argv,
            env={**(env or {}), **self.application_environment(node, wanted)},
            files=self.application_files(wanted),
            cwd=str(directory),
            **options,
        )

    def preflight(self, node: Node) -> list[str]:
        command, below = node.properties.get("command"), node.properties.get("directory") or "."
        program, *rest = command if isinstance(command, list) and command else [""]
        if not isinstance(program, str) or not isinstance(below, str):
            return []  # it is known when what it comes from is there
        if program in ("python", "python3"):
            script = rest[0] if rest and isinstance(rest[0], str) and rest[0].endswith(".py") else None
            return [] if script is None else missing_file(node, Path(below, script))
        if "/" in program:
            return missing_file(node, Path(below, program))
        if shutil.which(program):
            return []
        return [f"node {node.name}: there is no program {program!r}: install it, or give its full path"]


def missing_file(node: Node, path: Path) -> list[str]:
    """A problem for `preflight` where a file that the node's program is read from is not there. `path`: as the template has it,
    relative to the template, whose `source_digests` tell which of those there are. What a node waits for without a connection
    to it (a job) may be what makes the file."""
    if any(edge.requirement == "dependency" for edge in node.edges):
        return []
    if path.is_absolute():
        return [] if path.is_file() else [f"node {node.name}: there is no file {path}"]
    if str(path) in node.properties.get(PROPERTY, ()):
        return []
    return [f"node {node.name}: there is no file {path} that can be read; it is relative to the template"]
