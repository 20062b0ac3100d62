"""Findings as workflow commands of GitHub Actions, which become annotations of the lines of a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions; the escaping is that of GitHub's own toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence

from bbq.catalogue import codes
from bbq.diagnostics import IMPORTED, Diagnostic, Verdict
from bbq.views.clean import clean, one_line
from bbq.views.location import relative
from bbq.views.plain import PlainReporter
from bbq.views.summary import summary


class GithubReporter(PlainReporter):
    """Errors of the run itself are plain lines, as everywhere."""

    def diagnostics(self, found: Sequence[Diagnostic], *, verdicts: Sequence[Verdict] = ()) -> None:
        self._put(*map(command, found), f"bbq: {summary(found, verdicts)}")


def command(item: Diagnostic) -> str:
    """One line; nothing in a finding can end it or begin another command."""
    place: dict[str, str | int] = {}
    file = relative(item.file)
    if file is not None:
        place = {"file": file, "line": item.line, "col": item.column}
        if item.end_line == item.line and item.end_column > item.column:
            place["endColumn"] = item.end_column  # columns of a range of several lines are refused
    title, _ = codes().get(item.code, ("", ""))
    place["title"] = f"{item.code} {title}".strip()
    lines = [clean(item.message).strip()]
    if file is None and not item.file.startswith("<"):
        lines.append(f"in {one_line(item.file)}:{item.line}:{item.column}")
    lines += [one_line(item.hint)] if item.hint else []
    lines += [f"{one_line(text)}{' ' if text == IMPORTED else ': '}{one_line(at)}" for at, text in item.related]
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in place.items())
    return f"::{item.severity} {properties}::{_data(chr(10).join(lines))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
