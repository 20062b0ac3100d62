"""Names in a Heat template: its own parameters, resources and conditions, and what the types of its resources have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.editor.heat import describe
from bbq.editor.heat.functions import FUNCTIONS
from bbq.editor.heat.names import Kind, Names, Property, ResourceAttribute, attributes_of
from bbq.editor.heat.shapes import ATTRIBUTE
from bbq.editor.heat.walk import walk
from bbq.editor.lsp.index import Home, Index, Occurrence
from bbq.editor.shapes import Map, Named, Ref, Text
from bbq.editor.visits import Frames, Visit
from bbq.hot.files import TEMPLATE_SUFFIXES
from bbq.hot.versions import Version


class HeatIndex(Index):
    """The names of one template."""

    renamed = frozenset(("parameter", "resource", "condition", "output", "mapping"))
    shared = (frozenset(("parameter", "resource")),)

    def __init__(self, root: Node, version: Version, names: Names) -> None:
        self.version = version
        self.names = names
        visits: list[Visit] = []
        walk(root, version, names, visits.append)
        super().__init__(root, visits)

    def uses(self, visit: Visit, node: ScalarNode) -> Iterator[Occurrence]:
        shape, frames, name = visit.shape, visit.frames, node.value
        if visit.key == "definition" and isinstance(shape, (Map, Named)):
            yield Occurrence(shape.defines, name, node, True, frames=frames)
        elif visit.key == "member":
            found = frames[-1].known.get(name) if frames and isinstance(frames[-1].known, dict) else None
            if found is not None:
                yield Occurrence("property", name, node, target=found, frames=frames)
        elif visit.key is None and isinstance(shape, Ref):
            yield from self._reference(node, shape, frames)
        elif visit.key is None and isinstance(shape, Text) and shape.what == "path":
            yield Occurrence("path", name, node, frames=frames)

    def _reference(self, node: ScalarNode, shape: Ref, frames: Frames) -> Iterator[Occurrence]:
        name = node.value
        if shape.types:
            if name.endswith(TEMPLATE_SUFFIXES):
                yield Occurrence("path", name, node, target=self.names.kind(name), frames=frames)
            elif (kind := self.names.kind(name)) is not None:
                yield Occurrence("resource type", name, node, target=kind, frames=frames)
        elif shape == ATTRIBUTE:
            found = self.attributes(frames).get(name)
            if found is not None:
                yield Occurrence("attribute", name, node, target=found, frames=frames)
        else:
            for space in shape.spaces:
                if name in self.defined(space):
                    yield Occurrence(space, name, node, frames=frames)
                    return

    # --- resources and what they have

    @cached_property
    def _resources(self) -> dict[str, Node]:
        return {
            visit.node.value: visit.value
            for visit in self.visits
            if visit.key == "definition" and isinstance(visit.shape, Map) and visit.shape.defines == "resource" and visit.value
        }

    def kinds(self, resource: str) -> list[Kind]:
        """The type of a resource; of a group, also that of its members."""
        body = self._resources.get(resource)
        return list(self._kinds_in(body, self.version.spelled("type"), self.version.spelled("properties")))

    def _kinds_in(self, body: Node | None, type_key: str, properties_key: str) -> Iterator[Kind]:
        from bbq.hot.resources import MEMBERS

        keys = {key.value: value for key, value in body.value} if isinstance(body, MappingNode) else {}
        named = keys.get(type_key)
        kind = self.names.kind(named.value) if isinstance(named, ScalarNode) and named.value else None
        if kind is None:
            return
        yield kind
        properties = keys.get(properties_key)
        if kind.name in MEMBERS and isinstance(properties, MappingNode):
            for key, value in properties.value:
                if key.value == MEMBERS[kind.name]:
                    yield from list(self._kinds_in(value, "type", "properties"))[:1]

    def attributes(self, frames: Frames) -> dict[str, ResourceAttribute]:
        """What the resource has that the first argument of the call around a place names."""
        call = frames[-1] if frames else None
        if call is None or call.entity != "call" or not isinstance(call.node, SequenceNode) or not call.node.value:
            return {}
        first = call.node.value[0]
        kinds = self.kinds(first.value) if isinstance(first, ScalarNode) else []
        return {item.name: item for kind in reversed(kinds) for item in attributes_of(kind)}

    # --- what is known of them

    def told(self, occurrence: Occurrence) -> str:
        target, name = occurrence.target, occurrence.name
        if isinstance(target, Kind):
            return describe.kind_markdown(target)
        if isinstance(target, Property):
            return describe.property_markdown(target)
        if isinstance(target, ResourceAttribute):
            return describe.attribute_markdown(target)
        if occurrence.space == "parameter":
            parameter = self.names.template.parameters.get(name) if self.names.template is not None else None
            return describe.parameter_markdown(parameter) if parameter is not None else f"**{name}** (parameter)"
        if occurrence.space == "resource":
            kind = next(iter(self.kinds(name)), None)
            if kind is None:
                return f"**{name}** (resource)"
            return f"**{name}** (resource of type `{kind.name}`)\n\n---\n\n{describe.kind_markdown(kind)}"
        return f"**{name}** ({occurrence.space})" if occurrence.space in self.renamed else ""

    def told_of(self, visit: Visit) -> str:
        if visit.key == "function" and visit.node.value in FUNCTIONS:
            return describe.function_markdown(visit.node.value)
        return ""

    def home(self, occurrence: Occurrence) -> Home | None:
        """A parameter is a property of whatever resource the template is nested in, an output an attribute."""
        target = occurrence.target
        if isinstance(target, (Property, ResourceAttribute)):
            return Home.of(target.at) if target.at is not None else None
        return self._own.get((occurrence.space, occurrence.name))

    @cached_property
    def _own(self) -> dict[tuple[str, str], Home]:
        """Where the template defines its parameters and outputs."""
        found = {}
        for each in self.occurrences:
            if each.definition and each.space in ("parameter", "output"):
                mark = each.node.start_mark
                found[each.space, each.name] = Home(self.names.path, mark.line + 1, mark.column + 1)
        return found

    def file_named(self, text: str) -> Path | None:
        return self.names.file(text)
