"""What stands at each keyname of each entity of the grammar: text, a type's name, a node template's name, another entity ...

The grammar says which keynames an entity has (`bbq.tosca.grammar`, by version); this says what their values are. A keyname
that has no shape here is taken for any value.

TOSCA 1.3 chapter 3 (https://docs.oasis-open.org/tosca/TOSCA-Simple-Profile-YAML/v1.3/); TOSCA 2.0 chapters 6 to 15
(https://docs.oasis-open.org/tosca/TOSCA/v2.0/).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from bbq.tosca.grammar import KINDS, Grammar, Keynames


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar. `choices` are its values where there are few; `what` is "text", "version", "boolean" or "path"."""

    what: str = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range of occurrences."""


@dataclass(frozen=True, slots=True)
class Value:
    """Any value, functions inside; `schema` says of which type where it is known, in the words of its language's model."""

    schema: Any = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Ref:
    """A scalar that names something: one of the template's (`spaces`: "node template", "input" ...), or a type of a kind."""

    spaces: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """A map with the keynames of an entity of the grammar."""

    name: str


@dataclass(frozen=True, slots=True)
class Map:
    """A map whose keys are names. `defines` is the space they are defined in; `members` what of the owner's type they name
    ("properties", "capabilities" ...); at most one of them. `listed` where a list of maps of one entry may stand for it."""

    value: Shape
    defines: str = ""
    members: str = ""
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A list of maps of one entry each; `defines` and `members` as in `Map`."""

    value: Shape
    defines: str = ""
    members: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `one` where a scalar alone stands for a list of one; `fixed` gives the shapes of the first items."""

    item: Shape
    one: bool = False
    fixed: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """A short form and a long one: `scalar` where a scalar stands, `other` for a map or list."""

    scalar: Shape
    other: Shape


Shape = Text | Bounds | Value | Ref | Entity | Map | Named | Items | Either

TEXT: Final = Text()
FLAG: Final = Text("boolean", ("true", "false"))
PATH: Final = Text("path")
VERSION: Final = Text("version")
VALUE: Final = Value()
VALUES: Final = Map(VALUE)
NODE: Final = Ref(("node template",))
DIRECTIVES: Final = ("create", "select", "substitute", "selectable", "substitutable", "internal", "external")
KEYWORDS: Final = ("SELF", "SOURCE", "TARGET", "HOST")
INTERFACES: Final = ("interface definition", "interface assignment")


def _type(*kinds: str) -> Ref:
    return Ref((), kinds)


def _types(*kinds: str) -> Items:
    return Items(_type(*kinds), one=True)


_DATA = _type("data")
_SCHEMA = Either(_DATA, Entity("schema"))
_ARTIFACT = Either(PATH, Entity("artifact"))
_OPERATIONS = Map(Either(PATH, Entity("operation")), members="operations")
_NOTIFICATIONS = Map(Either(PATH, Entity("operation")), members="notifications")
_TARGETS = Items(Ref(("node template", "group")))

_DEFINITION: Final[dict[str, Shape]] = {
    "type": _DATA,
    "required": FLAG,
    "default": VALUE,
    "value": VALUE,
    "key_schema": _SCHEMA,
    "entry_schema": _SCHEMA,
    "constraints": Items(Entity("constraint clause")),
    "validation": VALUE,
    "status": Text(choices=("supported", "unsupported", "experimental", "deprecated")),
    "external_schema": TEXT,
    "external-schema": TEXT,
    "mapping": VALUE,
}
_TYPE: Final[dict[str, Shape]] = {
    "version": VERSION,
    "properties": Map(Entity("property definition"), defines="property"),
    "attributes": Map(Entity("attribute definition"), defines="attribute"),
    "capabilities": Map(Either(_type("capability"), Entity("capability definition")), defines="capability"),
    "requirements": Named(Either(_type("capability"), Entity("requirement definition")), defines="requirement"),
    "interfaces": Map(Entity("interface definition"), members="interfaces"),
    "artifacts": Map(_ARTIFACT, defines="artifact"),
}
_TEMPLATE: Final[dict[str, Shape]] = {
    "properties": Map(VALUE, members="properties"),
    "attributes": Map(VALUE, members="attributes"),
    "interfaces": Map(Entity("interface assignment"), members="interfaces"),
    "directives": Items(Text(choices=DIRECTIVES)),
    "count": VALUE,
}
_OPERATION_INPUTS = Map(VALUE, members="inputs")

_TABLE: Final[dict[str, dict[str, Shape]]] = {
    "file": {
        "tosca_definitions_version": VERSION,
        "dsl_definitions": VALUES,
        "imports": Items(Either(PATH, Entity("import"))),
        "repositories": Map(Either(TEXT, Entity("repository")), defines="repository"),
        "functions": Map(Entity("function"), defines="function"),
        "topology_template": Entity("service template"),
        "service_template": Entity("service template"),
        "template_version": VERSION,
        **{f"{kind}_types": Map(Entity(f"{kind} type"), defines=f"{kind} type") for kind in KINDS},
    },
    "service template": {
        "functions": Map(Entity("function"), defines="function"),
        "inputs": Map(Entity("parameter definition"), defines="input"),
        "outputs": Map(Entity("parameter definition"), defines="output"),
        "node_templates": Map(Entity("node template"), defines="node template"),
        "relationship_templates": Map(Entity("relationship template"), defines="relationship template"),
        "groups": Map(Entity("group"), defines="group"),
        "policies": Named(Entity("policy"), defines="policy"),
        "substitution_mappings": Entity("substitution mapping"),
        "workflows": Map(Entity("workflow"), defines="workflow"),
    },
    "import": {"file": PATH, "url": PATH, "profile": Ref(("profile",)), "repository": Ref(("repository",))},
    "repository": {"credential": VALUE},
    "node type": _TYPE | {"derived_from": _type("node")},
    "relationship type": _TYPE
    | {
        "derived_from": _type("relationship"),
        "valid_target_types": _types("capability"),
        "valid_source_types": _types("node"),
        "valid_capability_types": _types("capability"),
        "valid_target_node_types": _types("node"),
        "valid_source_node_types": _types("node"),
    },
    "capability type": _TYPE
    | {
        "derived_from": _type("capability"),
        "valid_source_types": _types("node"),
        "valid_source_node_types": _types("node"),
        "valid_relationship_types": _types("relationship"),
    },
    "interface type": {
        "version": VERSION,
        "derived_from": _type("interface"),
        "inputs": Map(Entity("parameter definition"), defines="interface input"),
        "operations": Map(Either(PATH, Entity("operation")), defines="operation"),
        "notifications": Map(Either(PATH, Entity("operation")), defines="notification"),
    },
    "data type": _TYPE
    | {
        "derived_from": _DATA,
        "constraints": Items(Entity("constraint clause")),
        "key_schema": _SCHEMA,
        "entry_schema": _SCHEMA,
        "data_type": _DATA,
        "units": VALUES,
        "prefixes": VALUES,
    },
    "artifact type": _TYPE | {"derived_from": _type("artifact"), "file_ext": Items(TEXT, one=True)},
    "group type": _TYPE | {"derived_from": _type("group"), "members": _types("node", "group"), "targets": _types("node")},
    "policy type": _TYPE
    | {
        "derived_from": _type("policy"),
        "targets": _types("node", "group"),
        "triggers": Map(Entity("trigger"), defines="trigger"),
    },
    "property definition": _DEFINITION,
    "attribute definition": _DEFINITION,
    "parameter definition": _DEFINITION,
    "schema": _DEFINITION,
    "capability definition": {
        "type": _type("capability"),
        "properties": Map(Entity("property definition"), members="properties"),
        "attributes": Map(Entity("attribute definition"), members="attributes"),
        "valid_source_types": _types("node"),
        "valid_source_node_types": _types("node"),
        "valid_relationship_types": _types("relationship"),
        "occurrences": Bounds(),
    },
    "requirement definition": {
        "capability": _type("capability"),
        "node": _type("node"),
        "relationship": Either(_type("relationship"), Entity("relationship in a requirement definition")),
        "node_filter": Entity("node filter"),
        "occurrences": Bounds(),
        "count_range": Bounds(),
        "count": VALUE,
        "directives": Items(Text(choices=DIRECTIVES)),
        "allocation": VALUE,
    },
    "relationship in a requirement definition": {
        "type": _type("relationship"),
        "interfaces": Map(Entity("interface definition"), members="interfaces"),
        "properties": Map(VALUE, members="properties"),
        "attributes": Map(VALUE, members="attributes"),
    },
    "interface definition": {
        "type": _type("interface"),
        "inputs": _OPERATION_INPUTS,
        "operations": _OPERATIONS,
        "notifications": _NOTIFICATIONS,
    },
    "interface assignment": {
        "type": _type("interface"),
        "inputs": _OPERATION_INPUTS,
        "operations": _OPERATIONS,
        "notifications": _NOTIFICATIONS,
    },
    "operation": {
        "implementation": Either(PATH, Entity("implementation")),
        "inputs": _OPERATION_INPUTS,
        "outputs": VALUES,
    },
    "implementation": {
        "primary": _ARTIFACT,
        "dependencies": Items(_ARTIFACT),
        "timeout": VALUE,
        "type": _type("artifact"),
        "file": PATH,
        "repository": Ref(("repository",)),
        "properties": Map(VALUE, members="properties"),
    },
    "artifact": {
        "type": _type("artifact"),
        "file": Either(PATH, VALUE),
        "repository": Ref(("repository",)),
        "artifact_version": VERSION,
        "properties": Map(VALUE, members="properties"),
    },
    "node template": _TEMPLATE
    | {
        "type": _type("node"),
        "copy": NODE,
        "capabilities": Map(Entity("capability assignment"), members="capabilities"),
        "requirements": Named(
            Either(Ref(("node template",), ("node",)), Entity("requirement assignment")), members="requirements"
        ),
        "artifacts": Map(_ARTIFACT, members="artifacts"),
        "node_filter": Entity("node filter"),
    },
    "relationship template": _TEMPLATE | {"type": _type("relationship"), "copy": Ref(("relationship template",))},
    "capability assignment": _TEMPLATE | {"occurrences": Bounds()},
    "requirement assignment": _TEMPLATE
    | {
        "node": Either(Ref(("node template",), ("node",)), Items(VALUE, fixed=(NODE,))),
        "capability": Ref(("capability of the target",), ("capability",)),
        "relationship": Either(Ref(("relationship template",), ("relationship",)), Entity("relationship in a requirement")),
        "node_filter": Entity("node filter"),
        "occurrences": Bounds(),
        "allocation": VALUE,
        "optional": FLAG,
    },
    "relationship in a requirement": _TEMPLATE | {"type": Ref(("relationship template",), ("relationship",))},
    "group": _TEMPLATE | {"type": _type("group"), "members": Items(Ref(("node template", "group"))), "targets": _TARGETS},
    "policy": _TEMPLATE | {"type": _type("policy"), "targets": _TARGETS, "triggers": Map(Entity("trigger"), defines="trigger")},
    "substitution mapping": {
        "node_type": _type("node"),
        "properties": Map(
            Either(Ref(("input",)), Either(VALUE, Items(VALUE, fixed=(Ref(("input", "node template")),)))),
            members="properties",
        ),
        "attributes": Map(Items(VALUE, fixed=(NODE,)), members="attributes"),
        "capabilities": Map(
            Either(NODE, Items(VALUE, fixed=(NODE, Ref(("capability of the first",))))), members="capabilities"
        ),
        "requirements": Map(
            Either(NODE, Items(VALUE, fixed=(NODE, Ref(("requirement of the first",))))),
            members="requirements",
            listed=True,
        ),
        "interfaces": Map(Map(Ref(("workflow",)), members="operations"), members="interfaces"),
        "inputs": VALUES,
        "substitution_filter": Entity("node filter"),
    },
    "workflow": {
        "inputs": Map(Entity("parameter definition"), defines="workflow input"),
        "outputs": VALUES,
        "preconditions": Items(Entity("precondition")),
        "precondition": VALUE,
        "steps": Map(Entity("step"), defines="step"),
        "implementation": Either(PATH, Entity("implementation")),
    },
    "node filter": {"properties": VALUE, "capabilities": VALUE, "requirements": VALUE},
    "function": {"signatures": Items(Entity("signature"))},
    "signature": {
        "arguments": Items(_SCHEMA),
        "optional_arguments": Items(_SCHEMA),
        "variadic": FLAG,
        "result": _SCHEMA,
        "implementation": Either(PATH, Entity("implementation")),
    },
    "trigger": {
        "description": TEXT,
        "event": Either(TEXT, VALUE),
        "event_type": Either(TEXT, VALUE),
        "schedule": VALUE,
        "target_filter": Entity("event filter"),
        "condition": VALUE,
        "action": Items(Entity("activity")),
        "constraint": VALUE,
        "period": VALUE,
        "evaluations": VALUE,
        "method": TEXT,
    },
    "event filter": {"node": Ref(("node template",), ("node",)), "requirement": TEXT, "capability": TEXT},
    "precondition": {"target": Ref(("node template", "group")), "target_relationship": TEXT, "condition": VALUE},
    "step": {
        "target": Ref(("node template", "group")),
        "target_relationship": TEXT,
        "filter": VALUE,
        "activities": Items(Entity("activity")),
        "on_success": Items(Ref(("step",)), one=True),
        "on_failure": Items(Ref(("step",)), one=True),
        "operation_host": TEXT,
    },
    "condition of a trigger": {"constraint": VALUE, "period": VALUE, "evaluations": VALUE, "method": TEXT},
    # What the reader looks into itself: the grammar has no table of these keynames.
    "activity": {
        "delegate": Either(TEXT, VALUE),
        "set_state": TEXT,
        "call_operation": Either(TEXT, Entity("operation call")),
        "inline": Either(Ref(("workflow",)), Entity("workflow call")),
    },
    "operation call": {"operation": TEXT, "inputs": VALUES},
    "workflow call": {"workflow": Ref(("workflow",)), "inputs": VALUES},
    "constraint clause": {},
}
_GENERAL: Final[dict[str, Shape]] = {
    "metadata": VALUES,
    "version": VERSION,
    "validation": VALUE,
    **dict.fromkeys(
        [
            "description",
            "namespace",
            "namespace_uri",
            "namespace_prefix",
            "tosca_default_namespace",
            "profile",
            "template_name",
            "template_author",
            "alias",
            "url",
            "checksum",
            "checksum_algorithm",
            "deploy_path",
            "mime_type",
            "canonical_unit",
            "operation_host",
        ],
        TEXT,
    ),
}
ENTITIES: Final = tuple(_TABLE)


def shape_of(entity: str, keyname: str) -> Shape | None:
    """What stands at a keyname; None where this table does not know it."""
    return _TABLE.get(entity, {}).get(keyname, _GENERAL.get(keyname))


@cache
def is_data(grammar: Grammar, entity: str) -> bool:
    """Whether the reader keeps the entity as data, without a table of its keynames in the grammar."""
    try:
        grammar.keynames(entity)
    except KeyError:
        return True
    return False


@cache
def keynames_of(grammar: Grammar, entity: str) -> Keynames:
    """The keynames of an entity by the grammar; of those that the reader keeps as data, by this table."""
    if is_data(grammar, entity):
        return Keynames(frozenset(_TABLE.get(entity, {})), (), frozenset(), True)
    return grammar.keynames(entity)
