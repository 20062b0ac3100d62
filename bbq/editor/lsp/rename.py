"""Rename: every edit that gives a name another one, or why that cannot be done."""

from __future__ import annotations

import re
from typing import Final

from lsprotocol import types as lsp

from bbq.editor.lsp.documents import Document, Documents
from bbq.editor.lsp.index import Occurrence
from bbq.editor.lsp.navigation import place_of

_NAME: Final = re.compile(r"[^\W\d][\w.-]*\Z")
_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


class Refused(Exception):
    """A rename that cannot be done; the message says why."""


def renamed_at(document: Document, position: lsp.Position, documents: Documents) -> tuple[Occurrence, lsp.Range] | None:
    """What a rename at the position would rename; None where there is nothing that can be renamed. Raises `Refused`."""
    if document.version.root is None:
        raise Refused("the text is not whole: correct the YAML first")
    index = document.index(documents.import_map)
    occurrence = index.at(*place_of(document, position))
    if occurrence is None:
        return None
    if occurrence.space not in index.renamed:
        raise Refused(f"a {occurrence.space.removesuffix('s')} is not renamed here: other files may name it")
    return occurrence, document.version.text.node_range(occurrence.node)


def rename(document: Document, position: lsp.Position, new: str, documents: Documents) -> lsp.WorkspaceEdit | None:
    """All edits that give what stands at the position another name. Raises `Refused`."""
    found = renamed_at(document, position, documents)
    if found is None:
        return None
    occurrence, _ = found
    index = document.index(documents.import_map)
    if not _NAME.match(new) or new.lower() in _WORDS:
        raise Refused(f"{new!r} is not a name: letters, digits, '_', '-' and '.', not beginning with a digit")
    scope, slash, old = occurrence.name.rpartition("/")
    if new == old:
        return lsp.WorkspaceEdit(changes={})
    if index.taken(occurrence.space, f"{scope}{slash}{new}"):
        raise Refused(f"there is a {occurrence.space} {new!r} already")
    if (reason := index.refusal(occurrence, new)) is not None:
        raise Refused(reason)
    text = document.version.text
    edits = {}
    for other in index.same(occurrence):
        start, end = text.span(other.node)
        written = text.source[start:end]
        quote = other.node.style if other.node.style in ("'", '"') else ""
        if written.strip(quote or None) != old:
            raise Refused(
                f"a use of {old!r} is written in a way that cannot be edited, in line {text.position(start).line + 1}"
            )
        edits[start] = lsp.TextEdit(text.range(start, end), f"{quote}{new}{quote}")
    return lsp.WorkspaceEdit(changes={document.uri: [edits[start] for start in sorted(edits)]})
