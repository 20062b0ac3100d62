"""A line of source for a terminal, with marks under the very characters that are meant."""

from __future__ import annotations

import unicodedata
from typing import Final

from bbq.diagnostics import Excerpt

_TAB: Final = 4
_BEFORE: Final = 40
"""Cells of a line too wide that are kept before the range."""
_ESCAPED: Final = frozenset("\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""They reorder or break the line, or hide in it."""
_ZERO_WIDTH: Final = ("Mn", "Me", "Cf")


def marked(excerpt: Excerpt, width: int) -> tuple[str, str]:
    """The line in at most `width` cells, and the marks that go below it. Tabs are expanded, control characters escaped; wide
    and combining characters count as many cells as a terminal gives them (Unicode annex 11)."""
    shown, starts = _cells(excerpt.text)
    begin, end = min(excerpt.start, len(shown)), min(excerpt.end, len(shown))
    first = starts[begin]
    last = max(starts[end], first + 1)
    total = max(starts[-1], last)
    head, tail = 0, len(shown)
    if total > width:
        left = max(min(first - min(_BEFORE, width // 3), total - width + 1), 0)
        head = min(next(index for index, start in enumerate(starts) if start >= left), begin)
        while head < begin and starts[head + 1] == starts[head]:  # what combines with a character that is cut away
            head += 1
        room = width - (head > 0)
        if total - starts[head] > room:
            tail = max(index for index, start in enumerate(starts) if start - starts[head] < room)
    before, after = "…" * (head > 0), "…" * (tail < len(shown))
    first += len(before) - starts[head]
    last = min(last + len(before) - starts[head], width)
    return before + "".join(shown[head:tail]).rstrip() + after, " " * first + "^" * max(last - first, 1)


def _cells(text: str) -> tuple[list[str], list[int]]:
    """What is shown for each character, and the cell where each begins, with the end as the last."""
    shown, starts, at = [], [0], 0
    for char in text:
        cell = char
        if char == "\t":
            cell = " " * (_TAB - at % _TAB)
            at += len(cell)
        elif char in _ESCAPED or not (char.isprintable() or unicodedata.category(char) in ("Zs", "Cf")):
            code = ord(char)
            cell = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
            at += len(cell)
        elif unicodedata.category(char) not in _ZERO_WIDTH:
            at += 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
        shown.append(cell)
        starts.append(at)
    return shown, starts
