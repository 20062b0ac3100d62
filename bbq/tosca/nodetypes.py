"""What node types (and group types before 1.3) offer and ask for: capabilities, requirements, artifacts.

TOSCA 1.3 sections 3.7.2, 3.7.3 and 3.7.9; TOSCA 2.0 sections 7.1, 8.2 and 8.4.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yaml import MappingNode, Node, ScalarNode

from bbq.tosca.artifacts import read_artifact
from bbq.tosca.filters import read_filter
from bbq.tosca.interfaces import Interfaces
from bbq.tosca.model import CapabilityDef, Function, RequirementDef, TypeDef
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.schemas import Definitions, canonical, find
from bbq.yamlreader import at, is_null

if TYPE_CHECKING:
    from bbq.tosca.types import Types


class NodeTypes:
    """Reads the definitions of one file's node types."""

    def __init__(self, types: Types, reader: Definitions) -> None:
        self._types = types
        self._reader = reader
        self._two = reader.grammar.two

    def read(self, keys: dict[str, Node], found: TypeDef, what: str) -> None:
        """Capabilities, requirements and artifacts, over the inherited ones, into `found`."""
        reader = self._reader
        for name, (key, body) in reader.entries(keys.get("capabilities"), f"capabilities of {what}").items():
            capability = self._capability(name, key, body, found.capabilities.get(name), what)
            if capability is not None:
                found.capabilities[name] = capability
        self._requirements(keys.get("requirements"), found, what)
        for name, (key, body) in reader.entries(keys.get("artifacts"), f"artifacts of {what}").items():
            artifact = read_artifact(reader, name, key, body, what, lambda type_name: self._types.named("artifact", type_name))
            if artifact is not None:
                found.artifacts[name] = artifact

    # Capabilities

    def _capability(self, name: str, key: Node, body: Node, old: CapabilityDef | None, what: str) -> CapabilityDef | None:
        from bbq.tosca.types import type_names

        reader = self._reader
        title = f"capability {quoted(name)} of {what}"
        keys: dict[str, Node] = (
            {"type": body} if isinstance(body, ScalarNode) else reader.entity(body, "capability definition", name, key)
        )
        if "type" in keys:
            type_name = self._capability_type(keys["type"], title)
        else:
            type_name = old.type if old is not None else None
            if old is None:
                reader.lacks("type", body, title, key)
        if type_name is None:
            return None
        base = self._types.named("capability", type_name)
        if old is not None and base is not None and old.type not in base.ancestry:
            reader.refinement(
                f"{title} is of type {quoted(old.type)} in the parent type; {quoted(type_name)} does not derive from it",
                keys["type"],
            )
        origin = base if base is not None and (old is None or old.type != type_name) else old
        found = CapabilityDef(name, type_name, at(key))
        self._no_new(keys.get("properties"), "property", base.properties if base else {}, title, type_name)
        self._no_new(keys.get("attributes"), "attribute", base.attributes if base else {}, title, type_name)
        found.properties = reader.parameters(
            keys.get("properties"), "property definition", title, origin.properties if origin else {}
        )
        found.attributes = reader.parameters(
            keys.get("attributes"), "attribute definition", title, origin.attributes if origin else {}
        )
        sources = keys.get("valid_source_types") or keys.get("valid_source_node_types")
        if sources is not None:
            kinds = ("node", "capability")
            found.valid_source_types = type_names(reader, sources, kinds, f"valid source types of {title}", narrowing=True)
            self._types.narrowed(
                reader, base.valid_sources if base else (), found.valid_source_types, kinds, sources, f"sources of {title}"
            )
        elif old is not None:
            found.valid_source_types = old.valid_source_types
        elif base is not None and self._two:
            found.valid_source_types = base.valid_sources
        relationships = keys.get("valid_relationship_types")
        if relationships is not None:
            what_list = f"valid_relationship_types of {title}"
            found.valid_relationship_types = type_names(reader, relationships, ("relationship",), what_list)
            before = base.valid_relationships if base else ()
            self._types.narrowed(reader, before, found.valid_relationship_types, ("relationship",), relationships, what_list)
        else:
            found.valid_relationship_types = (
                old.valid_relationship_types if old is not None else base.valid_relationships if base else ()
            )
        found.occurrences = reader.bounds(keys.get("occurrences"), f"occurrences of {title}", (0, None))
        found.description = reader.description(keys, title) or (old.description if old is not None else "")
        return found

    def _no_new(self, node: Node | None, word: str, known: dict[str, Any], title: str, type_name: str) -> None:
        """2.0: the definition of a capability or a relationship refines what its type has, and adds nothing."""
        if not self._two:
            return
        for name, (key, _) in self._reader.entries(node, f"{word} refinements of {title}").items():
            if name not in known:
                hint = nearest(name, known) or one_of(known)
                message = f"{title}: {quoted(type_name)} has no {word} {quoted(name)} to refine"
                self._reader.error("BBQ-T041", message, key, hint)

    def _capability_type(self, node: Node, title: str) -> str | None:
        """In an imported library of 1.x types an unknown type counts where a template uses the capability: it is not there."""
        reader = self._reader
        name = reader.string(node, title)
        unit = reader.unit
        known = not name or find(unit, "capability", name) is not None
        if known or unit.main or unit.incomplete or self._two:
            return reader.named(name, node, "capability", title) if name else None
        reader.practice("BBQ-T204", f"unknown capability type {quoted(name)} in {title}, which nodes therefore lack", node)
        return None

    # Requirements

    def _requirements(self, node: Node | None, found: TypeDef, what: str) -> None:
        reader = self._reader
        own: dict[str, RequirementDef] = {}
        for name, key, body in reader.listed(node, f"requirements of {what}", f"a requirement of {what}"):
            definition = self._requirement(name, key, body, found.requirements.get(name), what)
            if name in own:
                place = ((own[name].at, "first definition"),)
                reader.practice("BBQ-Y009", f"requirement {quoted(name)} of {what} is defined twice", key, None, place)
                continue
            own[name] = definition
        found.requirements.update(own)

    def _requirement(self, name: str, key: Node, body: Node, old: RequirementDef | None, what: str) -> RequirementDef:
        reader = self._reader
        title = f"requirement {quoted(name)} of {what}"
        # TOSCA 1.3 section 3.7.3: once; TOSCA 2.0 section 8.4: any number of times.
        count: tuple[int, int | None] = (0, None) if self._two else (1, 1)
        result = replace(old, at=at(key)) if old is not None else RequirementDef(name, at(key), occurrences=count)
        if isinstance(body, ScalarNode) and not is_null(body):
            keys: dict[str, Node] = {"capability": body}
        else:
            keys = reader.entity(body, "requirement definition", name, key)
        if old is None and self._two and (not isinstance(body, ScalarNode) or is_null(body)):
            for keyname in ("capability", "relationship"):
                if keyname not in keys:
                    reader.lacks(keyname, body, title, key)
        if "node" in keys:
            result.node = reader.type_name(keys["node"], "node", title) or result.node
            self._derives("node", result.node, old.node if old else None, keys["node"], title)
        if "capability" in keys:
            result.capability = self._capability_or_name(keys["capability"], result, keys.get("node"), title)
            self._derives("capability", result.capability, old.capability if old else None, keys["capability"], title)
        if "relationship" in keys:
            self._relationship(keys["relationship"], result, name, key, title)
            self._derives("relationship", result.relationship, old.relationship if old else None, keys["relationship"], title)
        if "node_filter" in keys:
            own = read_filter(reader, keys["node_filter"], title, None)
            before = result.node_filter
            both = isinstance(before, Function) and isinstance(own, Function)
            result.node_filter = Function("and", (before, own), at(keys["node_filter"])) if both else own
        self._count(keys, result, old, title)
        result.description = reader.description(keys, title) or result.description
        return result

    def _count(self, keys: dict[str, Node], result: RequirementDef, old: RequirementDef | None, title: str) -> None:
        node = keys.get("count_range") or keys.get("occurrences")
        if node is None:
            return
        result.occurrences = self._reader.bounds(node, f"occurrences of {title}", result.occurrences)
        if old is None or not self._two:
            return
        (low, high), (least, most) = result.occurrences, old.occurrences
        if low < least or (most is not None and (high is None or high > most)):
            limits = f"[ {least}, {'UNBOUNDED' if most is None else most} ]"
            self._reader.refinement(f"the range of {title} is not within {limits}, that of the parent type", node)

    def _derives(self, kind: str, name: str | None, before: str | None, node: Node, title: str) -> None:
        """2.0 section 8.4.1: a refinement names the same type or a derived one."""
        if not self._two or name is None or before is None or name == before:
            return
        found = self._types.named(kind, name)
        if found is None or before not in found.ancestry:
            self._reader.refinement(
                f"the {kind} of {title} is {quoted(before)} in the parent type; {quoted(name)} does not derive from it", node
            )

    def _relationship(self, node: Node, result: RequirementDef, name: str, key: Node, title: str) -> None:
        """A type's name, or a definition that refines the type's properties and interfaces."""
        reader = self._reader
        keys: dict[str, Node] = {"type": node}
        if isinstance(node, MappingNode):
            keys = reader.entity(node, "relationship in a requirement definition", name, key)
        if "type" in keys:
            result.relationship = reader.type_name(keys["type"], "relationship", title) or result.relationship
        base = self._types.named("relationship", result.relationship) if result.relationship is not None else None
        if base is None:
            return
        what = f"the relationship of {title}"
        if "properties" in keys:
            self._no_new(keys["properties"], "property", base.properties, what, base.name)
            before = base.properties | result.properties
            result.properties = reader.parameters(keys["properties"], "property definition", what, before)
        if "interfaces" in keys:
            interfaces = Interfaces(reader, self._types.of)
            result.interfaces = interfaces.definitions(keys["interfaces"], what, base.interfaces | result.interfaces, base)

    def _capability_or_name(self, node: Node, old: RequirementDef, target: Node | None, title: str) -> str | None:
        """A capability type; or, where the target's node type is known, the name of one of its capabilities."""
        reader = self._reader
        name = reader.string(node, f"capability of {title}")
        if not name:
            return old.capability
        found = find(reader.unit, "capability", name)
        if found is not None:
            return canonical(found)
        declared = find(reader.unit, "node", target.value) if isinstance(target, ScalarNode) else None
        if declared is not None:
            if self._types.is_open(declared) or name in self._types.of(declared).capabilities:
                return name
        elif old.node is not None:
            inherited = self._types.named("node", old.node)
            if inherited is not None and name in inherited.capabilities:
                return name
        reader.named(name, node, "capability", title)
        return old.capability
