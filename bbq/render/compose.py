"""Docker Compose: https://github.com/compose-spec/compose-spec/blob/main/spec.md

The output directory holds `compose.yaml`, `.env` (secrets, 0600), `config/` (servers' configuration) and `lib/` (the queue
client and the cron loop that applications use). The user's own files stay where they are and are mounted read-only. Needs
Compose 2.17 (`dockerfile_inline`).
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bbq.errors import UsageError
from bbq.render import Rendered
from bbq.render.secrets import EnvFile, interpolated
from bbq.topology.model import Node, Topology
from bbq.topology.values import UNKNOWN, Secret, contains, evaluate

HEADER = """\
# {description}
# Made by `bbq-deploy render --to compose` from {template}.
# Start: docker compose up --detach --wait     End: docker compose down --volumes
"""
APP_DIR = "/app"
LIB_DIR = "/opt/bbq"
STATE_DIR = "/state"
APP_PORT = 8000


@dataclass(slots=True)
class Context:
    """What the builders of services share. `attributes` by node, as applications see them inside the network."""

    topology: Topology
    directory: Path
    env: EnvFile
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    volumes: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    ready: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Node -> the service whose state says that it is ready, and the `depends_on` condition for that."""
    warnings: list[str] = field(default_factory=list)

    # `Scope`, against which the template's expressions are answered.

    def attribute(self, node: str, path: tuple[str | int, ...]) -> Any:
        value: Any = self.attributes.get(node, {})
        for key in path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return UNKNOWN
        return value

    def secret(self, name: str) -> Secret:
        return Secret(self.env.generated(variable(name)))

    def value(self, value: Any, name: str) -> Any:
        """`value` with its expressions answered and its secrets as references; `name` for those that have none of their own."""
        found = evaluate(self._referenced(value, name), self)
        if contains(found, lambda item: item is UNKNOWN):
            raise UsageError(f"{name} is known only in a running deployment; it cannot be rendered")
        return _opened(found)

    def _referenced(self, value: Any, name: str) -> Any:
        if isinstance(value, Secret):
            return Secret(self.env.given(variable(name), value))
        if isinstance(value, dict):
            return {key: self._referenced(item, f"{name}.{key}") for key, item in value.items()}
        if isinstance(value, list):
            return [self._referenced(item, f"{name}.{index}") for index, item in enumerate(value)]
        return value

    def properties(self, node: Node) -> dict[str, Any]:
        return {key: self.value(value, f"{node.name}.{key}") for key, value in node.properties.items()}

    def mount(self, path: str, target: str) -> str:
        """A bind mount, read-only, of a path that is relative to the template's directory."""
        source = os.path.relpath(Path(self.topology.directory) / path, self.directory)
        return f"{source if source.startswith('.') else './' + source}:{target}:ro"

    def waits_for(self, node: Node) -> dict[str, dict[str, str]]:
        """`depends_on` of a node's service."""
        found = {}
        for target in sorted(node.dependencies()):
            if target in self.ready:
                service, condition = self.ready[target]
                found[service] = {"condition": condition}
        return found


def compose(topology: Topology, *, name: str, directory: Path) -> Rendered:
    """See `bbq.render.render`."""
    import yaml

    from bbq.render import compose_services

    directory = directory.resolve()
    context = Context(topology, directory, EnvFile(directory / ".env"))
    builders = {node.name: compose_services.builder(node) for node in topology.nodes.values()}
    missing = [f"{node} ({topology.nodes[node].type})" for node, found in builders.items() if found is None]
    if missing:
        raise UsageError(
            f"Docker Compose has no rendering of {', '.join(missing)}",
            hint=f"types that have one: {', '.join(sorted(compose_services.TYPES))}",
        )
    for node in _in_order(topology):
        found = builders[node]
        assert found is not None
        found(topology.nodes[node], context)
        if topology.nodes[node].readiness:
            context.warnings.append(f"{node}: readiness predicates of the template are not rendered")
    document = {
        "name": re.sub(r"[^a-z0-9_-]", "-", name.lower()).lstrip("-_") or "bbq",
        "services": {service: _tidy(context.services[service]) for service in context.services},
        "volumes": context.volumes,
        "secrets": context.secrets,
    }
    header = HEADER.format(
        description="\n# ".join(textwrap.wrap(_printable(topology.description) or name, 118)),
        template=_printable(os.path.relpath(topology.template, directory)),
    )

    class Dumper(yaml.SafeDumper):
        """Text of several lines as a literal block."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    body = yaml.dump(interpolated(_tidy(document)), Dumper=Dumper, sort_keys=False, width=120, allow_unicode=True)
    # An image needs nothing from here; what is not sent to the builder cannot end up in one.
    files = {"compose.yaml": header + body, ".env": context.env.text(), ".dockerignore": "*\n", **context.files}
    return Rendered("compose.yaml", files, frozenset({".env"}), tuple(context.warnings))


def _printable(text: str) -> str:
    """On one line, fit for a comment."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def _in_order(topology: Topology) -> list[str]:
    """Dependencies first, else in the template's order."""
    needs = topology.dependencies()
    found: list[str] = []
    seen: set[str] = set()
    for root in topology.nodes:
        stack = [(root, False)]
        while stack:
            name, done = stack.pop()
            if done:
                found.append(name)
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack += [(other, False) for other in sorted(needs[name], reverse=True)]
    return found


def _tidy(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {key: value for key, value in mapping.items() if value not in (None, {}, [])}


def _opened(value: Any) -> Any:
    """Answered expressions carry `Secret`s whose text is a reference by now, not a secret."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item) for item in value]
    return value


def variable(name: str) -> str:
    """A name as an environment variable has it."""
    text = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    return f"_{text}" if text[:1].isdigit() else text


def service_name(node: str) -> str:
    """A node's name as a host name."""
    return re.sub(r"[^a-z0-9]+", "-", node.lower()).strip("-") or "node"
