"""JSON Schema of what the resolved types say: which properties a node template of a type has, and of which data types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bbq.editor.constraints import clauses
from bbq.editor.reading import Names, profile
from bbq.editor.shapes import Ref
from bbq.editor.walk import functions_of
from bbq.tosca.checker import BUILT_IN
from bbq.tosca.grammar import Grammar
from bbq.tosca.model import Constraint, Function, ParameterDef, Schema, TypeDef

Json = dict[str, Any]
_PLAIN: Final[Json] = {"type": ["string", "number", "boolean"]}
_WORDS: Final = tuple(
    form for word in ("yes", "no", "on", "off", "true", "false") for form in (word, word.title(), word.upper())
)


def defined(name: str) -> str:
    """The name of a definition: one that needs no escapes in a reference."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name)


def reference_to(name: str) -> Json:
    return {"$ref": f"#/definitions/{defined(name)}"}


_CALL: Final[Json] = reference_to("function call")
# Templates with these leave properties to what they copy, or to the node that is chosen.
_INCOMPLETE: Final[Json] = {"anyOf": [{"required": ["copy"]}, {"required": ["directives"]}]}


class TypeSchemas:
    """Schemas for one TOSCA version; data types that are met on the way become definitions."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._definitions: Json = {}

    def function_call(self) -> Json:
        """What calls a function: a map of one entry; in 2.0 a text that begins with `$`, too."""
        names = functions_of(self._grammar)
        if not self._grammar.two:
            known: Json = {name: {} for name in sorted(names)}
            return {
                "type": "object",
                "properties": known,
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            }
        call = {
            "type": "object",
            "properties": {f"${name}": {} for name in sorted(names)},
            "patternProperties": {r"^\$[^$]": {}},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }
        return {"anyOf": [call, {"type": "string", "pattern": r"^\$[^$]"}]}

    def reference(self, shape: Ref) -> Json:
        """A name: text. Which names there are is said where a profile is imported, see `overlay`."""
        if shape.types == ("data",):
            built_in = sorted(name for name in BUILT_IN if name != "any")
            return {"anyOf": [{"enum": built_in}, {"type": "string"}]}
        return dict(_PLAIN)

    # --- a profile on top of the grammar

    def overlay(self, name: str | None, definitions: Json) -> Json:
        """What holds in a file that imports the profile (None: in every file of the version), besides the grammar."""
        names = profile(self._grammar, name)
        label = name or self._grammar.version
        self._definitions = definitions
        suggestions: dict[str, Json] = {}
        for kind in ("node", "relationship", "capability", "interface", "data", "artifact", "group", "policy"):
            definitions[defined(f"{label} {kind} types")] = self._suggestions(names, kind)
            suggestions[kind] = {"anyOf": [reference_to(f"{label} {kind} types"), {}]}
        service = {
            "node_templates": _each(self._node_template(names, label, suggestions)),
            "relationship_templates": _each(
                self._typed("relationship", names, label, suggestions, ("properties", "attributes"))
            ),
            "groups": _each(self._typed("group", names, label, suggestions, ("properties",))),
            "policies": _each_in_list(self._typed("policy", names, label, suggestions, ("properties",))),
            "substitution_mappings": {"properties": {"node_type": suggestions["node"]}},
        }
        root: Json = {
            f"{kind}_types": _each({"properties": {"derived_from": suggestions[kind]}})
            for kind in ("data", "artifact", "capability", "interface", "relationship", "node", "group", "policy")
        }
        root["node_types"]["additionalProperties"]["properties"] |= self._node_type(suggestions)
        for block in ("service_template", "topology_template"):
            root[block] = {"properties": service}
        return {"properties": root}

    def _suggestions(self, names: Names, kind: str) -> Json:
        found = list(names.types(kind))
        return {
            "enum": [name for name, _ in found],
            "markdownEnumDescriptions": [_described(type_def) for _, type_def in found],
        }

    def _node_type(self, suggestions: Mapping[str, Json]) -> Json:
        inner = {"properties": {"capability": suggestions["capability"], "node": suggestions["node"]}}
        definition = {"properties": {"type": suggestions["data"]}}
        return {
            "properties": _each(definition),
            "attributes": _each(definition),
            "requirements": {"items": {"additionalProperties": inner}},
            "capabilities": _each({"properties": {"type": suggestions["capability"]}}),
        }

    def _spelled(self, kind: str, name: str) -> list[str]:
        """How a file may write the name of a bundled type: 1.x has short forms (`Compute`, `tosca:Compute`)."""
        parts = name.split(".")
        if self._grammar.two or parts[0] != "tosca":
            return [name]
        known = profile(self._grammar, None)
        meant = known.type_named(kind, name)
        tails = [".".join(parts[start:]) for start in range(1, len(parts))]
        short = [text for tail in tails for text in (tail, f"tosca:{tail}") if known.type_named(kind, text) is meant]
        return [name, *short]

    def _typed(self, kind: str, names: Names, label: str, suggestions: Mapping[str, Json], members: Iterable[str]) -> Json:
        """A template of a kind: what it has by its type."""
        cases = []
        for name, type_def in names.types(kind):
            values = {member: self._values(getattr(type_def, member), names, label) for member in members}
            case = {"properties": values}
            cases.append(self._case(kind, name, self._complete(case, type_def)))
        return {"properties": {"type": suggestions[kind]}, "allOf": cases}

    def _case(self, kind: str, name: str, then: Json) -> Json:
        return {"if": {"properties": {"type": {"enum": self._spelled(kind, name)}}, "required": ["type"]}, "then": then}

    def _node_template(self, names: Names, label: str, suggestions: Mapping[str, Json]) -> Json:
        cases = []
        for name, type_def in names.types("node"):
            capabilities = {
                key: {
                    "description": _words(found.description, f"Capability of type {found.type}."),
                    "properties": {"properties": self._values(found.properties, names, label)},
                }
                for key, found in type_def.capabilities.items()
            }
            requirements = {
                key: {"description": _words(found.description, f"Needs {found.node or found.capability or 'a node'}.")}
                for key, found in type_def.requirements.items()
            }
            then: Json = {
                "properties": {
                    "properties": self._values(type_def.properties, names, label),
                    "attributes": self._values(type_def.attributes, names, label),
                    "capabilities": {"properties": capabilities, "additionalProperties": False},
                    "requirements": {"items": {"properties": requirements, "additionalProperties": False}},
                    "interfaces": {
                        "properties": {
                            key: {"description": f"Interface of type {found.type}."}
                            for key, found in type_def.interfaces.items()
                        }
                    },
                }
            }
            cases.append(self._case("node", name, self._complete(then, type_def)))
        return {"properties": {"type": suggestions["node"]}, "allOf": cases}

    def _complete(self, then: Json, type_def: TypeDef) -> Json:
        """Adds that the required properties are there."""
        required = sorted(
            name
            for name, found in type_def.properties.items()
            if found.required and not found.has_default and not found.has_value
        )
        if required:
            whole = {"required": ["properties"], "properties": {"properties": {"type": "object", "required": required}}}
            then = {**then, "if": _INCOMPLETE, "then": {}, "else": whole}
        return then

    def _values(self, definitions: Mapping[str, ParameterDef], names: Names, label: str) -> Json:
        return {
            "properties": {name: self._property(found, names, label) for name, found in definitions.items()},
            "additionalProperties": False,
        }

    # --- values

    def _property(self, found: ParameterDef, names: Names, label: str) -> Json:
        value = self._value(found.schema, names, label)
        result: Json = {"anyOf": [value, _CALL]} if value else {}
        texts = [found.description.strip(), f"`{found.schema.type}`"]
        if found.has_default and not isinstance(found.default, Function):
            texts.append(f"Default: `{found.default}`")
        result["markdownDescription"] = "\n\n".join(text for text in texts if text)
        return result

    def _value(self, schema: Schema, names: Names, label: str) -> Json:
        """The schema of a value that calls no function; {} for any."""
        type_def = names.service.types.get(("data", schema.type))
        if schema.type in BUILT_IN:
            result = self._built_in(schema, names, label)
        elif type_def is None:
            return {}
        elif type_def.schema is not None:
            inner = type_def.schema
            if inner.type == "string" and {"tosca.datatypes.json", "tosca.datatypes.xml"} & set(type_def.ancestry):
                return {}
            result = self._value(Schema(inner.type, inner.constraints, schema.entry or inner.entry), names, label)
        else:
            return self._data(type_def, names, label)
        return result | self._limits(schema.constraints, schema.type) if result else {}

    def _built_in(self, schema: Schema, names: Names, label: str) -> Json:
        if schema.type in ("list", "map"):
            entry = self._value(schema.entry, names, label) if schema.entry is not None else {}
            entry = {"anyOf": [entry, _CALL]} if entry else {}
            return (
                {"type": "array", "items": entry}
                if schema.type == "list"
                else {"type": "object", "additionalProperties": entry}
            )
        return self.built_in(schema.type)

    def built_in(self, name: str) -> Json:
        """Values of a built-in type; TOSCA 1.x takes a scalar of another type for its text, with a warning."""
        two = self._grammar.two
        if name == "boolean":
            return {"type": "boolean"} if two else {"anyOf": [{"type": "boolean"}, {"enum": list(_WORDS)}]}
        if name == "integer":
            return {"type": "integer"} if two else {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]}
        if name == "float":
            return {"type": "number"}
        if name == "string":
            return {"type": "string"} if two else dict(_PLAIN)
        if name == "range":
            return {"type": "array", "minItems": 2, "maxItems": 2}
        return {} if name in ("any", "nil") else {"type": ["string", "number"]}

    def _data(self, type_def: TypeDef, names: Names, label: str) -> Json:
        """A data type with properties, as a definition: they may hold themselves."""
        name = defined(f"{label} data {type_def.name}")
        if name not in self._definitions:
            result: Json = {}
            self._definitions[name] = result
            if type_def.properties:
                result |= {"type": "object", **self._values(type_def.properties, names, label)}
                required = [
                    key for key, found in type_def.properties.items()
                    if found.required and not found.has_default and not found.has_value
                ]  # fmt: skip
                result |= {"required": required} if required else {}
        return reference_to(name)

    def _limits(self, constraints: Iterable[Constraint], type_name: str) -> Json:
        """What JSON Schema can say of the constraints of plain values."""
        result: Json = {}
        if type_name not in ("string", "integer", "float"):
            return result
        for operator, argument in clauses(constraints):
            numbers = type_name != "string"
            if (
                operator == "valid_values"
                and isinstance(argument, list)
                and all(isinstance(x, (str, int, float)) for x in argument)
            ):
                texts = [] if self._grammar.two or type_name == "string" else [str(item) for item in argument]
                result["enum"] = [*argument, *texts]
            elif operator == "greater_or_equal" and numbers and isinstance(argument, (int, float)):
                result["minimum"] = argument
            elif operator == "less_or_equal" and numbers and isinstance(argument, (int, float)):
                result["maximum"] = argument
            elif operator == "greater_than" and numbers and isinstance(argument, (int, float)):
                result["exclusiveMinimum"] = argument
            elif operator == "less_than" and numbers and isinstance(argument, (int, float)):
                result["exclusiveMaximum"] = argument
            elif operator == "min_length" and not numbers and isinstance(argument, int):
                result["minLength"] = argument
            elif operator == "max_length" and not numbers and isinstance(argument, int):
                result["maxLength"] = argument
        return result


def _words(description: str, otherwise: str) -> str:
    return " ".join(description.split()) or otherwise


def _described(type_def: TypeDef) -> str:
    text = type_def.description.strip()
    parent = f"Derived from `{type_def.ancestry[1]}`." if len(type_def.ancestry) > 1 else ""
    return "\n\n".join(part for part in (text, parent) if part)


def _each(schema: Json) -> Json:
    return {"additionalProperties": schema}


def _each_in_list(schema: Json) -> Json:
    return {"items": {"additionalProperties": schema}}
