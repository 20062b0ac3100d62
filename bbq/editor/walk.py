"""TOSCA files visited: what its entities hold, and what its functions take.

With a `Scope` the types are known, too: which properties a map may have, of which data type a value is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.editor.shapes import (
    INTERFACES,
    VALUE,
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
from bbq.editor.visits import Frame, Frames, Visit, Walker
from bbq.tosca.functions import FUNCTIONS_1, FUNCTIONS_2
from bbq.tosca.grammar import Grammar
from bbq.tosca.model import ParameterDef, Schema, TypeDef

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


class _Walker(Walker):
    def __init__(self, grammar: Grammar, visit: Callable[[Visit], None], scope: Scope) -> None:
        super().__init__(visit)
        self._grammar = grammar
        self._scope = scope

    def is_call(self, node: Node) -> bool:
        return self._grammar.two and isinstance(node, ScalarNode) and node.value.startswith("$") and node.value[1:2] != "$"

    def within(self, key: Node, shape: Map | Named, frames: Frames) -> Shape:
        if shape.members in ("properties", "attributes", "inputs") and shape.value == VALUE:
            definition = self._scope.members(frames, shape.members).get(key.value)
            if isinstance(definition, ParameterDef):
                return Value(definition.schema)
        return shape.value

    def entity(self, node: MappingNode, shape: Entity, frames: Frames, name: str | None) -> None:
        if shape.name == "node filter" and len(node.value) == 1 and function_name(*_text(node.value[0]), self._grammar):
            self.value(node, VALUE, frames)
            return
        keynames = keynames_of(self._grammar, shape.name)
        inner = (*frames, Frame(shape.name, name, node))
        single = len(node.value) == 1 and shape.name == "import" and not self._grammar.two
        for key, value in node.value:
            if single and key.value not in keynames.allowed:  # TOSCA 1.0 names its imports
                self.tell(key, Map(VALUE), inner, "data", value)
                self.at(value, Either(Text("path"), Entity("import")), frames, key.value)
                return
            self.tell(key, shape, inner, "keyname", value)
            if shape.name in INTERFACES and key.value not in _INTERFACE:
                self.at(value, _OPERATION, inner, key.value)  # TOSCA 1.0 has operations directly in the interface
            elif shape.name == "interface type" and key.value not in _INTERFACE_TYPE:
                self.at(value, _OPERATION, inner, key.value)
            elif key.value in ("default", "value") and shape.name.endswith(" definition"):
                self.at(value, Value(_declared(node)), inner, None)
            else:
                self.at(value, shape_of(shape.name, key.value) or VALUE, inner, None)

    # --- values

    def value(self, node: Node, shape: Shape, frames: Frames) -> None:
        schema = shape.schema if isinstance(shape, Value) else None
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
                self.tell(key, Map(VALUE, members="fields"), inner, "member", value)
            else:
                self.tell(key, Map(VALUE), frames, "data", value)
            entry = definition.schema if definition is not None else schema.entry if schema is not None else None
            self.at(value, Value(entry), inner, key.value)

    def _call(self, name: str, key: Node, argument: Node, frames: Frames) -> None:
        self.tell(key, VALUE, frames, "function", argument)
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
