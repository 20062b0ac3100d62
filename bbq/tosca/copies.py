"""What templates copy, so that a mistake in what several of them have is told once, of the one that it is written in.

TOSCA 1.3 section 3.8.3; TOSCA 2.0 section 7.2.
"""

from __future__ import annotations

import re
from typing import Final

from bbq.diagnostics import Diagnostic, SourceRange

_Place = tuple[str, int, int]
_NAME: Final = re.compile(r"(?<=[`'])([^`'\[\]]+)(?:\[\d+\])?(?=[`'])")
"""A name as messages have it, with or without the number of an instance."""


class Copies:
    """The templates of one service that are copies."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[str, int]] = {}
        self._places: dict[_Place, _Place] = {}

    def add(self, name: str, at: SourceRange, source: str, source_at: SourceRange, depth: int) -> None:
        """The template `name` copies `source`, which is no copy, by way of `depth` - 1 others; each stands at its place."""
        self._sources[name] = source, depth
        self._places[_place(at)] = _place(source_at)

    def join(self, other: Copies) -> None:
        """Those of another service, too."""
        self._sources = {**other._sources, **self._sources}
        self._places |= other._places

    def once(self, found: list[Diagnostic]) -> list[Diagnostic]:
        """Findings without those that differ only in which of the copies they name; in their order."""
        if not self._sources:
            return found
        kept: dict[object, tuple[int, Diagnostic]] = {}
        for item in found:
            depth = max((self._sources.get(name, ("", 0))[1] for name in _NAME.findall(item.message)), default=0)
            place = item.file, item.line, item.column
            message = _NAME.sub(self._original, item.message)
            key = item.severity, item.code, message, self._places.get(place, place)
            if key not in kept or depth < kept[key][0]:
                kept[key] = depth, item
        chosen = {id(item) for _, item in kept.values()}
        return [item for item in found if id(item) in chosen]

    def _original(self, name: re.Match[str]) -> str:
        return self._sources.get(name[1], (name[1], 0))[0]


def _place(at: SourceRange) -> _Place:
    return at.file, at.line, at.column


__all__ = ["Copies"]
