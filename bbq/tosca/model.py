"""What the TOSCA reader returns: one resolved, positioned service template, the same for every TOSCA version.

Names are resolved, derivation is flattened (a type's dicts hold what it inherits), short forms are expanded. Values are
plain data with `Function` objects where the template calls a function; nothing is evaluated here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bbq.diagnostics import SourceRange
from bbq.tosca.behaviour import Activity, Condition, FunctionDef, Group, Policy, Signature, Step, Trigger, Workflow
from bbq.tosca.copies import Copies

if TYPE_CHECKING:
    from bbq.origins.archive import Archive
    from bbq.sources import Sources


@dataclass(frozen=True, slots=True)
class Function:
    """A function call in a template: `Function("get_input", ("workers",), at)`; names carry no `$`."""

    name: str
    args: tuple[Any, ...]
    at: SourceRange


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint clause (1.x, e.g. `in_range`) or a 2.0 validation function call as `Function` in `argument`."""

    operator: str
    argument: Any
    at: SourceRange


@dataclass(slots=True)
class Schema:
    """The type of a value: `type` is the full type name; lists and maps have an entry schema."""

    type: str
    constraints: tuple[Constraint, ...] = ()
    entry: Schema | None = None
    key: Schema | None = None


@dataclass(slots=True)
class ParameterDef:
    """A property, attribute, input, output or parameter definition after refinement."""

    name: str
    schema: Schema
    at: SourceRange
    required: bool = True
    default: Any = None
    has_default: bool = False
    value: Any = None
    has_value: bool = False
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    secret: bool = False
    """True where the type derives from `bbq.datatypes.Secret` or the metadata say `secret: true`."""
    mapping: tuple[Any, ...] = ()
    """Of an output of an operation or a notification: the path of the attribute that it is stored in."""


@dataclass(slots=True)
class OperationDef:
    name: str
    at: SourceRange
    implementation: str | None = None
    """Path or URL of the primary artifact, resolved against the file that names it."""
    implementation_type: str | None = None
    dependencies: tuple[str, ...] = ()
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, ParameterDef] = field(default_factory=dict)
    timeout: float | None = None
    host: str = "SELF"
    description: str = ""


@dataclass(slots=True)
class InterfaceDef:
    name: str
    type: str
    at: SourceRange
    inputs: dict[str, Any] = field(default_factory=dict)
    operations: dict[str, OperationDef] = field(default_factory=dict)
    notifications: dict[str, OperationDef] = field(default_factory=dict)


@dataclass(slots=True)
class CapabilityDef:
    name: str
    type: str
    at: SourceRange
    properties: dict[str, ParameterDef] = field(default_factory=dict)
    attributes: dict[str, ParameterDef] = field(default_factory=dict)
    valid_source_types: tuple[str, ...] = ()
    valid_relationship_types: tuple[str, ...] = ()
    occurrences: tuple[int, int | None] = (0, None)
    description: str = ""


@dataclass(slots=True)
class RequirementDef:
    name: str
    at: SourceRange
    capability: str | None = None
    node: str | None = None
    relationship: str | None = None
    node_filter: Any = None
    occurrences: tuple[int, int | None] = (1, 1)
    description: str = ""
    properties: dict[str, ParameterDef] = field(default_factory=dict)
    """The relationship's, where the definition refines them; {} otherwise. So for interfaces."""
    interfaces: dict[str, InterfaceDef] = field(default_factory=dict)


@dataclass(slots=True)
class TypeDef:
    """A type of any kind, derivation flattened. `kind`: node, capability, relationship, interface, artifact, data, group,
    policy. `ancestry` starts with the name itself and ends with the root."""

    kind: str
    name: str
    at: SourceRange
    ancestry: tuple[str, ...] = ()
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    version: str | None = None
    properties: dict[str, ParameterDef] = field(default_factory=dict)
    attributes: dict[str, ParameterDef] = field(default_factory=dict)
    capabilities: dict[str, CapabilityDef] = field(default_factory=dict)
    requirements: dict[str, RequirementDef] = field(default_factory=dict)
    interfaces: dict[str, InterfaceDef] = field(default_factory=dict)
    artifacts: dict[str, ArtifactDef] = field(default_factory=dict)
    operations: dict[str, OperationDef] = field(default_factory=dict)
    """Of an interface type."""
    notifications: dict[str, OperationDef] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    """Of a policy type."""
    constraints: tuple[Constraint, ...] = ()
    """Of a data type with properties."""
    schema: Schema | None = None
    """Of a data type: what it derives from where that is a built-in type, with its constraints. A scalar type's `entry` is
    the schema of its number."""
    units: dict[str, float] = field(default_factory=dict)
    """Of a scalar type (TOSCA 2.0): unit, with prefix, -> factor."""
    valid_targets: tuple[str, ...] = ()
    """Relationship: valid target (capability) types; policy: targets; group: members."""
    valid_sources: tuple[str, ...] = ()
    """Relationship, capability: node types that a relationship may come from."""
    valid_target_nodes: tuple[str, ...] = ()
    """Relationship: node types that it may lead to."""
    valid_relationships: tuple[str, ...] = ()
    """Capability: relationship types that may lead to it."""
    mime_type: str | None = None
    file_ext: tuple[str, ...] = ()


@dataclass(slots=True)
class ArtifactDef:
    name: str
    type: str
    at: SourceRange
    file: str = ""
    """Absolute path (resolved against the file that names it) or URL."""
    repository: str | None = None
    deploy_path: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    description: str = ""


@dataclass(slots=True)
class CapabilityAssignment:
    name: str
    type: str
    at: SourceRange
    properties: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    directives: tuple[str, ...] = ()
    property_at: dict[str, SourceRange] = field(default_factory=dict)

    def place(self, name: str) -> SourceRange:
        """Where the value of a property stands; the capability's own place for a default from another file."""
        return _place(self, name)


@dataclass(slots=True)
class RequirementAssignment:
    """One requirement of a node template, merged with its definition. `node` is a node template's name, or None where it
    is to be found by `node_type`, `capability` and `node_filter`; `optional` where the definition allows zero."""

    name: str
    at: SourceRange
    node: str | None = None
    node_type: str | None = None
    capability: str | None = None
    """A capability name of the target or a capability type's name."""
    relationship: str | None = None
    """The relationship type's name."""
    relationship_template: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    interfaces: dict[str, InterfaceDef] = field(default_factory=dict)
    node_filter: Any = None
    optional: bool = False
    assigned: bool = True
    """False where only the type's definition asks for it and the template does not mention it."""
    count: tuple[int, int | None] = (1, 1)
    wanted: Any = None
    """The count that the assignment gives itself (2.0): a number or a `Function`; None where it gives none."""
    wanted_optional: bool = False
    """The assignment says itself that it is optional."""
    index: Any = None
    """Which of the nodes made from the template `node`: a number from 0 on, or a `Function`; None for any or all of them."""
    allocation: dict[str, Any] = field(default_factory=dict)
    """Property of the target's capability -> the share that this relationship takes of it."""
    directives: tuple[str, ...] = ()
    """Where a target is looked for: `internal`, `external`."""


@dataclass(slots=True)
class NodeTemplate:
    """Values hold defaults already. `property_at` gives each value's own place, for errors found later."""

    name: str
    type: TypeDef
    at: SourceRange
    description: str = ""
    directives: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    property_at: dict[str, SourceRange] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    capabilities: dict[str, CapabilityAssignment] = field(default_factory=dict)
    requirements: list[RequirementAssignment] = field(default_factory=list)
    interfaces: dict[str, InterfaceDef] = field(default_factory=dict)
    artifacts: dict[str, ArtifactDef] = field(default_factory=dict)
    count: Any = 1
    node_filter: Any = None

    def place(self, name: str) -> SourceRange:
        """Where the value of a property stands; the template's own place for a default from another file."""
        return _place(self, name)


def _place(owner: NodeTemplate | CapabilityAssignment, name: str) -> SourceRange:
    found = owner.property_at.get(name, owner.at)
    return found if found.file == owner.at.file else owner.at


Path = tuple[str | int, ...]
"""Where a value of an abstract node is: `("port",)`, `("CAPABILITY", capability, property)` or `("RELATIONSHIP", requirement,
index or "ALL", property)`."""


@dataclass(frozen=True, slots=True)
class RequirementMapping:
    """Passes targets of an abstract node's requirement `name` on to `targets`, (node template, requirement) pairs; a selected
    node template, which is the target itself, has the requirement "". `count` is how many assignments of that name, in their
    order, None all that are left."""

    name: str
    at: SourceRange
    targets: tuple[tuple[str, str], ...]
    count: int | None = None


@dataclass(slots=True)
class SubstitutionMapping:
    """What abstract node type a service template can stand for, and how its parts map to it.

    properties      abstract property -> input name
    attributes      abstract attribute -> value (usually a `get_attribute` Function), or the name of an output
    capabilities    abstract capability -> (node template, capability)
    requirements    in the order in which assignments are taken
    interfaces      abstract interface -> operation -> workflow name
    filter          substitution filter: (property name or capability path, constraint) pairs, all must hold
    """

    node_type: str
    at: SourceRange
    properties: dict[Path, str] = field(default_factory=dict)
    attributes: dict[Path, Any] = field(default_factory=dict)
    capabilities: dict[str, tuple[str, str]] = field(default_factory=dict)
    requirements: list[RequirementMapping] = field(default_factory=list)
    interfaces: dict[str, dict[str, str]] = field(default_factory=dict)
    filter: tuple[tuple[tuple[str, ...], Constraint], ...] = ()


@dataclass(slots=True)
class Flaws:
    """What of a service template cannot be relied on, since something in it is wrong and was reported: names of node templates,
    and of parts."""

    anywhere: bool = False
    """Nothing is sure."""
    missing: set[str] = field(default_factory=set)
    """They could not be read, and are no part of the service."""
    types: set[str] = field(default_factory=set)
    """Something is wrong with their types: what they offer is not sure."""
    nodes: set[str] = field(default_factory=set)
    """No value of them is sure."""
    values: dict[str, set[str]] = field(default_factory=dict)
    """Their properties whose values are wrong."""
    requirements: set[str] = field(default_factory=set)
    """Something is wrong with their requirements."""
    parts: set[str] = field(default_factory=set)
    """`inputs`, `outputs`, `policies` ..."""


@dataclass(slots=True)
class ServiceTemplate:
    """A whole template with everything it imports. `types` maps (kind, full name) to the type."""

    path: str
    version: str
    at: SourceRange
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    types: dict[tuple[str, str], TypeDef] = field(default_factory=dict)
    inputs: dict[str, ParameterDef] = field(default_factory=dict)
    outputs: dict[str, ParameterDef] = field(default_factory=dict)
    node_templates: dict[str, NodeTemplate] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    functions: dict[str, FunctionDef] = field(default_factory=dict)
    """Those that the template or an import defines (2.0), by the name that `Function` has."""
    relationships: dict[str, str] = field(default_factory=dict)
    """Relationship templates -> their types; what they assign is in the requirements that name them."""
    substitution: SubstitutionMapping | None = None
    digest: str = ""
    """SHA-256 over this file and all its imports, in import order."""
    files: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    """Files that the template is laid over, the lowest first (`metadata.parents`)."""
    parents_missing: tuple[str, ...] = ()
    """Files that it should be laid over and that are not there: it is partial."""
    import_map: dict[str, str] = field(default_factory=dict)
    """What it was loaded with; its substitution templates are loaded with the same."""
    sources: Sources | None = None
    """The texts of its files, for findings of later stages."""
    directory: str = ""
    """Absolute path of the folder that the paths in its values are relative to; of an archive, where it is or would be
    unpacked."""
    archive: Archive | None = None
    """What it came in, closed."""
    flaws: Flaws = field(default_factory=Flaws)
    """What is wrong with it, for those who look at it all the same."""
    copies: Copies = field(default_factory=Copies)
    """Which of its templates are copies of others."""
    others: tuple[ServiceTemplate, ...] = ()
    """Templates of the same archive that may stand for nodes of this one."""


__all__ = [
    "Activity",
    "ArtifactDef",
    "CapabilityAssignment",
    "CapabilityDef",
    "Condition",
    "Constraint",
    "Flaws",
    "Function",
    "FunctionDef",
    "Group",
    "InterfaceDef",
    "NodeTemplate",
    "OperationDef",
    "ParameterDef",
    "Path",
    "Policy",
    "RequirementAssignment",
    "RequirementDef",
    "RequirementMapping",
    "Schema",
    "ServiceTemplate",
    "Signature",
    "Step",
    "SubstitutionMapping",
    "Trigger",
    "TypeDef",
    "Workflow",
]
