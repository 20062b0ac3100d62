"""Second step: keynames of definitions and assignments that 2.0 names otherwise, writes otherwise, or does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from yaml import ScalarNode

from bbq.editor.reading import Names
from bbq.editor.shapes import Named, is_data
from bbq.editor.syntax import Entry, Piece
from bbq.editor.upgrade.edits import Source
from bbq.editor.upgrade.step import Step, Warned
from bbq.editor.upgrade.types import Renaming, two
from bbq.editor.visits import Visit
from bbq.tosca.constraints import OPERATORS
from bbq.tosca.schemas import find
from bbq.yamlreader import data

_WIDTH: Final = 120
_RENAMED: Final = {
    ("file", "topology_template"): "service_template",
    ("import", "file"): "url",
    ("import", "namespace_prefix"): "namespace",
    ("relationship type", "valid_target_types"): "valid_capability_types",
    ("relationship type", "valid_source_types"): "valid_source_node_types",
    ("capability type", "valid_source_types"): "valid_source_node_types",
    ("capability definition", "valid_source_types"): "valid_source_node_types",
    ("requirement definition", "occurrences"): "count_range",
    ("property definition", "value"): "default",
}
_SCHEMAS: Final = ("property definition", "attribute definition", "parameter definition", "schema")
_SILENT: Final = frozenset(
    (
        *(("property definition", "status"), ("attribute definition", "status"), ("parameter definition", "status")),
        *(("attribute definition", "required"), ("repository", "credential")),
        *(("schema", "status"), ("schema", "required"), ("schema", "default")),
    )
)
"""What the reader passes over in a file of 2.0, though 2.0 does not have it."""
_COMPARED: Final = {
    "equal": "$equal",
    "greater_than": "$greater_than",
    "greater_or_equal": "$greater_or_equal",
    "less_than": "$less_than",
    "less_or_equal": "$less_or_equal",
    "valid_values": "$valid_values",
}
_LENGTHS: Final = {"length": "$equal", "min_length": "$greater_or_equal", "max_length": "$less_or_equal"}
_TITLE: Final = ("template_name", "template_author", "template_version")


class Definitions(Step):
    def __init__(self, source: Source, names: Names, warned: list[Warned], renaming: Renaming) -> None:
        super().__init__(source, names, warned)
        self._renaming = renaming
        self._two = two()

    def collect(self) -> None:
        for entity, keyname, entry, owner, visit in self.keynames():
            self._keyname(entity, keyname, entry, owner, visit)
            if entity in _SCHEMAS:
                self._schema(visit)
        seen: set[int] = set()
        for visit in self.visits:
            if visit.key == "definition" and isinstance(visit.shape, Named) and visit.shape.defines == "requirement":
                found = self.entry(visit.node)
                if found is not None and id(visit.node) not in seen:
                    seen.add(id(visit.node))
                    self._requirement(found[0], visit)

    def _keyname(self, entity: str, keyname: str, entry: Entry, owner: Piece, visit: Visit) -> None:
        assert entry.key is not None
        if (entity, keyname) in _RENAMED:
            if keyname == "valid_source_types" and not self._only_nodes(entry.value):
                self.drop(entry, owner, "TOSCA 2.0 takes node types as sources only")
            else:
                self.rename(entry.key, _RENAMED[entity, keyname])
        elif keyname == "constraints" and entity != "file":
            self._constraints(entry, owner)
        elif keyname in ("node_filter", "substitution_filter"):
            self._filter(keyname, entry, owner)
        elif (entity, keyname) == ("requirement assignment", "occurrences"):
            self._count(entry, owner)
        elif (entity, keyname) == ("requirement assignment", "properties"):
            self._relationship_properties(entry, owner)
        elif keyname == "derived_from" and self._is_gone(entity, entry.value):
            self.drop(entry, owner, "the profile for TOSCA 2.0 has no root type of this kind")
        elif entity == "file" and keyname in _TITLE:
            return  # see `Files`
        elif not self._known(entity, keyname):
            self.drop(entry, owner, f"TOSCA 2.0 has no keyname {keyname} here")

    def _known(self, entity: str, keyname: str) -> bool:
        if is_data(self._two, entity):
            return True
        if (entity, keyname) in _SILENT:
            return False
        mine = self.names.unit.grammar.keynames(entity)
        allowed = self._two.keynames(entity)
        named = keyname not in mine.allowed and (mine.open or allowed.open or entity == "import")
        return named or (keyname in allowed.allowed and keyname not in allowed.foreign)

    def _only_nodes(self, piece: Piece) -> bool:
        names = [entry.value for entry in piece.entries] if piece.kind == "list" else [piece]
        return all(
            item.node is not None and find(self.names.unit, "node", self._original("node", str(item.node.value))) is not None
            for item in names
        )

    def _original(self, kind: str, name: str) -> str:
        """The name in the first text: the types of this step are renamed already."""
        for known in self.names.unit.names(kind):
            if self._renaming.new_name(kind, known) == name:
                return known
        return name

    def _is_gone(self, entity: str, value: Piece) -> bool:
        kind, word, _ = entity.partition(" type")
        return bool(word) and isinstance(value.node, ScalarNode) and self._renaming.is_gone(kind, value.node.value)

    # --- requirements

    def _requirement(self, entry: Entry, visit: Visit) -> None:
        """A requirement of a 1.x type is wanted once, one of a 2.0 type as often as somebody likes, where nothing is said; and
        2.0 has no relationship that is meant without being named."""
        assert entry.key is not None
        parent = visit.frames[-1].text("derived_from") if visit.frames else None
        parent_type = self.names.type_named("node", self._original("node", parent)) if parent else None
        if parent_type is not None and visit.node.value in parent_type.requirements:
            return
        value = entry.value
        root = self._renaming.new_name("relationship", "tosca.relationships.Root")
        if value.kind == "scalar" and not value.empty:
            text = f"{{ capability: {self.written(value)}, relationship: {root}, count_range: [ 1, 1 ] }}"
            self.edits.replace(value.start, value.end, text)
        elif value.kind == "map":
            names = {inner.key.node.value for inner in value.entries if inner.key is not None and inner.key.node is not None}
            more = [] if "relationship" in names else [f"relationship: {root}"]
            more += [] if "occurrences" in names else ["count_range: [ 1, 1 ]"]
            if more:
                self.add(value, *more)

    def _schema(self, visit: Visit) -> None:
        """Lists and maps of 2.0 say what they hold."""
        frame = visit.frames[-1]
        owner = self.piece(frame.node)
        if owner is not None and visit.node.value == "type" and frame.text("type") in ("list", "map"):
            names = {inner.key.node.value for inner in owner.entries if inner.key is not None and inner.key.node is not None}
            if not names & {"entry_schema", "<<"}:
                self.warn(owner.entries[0], f"this {frame.text('type')} does not say what it holds: strings are assumed")
                self.add(owner, "entry_schema: string")

    def _count(self, entry: Entry, owner: Piece) -> None:
        value = data(entry.value.node, "1.1") if entry.value.node is not None else None
        if isinstance(value, list) and len(value) == 2 and type(value[1]) is int:
            if value[0] != value[1]:
                self.warn(
                    entry, f"the count is now {value[1]}: a requirement of TOSCA 2.0 has no range of counts in a template"
                )
            self.substitute(entry, owner, f"count: {value[1]}")
        else:
            self.drop(entry, owner, "TOSCA 2.0 has a count here, a whole number")

    def _relationship_properties(self, entry: Entry, owner: Piece) -> None:
        """`properties` beside a requirement's target are the relationship's."""
        other = next(
            (
                item
                for item in owner.entries
                if item.key is not None and item.key.node is not None and item.key.node.value == "relationship"
            ),
            None,
        )
        if other is None:
            self.substitute(entry, owner, f"relationship: {{ properties: {self.flow(entry.value)} }}")
        elif other.value.kind == "scalar":
            text = f"{{ type: {self.written(other.value)}, properties: {self.flow(entry.value)} }}"
            self.edits.replace(other.value.start, other.value.end, text)
            index = owner.entries.index(entry)
            if owner.flow and index + 1 < len(owner.entries):
                self.edits.replace(entry.start, owner.entries[index + 1].start, "")
            elif index:
                self.edits.replace(owner.entries[index - 1].value.end, entry.value.end, "")
            else:
                self.edits.replace(entry.start, owner.entries[1].start, "")
        else:
            self.drop(entry, owner, "the relationship has properties of its own")

    # --- constraints

    def _constraints(self, entry: Entry, owner: Piece) -> None:
        clauses = [item.value for item in entry.value.entries] if entry.value.kind == "list" else [entry.value]
        conditions = list(self._clauses(clauses, "$value"))
        if not conditions:
            self.drop(entry, owner, "no constraint that TOSCA 2.0 has")
        else:
            self.substitute(entry, owner, self._condition("validation", conditions, entry, owner))

    def _clauses(self, clauses: list[Piece], value: str) -> Iterator[str]:
        for clause in clauses:
            for entry in clause.entries if clause.kind == "map" else ():
                yield from self._clause(entry, value)

    def _clause(self, entry: Entry, value: str) -> Iterator[str]:
        assert entry.key is not None
        operator = str(entry.key.node.value) if entry.key.node is not None else ""
        argument = self.flow(entry.value)
        if operator in _COMPARED:
            yield f"{{ {_COMPARED[operator]}: [ {value}, {argument} ] }}"
        elif operator == "pattern":
            yield f"{{ $matches: [ {value}, {_anchored(entry.value, argument)} ] }}"
        elif operator in _LENGTHS:
            yield f"{{ {_LENGTHS[operator]}: [ {{ $length: [ {value} ] }}, {argument} ] }}"
        elif operator == "in_range" and entry.value.kind == "list" and len(entry.value.entries) == 2:
            low, high = (self.flow(item.value) for item in entry.value.entries)
            if low != "UNBOUNDED":
                yield f"{{ $greater_or_equal: [ {value}, {low} ] }}"
            if high != "UNBOUNDED":
                yield f"{{ $less_or_equal: [ {value}, {high} ] }}"
        else:
            self.warn(entry, f"the constraint {operator} has no counterpart in TOSCA 2.0: `{operator}: {argument}` is left out")

    def _condition(self, keyname: str, conditions: list[str], entry: Entry, owner: Piece) -> str:
        if len(conditions) == 1:
            return f"{keyname}: {conditions[0]}"
        text = f"{keyname}: {{ $and: [ {', '.join(conditions)} ] }}"
        if owner.flow or entry.column + len(text) <= _WIDTH:
            return text
        margin = " " * entry.column
        return "\n".join([f"{keyname}:", f"{margin}  $and:", *(f"{margin}    - {condition}" for condition in conditions)])

    # --- filters

    def _filter(self, keyname: str, entry: Entry, owner: Piece) -> None:
        """1.x lists constraints on properties and capabilities; 2.0 has one condition, about SELF."""
        conditions: list[str] = []
        for part in entry.value.entries if entry.value.kind == "map" else ():
            name = part.key.node.value if part.key is not None and part.key.node is not None else ""
            if name == "properties":
                conditions += self._filtered(part.value, "")
            elif name == "capabilities":
                for capability in _pairs(part.value):
                    assert capability.key is not None
                    path = f"CAPABILITY, {self.written(capability.key)}, "
                    for inner in capability.value.entries if capability.value.kind == "map" else ():
                        if inner.key is not None and inner.key.node is not None and inner.key.node.value == "properties":
                            conditions += self._filtered(inner.value, path)
            elif name.startswith("$"):
                return
            else:
                self.warn(part, f"a filter on {name} has no counterpart in TOSCA 2.0")
        if conditions:
            self.substitute(entry, owner, self._condition(keyname, conditions, entry, owner))
        else:
            self.drop(entry, owner, "nothing of this filter has a counterpart in TOSCA 2.0")

    def _filtered(self, piece: Piece, path: str) -> list[str]:
        found: list[str] = []
        for entry in _pairs(piece):
            assert entry.key is not None
            value = f"{{ $get_property: [ SELF, {path}{self.written(entry.key)} ] }}"
            inner = entry.value
            clauses = [item.value for item in inner.entries] if inner.kind == "list" else [inner]
            if all(clause.kind == "map" and _is_clause(clause) for clause in clauses):
                found += self._clauses(clauses, value)
            else:
                found.append(f"{{ $equal: [ {value}, {self.flow(inner)} ] }}")
        return found


def _anchored(piece: Piece, text: str) -> str:
    """The pattern for `$matches`, which looks anywhere in the value (2.0 section 10.2.2.2.7); that of 1.x is for the whole."""
    pattern = str(piece.node.value) if piece.node is not None and piece.kind != "alias" else ""
    if not pattern or (pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern):
        return text
    return "'" + f"^(?:{pattern})$".replace("'", "''") + "'"


def _is_clause(piece: Piece) -> bool:
    names = [entry.key.node.value for entry in piece.entries if entry.key is not None and entry.key.node is not None]
    return bool(names) and all(name in OPERATORS for name in names)


def _pairs(piece: Piece) -> Iterator[Entry]:
    """Entries of a map, or of a list of maps of one entry."""
    if piece.kind == "map":
        yield from piece.entries
    for item in piece.entries if piece.kind == "list" else ():
        yield from item.value.entries if item.value.kind == "map" else ()
