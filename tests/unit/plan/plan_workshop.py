"""A pretended provider and journal: topologies in a few lines, and records as the engine would leave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bbq.engine.contract import Handle, Resource, Tag, Wanted
from bbq.journal.model import Record
from bbq.plan import diff
from bbq.plan.fields import digest
from bbq.plan.model import Plan
from bbq.plan.snapshot import fingerprint, given, requirements
from bbq.topology.model import Edge, Node, Topology
from bbq.topology.values import Expr, Secret, evaluate

SALT = "salt"
CONNECTS = "bbq.relationships.ConnectsTo"
HOSTED = "tosca.relationships.HostedOn"
ORDERS = "tosca.relationships.DependsOn"


class Thing(Resource):
    type = "Thing"
    updatable = frozenset({"size", "labels", "to"})
    ignored = frozenset({"note"})

    def find(self, tag: Tag) -> Handle | None:
        return None

    def create(self, wanted: Wanted) -> Handle:
        return Handle("1")

    def delete(self, handle: Handle, tag: Tag) -> None:
        return None


class Rigid(Thing):
    type = "Rigid"
    updatable = frozenset()


class Lasting(Thing):
    type = "Lasting"
    repairable = True


class Holding(Thing):
    type = "Holding"
    takes_away = True


class Work(Thing):
    type = "Work"

    def interruption(self, node: Node) -> str:
        return "what it has begun is lost"


class Made(Lasting):
    """As a server that a stack makes, with all else that is asked for."""

    type = "Made"
    updatable = frozenset({"size", "system", "to"})
    renewing = frozenset({"system"})

    def mended_by(self, node: Node) -> list[str]:
        return [edge.target for edge in node.edges]


class Hosted(Lasting):
    type = "Hosted"
    follows = frozenset({"host"})


RESOURCES: dict[str, Resource] = {
    "Thing": Thing(),
    "Rigid": Rigid(),
    "Lasting": Lasting(),
    "Holding": Holding(),
    "Work": Work(),
    "Made": Made(),
    "Hosted": Hosted(),
}


class World:
    """What was deployed: records, with attributes that providers said and secrets by digest."""

    def __init__(self) -> None:
        self.attributes: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, str] = {}

    # Scope
    def attribute(self, node: str, path: tuple[str | int, ...]) -> Any:
        value: Any = self.attributes.get(node, {}).get(str(path[0]))
        if value is None and node in self.nodes:
            value = evaluate(self.nodes[node].attributes.get(str(path[0])), self)
        for key in path[1:]:
            value = value[key]
        return value

    def secret(self, name: str) -> Secret:
        return Secret(self.secrets.setdefault(name, f"generated-{name}"))

    def told(self, edge: Edge) -> str:
        node = self.nodes[edge.target]
        composite = node.composite or bool(node.members)
        attributes = {**evaluate(node.attributes, self), **self.attributes.get(node.name, {})}
        return fingerprint(None if composite else f"id-{node.name}", attributes, SALT)

    def deploy(self, topology: Topology, attributes: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Record]:
        self.nodes = topology.nodes
        self.attributes = {name: dict(values) for name, values in (attributes or {}).items()}
        records = {}
        depends = topology.dependencies()
        for node in topology.nodes.values():
            connected = requirements(node.edges, [edge.properties for edge in node.edges])
            told = {} if node.composite or node.members else given(node.edges, self.told)
            values = {
                "properties": node.properties,
                "capabilities": node.capabilities,
                "requirements": connected,
                "given": told,
            }
            records[node.name] = Record(
                node.name,
                node.type,
                status="ready",
                handle=None if node.members or node.composite else f"id-{node.name}",
                attempt=1,
                wanted=self.encode(evaluate(values, self), f"{node.name}.wanted"),
                attributes=self.encode(self.attributes.get(node.name, {}), f"{node.name}.attributes"),
                depends_on=tuple(sorted(depends[node.name])),
                members=node.members,
                parent=node.parent,
                ancestry=node.ancestry,
            )
        return records

    def encode(self, value: Any, name: str) -> Any:
        assert not isinstance(value, Expr)
        if isinstance(value, Secret):
            self.secrets[name] = value.reveal()
            return {"$secret": name, "digest": digest(value.reveal(), SALT)}
        if isinstance(value, dict):
            return {key: self.encode(item, f"{name}.{key}") for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.encode(item, f"{name}[]") for item in value]
        return value


def node(name: str, *after: str, type_: str = "Thing", orders: Sequence[str] = (), **given: Any) -> Node:
    edges = [Edge("to", target, CONNECTS) for target in after]
    edges += [Edge("dependency", target, ORDERS) for target in orders]
    return Node(name, type_, (type_, "Root"), edges=edges, **given)


def on(name: str, host: str, **given: Any) -> Node:
    """Hosted on another node."""
    return Node(name, "Hosted", ("Hosted", "Root"), edges=[Edge("host", host, HOSTED, hosted=True)], **given)


def topology(*nodes: Node) -> Topology:
    return Topology({each.name: each for each in nodes})


def plan_for(wanted: Topology, records: Mapping[str, Record], **given: Any) -> Plan:
    return diff(
        wanted,
        records,
        deployment="demo",
        provider="test",
        resource_of=lambda ancestry: next((RESOURCES[name] for name in ancestry if name in RESOURCES), None),
        salt=SALT,
        **given,
    )
