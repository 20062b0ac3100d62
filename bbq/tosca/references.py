"""What functions name: inputs, node templates, properties, attributes, capabilities - and cycles.

Run when the whole template is known. TOSCA 1.3 chapter 4; TOSCA 2.0 section 10.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.tosca.checker import Checker
from bbq.tosca.functions import Owner, Uses
from bbq.tosca.model import Function, NodeTemplate, ParameterDef, Schema, ServiceTemplate, TypeDef
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.units import SCALAR_UNITS

_KEYWORDS: Final = ("SELF", "HOST", "SOURCE", "TARGET", "ORCHESTRATOR")
_RESULTS: Final = {
    **dict.fromkeys(("join", "token"), "string"),
    **dict.fromkeys(("and", "or", "not", "xor", "equal", "matches", "has_prefix", "has_suffix", "contains"), "boolean"),
    **dict.fromkeys(("greater_than", "greater_or_equal", "less_than", "less_or_equal", "valid_values"), "boolean"),
    "length": "integer",
}
_TEXTUAL: Final = frozenset(("version", "timestamp", "bytes", "scalar")) | frozenset(SCALAR_UNITS)
_STEPS: Final = ("CAPABILITY", "RELATIONSHIP", "SOURCE", "TARGET", "NODE")
_IMPLICIT: Final = frozenset(
    ("tosca_id", "tosca_name", "state", "public_address", "private_address", "endpoint", "networks", "ports")
)


def check_references(service: ServiceTemplate, uses: Uses, bag: DiagnosticBag, *, broken: set[str]) -> None:
    """Reports every function argument that names nothing. `broken` are nodes that exist but could not be read."""
    checker = _Checker(service, bag, broken)
    for function, owner in uses.calls:
        checker.check(function, owner)
    for function, schema, what in uses.wanted:
        checker.result(function, schema, what)
    _property_cycles(service, bag)
    _requirement_cycles(service, bag)


class _Checker:
    def __init__(self, service: ServiceTemplate, bag: DiagnosticBag, broken: set[str]) -> None:
        self._service = service
        self._nodes = service.node_templates
        self._bag = bag
        self._broken = broken
        self._types = Checker(service.types)

    def check(self, function: Function, owner: Owner) -> None:
        args = function.args
        if function.name == "get_input":
            self._input(function, owner)
        elif function.name in ("get_property", "get_attribute"):
            self._path(function, owner)
        elif function.name in ("get_operation_output", "get_artifact") and isinstance(args[0], str):
            node = self._entity(args[0], function, owner)
            if node is not None and function.name == "get_operation_output" and isinstance(args[1], str):
                self._operation(node, function)

    def result(self, function: Function, schema: Schema, what: str) -> None:
        """Whether what a function gives can be a value of the schema at all."""
        name = function.args[0] if len(function.args) == 1 else None
        if function.name == "get_input" and isinstance(name, str) and name in self._service.inputs:
            given = self._service.inputs[name].schema.type
        else:
            given = _RESULTS.get(function.name, "any")
        have, want = self._types.base(given), self._types.base(schema.type)
        if "any" in (given, schema.type, want) or given == schema.type or have == want:
            return
        if (have == "integer" and want == "float") or (have == "string" and want in _TEXTUAL):
            return
        report = self._bag.error if self._service.version == "tosca_2_0" else self._bag.warning
        report("BBQ-T046", f"{what} must be a {schema.type}; ${function.name} gives a {given}", function.at)

    def _error(self, code: str, message: str, where: SourceRange, known: Iterable[str], name: Any) -> None:
        names = list(known)
        self._bag.error(code, message, where, nearest(str(name), names) or one_of(names))

    def _input(self, function: Function, owner: Owner) -> None:
        name = function.args[0]
        if not isinstance(name, str) or owner.kind == "workflow":
            return
        if name not in self._service.inputs:
            inputs = self._service.inputs
            hint = nearest(name, inputs) or one_of(inputs) or "the template has none; declare it under `inputs`"
            self._bag.error("BBQ-T052", f"unknown input {quoted(name)}", function.at, hint)

    def _entity(self, name: str, function: Function, owner: Owner) -> NodeTemplate | None:
        """The node template that the first argument means; None where it cannot be told (or was reported)."""
        if name == "SELF":
            if owner.kind == "node":
                return self._nodes.get(owner.name)
            if owner.kind in ("output", "policy", "group", "substitution"):
                self._bag.error("BBQ-T055", f"SELF means nothing in {_place(owner)}", function.at, "name the node template")
            return None
        if name == "HOST":
            if owner.kind != "node":
                if owner.kind != "relationship":
                    self._bag.error("BBQ-T055", f"HOST means nothing in {_place(owner)}", function.at, "name the node template")
                return None
            return None
        if name in ("SOURCE", "TARGET"):
            if owner.kind == "relationship":
                return self._nodes.get(owner.name if name == "SOURCE" else owner.target or "")
            if owner.kind != "filter":
                self._bag.error(
                    "BBQ-T055",
                    f"{name} means something in relationships only, not in {_place(owner)}",
                    function.at,
                    "name the node template",
                )
            return None
        if name in _KEYWORDS or name in self._broken:
            return None
        found = self._nodes.get(name)
        if found is None:
            self._error("BBQ-T053", f"unknown node template {quoted(name)}", function.at, [*self._nodes, *self._broken], name)
        return found

    def _path(self, function: Function, owner: Owner) -> None:
        args = list(function.args)
        if isinstance(args[0], Function) or not isinstance(args[0], (str, list)):
            return
        first = args.pop(0)
        if isinstance(first, list):  # 2.0: [ node, index ]
            first = first[0] if first and isinstance(first[0], str) else "SELF"
        node = self._entity(str(first), function, owner)
        if node is None or not args or not all(isinstance(arg, (str, int)) for arg in args):
            return
        self._step(node, args, function)

    def _step(self, node: NodeTemplate, args: list[Any], function: Function) -> None:
        """Follows the rest of the path from a node as far as names can be told."""
        name = args[0]
        attribute = function.name == "get_attribute"
        if name == "CAPABILITY" and len(args) > 1:
            self._capability(node.type, str(args[1]), args[2:], function, node.name)
            return
        if name == "RELATIONSHIP" and len(args) > 1:
            if args[1] not in node.type.requirements:
                self._error(
                    "BBQ-T061",
                    f"{quoted(node.name)} has no requirement {quoted(args[1])}",
                    function.at,
                    node.type.requirements,
                    args[1],
                )
            return
        if name in _STEPS:
            return
        known: dict[str, ParameterDef] = dict(node.type.properties)
        if attribute:
            known |= node.type.attributes
        if name in known:
            self._inside(known[name], args[1:], function)
            return
        if name in node.type.requirements and len(args) > 1:
            self._requirement(node, str(name), args[1:], function)
        elif name in node.type.capabilities and len(args) > 1:
            self._capability(node.type, str(name), args[1:], function, node.name)
        elif not (attribute and name in _IMPLICIT):
            word = "property or attribute" if attribute else "property"
            self._error("BBQ-T054", f"{quoted(node.name)} has no {word} {quoted(name)}", function.at, known, name)

    def _requirement(self, node: NodeTemplate, name: str, args: list[Any], function: Function) -> None:
        """The path goes on in the requirement's target: one of its capability's or its own properties."""
        targets = [self._nodes[item.node] for item in node.requirements if item.name == name and item.node is not None]
        if len(targets) != 1:
            return
        target = targets[0]
        wanted = next((item.capability for item in node.requirements if item.name == name), None)
        known: set[str] = set(target.type.properties) | set(target.type.attributes) | set(target.type.capabilities)
        for capability in target.type.capabilities.values():
            found = self._service.types.get(("capability", capability.type))
            if wanted is None or wanted == capability.name or (found is not None and wanted in found.ancestry):
                known |= set(capability.properties) | set(capability.attributes)
        if (
            args[0] not in known
            and args[0] not in _IMPLICIT
            and args[0] not in _STEPS
            and args[0] not in target.type.requirements
        ):
            message = f"{quoted(target.name)}, the target of requirement {quoted(name)}, has no property {quoted(args[0])}"
            self._error("BBQ-T054", message, function.at, known, args[0])

    def _capability(self, type_def: TypeDef, name: str, args: list[Any], function: Function, node: str) -> None:
        capability = type_def.capabilities.get(name)
        if capability is None:
            self._error(
                "BBQ-T060", f"{quoted(node)} has no capability {quoted(name)}", function.at, type_def.capabilities, name
            )
            return
        known = {**capability.properties, **capability.attributes}
        if args and args[0] not in known:
            message = f"capability {quoted(name)} of {quoted(node)} has no property {quoted(args[0])}"
            self._error("BBQ-T054", message, function.at, known, args[0])

    def _inside(self, definition: ParameterDef, args: list[Any], function: Function) -> None:
        """Nested names in a property of a data type."""
        schema = definition.schema
        for step in args:
            found = self._service.types.get(("data", schema.type))
            if found is not None and found.properties and isinstance(step, str):
                inner = found.properties.get(step)
                if inner is None:
                    message = f"{quoted(found.name)} has no property {quoted(step)}"
                    self._error("BBQ-T054", message, function.at, found.properties, step)
                    return
                schema = inner.schema
            elif schema.entry is not None:
                schema = schema.entry
            else:
                return

    def _operation(self, node: NodeTemplate, function: Function) -> None:
        if not isinstance(function.args[2], str):
            return
        interface = node.interfaces.get(function.args[1])
        if interface is None:
            if "." not in function.args[1]:
                message = f"{quoted(node.name)} has no interface {quoted(function.args[1])}"
                self._error("BBQ-T070", message, function.at, node.interfaces, function.args[1])
        elif function.args[2] not in interface.operations:
            message = f"interface {quoted(function.args[1])} has no operation {quoted(function.args[2])}"
            self._error("BBQ-T071", message, function.at, interface.operations, function.args[2])


def _place(owner: Owner) -> str:
    return f"{owner.kind} {quoted(owner.name)}" if owner.name else f"a {owner.kind}"


def calls(value: Any) -> Iterator[Function]:
    """Every function call in a value."""
    if isinstance(value, Function):
        yield value
        for arg in value.args:
            yield from calls(arg)
    elif isinstance(value, dict):
        for item in value.values():
            yield from calls(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from calls(item)


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
