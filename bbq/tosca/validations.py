"""Constraint clauses and validations as they are defined; and, once every type is known, whether they fit the type of the
values that they are for.

TOSCA 1.3 section 3.6.3; TOSCA 2.0 sections 9.10 and 10.2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from yaml import MappingNode, Node, SequenceNode

from bbq.tosca.checker import Checker
from bbq.tosca.constraints import OPERATORS, PARTS, holds_function, problem_of_clause
from bbq.tosca.model import Constraint, Function, Schema
from bbq.tosca.reading import Reader, nearest, one_of, quoted, shape
from bbq.tosca.units import SCALAR_UNITS
from bbq.yamlreader import at, is_null

if TYPE_CHECKING:
    from bbq.tosca.schemas import Definitions

_COMPARISONS: Final = frozenset(("greater_than", "greater_or_equal", "less_than", "less_or_equal"))
_LENGTHS: Final = frozenset(("length", "min_length", "max_length"))
_ORDERED: Final = frozenset(("integer", "float", "string", "timestamp", "version", "scalar")) | frozenset(SCALAR_UNITS)
_MEASURED: Final = frozenset(("string", "list", "map", "bytes"))
_DIVIDED: Final = frozenset(("string", "list"))
_WRITTEN: Final = frozenset(("string", "version"))
"""Types whose values 1.x has without quotes in clauses."""
_LOGIC: Final = frozenset(("and", "or", "not", "xor"))
_GIVES: Final = {
    **dict.fromkeys(("join", "token"), "a string"),
    **dict.fromkeys(("sum", "difference", "product", "quotient", "remainder", "round", "floor", "ceil", "length"), "a number"),
    **dict.fromkeys(("union", "intersection"), "a list"),
    "concat": "a string or a list",
}
"""What built-in functions that give no boolean give."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What one definition states about values of `type`: clauses with the nodes of their arguments, a validation with its."""

    type: str
    what: str
    clauses: list[tuple[Constraint, Node]] = field(default_factory=list)
    validation: tuple[Function, Node] | None = None


def read_constraints(reader: Definitions, keys: dict[str, Node], type_name: str, what: str) -> tuple[Constraint, ...]:
    """What is stated about values of a type; whether it fits the type is checked later."""
    found: list[Constraint] = []
    stated = Stated(type_name, what)
    if "validation" in keys:
        node = keys["validation"]
        function = reader.convert.value(node)
        if isinstance(function, Function):
            found.append(Constraint("validation", function, at(node)))
            stated = Stated(type_name, what, validation=(function, node))
        elif not is_null(node):
            reader.error("BBQ-T044", f"the validation of {what} must be a function call, not {shape(node)}", node)
    block = keys.get("constraints")
    clauses = [block] if isinstance(block, MappingNode) else reader.items(block, f"constraints of {what}")
    if isinstance(block, MappingNode):
        text = f"constraints of {what} must be a list of clauses, not a map: read as one"
        reader.warning("BBQ-T012", text, block, "write `- ` before each clause")
    for clause in clauses:
        for operator, (key, argument) in reader.entries(clause, f"a constraint of {what}").items():
            if operator not in OPERATORS:
                hint = nearest(operator, OPERATORS) or one_of(OPERATORS, 20)
                reader.error("BBQ-T044", f"unknown constraint {quoted(operator)} of {what}", key, hint)
                continue
            if operator == "schema" and reader.grammar.number < 12:
                reader.practice("BBQ-T210", f"constraint `schema` of {what} is from TOSCA 1.2", key)
            add_clause(reader, operator, key, argument, reader.convert.value(argument), stated)
    found.extend(constraint for constraint, _ in stated.clauses)
    if found:
        reader.stated.append(stated)
    return tuple(found)


def add_clause(reader: Definitions, operator: str, key: Node, argument: Node, value: Any, stated: Stated) -> None:
    """A clause of 1.x with that value of its argument, to what is stated; told where it is none."""
    if reader.base(stated.type) in _WRITTEN and operator not in _LENGTHS:
        value = _spelt(value, argument)
    problem = problem_of_clause(operator, value)
    if problem is not None:
        reader.error("BBQ-T044", f"{problem} (in {stated.what})", argument)
    else:
        stated.clauses.append((Constraint(operator, value, at(key)), argument))


def _spelt(value: Any, node: Node) -> Any:
    """As it is written: neither the version 1.10 nor the string 010 is a number."""
    if isinstance(value, list) and isinstance(node, SequenceNode):
        return [_spelt(item, place) for item, place in zip(value, node.value, strict=True)]
    return str(node.value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class Validations:
    """Checks what the definitions of one file state."""

    def __init__(self, reader: Reader, checker: Checker) -> None:
        self._reader = reader
        self._checker = checker

    def check(self, stated: Stated) -> None:
        if self._checker.base(stated.type) == "any":  # of which nothing else is known
            for constraint, node in stated.clauses:
                if constraint.operator == "in_range" and all(type(bound) in (int, float) for bound in constraint.argument):
                    self._in_order(constraint.argument, node, stated)
            return
        for constraint, node in stated.clauses:
            if not holds_function(constraint.argument):
                self._clause(constraint, node, stated)
        self._contradiction(stated)
        if stated.validation is not None:
            self._boolean(*stated.validation, stated)

    def _error(self, message: str, node: Node, stated: Stated, hint: str | None = None) -> None:
        self._reader.error("BBQ-T044", f"{message} (in {stated.what})", node, hint)

    # Clauses of 1.x

    def _clause(self, constraint: Constraint, node: Node, stated: Stated) -> None:
        operator, argument = constraint.operator, constraint.argument
        if not self._applies(operator, node, stated):
            return
        if operator == "in_range":
            bounds = node.value if isinstance(node, SequenceNode) else []
            wrong = [self._operand(value, place, stated) for value, place in zip(argument, bounds, strict=False)]
            if not any(wrong):
                self._in_order(argument, node, stated)
        elif operator in _COMPARISONS:
            self._operand(argument, node, stated)
        elif operator == "equal":
            self._value(argument, node, stated)
        elif operator == "valid_values" and isinstance(node, SequenceNode):
            for value, place in zip(argument, node.value, strict=True):
                self._value(value, place, stated)

    def _applies(self, operator: str, node: Node, stated: Stated) -> bool:
        """Whether values of the type can be compared, or have a length, at all."""
        base = self._checker.base(stated.type)
        wanted = _MEASURED if operator in _LENGTHS else _ORDERED if operator in _COMPARISONS else None
        if operator == "in_range":
            wanted = _ORDERED | {"range"}
        elif operator in PARTS:
            wanted = _DIVIDED
        elif operator == "pattern" and base != "string":
            text = f"`pattern` is for strings, and the values are of type {quoted(stated.type)} (in {stated.what})"
            self._reader.practice("BBQ-T044", text, node)
        elif operator == "schema" and base != "string":
            text = f"`schema` is for strings with JSON or XML, and the values are of type {quoted(stated.type)}"
            self._reader.practice("BBQ-T044", f"{text} (in {stated.what})", node)
        if wanted is None or base in wanted:
            return True
        reason = "have no length" if operator in _LENGTHS else "have no parts" if operator in PARTS else "have no order"
        hint = f"`{operator}` is for " + ", ".join(sorted(wanted))
        self._error(f"values of type {quoted(stated.type)} {reason} for `{operator}`", node, stated, hint)
        return False

    def _operand(self, value: Any, node: Node, stated: Stated) -> bool:
        """Whether a bound is none that values of the type can be compared with, which is reported."""
        base = self._checker.base(stated.type)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value == "UNBOUNDED" or holds_function(value):
            return False
        if base in ("integer", "float", "range"):
            wrong = not number
        elif base in SCALAR_UNITS and number:  # practice of 1.x: without a unit
            wrong = self._reader.grammar.two
        elif base == "string":
            wrong = not isinstance(value, str) and not (number and not self._reader.grammar.two)
        else:
            try:
                self._checker.comparable(stated.type)(value)
                wrong = isinstance(value, (list, dict, bool)) or (base == "scalar" and number)
            except (TypeError, ValueError, AttributeError):
                wrong = True
        if wrong:
            text = f"values of type {quoted(stated.type)} cannot be compared with {quoted(value)}"
            self._error(text, node, stated, f"give a value of type {quoted(stated.type)}")
        return wrong

    def _value(self, value: Any, node: Node, stated: Stated) -> None:
        """One that the constrained value may be equal to: itself of the type."""
        base = self._checker.base(stated.type)
        plain = not isinstance(value, (list, dict)) and value is not None
        if holds_function(value) or (not self._reader.grammar.two and plain and (base == "string" or base in SCALAR_UNITS)):
            return  # in 1.x, text is written without quotes, and a quantity without its unit

        def text(path: tuple[Any, ...]) -> str | None:
            return str(node.value) if not path and not isinstance(node.value, list) else None

        lenient = not self._reader.grammar.two
        problem = self._checker.problem(value, Schema(stated.type), what="the value", text=text, lenient=lenient)
        if problem is not None:
            self._error(problem, node, stated)

    def _in_order(self, bounds: Sequence[Any], node: Node, stated: Stated) -> None:
        low, high = bounds
        if self._above(low, high, stated):
            text = f"`in_range` takes the lower bound first: {low} is above {high}"
            self._error(text, node, stated, f"write [ {high}, {low} ]")

    def _above(self, low: Any, high: Any, stated: Stated) -> bool:
        if "UNBOUNDED" in (low, high):
            return False
        comparable = self._checker.comparable(stated.type)
        try:
            return bool(comparable(low) > comparable(high))
        except TypeError:  # a text, and a number that stands for one in 1.x
            return False

    def _contradiction(self, stated: Stated) -> None:
        """Lengths that no value can have."""
        known = [(item.operator, item.argument, node) for item, node in stated.clauses if item.operator in _LENGTHS]
        known = [item for item in known if type(item[1]) is int]
        least = max((size for operator, size, _ in known if operator != "max_length"), default=0)
        most = min(
            ((size, node) for operator, size, node in known if operator != "min_length"), default=None, key=lambda x: x[0]
        )
        if most is not None and least > most[0]:
            text = f"no value can be of length {least} or more and of length {most[0]} or less"
            self._error(text, known[-1][2], stated)

    # Validations of 2.0

    def _boolean(self, function: Function, node: Node, stated: Stated) -> None:
        """A call that must give a boolean."""
        given = _GIVES.get(function.name)
        if given is not None:
            text = f"a validation is true or false, and `${function.name}` gives {given}"
            self._error(text, node, stated, f"compare it: {{ $less_than: [ {{ ${function.name}: ... }}, ... ] }}")
            return
        arguments = list(zip(function.args, _arguments(node), strict=False))
        if function.name in _LOGIC:
            for value, place in arguments:
                if isinstance(value, Function):
                    self._boolean(value, place, stated)
            return
        for value, place in arguments:
            measured = isinstance(value, Function) and value.name == "length" and len(value.args) == 1
            compared = self._type_of(value.args[0], stated) if measured else None
            if compared is not None and not self._applies("length", place, Stated(compared, stated.what)):
                return
        if len(arguments) != 2:
            return
        (first, first_place), (second, second_place) = arguments
        if function.name == "matches":
            problem = problem_of_clause("pattern", second) if isinstance(second, str) else None
            if problem is not None:
                self._error(problem, second_place, stated)
            return
        compared = self._type_of(first, stated)
        if function.name in PARTS:
            if compared is not None and self._applies(function.name, node, Stated(compared, stated.what)):
                self._part(function.name, self._checker.base(compared), second, second_place, stated)
            return
        if compared is None and function.name != "valid_values" and self._type_of(second, stated) is not None:
            (first, first_place), (second, second_place) = (second, second_place), (first, first_place)
            compared = self._type_of(first, stated)
        if compared is None:
            return
        inner = Stated(compared, stated.what)
        check: Callable[[Any, Node, Stated], object] = self._value if function.name == "equal" else self._operand
        if (function.name in _COMPARISONS and self._applies(function.name, node, inner)) or function.name == "equal":
            check(second, second_place, inner)
        elif function.name == "valid_values" and isinstance(second, list) and isinstance(second_place, SequenceNode):
            for value, place in zip(second, second_place.value, strict=True):
                self._value(value, place, inner)

    def _part(self, name: str, base: str, part: Any, node: Node, stated: Stated) -> None:
        if not isinstance(part, (Function, str if base == "string" else list)):
            self._error(f"`${name}` of a {base} takes a {base}, not {shape(node)}", node, stated)

    def _type_of(self, value: Any, stated: Stated) -> str | None:
        """The type of an operand that is `$value` itself, or its length; None of any other."""
        if not isinstance(value, Function):
            return None
        if value.name == "value" and not value.args:
            return stated.type
        if value.name == "length" and len(value.args) == 1 and self._type_of(value.args[0], stated) is not None:
            return "integer"
        return None


def _arguments(node: Node) -> Sequence[Node]:
    """The nodes of a call's arguments."""
    if not isinstance(node, MappingNode):
        return ()
    argument = node.value[0][1]
    return argument.value if isinstance(argument, SequenceNode) else (argument,)
