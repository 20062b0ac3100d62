"""Names in a TOSCA file: its own templates, inputs and types, and what the types of its imports have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import SourceRange
from bbq.editor import describe
from bbq.editor.lsp.index import Home, Index, Occurrence, Place
from bbq.editor.reading import Names
from bbq.editor.scope import TemplateScope, template_named
from bbq.editor.shapes import KEYWORDS, Map, Named, Ref, Text
from bbq.editor.visits import Frame, Frames, Visit
from bbq.editor.walk import functions_of, walk
from bbq.tosca.checker import BUILT_IN
from bbq.tosca.grammar import KINDS, Grammar
from bbq.tosca.model import CapabilityDef, ParameterDef, RequirementDef, TypeDef
from bbq.tosca.schemas import find

_OF_TYPES: Final = frozenset(("property", "attribute", "properties", "attributes", "fields", "member"))
"""Spaces of what types have."""


class ToscaIndex(Index):
    """The names of one TOSCA file."""

    renamed = frozenset(
        (
            *("node template", "input", "output", "relationship template", "group", "policy"),
            *("workflow", "step", "workflow input", "repository", "trigger"),
        )
    )
    shared = (frozenset(("node template", "group")),)

    def __init__(self, root: Node, grammar: Grammar, names: Names) -> None:
        self.grammar = grammar
        self.names = names
        self.scope = TemplateScope(names)
        visits: list[Visit] = []
        walk(root, grammar, visits.append, self.scope)
        super().__init__(root, visits)

    def qualified(self, space: str, name: str, frames: Frames) -> str:
        if space in ("step", "workflow input", "trigger"):
            entity = "policy" if space == "trigger" else "workflow"
            owner = next((frame.name for frame in reversed(frames) if frame.entity == entity), "")
            return f"{owner}/{name}"
        return name

    # --- uses

    def uses(self, visit: Visit, node: ScalarNode) -> Iterator[Occurrence]:
        shape, frames = visit.shape, visit.frames
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
        target: Any = None
        kind, word, rest = space.partition(" type")
        if word and not rest and kind in KINDS:
            target = self.names.type_named(kind, node.value)
            return Occurrence(space, target.name if target is not None else node.value, node, True, target, frames)
        if space in ("property", "attribute") and frames:
            owner = self.scope.type_of(frames[-1], frames[:-1])
            target = (owner.properties if space == "property" else owner.attributes).get(node.value) if owner else None
        return Occurrence(space, self.qualified(space, node.value, frames), node, True, target, frames)

    def _member(self, frames: Frames, what: str, name: str) -> Any:
        if what == "fields":
            found = self.scope.type_named("data", frames[-1].name or "") if frames else None
            return found.properties.get(name) if found is not None else None
        return self.scope.members(frames, what).get(name)

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
                    local = self.qualified("workflow input", name, frames)
                    if local in self.defined("workflow input"):
                        yield Occurrence("workflow input", local, node, frames=frames)
                        return
                qualified = self.qualified(space, name, frames)
                if qualified in self.defined(space):
                    yield Occurrence(space, qualified, node, frames=frames)
                    return
        for kind in shape.types:
            if kind == "data" and name in BUILT_IN:
                return
            found = self.names.type_named(kind, name)
            if found is not None:
                yield Occurrence(f"{kind} type", found.name, node, target=found, frames=frames)
                return

    def keyword(self, name: str, frames: Frames) -> Frame | None:
        """The template that SELF and the like stand for, where the text around says so."""
        if name not in KEYWORDS:
            return None
        owners = ("node template", "relationship template", "node type")
        around = [frame for frame in frames if frame.entity in owners]
        return around[-1] if around and name in ("SELF", "SOURCE") else None

    def node_type(self, name: str, frames: Frames) -> TypeDef | None:
        """The type of a node template, by its name or a keyword."""
        frame = self.keyword(name, frames)
        if frame is None:
            found = template_named(name, frames) or self._template(name)
            frame = Frame("node template", name, found) if found is not None else None
        return self.scope.type_of(frame, frames) if frame is not None else None

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
        if definition is None:
            return None
        return self.scope.type_named("data", definition.schema.type)

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
            if type_def is None and target is not None:
                type_def = self.scope.type_named("node", target)
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

    # --- what is known of them

    def told(self, occurrence: Occurrence) -> str:
        target, name = occurrence.target, occurrence.name
        if isinstance(target, TypeDef):
            return describe.type_markdown(target)
        if isinstance(target, ParameterDef):
            word = {"attributes": "attribute", "inputs": "input"}.get(occurrence.space, "property")
            return describe.parameter_markdown(target, word)
        if isinstance(target, CapabilityDef):
            return _paragraphs(f"**{target.name}** (capability): {target.type}", target.description, target.at)
        if isinstance(target, RequirementDef):
            wanted = " with ".join(name for name in (target.node, target.capability) if name)
            text = f"**{target.name}** (requirement): {describe.counted(target.occurrences)} of {wanted or 'any node'}"
            return _paragraphs(text, target.description, target.at)
        if isinstance(target, Frame) or occurrence.space == "node template":
            node = target.name if isinstance(target, Frame) else name
            type_def = self.node_type(name, occurrence.frames)
            if type_def is not None:
                return f"**{node}** (node template of type `{type_def.name}`)\n\n---\n\n{describe.type_markdown(type_def)}"
            return f"**{node}** (node template)"
        if occurrence.space == "input":
            definition = self.names.service.inputs.get(name)
            return describe.parameter_markdown(definition, "input") if definition is not None else f"**{name}** (input)"
        if occurrence.space in self.renamed:
            return f"**{name.rpartition('/')[2]}** ({occurrence.space})"
        return ""

    def told_of(self, visit: Visit) -> str:
        if visit.key == "function":
            name = visit.node.value.removeprefix("$")
            arguments = functions_of(self.grammar).get(name)
            if arguments is None:
                return f"**{visit.node.value}** (function of this template)"
            least, most = arguments
            count = f"{least} or more" if most is None else str(least) if least == most else f"{least} to {most}"
            return f"**{visit.node.value}** (function): {count} argument{'s' if count != '1' else ''}"
        return ""

    def places(self, occurrence: Occurrence) -> list[Place]:
        target = occurrence.target
        if isinstance(target, Frame):  # what a keyword stands for
            if target.name is None:
                return [target.node]
            named = (target.entity, target.name)
            return [each.node for each in self.occurrences if each.definition and (each.space, each.name) == named]
        return super().places(occurrence)

    def file_named(self, text: str) -> Path | None:
        found = self.names.imported(text)
        if found is None and "\0" not in text and "://" not in text:
            beside = Path(os.path.realpath(self.names.unit.path.parent / text))
            found = beside if beside.is_file() else None
        return found

    def refusal(self, occurrence: Occurrence, new: str) -> str | None:
        space, target = occurrence.space, occurrence.target
        if new in KEYWORDS:
            return f"{new} means something else in functions"
        if space == "node template" and self.names.type_named("node", new) is not None:
            return f"{new!r} is a node type: a requirement could not tell them apart"
        if isinstance(target, TypeDef):
            if new in BUILT_IN or self.names.type_named(target.kind, new) is not None:
                return f"there is a {target.kind} type {new!r} already"
            if target.kind == "node" and new in self.defined("node template"):
                return f"{new!r} is a node template: a requirement could not tell them apart"
        elif space in _OF_TYPES and (home := self.home(occurrence)) is not None:
            for other in self.names.service.types.values():
                names = other.properties | other.attributes
                if new in names and any(self._origins.get(Home.of(item.at)) == home for item in names.values()):
                    return f"{other.name} has a property or attribute {new!r} already"
        return super().refusal(occurrence, new)

    def home(self, occurrence: Occurrence) -> Home | None:
        target = occurrence.target
        if isinstance(target, TypeDef):
            return Home.of(target.at)
        if isinstance(target, ParameterDef) and occurrence.space in _OF_TYPES:
            return self._origins.get(Home.of(target.at))
        return None

    @cached_property
    def _origins(self) -> dict[Home, Home]:
        """Place of each definition of a property or attribute -> of the first one, in the ancestor that others refine."""
        types, found = self.names.service.types, {}
        for type_def in types.values():
            line = [known for name in type_def.ancestry if (known := types.get((type_def.kind, name))) is not None]
            for name, definition in (type_def.attributes | type_def.properties).items():
                first = next((item for known in reversed(line) if (item := _member_of(known, name)) is not None), definition)
                found[Home.of(definition.at)] = Home.of(first.at)
        return found

    def respelled(self, occurrence: Occurrence, written: str, new: str) -> str | None:
        target = occurrence.target
        if not isinstance(target, TypeDef):
            return super().respelled(occurrence, written, new)
        declaration = find(self.names.unit, target.kind, written)
        name = declaration.name if declaration is not None else written
        prefix = written.removesuffix(name)
        if written.endswith(name) and (not prefix or prefix.endswith(":")):
            return prefix + new
        short = written.removeprefix("tosca:")  # of 1.x: `Compute`, `tosca:Compute`
        if not name.endswith(short):
            return None
        head = name.removesuffix(short)
        return written.removesuffix(short) + new.removeprefix(head) if new.startswith(head) else new


def _member_of(type_def: TypeDef, name: str) -> ParameterDef | None:
    return type_def.properties.get(name) or type_def.attributes.get(name)


def _paragraphs(text: str, description: str, at: SourceRange) -> str:
    return "\n\n".join(part for part in (text, description.strip(), f"Defined in {describe.place(at)}") if part)
