"""What makes values of a type comparable: sizes by their bytes, versions by their parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bbq.tosca import units
from bbq.tosca.constraints import Comparable


def comparable(base: str, table: Mapping[str, float]) -> Comparable:
    """Of values whose type comes from the built-in type `base`, "" for a data type with properties. `table` has the units of
    a scalar of 2.0."""
    if base in units.SCALAR_UNITS:
        return _scalar(units.SCALAR_UNITS[base], exact_case=False)
    if base == "scalar":
        return _scalar(table, exact_case=True)
    if base == "version":
        return _version
    if base == "timestamp":
        return _timestamp
    if not base:
        return _member
    if base == "string":  # unquoted `valid_values: [ true, false ]` of a string
        return lambda value: str(value).lower() if isinstance(value, bool) else value
    return lambda value: value


def _scalar(table: Mapping[str, float], *, exact_case: bool) -> Comparable:
    def convert(value: Any) -> Any:
        if not isinstance(value, str):  # a length, or the value of a clause that was written without a unit
            return value
        found = units.scalar(value, table, exact_case=exact_case)
        if found is None:
            raise ValueError(value)
        return found[0]

    return convert


def _member(value: Any) -> Any:
    """A value inside a complex one: text with a unit counts as its number."""
    for table in units.SCALAR_UNITS.values() if isinstance(value, str) else ():
        found = units.scalar(value, table)
        if found is not None:
            return found[0]
    return value


def _version(value: Any) -> Any:
    key = units.version_key(str(value))
    if key is None:
        raise ValueError(value)
    return key


def _timestamp(value: Any) -> Any:
    found = units.timestamp(str(value))
    if found is None:
        raise ValueError(value)
    return found
