"""Completion in Heat templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from bbq.editor.constraints import flow
from bbq.editor.heat import describe
from bbq.editor.heat.functions import ARGUMENTS, COMMON, FUNCTIONS
from bbq.editor.heat.names import Property, type_names
from bbq.editor.heat.shapes import ATTRIBUTE, CONDITION, keynames_of, shape_of
from bbq.editor.lsp.completion import KIND, Completer, Cursor, Proposal
from bbq.editor.lsp.heat.index import HeatIndex
from bbq.editor.shapes import Items, Map, Named, Ref, Text, Value
from bbq.hot.resources import MEMBERS
from bbq.hot.types import resource_type
from bbq.hot.versions import VERSION_KEYS, known_versions

_OUTDATED: Final = ("hidden", "unsupported")


class HeatCompleter(Completer):
    def __init__(self, cursor: Cursor, index: HeatIndex) -> None:
        super().__init__(cursor)
        self._index: HeatIndex = index
        self._version = index.version

    def keynames(self, entity: str, taken: set[str]) -> Iterator[Proposal]:
        if self.document.version.is_new:
            for key in VERSION_KEYS:
                yield Proposal(key, KIND.Property, "Heat", "", self.entry(key, Text()), 1)
            return
        for place, (name, required) in enumerate(keynames_of(self._version, entity).items()):
            if name not in taken:
                shape = shape_of(self._version, entity, name)
                insert = self.entry(name, shape)
                order = 0 if required else 2
                detail = "required" if required else "argument" if entity in ARGUMENTS else entity
                yield Proposal(name, KIND.Property, detail, "", insert, order if place < 10 else order + 1)

    def members(self, shape: Map | Named, taken: set[str]) -> Iterator[Proposal]:
        known = self.frames[-1].known if self.frames else None
        if isinstance(known, dict):
            yield from self._properties(known, taken)
        if not taken and self.frames and self.frames[-1].entity == "fields":
            yield from self.functions(bare=True)

    def _properties(self, known: Mapping[str, Property], taken: set[str]) -> Iterator[Proposal]:
        for name, found in known.items():
            if name in taken or found.schema.status in _OUTDATED or not found.schema.implemented:
                continue
            member = found.owner in MEMBERS and name == MEMBERS[found.owner]
            insert = self.entry(name, Map(Value()) if member else self._shape(found))
            order = 0 if found.schema.required else 4 if found.schema.status else 2
            line = describe.schema_line(found.schema)
            yield Proposal(name, KIND.Property, line, describe.property_markdown(found), insert, order)

    def _shape(self, found: Property) -> Value | Items:
        return Items(Value(found.entry())) if found.schema.type == "list" else Value(found)

    def is_block(self, schema: Property) -> bool:
        return schema.schema.type == "map"

    # --- values

    def text(self, shape: Text) -> Iterator[Proposal]:
        yield from super().text(shape)
        if shape.what == "version" and len(self.frames) == 1:
            names = known_versions(self.keyname() or "") if self.keyname() in VERSION_KEYS else ()
            newest = max((name for name in names if name[:1].isdigit()), default="")
            for name in names:
                yield Proposal(name, KIND.EnumMember, order=1 if name == newest else 2 if name[:1].isdigit() else 3)

    def references(self, shape: Ref) -> Iterator[Proposal]:
        if shape.types:
            yield from self._types()
        elif shape == ATTRIBUTE:
            for name, found in self._index.attributes(self.frames).items():
                if found.attribute.status not in _OUTDATED:
                    text = describe.attribute_markdown(found)
                    yield Proposal(name, KIND.Field, found.attribute.type, text, order=4 if found.attribute.status else 2)
        else:
            for space in shape.spaces:
                yield from self._names_in(space)
        if shape == CONDITION:
            yield from self.functions(bare=False)

    def _names_in(self, space: str) -> Iterator[Proposal]:
        own = {frame.name for frame in self.frames if frame.entity == space}
        template = self._index.names.template
        for name in sorted(self._index.defined(space) - own):
            parameter = template.parameters.get(name) if template is not None and space == "parameter" else None
            kind = next(iter(self._index.kinds(name)), None) if space == "resource" else None
            detail = kind.name if kind is not None else parameter.type if parameter is not None else space
            text = describe.parameter_markdown(parameter) if parameter is not None else ""
            yield Proposal(name, KIND.Variable, detail, text, order=1)
        if space == "parameter" and any(frame.entity == "call" for frame in self.frames):
            for name in self._index.version.pseudo_parameters:
                if name != "OS::region":  # which no Heat gives a value
                    yield Proposal(name, KIND.Constant, "of every stack", order=3)

    def _types(self) -> Iterator[Proposal]:
        for name in type_names():
            kind = resource_type(name)
            required = [key for key, item in kind.properties.items() if item.required] if kind is not None else []
            status = kind.status if kind is not None else ""
            detail = status or ("needs " + ", ".join(required) if required else "")
            found = self._index.names.kind(name)
            text = describe.kind_markdown(found) if found is not None and name.startswith(self.typed or "\0") else ""
            yield Proposal(name, KIND.Class, detail, text, order=4 if status else 2)
        yield from self.files((".yaml", ".template"))

    def constants(self, schema: Property) -> Iterator[Proposal]:
        if schema.schema.type == "boolean":
            yield Proposal("true", KIND.Value, order=0)
            yield Proposal("false", KIND.Value, order=0)
        for limit in schema.schema.limits:
            if limit.kind == "allowed_values" and isinstance(limit.argument, (list, tuple)):
                for value in limit.argument:
                    yield Proposal(flow(value), KIND.Value, order=0)
        if self.below_key():
            yield from self._properties(schema.fields(), set())

    def functions(self, *, bare: bool) -> Iterator[Proposal]:
        inside = any(frame.entity == "call" and frame.name in _OF_CONDITIONS for frame in self.frames)
        condition = inside or self.found.shape == CONDITION
        for name in sorted(self._version.conditions if condition else self._version.functions):
            form, text = FUNCTIONS[name]
            call = f"{name}: [ \0 ]" if form.startswith("[") else f"{name}: {{ \0 }}" if form.startswith("{") else f"{name}: \0"
            insert = call if bare else f"{{ {call} }}"
            if bare and self.after.lstrip().startswith(":"):
                insert = name
            yield Proposal(name, KIND.Function, form, text, insert, 7 if name in COMMON else 8)


_OF_CONDITIONS: Final = frozenset(("equals", "not", "and", "or", "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"))
