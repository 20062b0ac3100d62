"""Text that is being typed, as nodes: a composer that never fails.

Where the YAML is whole it gives the nodes that YAML's own rules give, but for exotic forms; where it is not, indentation
decides: a line without a colon is a key without a value, a bracket that is never closed ends with its line's block.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml
from yaml import MappingNode, Mark, Node, ScalarNode, SequenceNode

from bbq.collection import paused

_KEY: Final = re.compile(
    r"""(\[[^\[\]\n]*\]|"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#&*!|>%@`"'\[\]{},-][^\n]*?|-[^\s][^\n]*?)[ \t]*:(?=[ \t]|$)"""
)
_PROPERTIES: Final = re.compile(r"(?:(?:&([^\s,\[\]{}]+)|![^\s]*)(?=\s|$)[ \t]*)+")
_ANCHOR: Final = re.compile(r"&([^\s,\[\]{}]+)")
_ALIAS: Final = re.compile(r"\*([^\s,\[\]{}:]+)")
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*$")
_BLOCK: Final = re.compile(r"[|>][-+0-9]*[ \t]*(#.*)?$")
_MOST_DEPTH: Final = 100
_MOST_MERGED: Final = 10_000


@paused()
def compose(text: str) -> Node:
    """The root node: a map unless the text begins with something else. Positions are those of `text`, in characters."""
    return _Composer(text).document()


def _unquoted(text: str) -> tuple[str, str | None]:
    """(value, style) of a scalar as it is written."""
    if text[:1] == '"':
        try:
            loaded = yaml.load(text, Loader=yaml.BaseLoader)
        except yaml.YAMLError:
            loaded = text.strip('"')
        return str(loaded), '"'
    if text[:1] == "'":
        return (text[1:-1] if len(text) > 1 and text[-1] == "'" else text[1:]).replace("''", "'"), "'"
    if text[:1] == "[":  # a key that is a list of scalars, as the reader keeps it
        return f"[{', '.join(item.strip() for item in text.strip('[]').split(','))}]", None
    return text, None


class _Line:
    __slots__ = ("column", "index", "number", "text")

    def __init__(self, number: int, index: int, column: int, text: str) -> None:
        self.number = number
        self.index = index
        """Of the first character of the line in the whole text."""
        self.column = column
        self.text = text
        """The whole line; what is before `column` has been read."""


class _Composer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[_Line] = []
        self._next = 0
        self._anchors: dict[str, Node] = {}
        self._depth = 0
        index = 0
        for number, raw in enumerate(text.split("\n")):
            line = raw.rstrip("\r")
            self._lines.append(_Line(number, index, len(line) - len(line.lstrip(" \t")), line))
            index += len(raw) + 1

    def _mark(self, line: _Line, column: int) -> Mark:
        return Mark("", line.index + column, line.number, column, None, None)  # type: ignore[arg-type]

    def _null(self, line: _Line, column: int) -> ScalarNode:
        mark = self._mark(line, column)
        return ScalarNode("", "", mark, mark)

    def document(self) -> Node:
        root = self._block(-1)
        if root is None:
            return MappingNode("", [], self._mark(self._lines[0], 0), self._mark(self._lines[-1], 0))
        # What is left stands where nothing can: further entries of the root are kept, all else is passed over.
        while (line := self._peek()) is not None:
            before = self._next
            more = self._block(-1)
            if isinstance(root, MappingNode) and isinstance(more, MappingNode):
                root.value.extend(more.value)
            if self._next == before and self._peek() is line:
                self._next += 1
        return root

    # --- lines

    def _peek(self) -> _Line | None:
        """The next line with something on it."""
        while self._next < len(self._lines):
            line = self._lines[self._next]
            rest = line.text[line.column :]
            marker = line.column == 0 and (rest[:3] in ("---", "...") or rest[:1] == "%")
            if rest and not rest.startswith("#") and not marker:
                return line
            self._next += 1
        return None

    def _is_item(self, line: _Line) -> bool:
        return line.text[line.column : line.column + 2] in ("-", "- ", "-\t")

    def _block(self, parent: int) -> Node | None:
        """The node that begins on the next line, which must be deeper than column `parent`."""
        line = self._peek()
        if line is None or line.column <= parent or self._depth > _MOST_DEPTH:
            return None
        self._depth += 1
        try:
            if self._is_item(line):
                return self._sequence(line.column)
            if _KEY.match(line.text, line.column) or self._has_siblings(line):
                return self._mapping(line.column)
            self._next += 1
            return self._inline(line, line.column, parent)
        finally:
            self._depth -= 1

    def _has_siblings(self, line: _Line) -> bool:
        """Whether a line without a key is a key that is being typed, with others below, rather than a value in itself."""
        if line.text[line.column] in "{[\"'|>&*!":
            return False
        self._next += 1
        following = self._peek()
        self._next = line.number
        return following is not None and following.column == line.column and not self._is_item(following)

    # --- collections

    def _sequence(self, column: int) -> SequenceNode:
        items: list[Node] = []
        first = self._lines[self._next]
        last = first
        while (line := self._peek()) is not None and line.column == column and self._is_item(line):
            last = line
            rest = line.column + 1
            while line.text[rest : rest + 1] in (" ", "\t"):
                rest += 1
            if rest < len(line.text) and line.text[rest] != "#":
                line.column = rest  # the item goes on where its text begins, as a line of its own
                found = self._block(column)
                items.append(found if found is not None else self._null(line, rest))
                if self._next < len(self._lines) and self._lines[self._next] is line:
                    self._next += 1
            else:
                self._next += 1
                items.append(self._block(column) or self._null(line, len(line.text)))
        end = items[-1].end_mark if items else self._mark(last, len(last.text))
        return SequenceNode("", items, self._mark(first, column), end)

    def _mapping(self, column: int) -> MappingNode:
        pairs: list[tuple[Node, Node]] = []
        first = self._lines[self._next]
        while (line := self._peek()) is not None and line.column >= column and not self._is_item(line):
            if line.column > column:  # deeper than it can be: what is typed there is read for the entry above
                deeper = self._block(column)
                if deeper is None:
                    self._next += 1
                elif pairs and isinstance(pairs[-1][1], ScalarNode) and not pairs[-1][1].value:
                    pairs[-1] = (pairs[-1][0], deeper)
                elif pairs and isinstance(pairs[-1][1], MappingNode) and isinstance(deeper, MappingNode):
                    pairs[-1][1].value.extend(deeper.value)
                continue
            pairs.append(self._entry(line, column))
        end = pairs[-1][1].end_mark if pairs else self._mark(first, len(first.text))
        node = MappingNode("", pairs, self._mark(first, column), end)
        return self._merged(node)

    @staticmethod
    def _merged(node: MappingNode) -> MappingNode:
        names = {key.value for key, _ in node.value}
        for key, value in list(node.value):
            if key.value == "<<":
                for source in value.value if isinstance(value, SequenceNode) else [value]:
                    for pair in source.value if isinstance(source, MappingNode) else ():
                        if pair[0].value not in names and len(names) < _MOST_MERGED:
                            names.add(pair[0].value)
                            node.value.append(pair)
        return node

    def _entry(self, line: _Line, column: int) -> tuple[Node, Node]:
        self._next += 1
        match = _KEY.match(line.text, column)
        if match is None:
            text = _COMMENT.sub("", line.text[column:]).rstrip()
            value, style = _unquoted(text)
            key = ScalarNode("", value, self._mark(line, column), self._mark(line, column + len(text)), style=style)
            return key, self._null(line, len(line.text))
        value, style = _unquoted(match[1])
        key = ScalarNode("", value, self._mark(line, column), self._mark(line, column + len(match[1])), style=style)
        start = match.end()
        while line.text[start : start + 1] in (" ", "\t"):
            start += 1
        return key, self._inline(line, start, column)

    # --- what stands on one line

    def _inline(self, line: _Line, start: int, column: int) -> Node:
        """The value that begins at `start`, or below the line; its owner stands at `column`."""
        properties = _PROPERTIES.match(line.text, start)
        anchor = None
        if properties is not None:
            found = _ANCHOR.search(properties[0])
            anchor = found[1] if found else None
            start = properties.end()
        node = self._content(line, start, column)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _content(self, line: _Line, start: int, column: int) -> Node:
        rest = line.text[start:]
        if not rest or rest.startswith("#"):
            following = self._peek()
            if following is not None and following.column == column and self._is_item(following):
                return self._sequence(column)
            return self._block(column) or self._null(line, start)
        if rest[0] == "*" and (match := _ALIAS.match(rest)) and match[1] in self._anchors:
            return self._anchors[match[1]]
        if rest[0] in "{[":
            return _Flow(self, line, start, column).read()
        if rest[0] in "|>" and _BLOCK.match(rest):
            return self._literal(line, start, column)
        if rest[0] in "\"'":
            return self._quoted(line, start, column)
        text = _COMMENT.sub("", rest).rstrip()
        end = self._mark(line, start + len(text))
        while (following := self._peek()) is not None and following.column > column:
            if _KEY.match(following.text, following.column) or self._is_item(following):
                break
            more = _COMMENT.sub("", following.text[following.column :]).rstrip()
            text, end = f"{text} {more}", self._mark(following, following.column + len(more))
            self._next += 1
        return ScalarNode("", text, self._mark(line, start), end)

    def _literal(self, line: _Line, start: int, column: int) -> ScalarNode:
        lines = []
        last = line
        while self._next < len(self._lines):
            following = self._lines[self._next]
            if following.text.strip() and following.column <= column:
                break
            lines.append(following.text)
            last = following if following.text.strip() else last
            self._next += 1
        return ScalarNode(
            "", "\n".join(lines), self._mark(line, start), self._mark(last, len(last.text)), style=line.text[start]
        )

    def _quoted(self, line: _Line, start: int, column: int) -> ScalarNode:
        quote = line.text[start]
        text = line.text[start:]
        last, offset = line, start
        pattern = re.compile(r'"(?:[^"\\]|\\.)*"' if quote == '"' else r"'(?:[^']|'')*'", re.DOTALL)
        while (match := pattern.match(text)) is None:
            following = self._lines[self._next] if self._next < len(self._lines) else None
            if following is None or (following.text.strip() and following.column <= column):
                value = text.split("\n", 1)[0]  # never closed: it ends with its line
                return ScalarNode(
                    "", value[1:].rstrip(), self._mark(line, start), self._mark(line, start + len(value)), style=quote
                )
            text += "\n" + following.text
            last, offset = following, 0
            self._next += 1
        value, style = _unquoted(match[0])
        length = len(match[0]) - (match[0].rfind("\n") + 1)
        return ScalarNode("", value, self._mark(line, start), self._mark(last, offset + length), style=style)


class _Flow:
    """One flow collection. It ends with its bracket, or before a line that belongs to the block around it."""

    def __init__(self, composer: _Composer, line: _Line, start: int, column: int) -> None:
        self._composer = composer
        self._line = line
        self._at = start
        self._column = column
        self._depth = 0

    def read(self) -> Node:
        return self._node("")

    def _mark(self) -> Mark:
        return self._composer._mark(self._line, self._at)

    def _space(self) -> bool:
        """Passes over blanks, comments and line ends; False where the collection is over."""
        composer = self._composer
        while True:
            while self._line.text[self._at : self._at + 1] in (" ", "\t"):
                self._at += 1
            rest = self._line.text[self._at :]
            if rest and not (rest[0] == "#" and (self._at == 0 or self._line.text[self._at - 1] in " \t")):
                return True
            if composer._next >= len(composer._lines):
                return False
            following = composer._lines[composer._next]
            text = following.text.strip()
            if text and text[0] not in "]}," and following.column <= self._column:
                return False
            self._line, self._at = following, 0
            composer._next += 1

    def _node(self, closers: str) -> Node:
        char = self._line.text[self._at : self._at + 1]
        start = self._mark()
        if char in ("{", "[") and self._depth < _MOST_DEPTH:
            self._depth += 1
            self._at += 1
            node = self._map(start) if char == "{" else self._list(start)
            self._depth -= 1
            return node
        match = _PROPERTIES.match(self._line.text, self._at)
        if match is not None:
            self._at = match.end()
        text = self._scalar()
        if (alias := _ALIAS.fullmatch(text)) and alias[1] in self._composer._anchors:
            return self._composer._anchors[alias[1]]
        value, style = _unquoted(text)
        return ScalarNode("", value, start, self._mark(), style=style)

    def _scalar(self) -> str:
        text, at = self._line.text, self._at
        if text[at : at + 1] in ('"', "'"):
            pattern = r'"(?:[^"\\]|\\.)*"?' if text[at] == '"' else r"'(?:[^']|'')*'?"
            match = re.compile(pattern).match(text, at)
            assert match is not None
            self._at = match.end()
            return match[0]
        while at < len(text):
            if text[at] in ",[]{}" or (text[at] == ":" and text[at + 1 : at + 2] in ("", " ", "\t", ",", "]", "}")):
                break
            if text[at] == "#" and text[at - 1] in " \t":
                break
            at += 1
        found = text[self._at : at].rstrip()
        self._at += len(found)
        return found

    def _list(self, start: Mark) -> SequenceNode:
        items: list[Node] = []
        while self._space():
            char = self._line.text[self._at]
            if char == "]":
                self._at += 1
                break
            if char == "}":
                break
            if char in ",:":
                self._at += 1
                continue
            before = (self._line, self._at)
            item = self._node("]")
            if self._space() and self._line.text[self._at] == ":" and isinstance(item, ScalarNode):
                self._at += 1
                item = MappingNode("", [(item, self._value())], item.start_mark, self._mark())
            items.append(item)
            if before == (self._line, self._at):
                self._at += 1
        return SequenceNode("", items, start, self._mark(), flow_style=True)

    def _value(self) -> Node:
        mark = self._mark()
        if not self._space() or self._line.text[self._at] in ",]}":
            return ScalarNode("", "", mark, mark)
        return self._node("}")

    def _map(self, start: Mark) -> MappingNode:
        pairs: list[tuple[Node, Node]] = []
        while self._space():
            char = self._line.text[self._at]
            if char == "}":
                self._at += 1
                break
            if char == "]":
                break
            if char in ",:":
                self._at += 1
                continue
            before = (self._line, self._at)
            key = self._node("}")
            value: Node = ScalarNode("", "", self._mark(), self._mark())
            if self._space() and self._line.text[self._at] == ":":
                self._at += 1
                value = self._value()
            if isinstance(key, ScalarNode):
                pairs.append((key, value))
            if before == (self._line, self._at):
                self._at += 1
        node: Any = MappingNode("", pairs, start, self._mark(), flow_style=True)
        return _Composer._merged(node)
