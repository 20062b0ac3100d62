"""Constraints of parameters and properties, in the form that HOT gives them.

Source: `heat/engine/constraints.py`, `heat/engine/constraint/common_constraints.py`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from bbq.patterns import PatternTimeout, compiled, matches
from bbq.wording import quoted

Kind = Literal["range", "length", "modulo", "allowed_values", "allowed_pattern", "custom_constraint"]
KINDS: Final = ("range", "length", "modulo", "allowed_values", "allowed_pattern", "custom_constraint")

FITS: Final[Mapping[str, frozenset[str]]] = {
    "range": frozenset(("number", "integer")),
    "modulo": frozenset(("number", "integer")),
    "length": frozenset(("string", "comma_delimited_list", "json", "list", "map")),
    "allowed_values": frozenset(("string", "number", "boolean", "comma_delimited_list", "integer", "list")),
    "allowed_pattern": frozenset(("string",)),
    "custom_constraint": frozenset(("string", "number", "boolean", "comma_delimited_list", "integer", "list")),
}
"""The types of parameters and properties that a kind of constraint is for."""

_TRUE: Final = frozenset(("1", "t", "true", "on", "y", "yes"))
_FALSE: Final = frozenset(("0", "f", "false", "off", "n", "no"))
_MAC: Final = re.compile(
    r"(?i)(?:[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}|[0-9a-f]{1,2}(?:-[0-9a-f]{1,2}){5}|[0-9a-f]{1,4}(?:\.[0-9a-f]{1,4}){2}"
    r"|[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){2}|[0-9a-f]{1,6}-[0-9a-f]{1,6}|[0-9a-f]{12})"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """One constraint. `argument`: {min, max} of range and length, {step, offset} of modulo, a tuple of values, a regular
    expression, or a custom constraint's name. `description` is the template's own message."""

    kind: Kind
    argument: Any
    description: str = ""


def number(value: Any) -> int | float:
    """As Heat converts: numbers and booleans as they are, text as integer or float. Raises ValueError or TypeError."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str) and len(value) > 300:
        raise ValueError("too many digits")
    try:
        return int(value)
    except ValueError:
        return float(value)


def boolean(value: Any) -> bool:
    """As Heat's parameters take booleans: true, yes, on, 1, ... Raises ValueError."""
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(text)


def broken(limit: Limit, value: Any, type_name: str) -> str | None:
    """What `value`, of the named type of parameter or property, must be and is not; None where it is fine."""
    try:
        fine = _holds(limit, value, type_name)
    except PatternTimeout:
        return f"must match {quoted(limit.argument)}, and trying that takes too long"
    except (TypeError, ValueError, ArithmeticError, re.error):
        return None  # of another type, or the constraint itself is broken: told elsewhere
    return None if fine else expected(limit)


def _holds(limit: Limit, value: Any, type_name: str) -> bool:
    argument = limit.argument
    if limit.kind in ("range", "length"):
        found = len(value) if limit.kind == "length" else number(value)
        low, high = argument.get("min"), argument.get("max")
        return bool((low is None or found >= low) and (high is None or found <= high))
    if limit.kind == "modulo":
        return bool(number(value) % argument["step"] == argument["offset"])
    if limit.kind == "allowed_values":
        if isinstance(value, list):
            return all(item in argument for item in value)
        convert = _CONVERSIONS.get(type_name, lambda item: item)
        return convert(value) in [convert(item) for item in argument]
    if limit.kind == "allowed_pattern":
        return matches(argument, value)
    check = _LOCAL.get(argument)
    return check is None or (isinstance(value, str) and check(value))


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


_CONVERSIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _text_of,
    "number": number,
    "integer": number,
    "boolean": boolean,
}


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text and (found.version == 6 or str(found) == text)


_LOCAL: Final[dict[str, Callable[[str], bool]]] = {
    "ip_addr": _is_address,
    "net_cidr": _is_network,
    "ip_or_cidr": lambda text: _is_network(text) if "/" in text else _is_address(text),
    "mac_addr": lambda text: _MAC.fullmatch(text) is not None,
}
"""Custom constraints that can be told without asking a service; the others hold for all that is known here."""


def expected(limit: Limit) -> str:
    argument = limit.argument
    if limit.kind in ("range", "length"):
        what = "have a length of" if limit.kind == "length" else "be"
        low, high = argument.get("min"), argument.get("max")
        bounds = f"at least {low}" if high is None else f"at most {high}" if low is None else f"from {low} to {high}"
        return f"must {what} {bounds}"
    if limit.kind == "modulo":
        return f"must be a multiple of {argument['step']} with an offset of {argument['offset']}"
    if limit.kind == "allowed_values":
        more = ", ..." if len(argument) > 20 else ""
        return "must be one of " + ", ".join(quoted(item) for item in argument[:20]) + more
    return f"must match {quoted(argument)}" if limit.kind == "allowed_pattern" else f"must be a valid {argument}"


def problem(kind: str, argument: Any) -> str | None:
    """What is wrong with a constraint itself; None where it can be used."""
    if kind in ("range", "length"):
        if not isinstance(argument, dict) or not {"min", "max"} & set(argument):
            return f"`{kind}` takes a map with `min`, `max` or both"
        return _bad_bounds(kind, argument)
    if kind == "modulo":
        return _bad_modulo(argument)
    if kind == "allowed_values" and not isinstance(argument, list):
        return "`allowed_values` takes a list"
    if kind in ("allowed_pattern", "custom_constraint") and not isinstance(argument, str):
        return f"`{kind}` takes a string"
    if kind == "allowed_pattern":
        try:
            compiled(argument)
        except re.error as error:
            return f"the pattern is not a regular expression: {error}"
    return None


def _bad_bounds(kind: str, argument: dict[str, Any]) -> str | None:
    try:
        low, high = (None if argument.get(key) is None else number(argument[key]) for key in ("min", "max"))
    except (ValueError, TypeError):
        return f"`min` and `max` of `{kind}` are numbers"
    if low is None and high is None:
        return f"`{kind}` takes a map with `min`, `max` or both"
    if kind == "length" and any(isinstance(bound, float) for bound in (low, high)):
        return "`min` and `max` of `length` are whole numbers"
    return "`min` is above `max`" if low is not None and high is not None and low > high else None


def _bad_modulo(argument: Any) -> str | None:
    if not isinstance(argument, dict) or not {"step", "offset"} <= set(argument):
        return "`modulo` takes a map with `step` and `offset`"
    try:
        step, offset = number(argument["step"]), number(argument["offset"])
        whole = step == int(step) and offset == int(offset)
    except (ValueError, TypeError, OverflowError):
        return "`step` and `offset` are whole numbers"
    if not whole:
        return "`step` and `offset` are whole numbers"
    if step == 0:
        return "`step` cannot be 0"
    if abs(offset) >= abs(step):
        return "`offset` must be smaller than `step`"
    return "`step` and `offset` must be both positive or both negative" if step * offset < 0 else None


def limit_of(kind: Kind, argument: Any, description: str = "") -> Limit:
    """A constraint whose argument has no `problem`, ready for `broken`."""
    if kind in ("range", "length", "modulo"):
        keys = ("step", "offset") if kind == "modulo" else ("min", "max")  # others are told elsewhere
        argument = {key: number(argument[key]) for key in keys if argument.get(key) is not None}
    return Limit(kind, tuple(argument) if kind == "allowed_values" else argument, description)
