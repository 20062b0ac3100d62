"""What was read for one template: the texts behind its findings, how each file was reached, where secrets stand.

A finding shows the line as it was when it was read; the file may have changed since, so it is never opened again.
"""

from __future__ import annotations

import re
from dataclasses import replace

from bbq import redaction
from bbq.diagnostics import IMPORTED, Diagnostic, Excerpt, SourceRange

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""As libyaml counts lines (YAML 1.1 section 5.4)."""
_QUOTED = re.compile(r"`([^`]*)`")
_BEFORE, _WIDTH = 80, 240
"""Characters of a long line that are kept before the range, and in all."""


class Sources:
    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._lines: dict[str, list[str]] = {}
        self._imports: dict[str, SourceRange] = {}
        self._secrets: dict[str, list[SourceRange]] = {}
        self._by_line: dict[str, dict[int, list[SourceRange]]] = {}

    def read(self, file: str, content: bytes) -> None:
        """`content` is what was read from the file that findings call `file`."""
        self._contents[file] = content

    def imported(self, file: str, at: SourceRange) -> None:
        """`file` is read because of the import at that place."""
        self._imports.setdefault(file, at)

    def secret(self, at: SourceRange) -> None:
        """A secret value stands there."""
        self._secrets.setdefault(at.file, []).append(at)
        self._by_line.pop(at.file, None)

    def join(self, other: Sources) -> None:
        """What `other` knows, too: the same findings may speak of both."""
        self._contents |= other._contents
        self._imports = other._imports | self._imports
        for file, places in other._secrets.items():
            self._secrets[file] = [*self._secrets.get(file, ()), *places]
            self._by_line.pop(file, None)

    def chain(self, file: str) -> tuple[SourceRange, ...]:
        """The imports that led to a file, the last one first; empty for the template itself."""
        found: list[SourceRange] = []
        while (at := self._imports.get(file)) is not None and at not in found:
            found.append(at)
            file = at.file
        return tuple(found)

    def complete(self, item: Diagnostic) -> Diagnostic:
        """The finding with its line and the imports that led to its file; one that has them stays as it is."""
        imports = tuple((at, IMPORTED) for at in self.chain(item.file))
        related = item.related + tuple(place for place in imports if place not in item.related)
        if item.excerpt is not None:
            return replace(item, related=related) if related != item.related else item
        lines = self._split(item.file)
        if not 1 <= item.line <= len(lines):
            return replace(item, related=related) if related else item
        excerpt, hidden = self._excerpt(item, lines)
        message, hint = item.message, item.hint
        if hidden:
            message, hint = _masked(message, hidden), _masked(hint, hidden) if hint else None
        return replace(item, message=message, hint=hint, related=related, excerpt=excerpt)

    def _split(self, file: str) -> list[str]:
        if file not in self._lines:
            content = self._contents.get(file)
            text = content.decode("utf-8-sig", "replace") if content is not None else None
            self._lines[file] = [line.rstrip() for line in _LINE_BREAK.split(text)] if text is not None else []
        return self._lines[file]

    def _excerpt(self, item: Diagnostic, lines: list[str]) -> tuple[Excerpt, list[str]]:
        """The line around the range with its secrets masked, and the masked texts."""
        line = lines[item.line - 1]
        size = len(line)
        start = min(max(item.column - 1, 0), size)
        end = max(size if item.end_line > item.line else min(item.end_column - 1, size), start)
        left = max(min(start - _BEFORE, size - _WIDTH), 0)
        right = min(left + _WIDTH, size)
        text, moved, at, hidden = "…" * (left > 0), [0, 0], left, []
        moved = [len(text) + min(place, right) - left for place in (start, end)]
        for first, last in self._hidden(item.file, lines, item.line - 1, left, right):
            text += line[at:first]
            before = len(text)
            text += redaction.MASK
            if start >= first:
                moved[0] = before if start < last else len(text) + min(start, right) - last
            if end > first:
                moved[1] = len(text) + max(min(end, right) - last, 0)
            hidden.append(line[first:last].strip("\"'"))
            at = last
        text += line[at:right] + "…" * (right < size)
        return Excerpt(text, moved[0], max(moved)), hidden

    def _hidden(self, file: str, lines: list[str], index: int, left: int, right: int) -> list[tuple[int, int]]:
        """The parts of a line between `left` and `right` that are secret, in order and without overlap."""
        line = lines[index]
        found = redaction.spans(lines, index, left, right)
        for at in self._secrets_of(file).get(index + 1, ()):
            first = at.column - 1 if at.line == index + 1 else len(line) - len(line.lstrip())
            last = at.end_column - 1 if at.end_line == index + 1 else right
            found.append((max(first, left), min(last, right)))
        merged: list[tuple[int, int]] = []
        for first, last in sorted(found):
            if merged and first <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(last, merged[-1][1])
            elif last > first:
                merged.append((first, last))
        return merged

    def _secrets_of(self, file: str) -> dict[int, list[SourceRange]]:
        """The secrets of a file by line."""
        if file not in self._by_line:
            by_line: dict[int, list[SourceRange]] = {}
            for at in self._secrets.get(file, ()):
                for number in range(at.line, max(at.end_line, at.line) + 1):
                    by_line.setdefault(number, []).append(at)
            self._by_line[file] = by_line
        return self._by_line[file]


def _masked(text: str, hidden: list[str]) -> str:
    """Messages quote values, long ones cut; one that is masked in the line is masked there, too."""

    def quoted(match: re.Match[str]) -> str:
        known = match[1] in hidden or (
            match[1].endswith("...") and any(item.startswith(match[1].removesuffix("...")) for item in hidden)
        )
        return f"`{redaction.MASK}`" if known else match[0]

    return _QUOTED.sub(quoted, text)
