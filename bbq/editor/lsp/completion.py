"""Completion: what may stand at the cursor, by the grammar, the types and the names of the template.

A mark is put where the cursor is and the text is read by its indentation, so that it need not be whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lsprotocol import types as lsp
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.collection import paused
from bbq.editor.lsp.documents import Document
from bbq.editor.lsp.index import Index
from bbq.editor.outline import compose
from bbq.editor.reading import ImportMap
from bbq.editor.shapes import Either, Entity, Items, Map, Named, Ref, Shape, Text, Value
from bbq.editor.visits import Frame, Visit

MARK: Final = "\uf8ff"  # of a private use area: no template has it
KIND: Final = lsp.CompletionItemKind
_MOST_FILES: Final = 200


@dataclass(frozen=True, slots=True)
class Proposal:
    label: str
    kind: lsp.CompletionItemKind
    detail: str = ""
    documentation: str = ""
    insert: str = ""
    """What is inserted, if it is not the label. `\0` is where the cursor is wanted afterwards, where the client can do that."""
    order: int = 5


@paused()
def complete(
    document: Document, position: lsp.Position, import_map: ImportMap, *, snippets: bool = False
) -> list[lsp.CompletionItem]:
    """What may stand at the position; [] where nothing is known, in comments and in texts over several lines."""
    text = document.version.text
    source, cursor = text.source.removeprefix("\ufeff"), text.index(position)
    shift = len(text.source) - len(source)
    cursor -= shift
    root = compose(source[:cursor] + MARK + source[cursor:])
    items = []
    for language in document.languages():
        index = language.index(document, root, import_map)
        found = next((visit for visit in reversed(index.visits) if _marked(visit.node)), None)
        if found is None and isinstance(root, ScalarNode) and MARK in root.value:  # the very first word of a file
            found = Visit(root, language.file, ())
        if found is None:
            continue
        assert isinstance(found.node, ScalarNode)
        if found.node.style in ("|", ">") or "\n" in found.node.value:
            continue
        start = found.node.start_mark.index
        end = max(found.node.end_mark.index - 1, cursor)
        replaced = text.range(start + shift, end + shift)
        quote = found.node.style if found.node.style in ("'", '"') else ""
        line = source[:start].rpartition("\n")[2]
        completer = language.completer(Cursor(document, index, found, line, source[end:].split("\n", 1)[0]))
        items += [_item(proposal, replaced, quote, snippets) for proposal in completer.proposals()]
    return items


def _marked(node: Node) -> bool:
    return isinstance(node, ScalarNode) and MARK in node.value


def _item(proposal: Proposal, replaced: lsp.Range, quote: str, snippets: bool) -> lsp.CompletionItem:
    insert = proposal.insert or proposal.label
    if quote:
        insert = f"{quote}{proposal.label}{quote}"
    snippet = snippets and "\0" in insert
    if snippet:
        insert = insert.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}").replace("\0", "$0")
    return lsp.CompletionItem(
        label=proposal.label,
        kind=proposal.kind,
        detail=proposal.detail or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, proposal.documentation) if proposal.documentation else None,
        sort_text=f"{proposal.order}{proposal.label}",
        filter_text=quote + proposal.label,
        insert_text_format=lsp.InsertTextFormat.Snippet if snippet else None,
        text_edit=lsp.TextEdit(replaced, insert if snippet else insert.replace("\0", "")),
    )


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where something is typed. `index` is of the text with the mark in it, `found` what the mark stands at; `before` and
    `after` are the rest of its line."""

    document: Document
    index: Index
    found: Visit
    before: str
    after: str


class Completer(ABC):
    """What may stand at one cursor. What keynames, members and names there are is the language's."""

    def __init__(self, cursor: Cursor) -> None:
        self.document = cursor.document
        self.found = cursor.found
        self.frames = cursor.found.frames
        self.before = cursor.before
        self.after = cursor.after
        self.typed = cursor.found.node.value.replace(MARK, "")
        self._index = cursor.index

    # --- the language's

    @abstractmethod
    def keynames(self, entity: str, taken: set[str]) -> Iterator[Proposal]:
        """Keynames of an entity, without those that the map has already."""

    @abstractmethod
    def members(self, shape: Map | Named, taken: set[str]) -> Iterator[Proposal]:
        """What the type around the place has, without what is given already."""

    @abstractmethod
    def references(self, shape: Ref) -> Iterator[Proposal]:
        """Names that the place may refer to."""

    @abstractmethod
    def constants(self, schema: Any) -> Iterator[Proposal]:
        """Values that a type or its constraints name, and, below its key, the members of a map."""

    @abstractmethod
    def functions(self, *, bare: bool) -> Iterator[Proposal]:
        """Function calls; `bare` where the map around them is there already."""

    @abstractmethod
    def is_block(self, schema: Any) -> bool:
        """Whether a value of the type begins on a line of its own."""

    def text(self, shape: Text) -> Iterator[Proposal]:
        for choice in shape.choices:
            yield Proposal(choice, KIND.EnumMember)
        if shape.what == "path":
            yield from self.files(())

    # --- the same for all

    def proposals(self) -> Iterator[Proposal]:
        shape = self.found.shape
        if self.found.key is not None:
            yield from self._keys(shape, self.found.key, self.siblings())
        else:
            allowed = self.found.allowed
            if isinstance(allowed, Either) and not self.before.strip(" -"):
                # below its key the long form is meant, as an item of a list either
                shape = allowed if self.before.strip() else allowed.other
            yield from self._values(shape)

    def siblings(self) -> set[str]:
        """Names that the map has already."""
        for visit in self._index.visits:
            if isinstance(visit.node, MappingNode) and any(key is self.found.node for key, _ in visit.node.value):
                return {key.value for key, _ in visit.node.value} - {self.found.node.value}
        return set()

    def _keys(self, shape: Shape, key: str, taken: set[str]) -> Iterator[Proposal]:
        if key == "function" or (key == "data" and self.frames and not taken):  # the map may as well be a call
            yield from self.functions(bare=True)
        elif key == "keyname" and isinstance(shape, Entity):
            yield from self.keynames(shape.name, taken)
        elif key == "member" and isinstance(shape, (Map, Named)):
            yield from self.members(shape, set() if isinstance(shape, Named) else taken)

    def entry(self, name: str, shape: Shape) -> str:
        """A key with what follows it: a blank before a short value, a line of its own before a map or list."""
        if self.after.lstrip().startswith(":"):
            return name
        inside = self.before.count("{") + self.before.count("[") > self.before.count("}") + self.before.count("]")
        block = isinstance(shape, (Entity, Map, Named, Items)) or (
            isinstance(shape, Value) and shape.schema is not None and self.is_block(shape.schema)
        )
        if inside or not block:
            return f"{name}: "
        indent = len(self.before) if not self.before.strip(" -") else len(self.before) - len(self.before.lstrip(" -"))
        dash = "- " if isinstance(shape, (Items, Named)) else ""
        return f"{name}:\n{' ' * (indent + 2)}{dash}"

    def _values(self, shape: Shape) -> Iterator[Proposal]:
        if isinstance(shape, Either):
            yield from self._values(shape.scalar)
            yield from self._values(shape.other)
        elif isinstance(shape, Text):
            yield from self.text(shape)
        elif isinstance(shape, Ref):
            yield from self.references(shape)
        elif isinstance(shape, Value):
            if shape.schema is not None:
                yield from self.constants(shape.schema)
            yield from self.functions(bare=False)
        elif isinstance(shape, Entity):
            self.frames = (*self.frames, Frame(shape.name, self.found.name, self.found.node))
            yield from self.keynames(shape.name, set())
        elif isinstance(shape, (Map, Named)) and shape.members:
            if isinstance(shape, Map) or self._in_item():
                yield from self.members(shape, set())
        elif isinstance(shape, Items) and (shape.one or self._in_item()):
            yield from self._values(shape.item)

    def _in_item(self) -> bool:
        """Whether the cursor is in an item of a list already."""
        return "-" in self.before or "[" in self.before

    def below_key(self) -> bool:
        """Whether nothing stands before the cursor on its line: what is typed may become a key."""
        return not self.before.strip(" -")

    def keyname(self) -> str | None:
        """The key of the innermost entity that the cursor is behind."""
        frame = self.frames[-1] if self.frames else None
        for key, value in frame.node.value if frame is not None and isinstance(frame.node, MappingNode) else ():
            if value is self.found.node or (isinstance(value, SequenceNode) and self.found.node in value.value):
                return str(key.value)
        return None

    def files(self, suffixes: tuple[str, ...]) -> Iterator[Proposal]:
        """Files and folders below the template's folder that begin as what is typed."""
        folder, _, start = self.typed.rpartition("/")
        base = self.document.path.parent
        if "\0" in folder or folder.startswith("/") or "://" in folder:
            return
        try:
            entries = sorted((base / folder).iterdir())[: _MOST_FILES * 5]
        except OSError:
            return
        count = 0
        for entry in entries:
            if entry == self.document.path or entry.name.startswith(".") or not entry.name.startswith(start):
                continue
            directory = entry.is_dir()
            if not directory and suffixes and entry.suffix not in suffixes:
                continue
            name = f"{folder}/{entry.name}" if folder else entry.name
            yield Proposal(name + ("/" if directory else ""), KIND.Folder if directory else KIND.File)
            count += 1
            if count == _MOST_FILES:
                return


def arguments(least: int, most: int | None) -> str:
    """How many arguments a function takes."""
    if most is None:
        return f"{least} or more arguments"
    return f"{least} arguments" if least == most else f"{least} to {most} arguments"
