"""The part of the model (`bbq.tosca.model`) that says what happens: workflows, policies, functions of the template's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bbq.diagnostics import SourceRange

if TYPE_CHECKING:
    from bbq.tosca.model import InterfaceDef, OperationDef, ParameterDef, Schema


@dataclass(slots=True)
class Activity:
    """What a workflow's step or a trigger does. `kind` is `delegate`, `set_state`, `call_operation` or `inline`, `name` the
    workflow, the state or `<interface>.<operation>`."""

    kind: str
    name: str
    at: SourceRange
    inputs: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Condition:
    """A `Function` (2.0) in `value`, or the data of a condition clause (1.x) on the attributes of `target`."""

    value: Any
    at: SourceRange
    target: str | None = None
    relationship: str | None = None


@dataclass(slots=True)
class Step:
    """One of a workflow's; `target` is a node template or a group, `relationship` one of the node template's requirements."""

    name: str
    at: SourceRange
    target: str = ""
    relationship: str | None = None
    filter: tuple[Condition, ...] = ()
    activities: tuple[Activity, ...] = ()
    on_success: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()


@dataclass(slots=True)
class Workflow:
    """Steps, or an implementation instead of them. `outputs` maps each output to the path of an attribute."""

    name: str
    at: SourceRange
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, ParameterDef] = field(default_factory=dict)
    preconditions: tuple[Condition, ...] = ()
    steps: dict[str, Step] = field(default_factory=dict)
    implementation: OperationDef | None = None
    outputs: dict[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Trigger:
    """An event, a condition and what is done then. `data` holds all of it as it was written, also what only drafts of 1.x and
    their practice have; `event` is the name alone where it is one."""

    name: str
    at: SourceRange
    event: str = ""
    condition: Condition | None = None
    actions: tuple[Activity, ...] = ()
    description: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """`members` are node templates, and in 2.0 other groups."""

    name: str
    type: str
    at: SourceRange
    members: tuple[str, ...] = ()
    properties: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    interfaces: dict[str, InterfaceDef] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Policy:
    name: str
    type: str
    at: SourceRange
    targets: tuple[str, ...] = ()
    properties: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    """Those of its type first."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function. With `variadic` the last argument, an optional one if there are any, may be repeated; where
    none are defined, it takes anything. `result` is None for anything."""

    at: SourceRange
    arguments: tuple[Schema, ...] = ()
    optional: tuple[Schema, ...] = ()
    variadic: bool = False
    result: Schema | None = None
    implementation: OperationDef | None = None


@dataclass(slots=True)
class FunctionDef:
    """The first of the signatures that fits a call is the one that is used."""

    name: str
    at: SourceRange
    signatures: tuple[Signature, ...] = ()
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
