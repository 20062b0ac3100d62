"""Edits of a text that keep track of the lines that its parts come from."""

from __future__ import annotations

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

    def __bool__(self) -> bool:
        return bool(self._made)

    def replace(self, start: int, end: int, text: str) -> None:
        if not any(start < other_end and other < end for other, other_end, _ in self._made) and not any(
            (start, end) == (other, other_end) for other, other_end, _ in self._made if start < end
        ):
            self._made.append((start, end, text))

    def insert(self, at: int, text: str) -> None:
        """Several insertions at one place stay in the order they are made."""
        self._made.append((at, at, text))

    def within(self, text: str, start: int, end: int) -> str:
        """A part of the text with the edits in it."""
        parts, at = [], start
        for low, high, new in sorted(self._made, key=lambda edit: edit[:2]):
            if start <= low and high <= end and low >= at:
                parts += [text[at:low], new]
                at = high
        return "".join([*parts, text[at:end]])

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
