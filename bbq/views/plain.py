"""Findings and errors for people, as plain lines; see `human` for everything else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from bbq.diagnostics import IMPORTED, Diagnostic, Verdict
from bbq.errors import BbqError, TemplateError
from bbq.views.base import Reporter
from bbq.views.clean import clean, one_line
from bbq.views.excerpt import marked
from bbq.views.summary import summary

_SGR = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}
_GUTTER = "{:>5} | "
_NARROWEST, _WIDEST = 40, 120
"""Columns that a finding's line may take."""


class PlainReporter(Reporter):
    # --- writing

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{_SGR[style]}m{text}\x1b[0m" if self.color and style in _SGR and text else text

    def _put(self, *lines: str, to: TextIO | None = None) -> None:
        stream = to or self.stream
        text = "".join(f"{line}\n" for line in lines)
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()

    # --- diagnostics

    def diagnostics(self, found: Sequence[Diagnostic], *, verdicts: Sequence[Verdict] = ()) -> None:
        lines = [line for item in found for line in self._diagnostic(item)]
        if len(verdicts) > 1 and self.verbose:
            lines += [summary(found, [item]) for item in verdicts]
        self._put(*lines, summary(found, verdicts))

    def _diagnostic(self, item: Diagnostic) -> list[str]:
        style = "red" if item.severity == "error" else "yellow"
        # what was given on the command line has no lines
        place = one_line(item.file if item.file.startswith("<") else f"{item.file}:{item.line}:{item.column}")
        label = self._paint(item.severity, style)
        lines = [f"{self._paint(place, 'bold')}: {label} {one_line(item.code)}: {clean(item.message).strip()}"]
        lines += self._excerpt(item, style)
        if item.hint:
            lines.append(f"  {self._paint('hint:', 'cyan')} {one_line(item.hint)}")
        for at, text in item.related:
            lines.append(f"  {one_line(text)}{' ' if text == IMPORTED else ': '}{one_line(at)}")
        lines.append("")
        return lines

    def _excerpt(self, item: Diagnostic, style: str) -> list[str]:
        """The source line with marks under the range; nothing where no text was read (an input, a missing file)."""
        if item.excerpt is None:
            return []
        text, marks = marked(item.excerpt, self._columns() - len(_GUTTER.format(0)))
        indent = len(marks) - len(marks.lstrip())
        gutter = _GUTTER.format(item.line)
        return [
            (self._paint(gutter, "dim") + text).rstrip(),
            self._paint(_GUTTER.format(""), "dim") + marks[:indent] + self._paint(marks[indent:], style),
        ]

    def _columns(self) -> int:
        """The width of the terminal, where there is one: a line that wraps would tear the marks off what they mark."""
        try:
            return min(max(os.get_terminal_size(self.stream.fileno()).columns, _NARROWEST), _WIDEST)
        except (OSError, ValueError):
            return _WIDEST

    # --- errors

    def error(self, exc: BaseException) -> None:
        lines: list[str] = []
        if isinstance(exc, TemplateError):
            lines += [line for item in exc.diagnostics for line in self._diagnostic(item)]  # the error itself counts them
        text = clean(exc).strip() or type(exc).__name__
        lines.append(f"{self._paint('error:', 'red')} {text}")
        if isinstance(exc, BbqError) and exc.hint:
            lines.append(f"{self._paint('hint:', 'cyan')} {clean(exc.hint).strip()}")
        self._put(*lines, to=self.err)

    def message(self, text: str) -> None:
        self._put(clean(text), to=self.err)
