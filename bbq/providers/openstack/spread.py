"""Operations on servers of which one node stands for several: each server, and what is on it, becomes a node of its own.

So each has its own progress, its own failure and its own end, and servers that come or go concern no other. The nodes of the
template stand for these from then on; what they tell is a list, in the order of the servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bbq.providers.ansible.lifecycle import planned_names
from bbq.topology.model import Edge, Node, Operation, Relationship, Topology
from bbq.topology.operations import PROPERTY
from bbq.topology.values import Attribute, redirected, walk

ADDRESSES: Final = ("private_address", "public_address")


def spread(topology: Topology, numbers: Mapping[str, Sequence[int]]) -> Topology:
    """The topology in which the Compute nodes of `numbers` (node -> numbers of its servers) that operations are carried out on,
    and all that is hosted on them, stand for one node for each server: `worker[0]`, `worker[1]`."""
    hosts = _hosts(topology, numbers)
    operated = {host for name, host in hosts.items() if planned_names(topology.nodes[name])}
    of = {name: host for name, host in hosts.items() if host in operated} | {host: host for host in operated}
    if not of:
        return topology
    made = _Spread(topology, {name: [(n, f"{name}[{n}]") for n in numbers[host]] for name, host in of.items()}, of)
    return replace(topology, nodes={node.name: node for node in made.nodes()})


def _hosts(topology: Topology, numbers: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Node that is hosted, directly or not, on a Compute node of `numbers` -> that."""
    found = {}
    for node in topology.primitives():
        current, seen = node, {node.name}
        while (edge := next((e for e in current.edges if e.hosted and e.target not in seen), None)) is not None:
            seen.add(edge.target)
            current = topology.nodes[edge.target]
        if current is not node and current.name in numbers:
            found[node.name] = current.name
    return found


class _Spread:
    def __init__(self, topology: Topology, members: Mapping[str, Sequence[tuple[int, str]]], hosts: Mapping[str, str]) -> None:
        self._topology = topology
        self._members = members
        self._hosts = hosts
        self._beside: dict[tuple[str, int], dict[str, str]] = {}
        """What is on one server, and that itself: node -> the one of it that is meant there."""
        for name, each in members.items():
            for number, address in each:
                self._beside.setdefault((hosts[name], number), {})[name] = address
        self._asked: dict[str, set[str]] = {}
        """Attributes of the nodes that are asked for anywhere."""
        values: list[Any] = [output.value for output in topology.outputs.values()]
        for node in topology.nodes.values():
            values += [node.properties, node.capabilities, node.attributes, *(probe.target for probe in node.readiness)]
            values += [operation.inputs for operation in _operations(node)]
        for item in walk(values):
            if isinstance(item, Attribute) and item.node in members:
                self._asked.setdefault(item.node, set()).add(str(item.path[0]))

    def nodes(self) -> Iterator[Node]:
        for name, node in self._topology.nodes.items():
            if name not in self._members:
                yield self._connected(node, {})
                continue
            yield self._whole(node)
            for number, address in self._members[name]:
                yield self._member(node, number, address)

    def _whole(self, node: Node) -> Node:
        """What the template's node is now. Of software on one server, whatever it tells is no list."""
        addresses = [address for _, address in self._members[node.name]]
        compute = self._hosts[node.name] == node.name
        attributes: dict[str, Any] = {}
        for name in sorted(self._asked.get(node.name, set()) | set(ADDRESSES if compute else node.attributes)):
            values = [Attribute(address, (name,)) for address in addresses]
            alone = values and (name == "endpoint" if compute else len(values) == 1)
            attributes[name] = values[0] if alone else values
        properties = {name: value for name, value in node.properties.items() if name != PROPERTY}
        whole = replace(node, properties=properties, attributes=attributes, operations={}, relationships=[], readiness=())
        return replace(whole, members=tuple(addresses), composite=True)

    def _member(self, node: Node, number: int, address: str) -> Node:
        host = self._hosts[node.name]
        made = self._connected(node, self._beside[host, number])
        capabilities = {name: value for name, value in made.capabilities.items() if name != "scalable" or node.name != host}
        declared = {name: "string" if name in ADDRESSES and node.name == host else kind for name, kind in node.declared.items()}
        return replace(
            made,
            name=address,
            capabilities=capabilities,
            declared=declared,
            parent=node.name,
            index=number,
            scale_property=None,
            composite=False,
            members=(),
        )

    def _connected(self, node: Node, beside: Mapping[str, str]) -> Node:
        """A copy of the node whose relationships lead to those of one server, `beside`, and to all others of what is spread."""

        def ends(name: str) -> list[str]:
            if name in beside:
                return [beside[name]]
            return [address for _, address in self._members[name]] if name in self._members else [name]

        def own(value: Any) -> Any:
            return redirected(value, lambda item: self._own(item, beside))

        def operations(given: Mapping[str, Operation]) -> dict[str, Operation]:
            return {name: replace(item, inputs=own(item.inputs)) for name, item in given.items()}

        return replace(
            node,
            properties=own(node.properties),
            capabilities=own(node.capabilities),
            attributes=own(node.attributes),
            edges=[
                replace(edge, target=target, properties=own(edge.properties))
                for edge in node.edges
                for target in self._to(edge, ends)
            ],
            operations=operations(node.operations),
            relationships=[
                Relationship(item.requirement, source, target, operations(item.operations))
                for item in node.relationships
                for source in ends(item.source)
                for target in ends(item.target)
            ],
            readiness=tuple(replace(probe, target=own(probe.target)) for probe in node.readiness),
        )

    def _to(self, edge: Edge, ends: Callable[[str], list[str]]) -> list[str]:
        """A target that has no servers at all is waited for, nevertheless."""
        return ends(edge.target) or [edge.target]

    def _own(self, item: Attribute, beside: Mapping[str, str]) -> Attribute:
        """What a node on one server means: of that server and what is on it, unless it asks for one of several by number."""
        member = beside.get(item.node)
        if member is None:
            return item
        by_number = self._hosts[item.node] == item.node and item.path[0] in ADDRESSES and len(item.path) > 1
        return item if by_number else Attribute(member, item.path)


def _operations(node: Node) -> Iterator[Operation]:
    yield from node.operations.values()
    for relationship in node.relationships:
        yield from relationship.operations.values()
