"""Shares of what a capability has: a target is one as long as all shares together fit (TOSCA 2.0 section 8.5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bbq.diagnostics import SourceRange
from bbq.topology import codes
from bbq.topology.instances import Instance, Link, Where
from bbq.topology.values import Expr
from bbq.tosca.model import ServiceTemplate
from bbq.tosca.units import SCALAR_UNITS, scalar

if TYPE_CHECKING:
    from bbq.topology.evaluate import Evaluator


class Allocations:
    """What the relationships that were made take of the capabilities of all instances."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._taken: dict[tuple[str, str], dict[str, float]] = {}

    def fits(self, link: Link) -> bool:
        """Whether the link's target has enough left; nothing is left of a property that the target does not say."""
        if not link.assignment.allocation:
            return True
        taken = self._taken.get((link.target.address, link.capability or ""), {})
        for name, share in self._shares(link).items():
            capacity = self._capacity(link.target, link.capability or "", name)
            # A little more than a sum of decimal fractions may be off by.
            if capacity is None or taken.get(name, 0.0) + share > capacity * (1 + 1e-9):
                return False
        return True

    def take(self, link: Link) -> bool:
        """Takes the link's shares of its target; False where there is not enough left."""
        if not self.fits(link):
            return False
        if link.assignment.allocation:
            taken = self._taken.setdefault((link.target.address, link.capability or ""), {})
            for name, share in self._shares(link).items():
                taken[name] = taken.get(name, 0.0) + share
        return True

    def _shares(self, link: Link) -> dict[str, float]:
        """Property -> share, in the property's base unit. Raises `Broken` (reported) where that is not known."""
        where = Where(link.source.stack, link.source, link)
        found = {}
        for name, value in link.assignment.allocation.items():
            amount = self._amount(self._evaluator.evaluate(value, where), link.target, link.capability or "", name)
            if amount is None:
                what = f"the allocation {name!r} of {link.assignment.name!r} of {link.source.address!r}"
                raise self._evaluator.fail(codes.ALLOCATION, f"{what} is no number that is known now", link.assignment.at)
            found[name] = amount
        return found

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
