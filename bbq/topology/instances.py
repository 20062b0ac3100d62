"""The builder's working set: instances of node templates, the stacks they stand in, the requirements that were met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from bbq.tosca.model import NodeTemplate, RequirementAssignment, ServiceTemplate

BASE_TYPE: Final = "bbq.nodes.Root"
"""The type whose properties `readiness` and `timeouts` speak to the engine, not to the thing."""
MAX_NODES: Final = 200_000
"""A guard against `count: 1000000000`, far above what one deployment is meant for."""

MAX_EDGES: Final = 500_000
"""Likewise: thousands of instances that each require thousands of others."""


class Broken(Exception):
    """A value cannot be had, and the reason was reported already."""


class Pending:
    """Stands in a memo while its value is computed: meeting it again is a circle."""


class Failed:
    """Stands in a memo for a value whose problem was reported."""


@dataclass(slots=True, eq=False)
class Stack:
    """A service template in use: the user's own (`owner` is None), or one that stands for the node `owner`.

    `groups` maps a template's name to its instances, and `counted` names the templates that have a count.
    """

    service: ServiceTemplate
    prefix: str = ""
    owner: Instance | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, list[Instance]] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    uncertain: bool = field(init=False)
    """There may be more nodes, or they may offer more, than is known: something was wrong there."""

    def __post_init__(self) -> None:
        self.uncertain = bool(self.service.flaws.missing or self.service.flaws.types)

    def files(self) -> set[str]:
        """The templates that led here, this one included."""
        found: set[str] = set()
        stack: Stack | None = self
        while stack is not None:
            found.add(stack.service.path)
            stack = stack.owner.stack if stack.owner else None
        return found


@dataclass(slots=True, eq=False)
class Instance:
    """One node to be. `properties` and `capabilities` are memos; `links` is None until its requirements were matched."""

    template: NodeTemplate
    stack: Stack
    address: str
    index: int | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    capabilities: dict[tuple[str, str], Any] = field(default_factory=dict)
    links: list[Link] | type[Pending] | None = None
    unknown: set[str] = field(default_factory=set)
    """Requirements whose targets are not known, since something was wrong there."""
    child: Stack | None = None


@dataclass(slots=True, eq=False)
class Link:
    """A requirement that was met. `base` is the composite's own link that this one carries inwards."""

    assignment: RequirementAssignment
    source: Instance
    target: Instance
    capability: str | None
    relationship: str
    base: Link | None = None
    index: int = 0
    """Its number among the links of the same requirement of its source."""


@dataclass(frozen=True, slots=True)
class CapabilitySite:
    """A capability of an instance, as a place that a path leads to."""

    instance: Instance
    name: str


Site = Instance | Link | CapabilitySite

MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Where:
    """Where a value stands: what SELF, SOURCE and TARGET mean there, and `$value` inside a constraint."""

    stack: Stack
    instance: Instance | None = None
    link: Link | None = None
    value: Any = MISSING
    relationship: int | None = None
    """The number of the relationship that is being made, where there is no link yet."""
    filtering: bool = False
    """Inside of a requirement's filter: SELF is the relationship, whose target a name may mean, too."""


def members(stack: Stack) -> list[Instance]:
    """The stack's own nodes. Its groups may hold others, too: what a selected node stands for (2.0 section 15.5.3)."""
    return [instance for group in stack.groups.values() for instance in group if instance.stack is stack]
