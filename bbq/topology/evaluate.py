"""Values: functions become data where inputs and literals answer them, and expressions where only the deployment can.

Everything is evaluated on demand and remembered, so templates may refer to each other in any order; a value that is met
again while it is computed is a circle, which is reported at the place that closes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.topology import codes
from bbq.topology.conformity import Conformity, Declared
from bbq.topology.custom import OwnFunctions, OwnScalars
from bbq.topology.functions import LARGEST, FunctionError, call, is_pure, satisfies
from bbq.topology.instances import MISSING, Broken, Failed, Instance, Link, Pending, Where
from bbq.topology.interfaces import definition_interface, operations
from bbq.topology.paths import Paths
from bbq.topology.phrases import suggestion
from bbq.topology.secrecy import Secrecy
from bbq.topology.values import Attribute, Call, Expr, GeneratedSecret, contains, larger_than
from bbq.tosca.constraints import broken, expected
from bbq.tosca.model import Constraint, Function, ParameterDef

if TYPE_CHECKING:
    from bbq.topology.requirements import Matcher


_SCALABLE: Final = "scalable"


class Evaluator:
    """Answers values of templates. `matcher` is set by the builder: paths through requirements need it, and it needs values.

    `asked` lists the attributes that were referred to, as (instance, attribute, place): a composite must provide them.
    """

    matcher: Matcher

    def __init__(self, bag: DiagnosticBag, secrecy: Secrecy, overrides: Mapping[str, int], rehearsal: bool = False) -> None:
        self.bag = bag
        self.secrecy = secrecy
        self.overrides = overrides
        self.asked: list[tuple[Instance, str, SourceRange]] = []
        self.outputs_asked: set[tuple[str, str, str]] = set()
        """(node, `<interface>.<operation>`, output) of every `get_operation_output`."""
        self.paths = Paths(self)
        self.conformity = Conformity(self)
        self._graph_functions: Final[dict[str, Callable[[Function, list[Any], Where], Any]]] = {
            "get_input": self._get_input,
            "get_property": self.paths.get_property,
            "get_attribute": self.paths.get_attribute,
            "get_operation_output": self._get_operation_output,
            "get_artifact": self._get_artifact,
            "get_nodes_of_type": self._get_nodes_of_type,
            "node_index": self._node_index,
            "relationship_index": self._relationship_index,
            "available_allocation": self._available_allocation,
            "value": self._value,
        }
        self._scale_properties: dict[str, str | None] = {}
        self._too_deep = False
        self._own_functions = OwnFunctions(self, rehearsal)
        self._own_scalars = OwnScalars()

    def fail(self, code: str, message: str, at: SourceRange, hint: str | None = None) -> Broken:
        """Report, and give back what to raise."""
        self.bag.error(code, message, at, hint)
        return Broken()

    def evaluate(self, value: Any, where: Where) -> Any:
        """`value` with every function answered or made an expression. Raises `Broken` after reporting a problem."""
        if isinstance(value, Function):
            return self._function(value, where)
        if isinstance(value, dict):
            return {key: self.evaluate(item, where) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.evaluate(item, where) for item in value]
        return value

    def attempt(self, value: Any, where: Where) -> Any:
        """Like `evaluate`, but None where it is broken."""
        try:
            return self.evaluate(value, where)
        except Broken:
            return None

    def conforming(self, raw: Any, definition: ParameterDef, where: Where, words: tuple[str, ...], at: SourceRange) -> Any:
        """The value of `raw`, checked against its definition; None where it is broken. `words` as in `Given`."""
        try:
            return self.conformity.checked(self.evaluate(raw, where), raw, definition, where, words, at)
        except Broken:
            return None

    def property(self, instance: Instance, name: str) -> Any:
        """The value of a declared or assigned property; `Broken` where it has none that can be had."""
        memo = instance.properties
        found = memo.get(name, MISSING)
        if found is Pending:
            raise self.fail(
                codes.CIRCULAR_VALUE,
                f"property {name!r} of {instance.address!r} is defined by itself",
                instance.template.property_at.get(name, instance.template.at),
            )
        if found is Failed:
            raise Broken
        if found is not MISSING:
            return found
        if is_flawed(instance, name):
            memo[name] = Failed
            raise Broken
        memo[name] = Pending
        try:
            value = self._property(instance, name)
        except Broken:
            memo[name] = Failed
            raise
        except RecursionError:
            memo[name] = Failed
            if self._too_deep:  # further along the same chain of values
                raise Broken from None
            at = instance.template.property_at.get(name, instance.template.at)
            problem = self.fail(
                codes.CIRCULAR_VALUE,
                f"property {name!r} of {instance.address!r} is nested too deeply: it is made of too many others in turn",
                at,
                "give the value to all of them in one place, such as an input",
            )
            self._too_deep = True
            raise problem from None
        if larger_than(value, LARGEST):
            memo[name] = Failed
            at = instance.template.property_at.get(name, instance.template.at)
            raise self.fail(codes.BAD_FUNCTION, f"property {name!r} of {instance.address!r} is too large", at)
        memo[name] = value
        return value

    def _property(self, instance: Instance, name: str) -> Any:
        template = instance.template
        definition = template.type.properties.get(name)
        where = Where(instance.stack, instance)
        if instance.address in self.overrides and self.scale_property(instance) == name and definition is not None:
            return self.checked_override(instance.address, definition, where)
        raw = _raw(template.properties, name, definition)
        value = self.evaluate(raw, where)
        if definition is None:
            return value
        what = ("property", name, "of", instance.address)
        value = self.conformity.checked(value, raw, definition, where, what, template.place(name))
        if value is None and definition.metadata.get("generate") is True:
            return GeneratedSecret(f"{instance.address}.{name}")
        return self.secrecy.protect(value, definition, instance.stack.service, f"{instance.address}.{name}")

    def scale_property(self, instance: Instance) -> str | None:
        """The name of the property that `scale` sets; `scalable.count` for one of the capability `scalable`."""
        type_ = instance.template.type
        if type_.name not in self._scale_properties:
            names = (name for name, item in type_.properties.items() if item.metadata.get("bbq_scale") is True)
            self._scale_properties[type_.name] = next(names, None)
        return self._scale_properties[type_.name] or self._scalable(instance)

    def _scalable(self, instance: Instance) -> str | None:
        """By the capability: its `count`, as the INDIGO family has it, or `default_instances` where there may be several."""
        declared = instance.template.type.capabilities.get(_SCALABLE)
        if declared is None:
            return None
        if "count" in declared.properties:
            return f"{_SCALABLE}.count"
        assigned = instance.template.capabilities.get(_SCALABLE)
        limit = assigned.properties.get("max_instances", 1) if assigned is not None else 1
        if "default_instances" in declared.properties and limit != 1:
            return f"{_SCALABLE}.default_instances"
        return None

    def _scaled(self, instance: Instance, capability: str, name: str, definition: ParameterDef) -> int:
        """The number that the capability is scaled to, within its limits where it has them."""
        address = instance.address
        count = self.checked_override(address, definition, Where(instance.stack, instance))
        if name == "default_instances":
            low, high = (self.capability_property(instance, capability, each) for each in ("min_instances", "max_instances"))
            if (isinstance(low, int) and count < low) or (isinstance(high, int) and count > high):
                text = f"{address} cannot be scaled to {count}: it has from {low} to {high} instances"
                raise self.fail(codes.BAD_OVERRIDE, text, SourceRange("<override>", 1, 1))
        return count

    def checked_override(self, address: str, definition: ParameterDef, where: Where) -> int:
        count = self.overrides[address]
        at = SourceRange("<override>", 1, 1)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise self.fail(
                codes.BAD_OVERRIDE, f"{address} cannot be scaled to {count!r}", at, "give a whole number, 0 or more"
            )
        for constraint in definition.schema.constraints:
            if not self.holds(constraint, count, where):
                must = broken(constraint, count, lambda value: value) or expected(constraint, where.stack.service.version)
                raise self.fail(codes.BAD_OVERRIDE, f"{address} cannot be scaled to {count}: {definition.name!r} {must}", at)
        return count

    def capability_property(self, instance: Instance, capability: str, name: str) -> Any:
        """The value of a capability's property, None where it is unset."""
        memo, key = instance.capabilities, (capability, name)
        found = memo.get(key, MISSING)
        if found is not MISSING and found is not Pending and found is not Failed:
            return found
        if found is Failed or is_flawed(instance):
            raise Broken
        template = instance.template
        assignment = template.capabilities.get(capability)
        declared = template.type.capabilities.get(capability)
        definition = declared.properties.get(name) if declared else None
        if found is Pending:
            at = assignment.at if assignment else template.at
            text = f"property {name!r} of the capability {capability!r} of {instance.address!r} is defined by itself"
            raise self.fail(codes.CIRCULAR_VALUE, text, at)
        memo[key] = Pending
        try:
            if (
                definition is not None
                and instance.address in self.overrides
                and self.scale_property(instance) == f"{capability}.{name}"
            ):
                value = self._scaled(instance, capability, name, definition)
            else:
                where = Where(instance.stack, instance)
                raw = _raw(assignment.properties if assignment is not None else {}, name, definition)
                value = self.evaluate(raw, where)
                if definition is not None:
                    at = assignment.place(name) if assignment is not None else template.at
                    what = ("property", name, "of capability", capability, "of", instance.address)
                    value = self.conformity.checked(value, raw, definition, where, what, at)
        except Broken:
            memo[key] = Failed
            raise
        memo[key] = value = value if definition is None else self.secrecy.protect(value, definition, instance.stack.service)
        return value

    def link_properties(self, link: Link) -> dict[str, Any]:
        """The relationship's properties, a composite's over those of the member that carries its link; `Broken` where one
        of them is."""
        carried = self.link_properties(link.base) if link.base else {}
        where = Where(link.source.stack, None, link)
        given = link.assignment.properties
        found = {name: self.evaluate(value, where) for name, value in given.items()}
        type_ = link.source.stack.service.types.get(("relationship", link.relationship))
        definition = link.source.template.type.requirements.get(link.assignment.name)
        defined = (type_.properties if type_ else {}) | (definition.properties if definition else {})
        for name, value in found.items():
            if name in defined:
                what = ("property", name, "of requirement", link.assignment.name, "of", link.source.address)
                found[name] = self.conformity.checked(value, given[name], defined[name], where, what, link.assignment.at)
        return found | carried

    def holds(self, constraint: Constraint, value: Any, where: Where) -> bool:
        """Whether a constraint is met. False, too, where only the running deployment could tell."""
        inside = Where(where.stack, where.instance, where.link, value)
        argument = self.evaluate(constraint.argument, inside)
        if isinstance(constraint.argument, Function):
            return argument is True
        if contains([value, argument], lambda item: isinstance(item, Expr)):
            return False
        try:
            return satisfies(constraint.operator, value, argument)
        except FunctionError as error:
            raise self.fail(codes.BAD_FUNCTION, str(error), constraint.at) from None

    def _function(self, function: Function, where: Where) -> Any:
        args = [self.evaluate(arg, where) for arg in function.args]
        graph_function = self._graph_functions.get(function.name)
        if graph_function is not None:
            return graph_function(function, args, where)
        service = where.stack.service
        if not is_pure(function.name) and function.name in service.functions:
            return self._own_functions.answer(function, args, where)
        if not is_pure(function.name):
            names = [*self._graph_functions, "concat", "join", "token"]
            hint = suggestion(function.name, names)
            raise self.fail(codes.UNKNOWN_FUNCTION, f"there is no function {function.name!r}", function.at, hint)
        if contains(args, lambda item: isinstance(item, Expr)):
            return Call(function.name, tuple(args))
        try:
            if self._own_scalars.takes(service, function.name, args):
                return self._own_scalars.call(service, function.name, args)
            return call(function.name, args)
        except FunctionError as error:
            raise self.fail(codes.BAD_FUNCTION, str(error), function.at) from None

    def select(
        self, value: Any, path: list[Any], at: SourceRange, what: str = "the value", declared: Declared | None = None
    ) -> Any:
        """What stands at `path` inside a value, an expression where the value is one. What `declared` knows of, and the value
        does not have, is unset. `what` names the value in messages."""
        for depth, key in enumerate(path):
            if isinstance(value, Expr) or isinstance(key, Expr):
                return Call("select", (value, *path[depth:]))
            if value is None and declared is not None:
                return None
            try:
                value = call("select", [value, key])
            except FunctionError:
                if isinstance(value, dict) and declared is not None and declared.has(path[: depth + 1]):
                    return None
                text = f"{what} has nothing at {', '.join(map(str, path[: depth + 1]))}"
                hint = suggestion(str(key), map(str, value)) if isinstance(value, dict) else None
                raise self.fail(codes.BAD_FUNCTION, text, at, hint) from None
        return value

    def _get_input(self, function: Function, args: list[Any], where: Where) -> Any:
        name = args[0] if args else None
        inputs = where.stack.inputs
        if "inputs" in where.stack.service.flaws.parts:
            raise Broken
        if not isinstance(name, str) or name not in inputs:
            hint = suggestion(str(name), inputs)
            raise self.fail(codes.UNKNOWN_INPUT, f"there is no input {name!r}", function.at, hint)
        if inputs[name] is Failed:
            raise Broken
        return self.select(inputs[name], args[1:], function.at, f"input {name!r}")

    def _value(self, function: Function, args: list[Any], where: Where) -> Any:
        if where.value is MISSING:
            raise self.fail(codes.BAD_FUNCTION, "value is known inside a validation only", function.at)
        return self.select(where.value, args, function.at)

    def _node_index(self, function: Function, args: list[Any], where: Where) -> Any:
        if where.instance is None:
            raise self.fail(codes.BAD_FUNCTION, "node_index is known inside a node template only", function.at)
        return where.instance.index or 0

    def _relationship_index(self, function: Function, args: list[Any], where: Where) -> Any:
        number = where.link.index if where.link is not None else where.relationship
        if number is None:
            raise self.fail(codes.BAD_FUNCTION, "relationship_index is known inside a relationship only", function.at)
        return number

    def _available_allocation(self, function: Function, args: list[Any], where: Where) -> Any:
        site, name = self.paths.capability(function, args, where)
        return self.matcher.allocations.available(site.instance, site.name, name, function.at)

    def _get_nodes_of_type(self, function: Function, args: list[Any], where: Where) -> Any:
        if where.stack.uncertain:
            raise Broken
        wanted = args[0] if args else None
        groups = where.stack.groups.values()
        return [item.address for group in groups for item in group if wanted in item.template.type.ancestry]

    def _get_artifact(self, function: Function, args: list[Any], where: Where) -> Any:
        instance, rest = self.paths.single_node(function, args, where)
        artifacts = instance.template.type.artifacts | instance.template.artifacts
        if not rest or rest[0] not in artifacts:
            name = rest[0] if rest else None
            hint = suggestion(str(name), artifacts)
            raise self.fail(codes.BAD_FUNCTION, f"{instance.address!r} has no artifact {name!r}", function.at, hint)
        return artifacts[rest[0]].file

    def _get_operation_output(self, function: Function, args: list[Any], where: Where) -> Any:
        """An output that the operation stores in an attribute is that attribute, else (interface, operation, output)."""
        instance, rest = self.paths.single_node(function, args, where)
        if len(rest) < 3:
            text = "get_operation_output needs a node, an interface, an operation and an output"
            raise self.fail(codes.BAD_FUNCTION, text, function.at)
        interface, operation, output, *path = rest
        definition = operations(instance).get((str(interface).rpartition(".")[2], operation))
        if definition is None:
            text = f"{instance.address!r} has no operation {interface}.{operation}"
            raise self.fail(codes.BAD_FUNCTION, text, function.at)
        mapping = definition.outputs[output].mapping if output in definition.outputs else ()
        if len(mapping) > 1 and mapping[0] == "SELF":
            return Attribute(instance.address, (*mapping[1:], *path))
        where_it_is = (definition_interface(str(interface)), operation, output)
        self.outputs_asked.add((instance.address, f"{where_it_is[0]}.{operation}", str(output)))
        return Attribute(instance.address, (*where_it_is, *path))


def is_flawed(instance: Instance, name: str | None = None) -> bool:
    """Whether the reader has reported something about a property, or about the node's values without saying which."""
    flaws, template = instance.stack.service.flaws, instance.template.name
    return template in flaws.nodes or name in flaws.values.get(template, ())


def _raw(given: Mapping[str, Any], name: str, definition: ParameterDef | None) -> Any:
    """What a template says of a parameter, be it by the default."""
    default = definition.default if definition is not None and definition.has_default else None
    return given.get(name, default)
