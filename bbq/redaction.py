"""Secrets in a line of YAML that is to be shown, told by names: what a front end knows by type comes on top (`Sources`).

A file that cannot be parsed has no types, and most templates call a password a string. So the text itself is looked at: the
keys that the line stands under (by indentation), and keys within the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

MASK: Final = "********"

_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|secret|token|(?:api|private|access|secret)[_-]?key|credentials?)s?"
    r"|(?:[\w.-]*[_.-])?(?:pass|pwd))"
)
_SECRET_KEY = re.compile(rf"(?i)(?<![\w.-])([\"']?){_NAME}\1\s*:(?=[\s\"'\[{{]|$)")
_SECRET_NAME = re.compile(rf"(?i){_NAME}\Z")
_KEY = re.compile(r"([\"']?)([^\s\"'#{}\[\],&*!|>%@`][^\"'#]*?)\1\s*:(?=[\s\"'\[{]|$)")
_USERINFO = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_ANCHOR = re.compile(r"[&!][^\s,\]}]*\s*")
_DEFINED = ("default", "value")
_DEFINED_KEY = re.compile(r"(?<![\w.-])([\"']?)(?:default|value)\1\s*:(?=[\s\"'\[{]|$)")
_NOT_SECRET: Final = frozenset(("", "null", "~", "true", "false", "yes", "no", "string"))
_FARTHEST: Final = 2000
"""Lines that are looked at above one: a block scalar (a private key) is rarely longer."""


def spans(lines: Sequence[str], index: int) -> list[tuple[int, int]]:
    """(start, end) of the parts of `lines[index]` that look like secrets; characters from 0, end exclusive."""
    line = lines[index]
    found = [match.span(1) for match in _USERINFO.finditer(line)]
    for match in _SECRET_KEY.finditer(line):
        found += _value(line, match.end())
    start = len(line) - len(line.lstrip(" "))
    parents = _parents(lines, index, start)
    if parents:
        name, block = parents[0]
        names = [name for name, _ in parents]
        secret = _is_secret(name) or (name in _DEFINED and any(map(_is_secret, names[1:2])))
        while line.startswith("- ", start) and not block:
            start += 2
        own = _KEY.match(line, start)
        if secret and (block or own is None):
            found.append((start, len(line.rstrip())))
        elif own is not None and own[2] in _DEFINED and _is_secret(name):
            found += _value(line, own.end())
    return [(start, end) for start, end in found if end > start]


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.match(name) is not None


def _parents(lines: Sequence[str], index: int, indent: int) -> list[tuple[str, bool]]:
    """The keys that a line stands under, innermost first; with each, whether a block scalar (`|`, `>`) begins there."""
    found: list[tuple[str, bool]] = []
    for line in reversed(lines[max(index - _FARTHEST, 0) : index]):
        text = line.lstrip(" ")
        if indent == 0:
            break
        if not text or text[0] == "#" or len(line) - len(text) >= indent:
            continue
        indent = len(line) - len(text)
        start = indent
        while line.startswith("- ", start):
            start += 2
        match = _KEY.match(line, start)
        if match is not None:
            rest = line[match.end() :].strip()
            found.append((match[2], rest[:1] in ("|", ">")))
    return found


def _value(line: str, start: int) -> list[tuple[int, int]]:
    """Where the value that begins after `start` stands on this line; of a flow map, its `default` and `value`."""
    start += len(line[start:]) - len(line[start:].lstrip())
    while (mark := _ANCHOR.match(line, start)) is not None:
        start = mark.end()
    head = line[start : start + 1]
    if head in ("|", ">", "#", "*", "$", ""):
        return []
    if head == "{":
        return [span for match in _DEFINED_KEY.finditer(line, start) for span in _value(line, match.end())]
    if head in "\"'":
        end = _quoted_end(line, start)
    else:
        flow = line.count("{", 0, start) > line.count("}", 0, start) or line.count("[", 0, start) > line.count("]", 0, start)
        stop = re.compile(r"\s+#|[,}\]]" if flow else r"\s+#").search(line, start)
        end = start + len(line[start : stop.start() if stop is not None else len(line)].rstrip())
    return [] if line[start:end].strip("\"' ").lower() in _NOT_SECRET else [(start, end)]


def _quoted_end(line: str, start: int) -> int:
    """Behind the closing quote, or the end of the line where the text goes on."""
    quote, at = line[start], start + 1
    while at < len(line):
        if (line[at] == "\\" and quote == '"') or (line[at] == quote and line[at : at + 2] == "''"):
            at += 2
        elif line[at] == quote:
            return at + 1
        else:
            at += 1
    return len(line)
