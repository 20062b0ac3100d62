"""Open documents: their texts, what the reader makes of them, and what was last known where a text is broken."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import yaml
from lsprotocol.types import Location, PositionEncodingKind
from yaml import MappingNode, Node, ScalarNode

from bbq.collection import paused
from bbq.diagnostics import Diagnostic, DiagnosticBag, SourceRange
from bbq.editor.format import grammar_in
from bbq.editor.lsp.index import Index
from bbq.editor.lsp.text import Text
from bbq.editor.outline import compose
from bbq.editor.reading import ImportMap, Names, Overlay, names_in, profile, read
from bbq.tosca.grammar import Grammar, grammar_of
from bbq.validation.findings import with_graph
from bbq.yamlreader import data, read_bytes, read_content

_TEMPLATE: Final = re.compile(r"^\ufeff?[ ]*[\"']?tosca_definitions_version[\"']?[ ]*:", re.MULTILINE)
DEFAULT_VERSION: Final = "tosca_2_0"


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

    @property
    def is_template(self) -> bool:
        return _TEMPLATE.search(self.text.source) is not None


@dataclass(slots=True, eq=False)
class Document:
    uri: str
    path: Path
    """Where it is, links followed."""
    language: str
    version: Version
    names: Names | None = None
    """What names mean in it, by the last version that could be read."""
    imports: frozenset[Path] = frozenset()
    """Files that it was read with, itself included."""
    grammar: Grammar | None = None
    _indexed: tuple[Version, Names | None, Index] | None = field(default=None)

    def known_grammar(self) -> Grammar:
        """The grammar of the text as it is, else the last one, else that of TOSCA 2.0."""
        found = grammar_in(self.version.outline) or self.grammar or grammar_of(DEFAULT_VERSION)
        assert found is not None
        self.grammar = found
        return found

    def known_names(self, import_map: ImportMap | None = None) -> Names:
        """What names mean: by the last readable version, else by the imports as far as the text shows them, else by the
        version's normative types."""
        grammar = self.known_grammar()
        if self.names is not None and self.names.unit.grammar is grammar:
            return self.names
        head = {"tosca_definitions_version": grammar.version}
        for key, value in self.version.outline.value if isinstance(self.version.outline, MappingNode) else ():
            if key.value in ("imports", "repositories") and not (isinstance(value, ScalarNode) and not value.value):
                head[key.value] = data(value, grammar.dialect)
        found = names_in(yaml.safe_dump(head), self.path, import_map)
        self.names = found if found is not None else profile(grammar, None)
        return self.names

    def index(self, import_map: ImportMap | None = None) -> Index:
        """The names in it; of a broken text, those that its indentation shows."""
        names = self.known_names(import_map)
        if self._indexed is None or self._indexed[0] is not self.version or self._indexed[1] is not names:
            root = self.version.root if self.version.root is not None else self.version.outline
            with paused():
                self._indexed = self.version, names, Index(root, self.known_grammar(), names)
        return self._indexed[2]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found about one version of a document: by file, each file's own list."""

    document: Document
    version: Version
    names: Names | None
    found: Mapping[Path, list[Diagnostic]]
    files: frozenset[Path]


class Documents:
    """All open documents. `import_map` as for `bbq.tosca.load`."""

    def __init__(self, import_map: ImportMap | None = None) -> None:
        self.open: dict[str, Document] = {}
        self.import_map: ImportMap = dict(import_map or {})
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
        return document

    def overlay(self) -> dict[Path, bytes]:
        """The texts of all open documents, which win over the files."""
        return {document.path: document.version.content for document in self.open.values()}

    def at(self, path: Path) -> Document | None:
        return next((document for document in self.open.values() if document.path == path), None)

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
        return document.language == "tosca" or imported or document.version.is_template


@paused()
def analyse(document: Document, version: Version, overlay: Overlay, import_map: ImportMap) -> Analysis:
    """Reads a document with its imports and checks it; may run in another thread. Nothing is fetched."""
    reading = read(document.path, overlay=overlay, import_map=import_map)
    found = with_graph(reading.service, reading.found, None) if reading.names is not None else reading.found
    by_file: dict[Path, list[Diagnostic]] = {document.path: []}
    for item in found:
        by_file.setdefault(Path(os.path.realpath(item.file)), []).append(item)
    files = (
        frozenset(Path(os.path.realpath(name)) for name in reading.service.files)
        if reading.service is not None
        else frozenset()
    )
    return Analysis(document, version, reading.names, by_file, files | {document.path})
