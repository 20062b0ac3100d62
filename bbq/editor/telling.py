"""Explanations as plain lines for people: a heading, a sentence, tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from bbq.editor.describe import Data
from bbq.yamlreader import printable

_WIDTH = 110
_LISTS = ("properties", "attributes", "capabilities", "requirements", "interfaces", "operations", "artifacts", "inputs")


def text(found: Iterable[Data]) -> str:
    """All explanations, an empty line between them."""
    return "\n\n".join("\n".join(lines(item)) for item in found) + "\n"


def lines(data: Data) -> Iterator[str]:
    """One explanation. Whatever control characters a template holds, no terminal gets to see them."""
    for line in _lines(data):
        yield line if line.isprintable() else printable(line, 10_000)


def _lines(data: Data) -> Iterator[str]:
    owner = f" of {data['owner']}" if "owner" in data else ""
    kind = f"{data['what']}{owner}" + (f", {data['type']}" if data["what"] == "node template" else "")
    yield f"{data['name']}  ({kind})"
    if data.get("description"):
        yield from _wrapped(str(data["description"]), "  ")
    facts = {
        "type": None if data["what"] == "node template" else data.get("type"),
        "value": _value(data) if "value" in data else None,
        "default": data.get("default"),
        "required": {True: "yes", False: "no"}.get(data.get("required", "")),
        "constraints": "; ".join(data.get("constraints", ())),
        "count": data.get("count"),
        "node": data.get("node"),
        "capability": data.get("capability"),
        "relationship": data.get("relationship"),
        "derived from": " < ".join(data.get("derived_from", ())),
        "units": ", ".join(data.get("units", ())),
        "valid targets": ", ".join(data.get("valid_targets", ())),
        "from": ", ".join([*data["inputs"], data["from"]]) if isinstance(data.get("inputs"), list) else data.get("from"),
        "defined": data.get("defined"),
        "made of": ", ".join(data.get("made_of", ())),
    }
    shown = {key: str(value) for key, value in facts.items() if value not in (None, "")}
    width = max(map(len, shown), default=0)
    for key, value in shown.items():
        yield from _wrapped(value, f"  {key + ':':<{width + 2}}")
    for title in _LISTS:
        if isinstance(data.get(title), list) and data[title] and isinstance(data[title][0], dict):
            yield ""
            yield f"  {title}"
            yield from _table(data[title])
    makers = data.get("made_by", [])
    if makers or data["what"] in ("node type", "node template"):
        yield ""
        yield "  made by"
        for item in makers:
            wanted = f"; {item['where']}" if "where" in item else ""
            yield from _wrapped(f"{item['how']}{wanted}", f"    {item['provider']:<10} ")
        if not makers:
            yield "    no provider"


def _table(items: list[Data]) -> Iterator[str]:
    width = min(max(len(str(item["name"])) for item in items), 30)
    for item in items:
        yield from _wrapped(_facts(item), f"    {item['name']!s:<{width}}  ")
        for inner in item.get("properties", ()):
            yield from _wrapped(_facts(inner), f"      {inner['name']}  ")
        for inner in item.get("operations", ()):
            if "implementation" in inner:
                yield f"      {inner['name']}  {inner['implementation']}"


def _facts(item: Data) -> str:
    """What is said of one entry, on one line."""
    parts: list[str] = []
    if "target" in item:
        parts.append(f"-> {item['target']}")
    elif "value" in item:
        parts.append(_value(item))
    elif "type" in item:
        parts.append(_typed(item))
    elif "capability" in item or "node" in item:
        wanted = [f"a {item[key]}" for key in ("node", "capability") if key in item]
        parts.append(f"{item['count']} of " + " with ".join(wanted))
    if item.get("relationship"):
        parts.append(f"by {item['relationship']}")
    names = [inner["name"] for inner in item.get("operations", ()) if "implementation" not in inner]
    if names:
        parts.append("(" + ", ".join(names) + ")")
    if "from" in item:
        parts.append(("" if item.get("value") is None else "- ") + ", ".join([*item.get("inputs", ()), item["from"]]))
    elif item.get("description"):
        parts.append(f"- {item['description']}")
    return " ".join(part for part in parts if part)


def _typed(item: Data) -> str:
    text = str(item["type"])
    if "default" in item:
        text += f", default {item['default']}"
    elif item.get("required") is True:
        text += ", required"
    return "; ".join([text, *item.get("constraints", ())])


def _value(item: Data) -> str:
    value = item["value"]
    if value is None:
        return "-"
    return f"{value} = {item['resolved']}" if "resolved" in item else str(value)


def _wrapped(value: Any, head: str) -> list[str]:
    return textwrap.wrap(
        str(value), _WIDTH, initial_indent=head, subsequent_indent=" " * min(len(head), 30), break_on_hyphens=False
    ) or [head.rstrip()]
