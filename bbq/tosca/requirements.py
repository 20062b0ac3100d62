"""Requirement assignments: short and long forms, targets and whether they fit, what the template leaves out.

TOSCA 1.3 section 3.8.2; TOSCA 2.0 sections 8.6 and 8.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.tosca.filters import read_filter
from bbq.tosca.fitting import Fitting, literal
from bbq.tosca.functions import Owner
from bbq.tosca.model import (
    Function,
    NodeTemplate,
    RequirementAssignment,
    RequirementDef,
    ServiceTemplate,
    SubstitutionMapping,
    TypeDef,
)
from bbq.tosca.nodes import RelationshipTemplate, Templates
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.schemas import canonical, find
from bbq.yamlreader import at, is_null

_DEPENDS_ON = "tosca.relationships.DependsOn"


class Requirements:
    """Reads the requirements of every node template of a service."""

    def __init__(
        self, templates: Templates, service: ServiceTemplate, relationships: Mapping[str, RelationshipTemplate]
    ) -> None:
        self._templates = templates
        self._reader = templates.reader
        self._nodes = service.node_templates
        self._relationships = relationships
        self._types = templates.types.found
        self._open: list[tuple[RequirementDef, NodeTemplate]] = []
        self._fitting = Fitting(templates, self._nodes)
        self._suiting: dict[tuple[str | None, str | None], list[NodeTemplate]] = {}

    def read(self) -> None:
        for node in self._nodes.values():
            start = self._templates.flaws.now
            self._node(node)
            self._templates.flaws.requirement(node.name, start)

    def _node(self, node: NodeTemplate) -> None:
        what = f"node template {quoted(node.name)}"
        definitions = node.type.requirements
        block = self._templates.bodies[node.name].get("requirements")
        for name, key, body in self._reader.listed(block, f"requirements of {what}", f"a requirement of {what}"):
            definition = definitions.get(name) or self._undeclared(name, key, body, what, definitions)
            if definition is not None:
                node.requirements.append(self._assignment(node, name, key, body, definition))
        if {"select", "selectable"} & set(node.directives):  # it exists already, with all that it needs
            return
        for name, definition in definitions.items():
            self._counted(node, [item for item in node.requirements if item.name == name], definition, what)

    def _counted(
        self, node: NodeTemplate, assigned: list[RequirementAssignment], definition: RequirementDef, what: str
    ) -> None:
        """How often a requirement is assigned: within its range, the optional ones and without them (2.0 section 8.5.4)."""
        name, (least, most) = definition.name, definition.occurrences
        if not assigned:
            if least > 0:
                node.requirements.append(self._unassigned(definition, node))
                self._open.append((definition, node))
            return
        if any(isinstance(item.wanted, Function) for item in assigned):
            return
        total = sum(item.count[0] for item in assigned)
        certain = sum(item.count[0] for item in assigned if not (item.optional and item.wanted_optional))
        if most is not None and total > most:
            self._reader.error(
                "BBQ-T064", f"{what} has {total} of requirement {quoted(name)}; at most {most} allowed", assigned[-1].at
            )
        elif certain < least:
            self._reader.error(
                "BBQ-T064", f"{what} has {certain} of requirement {quoted(name)}; at least {least} needed", node.at
            )

    def _undeclared(
        self, name: str, key: Node, body: Node, what: str, known: Mapping[str, RequirementDef]
    ) -> RequirementDef | None:
        """1.x templates in the wild assign requirements that no type defines; one that says everything itself, its target and
        its relationship, can be understood."""
        keys = {inner.value for inner, _ in body.value} if isinstance(body, MappingNode) else set()
        hint = nearest(name, known) or one_of(known)
        if not {"node", "relationship"} <= keys or self._reader.grammar.two:
            self._reader.error("BBQ-T061", f"{what} has no requirement {quoted(name)}", key, hint)
            return None
        self._reader.practice("BBQ-T202", f"{what} has no requirement {quoted(name)}; its own target is taken", key, hint)
        return RequirementDef(name, at(key))

    def _unassigned(self, definition: RequirementDef, node: NodeTemplate) -> RequirementAssignment:
        return RequirementAssignment(
            definition.name,
            node.at,
            node_type=definition.node,
            capability=definition.capability,
            relationship=definition.relationship,
            node_filter=definition.node_filter,
            assigned=False,
            count=definition.occurrences,
        )

    def report_open(self, substitution: SubstitutionMapping | None) -> None:
        """Warns where nothing here could be chosen for a requirement that the template leaves open, and nothing is mapped to
        it."""
        mappings = substitution.requirements if substitution is not None else ()
        mapped = {target for mapping in mappings for target in mapping.targets}
        for definition, node in self._open:
            others = any(other is not node for other in self._suitable(definition))
            if not others and (node.name, definition.name) not in mapped:
                wanted = definition.node or definition.capability or "any node"
                what = f"requirement {quoted(definition.name)} of node template {quoted(node.name)}"
                self._reader.warning("BBQ-T062", f"{what} is open, and nothing here is a {quoted(wanted)}", node.at)

    def _suitable(self, definition: RequirementDef) -> list[NodeTemplate]:
        """Two nodes that could be chosen, where there are as many: one may be the node that asks. Remembered, since thousands
        of nodes ask for the same."""
        key = definition.node, definition.capability
        if key not in self._suiting:
            found = (
                node
                for node in self._nodes.values()
                if (definition.node is None or definition.node in node.type.ancestry)
                and (
                    definition.capability is None
                    or any(self._fitting.is_a(item.type, definition.capability) for item in node.type.capabilities.values())
                )
            )
            self._suiting[key] = list(islice(found, 2))
        return self._suiting[key]

    def _assignment(
        self, node: NodeTemplate, name: str, key: Node, body: Node, definition: RequirementDef
    ) -> RequirementAssignment:
        reader = self._reader
        what = f"requirement {quoted(name)} of node template {quoted(node.name)}"
        found = RequirementAssignment(
            name,
            at(key),
            node_type=definition.node,
            capability=definition.capability,
            relationship=definition.relationship,
            node_filter=definition.node_filter,
            optional=definition.occurrences[0] == 0 and not reader.grammar.two,
        )
        if isinstance(body, (ScalarNode, SequenceNode)) and not is_null(body):
            keys: dict[str, Node] = {"node": body}
        else:
            keys = reader.entity(body, "requirement assignment", name, key)
        if "node" in keys:
            self._target(keys["node"], found, what, node)
        if "capability" in keys:
            self._capability(keys["capability"], found, what)
        if "relationship" in keys:
            self._relationship(keys["relationship"], found, node, what, key)
        else:
            self._properties(None, None, found, node, what, key, complete=False)
        if "properties" in keys:  # a common 1.x spelling of the relationship's properties
            self._properties(keys["properties"], None, found, node, what, key)
        if "node_filter" in keys:
            found.node_filter = read_filter(
                reader,
                keys["node_filter"],
                what,
                Owner("filter", node.name, found.node, found.relationship, found.node_type, found.capability),
                self._target_type(found),
                self._templates.checker,
            )
        if "optional" in keys:
            found.wanted_optional = reader.boolean(keys["optional"], f"`optional` of {what}", False)
            found.optional = found.wanted_optional
        count = keys.get("count") or keys.get("occurrences")
        if count is not None:
            self._count(count, found, what, node, definition)
        found.directives = self._templates.directives(keys.get("directives"), what, ("internal", "external"))
        self._fitting.check(node, found, definition, {"": key, **keys}, what)
        return found

    def _count(
        self, node: Node, found: RequirementAssignment, what: str, owner: NodeTemplate, definition: RequirementDef
    ) -> None:
        """2.0: how many relationships; 1.3: a range of them."""
        value = self._reader.convert.value(node, Owner("node", owner.name))
        if isinstance(value, Function):
            found.wanted, found.count = value, (0, None)
        elif type(value) is int and value >= 0:
            found.wanted, found.count = value, (value, value)
        elif self._reader.grammar.two:
            hint = self._reader.convert.other_spelling(node)
            self._reader.error("BBQ-T014", f"count of {what} must be a whole number from 0 on, or a function", node, hint)
        else:
            found.count = self._reader.bounds(node, f"occurrences of {what}", (1, 1))
            most = definition.occurrences[1]
            if most is not None and (found.count[1] is None or found.count[1] > most):
                text = f"{what} may occur {found.count[1] or 'any number of'} times; its type allows at most {most}"
                self._reader.practice("BBQ-T064", text, node)

    def _target(self, node: Node, found: RequirementAssignment, what: str, owner: NodeTemplate) -> None:
        """A node template, `[ node template, index ]` (2.0), or a node type of which one is to be found."""
        reader = self._reader
        if isinstance(node, SequenceNode) and reader.grammar.two:
            if len(node.value) != 2:
                reader.error("BBQ-T213", f"target of {what} is a node template's name, or [ name, index ]", node)
            elif isinstance(node.value[0], ScalarNode):
                self._index(node.value[1], node.value[0].value, found, what, owner)
            if not node.value:
                return
            node = node.value[0]
        name = reader.string(node, f"target of {what}")
        if not name:
            return
        if name in self._nodes:
            found.node = name
            return
        if name in self._templates.broken:  # exists, and has an error of its own
            return
        declaration = find(reader.unit, "node", name)
        if declaration is not None:
            found.node_type = canonical(declaration)
            return
        known = [*self._nodes, *self._templates.broken]
        hint = nearest(name, known) or one_of(known)
        reader.error("BBQ-T053", f"{what}: no node template or node type {quoted(name)}", node, hint)

    def _index(self, node: Node, name: str, found: RequirementAssignment, what: str, owner: NodeTemplate) -> None:
        """Which of the nodes that are made from a template, counted from 0."""
        value = self._reader.convert.value(node, Owner("relationship", owner.name, type=found.relationship))
        if not isinstance(value, Function) and not (type(value) is int and value >= 0):
            self._reader.error("BBQ-T213", f"index of {what} must be a whole number from 0 on, or a function", node)
            return
        found.index = value
        count = literal(self._nodes[name].count) if name in self._nodes else None
        if isinstance(value, int) and count is not None and value >= count:
            message = f"{what}: there is no {quoted(name)} number {value}; the template makes {count}, counted from 0"
            self._reader.error("BBQ-T213", message, node)

    def _capability(self, node: Node, found: RequirementAssignment, what: str) -> None:
        name = self._reader.string(node, f"capability of {what}")
        if not name:
            return
        declaration = find(self._reader.unit, "capability", name)
        target = self._target_type(found)
        if declaration is not None:
            found.capability = canonical(declaration)
        elif target is None or name in target.capabilities:
            found.capability = name
        else:
            known = list(target.capabilities)
            hint = nearest(name, known) or one_of(known)
            self._reader.error("BBQ-T060", f"{what}: {quoted(target.name)} has no capability {quoted(name)}", node, hint)

    def _target_type(self, found: RequirementAssignment) -> TypeDef | None:
        if found.node is not None:
            return self._nodes[found.node].type
        return self._types.get(("node", found.node_type)) if found.node_type is not None else None

    def _relationship(self, node: Node, found: RequirementAssignment, source: NodeTemplate, what: str, key: Node) -> None:
        reader = self._reader
        if isinstance(node, MappingNode):
            keys = reader.entity(node, "relationship in a requirement", "", key)
            if "type" in keys:
                self._relationship_name(keys["type"], found, what)
            self._properties(keys.get("properties"), keys.get("interfaces"), found, source, what, key)
            return
        self._relationship_name(node, found, what)
        if found.relationship_template is None:
            self._properties(None, None, found, source, what, key)

    def _relationship_name(self, node: Node, found: RequirementAssignment, what: str) -> None:
        name = self._reader.string(node, f"relationship of {what}")
        template = self._relationships.get(name)
        if template is not None and self._reader.grammar.two and find(self._reader.unit, "relationship", name) is not None:
            template = None  # 2.0 section 8.5.2: a type comes first
        if template is not None:
            found.relationship, found.relationship_template = template.type, name
            found.properties, found.interfaces = dict(template.properties), dict(template.interfaces)
        elif name:
            found.relationship = self._reader.named(name, node, "relationship", what) or found.relationship

    def _properties(
        self,
        properties: Node | None,
        interfaces: Node | None,
        found: RequirementAssignment,
        source: NodeTemplate,
        what: str,
        key: Node,
        *,
        complete: bool = True,
    ) -> None:
        type_def = self._types.get(("relationship", found.relationship or _DEPENDS_ON))
        if type_def is None:
            return
        owner = Owner("relationship", source.name, found.node, found.relationship)
        title = f"the relationship of {what}"
        template = self._relationships.get(found.relationship_template or "")
        given: dict[str, Any] = self._templates.assign(
            properties, type_def.properties, "property", title, key, owner, complete=complete and template is None
        )
        found.properties = {**given, **(template.properties if template is not None else {}), **found.properties}
        if interfaces is not None:
            found.interfaces = self._templates.interfaces.assignments(interfaces, title, type_def, owner)
