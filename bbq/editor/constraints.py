"""Constraint clauses of TOSCA 1.x and validations of 2.0, taken apart and put into words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

from bbq.tosca.constraints import OPERATORS
from bbq.tosca.model import Constraint, Function

_WORDS: Final = {
    "equal": "equal to",
    "greater_than": "more than",
    "greater_or_equal": "at least",
    "less_than": "less than",
    "less_or_equal": "at most",
    "valid_values": "one of",
    "pattern": "matching",
    "matches": "matching",
    "length": "of length",
    "min_length": "of length at least",
    "max_length": "of length at most",
}


def clauses(constraints: Iterable[Constraint]) -> Iterator[tuple[str, Any]]:
    """(operator, argument) of 1.x clauses, and of 2.0 validations that compare `$value` with something; ranges as two of them.
    What cannot be taken apart comes as ("validation", function)."""
    for constraint in constraints:
        if constraint.operator == "in_range" and isinstance(constraint.argument, list) and len(constraint.argument) == 2:
            low, high = constraint.argument
            yield "greater_or_equal", low
            if high != "UNBOUNDED":
                yield "less_or_equal", high
        elif constraint.operator == "validation" and isinstance(constraint.argument, Function):
            yield from _validation(constraint.argument)
        else:
            yield constraint.operator, constraint.argument


def _validation(function: Function) -> Iterator[tuple[str, Any]]:
    if function.name == "and":
        for part in function.args:
            if isinstance(part, Function):
                yield from _validation(part)
    elif (
        function.name in (*OPERATORS, "matches")
        and len(function.args) == 2
        and isinstance(function.args[0], Function)
        and function.args[0].name == "value"
        and not function.args[0].args
    ):
        yield function.name, function.args[1]
    else:
        yield "validation", function


def in_words(constraints: Iterable[Constraint]) -> list[str]:
    """`at least 1`, `one of nats, rabbitmq`."""
    found = []
    for operator, argument in clauses(constraints):
        if operator == "validation":
            found.append(f"such that {flow(argument)} holds")
        elif operator == "valid_values" and isinstance(argument, list):
            found.append("one of " + ", ".join(map(flow, argument)))
        else:
            found.append(f"{_WORDS.get(operator, operator)} {flow(argument)}")
    return found


def flow(value: Any, *, two: bool = True) -> str:
    """A value as a template would say it, on one line; functions with their `$`, unless for TOSCA 1.x."""
    if isinstance(value, str):
        return value
    text = yaml.safe_dump(_plain(value, two), default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _plain(value: Any, two: bool) -> Any:
    if isinstance(value, Function):
        arguments = [_plain(item, two) for item in value.args]
        name = f"${value.name}" if two else value.name
        return name if not arguments and two else {name: arguments[0] if len(arguments) == 1 else arguments}
    if isinstance(value, dict):
        return {str(key): _plain(item, two) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, two) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
