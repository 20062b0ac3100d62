"""Imperative workflows. TOSCA 1.3 sections 3.6.24, 3.6.27 and 3.8.7; TOSCA 2.0 section 13.2."""

from __future__ import annotations

from collections.abc import Mapping

from yaml import Node, SequenceNode

from bbq.tosca.activities import Activities, Target
from bbq.tosca.conditions import read_condition
from bbq.tosca.functions import Owner
from bbq.tosca.implementations import read_implementation
from bbq.tosca.model import Condition, Function, NodeTemplate, OperationDef, ParameterDef, ServiceTemplate, Step, Workflow
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.references import cycle_in
from bbq.yamlreader import at, data


def read_workflows(templates: Templates, service: ServiceTemplate, node: Node | None) -> None:
    """Into `service`. Targets exist, steps follow steps that exist, called operations exist and get their inputs."""
    reader = templates.reader
    bodies: dict[str, dict[str, Node]] = {}
    for name, (key, body) in reader.entries(node, "`workflows`", empty=False).items():
        what = f"workflow {quoted(name)}"
        bodies[name] = keys = reader.entity(body, "workflow", name, key)
        found = service.workflows[name] = Workflow(name, at(key), reader.description(keys, what))
        found.metadata = reader.metadata(keys.get("metadata"), what)
        found.inputs = reader.parameters(keys.get("inputs"), "parameter definition", what)
    reader.finish(templates.types.found)
    workflows = {name: workflow.inputs for name, workflow in service.workflows.items()}
    activities = Activities(templates, service, workflows)
    for name, keys in bodies.items():
        _Reader(templates, service, activities, service.workflows[name]).read(keys)
    _cycles(templates, service)


class _Reader:
    """Reads one workflow."""

    def __init__(self, templates: Templates, service: ServiceTemplate, activities: Activities, found: Workflow) -> None:
        self._templates = templates
        self._reader = templates.reader
        self._service = service
        self._activities = activities
        self._found = found
        self._what = f"workflow {quoted(found.name)}"

    def read(self, keys: dict[str, Node]) -> None:
        reader, found = self._reader, self._found
        owner = Owner("workflow", found.name)
        if "precondition" in keys:
            title = f"the precondition of {self._what}"
            found.preconditions = (read_condition(reader, keys["precondition"], title, None, owner),)
        for item in reader.items(keys.get("preconditions"), f"preconditions of {self._what}"):
            self._precondition(item)
        steps = reader.entries(keys.get("steps"), f"steps of {self._what}")
        for name, (key, body) in steps.items():
            found.steps[name] = self._step(name, key, body, steps)
        self._loop()
        if "implementation" in keys:
            if "steps" in keys:
                text = f"{self._what} has `steps` and an `implementation`; it can have one of them"
                reader.error("BBQ-T211", text, keys["implementation"])
            found.implementation = OperationDef(found.name, at(keys["implementation"]))
            read_implementation(reader, keys["implementation"], found.implementation, self._what, keys["implementation"])
        for name, (key, body) in reader.entries(keys.get("outputs"), f"outputs of {self._what}").items():
            self._output(name, key, body)

    def _precondition(self, node: Node) -> None:
        reader = self._reader
        title = f"a precondition of {self._what}"
        keys = reader.entity(node, "precondition", "", node)
        target = self._target(keys.get("target"), title)
        relationship = self._relationship(keys.get("target_relationship"), target, title)
        block = keys.get("condition")
        known = self._attributes(target, relationship)
        condition = (
            read_condition(reader, block, f"the condition of {title}", known, Owner("workflow"))
            if block is not None
            else Condition(None, at(node))
        )
        condition.target = target.name if target is not None else None
        condition.relationship = relationship
        self._found.preconditions += (condition,)

    def _step(self, name: str, key: Node, body: Node, steps: Mapping[str, object]) -> Step:
        reader = self._reader
        title = f"step {quoted(name)} of {self._what}"
        keys = reader.entity(body, "step", name, key)
        step = Step(name, at(key))
        node = self._target(keys.get("target"), title)
        step.target = reader.string(keys.get("target"), f"target of {title}")
        step.relationship = self._relationship(keys.get("target_relationship"), node, title)
        owner = Owner("workflow", self._found.name)
        known = self._attributes(node, step.relationship)
        block = keys.get("filter")
        items = (
            [block] if block is not None and not isinstance(block, SequenceNode) else reader.items(block, f"filter of {title}")
        )
        step.filter = tuple(read_condition(reader, item, f"the filter of {title}", known, owner) for item in items)
        targets = self._targets(node, step.relationship)
        step.activities = self._activities.read(keys.get("activities"), title, targets, self._found.inputs, owner)
        step.on_success = self._followers(keys.get("on_success"), f"on_success of {title}", title, steps)
        step.on_failure = self._followers(keys.get("on_failure"), f"on_failure of {title}", title, steps)
        return step

    def _loop(self) -> None:
        """A step is performed once all those have succeeded that lead to it: those that lead to each other are never begun.
        After a failure there may be a way back."""
        steps = self._found.steps
        found = cycle_in({name: list(step.on_success) for name, step in steps.items()})
        if found:
            names = " -> ".join(map(quoted, [*found, found[0]]))
            text = f"steps of {self._what} wait for each other's success, so none can be the first: {names}"
            self._reader.error("BBQ-T085", text, steps[found[0]].at, "leave one of them out of `on_success`")

    def _followers(self, node: Node | None, what: str, title: str, steps: Mapping[str, object]) -> tuple[str, ...]:
        found = self._reader.strings(node, what, single=True)
        for name, place in found:
            if name not in steps:
                hint = nearest(name, steps) or one_of(steps)
                self._reader.error("BBQ-T085", f"{title}: no step {quoted(name)}", place, hint)
        return tuple(name for name, _ in found)

    def _target(self, node: Node | None, what: str) -> NodeTemplate | None:
        """The node template; None for a group, or where there is none (reported)."""
        if node is None:
            return None
        name = self._reader.string(node, f"target of {what}")
        service = self._service
        if name and name not in service.node_templates and name not in service.groups and name not in self._templates.broken:
            known = [*service.node_templates, *service.groups]
            hint = nearest(name, known) or one_of(known)
            self._reader.error("BBQ-T053", f"{what}: no node template {quoted(name)}", node, hint)
        return service.node_templates.get(name)

    def _relationship(self, node: Node | None, target: NodeTemplate | None, what: str) -> str | None:
        """A requirement of the target; 1.x also names the type, or the template, of the relationship."""
        if node is None:
            return None
        name = self._reader.string(node, f"target_relationship of {what}")
        if not name or target is None or name in target.type.requirements:
            return name or None
        other = any(name in (item.relationship, item.relationship_template) for item in target.requirements)
        if not other or self._reader.grammar.two:
            known = target.type.requirements
            text = f"{what}: {quoted(target.name)} has no requirement {quoted(name)}"
            self._reader.practice("BBQ-T061", text, node, nearest(name, known) or one_of(known))
        return name

    def _targets(self, node: NodeTemplate | None, relationship: str | None) -> list[Target] | None:
        """Where operations are looked for: the node, or the relationships of its requirement."""
        if node is None:
            return None
        if relationship is None:
            return [Target(node.name, node.interfaces, node.type)]
        found = []
        for item in node.requirements:
            type_def = self._templates.types.found.get(("relationship", item.relationship or ""))
            if relationship in (item.name, item.relationship, item.relationship_template) and type_def is not None:
                found.append(Target(f"{node.name}.{item.name}", item.interfaces or type_def.interfaces, type_def))
        return found or None

    def _attributes(self, node: NodeTemplate | None, relationship: str | None) -> dict[str, ParameterDef] | None:
        targets = self._targets(node, relationship)
        return {**targets[0].type.properties, **targets[0].type.attributes} if targets else None

    def _output(self, name: str, key: Node, body: Node) -> None:
        """`[ node template, attribute, ... ]`, which is checked as `get_attribute` would be."""
        reader = self._reader
        what = f"output {quoted(name)} of {self._what}"
        if not isinstance(body, SequenceNode) or len(body.value) < 2:
            reader.practice("BBQ-T012", f"{what} is stored in an attribute: [ <node template>, <attribute> ]", body)
            return
        path = tuple(data(item, reader.grammar.dialect) for item in body.value)
        self._found.outputs[name] = path
        call = Function("get_attribute", path, at(body))
        self._templates.uses.calls.append((call, Owner("workflow", self._found.name), None))


def _cycles(templates: Templates, service: ServiceTemplate) -> None:
    """Workflows that inline each other have no end."""
    graph = {
        name: [activity.name for step in workflow.steps.values() for activity in step.activities if activity.kind == "inline"]
        for name, workflow in service.workflows.items()
    }
    found = cycle_in(dict(graph))
    if found:
        names = " -> ".join(map(quoted, [*found, found[0]]))
        where = service.workflows[found[0]].at
        templates.reader.error("BBQ-T085", f"workflows inline each other: {names}", where)
