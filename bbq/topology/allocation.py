"""Shares of what a capability has: a target is one as long as all shares together fit (TOSCA 2.0 section 8.5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bbq.diagnostics import SourceRange
from bbq.topology import codes
from bbq.topology.instances import Instance, Where
from bbq.topology.values import Expr
from bbq.tosca.model import RequirementAssignment, ServiceTemplate
from bbq.tosca.units import SCALAR_UNITS, scalar

if TYPE_CHECKING:
    from bbq.topology.evaluate import Evaluator

Shares = dict[str, float]
"""Property -> share, in the property's base unit."""


class Allocations:
    """What the relationships that were made take of the capabilities of all instances."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._taken: dict[tuple[str, str], Shares] = {}

    def shares(self, source: Instance, assignment: RequirementAssignment, target: Instance, capability: str) -> Shares:
        """What the assignment asks of the target's capability. Raises `Broken` (reported) where that is not known."""
        where = Where(source.stack, source)
        found = {}
        for name, value in assignment.allocation.items():
            amount = self._amount(self._evaluator.evaluate(value, where), target, capability, name)
            if amount is None:
                text = f"the allocation {name!r} of {assignment.name!r} of {source.address!r} is no number that is known now"
                raise self._evaluator.fail(codes.ALLOCATION, text, assignment.at)
            found[name] = amount
        return found

    def fits(self, target: Instance, capability: str, shares: Shares) -> bool:
        """Whether there is enough left of every property; nothing is left of one that the target does not say."""
        taken = self._taken.get((target.address, capability), {})
        for name, share in shares.items():
            capacity = self._capacity(target, capability, name)
            # A little more than a sum of decimal fractions may be off by.
            if capacity is None or taken.get(name, 0.0) + share > capacity * (1 + 1e-9):
                return False
        return True

    def take(self, target: Instance, capability: str, shares: Shares) -> None:
        taken = self._taken.setdefault((target.address, capability), {})
        for name, share in shares.items():
            taken[name] = taken.get(name, 0.0) + share

    def available(self, target: Instance, capability: str, name: str, at: SourceRange) -> Any:
        """What is left of a property, in the unit that its value has."""
        value = self._evaluator.capability_property(target, capability, name)
        capacity = self._capacity(target, capability, name)
        if capacity is None:
            text = f"available_allocation: {name!r} of the capability {capability!r} of {target.address!r} is no known number"
            raise self._evaluator.fail(codes.BAD_FUNCTION, text, at)
        left = capacity - self._taken.get((target.address, capability), {}).get(name, 0.0)
        if isinstance(value, int):
            return int(left) if left == int(left) else left
        if isinstance(value, float):
            return left
        unit = value.split()[1]
        return f"{left / self._units(target, capability, name)[unit]:.15g} {unit}"

    def _capacity(self, target: Instance, capability: str, name: str) -> float | None:
        definition = target.template.type.capabilities.get(capability)
        if definition is None or name not in definition.properties:
            return None
        return self._amount(self._evaluator.capability_property(target, capability, name), target, capability, name)

    def _amount(self, value: Any, target: Instance, capability: str, name: str) -> float | None:
        """A number or a scalar as a number; None where it is none, or known only later."""
        if isinstance(value, (bool, Expr)) or value is None:
            return None
        if isinstance(value, (int, float)):
            return float(value)
        units = self._units(target, capability, name)
        found = scalar(str(value), units, exact_case=units not in SCALAR_UNITS.values())
        return found[0] if found is not None else None

    @staticmethod
    def _units(target: Instance, capability: str, name: str) -> dict[str, float]:
        """Unit -> factor of the property's type."""
        service: ServiceTemplate = target.stack.service
        type_name: str | None = target.template.type.capabilities[capability].properties[name].schema.type
        while type_name is not None and type_name not in SCALAR_UNITS:
            found = service.types.get(("data", type_name))
            if found is not None and found.units:
                return found.units
            type_name = found.ancestry[1] if found is not None and len(found.ancestry) > 1 else None
        return dict(SCALAR_UNITS[type_name]) if type_name is not None else {}
