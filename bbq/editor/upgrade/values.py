"""First step: values, functions and names of types. No line is added or taken away."""

from __future__ import annotations

import re
from typing import Final

from yaml import ScalarNode, SequenceNode

from bbq.editor.reading import Names
from bbq.editor.shapes import Map, Ref, Text, Value
from bbq.editor.syntax import Piece
from bbq.editor.upgrade.edits import Source
from bbq.editor.upgrade.step import Step, Warned
from bbq.editor.upgrade.types import Renaming
from bbq.editor.visits import Frames, Visit
from bbq.tosca.checker import Checker
from bbq.tosca.functions import FUNCTIONS_2
from bbq.tosca.model import Schema, TypeDef
from bbq.tosca.units import SCALAR_UNITS, scalar
from bbq.yamlreader import data, is_null

_OCTAL: Final = re.compile(r"([-+]?)0([0-7]+)\Z")


class Values(Step):
    def __init__(self, source: Source, names: Names, warned: list[Warned], renaming: Renaming) -> None:
        super().__init__(source, names, warned)
        self._renaming = renaming
        self._checker = Checker(names.service.types)

    def collect(self) -> None:
        self._duplicates(self.tree.root)
        for visit in self.visits:
            node = visit.node
            piece = self.piece(node)
            if piece is None:
                continue
            if visit.key == "function":
                self._function(visit, piece)
            elif visit.key == "data" and node.value.startswith("$"):
                self.rename(piece, f"${node.value}")
            elif visit.key == "member" and isinstance(visit.shape, Map) and visit.shape.members == "interfaces":
                self._interface(visit, piece)
            elif visit.key is None and isinstance(node, ScalarNode):
                self._scalar(visit, node, piece)

    def _duplicates(self, piece: Piece) -> None:
        """A key that stands twice: the later one counts, as for the reader."""
        later: set[str] = set()
        for entry in reversed(piece.entries):
            if entry.key is not None and entry.key.node is not None and entry.key.node.value != "<<":
                if entry.key.node.value in later:
                    self.drop(entry, piece, f"{entry.key.node.value} stands twice, and the later one counts")
                later.add(entry.key.node.value)
        for entry in piece.entries:
            self._duplicates(entry.value)

    def _scalar(self, visit: Visit, node: ScalarNode, piece: Piece) -> None:
        shape = visit.shape
        if isinstance(shape, Ref):
            self._type(shape, visit.frames, node, piece)
        elif isinstance(shape, Value):
            self._value(node, piece, shape.schema)
        elif isinstance(shape, Text) and shape.what == "boolean":
            value = data(node, "1.1")
            if isinstance(value, bool) and data(node, "1.2") is not value:
                self.edits.replace(piece.start, piece.end, "true" if value else "false")

    # --- values

    def _value(self, node: ScalarNode, piece: Piece, schema: Schema | None) -> None:
        """Spells a value so that 2.0 reads what 1.x read: YAML 1.2 has other booleans and octals, types are not converted."""
        if node.tag or piece.style in ("|", ">") or is_null(node):
            return
        raw, value = self.written(piece), data(node, "1.1")
        base = self._base(schema)
        new: str | None = None
        if base == "string" and not isinstance(value, str):
            new = f'"{raw}"'
        elif base == "integer" and isinstance(value, str) and value.removeprefix("-").isdecimal():
            new = value
        elif base == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
            new = value.lower()
        elif base in SCALAR_UNITS and isinstance(value, str):
            found = scalar(value, SCALAR_UNITS[base])
            if found is not None and scalar(value, SCALAR_UNITS[base], exact_case=True) is None:
                new = found[1]
        elif isinstance(value, str) and value.startswith("$") and "\n" not in raw:
            at = piece.start + (1 if piece.style else 0)
            self.edits.insert(at, "$")
        elif data(node, "1.2") != value or type(data(node, "1.2")) is not type(value):
            octal = _OCTAL.match(raw)
            new = str(value).lower() if isinstance(value, bool) else f"{octal[1]}0o{octal[2]}" if octal else None
        if new is not None and new != raw:
            self.edits.replace(piece.start, piece.end, new)

    def _base(self, schema: Schema | None) -> str:
        if schema is None:
            return ""
        found = self.names.type_named("data", schema.type)
        return self._checker.base(found.name if found is not None else schema.type)

    # --- functions

    def _function(self, visit: Visit, piece: Piece) -> None:
        name = visit.node.value
        if name not in FUNCTIONS_2:
            self.warn(piece, f"TOSCA 2.0 has no function {name}")
        self.rename(piece, f"${name}")
        if name in ("get_property", "get_attribute") and isinstance(visit.value, SequenceNode):
            self._path(visit.value, visit.frames, attributes=name == "get_attribute")

    def _path(self, node: SequenceNode, frames: Frames, *, attributes: bool) -> None:
        """`[ node, capability, name ]` says what the second name is in 2.0: `[ node, CAPABILITY, capability, name ]`."""
        names = [item.value if isinstance(item, ScalarNode) else "" for item in node.value]
        first = self.piece(node.value[0]) if node.value else None
        if first is not None and names[0] == "HOST":
            self.warn(first, "TOSCA 2.0 has no HOST; bbq still understands it, other processors do not")
        if len(names) < 3:
            return
        type_def = self._type_of(names[0], frames)
        second = self.piece(node.value[1])
        if type_def is None or second is None:
            return
        if names[1] in type_def.properties or (attributes and names[1] in type_def.attributes):
            return
        if names[1] in type_def.requirements:
            definition = type_def.requirements[names[1]]
            capability = self.names.service.types.get(("capability", definition.capability or ""))
            offered = {**capability.properties, **capability.attributes} if capability is not None else {}
            step = "CAPABILITY" if names[2] in offered else "TARGET"
            self.edits.insert(second.start, "RELATIONSHIP, ")
            self.edits.insert(second.end, f", {step}")
        elif names[1] in type_def.capabilities:
            self.edits.insert(second.start, "CAPABILITY, ")

    def _type_of(self, name: str, frames: Frames) -> TypeDef | None:
        if name == "SELF":
            owner = next((frame for frame in reversed(frames) if frame.entity == "node template"), None)
            name = owner.name or "" if owner is not None else ""
        template = self.names.service.node_templates.get(name)
        return template.type if template is not None else None

    # --- names

    def _type(self, shape: Ref, frames: Frames, node: ScalarNode, piece: Piece) -> None:
        service = self.names.service
        if "node template" in shape.spaces and node.value in service.node_templates:
            return
        for kind in shape.types:
            new = self._renaming.new_name(kind, node.value)
            if new is None:
                continue
            if new == node.value:
                return
            self.rename(piece, new)
            return

    def _interface(self, visit: Visit, piece: Piece) -> None:
        """1.0 names interfaces by their types."""
        members = self.scope.members(visit.frames, "interfaces")
        name: str = visit.node.value
        if name in members:
            return
        kind = self.names.type_named("interface", name)
        if kind is None:
            return
        short = next((known for known, found in members.items() if getattr(found, "type", None) == kind.name), None)
        if short is not None:
            self.rename(piece, short)
