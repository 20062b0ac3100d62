"""The topology's expressions as functions of HOT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bbq.render.hot.model import Fn
from bbq.topology.values import Attribute, Call, Expr, Secret


class NotExpressed(Exception):
    """What of the value Heat does not know, in a few words."""


def hot_value(value: Any, attributes: Mapping[str, Mapping[str, Any]]) -> Any:
    """The value with attributes of nodes that the template makes (`attributes`) in place of expressions. Raises
    `NotExpressed`."""
    if isinstance(value, Secret):
        raise NotExpressed("it is a secret")
    if isinstance(value, Attribute):
        return _attribute(value, attributes)
    if isinstance(value, Call):
        return _call(value, [hot_value(arg, attributes) for arg in value.args])
    if isinstance(value, Expr):
        raise NotExpressed(f"{value} is known to bbq only")
    if isinstance(value, dict) and not isinstance(value, Fn):
        return {key: hot_value(item, attributes) for key, item in value.items()}
    if isinstance(value, list):
        return [hot_value(item, attributes) for item in value]
    return value


def _attribute(value: Attribute, attributes: Mapping[str, Mapping[str, Any]]) -> Any:
    name, *rest = value.path
    node = attributes.get(value.node)
    if node is None:
        raise NotExpressed(f"{value.node} is not made by Heat")
    if str(name) not in node or node[str(name)] is None:
        raise NotExpressed(f"{value.node} has no {name}")
    return _inside(node[str(name)], rest, str(value))


def _inside(found: Any, path: list[str | int], what: str) -> Any:
    for depth, key in enumerate(path):
        if isinstance(found, Fn):
            if "get_attr" in found:
                return Fn(get_attr=[*found["get_attr"], *path[depth:]])
            if key in (0, "0"):  # a list of one, in the template's eyes
                continue
            raise NotExpressed(f"{what} is one value")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (LookupError, TypeError, ValueError):
            raise NotExpressed(f"there is no {what}") from None
    return found


def _call(value: Call, args: list[Any]) -> Any:
    if value.function == "concat":
        return Fn(list_join=["", [_joinable(arg) for arg in args]])
    if value.function == "join" and args and isinstance(args[0], list):
        return Fn(list_join=[str(args[1]) if len(args) > 1 else "", [_joinable(arg) for arg in args[0]]])
    if value.function == "token" and len(args) == 3:
        return Fn(str_split=[args[1], args[0], args[2]])
    if value.function == "select" and args:
        return _inside(args[0], args[1:], str(value))
    raise NotExpressed(f"Heat has no function {value.function}")


def _joinable(value: Any) -> Any:
    """`list_join` takes texts, lists and maps."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value
