"""Text from a command line or a map's key to the value that a schema asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bbq.diagnostics import DiagnosticBag
from bbq.tosca.model import Schema, TypeDef
from bbq.yamlreader import data, read_bytes


def from_text(text: str, schema: Schema, types: Mapping[tuple[str, str], TypeDef]) -> Any:
    """The value that `text` means for the type. Text that does not fit stays text: the check says what is wrong with it."""
    from bbq.tosca.checker import Checker

    base = Checker(types).base(schema.type)
    if base == "integer":
        return _number(text, int)
    if base == "float":
        return _number(text, float)
    if base == "boolean":
        return {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}.get(text.lower(), text)
    if base in ("list", "map", "range", "nil", ""):
        document = read_bytes(text.encode(), "<input>", DiagnosticBag()) if text.strip() else None
        if document is None:
            return None if base == "nil" else text
        return data(document.root, "1.2")
    return text


def _number(text: str, kind: type[int] | type[float]) -> Any:
    try:
        return kind(text) if len(text) <= 300 and "_" not in text else text
    except ValueError:
        return text
