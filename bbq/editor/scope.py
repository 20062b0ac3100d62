"""What the map at a place may hold, by the types that the template names around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yaml import MappingNode, ScalarNode

from bbq.editor.reading import Names
from bbq.editor.shapes import INTERFACES
from bbq.editor.visits import Frame, Frames
from bbq.tosca.model import InterfaceDef, TypeDef

_TYPED: Final = {
    "node template": ("node", "type"),
    "relationship template": ("relationship", "type"),
    "group": ("group", "type"),
    "policy": ("policy", "type"),
    "artifact": ("artifact", "type"),
    "substitution mapping": ("node", "node_type"),
    "relationship in a requirement definition": ("relationship", "type"),
}
"""Entity -> kind of its type, keyname that names it."""


class TemplateScope:
    """A `walk.Scope` over the types of one file."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def type_named(self, kind: str, name: str) -> TypeDef | None:
        """The type that the file means; a definition from another file may name one that this file has under a prefix only."""
        return self._names.type_named(kind, name) or self._names.service.types.get((kind, name))

    def type_of(self, frame: Frame, around: Frames = ()) -> TypeDef | None:
        """The type of a template; of one that copies another, that one's."""
        if frame.entity not in _TYPED:
            kind, word, rest = frame.entity.partition(" type")
            return self.type_named(kind, frame.name) if word and not rest and frame.name else None
        kind, keyname = _TYPED[frame.entity]
        seen: set[int] = set()
        while id(frame.node) not in seen:
            seen.add(id(frame.node))
            name = frame.text(keyname)
            if name is not None:
                return self.type_named(kind, name)
            other = template_named(frame.text("copy"), around)
            if other is None:
                break
            frame = Frame(frame.entity, frame.name, other)
        return None

    def members(self, frames: Frames, what: str) -> Mapping[str, Any]:
        """What the innermost entity may have; {} where that cannot be told."""
        if not frames:
            return {}
        frame, around = frames[-1], frames[:-1]
        if frame.entity in _TYPED or frame.entity.endswith(" type"):
            found = self.type_of(frame, around)
        elif frame.entity == "capability assignment":
            definition = self.members(around, "capabilities").get(frame.name or "")
            return getattr(definition, what, {}) or {}
        elif frame.entity == "capability definition":
            found = self.type_named("capability", frame.text("type") or "")
        elif frame.entity == "requirement assignment":
            found = self.relationship(frames)
        elif frame.entity == "relationship in a requirement":
            found = self.type_named("relationship", frame.text("type") or "") or self.relationship(around)
        elif frame.entity in (*INTERFACES, "operation"):
            return self._interface_members(frames, what)
        else:
            return {}
        return getattr(found, what, {}) or {}

    def relationship(self, frames: Frames) -> TypeDef | None:
        """The relationship type of a requirement assignment."""
        if not frames:
            return None
        frame = frames[-1]
        definition = self.members(frames[:-1], "requirements").get(frame.name or "")
        name = frame.text("relationship") or getattr(definition, "relationship", None)
        return self.type_named("relationship", name) if name else None

    def _interface_members(self, frames: Frames, what: str) -> Mapping[str, Any]:
        frame, around = frames[-1], frames[:-1]
        if frame.entity == "operation":
            owner = self._interface(around) if around else None
            operation = owner.operations.get(frame.name or "") if owner is not None else None
            inputs = dict(getattr(owner, "inputs", None) or {}) | dict(getattr(operation, "inputs", None) or {})
            return inputs if what == "inputs" else {}
        interface = self._interface(frames)
        if interface is None:
            return {}
        if what == "inputs":
            return interface.inputs if isinstance(interface, InterfaceDef) else interface.properties
        return getattr(interface, what, {}) or {}

    def _interface(self, frames: Frames) -> InterfaceDef | TypeDef | None:
        """The definition of an interface, or (where the entity around has none) its type."""
        frame = frames[-1]
        if frame.entity not in INTERFACES:
            return None
        defined = self.members(frames[:-1], "interfaces").get(frame.name or "")
        if isinstance(defined, InterfaceDef):
            return defined
        return self.type_named("interface", frame.text("type") or frame.name or "")


def template_named(name: str | None, frames: Frames) -> MappingNode | None:
    """The node template or relationship template of that name in the service template around a place."""
    if name is None:
        return None
    for frame in frames:
        for block in ("node_templates", "relationship_templates"):
            templates = frame.child(block) if frame.entity == "service template" else None
            if isinstance(templates, MappingNode):
                for key, value in templates.value:
                    if isinstance(key, ScalarNode) and key.value == name and isinstance(value, MappingNode):
                        return value
    return None
