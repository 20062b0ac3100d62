"""Open documents: their texts, what the reader makes of them, and what was last known where a text is broken."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lsprotocol.types import Location, PositionEncodingKind
from yaml import Node

from bbq.collection import paused
from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.editor.lsp.index import Index
from bbq.editor.lsp.language import Language, Read, heat, language_in, tosca
from bbq.editor.lsp.text import Text
from bbq.editor.outline import compose
from bbq.editor.reading import ImportMap, Overlay
from bbq.yamlreader import read_bytes, read_content


class Version:
    """One version of a document's text, with what is computed from it when somebody asks."""

    def __init__(self, number: int | None, text: Text) -> None:
        self.number = number
        self.text = text

    @cached_property
    def root(self) -> Node | None:
        """The reader's nodes; None while the text is not YAML that it accepts."""
        document = read_bytes(self.content, "", DiagnosticBag(), judge=True)
        return document.root if document is not None else None

    @cached_property
    def outline(self) -> Node:
        """Nodes by indentation, whatever the text looks like. A byte order mark shifts its first line's columns."""
        return compose(self.text.source.removeprefix("\ufeff"))

    @cached_property
    def content(self) -> bytes:
        return self.text.source.encode("utf-8", "surrogatepass")

    @cached_property
    def language(self) -> Language | None:
        """None where no version's key stands in it."""
        return language_in(self.content)

    @property
    def is_new(self) -> bool:
        """Whether nothing but a word stands in it yet: the key of a version may be typed."""
        return len(self.text.source.split()) < 2 and ":" not in self.text.source


@dataclass(slots=True, eq=False)
class Document:
    uri: str
    path: Path
    """Where it is, links followed."""
    language_id: str
    """The client's word for it."""
    version: Version
    language: Language | None = None
    """Of the text; without a key of a version, of what it was before."""
    names: Any = None
    """What names mean in it, by the last version that could be read; the language knows what that is."""
    imports: frozenset[Path] = frozenset()
    """Files that it was read with, itself included."""
    _indexed: tuple[Version, Any, Index] | None = field(default=None)

    def languages(self) -> tuple[Language, ...]:
        """What it may be written in: of a new file, any."""
        if self.version.is_new:
            return tosca(), heat()
        return (self.language or tosca(),)

    def index(self, import_map: ImportMap | None = None) -> Index:
        """The names in it; of a broken text, those that its indentation shows."""
        if self._indexed is None or self._indexed[0] is not self.version or self._indexed[1] is not self.names:
            root = self.version.root if self.version.root is not None else self.version.outline
            with paused():
                index = (self.language or tosca()).index(self, root, import_map or {})
            self._indexed = self.version, self.names, index
        return self._indexed[2]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found about one version of a document."""

    document: Document
    version: Version
    read: Read


class Documents:
    """All open documents. `import_map` as for `bbq.tosca.load`."""

    def __init__(self, import_map: ImportMap | None = None) -> None:
        self.open: dict[str, Document] = {}
        self.import_map: ImportMap = dict(import_map or {})
        self.roots: tuple[Path, ...] = ()
        """The client's folders, links followed."""
        self.encoding: str = PositionEncodingKind.Utf16
        """What the client's columns count."""

    def put(self, uri: str, path: str, language: str, number: int | None, text: Text) -> Document:
        """A new version of a document, or its first one."""
        document = self.open.get(uri)
        if document is None:
            real = Path(os.path.realpath(path))
            document = self.open[uri] = Document(uri, real, language, Version(number, text))
        else:
            document.version = Version(number, text)
        document.language = document.version.language or document.language
        return document

    def overlay(self) -> dict[Path, bytes]:
        """The texts of all open documents, which win over the files."""
        return {document.path: document.version.content for document in self.open.values()}

    def at(self, path: Path) -> Document | None:
        return next((document for document in self.open.values() if document.path == path), None)

    def roots_of(self, document: Document) -> tuple[Path, ...]:
        """The folders whose templates belong together: without folders of the client's, the document's own."""
        return self.roots or (document.path.parent,)

    def view(self, path: Path) -> Document:
        """A file as it is now, for one look at it: the open one's text, else the disk's."""
        uri, text = self.text_of(path)
        known = self.at(path)
        view = Document(uri, path, known.language_id if known is not None else "", Version(None, text))
        view.language = view.version.language or (known.language if known is not None else None)
        return view

    def text_of(self, path: Path) -> tuple[str, Text]:
        """URI and text of a file: the open one's, else the disk's ("" where it cannot be read)."""
        document = self.at(path)
        if document is not None:
            return document.uri, document.version.text
        content = read_content(path, DiagnosticBag()) or b""
        return path.as_uri(), Text(content.decode("utf-8", "replace"), self.encoding)

    def location(self, at: SourceRange) -> Location:
        """A place of the reader's, with columns as the client counts them."""
        uri, text = self.text_of(Path(os.path.realpath(at.file)))
        start = text.place(at.line, at.column)
        end = text.place(at.end_line, at.end_column) if at.end_line else start
        return Location(uri, text.range(start, max(start, end)))

    def affected(self, document: Document) -> list[Document]:
        """The document and the open ones that import it."""
        others = [other for other in self.open.values() if other is not document and document.path in other.imports]
        return [document, *others]

    def is_template(self, document: Document) -> bool:
        """Whether it is one of ours: other YAML files are nobody's business here."""
        imported = any(document.path in other.imports for other in self.open.values() if other is not document)
        return document.language_id == "tosca" or imported or document.version.language is not None


def analyse(document: Document, version: Version, overlay: Overlay, import_map: ImportMap) -> Analysis:
    """Reads a document with its imports and checks it; may run in another thread. Nothing is fetched."""
    return Analysis(document, version, (document.language or tosca()).read(document.path, overlay, import_map))
