"""Completion: what may stand at the cursor, by the grammar, the types and the names of the template.

A mark is put where the cursor is and the text is read by its indentation, so that it need not be whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lsprotocol import types as lsp
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.collection import paused
from bbq.editor import describe
from bbq.editor.constraints import clauses, flow
from bbq.editor.lsp.documents import Document
from bbq.editor.lsp.index import Index
from bbq.editor.order import rank
from bbq.editor.outline import compose
from bbq.editor.reading import ImportMap, Names, importable
from bbq.editor.scope import TemplateScope
from bbq.editor.shapes import (
    INTERFACES,
    KEYWORDS,
    Either,
    Entity,
    Items,
    Map,
    Named,
    Ref,
    Shape,
    Text,
    Value,
    keynames_of,
    shape_of,
)
from bbq.editor.walk import Frame, Visit, functions_of
from bbq.tosca.checker import BUILT_IN
from bbq.tosca.grammar import VERSIONS, Grammar
from bbq.tosca.model import CapabilityDef, ParameterDef, RequirementDef, Schema, TypeDef

_MARK: Final = "\uf8ff"  # of a private use area: no template has it
_KIND: Final = lsp.CompletionItemKind
_MOST_FILES: Final = 200
_COMMON: Final = frozenset(("get_input", "get_property", "get_attribute", "concat"))
"""Functions that are offered before the others."""


@dataclass(frozen=True, slots=True)
class _Proposal:
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
    root = compose(source[:cursor] + _MARK + source[cursor:])
    grammar = document.known_grammar()
    names = document.known_names(import_map)
    index = Index(root, grammar, names)
    found = next((visit for visit in reversed(index.visits) if _marked(visit.node)), None)
    if found is None:
        if isinstance(root, ScalarNode) and _MARK in root.value:  # the very first word of a file
            found = Visit(root, Entity("file"), ())
        else:
            return []
    assert isinstance(found.node, ScalarNode)
    if found.node.style in ("|", ">") or "\n" in found.node.value:
        return []
    start = found.node.start_mark.index
    end = max(found.node.end_mark.index - 1, cursor)
    replaced = text.range(start + shift, end + shift)
    quote = found.node.style if found.node.style in ("'", '"') else ""
    completer = _Completer(document, grammar, names, index, found, source[:start].rpartition("\n")[2], source[end:])
    return [_item(proposal, replaced, quote, snippets) for proposal in completer.proposals()]


def _marked(node: Node) -> bool:
    return isinstance(node, ScalarNode) and _MARK in node.value


def _item(proposal: _Proposal, replaced: lsp.Range, quote: str, snippets: bool) -> lsp.CompletionItem:
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


class _Completer:
    def __init__(
        self, document: Document, grammar: Grammar, names: Names, index: Index, found: Visit, before: str, after: str
    ) -> None:
        self._document = document
        self._grammar = grammar
        self._names = names
        self._scope = TemplateScope(names)
        self._index = index
        self._found = found
        self._frames = found.frames
        self._before = before
        self._after = after.split("\n", 1)[0]
        self._typed = found.node.value.replace(_MARK, "")

    def proposals(self) -> Iterator[_Proposal]:
        shape = self._found.shape
        if self._found.key is not None:
            yield from self._keys(shape, self._found.key, self._siblings())
        else:
            allowed = self._found.allowed
            if isinstance(allowed, Either) and not self._before.strip(" -"):
                # below its key the long form is meant, as an item of a list either
                shape = allowed if self._before.strip() else allowed.other
            yield from self._values(shape)

    def _siblings(self) -> set[str]:
        """Names that the map has already."""
        for visit in self._index.visits:
            if isinstance(visit.node, MappingNode) and any(key is self._found.node for key, _ in visit.node.value):
                return {key.value for key, _ in visit.node.value} - {self._found.node.value}
        return set()

    # --- keys

    def _keys(self, shape: Shape, key: str, taken: set[str]) -> Iterator[_Proposal]:
        if key == "function" or (key == "data" and self._frames and self._is_value()):
            yield from self._functions(bare=True)
        elif key == "keyname" and isinstance(shape, Entity):
            yield from self._keynames(shape.name, taken)
        elif key == "member" and isinstance(shape, (Map, Named)):
            if isinstance(shape, Named):
                taken = set()
            yield from self._members(shape, taken)

    def _is_value(self) -> bool:
        """Whether the map that the key is in may as well be a function call."""
        return not self._siblings()

    def _keynames(self, entity: str, taken: set[str]) -> Iterator[_Proposal]:
        keynames = keynames_of(self._grammar, entity)
        for name in sorted(keynames.allowed - keynames.foreign - taken, key=rank):
            shape = shape_of(entity, name) or Value()
            required = name in keynames.required
            yield _Proposal(
                name, _KIND.Property, "required" if required else entity, "", self._entry(name, shape), 0 if required else 2
            )
        if keynames.open or entity in (*INTERFACES, "operation"):
            yield from self._members(Map(Value(), members="operations"), taken)

    def _members(self, shape: Map | Named, taken: set[str]) -> Iterator[_Proposal]:
        if shape.members == "fields":
            type_def = self._scope.type_named("data", self._frames[-1].name or "")
            members: Mapping[str, Any] = type_def.properties if type_def is not None else {}
        else:
            members = self._scope.members(self._frames, shape.members)
        for name, definition in members.items():
            if name not in taken:
                yield self._member(name, definition, shape)

    def _member(self, name: str, definition: Any, shape: Map | Named | None = None) -> _Proposal:
        insert = ""
        if isinstance(definition, ParameterDef):
            value = Value(definition.schema)
            insert = self._entry(name, value) if shape is not None else ""
            required = definition.required and not definition.has_default and not definition.has_value
            word = {"attributes": "attribute"}.get(shape.members if shape is not None else "", "property")
            return _Proposal(
                name,
                _KIND.Property,
                describe.parameter_line(definition),
                describe.parameter_markdown(definition, word),
                insert,
                0 if required else 2,
            )
        if shape is not None:
            insert = self._entry(name, shape.value)
        detail = ""
        if isinstance(definition, CapabilityDef):
            detail = definition.type
        elif isinstance(definition, RequirementDef):
            detail = definition.node or definition.capability or ""
        return _Proposal(name, _KIND.Field, detail, getattr(definition, "description", "") or "", insert)

    def _entry(self, name: str, shape: Shape) -> str:
        """A key with what follows it: a blank before a short value, a line of its own before a map or list."""
        if self._after.lstrip().startswith(":"):
            return name
        inside = self._before.count("{") + self._before.count("[") > self._before.count("}") + self._before.count("]")
        block = isinstance(shape, (Entity, Map, Named, Items)) or (
            isinstance(shape, Value) and shape.schema is not None and self._is_map(shape.schema)
        )
        if inside or not block:
            return f"{name}: "
        indent = len(self._before) if not self._before.strip(" -") else len(self._before) - len(self._before.lstrip(" -"))
        dash = "- " if isinstance(shape, (Items, Named)) else ""
        return f"{name}:\n{' ' * (indent + 2)}{dash}"

    def _is_map(self, schema: Schema) -> bool:
        found = self._scope.type_named("data", schema.type)
        return schema.type == "map" or (found is not None and found.schema is None and bool(found.properties))

    # --- values

    def _values(self, shape: Shape) -> Iterator[_Proposal]:
        if isinstance(shape, Either):
            yield from self._values(shape.scalar)
            yield from self._values(shape.other)
        elif isinstance(shape, Text):
            yield from self._text(shape)
        elif isinstance(shape, Ref):
            yield from self._references(shape)
        elif isinstance(shape, Value):
            yield from self._typed_value(shape)
        elif isinstance(shape, Entity):
            self._frames = (*self._frames, Frame(shape.name, self._found.name, self._found.node))
            yield from self._keynames(shape.name, set())
        elif isinstance(shape, (Map, Named)) and shape.members:
            if isinstance(shape, Map) or self._in_item():
                yield from self._members(shape, set())
        elif isinstance(shape, Items) and (shape.one or self._in_item()):
            yield from self._values(shape.item)

    def _in_item(self) -> bool:
        """Whether the cursor is in an item of a list already."""
        return "-" in self._before or "[" in self._before

    def _text(self, shape: Text) -> Iterator[_Proposal]:
        for choice in shape.choices:
            yield _Proposal(choice, _KIND.EnumMember)
        if shape.what == "version" and len(self._frames) == 1 and self._keyname() == "tosca_definitions_version":
            for version in VERSIONS:
                yield _Proposal(version, _KIND.EnumMember)
        elif shape.what == "path":
            if any(frame.entity == "import" for frame in self._frames) or self._keyname() == "imports":
                yield from self._profiles()
                yield from self._files((".yaml", ".yml", ".tosca"))
            else:
                yield from self._files(())

    def _keyname(self) -> str | None:
        """The key of the innermost entity that the cursor is behind."""
        frame = self._frames[-1] if self._frames else None
        for key, value in frame.node.value if frame is not None and isinstance(frame.node, MappingNode) else ():
            if value is self._found.node or (isinstance(value, SequenceNode) and self._found.node in value.value):
                return str(key.value)
        return None

    def _profiles(self) -> Iterator[_Proposal]:
        plain = self._keyname() not in ("file", "url")
        for name in importable(self._grammar) if plain else ():
            insert = f"profile: {name}" if self._keyname() == "imports" else ""
            yield _Proposal(name, _KIND.Module, "bundled profile", "", insert)

    def _files(self, suffixes: tuple[str, ...]) -> Iterator[_Proposal]:
        """Files and folders below the template's folder that begin as what is typed."""
        folder, _, start = self._typed.rpartition("/")
        base = self._document.path.parent
        if "\0" in folder or folder.startswith("/") or "://" in folder:
            return
        try:
            entries = sorted((base / folder).iterdir())[: _MOST_FILES * 5]
        except OSError:
            return
        count = 0
        for entry in entries:
            if entry == self._document.path or entry.name.startswith(".") or not entry.name.startswith(start):
                continue
            directory = entry.is_dir()
            if not directory and suffixes and entry.suffix not in suffixes:
                continue
            name = f"{folder}/{entry.name}" if folder else entry.name
            yield _Proposal(name + ("/" if directory else ""), _KIND.Folder if directory else _KIND.File)
            count += 1
            if count == _MOST_FILES:
                return

    def _references(self, shape: Ref) -> Iterator[_Proposal]:
        for space in shape.spaces:
            if space == "keyword":
                for word in KEYWORDS:
                    yield _Proposal(word, _KIND.Keyword, order=6)
            elif space == "profile":
                for name in importable(self._grammar):
                    yield _Proposal(name, _KIND.Module, "bundled profile")
            elif space == "path":
                for name, definition in self._index.path_members(self._found.node, self._frames).items():
                    yield self._member(name, definition)
            elif space.endswith((" of the first", " of the target")):
                for name, definition in self._index.of_other(space, self._frames).items():
                    yield self._member(name, definition)
            else:
                yield from self._names_in(space, others=bool(shape.types))
        for kind in shape.types:
            # where a template may be named as well, types come behind it
            yield from self._types(kind, order=6 if shape.spaces else 2)

    def _names_in(self, space: str, *, others: bool) -> Iterator[_Proposal]:
        """Names of the template; with `others` not the one that the cursor is in, which cannot require itself."""
        workflow = any(frame.entity == "workflow" for frame in self._frames)
        spaces = ["workflow input", space] if space == "input" and workflow else [space]
        suitable = self._suitable() if space == "node template" else None
        own = {frame.name for frame in self._frames if frame.entity == space} if others else set()
        for each in spaces:
            for name in sorted(self._index.defined(each)):
                bare = name.rpartition("/")[2] if each in ("step", "workflow input") else name
                if bare in own:
                    continue
                type_def = self._index.node_type(bare, self._frames) if each == "node template" else None
                order = 1 if suitable is None or type_def is None or suitable(type_def) else 4
                detail = type_def.name if type_def is not None else each
                parameter = self._names.service.inputs.get(bare) if each == "input" else None
                text = describe.parameter_markdown(parameter, "input") if parameter is not None else ""
                yield _Proposal(bare, _KIND.Variable, detail, text, "", order)

    def _suitable(self) -> Any:
        """Of a requirement: which types its definition allows as target."""
        frames = self._frames
        if frames and frames[-1].entity == "requirement assignment":
            name, around = frames[-1].name, frames[:-1]
        else:
            name, around = self._requirement_name(), frames
        definition = self._scope.members(around, "requirements").get(name or "") if around else None
        if not isinstance(definition, RequirementDef):
            return None

        def fits(type_def: TypeDef) -> bool:
            if definition.node is not None and definition.node not in type_def.ancestry:
                return False
            wanted = definition.capability
            return wanted is None or any(
                wanted == item.name
                or wanted in getattr(self._names.service.types.get(("capability", item.type)), "ancestry", ())
                for item in type_def.capabilities.values()
            )

        return fits

    def _requirement_name(self) -> str | None:
        """Of the short form `- host: web`: the name before the cursor."""
        for visit in self._index.visits:
            if visit.key == "member" and visit.value is self._found.node:
                return str(visit.node.value)
        return None

    def _types(self, kind: str, *, order: int) -> Iterator[_Proposal]:
        if kind == "data":
            for name in sorted(BUILT_IN - {"any"}):
                yield _Proposal(name, _KIND.Keyword, "built-in type", order=order)
        known = {name for name, _ in self._names.types(kind)}
        for name, type_def in self._names.types(kind):
            detail = " ".join(type_def.description.split())
            yield _Proposal(name, _KIND.Class, detail[:100], describe.type_markdown(type_def), order=order)
        for name in self._index.defined(f"{kind} type") - known:  # declared since the text could last be read
            yield _Proposal(name, _KIND.Class, f"{kind} type of this file", order=order)

    def _typed_value(self, shape: Value) -> Iterator[_Proposal]:
        schema = shape.schema
        if schema is not None:
            yield from self._constants(schema)
            found = self._scope.type_named("data", schema.type)
            below = not self._before.strip(" -")
            if found is not None and found.schema is None and below:
                for name, definition in found.properties.items():
                    yield self._member(name, definition, Map(Value(), members="fields"))
        yield from self._functions(bare=False)

    def _constants(self, schema: Schema) -> Iterator[_Proposal]:
        """The values that a type or its constraints name."""
        found = self._scope.type_named("data", schema.type)
        if schema.type == "boolean" or (found is not None and found.ancestry[-1] == "boolean"):
            yield _Proposal("true", _KIND.Value, order=0)
            yield _Proposal("false", _KIND.Value, order=0)
        inner = found.schema.constraints if found is not None and found.schema is not None else ()
        for operator, argument in clauses((*schema.constraints, *inner)):
            if operator == "valid_values" and isinstance(argument, list):
                for value in argument:
                    yield _Proposal(flow(value), _KIND.Value, order=0)

    def _functions(self, *, bare: bool) -> Iterator[_Proposal]:
        """Function calls; `bare` where the map around them is there already."""
        for name, (least, most) in functions_of(self._grammar).items():
            label = f"${name}" if self._grammar.two else name
            if most == 0:
                if not bare:
                    yield _Proposal(label, _KIND.Function, order=7)
                continue
            call = f"{label}: \0" if least < 2 else f"{label}: [ \0 ]"
            insert = call if bare else f"{{ {call} }}"
            if bare and self._after.lstrip().startswith(":"):
                insert = label
            yield _Proposal(label, _KIND.Function, _arguments(least, most), "", insert, 7 if name in _COMMON else 8)


def _arguments(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more arguments"
    return f"{least} arguments" if least == most else f"{least} to {most} arguments"
