"""Names in a document, of whatever language: where each is defined and where it is used."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from yaml import Node, ScalarNode

from bbq.diagnostics import SourceRange
from bbq.editor.shapes import Map, Named
from bbq.editor.visits import Frames, Visit

Place = Node | SourceRange | Path
"""Where something is defined: in the document itself, in a file that was read, or it is a file."""


@dataclass(frozen=True, slots=True)
class Home:
    """The one place, in whatever file, that all uses of a name go back to. `line` and `column` are the reader's, from 1 on."""

    file: Path
    line: int
    column: int

    @staticmethod
    def of(at: SourceRange) -> Home:
        return Home(Path(os.path.realpath(at.file)), at.line, at.column)


@dataclass(frozen=True, slots=True, eq=False)
class Occurrence:
    """One name at one place. `space` says what it names: "node template", "input", "resource type", "property" ...; names that
    mean something within an owner only begin with the owner's: `workflow/step`. `target` is the type or definition where it
    is known; a path (of an import, an artifact) has space "path"."""

    space: str
    name: str
    node: ScalarNode
    definition: bool = False
    target: Any = None
    frames: Frames = ()


class Index(ABC):
    """The names of one document. A language says what its places name, and what is known of that."""

    renamed: ClassVar[frozenset[str]] = frozenset()
    """Spaces whose names a document defines for itself."""
    shared: ClassVar[tuple[frozenset[str], ...]] = ()
    """Spaces whose names stand in the same places, so that one name cannot be in two of them."""

    def __init__(self, root: Node, visits: list[Visit]) -> None:
        self.root = root
        self.visits = visits
        self.occurrences: list[Occurrence] = []
        self._defined: dict[str, set[str]] = {}
        for visit in visits:
            if visit.key == "definition" and isinstance(visit.shape, (Map, Named)):
                space = visit.shape.defines
                self._defined.setdefault(space, set()).add(self.qualified(space, visit.node.value, visit.frames))
        seen = set()
        for visit in visits:
            if not isinstance(visit.node, ScalarNode) or not visit.node.value:
                continue
            for occurrence in self.uses(visit, visit.node):
                key = occurrence.space, id(occurrence.node)
                if key not in seen:
                    seen.add(key)
                    self.occurrences.append(occurrence)

    # --- the language's

    @abstractmethod
    def uses(self, visit: Visit, node: ScalarNode) -> Iterator[Occurrence]:
        """The names at a place."""

    def qualified(self, space: str, name: str, frames: Frames) -> str:
        """A name with its owner's, if it has one."""
        return name

    @abstractmethod
    def told(self, occurrence: Occurrence) -> str:
        """What there is to say of a name, as Markdown; "" for nothing."""

    @abstractmethod
    def told_of(self, visit: Visit) -> str:
        """The same of a place without a name."""

    @abstractmethod
    def file_named(self, text: str) -> Path | None:
        """The file that a path in the document means."""

    def refusal(self, occurrence: Occurrence, new: str) -> str | None:
        """Why what is named there cannot be called `new` in this document: something else that it knows has the name."""
        if occurrence.space in self.renamed:
            scope, slash, _ = occurrence.name.rpartition("/")
            if self.taken(occurrence.space, f"{scope}{slash}{new}"):
                return f"{occurrence.space} {new!r} is there already"
        return None

    def home(self, occurrence: Occurrence) -> Home | None:
        """Where the name comes from, if it may stand in other files, too."""
        return None

    def respelled(self, occurrence: Occurrence, written: str, new: str) -> str | None:
        """What has to stand in the place of `written`; None where that cannot be told."""
        return new if written == occurrence.name.rpartition("/")[2] else None

    # --- the same for all

    def defined(self, space: str) -> set[str]:
        return self._defined.get(space, set())

    def taken(self, space: str, name: str) -> bool:
        """Whether something of the space, or of one whose names stand in the same places, has the name already."""
        spaces: Iterable[str] = next((shared for shared in self.shared if space in shared), (space,))
        return any(name in self.defined(each) for each in spaces)

    def same(self, one: Occurrence) -> list[Occurrence]:
        """Every place of what is named there, its definition first."""
        found = [other for other in self.occurrences if (other.space, other.name) == (one.space, one.name)]
        return sorted(found, key=lambda other: not other.definition)

    def places(self, occurrence: Occurrence) -> list[Place]:
        """Where what is named there is defined."""
        if occurrence.space == "path":
            found = self.file_named(occurrence.name)
            return [found] if found is not None else []
        at = getattr(occurrence.target, "at", None)
        if isinstance(at, SourceRange):
            return [at]
        return [other.node for other in self.same(occurrence) if other.definition]

    def at(self, line: int, column: int) -> Occurrence | None:
        """The name at the reader's place, both from 0 on; the innermost one."""
        best = None
        for occurrence in self.occurrences:
            if covers(occurrence.node, line, column):
                best = occurrence
        return best

    def visit_at(self, line: int, column: int) -> Visit | None:
        best = None
        for visit in self.visits:
            if isinstance(visit.node, ScalarNode) and covers(visit.node, line, column):
                best = visit
        return best


def covers(node: Node, line: int, column: int) -> bool:
    """Whether a scalar is at the place; a cursor behind its last character is on it, too."""
    start, end = node.start_mark, node.end_mark or node.start_mark
    return (start.line, start.column) <= (line, column) <= (end.line, end.column)
