"""Completion in TOSCA files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bbq.editor import describe
from bbq.editor.constraints import clauses, flow
from bbq.editor.lsp.completion import KIND, Completer, Cursor, Proposal, arguments
from bbq.editor.lsp.tosca.index import ToscaIndex
from bbq.editor.order import rank
from bbq.editor.reading import importable
from bbq.editor.shapes import INTERFACES, KEYWORDS, Map, Named, Ref, Text, Value, keynames_of, shape_of
from bbq.editor.walk import functions_of
from bbq.tosca.checker import BUILT_IN
from bbq.tosca.grammar import VERSIONS
from bbq.tosca.model import CapabilityDef, ParameterDef, RequirementDef, Schema, TypeDef

_COMMON: Final = frozenset(("get_input", "get_property", "get_attribute", "concat"))
"""Functions that are offered before the others."""


class ToscaCompleter(Completer):
    def __init__(self, cursor: Cursor, index: ToscaIndex) -> None:
        super().__init__(cursor)
        self._index: ToscaIndex = index
        self._grammar = index.grammar
        self._names = index.names
        self._scope = index.scope

    def keynames(self, entity: str, taken: set[str]) -> Iterator[Proposal]:
        keynames = keynames_of(self._grammar, entity)
        for name in sorted(keynames.allowed - keynames.foreign - taken, key=rank):
            shape = shape_of(entity, name) or Value()
            required = name in keynames.required
            yield Proposal(
                name, KIND.Property, "required" if required else entity, "", self.entry(name, shape), 0 if required else 2
            )
        if keynames.open or entity in (*INTERFACES, "operation"):
            yield from self.members(Map(Value(), members="operations"), taken)

    def members(self, shape: Map | Named, taken: set[str]) -> Iterator[Proposal]:
        if shape.members == "fields":
            type_def = self._scope.type_named("data", self.frames[-1].name or "")
            members: Mapping[str, Any] = type_def.properties if type_def is not None else {}
        else:
            members = self._scope.members(self.frames, shape.members)
        for name, definition in members.items():
            if name not in taken:
                yield self._member(name, definition, shape)

    def _member(self, name: str, definition: Any, shape: Map | Named | None = None) -> Proposal:
        insert = ""
        if isinstance(definition, ParameterDef):
            value = Value(definition.schema)
            insert = self.entry(name, value) if shape is not None else ""
            required = definition.required and not definition.has_default and not definition.has_value
            word = {"attributes": "attribute"}.get(shape.members if shape is not None else "", "property")
            return Proposal(
                name,
                KIND.Property,
                describe.parameter_line(definition),
                describe.parameter_markdown(definition, word),
                insert,
                0 if required else 2,
            )
        if shape is not None:
            insert = self.entry(name, shape.value)
        detail = ""
        if isinstance(definition, CapabilityDef):
            detail = definition.type
        elif isinstance(definition, RequirementDef):
            detail = definition.node or definition.capability or ""
        return Proposal(name, KIND.Field, detail, getattr(definition, "description", "") or "", insert)

    def is_block(self, schema: Schema) -> bool:
        found = self._scope.type_named("data", schema.type)
        return schema.type == "map" or (found is not None and found.schema is None and bool(found.properties))

    # --- values

    def text(self, shape: Text) -> Iterator[Proposal]:
        for choice in shape.choices:
            yield Proposal(choice, KIND.EnumMember)
        if shape.what == "version" and len(self.frames) == 1 and self.keyname() == "tosca_definitions_version":
            for version in VERSIONS:
                yield Proposal(version, KIND.EnumMember)
        elif shape.what == "path":
            if any(frame.entity == "import" for frame in self.frames) or self.keyname() == "imports":
                yield from self._profiles()
                yield from self.files((".yaml", ".yml", ".tosca"))
            else:
                yield from self.files(())

    def _profiles(self) -> Iterator[Proposal]:
        plain = self.keyname() not in ("file", "url")
        for name in importable(self._grammar) if plain else ():
            insert = f"profile: {name}" if self.keyname() == "imports" else ""
            yield Proposal(name, KIND.Module, "bundled profile", "", insert)

    def references(self, shape: Ref) -> Iterator[Proposal]:
        for space in shape.spaces:
            if space == "keyword":
                for word in KEYWORDS:
                    yield Proposal(word, KIND.Keyword, order=6)
            elif space == "profile":
                for name in importable(self._grammar):
                    yield Proposal(name, KIND.Module, "bundled profile")
            elif space == "path":
                for name, definition in self._index.path_members(self.found.node, self.frames).items():
                    yield self._member(name, definition)
            elif space.endswith((" of the first", " of the target")):
                for name, definition in self._index.of_other(space, self.frames).items():
                    yield self._member(name, definition)
            else:
                yield from self._names_in(space, others=bool(shape.types))
        for kind in shape.types:
            # where a template may be named as well, types come behind it
            yield from self._types(kind, order=6 if shape.spaces else 2)

    def _names_in(self, space: str, *, others: bool) -> Iterator[Proposal]:
        """Names of the template; with `others` not the one that the cursor is in, which cannot require itself."""
        workflow = any(frame.entity == "workflow" for frame in self.frames)
        spaces = ["workflow input", space] if space == "input" and workflow else [space]
        suitable = self._suitable() if space == "node template" else None
        own = {frame.name for frame in self.frames if frame.entity == space} if others else set()
        for each in spaces:
            for name in sorted(self._index.defined(each)):
                bare = name.rpartition("/")[2] if each in ("step", "workflow input") else name
                if bare in own:
                    continue
                type_def = self._index.node_type(bare, self.frames) if each == "node template" else None
                order = 1 if suitable is None or type_def is None or suitable(type_def) else 4
                detail = type_def.name if type_def is not None else each
                parameter = self._names.service.inputs.get(bare) if each == "input" else None
                text = describe.parameter_markdown(parameter, "input") if parameter is not None else ""
                yield Proposal(bare, KIND.Variable, detail, text, "", order)

    def _suitable(self) -> Any:
        """Of a requirement: which types its definition allows as target."""
        frames = self.frames
        if frames and frames[-1].entity == "requirement assignment":
            name, around = frames[-1].name, frames[:-1]
        else:
            name, around = self._requirement_name(), frames
        definition = self._scope.members(around, "requirements").get(name or "") if around else None
        if not isinstance(definition, RequirementDef):
            return None

        def fits(type_def: TypeDef) -> bool:
            if definition.node is not None and definition.node not in type_def.ancestry:
                return False
            wanted = definition.capability
            return wanted is None or any(
                wanted == item.name
                or wanted in getattr(self._names.service.types.get(("capability", item.type)), "ancestry", ())
                for item in type_def.capabilities.values()
            )

        return fits

    def _requirement_name(self) -> str | None:
        """Of the short form `- host: web`: the name before the cursor."""
        for visit in self._index.visits:
            if visit.key == "member" and visit.value is self.found.node:
                return str(visit.node.value)
        return None

    def _types(self, kind: str, *, order: int) -> Iterator[Proposal]:
        if kind == "data":
            for name in sorted(BUILT_IN - {"any"}):
                yield Proposal(name, KIND.Keyword, "built-in type", order=order)
        known = {name for name, _ in self._names.types(kind)}
        for name, type_def in self._names.types(kind):
            detail = " ".join(type_def.description.split())
            yield Proposal(name, KIND.Class, detail[:100], describe.type_markdown(type_def), order=order)
        for name in self._index.defined(f"{kind} type") - known:  # declared since the text could last be read
            yield Proposal(name, KIND.Class, f"{kind} type of this file", order=order)

    def constants(self, schema: Schema) -> Iterator[Proposal]:
        found = self._scope.type_named("data", schema.type)
        if schema.type == "boolean" or (found is not None and found.ancestry[-1] == "boolean"):
            yield Proposal("true", KIND.Value, order=0)
            yield Proposal("false", KIND.Value, order=0)
        inner = found.schema.constraints if found is not None and found.schema is not None else ()
        for operator, argument in clauses((*schema.constraints, *inner)):
            if operator == "valid_values" and isinstance(argument, list):
                for value in argument:
                    yield Proposal(flow(value), KIND.Value, order=0)
        if found is not None and found.schema is None and self.below_key():
            for name, definition in found.properties.items():
                yield self._member(name, definition, Map(Value(), members="fields"))

    def functions(self, *, bare: bool) -> Iterator[Proposal]:
        """Function calls; `bare` where the map around them is there already."""
        for name, (least, most) in functions_of(self._grammar).items():
            label = f"${name}" if self._grammar.two else name
            if most == 0:
                if not bare:
                    yield Proposal(label, KIND.Function, order=7)
                continue
            call = f"{label}: \0" if least < 2 else f"{label}: [ \0 ]"
            insert = call if bare else f"{{ {call} }}"
            if bare and self.after.lstrip().startswith(":"):
                insert = label
            yield Proposal(label, KIND.Function, arguments(least, most), "", insert, 7 if name in _COMMON else 8)
