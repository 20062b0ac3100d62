"""Which inputs of a template can still be asked for when the package is deployed: those whose value ends up, as it is, in the
Heat template that is made. It is tried out: the template is made again with other values, and what differs says where they go.

An input that decides what there is (how many servers, which network) changes more than places, and is fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from bbq.render.hot.model import Fn, get_param
from bbq.tosca.model import ParameterDef

Path = tuple[str | int, ...]
Made = Callable[[Mapping[str, Any]], Any]
"""Values of some inputs -> what is made with them, as data; None where they are not taken."""


class Fixed(Exception):
    """The value does not go anywhere as it is."""


def trace(
    base: Any, values: Mapping[str, Any], definitions: Mapping[str, ParameterDef], made: Made
) -> tuple[dict[str, Any], list[str], list[str]]:
    """(`base` with `get_param` in place of the inputs' values, inputs that it has as parameters, inputs that decide more).
    `values` are the inputs in force that may be asked for. What is in neither list goes nowhere."""
    found: dict[Path, Any] = {}
    kept, deciding = [], []
    for name, value in values.items():
        others = _others(definitions[name], value)
        variants = [made({name: other}) for other in others]
        places: dict[Path, Any] = {}
        try:
            if not others or any(variant is None for variant in variants):
                raise Fixed
            _compare(base, variants, value, others, name, (), places)
            if set(places) & set(found):  # the text of two inputs: the first one has it
                raise Fixed
        except Fixed:
            deciding.append(name)
            continue
        if places:
            kept.append(name)
            found |= places
    body: dict[str, Any] = deepcopy(base)
    for path, expression in found.items():
        _put(body, path, expression)
    return body, kept, deciding


def _others(definition: ParameterDef, value: Any) -> list[Any]:
    """Other values of the same kind, which no template has by chance where the constraints leave that open."""
    for constraint in definition.schema.constraints:
        if constraint.operator == "valid_values" and isinstance(constraint.argument, list):
            return [one for one in constraint.argument if one != value][:2]
        if constraint.operator == "in_range" and isinstance(constraint.argument, list) and isinstance(value, int):
            low, high = constraint.argument
            near = [value + step for step in (1, 2, -1, -2)]
            return [one for one in near if _within(one, low, high)][:2]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, str):
        return [f"bbq-{definition.name}-{'x' * length}" for length in (3, 11)]
    return [value + 1, value + 2] if isinstance(value, int) else []


def _within(value: int, low: Any, high: Any) -> bool:
    return (not isinstance(low, int) or value >= low) and (not isinstance(high, int) or value <= high)


def _compare(
    base: Any, variants: list[Any], value: Any, others: list[Any], name: str, path: Path, places: dict[Path, Any]
) -> None:
    if isinstance(base, dict):
        if any(not isinstance(one, dict) or list(one) != list(base) for one in variants):
            raise Fixed
        for key, item in base.items():
            _compare(item, [one[key] for one in variants], value, others, name, (*path, key), places)
    elif isinstance(base, list):
        if any(not isinstance(one, list) or len(one) != len(base) for one in variants):
            raise Fixed
        for index, item in enumerate(base):
            _compare(item, [one[index] for one in variants], value, others, name, (*path, index), places)
    elif any(one != base or type(one) is not type(base) for one in variants):
        places[path] = _expression(base, variants, value, others, name)


def _expression(base: Any, variants: list[Any], value: Any, others: list[Any], name: str) -> Any:
    if base == value and variants == others:
        return get_param(name)
    if not all(isinstance(one, str) for one in (base, value, *variants)):
        raise Fixed
    pieces = [one.split(other) for one, other in zip(variants, others, strict=True)]
    if any(one != pieces[0] for one in pieces) or str(value).join(pieces[0]) != base:
        raise Fixed
    parts: list[Any] = []
    for index, piece in enumerate(pieces[0]):
        parts += [get_param(name)] * bool(index) + [piece] * bool(piece)
    return parts[0] if len(parts) == 1 else Fn(list_join=["", parts])


def _put(body: Any, path: Path, value: Any) -> None:
    for key in path[:-1]:
        body = body[key]
    body[path[-1]] = value
