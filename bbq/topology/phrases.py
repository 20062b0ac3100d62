"""What messages say of names and constraints."""

from __future__ import annotations

from collections.abc import Iterable

from bbq.tosca.model import Constraint, Function


def suggestion(name: str, names: Iterable[str]) -> str | None:
    """A hint: the nearest names, or all where they are few."""
    from difflib import get_close_matches

    known = list(names)
    near = get_close_matches(name, known, n=3)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"there are: {', '.join(sorted(known))}" if 0 < len(known) <= 10 else None


def describe(constraint: Constraint) -> str:
    """A constraint in words, for a message."""
    operator, argument = constraint.operator, constraint.argument
    if isinstance(argument, Function):
        operator = argument.name
        rest = [arg for arg in argument.args if not (isinstance(arg, Function) and arg.name == "value")]
        argument = rest[0] if len(rest) == 1 else rest
    if operator == "in_range" and isinstance(argument, (list, tuple)) and len(argument) == 2:
        return f"from {argument[0]} to {argument[1]}"
    if operator == "valid_values" and isinstance(argument, (list, tuple)):
        return "one of " + ", ".join(map(str, argument))
    return f"{operator.replace('_', ' ')} {argument}"
