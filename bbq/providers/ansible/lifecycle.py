"""Which operations there are for a node, in which order, where; and which of them are still to be done.

The order is that of TOSCA 1.3 section 5.8.5: create, pre_configure_*, configure, post_configure_*, start, add_*; and the other
way: remove_*, stop, delete. What is done once is not done again, unless it is another operation now or one before it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bbq.engine.contract import Wanted
from bbq.providers.ansible.packing import pack
from bbq.providers.ansible.servers import Server
from bbq.topology.model import Node, Operation, Relationship
from bbq.topology.operations import key

MAKING: Final = ("create", "pre_configure", "configure", "post_configure", "start", "add")
UNMAKING: Final = ("remove", "stop", "delete")
MADE_ON: Final = "made_on"
"""Attribute of a node that operations have made: which server they did it on, and not on one that was in its place before. So
who is connected to the node learns that it was made again from the start, although nothing else of it is another."""
COMPUTE: Final = frozenset({"tosca.nodes.Compute", "Compute"})

_OF_NODES: Final = frozenset({"create", "configure", "start", "stop", "delete"})
_OF_RELATIONSHIPS: Final = {
    "pre_configure_source": ("pre_configure", "SOURCE"),
    "pre_configure_target": ("pre_configure", "TARGET"),
    "post_configure_source": ("post_configure", "SOURCE"),
    "post_configure_target": ("post_configure", "TARGET"),
    "add_target": ("add", "SOURCE"),
    "add_source": ("add", "TARGET"),
    "remove_target": ("remove", "SOURCE"),
    "remove_source": ("remove", "TARGET"),
}


@dataclass(slots=True)
class Step:
    """One operation at its place. `others` says on which servers the nodes were made that it has to do with: where one is made
    again from the start, there is nothing left of what this has done there. `digest` tells it from another operation of its
    name."""

    key: str
    phase: str
    operation: Operation
    server: Server
    variables: dict[str, str]
    stores: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    digest: str = ""

    def seal(self, files: Iterable[tuple[str, str]]) -> None:
        """Work the digest out; `files` are (relative name, digest)."""
        told = {
            "run": str(self.operation.script).rpartition("/")[2],
            "inputs": pack(self.operation.inputs),
            "outputs": pack(self.stores),
            "files": sorted(files),
            **({"others": self.others} if self.others else {}),
        }
        self.digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]


def is_compute(ancestry: Iterable[str]) -> bool:
    return any(name.rpartition(":")[2] in COMPUTE for name in ancestry)


def planned_names(node: Node) -> list[tuple[str, Operation, Relationship | None]]:
    """(phase, operation, its relationship) of every operation that will be carried out for the node, in order."""
    found: list[tuple[str, Operation, Relationship | None]] = []
    for operation in node.operations.values():
        if operation.name in _OF_NODES and operation.interface in ("Standard", "Lifecycle"):
            found.append((operation.name, operation, None))
    for relationship in node.relationships:
        for operation in relationship.operations.values():
            if operation.name in _OF_RELATIONSHIPS:
                found.append((_OF_RELATIONSHIPS[operation.name][0], operation, relationship))
    order = [*MAKING, *UNMAKING]
    return sorted(found, key=lambda item: order.index(item[0]))


def works_here(node: Node, operation: Operation, relationship: Relationship | None) -> bool:
    """Does the template say that the operation works on the machine that bbq runs on?"""
    if operation.host == "ORCHESTRATOR":
        return True
    return relationship is None and not any(edge.hosted for edge in node.edges)


def steps(wanted: Wanted, server_of: Callable[[str, Mapping[str, Any]], Server]) -> list[Step]:
    """All operations of a node, in order. `server_of(node, attributes)` says how a tosca.nodes.Compute is reached."""
    here = Server("this machine", local=True)
    node = wanted.node

    def server(name: str) -> Server:
        host = wanted.hosts.get(name)
        if host is None and name != node.name:
            host = next((each for each in wanted.targets if each.node == name and is_compute(each.ancestry)), None)
        if host is not None:
            return server_of(host.node, {**host.properties, **host.attributes})
        if name == node.name and is_compute(node.ancestry) and wanted.attributes:
            return server_of(name, wanted.attributes)
        return here

    places = {target.node: str(target.attributes[MADE_ON]) for target in wanted.targets if target.attributes.get(MADE_ON)}
    found = []
    view = Node(node.name, node.type, node.ancestry, edges=node.edges)
    view.operations, view.relationships = dict(wanted.operations), list(wanted.relationships)
    for phase, operation, relationship in planned_names(view):
        if relationship is None:
            place = here if operation.host == "ORCHESTRATOR" or is_compute(node.ancestry) else server(node.name)
            variables = {"SELF": node.name}
        else:
            side = operation.host if operation.host in ("SOURCE", "TARGET") else _OF_RELATIONSHIPS[operation.name][1]
            end = relationship.source if side == "SOURCE" else relationship.target
            place = here if operation.host == "ORCHESTRATOR" else server(end)
            variables = {"SELF": relationship.requirement, "SOURCE": relationship.source, "TARGET": relationship.target}
        if not place.local:
            variables["HOST"] = place.name
        stores, others = _stores(node, operation, relationship), places if phase != "create" else {}
        found.append(Step(key(operation, relationship), phase, operation, place, variables, stores, others))
    return found


def _stores(node: Node, operation: Operation, relationship: Relationship | None) -> dict[str, tuple[Any, ...]]:
    """Output -> path of the node's own attribute. One of another node cannot be stored: that is made already, or not yet."""
    found = {}
    for name, path in operation.outputs.items():
        if len(path) > 1 and relationship is not None:
            end = {"SOURCE": relationship.source, "TARGET": relationship.target}.get(str(path[0]))
            own = end == node.name
        else:
            own = len(path) > 1 and path[0] == "SELF"
        found[name] = tuple(path[1:]) if own else ()
    return found


def on(state: Mapping[str, Any], machine: str) -> bool:
    """Is what was done still there: on this server? Of what was done before servers were told apart that is believed."""
    return state.get("machine") in (None, machine)


def to_do(steps: Sequence[Step], state: Mapping[str, Any]) -> list[Step]:
    """What is left to be done to make the node what is wanted. Where a node that was started has to be changed, it is stopped
    first."""
    done = {item["key"]: item["digest"] for item in state.get("done", ())}
    making = [step for step in steps if step.phase in MAKING]
    first = next((at for at, step in enumerate(making) if done.get(step.key) != step.digest), None)
    if first is None:
        return []
    left = making[first:]
    started = any(step.phase == "start" and step.key in done for step in making)
    if started and left[0].phase != "add":
        left = [*(step for step in steps if step.phase == "stop"), *left]
    return left


def to_undo(steps: Sequence[Mapping[str, Any]], state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What takes away what was begun: `stop` where `start` was, `delete` where anything was."""
    begun = set(state.get("begun", ())) | {item["key"] for item in state.get("done", ())}
    undone = set(state.get("undone", ()))
    phases = {step["phase"] for step in steps if step["key"] in begun}
    if not phases & set(MAKING):
        return []
    needs = {"remove": {"add", "start"}, "stop": {"start"}, "delete": set(MAKING)}
    has_start = any(step["phase"] == "start" for step in steps)
    found = []
    for step in steps:
        if step["phase"] not in UNMAKING or step["key"] in undone:
            continue
        if phases & needs[step["phase"]] or (step["phase"] != "delete" and not has_start):
            found.append(step)
    return found
