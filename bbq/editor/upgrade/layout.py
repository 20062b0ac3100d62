"""Last steps: operations below `operations`, what the whole file says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bbq.editor.reading import Names
from bbq.editor.shapes import INTERFACES, Entity
from bbq.editor.syntax import Comment, Entry, Piece
from bbq.editor.upgrade.edits import Source
from bbq.editor.upgrade.step import Step, Warned
from bbq.editor.upgrade.types import Renaming
from bbq.editor.visits import Visit

_INTERFACE: Final = frozenset(("type", "description", "metadata", "inputs", "operations", "notifications"))
_INTERFACE_TYPE: Final = _INTERFACE | {"derived_from", "version"}
_TITLE: Final = ("template_name", "template_author", "template_version")


class Operations(Step):
    """1.0 to 1.2 write operations directly into an interface."""

    def collect(self) -> None:
        seen: set[int] = set()
        for visit in self.visits:
            if visit.key == "keyname" and visit.frames and visit.frames[-1].entity in (*INTERFACES, "interface type"):
                frame = visit.frames[-1]
                owner = self.piece(frame.node)
                if owner is not None and id(owner) not in seen:
                    seen.add(id(owner))
                    self._interface(owner, _INTERFACE if frame.entity in INTERFACES else _INTERFACE_TYPE)

    def _interface(self, owner: Piece, keynames: frozenset[str]) -> None:
        operations = [entry for entry in owner.entries if _name(entry) not in keynames and _name(entry) != "<<"]
        if not operations:
            return
        existing = next((entry for entry in owner.entries if _name(entry) == "operations"), None)
        if existing is not None:
            self.warn(operations[0], "operations stand both in the interface and below `operations`: move them there")
            return
        if owner.flow:
            first, last = operations[0], operations[-1]
            if owner.entries.index(last) - owner.entries.index(first) + 1 != len(operations):
                self.warn(first, "operations and keynames are mixed: put the operations below `operations`")
                return
            self.edits.insert(first.start, "operations: { ")
            self.edits.insert(max(last.value.end, last.key.end if last.key is not None else 0), " }")
            return
        self._nest(owner, operations)

    def _nest(self, owner: Piece, operations: list[Entry]) -> None:
        """Operations, with their comments, two columns deeper; those that stand before a keyname go behind the last of them."""
        blocks = [self._lines(entry, owner) for entry in operations]
        margin = " " * owner.column
        moved: list[str] = []
        place: int | None = None
        for entry, (start, end) in zip(operations, blocks, strict=True):
            rest = owner.entries[owner.entries.index(entry) + 1 :]
            alone = not any(_name(other) in _INTERFACE_TYPE for other in rest)
            text = _deeper(self.text[start:end])
            if alone and place is None:
                head = "" if self.text[:start].endswith("\n") or start == 0 else margin
                lead = f"{head and ''}{margin if head == '' else ''}operations:\n"
                self.edits.replace(
                    start, end, lead + "\n".join([*moved, text if head == "" else margin + "  " + text.lstrip()])
                )
                moved, place = [], start
            elif alone:
                self.edits.replace(start, end, text)
            else:
                moved.append(text if text.startswith(" ") else margin + "  " + text)
                self.edits.replace(start, min(end + 1, len(self.text)), "")

    def _lines(self, entry: Entry, owner: Piece) -> tuple[int, int]:
        """From the first comment above an entry to the end of its last line; from behind the dash where one is on its line."""
        first = min([entry.start, *(comment.index for comment in entry.leading)])
        start = self.text.rfind("\n", 0, first) + 1
        if self.text[start:first].strip():
            start = first
        end = _end(entry)
        stop = self.text.find("\n", end)
        return start, len(self.text) if stop < 0 else stop


class Files(Step):
    """The version, imports, titles."""

    def __init__(self, source: Source, names: Names, warned: list[Warned], renaming: Renaming) -> None:
        super().__init__(source, names, warned)
        self._renaming = renaming

    def collect(self) -> None:
        root = self.tree.root
        entries = {_name(entry): entry for entry in root.entries}
        version = entries["tosca_definitions_version"].value
        self.rename(version, "tosca_2_0")
        self._named_imports()
        titles = [entries[name] for name in _TITLE if name in entries]
        if titles:
            self._titles(titles, entries.get("metadata"))
        self._imports(entries)
        # `topology_template` has its new name already
        service = entries.get("service_template")
        if service is not None and not any(_name(entry) == "node_templates" for entry in service.value.entries):
            if service.value.kind == "map":
                self.add(service.value, "node_templates: {}")
            elif service.value.empty:
                self.edits.insert(service.value.end, " { node_templates: {} }")

    def _titles(self, titles: list[Entry], metadata: Entry | None) -> None:
        lines = []
        for entry in titles:
            lines.append(self.text[entry.start : entry.value.end])
            start, stop = self._whole_lines(entry)
            if entry is titles[0] and metadata is None:
                continue
            self.edits.replace(start, stop, "")
        if metadata is None:
            start, stop = self._whole_lines(titles[0])
            ended = "\n" if self.text[start:stop].endswith("\n") else ""
            self.edits.replace(start, stop, "metadata:\n" + "\n".join(f"  {line}" for line in lines) + ended)
        elif metadata.value.kind == "map":
            for line in lines:
                self.add(metadata.value, line)

    def _whole_lines(self, entry: Entry) -> tuple[int, int]:
        start = self.text.rfind("\n", 0, entry.start) + 1
        stop = self.text.find("\n", entry.value.end)
        return start, len(self.text) if stop < 0 else stop + 1

    def _imports(self, entries: dict[str, Entry]) -> None:
        """The normative types, which come by themselves in 1.x only."""
        wanted = self._renaming.imported
        found = entries.get("imports")
        if found is not None and found.value.kind == "list" and found.value.entries:
            first = found.value.entries[0]
            if found.value.flow:
                self.edits.insert(first.value.start, f"{{ {wanted} }}, " if not wanted.startswith("{") else f"{wanted}, ")
            else:
                above = min([first.start, *(comment.index for comment in first.leading)])
                self.edits.insert(above, f"- {wanted}\n{' ' * first.column}")
            return
        text = f"imports:\n  - {wanted}\n"
        if found is not None:
            start, stop = self._whole_lines(found)
            self.edits.replace(start, stop, text)
            return
        order = ("tosca_definitions_version", "metadata", *_TITLE, "description", "dsl_definitions", "repositories")
        last = max((entry for name, entry in entries.items() if name in order), key=lambda entry: entry.start)
        stop = self.text.find("\n", _end(last))
        if stop < 0:
            self.edits.insert(len(self.text), "\n" + text)
        else:
            following = self.text[stop + 1 : self.text.find("\n", stop + 1)]
            self.edits.insert(stop + 1, f"\n{text}" + ("\n" if following.strip() else ""))

    def _named_imports(self) -> None:
        """1.0 names its imports: `- some_name: file`."""
        keynames = self.names.unit.grammar.keynames("import").allowed
        for visit in self.visits:
            if not self._is_import(visit):
                continue
            owner = self.piece(visit.node)
            if owner is None or len(owner.entries) != 1 or _name(owner.entries[0]) in keynames | {"url", "namespace"}:
                continue
            entry = owner.entries[0]
            assert entry.key is not None
            if entry.value.kind == "scalar":
                self.rename(entry.key, "url")
            else:
                stop = _end(entry)
                lines = self.text[entry.value.start : stop].split("\n")
                less = entry.value.column - owner.column
                lines[1:] = [line[less:] if not line[:less].strip() else line for line in lines[1:]]
                self.edits.replace(entry.start, stop, "\n".join(lines))
            self.warn(entry, f"the name of an import, {_name(entry)}, has no place in TOSCA 2.0")

    @staticmethod
    def _is_import(visit: Visit) -> bool:
        return visit.key is None and visit.shape == Entity("import")


def _name(entry: Entry) -> str:
    return str(entry.key.node.value) if entry.key is not None and entry.key.node is not None else ""


def _end(entry: Entry) -> int:
    """The last character of an entry, with the comments that are its own."""
    ends = [entry.value.end, entry.key.end if entry.key is not None else 0]
    comments = [*_comments(entry)]
    return max([*ends, *(comment.index + len(comment.text) for comment in comments)])


def _comments(entry: Entry) -> Iterator[Comment]:
    if entry.trailing is not None:
        yield entry.trailing
    if entry.header is not None:
        yield entry.header
    yield from entry.tail
    yield from entry.value.tail
    for inner in entry.value.entries:
        yield from _comments(inner)


def _deeper(text: str) -> str:
    return "\n".join(f"  {line}" if line.strip() else line for line in text.split("\n"))
