"""What the steps of an upgrade share: the text as a tree, its names, edits and warnings."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from yaml import Node

from bbq.editor.reading import Names
from bbq.editor.scope import TemplateScope
from bbq.editor.syntax import Entry, Piece, parse
from bbq.editor.upgrade.edits import Edits, Source
from bbq.editor.visits import Frames, Visit
from bbq.editor.walk import walk

_BARE: Final = re.compile(r"[A-Za-z0-9_$./-][A-Za-z0-9_$./:-]*(?: [A-Za-z0-9_./-]+)*\Z")


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the upgrade could not convert, or that its reader should look at. Lines and columns from 1 on."""

    line: int
    column: int
    message: str


class Step(ABC):
    """One pass over the text: `run` collects edits from the visits, the result is a new text."""

    def __init__(self, source: Source, names: Names, warned: list[Warned]) -> None:
        self.source = source
        self.text = source.text
        self.names = names
        self.scope = TemplateScope(names)
        self.edits = Edits()
        self.warned = warned
        self.tree = parse(source.text)
        self.visits: list[Visit] = []
        self._pieces: dict[int, Piece] = {}
        self._entries: dict[int, tuple[Entry, Piece]] = {}
        self._note(self.tree.root)
        assert self.tree.root.node is not None
        walk(self.tree.root.node, names.unit.grammar, self.visits.append, self.scope)

    def _note(self, piece: Piece) -> None:
        if piece.node is not None and piece.kind != "alias":
            self._pieces[id(piece.node)] = piece
        for entry in piece.entries:
            if entry.key is not None:
                self._entries[id(entry.key.node)] = entry, piece
                self._pieces[id(entry.key.node)] = entry.key
            self._note(entry.value)

    def run(self) -> Source:
        self.collect()
        return self.edits.apply(self.source)

    @abstractmethod
    def collect(self) -> None:
        """Put what is to be changed into `edits`."""

    # --- looking

    def piece(self, node: Node) -> Piece | None:
        """How a node is written; None for one that only an alias brings here."""
        return self._pieces.get(id(node))

    def entry(self, key: Node) -> tuple[Entry, Piece] | None:
        """The entry of a key, and the map that it is in."""
        return self._entries.get(id(key))

    def keynames(self) -> Iterator[tuple[str, str, Entry, Piece, Visit]]:
        """Every keyname once: entity, keyname, entry, map, visit."""
        seen: set[int] = set()
        for visit in self.visits:
            if visit.key == "keyname" and visit.frames and id(visit.node) not in seen:
                found = self.entry(visit.node)
                if found is not None:
                    seen.add(id(visit.node))
                    yield visit.frames[-1].entity, visit.node.value, found[0], found[1], visit

    def written(self, piece: Piece) -> str:
        return self.text[piece.start : piece.end]

    def warn(self, where: Piece | Entry, message: str) -> None:
        line = self.source.origins[where.line] + 1
        found = Warned(line, where.column + 1, message)
        if found not in self.warned:
            self.warned.append(found)

    # --- changing

    def rename(self, key: Piece, name: str) -> None:
        """Another text for a key or a scalar, quotes kept."""
        quote = key.style if key.style in ("'", '"') else ""
        self.edits.replace(key.start, key.end, f"{quote}{name}{quote}")

    def drop(self, entry: Entry, owner: Piece, why: str) -> None:
        """Takes an entry out: in a block it stays as a comment; a flow map has no room for one, and the warning quotes it."""
        assert entry.key is not None
        end = max(entry.value.end, entry.key.end)
        if owner.flow:
            self.warn(entry, f"{why}: `{' '.join(self.text[entry.start : end].split())}` is taken out")
            index = owner.entries.index(entry)
            if index + 1 < len(owner.entries):
                self.edits.replace(entry.start, owner.entries[index + 1].start, "")
            elif index:
                self.edits.replace(owner.entries[index - 1].value.end, end, "")
            else:
                self.edits.replace(entry.start, end, "")
            return
        self.warn(entry, f"{why}; it stays as a comment")
        first = self.text.rfind("\n", 0, entry.start) + 1
        if self.text[first : entry.start].strip():  # the first entry of a list's item shares its line with the dash
            rest = [other for other in owner.entries if other is not entry]
            if rest:
                commented = self._commented(self.text[entry.start : end])
                self.edits.replace(entry.start, rest[0].start, f"{commented}\n{' ' * entry.column}")
            else:
                self.edits.replace(entry.start, end, self._commented(self.text[entry.start : end]))
            return
        stop = self.text.find("\n", end)
        stop = len(self.text) if stop < 0 else stop
        margin = " " * entry.column
        lines = self.text[first:stop].split("\n")
        self.edits.replace(first, stop, "\n".join(f"{margin}# {line[entry.column :]}".rstrip() for line in lines))

    @staticmethod
    def _commented(text: str) -> str:
        return "\n".join(f"# {line}" if number == 0 else f"{line[: len(line) - len(line.lstrip())]}# {line.lstrip()}"
                         for number, line in enumerate(text.split("\n")))  # fmt: skip

    def substitute(self, entry: Entry, owner: Piece, text: str) -> None:
        """Another text for a whole entry; comments that stood in it go above it."""
        assert entry.key is not None
        end = max(entry.value.end, entry.key.end)
        comments = [comment.text for comment in self.tree.comments if entry.start <= comment.index < end]
        if entry.header is not None and entry.header.index >= end:
            comments.append(entry.header.text)
        if comments and not owner.flow:
            margin = " " * entry.column
            above = "".join(f"{comment}\n{margin}" for comment in comments)
            line = self.text.rfind("\n", 0, entry.start) + 1
            if self.text[line : entry.start].strip():
                text = text + "".join(f"\n{margin}{comment}" for comment in comments)
            else:
                text = above + text
        self.edits.replace(entry.start, end, text)

    def add(self, owner: Piece, *entries: str) -> None:
        """Further entries at the end of a map."""
        if owner.flow:
            bracket = owner.end - 1
            blank = " " if self.text[bracket - 1] == " " else ""
            text = ", ".join(entries)
            self.edits.replace(bracket - len(blank), bracket + 1, f"{',' if owner.entries else ''} {text} }}")
            return
        last = owner.entries[-1]
        end = max(last.value.end, last.key.end if last.key is not None else 0)
        stop = self.text.find("\n", end)
        text = "".join(f"\n{' ' * owner.column}{entry}" for entry in entries)
        self.edits.insert(len(self.text) if stop < 0 else stop, text)

    def flow(self, piece: Piece) -> str:
        """A piece on one line, as it may stand in a flow collection; functions and quotes as they are."""
        if piece.kind == "alias":
            return self.written(piece)
        if piece.kind == "scalar":
            raw = self.written(piece)
            if piece.style in ("'", '"') and "\n" not in raw:
                return raw
            if piece.style is None and "\n" not in raw and (_BARE.match(raw) or not raw):
                return raw or "null"
            value = piece.node.value if piece.node is not None else raw
            return json.dumps(value, ensure_ascii=False)
        parts = []
        for entry in piece.entries:
            value = self.flow(entry.value)
            parts.append(f"{self.written(entry.key)}: {value}" if entry.key is not None else value)
        left, right = ("{", "}") if piece.kind == "map" else ("[", "]")
        return f"{left} {', '.join(parts)} {right}" if parts else left + right


def inside(frames: Frames, *entities: str) -> bool:
    """Whether one of the entities is around a place."""
    return any(frame.entity in entities for frame in frames)
