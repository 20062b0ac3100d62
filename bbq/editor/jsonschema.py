"""JSON Schema (draft-07) of templates, one for each TOSCA version: the grammar, and on top of it the bundled profiles' types.

Made from `bbq.tosca.grammar`, `bbq.editor.shapes` and the resolved profiles. It knows what a schema can: keynames, shapes and
the bundled types; names that refer to each other are the reader's and the language server's. It never refuses what the reader
accepts, but for a template that hides a bundled type by one of the same name.

https://json-schema.org/draft-07; https://github.com/redhat-developer/yaml-language-server for the `markdown...` keywords.
"""

from __future__ import annotations

from typing import Any, Final

from bbq.editor.reading import importable
from bbq.editor.shapes import (
    ENTITIES,
    Bounds,
    Either,
    Entity,
    Items,
    Map,
    Named,
    Ref,
    Shape,
    Text,
    Value,
    is_data,
    keynames_of,
    shape_of,
)
from bbq.editor.typeschema import TypeSchemas, defined, reference_to
from bbq.tosca.constraints import OPERATORS
from bbq.tosca.grammar import KINDS, VERSIONS, Grammar, grammar_of

Json = dict[str, Any]
DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_URLS: Final = tuple(f"http://docs.oasis-open.org/tosca/ns/simple/yaml/{number}" for number in ("1.0", "1.1", "1.2", "1.3"))
_UNREAD: Final = frozenset(("trigger", "event filter", "condition of a trigger"))
"""What the reader keeps as it is written."""
SCALAR: Final[Json] = {"type": ["string", "number", "boolean"]}
# Where the reader refuses a keyname with nothing behind it.
_NEVER_EMPTY: Final = frozenset(
    (
        *("node_templates", "relationship_templates", "workflows", "functions", "metadata", "imports"),
        *(f"{kind}_types" for kind in KINDS),
    )
)


def schema(version: str) -> Json:
    """The schema for templates of a version (`tosca_2_0`, `2.0`, `1.3` ...). Raises `ValueError` for an unknown one."""
    grammar = version_named(version)
    if grammar is None:
        raise ValueError(version)
    return _Schema(grammar).build()


def version_named(text: str) -> Grammar | None:
    """The grammar of a version by its whole name or its number."""
    number = text.strip().removeprefix("v").replace(".", "_")
    return grammar_of(text) or grammar_of(f"tosca_{number}") or grammar_of(f"tosca_simple_yaml_{number}")


class _Schema:
    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._types = TypeSchemas(grammar)

    def build(self) -> Json:
        definitions = {defined(name): self._entity(name) for name in ENTITIES if name != "file" and self._exists(name)}
        definitions[defined("constraint clause")] = self._clause()
        definitions[defined("function call")] = self._types.function_call()
        root = self._entity("file")
        root["properties"]["tosca_definitions_version"] = {
            "enum": [self._grammar.version, *(url for url in _URLS if grammar_of(url) is self._grammar)],
            "description": "The version of TOSCA that the file is written in.",
        }
        root["properties"]["dsl_definitions"]["additionalProperties"] = {"type": ["object", "array"]}
        overlays = []
        if self._grammar.profile is not None:
            overlays.append(self._types.overlay(None, definitions))
        for name in importable(self._grammar):
            overlays.append({"if": _imports(name), "then": self._types.overlay(name, definitions)})
        return {
            "$schema": DRAFT,
            "title": f"TOSCA service template, {self._grammar.version}",
            **root,
            "allOf": overlays,
            "definitions": definitions,
        }

    def _exists(self, entity: str) -> bool:
        """Whether the version has the entity at all."""
        return bool(keynames_of(self._grammar, entity).allowed) or entity == "constraint clause"

    def _entity(self, entity: str) -> Json:
        keynames = keynames_of(self._grammar, entity)
        unread = entity in _UNREAD or is_data(self._grammar, entity)
        properties: Json = {}
        for keyname in sorted(keynames.allowed):
            found = self._shape(shape_of(entity, keyname) or Value(), empty=not self._never_empty(keyname, entity))
            if unread:
                found = {"anyOf": [found, {}]}  # suggested, never refused: the reader does not look either
            if keyname in keynames.foreign:
                found = {"allOf": [found], "deprecationMessage": "A keyname of another TOSCA version; it is understood."}
            properties[keyname] = found
        result: Json = {"type": ["object", "null"] if not keynames.required else "object", "properties": properties}
        if "copy" in keynames.allowed:
            result["anyOf"] = [{"required": list(keynames.required)}, {"required": ["copy"]}]
        elif entity == "import" and not keynames.required:
            result["anyOf"] = [{"required": [keyname]} for keyname in ("url", "profile", "file")]
        elif keynames.required:
            result["required"] = list(keynames.required)
        if unread:
            result.pop("required", None)
        elif not keynames.open:
            result["additionalProperties"] = False
        return result

    def _never_empty(self, keyname: str, entity: str) -> bool:
        return keyname in _NEVER_EMPTY and entity in ("file", "service template")

    def _shape(self, shape: Shape, *, empty: bool = True) -> Json:
        """The schema of a shape; `empty` where a keyname with nothing behind it is fine."""
        null = ["null"] if empty else []
        if isinstance(shape, Text):
            return self._text(shape)
        if isinstance(shape, Bounds):
            bound = {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "UNBOUNDED"}]}
            return {"type": "array", "items": bound, "minItems": 2, "maxItems": 2}
        if isinstance(shape, Ref):
            return self._types.reference(shape)
        if isinstance(shape, Entity):
            return self._entity_reference(shape.name)
        if isinstance(shape, Map):
            entries = {"type": ["object", *null], "additionalProperties": self._member(shape)}
            return (
                {"anyOf": [entries, self._shape(Named(shape.value, shape.defines, shape.members))]} if shape.listed else entries
            )
        if isinstance(shape, Named):
            item = {"type": "object", "minProperties": 1, "additionalProperties": self._member(shape)}
            return {"type": ["array", *null], "items": item}
        if isinstance(shape, Items):
            found: Json = {"type": ["array", *null], "items": self._shape(shape.item)}
            return {"anyOf": [found, self._shape(shape.item)]} if shape.one else found
        if isinstance(shape, Either):
            return {"anyOf": [self._shape(shape.scalar), self._shape(shape.other)]}
        return {}

    def _member(self, shape: Map | Named) -> Json:
        """What stands behind a name of the user's. A definition in an assignment's place is read as one, and a value in a
        definition's place as its default."""
        if shape.members in ("properties", "attributes") and shape.value != Value():
            return {}
        if isinstance(shape.value, Either) and shape.members:
            return {}
        if shape.defines in ("property", "attribute"):  # a plain value refines the inherited default
            return {"anyOf": [self._shape(shape.value), {"not": {"type": "object"}}]}
        return self._shape(shape.value)

    def _entity_reference(self, name: str) -> Json:
        reference = reference_to(name)
        if name == "node filter":
            return {"anyOf": [reference, reference_to("function call")]}
        if name == "import" and not self._grammar.two:
            named = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {}}
            return {"anyOf": [reference, named]}
        return reference

    def _text(self, shape: Text) -> Json:
        if shape.what == "boolean":
            return self._types.built_in("boolean")
        if shape.choices:
            return {"anyOf": [{"enum": list(shape.choices)}, SCALAR]}
        return {"type": [*SCALAR["type"], "null"]}

    def _clause(self) -> Json:
        return {"type": "object", "properties": {name: {} for name in OPERATORS}, "additionalProperties": False}


def _imports(profile: str) -> Json:
    """Matches a file that imports the profile, under its own names."""
    plain = {"type": "object", "properties": {"profile": {"const": profile}}, "required": ["profile"]}
    item = {"anyOf": [{"const": profile}, {**plain, "not": {"required": ["namespace"]}}]}
    return {"type": "object", "properties": {"imports": {"type": "array", "contains": item}}, "required": ["imports"]}


def versions() -> tuple[str, ...]:
    """Names of the versions that have a schema."""
    return VERSIONS
