"""Node filters: which candidates a requirement takes (TOSCA 1.3 section 3.6.5, 2.0 section 8.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bbq.topology.instances import Instance, Link, Where
from bbq.tosca.constraints import expected
from bbq.tosca.functions import spelled
from bbq.tosca.model import Constraint, Function, ServiceTemplate
from bbq.tosca.reading import quoted

if TYPE_CHECKING:
    from bbq.topology.evaluate import Evaluator


def passes(evaluator: Evaluator, node_filter: Any, link: Link) -> bool:
    """Whether the target of a link that may be made meets a 2.0 condition, where SELF is the link, or 1.3's lists of
    constraints on the target's properties and capabilities. Raises `Broken` where a value that is asked for is."""
    if isinstance(node_filter, Function):
        return evaluator.evaluate(node_filter, Where(link.target.stack, None, link, filtering=True)) is True
    return _unmet(evaluator, node_filter, link) is None


def unmet(evaluator: Evaluator, node_filters: Iterable[Any], link: Link) -> str:
    """The first condition that the target does not meet, in words. Raises `Broken`."""
    for node_filter in node_filters:
        if not isinstance(node_filter, Function):
            found = _unmet(evaluator, node_filter, link)
            if found is not None:
                return found
        elif not passes(evaluator, node_filter, link):
            parts = node_filter.args if node_filter.name == "and" else ()
            part = next((each for each in parts if not passes(evaluator, each, link)), node_filter)
            return f"{quoted(spelled(part, link.source.stack.service.version), 200)} does not hold"
    raise AssertionError("the target meets every filter")


def _unmet(evaluator: Evaluator, node_filter: Any, link: Link) -> str | None:
    candidate = link.target
    where = Where(candidate.stack, candidate)
    if not isinstance(node_filter, dict):
        return "the filter is no map"
    type_, version = candidate.template.type, candidate.stack.service.version
    for name, clauses in _pairs(node_filter.get("properties")):
        if name not in type_.properties:
            return f"it has no property {quoted(name)}"
        failing = _failing(evaluator, clauses, evaluator.property(candidate, name), where)
        if failing is not None:
            return f"property {quoted(name)} {expected(failing, version)}"
    for name, inner in _pairs(node_filter.get("capabilities")):
        found = _capability(candidate, name)
        if found is None:
            return f"it has no capability {quoted(name)}"
        for key, clauses in _pairs(inner.get("properties") if isinstance(inner, dict) else None):
            if key not in type_.capabilities[found].properties:
                return f"capability {quoted(found)} has no property {quoted(key)}"
            failing = _failing(evaluator, clauses, evaluator.capability_property(candidate, found, key), where)
            if failing is not None:
                return f"property {quoted(key)} of capability {quoted(found)} {expected(failing, version)}"
    return None


def ancestry(service: ServiceTemplate, kind: str, name: str) -> tuple[str, ...]:
    """The type's name and those of its parents; the name alone where the type is not known."""
    type_ = service.types.get((kind, name))
    return type_.ancestry or (name,) if type_ else (name,)


def _capability(candidate: Instance, name: str) -> str | None:
    """The candidate's capability of that name, else the first of that type."""
    capabilities = candidate.template.type.capabilities
    if name in capabilities:
        return name
    service = candidate.stack.service
    return next((item.name for item in capabilities.values() if name in ancestry(service, "capability", item.type)), None)


def _failing(evaluator: Evaluator, clauses: Any, value: Any, where: Where) -> Constraint | None:
    for item in _constraints(clauses, where):
        if value is None or not evaluator.holds(item, value, where):
            return item
    return None


def _pairs(items: Any) -> list[tuple[str, Any]]:
    """Name and what it must be, of a map or of 1.3's list of maps with one entry."""
    if isinstance(items, dict):
        return list(items.items())
    return [pair for item in items or () if isinstance(item, dict) for pair in item.items()]


def _constraints(clauses: Any, where: Where) -> list[Constraint]:
    """Clauses as `Constraint`s; a bare value means equality."""
    if isinstance(clauses, Constraint):
        return [clauses]
    if isinstance(clauses, (list, tuple)):
        return [item for clause in clauses for item in _constraints(clause, where)]
    at = where.instance.template.at if where.instance else where.stack.service.at
    if isinstance(clauses, Function):
        return [Constraint("validation", clauses, clauses.at)]
    if isinstance(clauses, dict):
        return [Constraint(name, argument, at) for name, argument in clauses.items()]
    return [Constraint("equal", clauses, at)]
