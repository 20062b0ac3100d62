"""Answers expressions from what is ready by now, and builds what a resource is given (`Wanted`)."""

from __future__ import annotations

import secrets as token
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from bbq.engine.contract import Handle, Tag, Target, Wanted
from bbq.errors import ResourceFailed
from bbq.journal.model import Record, SecretStore
from bbq.topology.model import Node, Operation, Topology
from bbq.topology.values import UNKNOWN, Expr, Secret, answered, evaluate, walk

_SHORTEST_SCRUBBED = 6  # shorter secrets are words that a text may hold anyway


class RunScope:
    """A `Scope` over the things of one deployment. Owned by the loop's thread.

    `attributes` holds what providers said, by node; a composite node's attributes are expressions over its members'.
    """

    def __init__(
        self,
        topology: Topology | None,
        records: Mapping[str, Record],
        store: SecretStore,
        on_secret: Callable[[str], None],
    ) -> None:
        self._nodes = topology.nodes if topology else {}
        self._records = records
        self._store = store
        self._on_secret = on_secret
        self._secrets: dict[str, Secret] = {}
        self._known: set[str] = set()  # values of secrets, for scrub()
        self._cache: dict[str, Mapping[str, Any]] = {}
        self._properties: dict[str, Mapping[str, Any]] = {}
        self.attributes: dict[str, dict[str, Any]] = {}
        self.handles: dict[str, Handle] = {}
        self.template_dir = topology.directory if topology else ""

    # -- Scope

    def attribute(self, node: str, path: tuple[str | int, ...]) -> Any:
        name, rest = path[0], path[1:]
        wanted = self._nodes.get(node)
        own = self.attributes.get(node, {})
        value: Any = UNKNOWN
        if name in own:
            value = own[str(name)]
        elif wanted is not None and name in wanted.attributes:
            value = evaluate(wanted.attributes[str(name)], self)
        elif wanted is not None and name in wanted.properties:  # TOSCA 1.3, 3.6.12: a property is reflected as an attribute
            value = evaluate(wanted.properties[str(name)], self)
        return _inside(value, rest)

    def secret(self, name: str) -> Secret:
        found = self._secrets.get(name)
        if found is None:
            value = self._store.get(name)
            if value is None:
                value = token.token_urlsafe(24)
                self._store.put(name, value)  # durable before anything is made with it
                self._on_secret(name)
            found = self._secrets[name] = Secret(value)
            self.learn(found)
        return found

    # -- for the steps

    def know(self, node: str, attributes: Mapping[str, Any]) -> bool:
        """Take in what a provider said of a node; True where it was news."""
        own = self.attributes.setdefault(node, {})
        news = False
        for name, value in attributes.items():
            if name not in own or own[name] != value:
                own[name] = value
                news = True
        if news:
            self._cache.pop(node, None)
            self.learn(attributes)
        return news

    def forget(self, node: str) -> None:
        """The thing is gone, and what it was known by."""
        self.attributes.pop(node, None)
        self.handles.pop(node, None)
        self._cache.pop(node, None)

    def learn(self, value: Any) -> None:
        """Remember the secrets in `value`, so that no text shows them."""
        for item in walk(value):
            if isinstance(item, Secret):
                for part in walk(item.reveal()):
                    if isinstance(part, str) and len(part) >= _SHORTEST_SCRUBBED:
                        self._known |= {part, quote(part, safe="")}  # as it stands in a URL, too

    def scrub(self, text: str) -> str:
        """`text` without the secrets that went through this run."""
        for value in sorted(self._known, key=len, reverse=True):  # else a secret's end stays where its beginning is one, too
            if value in text:
                text = text.replace(value, "********")
        return text

    def attributes_of(self, name: str) -> Mapping[str, Any]:
        """All attributes of a ready node: its provider's, else its template's."""
        found = self._cache.get(name)
        if found is None:
            node = self._nodes.get(name)
            declared = {key: evaluate(value, self) for key, value in node.attributes.items()} if node else {}
            found = self._cache[name] = {**declared, **self.attributes.get(name, {})}
        return found

    def wanted(self, node: Node, tag: Tag) -> Wanted:
        """`node` with its expressions answered; `ResourceFailed` where one cannot be though all that it needs is ready."""
        properties = self.properties_of(node.name)
        self._refuse_unknown(node, "property", node.properties, properties)
        capabilities = evaluate(node.capabilities, self)
        for name, values in capabilities.items():
            self._refuse_unknown(node, f"capability {name}", node.capabilities[name], values)
        targets = [
            self._target(edge.requirement, edge.target, evaluate(edge.properties, self) if edge.properties else {})
            for edge in node.edges
        ]
        if not (node.operations or node.relationships):
            return Wanted(node, properties, capabilities, targets, tag, self.template_dir, hosts=self._hosts(node))
        relationships = [
            replace(item, operations={name: self._operation(node, each) for name, each in item.operations.items()})
            for item in node.relationships
        ]
        return Wanted(
            node,
            properties,
            capabilities,
            targets,
            tag,
            self.template_dir,
            attributes=answered(node.attributes, self, node.name),
            operations={name: self._operation(node, each) for name, each in node.operations.items()},
            relationships=relationships,
            hosts=self._hosts(node),
        )

    def _target(self, requirement: str, name: str, properties: Mapping[str, Any]) -> Target:
        other, record, handle = self._nodes.get(name), self._records.get(name), self.handles.get(name)
        return Target(
            requirement,
            name,
            other.type if other else record.type if record else "",
            other.ancestry if other else record.ancestry if record else (),
            handle.id if handle else None,
            self.properties_of(name),
            self.attributes_of(name),
            properties,
        )

    def _operation(self, node: Node, operation: Operation) -> Operation:
        inputs = answered(operation.inputs, self, node.name)
        title = f"{operation.interface}.{operation.name}"
        self._refuse_unknown(node, f"input of {title}", operation.inputs, inputs)
        self.learn(inputs)
        return replace(operation, inputs=inputs)

    def _hosts(self, node: Node) -> dict[str, Target]:
        found = {}
        for name in {node.name, *(end for item in node.relationships for end in (item.source, item.target))}:
            host = self._bottom(name)
            if host is not None:
                found[name] = self._target("host", host, {})
        return found

    def _bottom(self, name: str) -> str | None:
        """The node at the bottom of what a node is hosted on; None for one that is hosted on nothing."""
        seen = {name}
        current = name
        while (node := self._nodes.get(current)) is not None:
            edge = next((edge for edge in node.edges if edge.hosted and edge.target not in seen), None)
            if edge is None:
                break
            seen.add(current := edge.target)
        return None if current == name else current

    def properties_of(self, name: str) -> Mapping[str, Any]:
        found = self._properties.get(name)
        if found is None:
            node = self._nodes.get(name)
            found = evaluate(node.properties, self) if node else {}
            self.learn(found)
            self._properties[name] = found
        return found

    def _refuse_unknown(self, node: Node, what: str, given: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if any(item is UNKNOWN for item in walk(value)):
                asked = ", ".join(str(item) for item in walk(given.get(name)) if isinstance(item, Expr))
                raise ResourceFailed(
                    f"{what} {name!r} of {node.name!r} needs {asked}, which has no value though its node is ready",
                    hint="does the type that makes that node set this attribute?",
                )


def _inside(value: Any, path: tuple[str | int, ...]) -> Any:
    """What `path` leads to inside `value`; `UNKNOWN` where it leads nowhere. Inside a secret everything is secret."""
    hidden = False
    for key in path:
        if isinstance(value, Secret):
            value, hidden = value.reveal(), True
        if isinstance(value, Mapping):
            value = value.get(key, UNKNOWN)
        elif isinstance(value, (list, tuple)) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return UNKNOWN
    return Secret(value) if hidden and value is not UNKNOWN else value
