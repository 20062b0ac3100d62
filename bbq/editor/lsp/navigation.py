"""Hover, definitions, references, rename and symbols."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lsprotocol import types as lsp
from yaml import MappingNode, Node, ScalarNode

from bbq.diagnostics import SourceRange
from bbq.editor import describe
from bbq.editor.lsp.documents import Document, Documents
from bbq.editor.lsp.index import RENAMED, Index, Occurrence
from bbq.editor.lsp.text import Text
from bbq.editor.shapes import KEYWORDS, Entity, Map, Named
from bbq.editor.walk import Frame, Visit, functions_of
from bbq.tosca.model import CapabilityDef, ParameterDef, RequirementDef, TypeDef

_NAME: Final = re.compile(r"[^\W\d][\w.-]*\Z")
_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


class Refused(Exception):
    """A rename that cannot be done; the message says why."""


def _place(document: Document, position: lsp.Position) -> tuple[int, int]:
    """The reader's line and column, from 0 on."""
    text = document.version.text
    index = text.index(position)
    before = text.source[:index].removeprefix("\ufeff")
    breaks = list(re.finditer("\r\n|[\r\n\x85\u2028\u2029]", before))
    return len(breaks), len(before) - (breaks[-1].end() if breaks else 0)


# --- hover


def hover(document: Document, position: lsp.Position, documents: Documents) -> lsp.Hover | None:
    index = document.index(documents.import_map)
    line, column = _place(document, position)
    occurrence = index.at(line, column)
    found: tuple[str, Node] | None = None
    if occurrence is not None and (text := _told(occurrence, index, document)):
        found = text, occurrence.node
    else:
        visit = index.visit_at(line, column)
        if visit is not None and (text := _told_of_visit(visit, document)):
            found = text, visit.node
    if found is None:
        return None
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, found[0]), document.version.text.node_range(found[1]))


def _told(occurrence: Occurrence, index: Index, document: Document) -> str:
    target = occurrence.target
    if isinstance(target, TypeDef):
        return describe.type_markdown(target)
    if isinstance(target, ParameterDef):
        word = {"attributes": "attribute", "inputs": "input"}.get(occurrence.space, "property")
        return describe.parameter_markdown(target, word)
    if isinstance(target, CapabilityDef):
        return _paragraphs(f"**{target.name}** (capability): {target.type}", target.description, target.at)
    if isinstance(target, RequirementDef):
        wanted = " with ".join(name for name in (target.node, target.capability) if name)
        text = f"**{target.name}** (requirement): {describe.counted(target.occurrences)} of {wanted or 'any node'}"
        return _paragraphs(text, target.description, target.at)
    name = occurrence.name
    if isinstance(target, Frame) or occurrence.space == "node template":
        node = target.name if isinstance(target, Frame) else name
        type_def = index.node_type(node or "", occurrence.frames)
        if type_def is not None:
            return f"**{node}** (node template of type `{type_def.name}`)\n\n---\n\n{describe.type_markdown(type_def)}"
        return f"**{node}** (node template)"
    if occurrence.space == "input":
        names = document.names
        definition = names.service.inputs.get(name) if names is not None else None
        return describe.parameter_markdown(definition, "input") if definition is not None else f"**{name}** (input)"
    if occurrence.space in RENAMED:
        return f"**{name.rpartition('/')[2]}** ({occurrence.space})"
    return ""


def _told_of_visit(visit: Visit, document: Document) -> str:
    if visit.key == "function":
        name = visit.node.value.removeprefix("$")
        arguments = functions_of(document.known_grammar()).get(name)
        if arguments is None:
            return f"**{visit.node.value}** (function of this template)"
        least, most = arguments
        count = f"{least} or more" if most is None else str(least) if least == most else f"{least} to {most}"
        return f"**{visit.node.value}** (function): {count} argument{'s' if count != '1' else ''}"
    return ""


def _paragraphs(text: str, description: str, at: SourceRange) -> str:
    return "\n\n".join(part for part in (text, description.strip(), f"Defined in {describe.place(at)}") if part)


# --- definitions and references


def definition(document: Document, position: lsp.Position, documents: Documents) -> list[lsp.Location]:
    """Where what stands at the position is defined, in whatever file."""
    index = document.index(documents.import_map)
    occurrence = index.at(*_place(document, position))
    if occurrence is None:
        return []
    if occurrence.space == "path":
        return _file(occurrence.name, document)
    target = occurrence.target
    if isinstance(target, Frame):
        return (
            [_own(document, target.node)]
            if target.name is None
            else _definitions(index, "node template", target.name, document)
        )
    at = getattr(target, "at", None)
    if isinstance(at, SourceRange):
        return [documents.location(at)]
    return [_own(document, other.node) for other in index.same(occurrence) if other.definition]


def _definitions(index: Index, space: str, name: str, document: Document) -> list[lsp.Location]:
    return [
        _own(document, other.node)
        for other in index.occurrences
        if other.definition and (other.space, other.name) == (space, name)
    ]


def _own(document: Document, node: Node) -> lsp.Location:
    return lsp.Location(document.uri, document.version.text.node_range(node))


def _file(name: str, document: Document) -> list[lsp.Location]:
    found = document.names.imported(name) if document.names is not None else None
    if found is None and "\0" not in name and "://" not in name:
        beside = Path(os.path.realpath(document.path.parent / name))
        found = beside if beside.is_file() else None
    start = lsp.Position(0, 0)
    return [lsp.Location(found.as_uri(), lsp.Range(start, start))] if found is not None else []


def references(document: Document, position: lsp.Position, documents: Documents, *, declaration: bool) -> list[lsp.Location]:
    """Every place in the document that names the same thing; of a type, in all open documents."""
    index = document.index(documents.import_map)
    occurrence = index.at(*_place(document, position))
    if occurrence is None:
        return []
    own = [other for other in index.same(occurrence) if declaration or not other.definition]
    found = [_own(document, other.node) for other in own]
    if isinstance(occurrence.target, TypeDef):
        for other in documents.open.values():
            if other is not document and documents.is_template(other):
                for use in other.index(documents.import_map).occurrences:
                    same = isinstance(use.target, TypeDef) and use.target.at == occurrence.target.at
                    if same and use.space == occurrence.space and (declaration or not use.definition):
                        found.append(_own(other, use.node))
    return found


# --- rename


def renamed_at(document: Document, position: lsp.Position, documents: Documents) -> tuple[Occurrence, lsp.Range] | None:
    """What a rename at the position would rename; None where there is nothing that can be renamed. Raises `Refused`."""
    if document.version.root is None:
        raise Refused("the text is not whole: correct the YAML first")
    occurrence = document.index(documents.import_map).at(*_place(document, position))
    if occurrence is None:
        return None
    if occurrence.space not in RENAMED:
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
    if new in KEYWORDS:
        raise Refused(f"{new} means something else in functions")
    scope, slash, old = occurrence.name.rpartition("/")
    if new == old:
        return lsp.WorkspaceEdit(changes={})
    if index.taken(occurrence.space, f"{scope}{slash}{new}"):
        raise Refused(f"there is a {occurrence.space} {new!r} already")
    if occurrence.space == "node template" and _is_type(document, new):
        raise Refused(f"{new!r} is a node type: a requirement could not tell them apart")
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


def _is_type(document: Document, name: str) -> bool:
    return document.names is not None and document.names.type_named("node", name) is not None


# --- symbols

_SYMBOLS: Final = {
    "input": lsp.SymbolKind.Variable,
    "output": lsp.SymbolKind.Variable,
    "node template": lsp.SymbolKind.Object,
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
            if key.value in ("type", "derived_from") and isinstance(item, ScalarNode):
                return str(item.value)
    return ""


__all__ = ["Refused", "definition", "hover", "references", "rename", "renamed_at", "symbols"]
