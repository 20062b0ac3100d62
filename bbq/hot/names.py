"""What the names in one template mean: its parameters, conditions, mappings and resources with their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yaml import Node

from bbq.hot.model import HotTemplate, Parameter
from bbq.hot.types import BASE_ATTRIBUTES, Attribute, ResourceType, Schema

PROPERTY_TYPES = {"string": "string", "number": "number", "comma_delimited_list": "list", "json": "map", "boolean": "boolean"}
"""Type of a nested template's parameter -> type of the property that gives it."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """What makes a resource. `type` is None where nothing is known of it (a plugin's, or a file that is missing); `name` is
    the type's name after the registry, or the nested template's file."""

    name: str
    type: ResourceType | None = None
    template: HotTemplate | None = None
    member: Implementation | None = None
    """Of a group: what its members are."""


UNKNOWN = Implementation("")


@dataclass(slots=True)
class Names:
    """One template's names. `resources` has every resource by name, also those whose definition is broken."""

    parameters: dict[str, Parameter] = field(default_factory=dict)
    conditions: dict[str, Node] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    resources: dict[str, Implementation] = field(default_factory=dict)


def type_of_template(template: HotTemplate, defaults: Mapping[str, Any]) -> ResourceType:
    """A nested template as a resource type: its parameters are the properties, its outputs the attributes. `defaults` are the
    environment's `parameter_defaults`."""
    properties = {
        name: Schema(
            PROPERTY_TYPES.get(parameter.type, "any"),
            required=not parameter.has_default and name not in defaults,
            update=True,
            conversion=parameter.type in ("json", "comma_delimited_list"),
            constraints=tuple(
                {limit.kind: list(limit.argument) if isinstance(limit.argument, tuple) else limit.argument}
                for limit in parameter.constraints
            ),
        )
        for name, parameter in template.parameters.items()
    }
    return ResourceType(properties, dict.fromkeys((*template.outputs, *BASE_ATTRIBUTES), Attribute()), nested=True)
