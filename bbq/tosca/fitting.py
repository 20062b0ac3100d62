"""Whether what a requirement is given fits: target, capability, relationship, allocation.

TOSCA 1.3 sections 3.7.3 and 3.8.2; TOSCA 2.0 sections 7.3, 8.1, 8.4 and 8.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yaml import Node

from bbq.tosca.checker import Checker
from bbq.tosca.functions import Owner
from bbq.tosca.model import CapabilityDef, NodeTemplate, RequirementAssignment, RequirementDef, Schema, TypeDef
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.units import SCALAR_UNITS

_COUNTABLE: Final = frozenset(("integer", "float", "scalar")) | frozenset(SCALAR_UNITS)


class Fitting:
    """Checks the requirement assignments of one service template."""

    def __init__(self, templates: Templates, nodes: Mapping[str, NodeTemplate]) -> None:
        self._templates = templates
        self._reader = templates.reader
        self._nodes = nodes
        self._types = templates.types.found
        self._checker = Checker(self._types)

    def check(
        self, source: NodeTemplate, found: RequirementAssignment, definition: RequirementDef, keys: dict[str, Node], what: str
    ) -> None:
        """`keys` give the places; the short form has its target at "node", everything else at ""."""
        key = keys[""]
        fits = self._refined("node", found.node_type, definition.node, keys.get("node", key), what)
        fits &= self._refined("relationship", found.relationship, definition.relationship, keys.get("relationship", key), what)
        fits &= self._kept(found, definition, keys, what)
        if not fits and self._reader.grammar.two:
            return
        target = self._nodes.get(found.node) if found.node is not None else None
        offered = self._offered(target, found, definition) if target is not None else []
        if target is not None:
            if not self._target(source, target, found, definition, offered, keys.get("node", key), what):
                return
            if fits:
                offered = self._related(source, target, found, offered, keys.get("relationship", keys.get("node", key)), what)
        if "allocation" in keys:
            self._allocation(found, offered, keys["allocation"], source, what)

    def _refined(self, kind: str, name: str | None, before: str | None, node: Node, what: str) -> bool:
        """An assignment names the type of its definition, or one that derives from it."""
        type_def = self._types.get((kind, name or ""))
        if name is None or before is None or name == before or type_def is None or before in type_def.ancestry:
            return True
        message = f"{what} takes a {kind} of type {quoted(before)}; {quoted(name)} does not derive from it"
        self._reader.practice("BBQ-T215", message, node)
        return False

    def _kept(self, found: RequirementAssignment, definition: RequirementDef, keys: dict[str, Node], what: str) -> bool:
        """A capability that the definition names cannot be exchanged for another, nor its type for one of another ancestry."""
        given, wanted = found.capability, definition.capability
        if "capability" not in keys or given is None or wanted is None or given == wanted or not self._reader.grammar.two:
            return True
        type_def = self._types.get(("capability", given))
        if ("capability", wanted) not in self._types:
            self._reader.error("BBQ-T215", f"{what} is defined for capability {quoted(wanted)}", keys["capability"])
            return False
        if type_def is not None and wanted not in type_def.ancestry:
            message = f"{what} takes a capability of type {quoted(wanted)}; {quoted(given)} does not derive from it"
            self._reader.error("BBQ-T215", message, keys["capability"])
            return False
        return True

    def _offered(self, target: NodeTemplate, found: RequirementAssignment, definition: RequirementDef) -> list[CapabilityDef]:
        """Capabilities of the target that are of the wanted name or type."""
        return [
            item
            for item in target.type.capabilities.values()
            if all(
                wanted in (None, item.name) or self.is_a(item.type, str(wanted))
                for wanted in (found.capability, definition.capability)
            )
        ]

    def _target(
        self,
        source: NodeTemplate,
        target: NodeTemplate,
        found: RequirementAssignment,
        definition: RequirementDef,
        offered: list[CapabilityDef],
        where: Node,
        what: str,
    ) -> bool:
        reader = self._reader
        if not offered:
            wanted = found.capability or definition.capability
            if target is source and not reader.grammar.two:
                # What published NFV descriptors write for a requirement of an abstract node: whatever stands for it maps it.
                message = f"{what} names the node itself, which has no capability {quoted(wanted)}: it is left open"
                reader.practice("BBQ-T063", message, where)
                found.node, found.optional = None, True
                return False
            message = f"{what} needs a capability {quoted(wanted)}; {quoted(target.name)} has none"
            # 1.0 to 1.2 ask for a Container where 1.3 asks for Compute.
            hosted = wanted == "tosca.capabilities.Compute" and any(
                self.is_a(item.type, "tosca.capabilities.Container") for item in target.type.capabilities.values()
            )
            # Software on software means: on the same server.
            hosted = hosted or (definition.name == "host" and "host" in target.type.requirements)
            report = reader.practice if hosted else reader.error
            report("BBQ-T063", message, where, self._hint(str(wanted)))
            return False
        if definition.node is not None and definition.node not in target.type.ancestry:
            message = (
                f"{what} needs a node of type {quoted(definition.node)}; {quoted(target.name)} is a {quoted(target.type.name)}"
            )
            reader.practice("BBQ-T063", message, where)  # 1.x templates often host an application straight on a server
            return False
        sources = [item.valid_source_types for item in offered]
        if all(names and not any(name in source.type.ancestry for name in names) for names in sources):
            names = ", ".join(quoted(name) for name in offered[0].valid_source_types)
            message = f"{what}: capability {quoted(offered[0].name)} of {quoted(target.name)} is meant for {names}"
            reader.warning("BBQ-T063", message, where)
        return True

    def _related(
        self,
        source: NodeTemplate,
        target: NodeTemplate,
        found: RequirementAssignment,
        offered: list[CapabilityDef],
        where: Node,
        what: str,
    ) -> list[CapabilityDef]:
        """The offered capabilities that the relationship may lead to, by the `valid_...` of both types."""
        type_def = self._types.get(("relationship", found.relationship or ""))
        if type_def is None:
            return offered
        report = self._reader.practice
        title = f"{what}: relationship type {quoted(type_def.name)}"
        for names, node, word in (
            (type_def.valid_sources, source, "from"),
            (type_def.valid_target_nodes, target, "to"),
        ):
            if names and not set(names) & set(node.type.ancestry):
                report("BBQ-T215", f"{title} leads {word} {_list(names)}, not {quoted(node.type.name)}", where)
                return []
        fitting = [item for item in offered if self._leads(type_def, item)]
        if not fitting:
            if type_def.valid_targets and not any(self._is_valid(type_def, item) for item in offered):
                text = f"{title} leads to {_list(type_def.valid_targets)}, not to {quoted(offered[0].type)}"
            else:
                names = offered[0].valid_relationship_types
                text = f"{title} is none that capability {quoted(offered[0].name)} allows: {_list(names)}"
            report("BBQ-T215", text, where)
        return fitting

    def _is_valid(self, relationship: TypeDef, capability: CapabilityDef) -> bool:
        valid = relationship.valid_targets
        return not valid or any(self.is_a(capability.type, name) or ("node", name) in self._types for name in valid)

    def _leads(self, relationship: TypeDef, capability: CapabilityDef) -> bool:
        allowed = capability.valid_relationship_types
        return self._is_valid(relationship, capability) and (not allowed or bool(set(allowed) & set(relationship.ancestry)))

    def _allocation(
        self,
        found: RequirementAssignment,
        offered: list[CapabilityDef],
        node: Node,
        source: NodeTemplate,
        what: str,
    ) -> None:
        """2.0 section 8.5.5: shares of numbers and scalars of the target's capability."""
        reader = self._reader
        # What another target than a node template offers may be of a derived type, with more properties.
        capability = offered[0] if offered else None
        for name, (key, value) in reader.entries(node, f"the allocation of {what}").items():
            owner = Owner("relationship", source.name, found.node, found.relationship)
            if capability is None:
                found.allocation[name] = reader.convert.value(value, owner)
                continue
            known = capability.properties.get(name)
            if known is None:
                hint = nearest(name, capability.properties) or one_of(capability.properties)
                message = f"{what} allocates {quoted(name)}, which capability {quoted(capability.name)} does not have"
                reader.error("BBQ-T214", message, key, hint)
                continue
            if self._checker.base(known.schema.type) not in _COUNTABLE:
                message = f"{what} allocates {quoted(name)}, a {known.schema.type}; only numbers and scalars have shares"
                reader.error("BBQ-T214", message, key)
                continue
            title = f"allocation {quoted(name)} of {what}"
            found.allocation[name] = reader.assigned(self._checker, value, Schema(known.schema.type), title, owner)

    def is_a(self, type_name: str, wanted: str) -> bool:
        """Whether a capability type is another one or derives from it."""
        found = self._types.get(("capability", type_name))
        return found is not None and wanted in found.ancestry

    def _hint(self, capability: str) -> str | None:
        names = [
            node.name
            for node in self._nodes.values()
            if any(self.is_a(item.type, capability) for item in node.type.capabilities.values())
        ]
        return "offered by: " + ", ".join(map(quoted, names[:5])) if names else None


def literal(value: Any) -> int | None:
    """A count or index that is known: None for a function."""
    return value if type(value) is int else None


def _list(names: tuple[str, ...]) -> str:
    return " or ".join(map(quoted, names))
