"""Activities of workflows and triggers: what they call exists, and gets its inputs. TOSCA 1.3 section 3.6.23; TOSCA 2.0
section 13.2.3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from yaml import Node

from bbq.tosca.functions import Owner, calls
from bbq.tosca.model import Activity, Function, InterfaceDef, ParameterDef, ServiceTemplate, TypeDef
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.triggers import read_activities


class Target:
    """What an activity is for: its interfaces, and those of its type, which still define the inputs."""

    def __init__(self, name: str, interfaces: Mapping[str, InterfaceDef], type_def: TypeDef) -> None:
        self.name = name
        self.interfaces = interfaces
        self.type = type_def


class Activities:
    """Checks activities against one service template. `workflows` are the file's, each with its inputs."""

    def __init__(self, templates: Templates, service: ServiceTemplate, workflows: Mapping[str, Mapping[str, ParameterDef]]):
        self._templates = templates
        self._reader = templates.reader
        self._service = service
        self._workflows = workflows

    def read(
        self, node: Node | None, what: str, targets: list[Target] | None, inputs: Mapping[str, ParameterDef], owner: Owner
    ) -> tuple[Activity, ...]:
        """`targets` are where operations are looked for, None where that is not known; `inputs` are the workflow's own."""
        found = []
        for activity, name, given in read_activities(self._reader, node, what):
            if activity.kind == "inline":
                self._inline(activity, name, given, what, inputs, owner)
            elif activity.kind == "call_operation":
                self._call(activity, name, given, what, targets, inputs, owner)
            else:
                activity.inputs = self._plain(given, what, inputs, owner)
            found.append(activity)
        return tuple(found)

    def _inline(
        self,
        activity: Activity,
        node: Node,
        given: Node | None,
        what: str,
        inputs: Mapping[str, ParameterDef],
        owner: Owner,
    ) -> None:
        wanted = self._workflows.get(activity.name)
        if wanted is None:
            hint = nearest(activity.name, self._workflows) or one_of(self._workflows)
            self._reader.error("BBQ-T085", f"{what}: no workflow {quoted(activity.name)}", node, hint)
            return
        title = f"workflow {quoted(activity.name)}"
        activity.inputs = self._inputs(given, list(wanted.values()), title, what, node, inputs, owner, open_=False)

    def _call(
        self,
        activity: Activity,
        node: Node,
        given: Node | None,
        what: str,
        targets: list[Target] | None,
        inputs: Mapping[str, ParameterDef],
        owner: Owner,
    ) -> None:
        reader = self._reader
        interface, _, operation = activity.name.rpartition(".")
        fitting = [target for target in targets or () if interface in target.interfaces]
        if targets and not fitting:
            target = targets[0]
            hint = nearest(interface, target.interfaces) or one_of(target.interfaces)
            reader.error("BBQ-T070", f"{what}: {quoted(target.name)} has no interface {quoted(interface)}", node, hint)
        elif targets and not any(operation in target.interfaces[interface].operations for target in fitting):
            known = fitting[0].interfaces[interface].operations
            text = f"{what}: interface {quoted(interface)} has no operation {quoted(operation)}"
            reader.error("BBQ-T071", text, node, nearest(operation, known) or one_of(known))
        elif fitting:
            target = next(target for target in fitting if operation in target.interfaces[interface].operations)
            own = target.interfaces[interface]
            assigned = {**own.inputs, **own.operations[operation].inputs}
            wanted = [
                replace(item, required=item.required and isinstance(assigned.get(item.name, item), ParameterDef))
                for item in _wanted(target.type.interfaces.get(interface, own), operation)
            ]
            title = f"operation {quoted(operation)}"
            activity.inputs = self._inputs(given, wanted, title, what, node, inputs, owner, open_=True)
            return
        activity.inputs = self._plain(given, what, inputs, owner)

    def _plain(self, given: Node | None, what: str, inputs: Mapping[str, ParameterDef], owner: Owner) -> dict[str, Any]:
        found = {}
        for name, (_, value) in self._reader.entries(given, f"inputs of {what}").items():
            found[name] = self._reader.convert.value(value, owner)
            self._input_calls(found[name], inputs)
        return found

    def _inputs(
        self,
        given: Node | None,
        wanted: list[ParameterDef],
        callee: str,
        what: str,
        where: Node,
        inputs: Mapping[str, ParameterDef],
        owner: Owner,
        *,
        open_: bool,
    ) -> dict[str, Any]:
        """Values for the inputs of what is called; further ones only where it is `open_`."""
        reader = self._reader
        values = reader.entries(given, f"inputs of {what}")
        found: dict[str, Any] = {}
        definitions = {item.name: item for item in wanted}
        for name, (key, value) in values.items():
            definition = definitions.get(name)
            if definition is None and not open_:
                hint = nearest(name, definitions) or one_of(definitions)
                reader.error("BBQ-T041", f"{what}: {callee} has no input {quoted(name)}", key, hint)
            if definition is None:
                found[name] = reader.convert.value(value, owner)
            else:
                title = f"input {quoted(name)} of {what}"
                found[name] = reader.assigned(self._templates.checker, value, definition.schema, title, owner)
                self._templates.secrets.mark(value, found[name], definition)
                self._passed(found[name], definition, inputs, title, value)
            self._input_calls(found[name], inputs)
        for name, definition in definitions.items():
            if name not in values and definition.required and not definition.has_default and not definition.has_value:
                report = reader.practice if reader.grammar.number >= 13 else None
                if report is not None:
                    report("BBQ-T042", f"{what} lacks the input {quoted(name)} of {callee}", where)
        return found

    def _passed(self, found: Any, definition: ParameterDef, inputs: Mapping[str, ParameterDef], what: str, value: Node) -> None:
        """An input of the workflow that is passed on must be of the type, and be there."""
        reader = self._reader
        named = found.args[0] if isinstance(found, Function) and found.name == "get_input" and found.args else None
        source = inputs.get(named) if isinstance(named, str) else None
        if source is None or not isinstance(found, Function) or len(found.args) > 1:
            return
        if source.schema.type != definition.schema.type and "any" not in (source.schema.type, definition.schema.type):
            text = f"{what} must be of type {quoted(definition.schema.type)}; {quoted(source.name)} is of type "
            reader.practice("BBQ-T040", text + quoted(source.schema.type), value)
        elif definition.required and not source.required and not source.has_default:
            reader.practice("BBQ-T042", f"{what} is required; {quoted(source.name)} is optional", value)

    def _input_calls(self, value: Any, inputs: Mapping[str, ParameterDef]) -> None:
        """`get_input` gets an input of the workflow, or of the service."""
        known = [*inputs, *self._service.inputs]
        for function in calls(value):
            name = function.args[0] if function.name == "get_input" and function.args else None
            if isinstance(name, str) and name not in known:
                text = f"unknown input {quoted(name)}"
                self._reader.error("BBQ-T052", text, function.at, nearest(name, known) or one_of(known))


def _wanted(interface: InterfaceDef, operation: str) -> Iterator[ParameterDef]:
    values = interface.inputs | (interface.operations[operation].inputs if operation in interface.operations else {})
    for value in values.values():
        if isinstance(value, ParameterDef):
            yield value
