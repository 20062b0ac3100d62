"""A document as it is written: nodes with anchors, quotes and comments, each comment with the thing that it belongs to.

The reader's nodes say what a document means; these say how it looks. Made of libyaml's events, whose marks count characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

_LOADER: Final[Any] = yaml.CSafeLoader
_BLOCK_HEADER: Final = re.compile(r"[|>]([-+0-9]*)")
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s*)+")
_ODD_BREAKS: Final = re.compile("[\r\x85\u2028\u2029]")


class Unsupported(Exception):
    """A form of YAML that is read but cannot be laid out anew."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line
        """From 1 on."""


@dataclass(slots=True)
class Comment:
    """`gap` is the white space before it where something else stands on its line."""

    text: str
    index: int
    line: int
    column: int
    gap: str = ""
    blank_before: bool = False


@dataclass(slots=True, eq=False)
class Piece:
    """One node as it is written: `text[start:end]` without its `properties` (anchor, tag). Columns and lines from 0 on."""

    kind: Literal["scalar", "alias", "map", "list"]
    start: int
    end: int
    line: int
    column: int
    end_line: int
    properties: str = ""
    flow: bool = False
    style: str | None = None
    entries: list[Entry] = field(default_factory=list)
    tail: list[Comment] = field(default_factory=list)
    """Comments behind the last entry of a block."""
    anchor: str | None = None
    node: Node | None = None
    """The same as the reader gives it, merge keys not applied."""

    @property
    def block(self) -> bool:
        return self.kind in ("map", "list") and not self.flow

    @property
    def empty(self) -> bool:
        return self.kind == "scalar" and self.start == self.end and not self.properties


@dataclass(slots=True, eq=False)
class Entry:
    """One entry of a map, or (without a key) one item of a list."""

    key: Piece | None
    value: Piece
    start: int
    """Of the key, or of the dash."""
    line: int
    column: int
    leading: list[Comment] = field(default_factory=list)
    header: Comment | None = None
    """On the line of the key, before a value that stands below it."""
    inner: list[Comment] = field(default_factory=list)
    """Between the key and a scalar or flow collection below it."""
    trailing: Comment | None = None
    tail: list[Comment] = field(default_factory=list)
    """Below a key without a value, deeper than it."""
    blank_before: bool = False


@dataclass(slots=True, eq=False)
class Tree:
    text: str
    prefix: str
    """What stands before the first node and is not a comment: directives and `---`, as they are."""
    root: Piece
    suffix: str
    comments: list[Comment]
    anchors: dict[str, int]
    """How often each anchor is defined."""


def parse(text: str) -> Tree:
    """The tree of a text with `\\n` line ends that the reader has accepted. Raises `Unsupported`."""
    if found := _ODD_BREAKS.search(text):
        raise Unsupported("a line break that is neither LF nor CRLF", text.count("\n", 0, found.start()) + 1)
    return _Builder(text).tree()


class _Builder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._opaque: list[tuple[int, int]] = []
        self._anchors: dict[str, int] = {}
        self._nodes: dict[str, Node] = {}
        self._next = 0  # of the comments
        self._comments: list[Comment] = []
        self._lines: list[str] = text.split("\n")

    # --- structure

    def tree(self) -> Tree:
        next(self._events)
        start = next(self._events)
        begin = start.end_mark.index if start.explicit else 0
        root = self._piece(next(self._events), -1)
        end = next(self._events)
        finish = end.start_mark.index if end.explicit else len(self._text)
        self._comments = list(self._find_comments(begin, finish))
        header_line = self._line(begin) if begin else -1
        if self._comments and self._comments[0].line == header_line:
            raise Unsupported("a comment behind `---`", header_line + 1)
        if begin and root.line == header_line:
            raise Unsupported("a value behind `---`", header_line + 1)
        self._attach(root, [])
        rest = self._comments[self._next :]
        if root.block:
            self._close(root, rest)
        else:
            root.tail = rest
        return Tree(self._text, self._text[:begin], root, self._text[finish:], self._comments, self._anchors)

    def _line(self, index: int) -> int:
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            if self._starts[middle] <= index:
                low = middle
            else:
                high = middle
        return low

    def _piece(self, event: Any, parent: int) -> Piece:
        """The piece that begins with `event`; `parent` is the column of the block around it."""
        start, end = event.start_mark, event.end_mark
        piece = Piece("scalar", start.index, end.index, start.line, start.column, end.line)
        if isinstance(event, yaml.AliasEvent):
            piece.kind = "alias"
            piece.node = self._nodes.get(str(event.anchor))
            self._opaque.append((piece.start, piece.end))
            return piece
        piece.anchor = event.anchor
        if event.anchor is not None or self._text[piece.start : piece.start + 1] == "!":
            block = isinstance(event, yaml.CollectionStartEvent) and not event.flow_style
            self._split_properties(piece, block=block)
        if isinstance(event, yaml.ScalarEvent):
            piece.style = event.style or None
            if event.style in ("|", ">"):
                self._block_scalar(piece, parent)
            self._opaque.append((piece.start, piece.end))
            piece.node = ScalarNode(event.tag or "", event.value, start, end, style=event.style or "")
        else:
            piece.flow = bool(event.flow_style)
            if isinstance(event, yaml.MappingStartEvent):
                piece.kind = "map"
                self._map(piece, event)
            else:
                piece.kind = "list"
                self._list(piece, event)
        if event.anchor is not None:
            self._anchors[event.anchor] = self._anchors.get(event.anchor, 0) + 1
            if piece.node is not None:
                self._nodes[event.anchor] = piece.node
        return piece

    def _split_properties(self, piece: Piece, *, block: bool) -> None:
        """Tells anchor and tag from what follows them."""
        match = _PROPERTIES.match(self._text, piece.start)
        if match is None:
            return
        stop = piece.start + len(match[0].rstrip())
        piece.properties = " ".join(match[0].split())
        self._opaque.append((piece.start, stop))
        if piece.end <= stop:  # nothing follows
            piece.start = piece.end = stop
        else:
            if self._text[match.end() : match.end() + 1] == "#" and not block:
                raise Unsupported("a comment between an anchor and its value", piece.line + 1)
            piece.start = match.end()
        piece.line = self._line(piece.start)
        piece.column = piece.start - self._starts[piece.line]

    def _map(self, piece: Piece, opening: Any) -> None:
        pairs: list[tuple[Piece, Piece]] = []
        column = -1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._piece(event, column)
            if not pairs:
                column = key.column
                if not piece.flow:
                    self._begin(piece, key)
            if key.kind != "scalar":
                raise Unsupported("a key that is not plain text", key.line + 1)
            gap = self._text[(pairs[-1][1].end if pairs else opening.start_mark.index) : key.start]
            if "?" in re.sub(r"#.*", "", gap):
                raise Unsupported("an explicit key (`?`)", key.line + 1)
            value = self._piece(next(self._events), column)
            pairs.append((key, value))
        self._finish(piece, event, [value for _, value in pairs])
        for key, value in pairs:
            start = key.start - (len(key.properties) + 1 if key.properties else 0)
            piece.entries.append(Entry(key, value, start, key.line, start - self._starts[key.line]))
        node = [(key.node, value.node) for key, value in pairs if key.node is not None and value.node is not None]
        piece.node = MappingNode(opening.tag or "", node, opening.start_mark, opening.end_mark)

    def _list(self, piece: Piece, opening: Any) -> None:
        before = piece.start
        values: list[Piece] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            if not piece.flow:
                start = event.start_mark.index
                dash = self._dash(before, start)
                line = self._line(dash)
                if not values:
                    piece.start, piece.line, piece.column = dash, line, dash - self._starts[line]
            else:
                dash, line = event.start_mark.index, event.start_mark.line
            value = self._piece(event, piece.column)
            values.append(value)
            piece.entries.append(Entry(None, value, dash, line, dash - self._starts[line]))
            before = value.end
        self._finish(piece, event, values)
        node = [value.node for value in values if value.node is not None]
        piece.node = SequenceNode(opening.tag or "", node, opening.start_mark, opening.end_mark)

    def _begin(self, piece: Piece, first: Piece) -> None:
        """A block begins where its first key does; libyaml says so only where the block has no anchor."""
        start = first.start - (len(first.properties) + 1 if first.properties else 0)
        piece.start, piece.line, piece.column = start, first.line, start - self._starts[first.line]

    def _finish(self, piece: Piece, event: Any, values: list[Piece]) -> None:
        if piece.flow:
            piece.end, piece.end_line = event.end_mark.index, event.end_mark.line
        elif values:
            piece.end, piece.end_line = values[-1].end, values[-1].end_line

    def _dash(self, after: int, before: int) -> int:
        """The dash of the item between two places, comments passed over."""
        index = after
        while index < before:
            char = self._text[index]
            if char == "#" and (index == 0 or self._text[index - 1] in " \t\n"):
                index = self._text.find("\n", index)
                if index < 0:
                    break
            elif char == "-":
                return index
            index += 1
        return before - 1

    def _block_scalar(self, piece: Piece, parent: int) -> None:
        """The end of a block scalar: its last line with content; with `+`, its last line."""
        lines = self._lines
        header = _BLOCK_HEADER.match(self._text, piece.start)
        assert header is not None
        line = piece.line + 1
        last = piece.line
        digits = re.sub(r"\D", "", header[1])
        margin = max(parent, 0) + int(digits) if digits else None
        while line < len(lines):
            content = lines[line].lstrip(" ")
            indent = len(lines[line]) - len(content)
            if content:
                if margin is None:
                    margin = indent if indent > parent else None
                    if margin is None:
                        break
                if indent < margin:
                    break
                last = line
            elif "+" in header[1] or (margin is not None and indent > margin):
                last = line if line < len(lines) - 1 or indent else last
            line += 1
        piece.end_line = last
        piece.end = self._starts[last] + len(lines[last])

    # --- comments

    def _find_comments(self, begin: int, finish: int) -> Iterator[Comment]:
        at = begin
        for start, end in [*sorted(self._opaque), (finish, finish)]:
            while (found := self._text.find("#", at, start)) >= 0:
                if found == 0 or self._text[found - 1] in " \t\n":
                    stop = self._text.find("\n", found)
                    stop = len(self._text) if stop < 0 else stop
                    line = self._line(found)
                    before = self._text[self._starts[line] : found]
                    own = not before.strip()
                    gap = "" if own else before[len(before.rstrip()) :]
                    text = self._text[found:stop].rstrip()
                    yield Comment(text, found, line, found - self._starts[line], gap, own and self._blank(line - 1))
                    at = stop
                else:
                    at = found + 1
            at = max(at, end)

    def _blank(self, line: int) -> bool:
        return line >= 0 and not self._lines[line].strip()

    def _take(self, before: int) -> list[Comment]:
        taken = []
        while self._next < len(self._comments) and self._comments[self._next].index < before:
            taken.append(self._comments[self._next])
            self._next += 1
        return taken

    def _on_line(self, line: int, after: int) -> Comment | None:
        if self._next < len(self._comments):
            comment = self._comments[self._next]
            if comment.line == line and comment.index >= after and comment.gap:
                self._next += 1
                return comment
        return None

    def _attach(self, block: Piece, leading: list[Comment]) -> None:
        """Gives the comments inside a block to its entries; `leading` stand before its first one."""
        if not block.block:
            self._take(block.end)  # a flow collection with comments is kept as it is
            return
        previous: Entry | None = None
        for entry in block.entries:
            own = leading + self._take(entry.start)
            leading = []
            if previous is not None:
                own = self._give(previous, own, block.column)
            entry.leading = own
            entry.blank_before = self._blank(entry.line - 1)
            self._entry(entry)
            previous = entry

    def _give(self, entry: Entry, comments: list[Comment], column: int) -> list[Comment]:
        """Comments behind an entry that are deeper than its block belong to what is in it; the others are returned."""
        deeper = 0
        while deeper < len(comments) and comments[deeper].column > column:
            deeper += 1
        if entry.value.block:
            self._close(entry.value, comments[:deeper])
        elif entry.value.empty:
            entry.tail = comments[:deeper]
        else:
            return comments
        return comments[deeper:]

    def _close(self, block: Piece, comments: list[Comment]) -> None:
        """Comments that stand behind a block's last entry."""
        if block.entries:
            comments = self._give(block.entries[-1], comments, block.column)
        block.tail = comments

    def _entry(self, entry: Entry) -> None:
        value = entry.value
        line = entry.line
        after = entry.key.end if entry.key is not None else entry.start + 1
        if value.block:
            if value.line > line:
                entry.header = self._on_line(line, after)
            self._attach(value, self._take(value.start))
        elif value.empty:
            entry.header = self._on_line(line, after)
        else:
            if value.line > line:
                entry.header = self._on_line(line, after)
                entry.inner = self._take(value.start)
            self._take(value.end)
            entry.trailing = self._on_line(value.end_line, value.end)
