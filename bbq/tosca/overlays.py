"""Partial templates of TOSCA 1.x, as the EC3 and IM community writes them: a template with `metadata.parents` is laid over the
first of these files that is there; `metadata.link` names a `parent` and `childs` that are laid over each other, in that order,
below the template itself.

Inputs are laid over each other key by key, node templates, outputs and the rest name by name. Types, repositories and imports
of all of the files are known to the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import Diagnostic
from bbq.origins.refused import Refused
from bbq.tosca.files import Files, Unit
from bbq.tosca.model import ServiceTemplate
from bbq.tosca.places import LocalFile, Member, Place
from bbq.tosca.reading import Reader, quoted

_BLOCK: Final = "topology_template"
_BY_KEY: Final = "inputs"
_LONGEST: Final = 255


class Overlays:
    """Finds what a template is laid over, and lays it."""

    def __init__(self, files: Files, unit: Unit) -> None:
        self._files = files
        self._unit = unit
        self.missing: list[str] = []
        """Parents that are named and not there."""
        self.below: list[Unit] = []
        """What the template is laid over, the lowest first."""

    def block(self) -> Node | None:
        """The whole `topology_template`; None where the template has its own only."""
        if self._unit.grammar.two or self._unit.bundled:
            return None
        self.below = list(self._parents(self._unit, {self._unit.place.key}))
        for each in self.below:
            if each.grammar.two:
                reader = Reader(self._unit, self._files.bag)
                text = f"{quoted(each.file.rpartition('/')[2])} is of TOSCA 2.0; a template of 1.x cannot be laid over it"
                reader.error("BBQ-T029", text, self._unit.root)
                return None
            self._unit.imports.append(("", each))
            self._unit.overlaid[each.file] = each.place
            self._unit.duplicates.update(each.duplicates)
            each.duplicates = self._unit.duplicates
            self._unit.list_keys = self._unit.list_keys or each.list_keys
        blocks = [_entry(each.root, _BLOCK) for each in (*self.below, self._unit)]
        found = [block for block in blocks if isinstance(block, MappingNode)]
        if not self.below or not found:
            return None
        whole = found[0]
        for block in found[1:]:
            whole = self._laid(whole, block)
        return whole

    def _parents(self, unit: Unit, seen: set[str]) -> Iterator[Unit]:
        """The files below `unit`, the lowest first."""
        metadata = _entry(unit.root, "metadata")
        link = _entry(metadata, "link")
        names = _strings(_entry(metadata, "parents"))
        if isinstance(link, MappingNode):
            chain = [*_strings(_entry(link, "parent")), *_strings(_entry(link, "childs") or _entry(link, "children"))]
            for name in chain:
                yield from self._one(unit, name, seen, deeper=name is chain[0])
        elif names:
            first = next((name for name in names if self._there(unit, name.value) is not None), None)
            if first is None:
                self.missing += [name.value for name in names]
            else:
                yield from self._one(unit, first, seen, deeper=True)

    def _one(self, unit: Unit, name: ScalarNode, seen: set[str], *, deeper: bool) -> Iterator[Unit]:
        place = self._there(unit, name.value)
        if place is None:
            self.missing.append(name.value)
            return
        if place.key in seen:  # a circle
            return
        seen.add(place.key)
        found = self._files.beside(place, name)
        if found is not None:
            if deeper:
                yield from self._parents(found, seen)
            yield found

    @staticmethod
    def _there(unit: Unit, name: str) -> Place | None:
        """The file beside `unit`; None where there is none, or where it may not be looked for."""
        if not name or name.startswith("/") or len(name) > _LONGEST or not isinstance(unit.place, (LocalFile, Member)):
            return None
        try:
            return unit.place.beside(name)
        except Refused:
            return None

    @staticmethod
    def _laid(below: MappingNode, above: MappingNode) -> MappingNode:
        pairs = {key.value: (key, value) for key, value in below.value}
        for key, value in above.value:
            old = pairs.get(key.value)
            if old is not None and isinstance(old[1], MappingNode) and isinstance(value, MappingNode):
                value = _merged(old[1], value, by_key=key.value == _BY_KEY)
            elif old is not None and isinstance(old[1], SequenceNode) and isinstance(value, SequenceNode):  # policies
                value = SequenceNode(value.tag, [*old[1].value, *value.value], value.start_mark, value.end_mark)
            pairs[key.value] = (key, value)
        return MappingNode(above.tag, list(pairs.values()), above.start_mark, above.end_mark)


def _merged(below: MappingNode, above: MappingNode, *, by_key: bool) -> MappingNode:
    pairs = {key.value: (key, value) for key, value in below.value}
    for key, value in above.value:
        old = pairs.get(key.value)
        if by_key and old is not None and isinstance(old[1], MappingNode) and isinstance(value, MappingNode):
            value = _merged(old[1], value, by_key=False)
        pairs[key.value] = (key, value)
    return MappingNode(above.tag, list(pairs.values()), above.start_mark, above.end_mark)


def _entry(node: Node | None, name: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _strings(node: Node | None) -> list[ScalarNode]:
    items = node.value if isinstance(node, SequenceNode) else [node]
    return [item for item in items if isinstance(item, ScalarNode)]


def partial(service: ServiceTemplate, found: list[Diagnostic]) -> list[Diagnostic]:
    """What a template says that is to be laid over others which are not there: names that only they have are missing, not
    wrong."""
    where = service.at
    gaps = [item for item in found if item.code in ("BBQ-T052", "BBQ-T053") and item.file == where.file]
    names = list(dict.fromkeys(item.message.rpartition("`")[0].rpartition("`")[2] for item in gaps))
    shown = ", ".join(quoted(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    parents = " or ".join(quoted(name) for name in service.parents_missing)
    text = f"the template is partial, to be laid over {parents}, which is not there"
    note = Diagnostic(
        "warning",
        "BBQ-T029",
        f"{text}; missing are {shown}" if names else text,
        where.file,
        where.line,
        where.column,
        hint="put the file beside the template",
    )
    return [note, *(replace(item, severity="warning") if item in gaps else item for item in found)]
