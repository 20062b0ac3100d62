"""Heat's types, properties, attributes, parameters and functions in words, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from bbq.editor.constraints import flow
from bbq.editor.describe import place
from bbq.editor.heat.functions import FUNCTIONS
from bbq.editor.heat.names import Kind, Property, ResourceAttribute
from bbq.hot.limits import Limit
from bbq.hot.model import Parameter
from bbq.hot.types import Schema
from bbq.topology.values import MASK

_MOST: Final = 60


def limit_text(limit: Limit) -> str:
    """`one of a, b`, `1 to 10`."""
    value: Any = limit.argument
    if limit.kind == "allowed_values":
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        return "one of " + ", ".join(map(flow, values[:20])) + (", ..." if len(values) > 20 else "")
    if limit.kind in ("range", "length") and isinstance(value, dict):
        low, high = value.get("min"), value.get("max")
        what = "" if limit.kind == "range" else " long"
        if low is not None and high is not None:
            return f"{flow(low)} to {flow(high)}{what}"
        return f"at least {flow(low)}{what}" if low is not None else f"at most {flow(high)}{what}"
    if limit.kind == "custom_constraint":
        return f"a {flow(value)}"
    return f"{limit.kind.replace('_', ' ')} {flow(value)}"


def schema_type(schema: Schema) -> str:
    return f"list of {schema_type(schema.entry)}" if schema.type == "list" and schema.entry is not None else schema.type


def schema_line(schema: Schema) -> str:
    """Type, default and constraints, on one line: `integer, required; 1 to 10`."""
    text = schema_type(schema)
    if schema.required:
        text += ", required"
    elif schema.default not in (None, {}, [], ""):
        text += f", default {flow(schema.default)}"
    more = [*map(limit_text, schema.limits), *([schema.status] if schema.status else [])]
    return "; ".join([text, *more])


def property_markdown(found: Property) -> str:
    schema = found.schema
    parts = [f"**{found.name}** (property of `{found.owner}`): {schema_line(schema)}"]
    parts += [text for text in (found.text.strip(), schema.note) if text]
    if not schema.implemented:
        parts.append("Heat knows it and refuses it.")
    elif found.at is None:
        parts.append("Can be updated in place." if schema.update else "Another value replaces the resource.")
    entry = schema.entry if schema.properties is None and schema.entry is not None else schema
    if entry.properties:
        parts.append("\n".join(_lines(entry.properties.items())))
    if found.at is not None:
        parts.append(f"A parameter of the nested template, defined in {place(found.at)}")
    return "\n\n".join(parts)


def attribute_markdown(found: ResourceAttribute) -> str:
    attribute = found.attribute
    kind = f": {attribute.type}" if attribute.type else ""
    status = f"; {attribute.status}" if attribute.status else ""
    parts = [f"**{found.name}** (attribute of `{found.owner}`){kind}{status}"]
    parts += [text for text in (found.text.strip(), attribute.note) if text]
    if found.at is not None:
        parts.append(f"An output of the nested template, defined in {place(found.at)}")
    return "\n\n".join(parts)


def _lines(items: Iterable[tuple[str, Schema]]) -> list[str]:
    shown = sorted((item for item in items if item[1].status in ("", "deprecated")), key=lambda item: not item[1].required)
    return [f"- `{name}`: {schema_line(schema)}" for name, schema in shown[:_MOST]]


def kind_markdown(found: Kind) -> str:
    """A resource type for a hover: what it asks for, what it has."""
    kind, template = found.type, found.template
    parts = [f"**{found.name}** ({'nested template' if template is not None else 'resource type'})"]
    if found.text:
        parts.append(found.text.strip())
    if kind.status:
        parts.append(f"It is {kind.status}. {kind.note}".strip())
    if lines := _lines(kind.properties.items()):
        parts.append("Properties\n\n" + "\n".join(lines))
    attributes = [name for name, item in kind.attributes.items() if item.status in ("", "deprecated")]
    if attributes:
        parts.append("Attributes: " + ", ".join(f"`{name}`" for name in attributes))
    return "\n\n".join(parts)


def parameter_line(found: Parameter) -> str:
    text = found.type or "unknown type"
    if found.has_default:
        text += f", default {MASK if found.hidden else flow(found.default)}"
    return "; ".join([text, *map(limit_text, found.constraints), *(["hidden"] if found.hidden else [])])


def parameter_markdown(found: Parameter) -> str:
    parts = [f"**{found.name}** (parameter): {parameter_line(found)}", found.label, found.description.strip()]
    return "\n\n".join(part for part in parts if part)


def function_markdown(name: str) -> str:
    form, text = FUNCTIONS[name]
    return f"**{name}** (function): `{form}`\n\n{text}"
