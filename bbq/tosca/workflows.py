"""Workflows are kept as data; what they name is checked. TOSCA 1.3 section 7; TOSCA 2.0 section 14."""

from __future__ import annotations

from collections.abc import Iterator

from yaml import MappingNode, Node

from bbq.tosca.functions import Owner
from bbq.tosca.model import Function, InterfaceDef, NodeTemplate, ParameterDef, ServiceTemplate
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import Entries, nearest, one_of, quoted


def check_workflows(templates: Templates, service: ServiceTemplate, workflows: Entries) -> None:
    """Targets exist, steps follow steps that exist, called operations exist and get their inputs."""
    reader = templates.reader
    for name, (key, body) in workflows.items():
        what = f"workflow {quoted(name)}"
        keys = reader.entity(body, "workflow", name, key)
        inputs = reader.parameters(keys.get("inputs"), "parameter definition", what)
        steps = reader.entries(keys.get("steps"), f"steps of {what}")
        for step, (_, step_body) in steps.items():
            title = f"step {quoted(step)} of {what}"
            parts = {k: v for k, (_, v) in reader.entries(step_body, title).items()}
            target = _target(templates, service, parts.get("target"), title)
            for keyname in ("on_success", "on_failure"):
                for follower, node in reader.strings(parts.get(keyname), f"{keyname} of {title}", single=True):
                    if follower not in steps:
                        reader.error("BBQ-T085", f"{title}: no step {quoted(follower)}", node, nearest(follower, steps))
            for activity in reader.items(parts.get("activities"), f"activities of {title}"):
                for kind, (_, argument) in reader.entries(activity, f"an activity of {title}").items():
                    if kind == "call_operation" and target is not None:
                        _call(templates, target, argument, title, inputs)
                    elif kind == "inline":
                        _inline(templates, argument, title, workflows)


def _target(templates: Templates, service: ServiceTemplate, node: Node | None, what: str) -> NodeTemplate | None:
    if node is None:
        return None
    name = templates.reader.string(node, f"target of {what}")
    if name and name not in service.node_templates and name not in service.groups and name not in templates.broken:
        known = [*service.node_templates, *service.groups]
        templates.reader.error(
            "BBQ-T053", f"{what}: no node template {quoted(name)}", node, nearest(name, known) or one_of(known)
        )
    return service.node_templates.get(name)


def _inline(templates: Templates, node: Node, what: str, workflows: Entries) -> None:
    if isinstance(node, MappingNode):
        node = next((value for key, value in node.value if key.value == "workflow"), node)
    name = templates.reader.string(node, f"`inline` of {what}")
    if name and name not in workflows:
        templates.reader.error("BBQ-T085", f"{what}: no workflow {quoted(name)}", node, nearest(name, workflows))


def _call(templates: Templates, target: NodeTemplate, node: Node, what: str, inputs: dict[str, ParameterDef]) -> None:
    reader = templates.reader
    given: Node | None = None
    if isinstance(node, MappingNode):
        parts = {k.value: v for k, v in node.value}
        given = parts.get("inputs")
        if "operation" not in parts:
            reader.error("BBQ-T011", f"call_operation of {what} lacks the required keyname `operation`", node)
            return
        node = parts["operation"]
    path = reader.string(node, f"call_operation of {what}")
    name, _, operation = path.rpartition(".")
    interface = target.interfaces.get(name)
    if interface is None:
        hint = nearest(name, target.interfaces) or one_of(target.interfaces)
        reader.error("BBQ-T070", f"{what}: {quoted(target.name)} has no interface {quoted(name)}", node, hint)
        return
    if operation not in interface.operations:
        hint = nearest(operation, interface.operations) or one_of(interface.operations)
        reader.error("BBQ-T071", f"{what}: interface {quoted(name)} has no operation {quoted(operation)}", node, hint)
        return
    if not reader.grammar.two:
        return
    values = reader.entries(given, f"inputs of {what}")
    for wanted in _wanted(target.type.interfaces.get(name, interface), operation):
        if wanted.name not in values:
            if wanted.required and not wanted.has_default and not wanted.has_value:
                reader.error("BBQ-T042", f"{what} lacks the input {quoted(wanted.name)} of operation {quoted(operation)}", node)
            continue
        _, value = values[wanted.name]
        found = reader.assigned(
            templates.checker, value, wanted.schema, f"input {quoted(wanted.name)} of {what}", Owner("workflow")
        )
        templates.secrets.mark(value, found, wanted)
        source = None
        if isinstance(found, Function) and found.name == "get_input" and found.args and isinstance(found.args[0], str):
            source = inputs.get(found.args[0])
        if source is None:
            continue
        if source.schema.type != wanted.schema.type:
            reader.error(
                "BBQ-T040",
                f"input {quoted(wanted.name)} of {what} must be of type {quoted(wanted.schema.type)}; "
                f"{quoted(source.name)} is of type {quoted(source.schema.type)}",
                value,
            )
        elif wanted.required and not source.required and not source.has_default:
            reader.error(
                "BBQ-T042", f"input {quoted(wanted.name)} of {what} is required; {quoted(source.name)} is optional", value
            )


def _wanted(interface: InterfaceDef, operation: str) -> Iterator[ParameterDef]:
    for values in (interface.inputs, interface.operations[operation].inputs):
        for value in values.values():
            if isinstance(value, ParameterDef):
                yield value
