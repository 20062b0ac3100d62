"""Whether two texts mean the same: their values, and the model that the reader makes of them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.editor.reading import read
from bbq.yamlreader import read_bytes

_PLACES = frozenset(("at", "property_at", "digest", "sources", "copies", "flaws"))
"""Fields that say where something stands, or what comes of findings, which are compared themselves."""


def difference(path: Path, before: str, after: str) -> str | None:
    """The first difference in meaning, in a user's words; None where there is none. `path` is where imports are looked for."""
    first, second = (read_bytes(text.encode(), str(path), DiagnosticBag()) for text in (before, after))
    if first is None or second is None:
        return "it is not YAML that can be read" if second is None else None
    found = _nodes(first.root, second.root, "")
    if found is not None:
        return found
    one, two = (read(path, overlay={path: text.encode()}) for text in (before, after))
    first_line = "BBQ-T003"  # the one problem that the order of keynames makes
    problems = [
        sorted((item.code, item.message) for item in found if item.code != first_line) for found in (one.found, two.found)
    ]
    if problems[0] != problems[1]:
        return "other problems are found in it"
    return _models(one.service, two.service, "")


def _nodes(one: Node, two: Node, where: str) -> str | None:
    if isinstance(one, ScalarNode) and isinstance(two, ScalarNode):
        same = (one.value, one.tag, bool(one.style)) == (two.value, two.tag, bool(two.style))
        return None if same else f"the value at {where or 'the top'}"
    if isinstance(one, SequenceNode) and isinstance(two, SequenceNode):
        if len(one.value) != len(two.value):
            return f"the list at {where or 'the top'}"
        pairs = [(f"{where}[{index}]", a, b) for index, (a, b) in enumerate(zip(one.value, two.value, strict=True))]
    elif isinstance(one, MappingNode) and isinstance(two, MappingNode):
        others = {key.value: value for key, value in two.value}
        if {key.value for key, _ in one.value} != set(others) or len(one.value) != len(two.value):
            return f"the map at {where or 'the top'}"
        pairs = [(f"{where}.{key.value}".lstrip("."), value, others[key.value]) for key, value in one.value]
    else:
        return f"the value at {where or 'the top'}"
    return next((found for place, a, b in pairs if (found := _nodes(a, b, place)) is not None), None)


def _models(one: Any, two: Any, where: str) -> str | None:
    """Compares models without the places in them."""
    if one is two:
        return None
    if type(one) is not type(two):
        return where or "the template"
    if isinstance(one, SourceRange):
        return None
    pairs: list[tuple[str, Any, Any]]
    if is_dataclass(one) and not isinstance(one, type):
        pairs = [(f.name, getattr(one, f.name), getattr(two, f.name)) for f in fields(one) if f.name not in _PLACES]
    elif isinstance(one, dict):
        if set(one) != set(two):
            return where
        pairs = [(str(key), value, two[key]) for key, value in one.items()]
    elif isinstance(one, (list, tuple)):
        if len(one) != len(two):
            return where
        pairs = [(str(index), a, b) for index, (a, b) in enumerate(zip(one, two, strict=True))]
    else:
        return None if one == two or (one != one and two != two) else where  # not a number is not itself
    return next((found for name, a, b in pairs if (found := _models(a, b, f"{where}.{name}".lstrip("."))) is not None), None)
