"""Constraint clauses of TOSCA 1.x and validation functions of TOSCA 2.0, checked against plain values.

TOSCA 1.3 section 3.6.3; TOSCA 2.0 sections 9.8 and 10.2.2. Values that are not known yet make the answer None: nothing is
reported before it is sure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bbq.patterns import PatternTimeout, compiled, found, matches
from bbq.tosca.functions import calls, spelled
from bbq.tosca.model import Constraint, Function
from bbq.tosca.reading import quoted
from bbq.yamlreader import printable

Comparable = Callable[[Any], Any]
"""Makes a value of the constrained type comparable: a scalar's number, a version's key. Raises ValueError."""

OPERATORS: Final = (
    "equal",
    "greater_than",
    "greater_or_equal",
    "less_than",
    "less_or_equal",
    "in_range",
    "valid_values",
    "length",
    "min_length",
    "max_length",
    "pattern",
    "schema",
)
_UNKNOWN: Final = object()
# What comparing values of the wrong kind, or a broken pattern, can raise.
_BROKEN: Final = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, re.error)
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "equal": lambda a, b: bool(a == b),
    "greater_than": lambda a, b: bool(a > b),
    "greater_or_equal": lambda a, b: bool(a >= b),
    "less_than": lambda a, b: bool(a < b),
    "less_or_equal": lambda a, b: bool(a <= b),
}
_VALIDATED: Final = "tosca_2_0"
"""The version that has functions for validations."""
PARTS: Final = frozenset(("has_prefix", "has_suffix", "contains"))
_WORDS: Final = {
    "equal": "equal to",
    "greater_than": "greater than",
    "greater_or_equal": "at least",
    "less_than": "less than",
    "less_or_equal": "at most",
    "min_length": "of length at least",
    "max_length": "of length at most",
    "length": "of length",
}


class Undecided(str):
    """What a value must be where finding out whether it is takes too long."""

    __slots__ = ()


def broken(constraint: Constraint, value: Any, comparable: Comparable) -> str | None:
    """What `value` must be and is not ("must be at least 1"); None where it is fine or cannot be told yet, `Undecided` where
    a pattern takes too long."""
    if constraint.operator == "validation":
        return _broken_validation(constraint.argument, value, comparable)
    if holds_function(constraint.argument) or holds_function(value):
        return None
    if problem_of_clause(constraint.operator, constraint.argument) is not None:
        return None  # told where the clause stands
    try:
        return None if _clause(constraint, value, comparable) else _expected(constraint.operator, constraint.argument)
    except PatternTimeout:
        return Undecided(f"{_expected(constraint.operator, constraint.argument)}, and trying that takes too long")
    except _BROKEN:
        return _expected(constraint.operator, constraint.argument)


def asks_elsewhere(constraint: Constraint) -> bool:
    """Whether more than the value itself is needed to tell if the constraint holds."""
    return not all(map(is_local, calls(constraint.argument)))


def is_local(function: Function) -> bool:
    """Whether the function's arguments and the constrained value are all that it depends on."""
    return function.name == "value" or function.name in _FUNCTIONS


def _clause(constraint: Constraint, value: Any, comparable: Comparable) -> bool:
    operator, argument = constraint.operator, constraint.argument
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](comparable(value), comparable(argument))
    if operator == "in_range":
        low, high = argument
        if "UNBOUNDED" not in argument and comparable(low) > comparable(high):
            return True  # told where the clause stands
        found = value if isinstance(value, list) else [value]  # a range lies in a range
        found = [comparable(item) for item in found if item != "UNBOUNDED"]
        return all(
            (low == "UNBOUNDED" or item >= comparable(low)) and (high == "UNBOUNDED" or item <= comparable(high))
            for item in found
        )
    if operator == "valid_values":
        return comparable(value) in [comparable(item) for item in argument]
    if operator == "pattern":
        return matches(str(argument), str(value))
    if operator in ("length", "min_length", "max_length"):
        size, wanted = len(value), int(argument)
        return size == wanted if operator == "length" else size >= wanted if operator == "min_length" else size <= wanted
    return True  # `schema`: an external schema is not followed


def expected(constraint: Constraint, version: str) -> str:
    """What a value must be ("must be at least `1`"); calls of functions are named as that version of TOSCA has them."""
    if constraint.operator == "validation" and isinstance(constraint.argument, Function):
        return _validated(constraint.argument, version)
    return _expected(constraint.operator, constraint.argument, version)


def _expected(operator: str, argument: Any, version: str = _VALIDATED) -> str:
    def shown(value: Any) -> str:
        return quoted(spelled(value, version))

    if operator == "in_range" and isinstance(argument, list) and len(argument) == 2:
        low, high = (spelled(bound, version) for bound in argument)
        return f"must be in the range {printable(low)} to {printable(high)}"
    if operator == "valid_values" and isinstance(argument, list):
        return "must be one of " + ", ".join(map(shown, argument[:20]))
    if operator in ("pattern", "matches"):
        return f"must match {shown(argument)}"
    return f"must be {_WORDS.get(operator, operator)} {shown(argument)}"


def _validated(function: Function, version: str) -> str:
    """What the validation of a value asks for: in words where it compares the value itself, as it is written elsewhere."""
    simple = len(function.args) == 2 and isinstance(function.args[0], Function) and function.args[0].name == "value"
    if simple and (function.name in _WORDS or function.name in ("valid_values", "matches")):
        return _expected(function.name, function.args[1], version)
    return f"must satisfy {quoted(spelled(function, version), 200)}"


def problem_of_clause(operator: str, argument: Any) -> str | None:
    """What is wrong with a clause itself."""
    if holds_function(argument):
        return None
    if operator == "in_range" and not (isinstance(argument, list) and len(argument) == 2):
        return "`in_range` takes a list of two values"
    if operator == "valid_values" and not isinstance(argument, list):
        return "`valid_values` takes a list"
    if operator in ("length", "min_length", "max_length") and not (type(argument) is int and argument >= 0):
        return f"`{operator}` takes a number that is not negative"
    if operator == "pattern":
        try:
            compiled(str(argument))
        except re.error as error:
            return f"the pattern is not a regular expression: {error}"
    return None


def _broken_validation(function: Any, value: Any, comparable: Comparable) -> str | None:
    if not isinstance(function, Function):
        return None
    if function.name == "and":  # say which part does not hold
        for part in function.args:
            text = _broken_validation(part, value, comparable)
            if text is not None:
                return text
        return None
    try:
        if evaluate(function, {"value": value}, comparable) is not False:
            return None
    except PatternTimeout:
        return Undecided(f"{_validated(function, _VALIDATED)}, and trying that takes too long")
    except _BROKEN:
        if function.name in PARTS and not any(map(holds_function, function.args[1:])):
            return None  # told where the validation stands
    return _validated(function, _VALIDATED)


def evaluate(value: Any, known: Mapping[str, Any], comparable: Comparable) -> Any:
    """`value` with its functions answered; an object that is neither True nor False where something is not known.

    `known` answers functions without arguments (`value`); comparisons go through `comparable`.
    """
    if isinstance(value, list):
        items = [evaluate(item, known, comparable) for item in value]
        return _UNKNOWN if any(item is _UNKNOWN for item in items) else items
    if not isinstance(value, Function):
        return value
    if value.name in known:
        found = known[value.name]
        for step in value.args:
            if not isinstance(found, (dict, list)) or isinstance(step, Function):
                return _UNKNOWN
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return _UNKNOWN
        return _UNKNOWN if holds_function(found) else found
    args = [evaluate(arg, known, comparable) for arg in value.args]
    if value.name == "and" and any(arg is False for arg in args):
        return False
    if value.name == "or" and any(arg is True for arg in args):
        return True
    if any(arg is _UNKNOWN for arg in args):
        return _UNKNOWN
    function = _FUNCTIONS.get(value.name)
    return _UNKNOWN if function is None else function(args, comparable)


def _compare(name: str) -> Callable[[list[Any], Comparable], Any]:
    return lambda args, comparable: _COMPARISONS[name](comparable(args[0]), comparable(args[1]))


_FUNCTIONS: Final[dict[str, Callable[[list[Any], Comparable], Any]]] = {
    **{name: _compare(name) for name in _COMPARISONS},
    "and": lambda args, _: all(args),
    "or": lambda args, _: any(args),
    "not": lambda args, _: not args[0],
    "xor": lambda args, _: bool(args[0]) != bool(args[1]),
    "valid_values": lambda args, comparable: comparable(args[0]) in [comparable(item) for item in args[1]],
    "matches": lambda args, _: found(str(args[1]), str(args[0])),
    "length": lambda args, _: len(args[0]),
    "concat": lambda args, _: [x for arg in args for x in arg] if isinstance(args[0], list) else "".join(map(str, args)),
    "join": lambda args, _: (str(args[1]) if len(args) > 1 else "").join(map(str, args[0])),
    "token": lambda args, _: args[0].split(args[1])[args[2]],
    "has_prefix": lambda args, _: args[0][: len(args[1])] == args[1],
    "has_suffix": lambda args, _: len(args[1]) == 0 or args[0][-len(args[1]) :] == args[1],
    "contains": lambda args, _: args[1] in args[0] if isinstance(args[0], str) else _sublist(args[0], args[1]),
    "has_entry": lambda args, _: args[1] in (args[0].values() if isinstance(args[0], dict) else args[0]),
    "has_key": lambda args, _: args[1] in args[0],
    "has_all_entries": lambda args, _: all(item in _members(args[0]) for item in args[1]),
    "has_all_keys": lambda args, _: all(item in args[0] for item in args[1]),
    "has_any_entry": lambda args, _: any(item in _members(args[0]) for item in args[1]),
    "has_any_key": lambda args, _: any(item in args[0] for item in args[1]),
    "sum": lambda args, _: sum(args),
    "difference": lambda args, _: args[0] - args[1],
    "product": lambda args, _: _product(args),
    "quotient": lambda args, _: args[0] / args[1],
    "remainder": lambda args, _: args[0] % args[1],
}


def _members(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)


def _sublist(whole: list[Any], part: list[Any]) -> bool:
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def _product(args: list[Any]) -> Any:
    result = 1
    for arg in args:
        result = result * arg
    return result


def holds_function(value: Any) -> bool:
    """Whether a function is called anywhere in the value."""
    if isinstance(value, Function):
        return True
    if isinstance(value, dict):
        return any(holds_function(item) for item in value.values())
    return isinstance(value, list) and any(holds_function(item) for item in value)
