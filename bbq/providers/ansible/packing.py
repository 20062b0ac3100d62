"""Values of a topology as JSON in private files, and back: secrets marked, expressions about the node itself kept for later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bbq.topology.values import UNKNOWN, Attribute, Call, Secret


def pack(value: Any) -> Any:
    """For files that only this user reads: the values of secrets are in it."""
    if isinstance(value, Secret):
        return {"$secret": value.reveal()}
    if isinstance(value, Attribute):
        return {"$attribute": list(value.path)}
    if isinstance(value, Call):
        return {"$call": value.function, "args": [pack(arg) for arg in value.args]}
    if isinstance(value, Mapping):
        return {str(key): pack(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [pack(item) for item in value]
    return None if value is UNKNOWN else value


def unpack(value: Any, node: str) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$secret"}:
            return Secret(value["$secret"])
        if value.keys() == {"$attribute"}:
            return Attribute(node, tuple(value["$attribute"]))
        if value.keys() == {"$call", "args"}:
            return Call(value["$call"], tuple(unpack(arg, node) for arg in value["args"]))
        return {key: unpack(item, node) for key, item in value.items()}
    if isinstance(value, list):
        return [unpack(item, node) for item in value]
    return value


class OwnAttributes:
    """A `Scope` of one node: what its operations have stored by now, over what the template says, over its properties."""

    def __init__(self, *layers: Mapping[str, Any]) -> None:
        self._layers = layers

    def attribute(self, node: str, path: tuple[str | int, ...]) -> Any:
        for layer in self._layers:
            if path[0] in layer:
                return _inside(layer[str(path[0])], path[1:])
        return UNKNOWN

    def secret(self, name: str) -> Secret:
        raise KeyError(name)  # answered before anything is planned


def _inside(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        if isinstance(value, Mapping) and key in value:
            value = value[str(key)]
        elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return UNKNOWN
    return value


def secrets_in(value: Any) -> set[str]:
    """The texts that no log may show: every secret in a packed value, as text and as its parts."""
    found: set[str] = set()
    if isinstance(value, dict):
        if value.keys() == {"$secret"}:
            return _texts(value["$secret"])
        for item in value.values():
            found |= secrets_in(item)
    elif isinstance(value, list):
        for item in value:
            found |= secrets_in(item)
    return found


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_texts, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(_texts, value)) if value else set()
    text = str(value)
    return {text} if len(text) >= 4 else set()
