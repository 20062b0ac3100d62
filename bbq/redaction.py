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
_SECRET_KEY = re.compile(rf"(?i)(?<![\w.-])(?<!(?<!\$)\$(?=token:))([\"']?){_NAME}\1\s*:(?=[\s\"'\[{{]|$)")
"""`$token` is a function; `$$token` is a key."""
_SECRET_NAME = re.compile(rf"(?i){_NAME}\Z")
_KEY = re.compile(r"([\"']?)([^\s\"'#{}\[\],&*!|>%@`][^\"'#]*?)\1\s*:(?=[\s\"'\[{]|$)")
_IN_URL = re.compile(
    r"(?<=://)(?:[^/\s:@]*:(?P<password>[^/\s@]+)|(?<=https://)(?P<token>[^/\s:@`'\"]+)|(?<=http://)(?P<plain>[^/\s:@`'\"]+))@"
    rf"|[?&]{_NAME}=(?P<query>[^\s&#`'\"]+)",
    re.IGNORECASE,
)
"""A password, or a token that stands for a user, before the host of a URL; a secret in its query."""
_ANCHOR = re.compile(r"[&!][^\s,\]}]*\s*")
_DEFINED = ("default", "value")
_DEFINED_KEY = re.compile(r"(?<![\w.-])([\"']?)(?:default|value)\1\s*:(?=[\s\"'\[{]|$)")
_NOT_SECRET: Final = frozenset(("", "null", "~", "true", "false", "yes", "no", "string"))
_FARTHEST: Final = 2000
"""Lines that are looked at above one: a block scalar (a private key) is rarely longer."""
_AROUND: Final = 1000
"""Characters that are looked at around a part of a line, and at the beginning of one: a line may be a whole file."""

_MOST_KEYS: Final = 20
"""Keys in such a part that are looked at; what comes behind is masked as a whole."""


def masked_urls(text: str) -> str:
    """`text` without the secrets in its URLs."""
    if "://" not in text:
        return text
    for match in reversed(list(_IN_URL.finditer(text))):
        start, end = match.span(match.lastgroup or 0)
        text = text[:start] + MASK + text[end:]
    return text


def spans(lines: Sequence[str], index: int, left: int = 0, right: int | None = None) -> list[tuple[int, int]]:
    """(start, end) of the parts of `lines[index]` that look like secrets, of those between `left` and `right`; characters from
    0, end exclusive."""
    whole = lines[index]
    right = len(whole) if right is None else right
    shift = max(left - _AROUND, 0)
    line = whole[shift : right + _AROUND]
    found = [match.span(match.lastgroup or 0) for match in _IN_URL.finditer(line)]
    for number, match in enumerate(_SECRET_KEY.finditer(line)):
        if number == _MOST_KEYS:
            found.append((match.end(), len(line)))
            break
        found += _value(line, match.end())
    found = [(start + shift, end + shift) for start, end in found]
    found += _inherited(lines, index)
    return [(max(start, left), min(end, right)) for start, end in found if min(end, right) > max(start, left)]


def _inherited(lines: Sequence[str], index: int) -> list[tuple[int, int]]:
    """What is secret because of the keys that the line stands under."""
    line = lines[index]
    head = line[:_AROUND]
    start = len(head) - len(head.lstrip(" "))
    parents = _parents(lines, index, start)
    if not parents:
        return []
    name, block = parents[0]
    names = [name for name, _ in parents]
    secret = _is_secret(name) or (name in _DEFINED and any(map(_is_secret, names[1:2])))
    while head.startswith("- ", start) and not block:
        start += 2
    own = _KEY.match(head, start)
    if secret and (block or own is None):
        return [(start, len(line.rstrip()))]
    if own is not None and own[2] in _DEFINED and _is_secret(name):
        return _value(head, own.end()) if len(line) <= _AROUND else [(own.end(), len(line))]
    return []


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.match(name) is not None


def _parents(lines: Sequence[str], index: int, indent: int) -> list[tuple[str, bool]]:
    """The keys that a line stands under, innermost first; with each, whether a block scalar (`|`, `>`) begins there."""
    found: list[tuple[str, bool]] = []
    for line in reversed(lines[max(index - _FARTHEST, 0) : index]):
        if indent == 0:
            break
        head = line[:_AROUND]
        text = head.lstrip(" ")
        if not text or text[0] == "#" or len(head) - len(text) >= indent:
            continue
        indent = len(head) - len(text)
        start = indent
        while head.startswith("- ", start):
            start += 2
        match = _KEY.match(head, start)
        if match is not None:
            rest = head[match.end() :].strip()
            found.append((match[2], rest[:1] in ("|", ">")))
    return found


def _value(line: str, start: int, *, inner: bool = False) -> list[tuple[int, int]]:
    """Where the value that begins after `start` stands on this line; of a flow map, its `default` and `value`, and if these are
    flow maps again (`inner`), all that follows."""
    start += len(line[start:]) - len(line[start:].lstrip())
    while (mark := _ANCHOR.match(line, start)) is not None:
        start = mark.end()
    head = line[start : start + 1]
    if head in ("|", ">", "#", "*", "$", ""):
        return []
    if head == "{" and inner:
        return [(start, len(line))]
    if head == "{":
        defined = _DEFINED_KEY.finditer(line, start, start + _AROUND // 4)
        return [span for match in defined for span in _value(line, match.end(), inner=True)]
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
