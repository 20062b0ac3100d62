"""What stands at each keyname of a Heat template. The version says which keynames there are (`bbq.hot.versions`)."""

from __future__ import annotations

from typing import Final

from bbq.editor.heat.functions import ARGUMENTS
from bbq.editor.shapes import FLAG, PATH, TEXT, VALUE, VALUES, VERSION, Either, Entity, Items, Map, Ref, Shape, Text
from bbq.hot.types import index
from bbq.hot.versions import PARAMETER_TYPES, VERSION_KEYS, Version

CONDITION: Final = Ref(("condition",))
"""A condition's name, or a function that gives true or false."""
TYPE: Final = Ref((), ("resource",))
PARAMETER: Final = Ref(("parameter",))
RESOURCE: Final = Ref(("resource",))
PROPERTIES: Final = Map(VALUE, members="properties")

_SHAPES: Final[dict[str, dict[str, Shape]]] = {
    "template": {
        **dict.fromkeys(VERSION_KEYS, VERSION),
        "description": TEXT,
        "parameter_groups": Items(Entity("parameter group")),
        "parameters": Map(Entity("parameter"), defines="parameter"),
        "conditions": Map(CONDITION, defines="condition"),
        "mappings": Map(VALUES, defines="mapping"),
        "resources": Map(Entity("resource"), defines="resource"),
        "outputs": Map(Entity("output"), defines="output"),
    },
    "parameter group": {"label": TEXT, "description": TEXT, "parameters": Items(PARAMETER)},
    "parameter": {
        "description": TEXT,
        "label": TEXT,
        "default": VALUE,
        "hidden": FLAG,
        "immutable": FLAG,
        "constraints": Items(Entity("constraint")),
        "tags": Items(TEXT),
        "AllowedValues": Items(TEXT),
    },
    "constraint": {
        "length": Entity("bounds"),
        "range": Entity("bounds"),
        "modulo": Entity("modulo"),
        "allowed_values": Items(TEXT),
        "allowed_pattern": TEXT,
        "description": TEXT,
    },
    "bounds": {"min": TEXT, "max": TEXT},
    "modulo": {"step": TEXT, "offset": TEXT},
    "resource": {
        "type": TYPE,
        "properties": PROPERTIES,
        "update_policy": PROPERTIES,
        "metadata": VALUES,
        "depends_on": Items(RESOURCE, one=True),
        "condition": CONDITION,
        "external_id": VALUE,
        "description": TEXT,
    },
    "output": {"description": TEXT, "value": VALUE, "condition": CONDITION},
}
_REQUIRED: Final = {"template": ("resources",), "parameter": ("type",), "resource": ("type",), "output": ("value",)}
_MEMBER: Final = ("type", "properties", "metadata", "depends_on", "deletion_policy", "update_policy", "description")
ATTRIBUTE: Final = Ref(("attribute",))
"""Of the resource that the first argument names."""

_ATTRIBUTES: Final = (RESOURCE, ATTRIBUTE)
FIRST: Final[dict[str, tuple[Shape, ...]]] = {
    "get_param": (PARAMETER,),
    "get_resource": (RESOURCE,),
    "get_attr": _ATTRIBUTES,
    "Fn::GetAtt": _ATTRIBUTES,
    "Ref": (Ref(("parameter", "resource")),),
    "get_file": (PATH,),
    "if": (CONDITION,),
    "Fn::If": (CONDITION,),
    "Fn::FindInMap": (Ref(("mapping",)),),
    "resource_facade": (Text(choices=("metadata", "deletion_policy", "update_policy")),),
    "Fn::ResourceFacade": (Text(choices=("Metadata", "DeletionPolicy", "UpdatePolicy")),),
}
"""Shapes of a function's first arguments."""
CONNECTIVES: Final = frozenset(("not", "and", "or", "Fn::Not", "Fn::And", "Fn::Or"))
"""Functions whose arguments are all conditions."""


def keynames_of(version: Version, entity: str) -> dict[str, bool]:
    """Keyname as the version spells it -> whether it must be there."""
    names = {
        "template": (version.key, *version.sections),
        "parameter": version.parameter_keys,
        "resource": version.resource_keys,
        "output": version.output_keys,
        "member": _MEMBER,
    }.get(entity)
    if names is None:
        names = (*_SHAPES["constraint"], "custom_constraint") if entity == "constraint" else tuple(_SHAPES.get(entity, ()))
    names = names or ARGUMENTS.get(entity, ())
    required = {*map(version.spelled, _REQUIRED.get(entity, ())), version.key} | ({"type"} if entity == "member" else set())
    return {name: name in required for name in names}


def shape_of(version: Version, entity: str, keyname: str) -> Shape:
    """The shape of what stands at a keyname, as the version spells it."""
    name = next((hot for hot, spelled in version.names.items() if spelled == keyname), keyname)
    if entity == "parameter" and name == "type":
        return Text(choices=tuple(PARAMETER_TYPES.values() if version.cfn else PARAMETER_TYPES))
    if entity == "constraint" and name == "custom_constraint":
        return Text(choices=tuple(sorted(index().constraints)))
    if entity in ("resource", "member") and name == "deletion_policy":
        return Either(Text(choices=version.deletion_policies), VALUE)
    return _SHAPES.get("resource" if entity == "member" else entity, {}).get(name, VALUE)
