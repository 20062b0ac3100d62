"""Nodes to plain values, and to places.

A plain scalar's meaning depends on the reader: TOSCA 1.x in the wild relies on YAML 1.1 booleans (`yes`, `on`), TOSCA 2.0
and HOT's newer versions on YAML 1.2. Base-60 integers (`22:22`) and dates stay text in both: they are ports and versions.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import SourceRange

Dialect = Literal["1.1", "1.2"]
TAG_PREFIX: Final = "tag:yaml.org,2002:"

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS_12 = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_BOOLEANS_11 = _BOOLEANS_12 | {
    text: truth
    for truth, words in ((True, ("yes", "on")), (False, ("no", "off")))
    for word in words
    for text in (word, word.capitalize(), word.upper())
}
_NUMBER_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z")
_SPECIAL = {
    sign + text: (-1.0 if sign == "-" else 1.0) * float(text[1:])
    for sign in ("", "+", "-")
    for text in (".inf", ".Inf", ".INF")
} | {text: float("nan") for text in (".nan", ".NaN", ".NAN")}


def at(node: Node) -> SourceRange:
    """The place of a node; the end is exclusive. A node that is still being composed has no end yet."""
    start, end = node.start_mark, node.end_mark or node.start_mark
    return SourceRange(start.name, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def number_text(text: str) -> bool:
    """Whether a plain scalar of this text is a number."""
    return text[:1] in _NUMBER_START and bool(_INTEGER.match(text) or _FLOAT.match(text))


def is_null(node: Node) -> bool:
    if not isinstance(node, ScalarNode):
        return False
    return node.tag == TAG_PREFIX + "null" or (not node.tag and not node.style and node.value in _NULLS)


def data(node: Node, dialect: Dialect = "1.1") -> Any:
    """`node` as None, bool, int, float, str, list and dict (keys are text). Shared nodes are copied: the reader bounded
    their expansion."""
    if isinstance(node, ScalarNode):
        return _scalar(node, dialect)
    if isinstance(node, SequenceNode):
        return [data(item, dialect) for item in node.value]
    assert isinstance(node, MappingNode)
    return {key.value: data(value, dialect) for key, value in node.value}


def _scalar(node: ScalarNode, dialect: Dialect) -> Any:
    text: str = node.value
    if node.tag:
        return _tagged(node.tag, text)
    if node.style:
        return text
    if text in _NULLS:
        return None
    booleans = _BOOLEANS_11 if dialect == "1.1" else _BOOLEANS_12
    if text in booleans:
        return booleans[text]
    if text[0] in _NUMBER_START:
        return _number(text, dialect)
    return text


def _number(text: str, dialect: Dialect) -> Any:
    if _INTEGER.match(text):
        digits = text.replace("_", "")
        if digits in ("", "+", "-"):
            return text
        body = digits.lstrip("+-")
        # YAML 1.1's octal is 0644, YAML 1.2's is 0o644.
        if dialect == "1.1" and len(body) > 1 and body[0] == "0" and body.isdigit():
            return int(digits, 8) if not set(body) & set("89") else text
        return int(digits, 0) if body[1:2] in ("x", "o", "b") else int(digits, 10)
    if _FLOAT.match(text):
        return float(text.replace("_", ""))
    return _SPECIAL.get(text, text)


def _tagged(tag: str, text: str) -> Any:
    """An explicit `!!tag`. Text that does not fit its tag stays text, and the type check says so."""
    name = tag.removeprefix(TAG_PREFIX)
    if name == "null":
        return None
    if name == "bool":
        return _BOOLEANS_11.get(text, text)
    if name in ("int", "float"):
        number = _number(text, "1.2") if text[:1] in _NUMBER_START else text
        return float(number) if name == "float" and isinstance(number, int) else number
    return text
