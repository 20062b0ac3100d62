"""Canonical layout: keynames in the order of `order.rank`, two spaces a level, lists below their key, sane blank lines.

Comments move with what they belong to. What a value says is never touched: quotes, block scalars and flow collections over
several lines stay as they are, but for their indentation. The meaning is compared before a text is given back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from yaml import MappingNode, Node, ScalarNode

from bbq.collection import paused
from bbq.editor.meaning import difference
from bbq.editor.order import rank
from bbq.editor.shapes import Entity, keynames_of
from bbq.editor.syntax import Comment, Entry, Piece, Tree, Unsupported, parse
from bbq.editor.visits import Visit
from bbq.editor.walk import walk
from bbq.errors import BbqError
from bbq.tosca.grammar import Grammar, grammar_of

_BARE_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
_STEP: Final = 2


class FormatError(BbqError):
    """The text cannot be laid out anew; it is left as it is."""


@paused()
def formatted(text: str, path: Path = Path("/template.yaml")) -> str:
    """The text in canonical layout, LF or CRLF as it was. It must be one that the reader accepts as YAML: raises `FormatError`
    where it cannot be laid out, or where the result would not mean the same. `path` is where its imports are looked for."""
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    plain = text.removeprefix(bom)
    windows = "\r\n" in plain and plain.count("\r\n") * 2 >= plain.count("\n")
    plain = plain.replace("\r\n", "\n")
    try:
        tree = parse(plain)
    except Unsupported as error:
        raise FormatError(f"{path}:{error.line}: {error} cannot be formatted") from None
    result = _Printer(tree).text()
    if result != plain:
        problem = _lost(tree, result) or difference(path, plain, result)
        if problem is not None:
            raise FormatError(f"{path}: formatting it would change what it means: {problem}", hint="this is a fault of bbq")
    return bom + (result.replace("\n", "\r\n") if windows else result)


def _lost(tree: Tree, result: str) -> str | None:
    before, after = (Counter(comment.text for comment in item.comments) for item in (tree, parse(result)))
    return None if before == after else "a comment is lost"


def grammar_in(root: Node | None) -> Grammar | None:
    """The grammar that a document names."""
    for key, value in root.value if isinstance(root, MappingNode) else ():
        if key.value == "tosca_definitions_version" and isinstance(value, ScalarNode):
            return grammar_of(value.value)
    return None


class _Printer:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._source = tree.text
        self._lines: list[str] = []
        self._entities: dict[int, str] = {}
        self._grammar = grammar_in(tree.root.node)
        if self._grammar is not None and tree.root.node is not None:
            walk(tree.root.node, self._grammar, self._note)

    def _note(self, visit: Visit) -> None:
        if isinstance(visit.shape, Entity) and isinstance(visit.node, MappingNode) and visit.key is None:
            self._entities.setdefault(id(visit.node), visit.shape.name)

    def text(self) -> str:
        tree = self._tree
        if tree.root.block:
            self._block(tree.root, 0, top=True)
        else:
            self._lines.append(self._inline(tree.root, 0, 0))
            for comment in tree.root.tail:
                self._own(comment, 0)
        while self._lines and not self._lines[0]:
            del self._lines[0]
        body = "\n".join(self._lines)
        if not self._unended():
            body += "\n"
        return tree.prefix + ("\n" if tree.prefix and not tree.prefix.endswith("\n") else "") + body + tree.suffix

    def _unended(self) -> bool:
        """Whether the text ends inside a block scalar without a line end, which would become a part of the value."""
        last = self._tree.root
        while last.block and last.entries:
            last = last.entries[-1].value
        return last.style in ("|", ">") and last.end >= len(self._source) and not self._source.endswith("\n")

    # --- blocks

    def _block(self, piece: Piece, indent: int, *, top: bool = False, compact: bool = False) -> None:
        """The lines of a block; with `compact` the first entry goes on where the last line ends."""
        entries = self._ordered(piece)
        if top and entries and entries[0] is not piece.entries[0]:
            self._detach_header(piece.entries[0])
        for index, entry in enumerate(entries):
            first = index == 0
            if not (first and compact):
                for number, comment in enumerate(entry.leading):
                    self._own(comment, indent, blank=not (first and number == 0 and not top))
                blank = entry.blank_before and not (first and not entry.leading)
                self._lines.extend([""] if blank and self._lines and self._lines[-1] else [])
                self._lines.append(" " * indent)
            self._entry(entry, indent)
        for comment in piece.tail:
            self._own(comment, indent)

    def _detach_header(self, first: Entry) -> None:
        """The comment at the top of a file, up to the last blank line, is about the file."""
        cut = len(first.leading) if first.blank_before else 0
        cut = max([cut, *(number for number, comment in enumerate(first.leading) if comment.blank_before)])
        for comment in first.leading[:cut]:
            self._own(comment, 0)
        del first.leading[:cut]
        if cut:
            self._lines.append("")

    def _own(self, comment: Comment, indent: int, *, blank: bool = True) -> None:
        if blank and comment.blank_before and self._lines and self._lines[-1]:
            self._lines.append("")
        self._lines.append(" " * indent + comment.text)

    def _ordered(self, piece: Piece) -> list[Entry]:
        """The entries in their canonical order; as they are where an anchor would come behind its alias."""
        entries = piece.entries
        entity = self._entities.get(id(piece.node)) if piece.kind == "map" else None
        if entity is None or self._grammar is None:
            return entries
        known = keynames_of(self._grammar, entity).allowed

        def place(entry: Entry) -> int:
            name = entry.key.node.value if entry.key is not None and entry.key.node is not None else ""
            return -1 if name == "<<" else rank(name) if name in known else rank("")

        result = sorted(entries, key=place)
        return result if result == entries or self._keeps_anchors(result) else entries

    def _keeps_anchors(self, entries: list[Entry]) -> bool:
        if any(count > 1 for count in self._tree.anchors.values()):
            return False
        defined = [set(_anchors(entry.value)) for entry in entries]
        later: set[str] = set()
        for entry, names in zip(reversed(entries), reversed(defined), strict=True):
            if later & set(self._aliases(entry.value)):
                return False
            later |= names
        return True

    def _aliases(self, piece: Piece) -> Iterator[str]:
        if piece.kind == "alias":
            yield self._source[piece.start + 1 : piece.end]
        for entry in piece.entries:
            yield from self._aliases(entry.value)

    def _entry(self, entry: Entry, indent: int) -> None:
        """Adds an entry to the last line, which is its indentation, and to lines below."""
        value = entry.value
        head = f"{self._key(entry.key)}:" if entry.key is not None else "-"
        if value.properties:
            head += f" {value.properties}"
        header = entry.header.gap + entry.header.text if entry.header is not None else ""
        column = indent + _STEP
        if value.block:
            below = entry.key is not None or value.properties or entry.header is not None or value.entries[0].leading
            self._lines[-1] += head + (header if below else " " * (column - indent - 1))
            self._block(value, column, compact=not below)
            return
        if value.empty or (value.kind == "scalar" and value.start == value.end):
            self._lines[-1] += head + header
        elif value.line > entry.line:
            self._lines[-1] += head + header
            for comment in entry.inner:
                self._own(comment, column)
            self._append(" " * column + self._inline(value, column, value.column), entry.trailing)
        else:
            self._append(self._lines.pop() + head + " " + self._inline(value, indent, entry.column), entry.trailing)
        for comment in entry.tail:
            self._own(comment, column)

    def _append(self, text: str, trailing: Comment | None) -> None:
        self._lines.extend((text + (trailing.gap + trailing.text if trailing is not None else "")).split("\n"))

    def _key(self, key: Piece | None) -> str:
        assert key is not None
        written = self._source[key.start : key.end]
        bare = written[1:-1]
        if key.style in ("'", '"') and _BARE_KEY.match(bare) and bare.lower() not in _WORDS:
            written = bare
        return f"{key.properties} {written}" if key.properties else written

    # --- values on one line, or kept

    def _inline(self, piece: Piece, indent: int, was: int) -> str:
        """A scalar, alias or flow collection; `was` is the column that its owner stood at, `indent` the one where it stands."""
        written = self._source[piece.start : piece.end]
        if piece.style in ("|", ">"):
            return self._literal(written, piece, indent, was)
        if piece.end_line == piece.line:
            return self._flow(piece) if piece.flow else written
        lines = written.split("\n")
        shift = indent - was
        result = [lines[0].rstrip()]
        for line in lines[1:]:
            text = line.strip(" \t")
            old = len(line) - len(line.lstrip(" "))
            least = indent if text[:1] in ("}", "]") and piece.flow else indent + 1
            result.append(" " * max(old + shift, least) + text if text else "")
        return "\n".join(result)

    def _literal(self, written: str, piece: Piece, indent: int, was: int) -> str:
        head, *lines = written.split("\n")
        digits = re.search(r"[1-9]", re.sub(r"\s#.*", "", head))
        if digits:
            margin, target = max(was, 0) + int(digits[0]), indent + int(digits[0])
        else:
            margin = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), 0)
            target = indent + _STEP
        kept = [" " * target + line[margin:] if line[margin:] else "" for line in lines]
        return "\n".join([head.rstrip(), *kept])

    def _flow(self, piece: Piece) -> str:
        """A flow collection on one line."""
        if piece.kind == "alias" or (piece.kind == "scalar" and not piece.flow):
            return self._source[piece.start : piece.end]
        parts = []
        for entry in self._ordered(piece):
            value = entry.value
            text = f"{value.properties} {self._flow(value)}" if value.properties else self._flow(value)
            if entry.key is not None:
                key = self._key(entry.key)
                bare = value.empty and self._source[entry.key.end : entry.key.end + 1] != ":"
                text = key if bare else f"{key}: {text}".rstrip()
            parts.append(text)
        left, right = ("{", "}") if piece.kind == "map" else ("[", "]")
        return f"{left} {', '.join(parts)} {right}" if parts else left + right


def _anchors(piece: Piece) -> Iterator[str]:
    if piece.anchor is not None:
        yield piece.anchor
    for entry in piece.entries:
        yield from _anchors(entry.value)
