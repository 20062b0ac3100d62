"""What the user's programs have in common: connection details, the environment, the working directory."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bbq.engine.contract import PermanentFault, Target, Wanted
from bbq.plan.snapshot import TOSCA_OWN
from bbq.providers.local.process import NodeDir, ProcessResource, Unit
from bbq.topology.model import Node
from bbq.topology.values import Expr, Secret, contains, revealed

_HANDED_OVER = ("connection", "cluster")
CONNECTIONS = "connections.json"
SOURCES = "sources.json"


def alias(target: Target) -> str:
    """What the application calls it: the relationship's `alias`, or the target's name."""
    return str(target.relationship_properties.get("alias") or target.node)


def variable(name: str) -> str:
    """A name as an environment variable has it: capitals, digits and `_`, no digit first."""
    text = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    return f"_{text}" if text[:1].isdigit() else text


def connections(targets: Sequence[Target]) -> dict[str, dict[str, Any]]:
    """Alias -> node, type and every attribute of what the application is connected to."""
    return {
        alias(target): {
            "node": target.node,
            "type": target.type,
            **{name: value for name, value in target.attributes.items() if name not in TOSCA_OWN},
        }
        for target in targets
        if target.requirement in _HANDED_OVER
    }


def text_of(value: Any) -> Any:
    """A value for one variable: true/false, lists and maps as JSON; a secret stays one."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, (bool, list, tuple, dict)):
        return Secret(json.dumps(revealed(value))) if revealed(value) != value else json.dumps(value)
    return None if value is None else str(value)


def arguments(wanted: Wanted, name: str) -> list[str]:
    """The property of that name as arguments. `PermanentFault` where there is a secret in it, which the mask would replace."""
    found = wanted.properties.get(name) or ()
    if contains(found, lambda item: isinstance(item, Secret)):
        raise PermanentFault(f"{wanted.tag.node}: a secret in {name} could be read by everybody: pass it in `environment`")
    return [str(text_of(item)) for item in found]


class Application(ProcessResource):
    """Environment: <ALIAS>_<ATTRIBUTE> for every connection, BBQ_CONNECTIONS_FILE (0600, JSON), BBQ_STATE_DIR (a directory that
    is kept over restarts and goes with the node), BBQ_INSTANCE (the number of the copy), then the template's own."""

    updatable = frozenset({"connection", "environment", "source_digests"})
    ignored = frozenset({"readiness", "sources", "timeouts"})

    def application_environment(self, node: NodeDir, wanted: Wanted) -> dict[str, Any]:
        env: dict[str, Any] = {}
        for name, found in connections(wanted.targets).items():
            for attribute, value in found.items():
                if attribute not in ("node", "type"):
                    env[f"{variable(name)}_{variable(attribute)}"] = text_of(value)
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
        command = node.properties.get("command") or [""]
        program = command[0] if isinstance(command, list) else command
        if isinstance(program, Expr) or program in ("python", "python3") or "/" in str(program) or shutil.which(str(program)):
            return []
        return [f"node {node.name}: there is no program {program!r}: install it, or give its full path"]
