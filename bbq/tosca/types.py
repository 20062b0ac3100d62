"""Type definitions of every kind, derivation flattened and refinements checked.

TOSCA 1.3 section 3.7; TOSCA 2.0 sections 7.3, 8, 9.5, 11 to 13.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from yaml import MappingNode, Node

from bbq.diagnostics import DiagnosticBag
from bbq.tosca.checker import BUILT_IN
from bbq.tosca.datatypes import read_data_type
from bbq.tosca.files import Declaration, Unit
from bbq.tosca.grammar import KINDS
from bbq.tosca.interfaces import Interfaces
from bbq.tosca.model import TypeDef
from bbq.tosca.nodetypes import NodeTypes
from bbq.tosca.reading import Reader, nearest, quoted
from bbq.tosca.schemas import Definitions, ancestry, canonical, find, parent_of
from bbq.tosca.triggers import read_triggers
from bbq.tosca.units import version_key
from bbq.yamlreader import at, is_null

_COPIED = (
    "properties",
    "attributes",
    "capabilities",
    "requirements",
    "interfaces",
    "artifacts",
    "operations",
    "notifications",
    "triggers",
)

_INHERITED = (
    "valid_targets",
    "valid_sources",
    "valid_target_nodes",
    "valid_relationships",
    "mime_type",
    "file_ext",
    "schema",
    "constraints",
    "units",
)
_VALID: Final[dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]]] = {
    "relationship": (
        ("valid_target_types", "valid_targets", ("capability", "node")),
        ("valid_capability_types", "valid_targets", ("capability",)),
        ("valid_source_types", "valid_sources", ("node", "capability")),
        ("valid_source_node_types", "valid_sources", ("node",)),
        ("valid_target_node_types", "valid_target_nodes", ("node",)),
    ),
    "capability": (
        ("valid_source_types", "valid_sources", ("node", "capability", "relationship")),
        ("valid_source_node_types", "valid_sources", ("node",)),
        ("valid_relationship_types", "valid_relationships", ("relationship",)),
    ),
    "policy": (("targets", "valid_targets", ("node", "group")),),
    "group": (("members", "valid_targets", ("node", "group")),),
}
"""Kind -> keynames that narrow what a type goes with: (keyname, attribute of `TypeDef`, kinds of the types it names)."""


class Types:
    """Resolves the types of all files into `found`: (kind, full name) -> type."""

    def __init__(self, bag: DiagnosticBag, units: Iterable[Unit]) -> None:
        self.found: dict[tuple[str, str], TypeDef] = {}
        self._bag = bag
        self._units = list(units)
        self._definitions: dict[int, Definitions] = {}
        self._open: list[Declaration] = []

    def resolve(self) -> None:
        for unit in self._units:
            if not (unit.grammar.two or unit.bundled):
                self._put_right(unit)
        self._name()
        for unit in self._units:
            if unit.complete:
                self.found.update({(kind, found.name): found for (kind, _), found in unit.resolved.items()})
                continue
            for declaration in unit.declared.values():
                self.of(declaration)
        for definitions in self._definitions.values():
            definitions.finish(self.found)
        for unit in self._units:
            unit.complete = unit.bundled

    def definitions(self, unit: Unit) -> Definitions:
        found = self._definitions.get(id(unit))
        if found is None:
            found = self._definitions[id(unit)] = Definitions(unit, Reader(unit, self._bag))
        return found

    def _put_right(self, unit: Unit) -> None:
        """1.x files in the wild declare types in the section of another kind (a capability type below `node_types`). What a
        type derives from tells its kind."""
        moved = True
        while moved:
            moved = False
            for (kind, name), declaration in list(unit.declared.items()):
                named = parent_of(declaration)
                if named is None or find(unit, kind, named[0]) is not None or named[0] in BUILT_IN:
                    continue
                other = next((item for item in KINDS if find(unit, item, named[0]) is not None), None)
                if other is None or (other, name) in unit.declared:
                    continue
                del unit.declared[kind, name]
                unit.declared[other, name] = replace(declaration, kind=other)
                for each in self._units:
                    each.lookups.clear()
                moved = True
                self.definitions(unit).practice(
                    "BBQ-T208",
                    f"{quoted(name)} stands below `{kind}_types` and derives from the {other} type {quoted(named[0])}: "
                    f"taken for a {other} type",
                    declaration.key,
                    f"move it to `{other}_types`",
                )

    def _name(self) -> None:
        """Full names. A name that two files declare is told apart by the file."""
        taken: dict[tuple[str, str], Declaration] = {}
        for unit in sorted(self._units, key=lambda unit: not unit.bundled):  # stable: bundled names never change
            functions = {("function", name): declaration for name, declaration in unit.functions.items()}
            for key, declaration in {**unit.declared, **functions}.items():
                other = taken.setdefault(key, declaration)
                built_in = key[0] == "data" and key[1] in BUILT_IN
                if (other is not declaration or built_in) and not unit.bundled:
                    stem, number = Path(unit.file).stem, 1
                    while taken.setdefault((key[0], full := f"{stem}:{key[1]}"), declaration) is not declaration:
                        number += 1
                        stem = f"{Path(unit.file).stem}#{number}"
                    unit.canonical[key] = full
        for unit in self._units:
            if not unit.bundled:
                self._clashes(unit)

    def _clashes(self, unit: Unit) -> None:
        for (kind, name), declaration in unit.declared.items():
            for prefix, imported in unit.imports:
                other = imported.lookup(kind, name) if not prefix else None
                if other is not None and other is not declaration:
                    self._bag.warning(
                        "BBQ-T027",
                        f"{kind} type {quoted(name)} hides an imported type of that name",
                        at(declaration.key),
                        "rename it, or import the file with a namespace",
                        ((at(other.key), "the other definition"),),
                    )
                    break

        for name, declaration in unit.functions.items():
            others = [imported.lookup("function", name) for prefix, imported in unit.imports if not prefix]
            other = next((item for item in others if item is not None and item is not declaration), None)
            if other is not None:
                related = ((at(other.key), "the other definition"),)
                text = f"function {quoted(name)} is defined by an import, too"
                self._bag.error("BBQ-T027", text, at(declaration.key), "import the file with a namespace", related)

    def of(self, declaration: Declaration) -> TypeDef:
        unit = declaration.unit
        key = declaration.kind, declaration.name
        if key not in unit.resolved:
            unit.resolved[key] = TypeDef(
                declaration.kind, canonical(declaration), at(declaration.key), (canonical(declaration),)
            )
            self._open.append(declaration)
            self._resolve(declaration, unit.resolved[key])
            self._open.pop()
        found = unit.resolved[key]
        self.found.setdefault((found.kind, found.name), found)
        return found

    def _parent(self, declaration: Declaration, reader: Definitions) -> TypeDef | None:
        named = parent_of(declaration)
        if named is None:
            return None
        name, node = named
        parent = find(declaration.unit, declaration.kind, name)
        if parent is None:
            if not (declaration.kind == "data" and name in BUILT_IN):
                reader.named(name, node, declaration.kind, f"`derived_from` of {quoted(declaration.name)}")
            elif reader.named(name, node, "data", f"`derived_from` of {quoted(declaration.name)}") is None:
                return None
            return None
        reader.renamed(parent, name, node, f"`derived_from` of {quoted(declaration.name)}")
        if parent in self._open:
            names = [item.name for item in self._open[self._open.index(parent) :]] + [parent.name]
            reader.error("BBQ-T031", "types derive from each other: " + " -> ".join(map(quoted, names)), node)
            return None
        return self.of(parent)

    def _resolve(self, declaration: Declaration, found: TypeDef) -> None:
        reader = self.definitions(declaration.unit)
        kind, name = declaration.kind, declaration.name
        what = f"{kind} type {quoted(name)}"
        keys = reader.entity(declaration.body, f"{kind} type", name, declaration.key)
        if not isinstance(declaration.body, MappingNode) and not is_null(declaration.body):
            return
        parent = self._parent(declaration, reader)
        found.ancestry = ancestry(declaration)
        if parent is not None:
            for attribute in _COPIED:
                setattr(found, attribute, dict(getattr(parent, attribute)))
            for attribute in _INHERITED:
                setattr(found, attribute, getattr(parent, attribute))
        found.description = reader.description(keys, what)
        found.metadata = reader.metadata(keys.get("metadata"), what)
        self._version(reader, keys, found, what)
        found.properties = reader.parameters(keys.get("properties"), "property definition", what, found.properties)
        found.attributes = reader.parameters(keys.get("attributes"), "attribute definition", what, found.attributes)
        if kind in ("node", "group"):
            NodeTypes(self, reader).read(keys, found, what)
        elif kind == "data":
            read_data_type(reader, declaration, keys, found, what)
        elif kind == "policy":
            found.triggers = read_triggers(reader, keys.get("triggers"), found.triggers, what)
        elif kind == "artifact":
            found.mime_type = reader.string(keys.get("mime_type"), f"mime_type of {what}") or found.mime_type
            extensions = reader.strings(keys.get("file_ext"), f"file_ext of {what}", single=True)
            found.file_ext = tuple(text for text, _ in extensions) or found.file_ext
        interfaces = Interfaces(reader, self.of)
        if kind == "interface":
            interfaces.of_type(keys, declaration.body, found, what)
        elif "interfaces" in keys:
            found.interfaces = interfaces.definitions(keys["interfaces"], what, found.interfaces, found)
        self._valid(reader, keys, found, what)

    def _version(self, reader: Definitions, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        node = keys.get("version")
        if node is None:
            return
        text = reader.string(node, f"version of {what}")
        if text and version_key(text) is None:
            reader.error("BBQ-T040", f"version of {what} must be a version such as 1.0, not {quoted(text)}", node)
        found.version = text

    def _valid(self, reader: Definitions, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        """The lists that narrow what a type goes with; a derived type may only narrow them further."""
        for keyname, attribute, kinds in _VALID.get(found.kind, ()):
            if keyname in keys:
                before = getattr(found, attribute)
                names = type_names(reader, keys[keyname], kinds, f"{keyname} of {what}")
                setattr(found, attribute, names)
                self.narrowed(reader, before, names, kinds, keys[keyname], f"{keyname} of {what}")

    def narrowed(
        self,
        reader: Definitions,
        before: tuple[str, ...],
        names: tuple[str, ...],
        kinds: tuple[str, ...],
        node: Node,
        what: str,
    ) -> None:
        """Reports names that the list of the parent type does not allow (2.0 sections 7.3, 8.1, 8.2, 16.1 and 16.3)."""
        allowed = ", ".join(map(quoted, before))
        for name in names if before and reader.grammar.two else ():
            types = [self.named(kind, name) for kind in kinds]
            if not any(found is not None and set(before) & set(found.ancestry) for found in types):
                reader.refinement(f"{quoted(name)} in {what} derives from none that the parent type allows: {allowed}", node)

    def named(self, kind: str, name: str) -> TypeDef | None:
        """A type by its full name, resolved now where it was not yet."""
        found = self.found.get((kind, name))
        if found is not None:
            return found
        for unit in self._units:
            for (declared_kind, _), declaration in unit.declared.items():
                if declared_kind == kind and canonical(declaration) == name:
                    return self.of(declaration)
        return None

    def is_open(self, declaration: Declaration) -> bool:
        """Whether the type is being resolved just now."""
        return declaration in self._open


def type_names(
    reader: Definitions, node: Node, kinds: tuple[str, ...], what: str, *, narrowing: bool = False
) -> tuple[str, ...]:
    """Full names of types. In a list that only narrows what a capability allows (`narrowing`), 1.x files in the wild name types
    that only some of their users have."""
    names = []
    for name, item in reader.strings(node, what, single=True):
        found = next((found for kind in kinds if (found := find(reader.unit, kind, name)) is not None), None)
        if found is None and narrowing and not reader.unit.incomplete:
            hint = nearest(name, reader.unit.names(kinds[0]))
            reader.practice("BBQ-T204", f"unknown {kinds[0]} type {quoted(name)} in {what}", item, hint)
        elif found is None:
            reader.named(name, item, kinds[0], what)
        else:
            names.append(canonical(found))
    return tuple(names)
