"""Substitution mappings: what abstract node a service template can stand for, and when.

TOSCA 1.3 sections 2.10, 3.8.13; TOSCA 2.0 chapter 15.
"""

from __future__ import annotations

from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.tosca.constraints import OPERATORS
from bbq.tosca.functions import Owner
from bbq.tosca.model import Constraint, Function, NodeTemplate, ServiceTemplate, SubstitutionMapping, TypeDef
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.yamlreader import at

_WHAT = "the substitution mapping"


def read_substitution(templates: Templates, service: ServiceTemplate, node: Node) -> SubstitutionMapping | None:
    """The mapping; None (with an error) where the node type is unknown."""
    return _Reader(templates, service).read(node)


class _Reader:
    def __init__(self, templates: Templates, service: ServiceTemplate) -> None:
        self._templates = templates
        self._reader = templates.reader
        self._service = service

    def read(self, node: Node) -> SubstitutionMapping | None:
        reader = self._reader
        keys = reader.entity(node, "substitution mapping", "", node)
        type_def = self._templates.type_of(keys.get("node_type"), "node", _WHAT)
        if type_def is None:
            return None
        found = SubstitutionMapping(type_def.name, at(node))
        for name, (key, value) in reader.entries(keys.get("properties"), f"properties of {_WHAT}").items():
            if self._known(name, key, type_def.properties, "property", type_def):
                self._property(name, value, found)
        for name, (key, value) in reader.entries(keys.get("attributes"), f"attributes of {_WHAT}").items():
            if self._known(name, key, {**type_def.attributes, **type_def.properties}, "attribute", type_def):
                found.attributes[name] = self._attribute(value)
        for name, (key, value) in reader.entries(keys.get("capabilities"), f"capabilities of {_WHAT}").items():
            if self._known(name, key, type_def.capabilities, "capability", type_def):
                pair = self._pair(value, "capability")
                if pair is not None:
                    found.capabilities[name] = pair
        for name, key, value in self._requirements(keys.get("requirements")):
            if self._known(name, key, type_def.requirements, "requirement", type_def):
                pair = self._pair(value, "requirement")
                if pair is not None:
                    found.requirements[name] = pair
        self._interfaces(keys.get("interfaces"), type_def, found)
        for name, definition in self._service.inputs.items():
            if definition.required and not definition.has_default and name not in found.properties.values():
                message = f"no property of {quoted(type_def.name)} is mapped to the required input {quoted(name)}"
                reader.warning("BBQ-T092", message, definition.at)
        if "substitution_filter" in keys:
            found.filter = tuple(self._filter(keys["substitution_filter"], type_def))
        return found

    def _known(self, name: str, key: Node, known: Any, word: str, type_def: TypeDef) -> bool:
        if name in known:
            return True
        hint = nearest(name, known) or one_of(known)
        code = {"property": "BBQ-T041", "attribute": "BBQ-T041", "capability": "BBQ-T060", "requirement": "BBQ-T061"}[word]
        self._reader.error(code, f"{quoted(type_def.name)} has no {word} {quoted(name)} to map", key, hint)
        return False

    def _property(self, name: str, node: Node, found: SubstitutionMapping) -> None:
        """`p: [ input ]` or `p: { $get_input: ... }`; 1.3 also maps to a node's property, `p: [ node, property ]`."""
        reader = self._reader
        if isinstance(node, MappingNode):
            inner = {key.value: value for key, value in node.value}
            node = inner.get("mapping", inner.get("value", node))
        names = [text for text, _ in reader.strings(node, f"mapping of property {quoted(name)}", single=True)]
        if len(names) == 1:
            if names[0] in self._service.inputs:
                found.properties[name] = names[0]
            else:
                inputs = self._service.inputs
                reader.error("BBQ-T052", f"unknown input {quoted(names[0])}", node, nearest(names[0], inputs) or one_of(inputs))
        elif names and self._node(names[0], node) is not None:
            reader.warning(
                "BBQ-T090", f"property {quoted(name)} is mapped to a node's property, not to an input: not passed on", node
            )

    def _attribute(self, node: Node) -> Any:
        """`a: [ node, attribute ]` means get_attribute."""
        if isinstance(node, SequenceNode):
            path = self._reader.convert.value(node, Owner("substitution"))
            if len(path) < 2:
                self._reader.error("BBQ-T091", "an attribute is mapped to [ node template, attribute ]", node)
                return None
            function = Function("get_attribute", tuple(path), at(node))
            self._templates.uses.calls.append((function, Owner("substitution")))
            return function
        return self._reader.convert.value(node, Owner("substitution"))

    def _requirements(self, node: Node | None) -> list[tuple[str, Node, Node]]:
        """A map; 2.0 also allows a list of single-entry maps."""
        reader = self._reader
        blocks = list(node.value) if isinstance(node, SequenceNode) else [node]
        return [
            (name, key, value)
            for block in blocks
            for name, (key, value) in reader.entries(block, f"requirements of {_WHAT}").items()
        ]

    def _node(self, name: str, where: Node) -> NodeTemplate | None:
        nodes = self._service.node_templates
        if name not in nodes and name not in self._templates.broken:
            hint = nearest(name, nodes) or one_of(nodes)
            self._reader.error("BBQ-T053", f"{_WHAT}: no node template {quoted(name)}", where, hint)
        return nodes.get(name)

    def _pair(self, node: Node, word: str) -> tuple[str, str] | None:
        """`[ node template, capability or requirement ]`; 1.x also allows `{ mapping: [...] }`."""
        if isinstance(node, MappingNode):
            node = next((value for key, value in node.value if key.value == "mapping"), node)
        names = [text for text, _ in self._reader.strings(node, f"a {word} of {_WHAT}", single=True)]
        if not names:
            return None
        template = self._node(names[0], node)
        if template is None:
            return None
        if len(names) < 2:
            if word == "requirement" and {"select", "selectable"} & set(template.directives):
                return names[0], ""  # the selected node is the target itself
            self._reader.error("BBQ-T091", f"a {word} is mapped to [ node template, {word} ]", node)
            return None
        known = template.type.capabilities if word == "capability" else template.type.requirements
        if names[1] not in known:
            code = "BBQ-T060" if word == "capability" else "BBQ-T061"
            hint = nearest(names[1], known) or one_of(known)
            self._reader.error(code, f"node template {quoted(names[0])} has no {word} {quoted(names[1])}", node, hint)
            return None
        return names[0], names[1]

    def _interfaces(self, node: Node | None, type_def: TypeDef, found: SubstitutionMapping) -> None:
        for name, (key, body) in self._reader.entries(node, f"interfaces of {_WHAT}").items():
            interface = type_def.interfaces.get(name)
            if interface is None:
                hint = nearest(name, type_def.interfaces) or one_of(type_def.interfaces)
                self._reader.error("BBQ-T070", f"{quoted(type_def.name)} has no interface {quoted(name)} to map", key, hint)
                continue
            operations = {}
            for operation, (operation_key, value) in self._reader.entries(body, f"interface {quoted(name)} of {_WHAT}").items():
                if operation not in interface.operations:
                    hint = nearest(operation, interface.operations)
                    self._reader.error(
                        "BBQ-T071", f"interface {quoted(name)} has no operation {quoted(operation)}", operation_key, hint
                    )
                    continue
                workflow = self._reader.string(value, f"operation {quoted(operation)} of {_WHAT}")
                if workflow and workflow not in self._service.workflows:
                    hint = nearest(workflow, self._service.workflows)
                    self._reader.error("BBQ-T085", f"{_WHAT}: no workflow {quoted(workflow)}", value, hint)
                operations[operation] = workflow
            found.interfaces[name] = operations

    def _filter(self, node: Node, type_def: TypeDef) -> list[tuple[tuple[str, ...], Constraint]]:
        """1.3: a node filter (lists of property constraints). 2.0: a validation function, or the same short form.

        A function is given the path () - it names the properties itself.
        """
        reader = self._reader
        value = reader.convert.value(node)
        if isinstance(value, Function):
            return [((), Constraint("validation", value, at(node)))]
        found = []
        keys = reader.entity(node, "node filter", "", node)
        found += self._conditions(keys.get("properties"), type_def.properties, (), type_def)
        for item in self._single_maps(keys.get("capabilities")):
            for name, (key, body) in reader.entries(item, "a capability of the filter").items():
                definition = type_def.capabilities.get(name)
                if definition is None:
                    self._known(name, key, type_def.capabilities, "capability", type_def)
                    continue
                inner = {k: v for k, (_, v) in reader.entries(body, f"capability {quoted(name)} of the filter").items()}
                found += self._conditions(inner.get("properties"), definition.properties, (name,), type_def)
        return found

    def _single_maps(self, node: Node | None) -> list[Node]:
        return [node] if isinstance(node, MappingNode) else self._reader.items(node, "the filter")

    def _conditions(
        self, node: Node | None, known: Any, path: tuple[str, ...], type_def: TypeDef
    ) -> list[tuple[tuple[str, ...], Constraint]]:
        reader = self._reader
        found = []
        for item in self._single_maps(node):
            for name, (key, body) in reader.entries(item, "a condition of the filter").items():
                if not self._known(name, key, known, "property", type_def):
                    continue
                for clause in [body] if isinstance(body, (MappingNode, ScalarNode)) else reader.items(body, "a condition"):
                    found.append(((*path, name), self._condition(clause)))
        return found

    def _condition(self, node: Node) -> Constraint:
        """A 1.x clause, a 2.0 function, or a plain value that must be equal."""
        value = self._reader.convert.value(node)
        if isinstance(value, Function):
            return Constraint("validation", value, at(node))
        if isinstance(node, MappingNode) and len(node.value) == 1 and node.value[0][0].value in OPERATORS:
            key, argument = node.value[0]
            return Constraint(key.value, self._reader.convert.value(argument), at(node))
        return Constraint("equal", value, at(node))
