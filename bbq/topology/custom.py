"""Functions and scalar types that a template defines itself (TOSCA 2.0 sections 9.1 and 10.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from bbq.topology import codes
from bbq.topology.functions import call
from bbq.topology.instances import Where
from bbq.tosca.model import Constraint, Function, FunctionDef, Schema, ServiceTemplate, Signature, TypeDef
from bbq.tosca.units import scalar

if TYPE_CHECKING:
    from bbq.topology.evaluate import Evaluator

_WITH_UNITS: Final = frozenset(("sum", "difference", "product", "quotient", "remainder"))
_COMPARED: Final = frozenset(
    ("equal", "greater_than", "greater_or_equal", "less_than", "less_or_equal", "in_range", "valid_values", "has_entry")
)
_DEPTH: Final = 8


class OwnFunctions:
    """bbq runs no implementation of a function: it would have to before anything is made, and nobody says how. A rehearsal
    makes values up, by the type of the result; the same for the same call."""

    def __init__(self, evaluator: Evaluator, rehearsal: bool) -> None:
        self._evaluator = evaluator
        self._rehearsal = rehearsal
        self._told: set[str] = set()

    def answer(self, function: Function, args: list[Any], where: Where) -> Any:
        """Raises `Broken` (reported) outside of a rehearsal."""
        service = where.stack.service
        definition = service.functions[function.name]
        signature = _fitting(definition, len(args))
        if not self._rehearsal:
            file = signature.implementation.implementation if signature and signature.implementation else None
            text = f"the value of {function.name!r} is not known: bbq does not run the functions that a template defines"
            hint = f"take an input instead, and give what {file or function.name} gives as its value"
            raise self._evaluator.fail(codes.UNKNOWN_FUNCTION, text, function.at, hint)
        if function.name not in self._told:
            self._told.add(function.name)
            text = f"values of the function {function.name!r} are made up in a rehearsal"
            self._evaluator.bag.warning(codes.MADE_UP, text, function.at)
        schema = signature.result if signature is not None and signature.result is not None else Schema("string")
        return self._value(service, schema, f"{function.name} {args!r}", where, 0)

    def _value(self, service: ServiceTemplate, schema: Schema, key: str, where: Where, depth: int) -> Any:
        """The first likely value of the type that meets its constraints."""
        constraints = list(_constraints(service, schema))
        first = None
        for value in self._likely(service, schema, key, where, depth):
            first = value if first is None else first
            if all(self._evaluator.holds(item, value, where) for item in constraints):
                return value
        return first

    def _likely(self, service: ServiceTemplate, schema: Schema, key: str, where: Where, depth: int) -> Iterator[Any]:
        for constraint in _constraints(service, schema):
            yield from _named(constraint)
        number = int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "big") % 1000
        found = _type(service, schema.type)
        base = _base(service, schema)
        if found is not None and found.properties and depth < _DEPTH:
            yield {
                name: item.default if item.has_default else self._value(service, item.schema, f"{key}.{name}", where, depth + 1)
                for name, item in found.properties.items()
                if item.required or item.has_default
            }
        elif found is not None and found.units:
            yield from (f"{each} {next(iter(found.units))}" for each in (number, 1, 0))
        elif base in ("list", "map"):
            entry = (
                self._value(service, schema.entry or Schema("string"), f"{key}.0", where, depth + 1) if depth < _DEPTH else 0
            )
            yield from (({"key": entry}, {}) if base == "map" else ([entry], []))
        elif base in ("integer", "float"):
            numbers = (number, 1, 0, 10, 100, 1000, 8080, -1)
            yield from (numbers if base == "integer" else map(float, numbers))
        elif base == "boolean":
            yield from (True, False)
        elif base == "timestamp":
            yield "2025-01-01T00:00:00Z"
        elif base == "version":
            yield "1.0"
        else:
            yield from (f"made-up-{number}", f"a{number}", str(number), "a")


def _fitting(definition: FunctionDef, count: int) -> Signature | None:
    """By the number of arguments; the reader has checked their types as far as they were known."""
    for item in definition.signatures:
        most = len(item.arguments) + len(item.optional)
        if len(item.arguments) <= count and (count <= most or item.variadic):
            return item
    return definition.signatures[0] if definition.signatures else None


def _type(service: ServiceTemplate, name: str) -> TypeDef | None:
    return service.types.get(("data", name))


def _base(service: ServiceTemplate, schema: Schema) -> str:
    found = _type(service, schema.type)
    return found.ancestry[-1] if found is not None else schema.type


def _constraints(service: ServiceTemplate, schema: Schema) -> Iterator[Constraint]:
    yield from schema.constraints
    found = _type(service, schema.type)
    if found is not None and found.schema is not None:
        yield from found.schema.constraints


def _named(constraint: Constraint) -> Iterator[Any]:
    """Values that a constraint names: one of them may meet it."""
    argument = constraint.argument
    for value in argument.args if isinstance(argument, Function) else (argument,):
        if isinstance(value, Function):
            yield from _named(Constraint("", value, value.at))
        elif isinstance(value, list):
            yield from (item for item in value if not isinstance(item, (Function, list, dict)))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield from (value, value + 1, value - 1)
        elif not isinstance(value, dict):
            yield value


class OwnScalars:
    """Arithmetic and comparison of scalars whose units a template's types define."""

    def __init__(self) -> None:
        self._tables: dict[int, list[Mapping[str, float]]] = {}

    def takes(self, service: ServiceTemplate, name: str, args: Sequence[Any]) -> bool:
        return name in _WITH_UNITS | _COMPARED and self._units(service, args) is not None

    def call(self, service: ServiceTemplate, name: str, args: Sequence[Any]) -> Any:
        """Raises `FunctionError` as `functions.call` does."""
        units = self._units(service, args) or {}
        result = call(name, [_number(arg, units) for arg in args])
        if name not in _WITH_UNITS or not isinstance(args[0], str) or (name == "quotient" and isinstance(args[1], str)):
            return result
        found = scalar(args[0], units, exact_case=True)
        unit = found[1].rpartition(" ")[2] if found is not None else next(iter(units))
        return f"{result / units[unit]:.15g} {unit}"

    def _units(self, service: ServiceTemplate, args: Sequence[Any]) -> Mapping[str, float] | None:
        """The units of the type that all texts among the arguments are scalars of."""
        if id(service) not in self._tables:
            types = [found for (kind, _), found in service.types.items() if kind == "data" and found.units]
            self._tables[id(service)] = [found.units for found in types]
        tables = self._tables[id(service)]
        texts = [item for arg in args for item in (arg if isinstance(arg, list) else [arg]) if isinstance(item, str)]
        if not tables or not texts:
            return None
        fitting = (units for units in tables if all(scalar(text, units, exact_case=True) is not None for text in texts))
        return next(fitting, None)


def _number(value: Any, units: Mapping[str, float]) -> Any:
    if isinstance(value, list):
        return [_number(item, units) for item in value]
    found = scalar(value, units, exact_case=True) if isinstance(value, str) else None
    return found[0] if found is not None else value
