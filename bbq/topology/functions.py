"""The pure functions of TOSCA 1.3 (section 4.3) and 2.0 (section 10.2), and the constraint clauses of 1.x as functions.

Pure: the answer depends on the arguments alone. Functions that look at the graph (`get_property`...) are in `evaluate.py`.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any, Final

from bbq.errors import TemplateError
from bbq.patterns import PatternTimeout, found
from bbq.topology.values import Secret, contains, revealed
from bbq.tosca.units import SCALAR_UNITS, scalar


class FunctionError(TemplateError):
    """A function cannot be answered for these arguments. The text holds no secret."""


def call(name: str, args: Sequence[Any]) -> Any:
    """The answer of the function `name`. Where an argument holds a `Secret`, the answer is one, too.

    Raises `FunctionError` for an unknown function and for arguments that do not fit.
    """
    function = _FUNCTIONS.get(name)
    if function is None:
        raise FunctionError(f"there is no function {name!r}")
    secret = contains(args, lambda value: isinstance(value, Secret))
    try:
        result = function(*(revealed(arg) for arg in args) if secret else args)
    except FunctionError:
        raise
    except (TypeError, ValueError, ArithmeticError, LookupError, re.error) as error:
        reason = f": {error}" if isinstance(error, (_Misfit, ArithmeticError, re.error)) and not secret else ""
        raise FunctionError(f"{name} cannot be applied to {_shape(args)}{reason}") from None
    return Secret(result) if secret else result


def is_pure(name: str) -> bool:
    """True where `call` knows the function."""
    return name in _FUNCTIONS


def satisfies(operator: str, value: Any, argument: Any) -> bool:
    """A constraint clause of TOSCA 1.x (`in_range: [1, 4]`) on a value; `FunctionError` where it cannot be applied."""
    if operator == "length":
        return bool(call("length", [value]) == argument)
    return bool(call(_CLAUSES.get(operator, operator), [value, argument]))


class _Misfit(ValueError):
    """A misfit worth telling; its text does not repeat argument values."""


def _shape(args: Sequence[Any]) -> str:
    names = {"str": "a string", "int": "an integer", "float": "a float", "bool": "a boolean", "dict": "a map", "list": "a list"}
    shapes = [names.get(type(arg).__name__, "nothing" if arg is None else "a secret") for arg in args]
    return ", ".join(shapes) or "no arguments"


def _text(value: Any) -> str:
    """As YAML would write a scalar; maps and lists have no such form."""
    if value is None or isinstance(value, (dict, list)):
        raise _Misfit("only scalars have a text")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Misfit("a number is needed")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Misfit("a boolean is needed")
    return value


_VERSION: Final = re.compile(r"\d+(\.\d+)+")


def _scalar(text: str) -> tuple[str, float, str] | None:
    """(dimension, number in the base unit, unit) of a scalar with a unit, such as `512 MB`."""
    if text[:1].isdigit() or text[:1] in "+-":
        for dimension, units in SCALAR_UNITS.items():
            found = scalar(text, units)
            if found is not None:
                return dimension, found[0], found[1].rpartition(" ")[2]
    return None


def _comparable(value: Any) -> tuple[str, Any]:
    """(kind, key): values of one kind can be ordered by their keys. Scalars with a unit compare by their size."""
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
        return type(value).__name__, value
    if isinstance(value, (int, float)):
        return "number", value
    if isinstance(value, str):
        if (found := _scalar(value)) is not None:
            return found[0], found[1]
        if _VERSION.fullmatch(value):
            return "version", tuple(map(int, value.split(".")))
    return type(value).__name__, value


def _equal(left: Any, right: Any) -> bool:
    return (left == right and isinstance(left, bool) == isinstance(right, bool)) or _comparable(left) == _comparable(right)


def _order(left: Any, right: Any) -> int:
    (left_kind, left_key), (right_kind, right_key) = _comparable(left), _comparable(right)
    if left_kind != right_kind:
        raise _Misfit("they cannot be compared")
    return int(left_key > right_key) - int(left_key < right_key)


def _in_range(value: Any, bounds: Any) -> bool:
    lower, upper = bounds
    return (lower == "UNBOUNDED" or _order(value, lower) >= 0) and (upper == "UNBOUNDED" or _order(value, upper) <= 0)


LARGEST: Final = 1_000_000
"""Characters and items of a value. Forty properties, each twice the one before, would fill any memory."""


def _bounded(size: int) -> None:
    if size > LARGEST:
        raise _Misfit(f"the result would be larger than {LARGEST:,}")


def _join(parts: Any, delimiter: Any = "") -> str:
    if not isinstance(parts, list):
        raise _Misfit("a list is needed")
    texts, between = [_text(part) for part in parts], _text(delimiter)
    _bounded(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _concat(*parts: Any) -> Any:
    """Strings, or lists (2.0)."""
    if parts and all(isinstance(part, list) for part in parts):
        _bounded(sum(map(len, parts)))
        return [item for part in parts for item in part]
    return _join(list(parts))


def _token(text: Any, separators: Any, index: Any) -> str:
    """The index-th piece between any of the separator's characters."""
    if not isinstance(text, str) or not isinstance(separators, str) or not separators:
        raise _Misfit("a text, its separators and an index are needed")
    pieces = re.split(f"[{re.escape(separators)}]", text)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(pieces):
        raise _Misfit(f"the text has {len(pieces)} pieces, counted from 0")
    return pieces[index]


def _length(value: Any) -> int:
    if not isinstance(value, (str, list, dict)):
        raise _Misfit("a string, list or map is needed")
    return len(value)


def _matches(value: Any, pattern: Any) -> bool:
    try:
        return found(pattern, _text(value))
    except PatternTimeout:
        raise _Misfit("the pattern takes too long for this text") from None


def _sum(*values: Any) -> Any:
    return _with_units(values, sum)


def _difference(left: Any, right: Any) -> Any:
    return _with_units((left, right), lambda numbers: numbers[0] - numbers[1])


def _with_units(values: Sequence[Any], function: Callable[[list[Any]], Any]) -> Any:
    """On numbers, or on scalars of one dimension: the result then has the first one's unit."""
    if not values or not isinstance(values[0], str):
        return function([_number(value) for value in values])
    scalars = [_scalar(value) if isinstance(value, str) else None for value in values]
    first = scalars[0]
    if first is None or any(item is None or item[0] != first[0] for item in scalars):
        raise _Misfit("numbers, or scalars of one dimension, are needed")
    number = function([item[1] for item in scalars if item is not None]) / SCALAR_UNITS[first[0]][first[2]]
    return f"{number:.15g} {first[2]}"


_MOST_BITS: Final = 1024  # as large as a float can be


def _product(*values: Any) -> Any:
    scalars = [value for value in values if isinstance(value, str)]
    factor: int | float = 1
    for value in values:
        if not isinstance(value, str):
            factor *= _number(value)
            if isinstance(factor, int) and factor.bit_length() > _MOST_BITS:
                raise _Misfit("the product is too large")
    if not scalars:
        return factor
    if len(scalars) > 1:
        raise _Misfit("at most one of them may have a unit")
    return _with_units(scalars, lambda numbers: numbers[0] * factor)


def _quotient(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        above, below = _scalar(left), _scalar(right)
        if above is None or below is None or above[0] != below[0]:
            raise _Misfit("they have no common dimension")
        return above[1] / below[1]
    if isinstance(left, str):
        return _with_units((left,), lambda numbers: numbers[0] / _number(right))
    return _number(left) / _number(right)


def _unique(items: Any) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def _has_entry(collection: Any, entry: Any) -> bool:
    return entry in (collection.values() if isinstance(collection, dict) else _list(collection))


def _has_key(collection: Any, key: Any) -> bool:
    if not isinstance(collection, dict):
        raise _Misfit("a map is needed")
    return key in collection


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Misfit("a list is needed")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _Misfit("a string has strings for parts")
    return value


def _sequence(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Misfit("a string or a list is needed first")
    return value


def _contains(collection: Any, part: Any) -> bool:
    """A string in a string, or a list in a list, without a gap."""
    if isinstance(collection, str):
        return _string(part) in collection
    whole, piece = _sequence(collection), _list(part)
    return any(whole[at : at + len(piece)] == piece for at in range(len(whole) - len(piece) + 1))


def _has_prefix(collection: Any, part: Any) -> bool:
    if isinstance(collection, str):
        return collection.startswith(_string(part))
    whole, piece = _sequence(collection), _list(part)
    return whole[: len(piece)] == piece


def _has_suffix(collection: Any, part: Any) -> bool:
    if isinstance(collection, str):
        return collection.endswith(_string(part))
    whole, piece = _sequence(collection), _list(part)
    return not piece or whole[-len(piece) :] == piece


def _select(value: Any, *path: Any) -> Any:
    """The element of a list or map at `path`; how `get_property: [node, property, key]` goes on where the value is an
    expression."""
    for key in path:
        value = value[key]
    return value


def _argv(command: Any) -> list[str]:
    return [_text(part) for part in command] if isinstance(command, list) else shlex.split(_text(command))


_CLAUSES: Final = {"pattern": "matches"}

_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "concat": _concat,
    "join": _join,
    "token": _token,
    "length": _length,
    "matches": _matches,
    "and": lambda *values: all(map(_boolean, values)),
    "or": lambda *values: any(map(_boolean, values)),
    "not": lambda value: not _boolean(value),
    "xor": lambda left, right: _boolean(left) != _boolean(right),
    "equal": _equal,
    "not_equal": lambda left, right: not _equal(left, right),
    "greater_than": lambda left, right: _order(left, right) > 0,
    "greater_or_equal": lambda left, right: _order(left, right) >= 0,
    "less_than": lambda left, right: _order(left, right) < 0,
    "less_or_equal": lambda left, right: _order(left, right) <= 0,
    "in_range": _in_range,
    "valid_values": lambda value, values: any(_equal(value, item) for item in _list(values)),
    "min_length": lambda value, bound: _length(value) >= _number(bound),
    "max_length": lambda value, bound: _length(value) <= _number(bound),
    "sum": _sum,
    "difference": _difference,
    "product": _product,
    "quotient": _quotient,
    "remainder": lambda left, right: _with_units((left,), lambda numbers: numbers[0] % _number(right)),
    "round": lambda value: math.ceil(_number(value) - 0.5),  # 3.5 is 3
    "floor": lambda value: math.floor(_number(value)),
    "ceil": lambda value: math.ceil(_number(value)),
    "union": lambda *lists: _unique(item for each in lists for item in _list(each)),
    "intersection": lambda *lists: [
        item for item in _unique(_list(lists[0])) if all(item in _list(other) for other in lists[1:])
    ],
    "has_entry": _has_entry,
    "has_key": _has_key,
    "has_all_entries": lambda collection, entries: all(_has_entry(collection, entry) for entry in _list(entries)),
    "has_any_entry": lambda collection, entries: any(_has_entry(collection, entry) for entry in _list(entries)),
    "has_all_keys": lambda collection, keys: all(_has_key(collection, key) for key in _list(keys)),
    "has_any_key": lambda collection, keys: any(_has_key(collection, key) for key in _list(keys)),
    "contains": _contains,
    "has_prefix": _has_prefix,
    "has_suffix": _has_suffix,
    "select": _select,
    "argv": _argv,
}
