"""What an operation gives back: `set_stats` of a playbook; of a script its file of outputs, or what it prints."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any


def of_script(printed: str, marker: str, asked: Collection[str]) -> dict[str, Any]:
    """The outputs of a script.

    What it wrote to its file of outputs comes first, of whatever name. Else an object in JSON as the last thing it printed;
    else lines `name=value` that it printed, of the names that the template speaks of: other lines may mean anything.
    """
    text, _, written = printed.partition(marker)
    found = _assignments(text, asked)
    document = _last_document(text)
    if document is not None:
        found |= {name: value for name, value in document.items() if name in asked}
    if written.strip():
        whole = _parsed(written.strip())
        found |= whole if isinstance(whole, dict) else _assignments(written, None)
    return found


def _assignments(text: str, asked: Collection[str] | None) -> dict[str, Any]:
    found = {}
    for line in text.splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        name = name.strip()
        if separator and name.isidentifier() and (asked is None or name in asked):
            found[name] = value.strip()
    return found


def _last_document(text: str) -> dict[str, Any] | None:
    stripped = text.strip()
    for start in (stripped, stripped.rpartition("\n")[2]):
        value = _parsed(start)
        if isinstance(value, dict):
            return value
    return None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def stored(
    key: tuple[str, str], outputs: Mapping[str, Any], stores: Mapping[str, tuple[Any, ...]], declared: Collection[str]
) -> dict[str, Any]:
    """Attribute -> value. An output goes to the attribute that it is mapped to, else to the one of its name that the type
    declares; one that `get_operation_output` names also stands where that looks: below interface and operation."""
    found: dict[str, Any] = {}
    for name, value in outputs.items():
        path = stores.get(name, ())
        if path:
            _put(found, path, value)
        elif name in declared:
            found[name] = value
        if name in stores:
            _put(found, (*key, name), value)
    return found


def _put(into: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        into = into.setdefault(str(step), {})
    into[str(path[-1])] = value


def merged(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`more` over `before`, maps by their keys."""
    found = dict(before)
    for name, value in more.items():
        old = found.get(name)
        found[name] = (
            merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) and "$secret" not in old else value
        )
    return found
