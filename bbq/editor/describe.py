"""Types and definitions in words: for hovers, completion and `explain`. Everything is plain data or plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bbq.diagnostics import SourceRange
from bbq.editor.constraints import flow, in_words
from bbq.editor.paths import short
from bbq.topology.values import MASK
from bbq.tosca.model import CapabilityDef, InterfaceDef, ParameterDef, RequirementDef, Schema, TypeDef

Data = dict[str, Any]


def schema_text(schema: Schema) -> str:
    """`list of string`, `map of integer`."""
    return f"{schema.type} of {schema_text(schema.entry)}" if schema.entry is not None else schema.type


def counted(bounds: tuple[int, int | None]) -> str:
    low, high = bounds
    return f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"


def place(at: SourceRange) -> str:
    return f"{short(at.file)}:{at.line}"


def parameter(found: ParameterDef, *, asked: bool = True) -> Data:
    """A property, attribute or input: name, type, and what there is of description, default, constraints. `asked` where
    somebody has to give a value, unlike for attributes."""
    result: Data = {"name": found.name, "type": schema_text(found.schema)}
    if found.has_value:
        result["value"] = MASK if found.secret else flow(found.value)
    elif found.has_default:
        result["default"] = MASK if found.secret else flow(found.default)
    elif asked:
        result["required"] = found.required
    if found.schema.constraints:
        result["constraints"] = in_words(found.schema.constraints)
    if found.description:
        result["description"] = " ".join(found.description.split())
    result["defined"] = place(found.at)
    return result


def parameter_line(found: ParameterDef, *, asked: bool = True) -> str:
    """Type, default and constraints, on one line: `integer, default 2; greater or equal 1`."""
    data = parameter(found, asked=asked)
    text = str(data["type"])
    if "value" in data:
        text += f", always {data['value']}"
    elif "default" in data:
        text += f", default {data['default']}"
    elif data.get("required"):
        text += ", required"
    return "; ".join([text, *data.get("constraints", ())])


def capability(found: CapabilityDef) -> Data:
    result: Data = {"name": found.name, "type": found.type}
    if found.properties:
        result["properties"] = [parameter(item) for item in found.properties.values()]
    if found.valid_source_types:
        result["valid_source_types"] = list(found.valid_source_types)
    return _described(result, found.description, found.at)


def requirement(found: RequirementDef) -> Data:
    result: Data = {"name": found.name, "count": counted(found.occurrences)}
    result |= {key: value for key in ("node", "capability", "relationship") if (value := getattr(found, key))}
    return _described(result, found.description, found.at)


def interface(found: InterfaceDef) -> Data:
    operations = [
        {"name": item.name, **({"implementation": short(item.implementation)} if item.implementation else {})}
        for item in found.operations.values()
    ]
    return {"name": found.name, "type": found.type, "operations": operations}


def type_data(found: TypeDef) -> Data:
    """A type of any kind, with everything it has, inherited things included."""
    result: Data = {
        "what": f"{found.kind} type",
        "name": found.name,
        "description": " ".join(found.description.split()),
        "derived_from": list(found.ancestry[1:]),
        "defined": place(found.at),
    }
    if found.schema is not None and found.schema.constraints:
        result["constraints"] = in_words(found.schema.constraints)
    if found.units:
        result["units"] = list(found.units)
    if found.valid_targets:
        result["valid_targets"] = list(found.valid_targets)
    lists: Mapping[str, Iterable[Data]] = {
        "properties": (parameter(item) for item in found.properties.values()),
        "attributes": (parameter(item, asked=False) for item in found.attributes.values()),
        "capabilities": (capability(item) for item in found.capabilities.values()),
        "requirements": (requirement(item) for item in found.requirements.values()),
        "interfaces": (interface(item) for item in found.interfaces.values()),
        "operations": ({"name": name} for name in found.operations),
        "artifacts": ({"name": item.name, "type": item.type, "file": short(item.file)} for item in found.artifacts.values()),
    }
    return result | {key: entries for key, items in lists.items() if (entries := list(items))}


def _described(result: Data, description: str, at: SourceRange) -> Data:
    if description:
        result["description"] = " ".join(description.split())
    return {**result, "defined": place(at)}


def type_markdown(found: TypeDef, *, members: int = 40) -> str:
    """A type for a hover."""
    parts = [f"**{found.name}** ({found.kind} type)"]
    if found.description:
        parts.append(found.description.strip())
    if len(found.ancestry) > 1:
        parts.append("Derived from " + " < ".join(f"`{name}`" for name in found.ancestry[1:]))
    for title, definitions in (("Properties", found.properties), ("Attributes", found.attributes)):
        if definitions:
            asked = title == "Properties"
            lines = [f"- `{name}`: {parameter_line(item, asked=asked)}" for name, item in list(definitions.items())[:members]]
            parts.append(f"{title}\n\n" + "\n".join(lines))
    if found.capabilities:
        parts.append("Capabilities: " + ", ".join(f"`{name}` ({item.type})" for name, item in found.capabilities.items()))
    if found.requirements:
        parts.append("Requirements: " + ", ".join(f"`{name}`" for name in found.requirements))
    parts.append(f"Defined in {place(found.at)}")
    return "\n\n".join(parts)


def parameter_markdown(found: ParameterDef, word: str) -> str:
    """A definition of a property, attribute or input for a hover."""
    parts = [f"**{found.name}** ({word}): {parameter_line(found, asked=word != 'attribute')}"]
    if found.description:
        parts.append(found.description.strip())
    parts.append(f"Defined in {place(found.at)}")
    return "\n\n".join(parts)
