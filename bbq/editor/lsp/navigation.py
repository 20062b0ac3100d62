"""Hover, definitions, references and symbols."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lsprotocol import types as lsp
from yaml import MappingNode, Node, ScalarNode

from bbq.diagnostics import SourceRange
from bbq.editor.lsp.documents import Document, Documents
from bbq.editor.lsp.index import Index, Place
from bbq.editor.lsp.text import Text
from bbq.editor.shapes import Entity, Map, Named
from bbq.editor.visits import Visit


def place_of(document: Document, position: lsp.Position) -> tuple[int, int]:
    """The reader's line and column, from 0 on."""
    text = document.version.text
    index = text.index(position)
    before = text.source[:index].removeprefix("\ufeff")
    breaks = list(re.finditer("\r\n|[\r\n\x85\u2028\u2029]", before))
    return len(breaks), len(before) - (breaks[-1].end() if breaks else 0)


def hover(document: Document, position: lsp.Position, documents: Documents) -> lsp.Hover | None:
    index = document.index(documents.import_map)
    line, column = place_of(document, position)
    occurrence = index.at(line, column)
    found: tuple[str, Node] | None = None
    if occurrence is not None and (text := index.told(occurrence)):
        found = text, occurrence.node
    else:
        visit = index.visit_at(line, column)
        if visit is not None and (text := index.told_of(visit)):
            found = text, visit.node
    if found is None:
        return None
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, found[0]), document.version.text.node_range(found[1]))


# --- definitions and references


def definition(document: Document, position: lsp.Position, documents: Documents) -> list[lsp.Location]:
    """Where what stands at the position is defined, in whatever file."""
    index = document.index(documents.import_map)
    occurrence = index.at(*place_of(document, position))
    return [_location(document, place, documents) for place in index.places(occurrence)] if occurrence is not None else []


def _location(document: Document, place: Place, documents: Documents) -> lsp.Location:
    if isinstance(place, Node):
        return _own(document, place)
    if isinstance(place, SourceRange):
        return documents.location(place)
    start = lsp.Position(0, 0)
    return lsp.Location(place.as_uri(), lsp.Range(start, start))


def _own(document: Document, node: Node) -> lsp.Location:
    return lsp.Location(document.uri, document.version.text.node_range(node))


def references(document: Document, position: lsp.Position, documents: Documents, *, declaration: bool) -> list[lsp.Location]:
    """Every place in the document that names the same thing; of what other files may name, in all open documents."""
    index = document.index(documents.import_map)
    occurrence = index.at(*place_of(document, position))
    if occurrence is None:
        return []
    own = [other for other in index.same(occurrence) if declaration or not other.definition]
    found = [_own(document, other.node) for other in own]
    home = index.home(occurrence)
    for other in documents.open.values() if home is not None else ():
        if other is not document and documents.is_template(other):
            theirs = other.index(documents.import_map)
            for use in theirs.occurrences:
                if (declaration or not use.definition) and theirs.home(use) == home:
                    found.append(_own(other, use.node))
    return found


# --- symbols

_SYMBOLS: Final = {
    "input": lsp.SymbolKind.Variable,
    "parameter": lsp.SymbolKind.Variable,
    "output": lsp.SymbolKind.Variable,
    "node template": lsp.SymbolKind.Object,
    "resource": lsp.SymbolKind.Object,
    "condition": lsp.SymbolKind.Boolean,
    "mapping": lsp.SymbolKind.Struct,
    "relationship template": lsp.SymbolKind.Object,
    "property": lsp.SymbolKind.Property,
    "attribute": lsp.SymbolKind.Property,
    "capability": lsp.SymbolKind.Interface,
    "requirement": lsp.SymbolKind.Interface,
    "operation": lsp.SymbolKind.Method,
    "workflow": lsp.SymbolKind.Function,
    "function": lsp.SymbolKind.Function,
    "step": lsp.SymbolKind.Event,
    "policy": lsp.SymbolKind.Event,
    "group": lsp.SymbolKind.Package,
    "repository": lsp.SymbolKind.Package,
}


def symbols(document: Document, documents: Documents) -> list[lsp.DocumentSymbol]:
    """What the document defines, as a tree: blocks, in them names, in these their own definitions."""
    index = document.index(documents.import_map)
    return list(_Symbols(index, document.version.text).below(index.root))


class _Symbols:
    def __init__(self, index: Index, text: Text) -> None:
        self._text = text
        self._keys: dict[int, Visit] = {}
        for visit in index.visits:
            if visit.key is not None:
                self._keys.setdefault(id(visit.node), visit)

    def below(self, node: Node, depth: int = 0) -> Iterator[lsp.DocumentSymbol]:
        if not isinstance(node, MappingNode) or depth > 20:
            if isinstance(node, Node) and isinstance(node.value, list) and depth <= 20:
                for item in node.value:
                    if isinstance(item, MappingNode):
                        yield from self.below(item, depth + 1)
            return
        for key, value in node.value:
            visit = self._keys.get(id(key))
            if visit is None or not key.value.strip():
                continue
            if visit.key == "definition" and isinstance(visit.shape, (Map, Named)):
                kind = _SYMBOLS.get(visit.shape.defines, lsp.SymbolKind.Class)
                yield self._symbol(key, value, kind, _type_of(value), depth)
            elif visit.key == "keyname" and isinstance(visit.shape, Entity) and isinstance(value.value, list):
                children = list(self.below(value, depth + 1))
                if children:
                    symbol = self._symbol(key, value, lsp.SymbolKind.Namespace, "", depth, children)
                    yield symbol

    def _symbol(
        self,
        key: ScalarNode,
        value: Node,
        kind: lsp.SymbolKind,
        detail: str,
        depth: int,
        children: list[lsp.DocumentSymbol] | None = None,
    ) -> lsp.DocumentSymbol:
        start, key_end = self._text.span(key)
        end = max(self._text.span(value)[1], key_end)
        while end > key_end and self._text.source[end - 1].isspace():
            end -= 1
        inner = list(self.below(value, depth + 1)) if children is None else children
        return lsp.DocumentSymbol(
            name=key.value,
            kind=kind,
            range=self._text.range(start, end),
            selection_range=self._text.range(start, key_end),
            detail=detail or None,
            children=inner or None,
        )


def _type_of(value: Node) -> str:
    if isinstance(value, MappingNode):
        for key, item in value.value:
            if key.value in ("type", "Type", "derived_from") and isinstance(item, ScalarNode):
                return str(item.value)
    return ""
