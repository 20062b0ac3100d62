"""Diagnostics as an editor shows them, and quick fixes for those that name what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lsprotocol import types as lsp

from bbq.diagnostics import Diagnostic
from bbq.editor.lsp.documents import Document, Documents
from bbq.editor.lsp.text import Text

SOURCE: Final = "bbq"
_MEANT: Final = re.compile(r"did you mean `([^`]+)`\?")
_QUOTED: Final = re.compile(r"`([^`]+)`")
_TOKEN: Final = re.compile(r"[^\s,\[\]{}]+")


def shown(found: Iterable[Diagnostic], text: Text, documents: Documents) -> list[lsp.Diagnostic]:
    """The findings about one file; `text` is what they were found in."""
    result = []
    for item in found:
        start = text.place(item.line, item.column)
        end = text.place(item.end_line, item.end_column) if item.end_line else start
        if end <= start:
            token = _TOKEN.match(text.source, start)
            end = token.end() if token else min(start + 1, len(text.source))
        result.append(
            lsp.Diagnostic(
                range=text.range(start, end),
                message=f"{item.message}\n{item.hint}" if item.hint else item.message,
                severity=lsp.DiagnosticSeverity.Error if item.severity == "error" else lsp.DiagnosticSeverity.Warning,
                code=item.code,
                source=SOURCE,
                related_information=[
                    lsp.DiagnosticRelatedInformation(documents.location(place), message) for place, message in item.related
                ]
                or None,
            )
        )
    return result


def fixes(document: Document, diagnostics: Iterable[lsp.Diagnostic]) -> Iterator[lsp.CodeAction]:
    """For each of our diagnostics with a "did you mean": the edit that does it."""
    for item in diagnostics:
        meant = _MEANT.search(item.message) if item.source == SOURCE else None
        if meant is None:
            continue
        span = _misspelt(document.version.text, item, meant.start())
        if span is None:
            continue
        edit = lsp.TextEdit(document.version.text.range(*span), meant[1])
        yield lsp.CodeAction(
            title=f"Change to `{meant[1]}`",
            kind=lsp.CodeActionKind.QuickFix,
            diagnostics=[item],
            edit=lsp.WorkspaceEdit(changes={document.uri: [edit]}),
            is_preferred=True,
        )


def _misspelt(text: Text, item: lsp.Diagnostic, hint: int) -> tuple[int, int] | None:
    """Where the misspelt name stands: a name that the message quotes, at the diagnostic's place or behind it on its line."""
    names = _QUOTED.findall(item.message[:hint])
    start, end = text.index(item.range.start), text.index(item.range.end)
    line_end = text.index(lsp.Position(item.range.end.line, 1 << 30))
    for low, high in ((start, end), (end, line_end)):
        for name in names:
            pattern = re.compile(r"(?<![\w.$-])" + re.escape(name) + r"(?![\w.-])")
            found = pattern.search(text.source, low, high)
            if found is not None:
                return found.span()
    return None


def merged(parts: Mapping[str, list[lsp.Diagnostic]]) -> list[lsp.Diagnostic]:
    """What several documents have found in one file, each finding once."""
    unique: dict[tuple[object, ...], lsp.Diagnostic] = {}
    for found in parts.values():
        for item in found:
            start = item.range.start
            unique.setdefault((start.line, start.character, item.code, item.message), item)
    return list(unique.values())
