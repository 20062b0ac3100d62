"""Rename: every edit that gives a name another one, or why that cannot be done.

What other files may name (types, what types have, parameters and outputs of Heat templates that are nested) is renamed in all
templates of the workspace, open or not; they are read again with the edits, and a rename that would leave a problem is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lsprotocol import types as lsp

from bbq.collection import paused
from bbq.datafiles import data_dir
from bbq.editor.lsp.documents import Document, Documents
from bbq.editor.lsp.index import Home, Index, Occurrence
from bbq.editor.lsp.language import Read, tosca
from bbq.editor.lsp.navigation import place_of
from bbq.editor.paths import short
from bbq.errors import UsageError

_NAME: Final = re.compile(r"[^\W\d][\w.-]*\Z")
_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
Edits = dict[int, tuple[int, str]]
"""Start -> (end, text), in characters of one text."""


class Refused(Exception):
    """A rename that cannot be done; the message says why."""


def renamed_at(document: Document, position: lsp.Position, documents: Documents) -> tuple[Occurrence, lsp.Range, str] | None:
    """What a rename at the position would rename, where it stands and how it is written; None where there is nothing that can
    be renamed. Raises `Refused`."""
    return _renamed_at(_now(document, documents), position, documents)


def _now(document: Document, documents: Documents) -> Document:
    """The document as it is read now: its last reading may be older than its text."""
    if document.version.root is None:
        raise Refused("the text is not whole: correct the YAML first")
    view = documents.view(document.path)
    read = (view.language or tosca()).read(document.path, documents.overlay(), documents.import_map)
    view.uri, view.names = document.uri, read.names or document.names
    return view


def _renamed_at(document: Document, position: lsp.Position, documents: Documents) -> tuple[Occurrence, lsp.Range, str] | None:
    index = document.index(documents.import_map)
    occurrence = index.at(*place_of(document, position))
    if occurrence is None:
        return None
    home = index.home(occurrence)
    if home is not None:
        _is_ours(occurrence, home, document, documents)
    elif occurrence.space not in index.renamed:
        if occurrence.space.endswith(" type") and occurrence.target is None:
            raise Refused(f"what {occurrence.name!r} is cannot be read: correct the file's problems first")
        raise Refused(f"{_a(occurrence.space)} is not renamed")
    start, written, _ = _written(document, occurrence)
    text, mark = document.version.text, "\0"
    respelled = index.respelled(occurrence, written, mark)
    if respelled is None or not respelled.endswith(mark):
        raise Refused(f"{written!r} is written in a way that cannot be edited")
    name = written.removeprefix(respelled.removesuffix(mark))
    if home is not None and name != occurrence.name.rpartition(":")[2]:
        raise Refused(f"{written!r} stands for {occurrence.name!r}: rename it where it is defined")
    start += len(written) - len(name)
    return occurrence, text.range(start, start + len(name)), name


def _a(what: str) -> str:
    one = f"{what[:-3]}y" if what.endswith("ies") else what.removesuffix("s")
    return f"{'an' if one[:1] in 'aeiou' else 'a'} {one}"


def _is_ours(occurrence: Occurrence, home: Home, document: Document, documents: Documents) -> None:
    what = f"{occurrence.name.rpartition('/')[2]!r} is defined in"
    if home.file.is_relative_to(os.path.realpath(data_dir("templates"))):
        raise Refused(f"{what} {short(str(home.file))}, which comes with bbq")
    if home.file != document.path and not any(home.file.is_relative_to(root) for root in documents.roots_of(document)):
        raise Refused(f"{what} {home.file}, outside of the workspace")
    if not home.file.is_file() and documents.at(home.file) is None:
        raise Refused(f"{what} {home.file}, which is no file that can be edited")


@paused()
def rename(document: Document, position: lsp.Position, new: str, documents: Documents) -> lsp.WorkspaceEdit | None:
    """All edits that give what stands at the position another name. Raises `Refused`."""
    document = _now(document, documents)
    found = _renamed_at(document, position, documents)
    if found is None:
        return None
    occurrence = found[0]
    if not _NAME.match(new) or new.lower() in _WORDS:
        raise Refused(f"{new!r} is not a name: letters, digits, '_', '-' and '.', not beginning with a digit")
    if new == occurrence.name.rpartition("/")[2]:
        return lsp.WorkspaceEdit(changes={})
    index = document.index(documents.import_map)
    if (reason := index.refusal(occurrence, new)) is not None:
        raise Refused(reason)
    home = index.home(occurrence)
    if home is None:
        changed = [(document, _edits(document, index, index.same(occurrence), new))]
    else:
        changed = _everywhere(document, occurrence, home, new, documents)
    return lsp.WorkspaceEdit(changes={view.uri: _text_edits(view, edits) for view, edits in changed})


def _written(document: Document, occurrence: Occurrence) -> tuple[int, str, str]:
    """Where a name starts, how it is written, and its quote."""
    text = document.version.text
    start, end = text.span(occurrence.node)
    quote = occurrence.node.style if occurrence.node.style in ("'", '"') else ""
    written = text.source[start:end]
    if quote and len(written) > 1 and written[0] == written[-1] == quote:
        return start + 1, written[1:-1], quote
    return start, written, ""


def _edits(document: Document, index: Index, occurrences: list[Occurrence], new: str) -> Edits:
    edits: Edits = {}
    for other in occurrences:
        start, written, _ = _written(document, other)
        respelled = index.respelled(other, written, new)
        if respelled is None:
            line = document.version.text.position(start).line + 1
            raise Refused(f"a use of it is written in a way that cannot be edited: {document.path.name}, line {line}")
        prefix = written[: written.rfind(":") + 1]  # of a namespace: it stays as it is
        same = len(prefix) if respelled.startswith(prefix) else 0
        edits[start + same] = start + len(written), respelled[same:]
    return edits


def _text_edits(document: Document, edits: Edits) -> list[lsp.TextEdit]:
    text = document.version.text
    return [lsp.TextEdit(text.range(start, end), new) for start, (end, new) in sorted(edits.items())]


def _applied(document: Document, edits: Edits) -> bytes:
    source = document.version.text.source
    for start, (end, new) in sorted(edits.items(), reverse=True):
        source = source[:start] + new + source[end:]
    return source.encode("utf-8", "surrogatepass")


# --- in all files


def _everywhere(
    document: Document, occurrence: Occurrence, home: Home, new: str, documents: Documents
) -> list[tuple[Document, Edits]]:
    """The templates that name it, with their edits."""
    words = re.compile(rf"(?<![\w-])(?:{re.escape(_last(occurrence.name))}|{re.escape(_last(new))})(?![\w-])")
    # what cannot be read may name it, too
    views = [(view, read) for view, read in _views(document, words, documents) if home.file in read.files or not read.names]
    changed = []
    for view, _ in views:
        index = view.index(documents.import_map)
        uses = [other for other in index.occurrences if index.home(other) == home]
        if uses and view.version.root is None:
            raise Refused(f"{view.path.name} names it and is not whole: correct its YAML first")
        about = uses[0] if uses else occurrence
        if (uses or about.space not in index.renamed) and (reason := index.refusal(about, new)) is not None:
            raise Refused(f"{reason}, in {view.path.name}")
        if uses:
            changed.append((view, _edits(view, index, uses, new)))
    overlay = documents.overlay() | {view.path: _applied(view, edits) for view, edits in changed}
    for view, read in views:
        assert view.language is not None
        after = view.language.read(view.path, overlay, documents.import_map)
        worse = next(_worse(read, after), None)
        if worse is not None:
            raise Refused(f"it would leave a problem: {worse}")
    return changed


def _last(name: str) -> str:
    """What stands in a text wherever a name is used, however it is shortened."""
    return name.rpartition("/")[2].rpartition(":")[2].rpartition(".")[2]


def _views(document: Document, words: re.Pattern[str], documents: Documents) -> Iterator[tuple[Document, Read]]:
    """The workspace's templates in which one of the words stands, as they are now."""
    from bbq.validation.discovery import below

    paths = dict.fromkeys(other.path for other in documents.open.values() if documents.is_template(other))
    for root in documents.roots_of(document):
        try:
            names = below(str(root))
        except UsageError as error:
            raise Refused(f"other files may name it, and {error}") from None
        paths |= dict.fromkeys(Path(os.path.realpath(name)) for name in names if not name.endswith(".csar"))
    overlay = documents.overlay()
    for path in paths:
        view = documents.view(path)
        if view.language is (document.language or tosca()) and words.search(view.version.text.source):
            read = view.language.read(path, overlay, documents.import_map)
            view.names = read.names
            yield view, read


def _worse(before: Read, after: Read) -> Iterator[str]:
    known = {(item.code, item.line) for found in before.found.values() for item in found}
    for found in after.found.values():
        for item in found:
            if (item.code, item.line) not in known:
                yield f"{short(item.file)}:{item.line}: {item.message}"
