"""What functions name: inputs, node templates, properties, attributes, capabilities - and cycles.

Run when the whole template is known. TOSCA 1.3 chapter 4; TOSCA 2.0 section 10.2.1.
"""

from __future__ import annotations

from typing import Any

from yaml import Node

from bbq.diagnostics import DiagnosticBag
from bbq.tosca.checker import Checker
from bbq.tosca.flaws import FlawFinder
from bbq.tosca.functions import Owner, Uses, calls, place_of
from bbq.tosca.model import Function, Schema, ServiceTemplate
from bbq.tosca.paths import Paths, Stop
from bbq.tosca.reading import article, nearest, one_of, quoted
from bbq.tosca.signatures import Calls


def check_references(service: ServiceTemplate, uses: Uses, bag: DiagnosticBag, flaws: FlawFinder) -> None:
    """Reports every function argument that names nothing, and notes what that makes of its owner."""
    checker = _Checker(service, bag, flaws.flaws.missing)
    for function, owner, argument in uses.calls:
        start = flaws.now
        checker.check(function, owner, argument)
        if flaws.now > start:
            flaws.call(service, owner, start)
    owners = {id(function): owner for function, owner, _ in uses.calls} if uses.wanted else {}
    for function, schema, what in uses.wanted:
        start = flaws.now
        checker.result(function, schema, what)
        if flaws.now > start and id(function) in owners:
            flaws.call(service, owners[id(function)], start)
    for type_def in service.types.values() if service.functions else ():
        for item in (*type_def.properties.values(), *type_def.attributes.values()):
            for function in calls((item.value, item.default)):
                checker.calls.check(function)
    _property_cycles(service, bag)
    with flaws.part("cycles"):
        _requirement_cycles(service, bag)


class _Checker:
    def __init__(self, service: ServiceTemplate, bag: DiagnosticBag, broken: set[str]) -> None:
        self._service = service
        self._bag = bag
        self._paths = Paths(service, bag, broken)
        self.calls = Calls(service, Checker(service.types), bag)

    def check(self, function: Function, owner: Owner, argument: Node | None) -> None:
        name, self._paths.argument = function.name, argument
        if name == "get_input":
            self._input(function, owner, argument)
        elif name in ("get_property", "get_attribute", "get_artifact", "available_allocation"):
            self._paths.check(function, owner)
        elif name == "get_operation_output":
            self._operation(function, owner)
        elif name == "node_index" and owner.kind not in ("node", "relationship", "filter"):
            self._bag.error("BBQ-T055", f"`$node_index` means nothing in {owner.kind} {quoted(owner.name)}", function.at)
        elif name == "relationship_index" and owner.kind not in ("relationship", "filter"):
            text = f"`$relationship_index` means something in relationships only, not in {owner.kind} {quoted(owner.name)}"
            self._bag.error("BBQ-T055", text, function.at)
        else:
            self.calls.check(function)

    def result(self, function: Function, schema: Schema, what: str) -> None:
        """Whether what a function gives can be a value of the schema at all."""
        given = self.calls.can_be(function, schema)
        if given is not None:
            report = self._bag.error if self._service.version == "tosca_2_0" else self._bag.warning
            report("BBQ-T046", f"{what} must be {article(schema.type)}; ${function.name} gives {article(given)}", function.at)

    def _input(self, function: Function, owner: Owner, argument: Node | None) -> None:
        name = function.args[0]
        if not isinstance(name, str) or owner.kind == "workflow":
            return
        if name not in self._service.inputs:
            inputs = self._service.inputs
            hint = nearest(name, inputs) or one_of(inputs) or "the template has none; declare it under `inputs`"
            self._bag.error("BBQ-T052", f"unknown input {quoted(name)}", place_of(function, name, argument), hint)

    def _operation(self, function: Function, owner: Owner) -> None:
        """1.x: `[ node, interface, operation, output ]`."""
        first, name, operation = function.args[:3]
        if not isinstance(first, str) or not isinstance(name, str) or not isinstance(operation, str):
            return
        try:
            node = getattr(self._paths.start(first, function, owner), "template", None)
        except Stop:
            return
        if node is None:
            return
        interface = node.interfaces.get(name)
        if interface is None:
            if "." not in name:
                message = f"{quoted(node.name)} has no interface {quoted(name)}"
                self._bag.error("BBQ-T070", message, function.at, nearest(name, node.interfaces) or one_of(node.interfaces))
        elif operation not in interface.operations:
            known = interface.operations
            message = f"interface {quoted(name)} has no operation {quoted(operation)}"
            self._bag.error("BBQ-T071", message, function.at, nearest(operation, known) or one_of(known))


def cycle_in(graph: dict[Any, list[Any]]) -> list[Any] | None:
    """One cycle of the graph, as its nodes in order, or None. Iterative: graphs may be deep."""
    state: dict[Any, int] = {}
    for root in graph:
        if root in state:
            continue
        path, stack = [root], [iter(graph[root])]
        state[root] = 1
        while stack:
            following = next(stack[-1], None)
            if following is None:
                state[path.pop()] = 2
                stack.pop()
            elif state.get(following) == 1:
                return path[path.index(following) :]
            elif following not in state and following in graph:
                state[following] = 1
                path.append(following)
                stack.append(iter(graph[following]))
    return None


def _property_cycles(service: ServiceTemplate, bag: DiagnosticBag) -> None:
    graph: dict[Any, list[Any]] = {}
    for node in service.node_templates.values():
        for name, value in node.properties.items():
            targets = []
            for function in calls(value):
                if function.name == "get_property" and len(function.args) >= 2 and isinstance(function.args[0], str):
                    owner = node.name if function.args[0] == "SELF" else function.args[0]
                    if isinstance(function.args[1], str):
                        targets.append((owner, function.args[1]))
            if targets:
                graph[node.name, name] = targets
    found = cycle_in(graph)
    if found:
        names = " -> ".join(quoted(f"{node}.{name}") for node, name in [*found, found[0]])
        owner, name = found[0]
        where = service.node_templates[owner]
        bag.error("BBQ-T056", f"properties refer to each other: {names}", where.property_at.get(name, where.at))


def _requirement_cycles(service: ServiceTemplate, bag: DiagnosticBag) -> None:
    graph = {
        node.name: [item.node for item in node.requirements if item.node is not None]
        for node in service.node_templates.values()
    }
    found = cycle_in(graph)
    if found:
        first, second = found[0], found[1] if len(found) > 1 else found[0]
        where = next(item.at for item in service.node_templates[first].requirements if item.node == second)
        if len(found) == 1:
            bag.error("BBQ-T065", f"node template {quoted(first)} requires itself", where)
        else:
            names = " -> ".join(map(quoted, [*found, first]))
            bag.error(
                "BBQ-T065",
                f"node templates require each other, so there is no order: {names}",
                where,
                "remove one of these requirements",
            )
