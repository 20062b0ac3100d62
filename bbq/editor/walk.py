"""Visits a document's nodes with what they are: keyname, name that is defined, name that refers to something, value.

Works on the reader's checked nodes and on those of `outline`, which may be broken text. With a `Scope` the types are known,
too: which properties a map may have, of which data type a value is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.editor.shapes import (
    INTERFACES,
    VALUE,
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
    keynames_of,
    shape_of,
)
from bbq.tosca.functions import FUNCTIONS_1, FUNCTIONS_2
from bbq.tosca.grammar import Grammar
from bbq.tosca.model import ParameterDef, Schema, TypeDef

MOST_VISITS: Final = 2_000_000
"""Aliases are followed; a document that the reader has not checked may expand to more than can be visited."""

PATH_OF_NAMES: Final = Ref(("path",))
_NODE_OR_KEYWORD: Final = Ref(("node template", "keyword"))
ARGUMENTS: Final[dict[str, tuple[Shape, ...]]] = {
    "get_input": (Ref(("input",)),),
    "get_property": (_NODE_OR_KEYWORD, PATH_OF_NAMES),
    "get_attribute": (_NODE_OR_KEYWORD, PATH_OF_NAMES),
    "get_operation_output": (_NODE_OR_KEYWORD, Ref(("interface of the first",)), Ref(("operation of the first",))),
    "get_artifact": (_NODE_OR_KEYWORD, Ref(("artifact of the first",))),
    "get_nodes_of_type": (Ref((), ("node",)),),
}
"""Shapes of a function's first arguments; `path` stands for all that follow."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One entity around a place: its kind, the name that it has (None where it has none), its map."""

    entity: str
    name: str | None
    node: Node

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


class Scope(Protocol):
    """What names mean where the types are known."""

    def members(self, frames: Frames, what: str) -> Mapping[str, Any]:
        """What the type of the innermost entity has: its "properties", "capabilities" ... by name."""

    def type_named(self, kind: str, name: str) -> TypeDef | None: ...


class _NoScope:
    def members(self, frames: Frames, what: str) -> Mapping[str, Any]:
        return {}

    def type_named(self, kind: str, name: str) -> TypeDef | None:
        return None


def walk(root: Node, grammar: Grammar, visit: Callable[[Visit], None], scope: Scope | None = None) -> None:
    """Calls `visit` for every key and value of a TOSCA file, owners before what they hold."""
    _Walker(grammar, visit, scope or _NoScope()).at(root, Entity("file"), (), None)


def function_name(key: str, argument: Node, grammar: Grammar) -> str | None:
    """The function that a map of one entry calls (without `$`), None where it is a plain map."""
    if grammar.two:
        return key[1:] if key.startswith("$") and not key.startswith("$$") else None
    if key in ("concat", "join", "token"):
        return key if isinstance(argument, SequenceNode) else None
    return key if key in FUNCTIONS_1 else None


def functions_of(grammar: Grammar) -> Mapping[str, tuple[int, int | None]]:
    return FUNCTIONS_2 if grammar.two else FUNCTIONS_1


class _Walker:
    def __init__(self, grammar: Grammar, visit: Callable[[Visit], None], scope: Scope) -> None:
        self._grammar = grammar
        self._visit = visit
        self._scope = scope
        self._left = MOST_VISITS
        self._seen: set[tuple[int, object]] = set()

    def _tell(
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
            shape = shape.scalar if isinstance(node, ScalarNode) and not self._is_call(node) else shape.other
        self._tell(node, shape, frames, allowed=allowed, name=name)
        if not isinstance(node, ScalarNode):
            # What several aliases stand for is visited once as each of the things that it is.
            key = id(node), shape.name if isinstance(shape, Entity) else shape.__class__
            if key in self._seen:
                return
            self._seen.add(key)
        if isinstance(shape, Entity):
            self._entity(node, shape, frames, name)
        elif isinstance(shape, Map):
            if isinstance(node, MappingNode):
                for key, value in node.value:
                    self._named(key, value, shape, frames)
            elif isinstance(node, SequenceNode):  # some maps may be lists of single entries as well
                self._list_of_maps(node, shape, frames)
        elif isinstance(shape, Named):
            if isinstance(node, SequenceNode):
                self._list_of_maps(node, shape, frames)
            elif isinstance(node, MappingNode):
                for key, value in node.value:
                    self._named(key, value, shape, frames)
        elif isinstance(shape, Items):
            self._items(node, shape, frames)
        elif isinstance(shape, (Value, Ref, Text, Bounds)) and not (isinstance(shape, Ref) and isinstance(node, ScalarNode)):
            self._value(node, shape.schema if isinstance(shape, Value) else None, frames)

    def _is_call(self, node: ScalarNode) -> bool:
        return self._grammar.two and node.value.startswith("$") and not node.value.startswith("$$")

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
                    self._named(key, value, shape, frames)
            else:
                self._tell(item, shape, frames)

    def _named(self, key: Node, value: Node, shape: Map | Named, frames: Frames) -> None:
        kind = "definition" if shape.defines else "member" if shape.members else "data"
        self._tell(key, shape, frames, kind, value)
        inner = shape.value
        if shape.members in ("properties", "attributes", "inputs") and inner == VALUE:
            definition = self._scope.members(frames, shape.members).get(key.value)
            if isinstance(definition, ParameterDef):
                inner = Value(definition.schema)
        self.at(value, inner, frames, key.value)

    def _entity(self, node: Node, shape: Entity, frames: Frames, name: str | None) -> None:
        if not isinstance(node, MappingNode):
            return
        if shape.name == "node filter" and len(node.value) == 1 and function_name(*_text(node.value[0]), self._grammar):
            self._value(node, None, frames)
            return
        keynames = keynames_of(self._grammar, shape.name)
        inner = (*frames, Frame(shape.name, name, node))
        single = len(node.value) == 1 and shape.name == "import" and not self._grammar.two
        for key, value in node.value:
            if single and key.value not in keynames.allowed:  # TOSCA 1.0 names its imports
                self._tell(key, Map(VALUE), inner, "data", value)
                self.at(value, Either(Text("path"), Entity("import")), frames, key.value)
                return
            self._tell(key, shape, inner, "keyname", value)
            if shape.name in INTERFACES and key.value not in _INTERFACE:
                self.at(value, _OPERATION, inner, key.value)  # TOSCA 1.0 has operations directly in the interface
            elif shape.name == "interface type" and key.value not in _INTERFACE_TYPE:
                self.at(value, _OPERATION, inner, key.value)
            elif key.value in ("default", "value") and shape.name.endswith(" definition"):
                self.at(value, Value(_declared(node)), inner, None)
            else:
                self.at(value, shape_of(shape.name, key.value) or VALUE, inner, None)

    # --- values

    def _value(self, node: Node, schema: Schema | None, frames: Frames) -> None:
        if isinstance(node, SequenceNode):
            entry = schema.entry if schema is not None else None
            for item in node.value:
                self.at(item, Value(entry), frames, None)
        elif isinstance(node, MappingNode):
            if len(node.value) == 1:
                key, argument = node.value[0]
                name = function_name(key.value, argument, self._grammar)
                if name is not None:
                    self._call(name, key, argument, frames)
                    return
            self._map(node, schema, frames)

    def _map(self, node: MappingNode, schema: Schema | None, frames: Frames) -> None:
        found = self._scope.type_named("data", schema.type) if schema is not None else None
        fields = found.properties if found is not None else {}
        inner = (*frames, Frame("data", schema.type, node)) if fields and schema is not None else frames
        for key, value in node.value:
            definition = fields.get(key.value)
            if fields:
                self._tell(key, Map(VALUE, members="fields"), inner, "member", value)
            else:
                self._tell(key, Map(VALUE), frames, "data", value)
            entry = definition.schema if definition is not None else schema.entry if schema is not None else None
            self.at(value, Value(entry), inner, key.value)

    def _call(self, name: str, key: Node, argument: Node, frames: Frames) -> None:
        self._tell(key, VALUE, frames, "function", argument)
        shapes = ARGUMENTS.get(name, ())
        inner = (*frames, Frame("call", name, argument))
        arguments = argument.value if isinstance(argument, SequenceNode) else [argument]
        for index, item in enumerate(arguments):
            shape: Shape = VALUE
            if index < len(shapes):
                shape = shapes[index]
            elif shapes and shapes[-1] == PATH_OF_NAMES:
                shape = PATH_OF_NAMES
            if isinstance(item, SequenceNode) and index == 0 and shape == _NODE_OR_KEYWORD:
                self.at(item, Items(VALUE, fixed=(shape,)), frames, None)  # 2.0: [ node, index ]
            else:
                self.at(item, shape, inner, None)


def _declared(definition: Node) -> Schema | None:
    """The schema that a definition's own keynames give, type names as they are written."""
    if isinstance(definition, ScalarNode):
        return Schema(definition.value) if definition.value else None
    keys = {key.value: value for key, value in definition.value} if isinstance(definition, MappingNode) else {}
    kind = keys.get("type")
    if not isinstance(kind, ScalarNode) or not kind.value:
        return None
    entry = keys.get("entry_schema")
    return Schema(kind.value, (), _declared(entry) if entry is not None else None)


def _text(pair: tuple[Node, Node]) -> tuple[str, Node]:
    return pair[0].value, pair[1]


_INTERFACE: Final = frozenset(("type", "description", "metadata", "inputs", "operations", "notifications"))
_INTERFACE_TYPE: Final = _INTERFACE | {"derived_from", "version"}
_OPERATION: Final = Either(Text("path"), Entity("operation"))
