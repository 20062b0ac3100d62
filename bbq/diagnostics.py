"""A finding in a user's file: severity, stable code, message, exact source range, hint.

Front ends collect findings in a `DiagnosticBag` and go on, so that one run reports every problem. Codes are stable and
documented; `BBQ-Y` the YAML reader, `BBQ-T` TOSCA, `BBQ-H` HOT, `BBQ-M` Murano,
`BBQ-G` the topology (graph), `BBQ-R` rendering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from bbq.sources import Sources

Severity = Literal["error", "warning"]
IMPORTED: Final = "imported from"
"""The text of a related place that is an import."""


def listed(names: Sequence[str], limit: int = 5) -> str:
    """The first of many names or phrases, and how many more there are."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def visible(text: str) -> str:
    """`text` with its control characters escaped: a terminal must not obey a template."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


@dataclass(frozen=True, slots=True)
class SourceRange:
    """Where a value stands. Lines and columns are 1-based; the end is exclusive, and equals the start where unknown."""

    file: str
    line: int
    column: int
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The line that a finding is about, as it was read: secrets masked, cut around the range where it is long.

    `start` and `end` say what of `text` is meant: characters from 0, the end exclusive and, where it is unknown, the start.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem in one place.

    `related` carries further places as (range, text): the other definition of a duplicate, then the chain of imports that
    led to the file. `excerpt` is None where no text was read (an input, a file that could not be opened).
    """

    severity: Severity
    code: str
    message: str
    file: str
    line: int
    column: int
    hint: str | None = None
    end_line: int = 0
    end_column: int = 0
    related: tuple[tuple[SourceRange, str], ...] = ()
    excerpt: Excerpt | None = None

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.severity} {self.code}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one template: numbers of findings, those in its imports included."""

    file: str
    errors: int
    warnings: int

    @property
    def valid(self) -> bool:
        return self.errors == 0


@dataclass(slots=True)
class DiagnosticBag:
    """Collects findings. `limit` bounds memory on hostile input: past it findings are counted, not kept. `sources` are what
    was read, for the lines that findings show."""

    limit: int = 1000
    items: list[Diagnostic] = field(default_factory=list)
    dropped: int = 0
    dropped_errors: int = 0
    sources: Sources | None = None

    def error(
        self,
        code: str,
        message: str,
        at: SourceRange,
        hint: str | None = None,
        related: tuple[tuple[SourceRange, str], ...] = (),
    ) -> None:
        self._add("error", code, message, at, hint, related)

    def warning(
        self,
        code: str,
        message: str,
        at: SourceRange,
        hint: str | None = None,
        related: tuple[tuple[SourceRange, str], ...] = (),
    ) -> None:
        self._add("warning", code, message, at, hint, related)

    def _add(
        self,
        severity: Severity,
        code: str,
        message: str,
        at: SourceRange,
        hint: str | None,
        related: tuple[tuple[SourceRange, str], ...],
    ) -> None:
        if len(self.items) >= self.limit:
            self.dropped += 1
            self.dropped_errors += severity == "error"
            return
        from bbq.redaction import masked_urls  # at the first finding: commands that check nothing have none

        message, hint = masked_urls(visible(message)), hint and masked_urls(visible(hint))
        self.items.append(
            Diagnostic(severity, code, message, at.file, at.line, at.column, hint, at.end_line, at.end_column, related)
        )

    @property
    def has_errors(self) -> bool:
        return self.dropped_errors > 0 or any(item.severity == "error" for item in self.items)

    def sorted(self) -> list[Diagnostic]:
        """By file, line and column; each distinct finding once, with its line and the imports that led to its file."""
        unique = sorted(dict.fromkeys(self.items), key=lambda d: (d.file, d.line, d.column, d.code))
        return unique if self.sources is None else [self.sources.complete(item) for item in unique]
