"""Heat templates visited: what their entities hold, and what their functions take."""

from __future__ import annotations

from collections.abc import Callable

from yaml import MappingNode, Node, SequenceNode

from bbq.editor.heat.functions import ARGUMENTS
from bbq.editor.heat.names import Kind, Names, Property, members, properties_of
from bbq.editor.heat.shapes import CONDITION, CONNECTIVES, FIRST, PROPERTIES, TYPE, shape_of
from bbq.editor.shapes import VALUE, VALUES, Entity, Items, Map, Named, Shape, Value
from bbq.editor.visits import Frame, Frames, Visit, Walker
from bbq.hot.resources import MEMBERS
from bbq.hot.values import call_of
from bbq.hot.versions import Version

CHAIN = "OS::Heat::ResourceChain"


def walk(root: Node, version: Version, names: Names, visit: Callable[[Visit], None]) -> None:
    """Calls `visit` for every key and value of a template. A frame of a resource knows its `Kind`, one of properties what
    they may be."""
    _Walker(version, names, visit).at(root, Entity("template"), (), None)


class _Walker(Walker):
    def __init__(self, version: Version, names: Names, visit: Callable[[Visit], None]) -> None:
        super().__init__(visit)
        self._version = version
        self._names = names
        self._properties: dict[str, dict[str, Property]] = {}

    def is_call(self, node: Node) -> bool:
        return call_of(node, self._version, condition=True) is not None

    def at(self, node: Node, shape: Shape, frames: Frames, name: str | None) -> None:
        if self.is_call(node) and not isinstance(shape, Value) and self._may_be_call(shape):
            shape = Value()
        super().at(node, shape, frames, name)

    def _may_be_call(self, shape: Shape) -> bool:
        """Sections and definitions are what they are, also where a single one in them has a function's name."""
        return not (isinstance(shape, Entity) or (isinstance(shape, Map) and shape.defines))

    def within(self, key: Node, shape: Map | Named, frames: Frames) -> Shape:
        if not shape.members or not frames or not isinstance(frames[-1].known, dict):
            return shape.value
        owner = frames[-1].name
        if owner in MEMBERS and key.value == MEMBERS[owner]:
            return Entity("member")
        if owner == CHAIN and key.value == "resources":
            return Items(TYPE)
        return Value(frames[-1].known.get(key.value))

    def entity(self, node: MappingNode, shape: Entity, frames: Frames, name: str | None) -> None:
        inner = (*frames, Frame(shape.name, name, node, self._kind(shape.name, node)))
        for key, value in node.value:
            self.tell(key, shape, inner, "keyname", value)
            wanted = shape_of(self._version, shape.name, key.value)
            if wanted == PROPERTIES:
                self._members(value, key.value, inner)
            else:
                self.at(value, wanted, inner, None)

    def _kind(self, entity: str, node: MappingNode) -> Kind | None:
        if entity not in ("resource", "member"):
            return None
        spelled = self._version.spelled("type") if entity == "resource" else "type"
        named = Frame(entity, None, node).text(spelled)
        return self._names.kind(named) if named else None

    def _members(self, value: Node, keyname: str, frames: Frames) -> None:
        """Properties, or an update policy."""
        kind: Kind | None = frames[-1].known
        known: dict[str, Property] = {}
        if kind is not None and keyname == self._version.spelled("update_policy"):
            known = members(kind.type.update_policy, kind.name)
        elif kind is not None:
            known = self._properties.get(kind.name) or self._properties.setdefault(kind.name, properties_of(kind))
        self.at(value, PROPERTIES, (*frames, Frame("properties", kind.name if kind else None, value, known)), None)

    # --- values

    def value(self, node: Node, shape: Shape, frames: Frames) -> None:
        wanted: Property | None = shape.schema if isinstance(shape, Value) else None
        entry = wanted.entry() if wanted is not None else None
        if isinstance(node, SequenceNode):
            for item in node.value:
                self.at(item, Value(entry), frames, None)
        elif isinstance(node, MappingNode):
            call = call_of(node, self._version, condition=True)
            if call is not None:
                self._call(*call, wanted, frames)
            elif wanted is not None and wanted.schema.properties:
                super().at(node, PROPERTIES, (*frames, Frame("fields", None, node, wanted.fields())), None)
            else:
                for key, value in node.value:
                    self.tell(key, CONDITION if shape == CONDITION else VALUES, frames, "data", value)
                    self.at(value, Value(entry), frames, key.value)

    def _call(self, name: str, key: Node, argument: Node, wanted: Property | None, frames: Frames) -> None:
        self.tell(key, Value(wanted), frames, "function", argument)
        inner = (*frames, Frame("call", name, argument))
        if isinstance(argument, MappingNode) and name in ARGUMENTS and not self.is_call(argument):
            super().at(argument, Entity(name), inner, None)
            return
        for place, item in enumerate(argument.value if isinstance(argument, SequenceNode) else [argument]):
            self.at(item, _argument(name, place, wanted), inner, None)


def _argument(name: str, place: int, wanted: Property | None) -> Shape:
    first = FIRST.get(name, ())
    if place < len(first):
        return first[place]
    if name in CONNECTIVES:
        return CONDITION
    return Value(wanted) if name in ("if", "Fn::If") else VALUE
