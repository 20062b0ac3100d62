"""TOSCA as the server's language."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import yaml
from yaml import MappingNode, Node, ScalarNode

from bbq.collection import paused
from bbq.diagnostics import Diagnostic
from bbq.editor.format import grammar_in
from bbq.editor.lsp.completion import Completer, Cursor
from bbq.editor.lsp.documents import Document
from bbq.editor.lsp.language import Read
from bbq.editor.lsp.tosca.completion import ToscaCompleter
from bbq.editor.lsp.tosca.index import ToscaIndex
from bbq.editor.reading import ImportMap, Names, Overlay, names_in, profile, read
from bbq.editor.shapes import Entity
from bbq.tosca.grammar import Grammar, grammar_of
from bbq.validation.findings import with_graph
from bbq.yamlreader import data

DEFAULT_VERSION: Final = "tosca_2_0"


class Tosca:
    file = Entity("file")

    @paused()
    def read(self, path: Path, overlay: Overlay, import_map: ImportMap) -> Read:
        reading = read(path, overlay=overlay, import_map=import_map)
        found = with_graph(reading.service, reading.found, None) if reading.names is not None else reading.found
        by_file: dict[Path, list[Diagnostic]] = {path: []}
        for item in found:
            by_file.setdefault(Path(os.path.realpath(item.file)), []).append(item)
        service = reading.service
        files = frozenset(Path(os.path.realpath(name)) for name in service.files) if service is not None else frozenset()
        return Read(reading.names, by_file, files | {path})

    def index(self, document: Document, root: Node, import_map: ImportMap) -> ToscaIndex:
        grammar = _grammar(document)
        return ToscaIndex(root, grammar, _names(document, grammar, import_map))

    def completer(self, cursor: Cursor) -> Completer:
        assert isinstance(cursor.index, ToscaIndex)
        return ToscaCompleter(cursor, cursor.index)


def _grammar(document: Document) -> Grammar:
    """The grammar of the text as it is, else the last one, else that of TOSCA 2.0."""
    known = document.names.unit.grammar if isinstance(document.names, Names) else None
    found = grammar_in(document.version.outline) or known or grammar_of(DEFAULT_VERSION)
    assert found is not None
    return found


def _names(document: Document, grammar: Grammar, import_map: ImportMap) -> Names:
    """What names mean: by the last readable version, else by the imports as far as the text shows them, else by the version's
    normative types."""
    if isinstance(document.names, Names) and document.names.unit.grammar is grammar:
        return document.names
    head = {"tosca_definitions_version": grammar.version}
    outline = document.version.outline
    for key, value in outline.value if isinstance(outline, MappingNode) else ():
        if key.value in ("imports", "repositories") and not (isinstance(value, ScalarNode) and not value.value):
            head[key.value] = data(value, grammar.dialect)
    names = names_in(yaml.safe_dump(head), document.path, import_map) or profile(grammar, None)
    document.names = names
    return names
