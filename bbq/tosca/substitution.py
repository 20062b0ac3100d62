"""Substitution mappings: what abstract node a service template can stand for, and when.

TOSCA 1.3 sections 2.10, 3.8.13; TOSCA 2.0 chapter 15.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.tosca.constraints import OPERATORS
from bbq.tosca.functions import Owner
from bbq.tosca.model import (
    CapabilityDef,
    Constraint,
    Function,
    NodeTemplate,
    Path,
    RequirementMapping,
    Schema,
    ServiceTemplate,
    SubstitutionMapping,
    TypeDef,
)
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.yamlreader import ListKey, at

_WHAT = "the substitution mapping"


def read_substitution(templates: Templates, service: ServiceTemplate, node: Node) -> SubstitutionMapping | None:
    """The mapping; None (with an error) where the node type is unknown."""
    return _Reader(templates, service).read(node)


class _Reader:
    def __init__(self, templates: Templates, service: ServiceTemplate) -> None:
        self._templates = templates
        self._outputs: list[tuple[str, Node, Path]] = []
        self._type: TypeDef | None = None
        self._reader = templates.reader
        self._service = service

    def read(self, node: Node) -> SubstitutionMapping | None:
        reader = self._reader
        keys = reader.entity(node, "substitution mapping", "", node)
        type_def = self._templates.type_of(keys.get("node_type"), "node", _WHAT)
        if type_def is None:
            return None
        found = SubstitutionMapping(type_def.name, at(node))
        self._type = type_def
        two = reader.grammar.two
        for _, (key, value) in reader.entries(keys.get("properties"), f"properties of {_WHAT}", lists=two).items():
            path = self._path(key, type_def, "property")
            if path is not None:
                self._property(path, value, found)
        for _, (key, value) in reader.entries(keys.get("attributes"), f"attributes of {_WHAT}", lists=two).items():
            path = self._path(key, type_def, "attribute")
            if path is not None:
                found.attributes[path] = self._attribute(value, path)
        for name, (key, value) in reader.entries(keys.get("capabilities"), f"capabilities of {_WHAT}").items():
            if self._known(name, key, type_def.capabilities, "capability", type_def):
                pair = self._pair(value, "capability")
                if pair is not None:
                    found.capabilities[name] = pair
                    self._same_capability(type_def.capabilities[name].type, pair, value)
        found.requirements = self._requirements(keys.get("requirements"), type_def)
        self._interfaces(keys.get("interfaces"), type_def, found)
        for name, definition in self._service.inputs.items():
            if definition.required and not definition.has_default and name not in found.properties.values():
                message = f"no property of {quoted(type_def.name)} is mapped to the required input {quoted(name)}"
                reader.warning("BBQ-T092", message, definition.at)
        for name, place, path in self._outputs:
            if name not in self._service.outputs:
                hint = nearest(name, self._service.outputs) or one_of(self._service.outputs)
                reader.error("BBQ-T206", f"{_WHAT}: no output {quoted(name)}", place, hint)
            else:
                output = self._service.outputs[name].schema
                self._fits(output, self._schema(path), f"output {quoted(name)}", place, path)
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

    def _path(self, key: Node, type_def: TypeDef, word: str) -> Path | None:
        """What of the abstract node is mapped (2.0 sections 15.2 and 15.3): a name, or the path to one in a capability or in
        the relationship of a requirement; None (with an error) where the node has nothing there."""
        reader = self._reader

        def named(name: str, properties: Any, attributes: Any) -> bool:
            return self._known(name, key, properties if word == "property" else {**attributes, **properties}, word, type_def)

        if not isinstance(key, ListKey):
            name = str(key.value)
            return (name,) if named(name, type_def.properties, type_def.attributes) else None
        first, *rest = (item.value for item in key.items)
        if first == "CAPABILITY" and len(rest) == 2:
            capability = type_def.capabilities.get(rest[0])
            if capability is None:
                self._known(rest[0], key, type_def.capabilities, "capability", type_def)
                return None
            return (first, *rest) if named(rest[1], capability.properties, capability.attributes) else None
        index = rest[1] if len(rest) == 3 else "0"
        if first == "RELATIONSHIP" and len(rest) in (2, 3) and (index == "ALL" or index.isdecimal()):
            if not self._known(rest[0], key, type_def.requirements, "requirement", type_def):
                return None
            relationship = type_def.requirements[rest[0]].relationship
            found = self._templates.types.found.get(("relationship", relationship or ""))
            if found is not None and not named(rest[-1], found.properties, found.attributes):
                return None
            return first, rest[0], index if index == "ALL" else int(index), rest[-1]
        message = (
            f"{word} {quoted(key.value)} is neither [ CAPABILITY, name, {word} ] nor [ RELATIONSHIP, name, index, {word} ]"
        )
        reader.error("BBQ-T091", message, key)
        return None

    def _property(self, path: Path, node: Node, found: SubstitutionMapping) -> None:
        """`p: input`, `p: [ input ]` or `p: { $get_input: ... }`; 1.3 also maps to a node's own, `p: [ node, property ]`."""
        reader = self._reader
        what = quoted(".".join(map(str, path)))
        if isinstance(node, MappingNode):
            inner = {key.value.removeprefix("$"): value for key, value in node.value}
            node = inner.get("mapping", inner.get("get_input", inner.get("value", node)))
        names = [text for text, _ in reader.strings(node, f"mapping of property {what}", single=True)]
        if len(names) == 1:
            if names[0] in self._service.inputs:
                found.properties[path] = names[0]
                self._fits(self._schema(path), self._service.inputs[names[0]].schema, f"property {what}", node, path)
            else:
                inputs = self._service.inputs
                reader.error("BBQ-T052", f"unknown input {quoted(names[0])}", node, nearest(names[0], inputs) or one_of(inputs))
        elif names and self._node(names[0], node) is not None:
            reader.warning("BBQ-T090", f"property {what} is mapped to a node's property, not to an input: not passed on", node)

    def _schema(self, path: Path) -> Schema | None:
        """Of what `path` leads to; a list of them where it goes through all relationships."""
        fields: TypeDef | CapabilityDef | None = self._type
        if path[0] == "CAPABILITY" and len(path) == 3 and self._type is not None:
            fields = self._type.capabilities.get(str(path[1]))
        elif path[0] == "RELATIONSHIP" and len(path) == 4 and self._type is not None:
            relationship = self._type.requirements[str(path[1])].relationship
            fields = self._templates.types.found.get(("relationship", relationship or ""))
        if fields is None:
            return None
        definition = {**fields.attributes, **fields.properties}.get(str(path[-1]))
        if definition is None:
            return None
        return Schema("list", entry=definition.schema) if "ALL" in path[2:3] else definition.schema

    def _fits(self, given: Schema | None, wanted: Schema | None, what: str, node: Node, path: Path) -> None:
        """2.0 sections 15.2 and 15.3: mappings are type-compatible."""
        if given is None or wanted is None or "any" in (given.type, wanted.type):
            return
        found = self._templates.types.found.get(("data", given.type))
        names = found.ancestry if found is not None else (given.type,)
        if wanted.type in names or (wanted.type == "float" and "integer" in names):
            if given.type == wanted.type:
                self._fits(given.entry, wanted.entry, f"an entry of {what}", node, path)
            return
        message = f"{what} is a {given.type}, and mapped to a {wanted.type}"
        self._reader.practice("BBQ-T091", message, node)

    def _same_capability(self, wanted: str, pair: tuple[str, str], node: Node) -> None:
        inner = self._service.node_templates[pair[0]].type.capabilities.get(pair[1])
        found = self._templates.types.found.get(("capability", inner.type)) if inner is not None else None
        if found is not None and wanted not in found.ancestry:
            what = f"capability {quoted(pair[1])} of {quoted(pair[0])}"
            message = f"{what} is a {quoted(found.name)}, and stands for a {quoted(wanted)}"
            self._reader.warning("BBQ-T091", message, node)

    def _attribute(self, node: Node, path: Path) -> Any:
        """An output's name; `a: [ node, attribute ]` means get_attribute."""
        reader = self._reader
        if isinstance(node, ScalarNode) and reader.grammar.two:
            name = reader.string(node, f"an attribute of {_WHAT}")
            if name and not name.startswith("$"):
                self._outputs.append((name, node, path))
                return name
        if isinstance(node, SequenceNode):
            path = self._reader.convert.value(node, Owner("substitution"))
            if len(path) < 2:
                self._reader.error("BBQ-T091", "an attribute is mapped to [ node template, attribute ]", node)
                return None
            function = Function("get_attribute", tuple(path), at(node))
            self._templates.uses.calls.append((function, Owner("substitution"), None))
            return function
        return self._reader.convert.value(node, Owner("substitution"))

    def _requirements(self, node: Node | None, type_def: TypeDef) -> list[RequirementMapping]:
        """1.x: a map. 2.0 (section 15.5): a list of single-entry maps, whose key may be [ requirement, count ]; a map, too."""
        reader = self._reader
        two = reader.grammar.two
        blocks = list(node.value) if isinstance(node, SequenceNode) else [node]
        found: list[RequirementMapping] = []
        for block in blocks:
            for _, (key, value) in reader.entries(block, f"requirements of {_WHAT}", lists=two).items():
                name, count = self._counted(key)
                if count == 0 or not self._known(name, key, type_def.requirements, "requirement", type_def):
                    continue
                targets = tuple(pair for pair in map(self._requirement, self._targets(value)) if pair is not None)
                if targets:
                    found.append(RequirementMapping(name, at(key), targets, count))
        names = [item.name for item in found]
        # One mapping alone takes every assignment; of several each takes its share.
        result = [replace(item, count=None) if names.count(item.name) == 1 and item.count == 1 else item for item in found]
        self._check_counts(result, type_def)
        return sorted(result, key=lambda item: (item.count is None, not self._is_mandatory(item))) if two else result

    def _is_mandatory(self, mapping: RequirementMapping) -> bool:
        """Whether one of the requirements that it leads to must be met."""
        for name, requirement in mapping.targets:
            node = self._service.node_templates[name]
            definition = node.type.requirements.get(requirement)
            if definition is not None and definition.occurrences[0] > 0:
                return True
            if any(
                item.name == requirement and item.assigned and not (item.optional or item.node) for item in node.requirements
            ):
                return True
        return False

    def _counted(self, key: Node) -> tuple[str, int | None]:
        """Requirement and how many of its assignments are meant; 0 (with an error) where that is not said."""
        if not isinstance(key, ListKey):
            return str(key.value), 1
        texts = [item.value for item in key.items]
        if len(texts) == 2 and texts[1] == "UNBOUNDED":
            return texts[0], None
        if len(texts) == 2 and texts[1].isdecimal():
            return texts[0], int(texts[1])
        self._reader.error("BBQ-T091", f"requirement {quoted(key.value)} is not [ requirement, count or UNBOUNDED ]", key)
        return texts[0], 0

    def _check_counts(self, mappings: list[RequirementMapping], type_def: TypeDef) -> None:
        """2.0 section 15.5.4: no more than the requirement's range allows, and nothing after all that is left."""
        for name in dict.fromkeys(item.name for item in mappings):
            least, most = type_def.requirements[name].occurrences
            mandatory = [item for item in mappings if item.name == name and self._is_mandatory(item)]
            if self._reader.grammar.two and sum(item.count or 1 for item in mandatory) > least:
                message = (
                    f"requirement {quoted(name)} is mapped to {len(mandatory)} requirements that must be met; "
                    f"{quoted(type_def.name)} need not have more than {least}"
                )
                self._reader.warning("BBQ-T219", message, mandatory[-1].at)
            total = 0
            for item in (item for item in mappings if item.name == name):
                if total < 0:
                    self._reader.error("BBQ-T064", f"requirement {quoted(name)} is mapped after all of it was", item.at)
                    break
                total = -1 if item.count is None else total + item.count
                if most is not None and total > most:
                    message = f"requirement {quoted(name)} is mapped {total} times; {quoted(type_def.name)} has at most {most}"
                    self._reader.error("BBQ-T064", message, item.at)
                    break

    def _node(self, name: str, where: Node) -> NodeTemplate | None:
        nodes = self._service.node_templates
        if name not in nodes and name not in self._templates.broken:
            hint = nearest(name, nodes) or one_of(nodes)
            self._reader.error("BBQ-T053", f"{_WHAT}: no node template {quoted(name)}", where, hint)
        return nodes.get(name)

    def _targets(self, node: Node) -> list[Node]:
        """The parts of a requirement mapping: one pair, one selected node, or a list of them."""
        if not isinstance(node, SequenceNode):
            return [node]
        if any(isinstance(item, SequenceNode) for item in node.value):
            return list(node.value)
        names = [item.value for item in node.value if isinstance(item, ScalarNode)]
        nodes = [self._service.node_templates.get(name) for name in names]
        return list(node.value) if names and all(item is not None and _selected(item) for item in nodes) else [node]

    def _requirement(self, node: Node) -> tuple[str, str] | None:
        pair = self._pair(node, "requirement")
        if pair is None or not pair[1]:
            return pair
        assignments = self._service.node_templates[pair[0]].requirements
        fixed = [item for item in assignments if item.name == pair[1]]
        if fixed and all(item.node is not None for item in fixed):
            message = f"requirement {quoted(pair[1])} of {quoted(pair[0])} has a target; only an open one can be mapped"
            self._reader.practice("BBQ-T205", message, node)
        return pair

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
            if word == "requirement" and _selected(template):
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


def _selected(template: NodeTemplate) -> bool:
    return bool({"select", "selectable"} & set(template.directives))
