"""Positions: characters of a Python string, LSP's lines and code units, the reader's lines and columns."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from lsprotocol.types import Position, PositionEncodingKind, Range
from yaml import Node

_LSP_BREAKS: Final = re.compile("\r\n|\r|\n")
_YAML_BREAKS: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class Text:
    """One version of a document. `encoding` is what a client's columns count: UTF-16 code units unless agreed otherwise."""

    def __init__(self, source: str, encoding: str = PositionEncodingKind.Utf16) -> None:
        self.source = source
        self._encoding = encoding
        self._starts = [0, *(match.end() for match in _LSP_BREAKS.finditer(source))]
        self._yaml_starts = [0, *(match.end() for match in _YAML_BREAKS.finditer(source))]
        self._mark = 1 if source.startswith("\ufeff") else 0  # the reader does not count a byte order mark

    def _units(self, text: str) -> int:
        if self._encoding == PositionEncodingKind.Utf32 or (text.isascii()):
            return len(text)
        if self._encoding == PositionEncodingKind.Utf8:
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text) + sum(character > "\uffff" for character in text)

    def position(self, index: int) -> Position:
        """Where a character stands."""
        line = bisect_right(self._starts, index) - 1
        return Position(line, self._units(self.source[self._starts[line] : index]))

    def index(self, position: Position) -> int:
        """The character at a position; the end of the line or text for one beyond it."""
        if position.line >= len(self._starts):
            return len(self.source)
        start = self._starts[position.line]
        following = self._starts[position.line + 1] if position.line + 1 < len(self._starts) else len(self.source)
        line = self.source[start:following].rstrip("\r\n")
        if line.isascii():
            return start + min(position.character, len(line))
        units = 0
        for offset, character in enumerate(line):
            if units >= position.character:
                return start + offset
            units += self._units(character)
        return start + len(line)

    def range(self, start: int, end: int) -> Range:
        return Range(self.position(start), self.position(end))

    def whole(self) -> Range:
        return self.range(0, len(self.source))

    def place(self, line: int, column: int) -> int:
        """The character at the reader's line and column, both from 1 on."""
        if line > len(self._yaml_starts):
            return len(self.source)
        start = self._yaml_starts[max(line, 1) - 1] + (self._mark if line <= 1 else 0)
        return min(start + max(column, 1) - 1, len(self.source))

    def span(self, node: Node) -> tuple[int, int]:
        """Start and end of a node of the reader or of `outline`."""
        start, end = node.start_mark, node.end_mark or node.start_mark
        return self.place(start.line + 1, start.column + 1), self.place(end.line + 1, end.column + 1)

    def node_range(self, node: Node) -> Range:
        return self.range(*self.span(node))
