"""The provider-neutral graph: what is wanted, after inputs, requirements and substitution, before any provider.

Every front end ends here and every later part starts here. Node names are addresses: `packets`, `spark.worker[2]` (the
third instance of the template `worker` inside the composite node `spark`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bbq.diagnostics import Diagnostic, SourceRange
from bbq.topology.values import references


@dataclass(frozen=True, slots=True)
class Probe:
    """A readiness predicate from a template: all of a node's probes must hold before it counts as ready.

    `target` is, by kind, `host:port`, a URL, or an argument list (a command runs where bbq runs, exit 0 = ready); it may
    hold expressions. `status` is the wanted HTTP status. `interval` and `timeout` are seconds per attempt.
    """

    kind: Literal["tcp", "http", "command"]
    target: Any
    status: int = 200
    interval: float = 1.0
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class Edge:
    """A requirement that was met: its owner starts after `target` is ready and stops before it."""

    requirement: str
    target: str
    relationship: str
    capability: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    hosted: bool = False
    """True where the relationship derives from HostedOn: containment in pictures."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An interface operation with an implementation. `script` is an absolute path, a URL or a role's name; `interface` e.g.
    `Standard`.

    kind        the artifact type's name, "" where nothing tells
    outputs     name -> the attribute that it is stored in (`("SELF", "url")`); () for one that only
                `get_operation_output` names
    """

    interface: str
    name: str
    script: str | None
    inputs: dict[str, Any] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    host: str = "SELF"
    timeout: float | None = None
    kind: str = ""
    outputs: dict[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Relationship:
    """Operations of a relationship that are carried out in the life of the node that has this: its source's or its target's."""

    requirement: str
    source: str
    target: str
    operations: dict[str, Operation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that comes with a node. `file` is an absolute path or a URL."""

    name: str
    type: str
    file: str
    deploy_path: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Node:
    """One thing to make (or, where `members` is not empty, one thing that stands for others).

    properties      resolved as far as inputs allow: data, `Secret`, `Expr`
    capabilities    name -> its properties; an endpoint's port, a scalable's count
    attributes      name -> value or `Expr`; a composite node's come from its members by substitution mappings
    declared        the attributes that the type declares: name -> type (`string`, `integer`, `list`, a data type's name;
                    `bbq.datatypes.Secret` for every secret), for the simulator, which makes them up
    ancestry        the type's name, then its parents up to the root
    members         addresses that a substituted abstract node was replaced by; such a node costs no provider call, it is
                    ready when all members are
    parent          the composite node this one is a member of
    template        the template's name without index, within its parent
    scale_property  the property of this node that `scale` sets (`workers` of a SparkCluster, `instances` of a Worker), or one
                    of a capability (`scalable.count` of a server)
    timeouts        seconds, by stage: `create`, `ready`, `delete`
    secrets         names of the properties that hold secrets
    """

    name: str
    type: str
    ancestry: tuple[str, ...]
    properties: dict[str, Any] = field(default_factory=dict)
    capabilities: dict[str, dict[str, Any]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)
    relationships: list[Relationship] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    readiness: tuple[Probe, ...] = ()
    timeouts: dict[str, float] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    metadata: dict[str, Any] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    parent: str | None = None
    template: str = ""
    index: int | None = None
    scale_property: str | None = None
    source: SourceRange | None = None
    places: Mapping[str, SourceRange] = field(default_factory=dict)
    """Where its properties and (`capabilities.<name>`) capabilities stand, as far as the template says anything of them."""
    composite: bool = False
    """True for a substituted node, also where all its members are scaled to none."""

    @property
    def primitive(self) -> bool:
        """A provider makes it; a node that is not stands for its members."""
        return not (self.composite or self.members)

    def instances(self) -> int | None:
        """How many there are by `scale_property`; None where the node cannot be scaled."""
        if self.scale_property is None:
            return None
        capability, _, name = self.scale_property.rpartition(".")
        given = self.capabilities.get(capability, {}) if capability else self.properties
        if capability and given.get(name) is None:
            return int(given.get("min_instances") or 1)
        return int(given.get(name) or 0)

    def dependencies(self) -> set[str]:
        """Nodes that must be ready first: requirement targets, members, and whatever a value refers to."""
        found = {edge.target for edge in self.edges} | set(self.members)
        for value in (self.properties, self.capabilities):
            found |= references(value)
        for edge in self.edges:
            found |= references(edge.properties)
        for operation in self.operations.values():
            found |= references(operation.inputs)
        for relationship in self.relationships:
            for operation in relationship.operations.values():
                found |= references(operation.inputs)
        for probe in self.readiness:
            found |= references(probe.target)
        if self.primitive:
            found |= references(self.attributes)
        return found - {self.name}


@dataclass(frozen=True, slots=True)
class Output:
    value: Any
    description: str = ""
    secret: bool = False
    source: SourceRange | None = None


@dataclass(slots=True)
class Topology:
    """The whole graph in declaration order. `inputs` are the values in force; a secret input is a `Secret`."""

    nodes: dict[str, Node] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    template: str = ""
    directory: str = ""
    """Absolute path of the folder that paths in properties are relative to: the template's, or that of an archive's files."""
    digest: str = ""
    """SHA-256 over the template and everything it imports."""
    description: str = ""
    policies: list[dict[str, Any]] = field(default_factory=list)
    found: tuple[Diagnostic, ...] = ()
    """What a provider that arranged it has to say of the template: warnings."""
    notices: tuple[str, ...] = ()
    """What people should know of how it is made there."""

    def dependencies(self) -> dict[str, set[str]]:
        """Node -> nodes that must be ready before it. Every target exists; acyclic (the builder reports cycles)."""
        return {name: node.dependencies() for name, node in self.nodes.items()}

    def primitives(self) -> Iterator[Node]:
        """The nodes that a provider makes."""
        return (node for node in self.nodes.values() if node.primitive)
