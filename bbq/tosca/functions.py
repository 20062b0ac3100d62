"""Intrinsic functions: from nodes to `Function` objects, with the checks that need no context.

TOSCA 1.3 chapter 4 (`{ get_input: workers }`); TOSCA 2.0 chapter 10 (`{ $get_input: workers }`, `$value`, `$$` for a dollar).
What the arguments name is checked later, when the whole template is known (see `references`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import SourceRange
from bbq.tosca.model import Function, Schema
from bbq.tosca.reading import Reader, nearest, one_of, quoted
from bbq.yamlreader import at, data, printable

# Name -> least and most arguments (None: any number).
_BOTH: Final[dict[str, tuple[int, int | None]]] = {
    "get_input": (1, None),
    "get_property": (2, None),
    "get_attribute": (2, None),
    "get_artifact": (2, 4),
    "concat": (1, None),
    "join": (1, 2),
    "token": (3, 3),
}
FUNCTIONS_1: Final = _BOTH | {"get_operation_output": (4, 4), "get_nodes_of_type": (1, 1)}
FUNCTIONS_2: Final = _BOTH | {
    "value": (0, None),
    "get_artifact": (2, None),
    "available_allocation": (0, None),
    "node_index": (0, 0),
    "relationship_index": (0, 0),
    **dict.fromkeys(("and", "or"), (1, None)),
    "not": (1, 1),
    "xor": (2, 2),
    **dict.fromkeys(("equal", "greater_than", "greater_or_equal", "less_than", "less_or_equal"), (2, 2)),
    **dict.fromkeys(("valid_values", "matches", "has_suffix", "has_prefix", "contains", "has_entry", "has_key"), (2, 2)),
    **dict.fromkeys(("has_all_entries", "has_all_keys", "has_any_entry", "has_any_key"), (2, 2)),
    **dict.fromkeys(("length", "round", "floor", "ceil"), (1, 1)),
    **dict.fromkeys(("union", "intersection", "sum", "product"), (1, None)),
    **dict.fromkeys(("difference", "quotient", "remainder"), (2, 2)),
}
_SINCE: Final = {"join": 12}
"""The number of the 1.x version that brought a function, where it was not the first."""
_HINTS: Final = {"in_range": "write { $and: [ { $greater_or_equal: [ $value, LOW ] }, { $less_or_equal: [ $value, HIGH ] } ] }"}


@dataclass(frozen=True, slots=True)
class Owner:
    """Where a function stands: what SELF, SOURCE and TARGET mean there.

    kind "node": `name` is the node template; "relationship": `name` its source, `target` its target where known; "output",
    "policy", "group", "workflow", "substitution": no SELF.
    """

    kind: str
    name: str = ""
    target: str | None = None
    type: str | None = None
    """Of a relationship."""
    node: str | None = None
    """Of a filter: the type of the nodes that it is for, where their name is not known."""
    capability: str | None = None
    """Of a filter: the type, or the name, of the capability that the relationship leads to."""


@dataclass(slots=True)
class Uses:
    """Every function call of the template, with its owner, for the check at the end."""

    calls: list[tuple[Function, Owner, Node | None]] = field(default_factory=list)
    """With the node of the arguments, where it is at hand."""
    wanted: list[tuple[Function, Schema, str]] = field(default_factory=list)
    """Calls that stand for a whole value, with the schema that the value must have and what it is."""


class Converter:
    """Turns nodes of one file into values with `Function` objects."""

    def __init__(self, reader: Reader, uses: Uses | None = None) -> None:
        self._reader = reader
        self._uses = uses
        self._two = reader.grammar.two
        self._dialect = reader.grammar.dialect
        self._table: dict[str, tuple[int, int | None]] = FUNCTIONS_2 if self._two else FUNCTIONS_1

    def value(self, node: Node, owner: Owner | None = None) -> Any:
        """The value of `node`; functions inside become `Function`. Calls are recorded where there is an `owner`."""
        if isinstance(node, ScalarNode):
            return self._scalar(node, owner)
        if isinstance(node, SequenceNode):
            return [self.value(item, owner) for item in node.value]
        assert isinstance(node, MappingNode)
        if self._reader.unit.list_keys:
            self._reader.list_keys(node)
        if len(node.value) == 1:
            key, argument = node.value[0]
            name = self._name(key.value, argument)
            if name is not None:
                return self._call(name, key, argument, owner)
        found = {}
        for key, item in node.value:
            name = key.value
            if self._two and name.startswith("$"):
                if not name.startswith("$$"):
                    self._reader.error(
                        "BBQ-T051",
                        f"function {quoted(name)} must stand alone in its map",
                        key,
                        "write `$$` for a key that begins with `$`",
                    )
                    continue
                name = name[1:]
            found[name] = self.value(item, owner)
        return found

    def other_spelling(self, node: Node) -> str | None:
        """A hint where no map is expected at `node`, and one that calls a function as another TOSCA version does, or with
        something else than a list, stands there."""
        if not isinstance(node, MappingNode) or len(node.value) != 1:
            return None
        name, argument = str(node.value[0][0].value), node.value[0][1]
        if name.removeprefix("$") not in FUNCTIONS_1 or (self._two and name.startswith("$")):
            return None
        if self._two:
            return f"write `${name}`: a function of TOSCA 2.0 begins with `$`"
        if name.startswith("$"):
            return f"write `{name[1:]}`: a function of TOSCA 1.x begins without `$`"
        return None if isinstance(argument, SequenceNode) else f"`{name}` takes a list: {{ {name}: [ ..., ... ] }}"

    def _scalar(self, node: ScalarNode, owner: Owner | None) -> Any:
        value = data(node, self._dialect)
        if self._two and isinstance(value, str) and value.startswith("$"):
            if value.startswith("$$"):
                return value[1:]
            return self._call(value[1:], node, None, owner)
        return value

    def _name(self, key: str, argument: Node) -> str | None:
        """The function that a map of one entry calls, or None where it is a plain map."""
        if self._two:
            # A second `$` begins a suffix that tells equal keys apart: `$keygen$1`.
            return key[1:].partition("$")[0] if key.startswith("$") and not key.startswith("$$") else None
        if key not in self._table:
            # A misspelt get_input would otherwise reach the user's program as a map.
            if key.startswith("get_") and nearest(key, self._table) and isinstance(argument, (ScalarNode, SequenceNode)):
                return key
            return None
        if key in ("concat", "join", "token"):  # also plausible as names of a user's own map
            return key if isinstance(argument, SequenceNode) else None
        return key

    def _call(self, name: str, key: Node, argument: Node | None, owner: Owner | None) -> Any:
        at_key = at(key)
        since = _SINCE.get(name, 0)
        if self._reader.grammar.number < since:
            self._reader.practice("BBQ-T210", f"function {quoted(name)} is from TOSCA {since // 10}.{since % 10}", key)
        if name not in self._table:
            declared = self._reader.unit.lookup("function", name) if self._two else None
            if declared is not None:
                name = declared.unit.canonical.get(("function", declared.name), declared.name)
            else:
                sigil = "$" if self._two else ""
                known = [sigil + each for each in (*self._table, *self._reader.unit.names("function"))]
                hint = _HINTS.get(name) if self._two else None
                hint = hint or nearest(sigil + name, known) or one_of(known, 60)
                if argument is None and self._two and not name.isidentifier():
                    hint = f"write `$${printable(name, 40)}` for a text that begins with `$`"
                self._reader.error("BBQ-T050", f"unknown function {quoted(sigil + name)}", key, hint)
            least, most = 0, None
        else:
            least, most = self._table[name]
        if argument is None:
            args: tuple[Any, ...] = ()
        elif isinstance(argument, SequenceNode):
            args = tuple(self.value(item, owner) for item in argument.value)
        else:
            args = (self.value(argument, owner),)
        if len(args) < least or (most is not None and len(args) > most):
            wanted = str(least) if most == least else f"{least} or more" if most is None else f"{least} to {most}"
            self._reader.error("BBQ-T051", f"{quoted(name)} takes {wanted} arguments, not {len(args)}", key)
            return Function(name, args, at_key)
        function = Function(name, args, at_key)
        if self._uses is not None and owner is not None:
            self._uses.calls.append((function, owner, argument))
        return function


def place_of(function: Function, name: Any, argument: Node | None) -> SourceRange:
    """Where an argument of a call stands; the call's own place where that cannot be told."""
    for item in argument.value if isinstance(argument, SequenceNode) else (argument,):
        if isinstance(item, ScalarNode) and item.value == str(name):
            return at(item)
        if isinstance(item, SequenceNode) and (found := place_of(function, name, item)) is not function.at:
            return found
    return function.at


def spelled(value: Any, version: str) -> str:
    """A value as a template of that version has it, as text: `$concat: [a, $get_input: b]`."""
    if isinstance(value, Function):
        sign = "$" if version.startswith("tosca_2") else ""
        if not value.args:
            return sign + value.name
        alone = len(value.args) == 1 and not isinstance(value.args[0], list)
        return f"{sign}{value.name}: {spelled(value.args[0] if alone else list(value.args), version)}"
    if isinstance(value, list):
        return f"[{', '.join(spelled(item, version) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {spelled(item, version)}' for key, item in value.items())}}}"
    return str(value)


def calls(value: Any) -> Iterator[Function]:
    """Every function call in a value."""
    if isinstance(value, Function):
        yield value
        for arg in value.args:
            yield from calls(arg)
    elif isinstance(value, dict):
        for item in value.values():
            yield from calls(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from calls(item)
