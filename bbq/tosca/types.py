"""Type definitions of every kind, derivation flattened and refinements checked.

TOSCA 1.3 section 3.7; TOSCA 2.0 sections 7.3, 8, 9.5, 11 to 13.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from yaml import MappingNode, Node, ScalarNode

from bbq.diagnostics import DiagnosticBag
from bbq.tosca.artifacts import read_artifact
from bbq.tosca.checker import BUILT_IN
from bbq.tosca.files import Declaration, Unit
from bbq.tosca.grammar import KINDS
from bbq.tosca.interfaces import Interfaces
from bbq.tosca.model import CapabilityDef, RequirementDef, Schema, TypeDef
from bbq.tosca.reading import Reader, nearest, quoted, shape
from bbq.tosca.schemas import Definitions, ancestry, canonical, find, parent_of
from bbq.tosca.units import version_key
from bbq.yamlreader import at, data, is_null

_COPIED = ("properties", "attributes", "capabilities", "requirements", "interfaces", "artifacts", "operations")


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
            for key, declaration in unit.declared.items():
                other = taken.setdefault(key, declaration)
                if other is not declaration and not unit.bundled:
                    unit.canonical[key] = f"{Path(unit.file).stem}:{declaration.name}"
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
            found.valid_targets, found.mime_type, found.file_ext = parent.valid_targets, parent.mime_type, parent.file_ext
            found.schema, found.units = parent.schema, parent.units
        found.description = reader.description(keys, what)
        found.metadata = reader.metadata(keys.get("metadata"), what)
        self._version(reader, keys, found, what)
        found.properties = reader.parameters(keys.get("properties"), "property definition", what, found.properties)
        found.attributes = reader.parameters(keys.get("attributes"), "attribute definition", what, found.attributes)
        if kind == "node":
            self._capabilities(reader, keys, found, what)
            self._requirements(reader, keys, found, what)
            self._artifacts(reader, keys, found, what)
        elif kind == "data":
            self._data(reader, declaration, keys, found, what)
        elif kind == "artifact":
            found.mime_type = reader.string(keys.get("mime_type"), f"mime_type of {what}") or found.mime_type
            extensions = reader.strings(keys.get("file_ext"), f"file_ext of {what}", single=True)
            found.file_ext = tuple(text for text, _ in extensions) or found.file_ext
        interfaces = Interfaces(reader, self.of)
        if kind == "interface":
            interfaces.of_type(keys, declaration.body, found, what)
        elif "interfaces" in keys:
            found.interfaces = interfaces.definitions(keys["interfaces"], what, found.interfaces)
        self._targets(reader, keys, found, what)

    def _version(self, reader: Definitions, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        node = keys.get("version")
        if node is None:
            return
        text = reader.string(node, f"version of {what}")
        if text and version_key(text) is None:
            reader.error("BBQ-T040", f"version of {what} must be a version such as 1.0, not {quoted(text)}", node)
        found.version = text

    def _targets(self, reader: Definitions, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        names = {
            "relationship": (("valid_target_types", "capability"), ("valid_capability_types", "capability")),
            "policy": (("targets", "node"),),
            "group": (("members", "node"),),
            "capability": (),
        }
        for keyname, kind in names.get(found.kind, ()):
            if keyname in keys:
                found.valid_targets = self._names(reader, keys[keyname], (kind, "group", "node"), f"{keyname} of {what}")
        for keyname, kinds in (
            ("valid_source_types", ("node", "capability", "relationship")),
            ("valid_source_node_types", ("node",)),
            ("valid_target_node_types", ("node",)),
            ("valid_relationship_types", ("relationship",)),
        ):
            if keyname in keys and found.kind in ("capability", "relationship"):
                self._names(reader, keys[keyname], kinds, f"{keyname} of {what}")

    def _names(
        self, reader: Definitions, node: Node, kinds: tuple[str, ...], what: str, *, narrowing: bool = False
    ) -> tuple[str, ...]:
        """Full names of types. In a list that only narrows what a type allows (`narrowing`), 1.x files in the wild name types
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

    def _capabilities(self, reader: Definitions, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        for name, (key, body) in reader.entries(keys.get("capabilities"), f"capabilities of {what}").items():
            title = f"capability {quoted(name)} of {what}"
            old = found.capabilities.get(name)
            inner: dict[str, Node] = (
                {"type": body} if isinstance(body, ScalarNode) else reader.entity(body, "capability definition", name, key)
            )
            if "type" in inner:
                type_name = self._capability_type(reader, inner["type"], title)
            else:
                type_name = old.type if old is not None else None
                if old is None:
                    reader.error("BBQ-T011", f"{title} lacks the required keyname `type`", key)
            if type_name is None:
                continue
            base = self._named_type("capability", type_name)
            if old is not None and base is not None and old.type not in base.ancestry:
                reader.refinement(
                    f"{title} is of type {quoted(old.type)} in the parent type; {quoted(type_name)} does not derive from it",
                    inner["type"],
                )
            origin = base if base is not None and (old is None or old.type != type_name) else old
            sources = inner.get("valid_source_types") or inner.get("valid_source_node_types")
            found.capabilities[name] = CapabilityDef(
                name,
                type_name,
                at(key),
                reader.parameters(inner.get("properties"), "property definition", title, origin.properties if origin else {}),
                reader.parameters(inner.get("attributes"), "attribute definition", title, origin.attributes if origin else {}),
                self._names(reader, sources, ("node", "capability"), f"valid source types of {title}", narrowing=True)
                if sources is not None
                else (old.valid_source_types if old is not None else ()),
                reader.bounds(inner.get("occurrences"), f"occurrences of {title}", (0, None)),
                reader.description(inner, title),
            )

    def _capability_type(self, reader: Definitions, node: Node, title: str) -> str | None:
        """In an imported library of 1.x types an unknown type counts where a template uses the capability: it is not there."""
        name = reader.string(node, title)
        unit = reader.unit
        known = not name or find(unit, "capability", name) is not None
        if known or unit.main or unit.incomplete or unit.grammar.two:
            return reader.named(name, node, "capability", title) if name else None
        reader.practice("BBQ-T204", f"unknown capability type {quoted(name)} in {title}, which nodes therefore lack", node)
        return None

    def _named_type(self, kind: str, name: str) -> TypeDef | None:
        """A type by its full name, resolved now where it was not yet."""
        found = self.found.get((kind, name))
        if found is not None:
            return found
        for unit in self._units:
            for (declared_kind, _), declaration in unit.declared.items():
                if declared_kind == kind and canonical(declaration) == name:
                    return self.of(declaration)
        return None

    def _requirements(self, reader: Definitions, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        own: dict[str, RequirementDef] = {}
        for item in reader.items(keys.get("requirements"), f"requirements of {what}"):
            for name, (key, body) in reader.entries(item, f"a requirement of {what}").items():
                definition = self._requirement(reader, name, key, body, found.requirements.get(name), what)
                if name not in own:  # 2.0 allows one name several times; the first one stands for the name
                    own[name] = definition
        found.requirements.update(own)

    def _requirement(
        self, reader: Definitions, name: str, key: Node, body: Node, old: RequirementDef | None, what: str
    ) -> RequirementDef:
        title = f"requirement {quoted(name)} of {what}"
        # TOSCA 1.3 section 3.7.3: once; TOSCA 2.0 section 8.5: any number of times.
        count: tuple[int, int | None] = (0, None) if reader.grammar.two else (1, 1)
        result = replace(old, at=at(key)) if old is not None else RequirementDef(name, at(key), occurrences=count)
        if isinstance(body, ScalarNode) and not is_null(body):
            inner: dict[str, Node] = {"capability": body}
        else:
            inner = reader.entity(body, "requirement definition", name, key)
        if "capability" in inner:
            result.capability = self._capability_or_name(reader, inner["capability"], result, inner.get("node"), title)
        if "node" in inner:
            result.node = reader.type_name(inner["node"], "node", title) or result.node
        relationship = inner.get("relationship")
        if isinstance(relationship, MappingNode):
            relationship = reader.entity(relationship, "relationship in a requirement definition", name, key).get("type")
        if relationship is not None:
            result.relationship = reader.type_name(relationship, "relationship", title) or result.relationship
        if "node_filter" in inner:
            result.node_filter = reader.convert.value(inner["node_filter"])
        bounds = inner.get("count_range") or inner.get("occurrences")
        result.occurrences = reader.bounds(bounds, f"occurrences of {title}", result.occurrences)
        result.description = reader.description(inner, title) or result.description
        return result

    def _capability_or_name(
        self, reader: Definitions, node: Node, old: RequirementDef, target: Node | None, title: str
    ) -> str | None:
        """A capability type; or, where the target's node type is known, the name of one of its capabilities."""
        name = reader.string(node, f"capability of {title}")
        if not name:
            return old.capability
        found = find(reader.unit, "capability", name)
        if found is not None:
            return canonical(found)
        declared = find(reader.unit, "node", target.value) if isinstance(target, ScalarNode) else None
        if declared is not None and (declared in self._open or name in self.of(declared).capabilities):
            return name
        reader.named(name, node, "capability", title)
        return old.capability

    def _artifacts(self, reader: Definitions, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        for name, (key, body) in reader.entries(keys.get("artifacts"), f"artifacts of {what}").items():
            artifact = read_artifact(reader, name, key, body, what)
            if artifact is not None:
                found.artifacts[name] = artifact

    def _data(self, reader: Definitions, declaration: Declaration, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        root = found.ancestry[-1]
        if root not in BUILT_IN:
            return
        if "properties" in keys:
            message, block = f"{what} derives from {quoted(root)} and cannot have properties", keys["properties"]
            _, parent = parent_of(declaration) or ("", block)
            reader.error("BBQ-T032", message, parent, related=((at(block), "the properties"),))
            found.properties = {}
        old = found.schema or Schema(root)
        found.schema = Schema(
            root,
            old.constraints + reader.constraints(keys, what),
            reader.schema(keys.get("entry_schema"), f"the entry schema of {what}") or old.entry,
            reader.schema(keys.get("key_schema"), f"the key schema of {what}") or old.key,
        )
        if root == "scalar" and reader.grammar.two:
            self._units_of(reader, declaration, keys, found, what)

    def _units_of(
        self, reader: Definitions, declaration: Declaration, keys: dict[str, Node], found: TypeDef, what: str
    ) -> None:
        """TOSCA 2.0 section 9.1.2.3.1: units with their factors, prefixes that go with a single unit."""
        assert found.schema is not None
        inherited = len(found.ancestry) > 2
        if "data_type" in keys:
            if inherited:
                reader.error("BBQ-T033", f"`data_type` of {what} cannot be changed", keys["data_type"])
            name = reader.type_name(keys["data_type"], "data", f"`data_type` of {what}")
            found.schema.entry = Schema(name) if name else None
        if "units" not in keys:
            if not inherited:
                reader.error("BBQ-T011", f"{what} lacks the required keyname `units`", declaration.key)
            return
        factors = self._factors(reader, keys["units"], f"units of {what}")
        prefixes = self._factors(reader, keys["prefixes"], f"prefixes of {what}") if "prefixes" in keys else {}
        if prefixes:
            if len(factors) != 1:
                reader.error("BBQ-T032", f"{what} has prefixes and therefore takes one unit only", keys["units"])
            if 1.0 not in prefixes.values():
                reader.error("BBQ-T032", f"a prefix of {what} must have the factor 1", keys["prefixes"])
            factors = {p + unit: f * factor for unit, factor in factors.items() for p, f in prefixes.items()}
        elif 1.0 not in factors.values() and len(factors) > 1 and "canonical_unit" not in keys:
            reader.error("BBQ-T032", f"a unit of {what} must have the factor 1", keys["units"])
        found.units = factors

    @staticmethod
    def _factors(reader: Definitions, node: Node, what: str) -> dict[str, float]:
        found = {}
        for name, (_, value) in reader.entries(node, what).items():
            factor = data(value, reader.grammar.dialect)
            if isinstance(factor, (int, float)) and not isinstance(factor, bool):
                found[name] = float(factor)
            else:
                reader.error("BBQ-T040", f"{what}: the factor of {quoted(name)} must be a number, not {shape(value)}", value)
        return found
