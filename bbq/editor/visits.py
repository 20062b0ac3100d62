"""Visiting a document's nodes with what they are: keyname, name that is defined, name that refers to something, value.

`Walker` knows shapes; what the entities of a language hold and what its functions take is for the language's own one. It
works on the reader's checked nodes and on those of `outline`, which may be broken text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.editor.shapes import Bounds, Either, Entity, Items, Map, Named, Ref, Shape, Text, Value

MOST_VISITS: Final = 2_000_000
"""Aliases are followed; a document that the reader has not checked may expand to more than can be visited."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One entity around a place: its kind, the name that it has (None where it has none), its map. `known` is what the language
    has found out of it."""

    entity: str
    name: str | None
    node: Node
    known: Any = None

    def child(self, keyname: str) -> Node | None:
        if not isinstance(self.node, MappingNode):
            return None
        return next((value for key, value in self.node.value if key.value == keyname), None)

    def text(self, keyname: str) -> str | None:
        """The text of a scalar at a keyname."""
        node = self.child(keyname)
        return node.value if isinstance(node, ScalarNode) and node.value else None


Frames = tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """One node and what it is.

    key: None for a value; for a key, what kind of key: "keyname" (of `frames[-1].entity`), "definition" (of `shape.defines`),
    "member" (of `shape.members`), "function", "data" (a plain map's). `value` is then the node behind the key.
    """

    node: Node
    shape: Shape
    frames: Frames
    key: str | None = None
    value: Node | None = None
    allowed: Shape | None = None
    """Of a value: the shape before one of its forms was chosen by what stands there."""
    name: str | None = None
    """Of a value: the name that it stands behind."""


class Walker(ABC):
    """Calls `visit` for every key and value, owners before what they hold."""

    def __init__(self, visit: Callable[[Visit], None]) -> None:
        self._visit = visit
        self._left = MOST_VISITS
        self._seen: set[tuple[int, object]] = set()

    # --- the language's

    @abstractmethod
    def entity(self, node: MappingNode, shape: Entity, frames: Frames, name: str | None) -> None:
        """The keynames of an entity."""

    @abstractmethod
    def value(self, node: Node, shape: Shape, frames: Frames) -> None:
        """Any value: functions, lists and maps of the types that are known."""

    @abstractmethod
    def is_call(self, node: Node) -> bool:
        """Whether a function stands in the place of whatever is wanted there."""

    def within(self, key: Node, shape: Map | Named, frames: Frames) -> Shape:
        """The shape of what stands at a name."""
        return shape.value

    # --- shapes

    def tell(
        self,
        node: Node,
        shape: Shape,
        frames: Frames,
        key: str | None = None,
        value: Node | None = None,
        allowed: Shape | None = None,
        name: str | None = None,
    ) -> None:
        self._left -= 1
        if self._left > 0:
            self._visit(Visit(node, shape, frames, key, value, allowed, name))

    def at(self, node: Node, shape: Shape, frames: Frames, name: str | None) -> None:
        if self._left <= 0 or len(frames) > 100:
            return
        allowed = shape
        while isinstance(shape, Either):
            shape = shape.scalar if isinstance(node, ScalarNode) and not self.is_call(node) else shape.other
        self.tell(node, shape, frames, allowed=allowed, name=name)
        if not isinstance(node, ScalarNode):
            # What several aliases stand for is visited once as each of the things that it is.
            key = id(node), shape.name if isinstance(shape, Entity) else shape.__class__
            if key in self._seen:
                return
            self._seen.add(key)
        if isinstance(shape, Entity):
            if isinstance(node, MappingNode):
                self.entity(node, shape, frames, name)
        elif isinstance(shape, (Map, Named)):
            if isinstance(node, SequenceNode):  # some maps may be lists of single entries as well
                self._list_of_maps(node, shape, frames)
            elif isinstance(node, MappingNode):
                for inner, value in node.value:
                    self.named(inner, value, shape, frames)
        elif isinstance(shape, Items):
            self._items(node, shape, frames)
        elif isinstance(shape, (Value, Ref, Text, Bounds)) and not (isinstance(shape, Ref) and isinstance(node, ScalarNode)):
            self.value(node, shape, frames)

    def _items(self, node: Node, shape: Items, frames: Frames) -> None:
        if isinstance(node, SequenceNode):
            inner = (*frames, Frame("list", None, node)) if shape.fixed else frames
            for index, item in enumerate(node.value):
                self.at(item, shape.fixed[index] if index < len(shape.fixed) else shape.item, inner, None)
        elif shape.one or isinstance(node, MappingNode):  # one in place of a list of one
            self.at(node, shape.item, frames, None)

    def _list_of_maps(self, node: SequenceNode, shape: Map | Named, frames: Frames) -> None:
        for item in node.value:
            if isinstance(item, MappingNode):
                for key, value in item.value:
                    self.named(key, value, shape, frames)
            else:
                self.tell(item, shape, frames)

    def named(self, key: Node, value: Node, shape: Map | Named, frames: Frames) -> None:
        kind = "definition" if shape.defines else "member" if shape.members else "data"
        self.tell(key, shape, frames, kind, value)
        self.at(value, self.within(key, shape, frames), frames, key.value)
