"""Findings as SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), for code-hosting sites and editors.

The document says nothing of the machine: paths are relative to the repository where they can be, and no time is in it, so
that the same findings make the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from bbq import __version__, catalogue
from bbq.diagnostics import Diagnostic, SourceRange, Verdict
from bbq.redaction import MASK
from bbq.views.clean import clean
from bbq.views.location import relative
from bbq.views.plain import PlainReporter

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT: Final = "bbqFinding/v1"
_ROOT: Final = "%SRCROOT%"
_PLACEHOLDER = re.compile(r"\{(\d+)\}")


class SarifReporter(PlainReporter):
    """Errors of the run itself are plain lines, as everywhere."""

    def diagnostics(self, found: Sequence[Diagnostic], *, verdicts: Sequence[Verdict] = ()) -> None:
        self.text(json.dumps(document(found, verdicts), indent=2))


def document(found: Sequence[Diagnostic], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """A log with one run. Artifacts are the templates, then the other files that findings speak of."""
    return _Log(found, verdicts).document()


class _Log:
    def __init__(self, found: Sequence[Diagnostic], verdicts: Sequence[Verdict]) -> None:
        self._found = found
        self._targets = [item.file for item in verdicts]
        self._artifacts: dict[str, int] = {}
        self._rules = {code: index for index, code in enumerate(sorted({item.code for item in found}))}
        self._seen: Counter[str] = Counter()
        for file in self._targets:
            self._artifact(file)

    def document(self) -> dict[str, Any]:
        results = [self._result(item) for item in self._found]  # first, since it finds the artifacts
        run: dict[str, Any] = {
            "tool": {
                "driver": {
                    "name": "bbq",
                    "version": __version__,
                    "semanticVersion": __version__,
                    "rules": [_rule(code) for code in self._rules],
                }
            },
            "invocations": [{"executionSuccessful": True}],
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {_ROOT: {"description": {"text": "The top of the repository."}}},
            "artifacts": [
                {"location": self._location(file), **({"roles": ["analysisTarget"]} if file in self._targets else {})}
                for file in self._artifacts
            ],
            "results": results,
            "redactionTokens": [MASK],
        }
        return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}

    def _artifact(self, file: str) -> int:
        return self._artifacts.setdefault(file, len(self._artifacts))

    def _location(self, file: str) -> dict[str, Any]:
        path = relative(file)
        where = {"uri": _elsewhere(file)} if path is None else {"uri": quote(os.fsencode(path)), "uriBaseId": _ROOT}
        return {**where, "index": self._artifact(file)}

    def _place(self, at: SourceRange, text: str | None = None) -> dict[str, Any]:
        region = {"startLine": max(at.line, 1), "startColumn": max(at.column, 1)}
        if (at.end_line, at.end_column) >= (at.line, at.column):
            region |= {"endLine": at.end_line, "endColumn": at.end_column}
        place: dict[str, Any] = {"physicalLocation": {"artifactLocation": self._location(at.file), "region": region}}
        return place if text is None else {**place, "message": {"text": _plain(text)}}

    def _result(self, item: Diagnostic) -> dict[str, Any]:
        at = SourceRange(item.file, item.line, item.column, item.end_line, item.end_column)
        result: dict[str, Any] = {
            "ruleId": item.code,
            "ruleIndex": self._rules[item.code],
            "level": item.severity,
            "message": {"text": _plain(item.message if item.hint is None else f"{item.message}\n{item.hint}")},
            "partialFingerprints": {FINGERPRINT: self._fingerprint(item)},
        }
        if not item.file.startswith("<"):
            place = self._place(at)
            place["physicalLocation"]["region"] |= _snippet(item)
            result["locations"] = [place]
        elif self._targets:  # of an input: it has no place of its own, and sites show no result without one
            result["locations"] = [{"physicalLocation": {"artifactLocation": self._location(self._targets[0])}}]
        related = [self._place(at, text) for at, text in item.related if not at.file.startswith("<")]
        return {**result, "relatedLocations": related} if related else result

    def _fingerprint(self, item: Diagnostic) -> str:
        """By code, file and the line's text; findings that have all three in common are numbered. Lines may move."""
        line = item.excerpt.text if item.excerpt is not None else item.message
        identity = "\0".join((item.code, relative(item.file) or item.file, " ".join(line.split())))
        digest = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:32]
        self._seen[digest] += 1
        return f"{digest}:{self._seen[digest]}"


def _elsewhere(file: str) -> str:
    try:
        return Path(file).absolute().as_uri()
    except OSError:  # the working directory is gone
        return quote(os.fsencode(file))


def _snippet(item: Diagnostic) -> dict[str, Any]:
    """What the region holds, where all of it is known: it ends on its line, which was not cut."""
    if item.excerpt is None or item.end_line != item.line:
        return {}
    text = item.excerpt.text[item.excerpt.start : item.excerpt.end]
    whole = len(text) == item.end_column - item.column or MASK in text
    return {"snippet": {"text": clean(text)}} if text and whole else {}


def _rule(code: str) -> dict[str, Any]:
    if code not in catalogue.codes():
        return {"id": code}
    page = catalogue.page(code)
    more = f"\n\n{page.text}" if page.text else ""
    return {
        "id": code,
        "name": "".join(word[:1].upper() + word[1:] for word in re.findall(r"\w+", page.title)),
        "shortDescription": {"text": page.title[:1].upper() + page.title[1:] + "."},
        "fullDescription": {"text": page.explanation},
        "help": {"text": f"{page.explanation}{more}", "markdown": _markdown(page)},
    }


def _markdown(page: catalogue.Page) -> str:
    parts = [page.explanation, page.text]
    parts += [
        f"**{block.title.capitalize() if not block.name else block.title}**\n\n```{block.language}\n{block.text}```"
        for block in page.blocks
    ]
    return "\n\n".join(filter(None, parts))


def _plain(text: str) -> str:
    """A plain text message (section 3.11): what a template says makes no link and no placeholder in it. Other braces stay
    single, against the letter of section 3.11.5: readers show a doubled one as two."""
    return _PLACEHOLDER.sub(r"{{\1}}", clean(text).strip()).replace("](", "] (")
