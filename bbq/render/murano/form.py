"""The form that Murano's dashboard shows: one page for the template's inputs, one for what differs from cloud to cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bbq.render.hot.model import NO_DEFAULT, Parameter
from bbq.tosca.model import Constraint, ParameterDef

_FIELDS: Final = {"glance.image": "image", "nova.flavor": "flavor", "nova.keypair": "keypair"}
_KINDS: Final = {"integer": "integer"}


def form(
    class_name: str, inputs: Mapping[str, ParameterDef], values: Mapping[str, Any], cloud: Mapping[str, Parameter]
) -> dict[str, Any]:
    """`UI/ui.yaml` as data."""
    application: dict[str, Any] = {"?": {"type": class_name}}
    pages = []
    for page, fields in (
        ("settings", [_input_field(name, item, values.get(name)) for name, item in inputs.items()]),
        ("cloud", [_cloud_field(item) for item in cloud.values()]),
    ):
        if fields:
            pages.append({page: {"fields": fields}})
            application |= {field["name"]: f"$.{page}.{field['name']}" for field in fields}
    return {"Version": 2.2, "Application": application, "Forms": pages}


def _input_field(name: str, item: ParameterDef, value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "type": "password" if item.secret else _KINDS.get(item.schema.type, "string")}
    found |= {"label": name.replace("_", " ").capitalize()}
    if item.description:
        found["description"] = " ".join(item.description.split())
    for constraint in item.schema.constraints:
        found |= _limits(constraint, found["type"])
    if "choices" in found:
        found["type"] = "choice"
    return found | ({"initial": value} if value is not None and not item.secret else {}) | {"required": value is None}


def _limits(constraint: Constraint, kind: str) -> dict[str, Any]:
    argument = constraint.argument
    numbers = kind == "integer"
    if constraint.operator == "in_range" and numbers and isinstance(argument, list):
        bounds = zip(("minValue", "maxValue"), argument, strict=False)
        return {key: value for key, value in bounds if isinstance(value, int)}
    if constraint.operator == "greater_or_equal" and numbers:
        return {"minValue": argument}
    if constraint.operator == "less_or_equal" and numbers:
        return {"maxValue": argument}
    if constraint.operator == "valid_values" and isinstance(argument, list):
        return {"choices": [[str(one), str(one)] for one in argument]}
    if constraint.operator in ("min_length", "max_length"):
        return {constraint.operator.replace("_l", "L"): argument}
    if constraint.operator == "pattern" and isinstance(argument, str):
        return {"regexpValidator": f"^(?:{argument})$"}
    return {}


def _cloud_field(item: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"name": item.name, "type": _FIELDS.get(item.constraint or "", "string")}
    found |= {"label": item.label or item.name, "description": item.description}
    if item.default is not NO_DEFAULT:
        found["initial"] = item.default
    return found | {"required": item.default is NO_DEFAULT}
