"""Names in a document: where each is defined and where it is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.editor.reading import Names
from bbq.editor.scope import TemplateScope, template_named
from bbq.editor.shapes import KEYWORDS, Entity, Map, Named, Ref, Text
from bbq.editor.walk import Frame, Frames, Visit, walk
from bbq.tosca.checker import BUILT_IN
from bbq.tosca.grammar import KINDS, Grammar
from bbq.tosca.model import TypeDef

RENAMED: Final = frozenset(
    (
        *("node template", "input", "output", "relationship template", "group", "policy"),
        *("workflow", "step", "workflow input", "repository", "trigger"),
    )
)
"""Spaces whose names mean something in their own file only."""
_SHARED: Final = ({"node template", "group"},)
"""Spaces whose names stand in the same places, so that one name cannot be in both."""


@dataclass(frozen=True, slots=True, eq=False)
class Occurrence:
    """One name at one place. `space` says what it names: "node template", "input", "node type", "property" ...; names of steps
    and of a workflow's inputs begin with their workflow's. `target` is the type or definition where it is known; a
    path (of an import, an artifact) has space "path"."""

    space: str
    name: str
    node: ScalarNode
    definition: bool = False
    target: Any = None
    frames: Frames = ()


class Index:
    """The names of one document. Without types (`names` None) there are those of the template only."""

    def __init__(self, root: Node, grammar: Grammar, names: Names | None) -> None:
        self.root = root
        self.occurrences: list[Occurrence] = []
        self.visits: list[Visit] = []
        self._names = names
        self._scope = TemplateScope(names) if names is not None else None
        self._defined: dict[str, set[str]] = {}
        walk(root, grammar, self.visits.append, self._scope)
        for visit in self.visits:
            self._definition(visit)
        seen = set()
        for visit in self.visits:
            for occurrence in self._uses(visit):
                key = occurrence.space, id(occurrence.node)
                if key not in seen:
                    seen.add(key)
                    self.occurrences.append(occurrence)

    def defined(self, space: str) -> set[str]:
        return self._defined.get(space, set())

    def taken(self, space: str, name: str) -> bool:
        """Whether something of the space, or of one whose names stand in the same places, has the name already."""
        spaces = next((shared for shared in _SHARED if space in shared), {space})
        return any(name in self.defined(each) for each in spaces)

    def same(self, one: Occurrence) -> list[Occurrence]:
        """Every place of what is named there, its definition first."""
        found = [other for other in self.occurrences if (other.space, other.name) == (one.space, one.name)]
        return sorted(found, key=lambda other: not other.definition)

    def at(self, line: int, column: int) -> Occurrence | None:
        """The name at the reader's place, both from 0 on; the innermost one."""
        best = None
        for occurrence in self.occurrences:
            if covers(occurrence.node, line, column):
                best = occurrence
        return best

    def visit_at(self, line: int, column: int) -> Visit | None:
        best = None
        for visit in self.visits:
            if isinstance(visit.node, ScalarNode) and covers(visit.node, line, column):
                best = visit
        return best

    # --- definitions

    def _definition(self, visit: Visit) -> None:
        if visit.key == "definition" and isinstance(visit.shape, (Map, Named)):
            space = visit.shape.defines
            self._defined.setdefault(space, set()).add(self._qualified(space, visit.node.value, visit.frames))

    @staticmethod
    def _qualified(space: str, name: str, frames: Frames) -> str:
        if space in ("step", "workflow input", "trigger"):
            entity = "policy" if space == "trigger" else "workflow"
            owner = next((frame.name for frame in reversed(frames) if frame.entity == entity), "")
            return f"{owner}/{name}"
        return name

    # --- uses

    def _uses(self, visit: Visit) -> Iterator[Occurrence]:
        node, shape, frames = visit.node, visit.shape, visit.frames
        if not isinstance(node, ScalarNode) or not node.value:
            return
        if visit.key == "definition" and isinstance(shape, (Map, Named)):
            yield self._defining(node, shape, frames)
        elif visit.key == "member" and isinstance(shape, (Map, Named)):
            target = self._member(frames, shape.members, node.value)
            if target is not None:
                yield Occurrence(shape.members, node.value, node, target=target, frames=frames)
        elif visit.key is None and isinstance(shape, Ref):
            yield from self._reference(node, shape, frames)
        elif visit.key is None and isinstance(shape, Text) and shape.what == "path":
            yield Occurrence("path", node.value, node, frames=frames)

    def _defining(self, node: ScalarNode, shape: Map | Named, frames: Frames) -> Occurrence:
        space = shape.defines
        target = None
        kind, word, rest = space.partition(" type")
        if word and not rest and kind in KINDS and self._names is not None:
            target = self._names.type_named(kind, node.value)
            return Occurrence(space, target.name if target is not None else node.value, node, True, target, frames)
        return Occurrence(space, self._qualified(space, node.value, frames), node, True, target, frames)

    def _member(self, frames: Frames, what: str, name: str) -> Any:
        if self._scope is None:
            return None
        if what == "fields":
            found = self._scope.type_named("data", frames[-1].name or "") if frames else None
            return found.properties.get(name) if found is not None else None
        return self._scope.members(frames, what).get(name)

    def _reference(self, node: ScalarNode, shape: Ref, frames: Frames) -> Iterator[Occurrence]:
        name = node.value
        for space in shape.spaces:
            if space == "keyword":
                owner = self.keyword(name, frames)
                if owner is not None:
                    yield Occurrence("keyword", name, node, target=owner, frames=frames)
                    return
            elif space == "path":
                yield from self._path(node, frames)
                return
            elif space == "profile":
                yield Occurrence("path", name, node, frames=frames)
                return
            elif space.endswith((" of the first", " of the target")):
                target = self._of_other(space, name, frames)
                if target is not None:
                    yield Occurrence(space.partition(" ")[0], name, node, target=target, frames=frames)
                    return
            else:
                if space == "input" and any(frame.entity == "workflow" for frame in frames):
                    local = self._qualified("workflow input", name, frames)
                    if local in self.defined("workflow input"):
                        yield Occurrence("workflow input", local, node, frames=frames)
                        return
                qualified = self._qualified(space, name, frames)
                if qualified in self.defined(space):
                    yield Occurrence(space, qualified, node, frames=frames)
                    return
        for kind in shape.types:
            if kind == "data" and name in BUILT_IN:
                return
            found = self._names.type_named(kind, name) if self._names is not None else None
            if found is not None:
                yield Occurrence(f"{kind} type", found.name, node, target=found, frames=frames)
                return

    def keyword(self, name: str, frames: Frames) -> Frame | None:
        """The template that SELF and the like stand for, where the text around says so."""
        if name not in KEYWORDS:
            return None
        around = [frame for frame in frames if frame.entity in ("node template", "relationship template")]
        return around[-1] if around and name in ("SELF", "SOURCE") else None

    def node_type(self, name: str, frames: Frames) -> TypeDef | None:
        """The type of a node template, by its name or a keyword."""
        if self._scope is None:
            return None
        frame = self.keyword(name, frames)
        if frame is None:
            found = template_named(name, frames) or self._template(name)
            frame = Frame("node template", name, found) if found is not None else None
        return self._scope.type_of(frame, frames) if frame is not None else None

    def _template(self, name: str) -> MappingNode | None:
        for visit in self.visits:
            if (
                visit.key == "definition"
                and isinstance(visit.shape, Map)
                and visit.shape.defines == "node template"
                and visit.node.value == name
                and isinstance(visit.value, MappingNode)
            ):
                return visit.value
        return None

    def first_of(self, frames: Frames) -> str | None:
        """The node template that the first item of the list or call around a place names."""
        frame = frames[-1] if frames else None
        if frame is None or frame.entity not in ("call", "list"):
            return None
        first = frame.node.value[0] if isinstance(frame.node, SequenceNode) and frame.node.value else None
        if isinstance(first, SequenceNode) and first.value:  # 2.0: [ node, index ]
            first = first.value[0]
        return first.value if isinstance(first, ScalarNode) else None

    def path_before(self, node: Node, frames: Frames) -> list[str]:
        """The names between the first item and a place in a call's path."""
        frame = frames[-1]
        before = []
        for item in frame.node.value[1:] if isinstance(frame.node, SequenceNode) else ():
            if item is node:
                break
            before.append(item.value if isinstance(item, ScalarNode) else "")
        return before

    def path_members(self, node: Node, frames: Frames) -> dict[str, Any]:
        """What may stand at a place of a `get_property` or `get_attribute` path: name -> definition."""
        first = self.first_of(frames)
        type_def = self.node_type(first, frames) if first is not None else None
        if type_def is None:
            return {}
        attributes = frames[-1].name == "get_attribute"
        before = self.path_before(node, frames)
        while before and before[0] in ("CAPABILITY", "RELATIONSHIP", "SELF"):
            before.pop(0)
        if not before:
            own = {**type_def.attributes} if attributes else {}
            return {**type_def.properties, **own, **type_def.capabilities, **type_def.requirements}
        capability = type_def.capabilities.get(before[0])
        if capability is not None and len(before) == 1:
            return {**capability.properties, **(capability.attributes if attributes else {})}
        definition = type_def.properties.get(before[0]) or (type_def.attributes.get(before[0]) if attributes else None)
        for step in before[1:]:
            found = self._data_type(definition)
            definition = found.properties.get(step) if found is not None else None
        found = self._data_type(definition)
        return dict(found.properties) if found is not None else {}

    def _data_type(self, definition: Any) -> TypeDef | None:
        if definition is None or self._scope is None:
            return None
        return self._scope.type_named("data", definition.schema.type)

    def _path(self, node: ScalarNode, frames: Frames) -> Iterator[Occurrence]:
        target = self.path_members(node, frames).get(node.value)
        if target is not None:
            yield Occurrence("member", node.value, node, target=target, frames=frames)

    def _of_other(self, space: str, name: str, frames: Frames) -> Any:
        return self.of_other(space, frames).get(name)

    def of_other(self, space: str, frames: Frames) -> dict[str, Any]:
        """The capabilities, requirements, interfaces ... of the node that a place is about."""
        word, _, whose = space.partition(" of the ")
        if whose == "target":
            target = frames[-1].text("node") if frames else None
            type_def = self.node_type(target, frames) if target is not None else None
            if type_def is None and target is not None and self._scope is not None:
                type_def = self._scope.type_named("node", target)
            return dict(type_def.capabilities) if type_def is not None else {}
        first = self.first_of(frames)
        type_def = self.node_type(first, frames) if first is not None else None
        if type_def is None:
            return {}
        if word == "operation":
            items = frames[-1].node.value if isinstance(frames[-1].node, SequenceNode) else []
            interface = type_def.interfaces.get(items[1].value) if len(items) > 1 and isinstance(items[1], ScalarNode) else None
            return dict(interface.operations) if interface is not None else {}
        plural = {"capability": "capabilities"}.get(word, f"{word}s")
        return dict(getattr(type_def, plural, {}))


def covers(node: Node, line: int, column: int) -> bool:
    """Whether a scalar is at the place; a cursor behind its last character is on it, too."""
    start, end = node.start_mark, node.end_mark or node.start_mark
    return (start.line, start.column) <= (line, column) <= (end.line, end.column)


__all__ = ["RENAMED", "Entity", "Index", "Occurrence", "covers"]
