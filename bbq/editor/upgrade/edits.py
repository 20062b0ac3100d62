"""Edits of a text that keep track of the lines that its parts come from."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(slots=True)
class Source:
    """A text on its way: `origins[n]` is the line of the first text that line n comes from, both from 0 on."""

    text: str
    origins: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.origins:
            self.origins = list(range(self.text.count("\n") + 1))


class Edits:
    """Replacements by character positions. One that overlaps an earlier one is left out: the earlier one stands."""

    def __init__(self) -> None:
        self._made: list[tuple[int, int, str]] = []
        self._replaced: list[tuple[int, int]] = []  # sorted, disjoint

    def replace(self, start: int, end: int, text: str) -> None:
        at = bisect_right(self._replaced, (start, end))
        before_ends = at > 0 and self._replaced[at - 1][1] > start
        after_begins = at < len(self._replaced) and self._replaced[at][0] < end
        if not before_ends and not after_begins and (start, end) not in self._replaced[max(at - 1, 0) : at]:
            self._replaced.insert(at, (start, end))
            self._made.append((start, end, text))

    def insert(self, at: int, text: str) -> None:
        """Several insertions at one place stay in the order they are made."""
        self._made.append((at, at, text))

    def apply(self, source: Source) -> Source:
        text, origins = source.text, source.origins
        parts: list[str] = []
        lines: list[int] = [origins[0]]
        at, line = 0, 0
        for start, end, new in sorted(self._made, key=lambda edit: edit[:2]):
            if start < at:
                continue
            kept = text[at:start]
            parts.append(kept)
            for _ in range(kept.count("\n")):
                line += 1
                lines.append(origins[line])
            parts.append(new)
            lines += [origins[line]] * new.count("\n")
            line += text.count("\n", start, end)
            at = end
        rest = text[at:]
        parts.append(rest)
        for _ in range(rest.count("\n")):
            line += 1
            lines.append(origins[line])
        return Source("".join(parts), lines)
