"""Deletes: which, and against the edges of the records. `destroy` is all deletes and needs no template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bbq.plan.model import Action, Plan, Step
from bbq.plan.order import topological
from bbq.plan.selection import closure, named

if TYPE_CHECKING:
    from bbq.journal.model import Record


def destroy(records: Mapping[str, Record], *, deployment: str, provider: str, targets: Iterable[str] = ()) -> Plan:
    """Delete everything that is recorded, dependents first. With `targets` only these, their members, and whatever
    depends on one of them. `UsageError` for a target that is not recorded."""
    live = existing(records)
    doomed = set(live)
    wanted = list(targets)
    if wanted:
        doomed = closure(named(wanted, live), _drawn_along(live))
    steps = deletions(live, doomed)
    order = topological({name: step.after for name, step in steps.items()})
    return Plan(deployment, provider, {name: steps[name] for name in order})


def existing(records: Mapping[str, Record]) -> dict[str, Record]:
    """The records of what exists or may exist."""
    return {name: record for name, record in records.items() if record.status != "absent"}


def dependents(records: Mapping[str, Record]) -> dict[str, list[str]]:
    """Node -> the nodes that were made after it."""
    found: dict[str, list[str]] = {}
    for name, record in records.items():
        for target in record.depends_on:
            found.setdefault(target, []).append(name)
    return found


def members(records: Mapping[str, Record]) -> dict[str, list[str]]:
    """Composite -> its members, by what they say of their parent."""
    found: dict[str, list[str]] = {}
    for name, record in records.items():
        if record.parent is not None:
            found.setdefault(record.parent, []).append(name)
    return found


def deletions(records: Mapping[str, Record], doomed: set[str], reason: str = "") -> dict[str, Step]:
    """A delete step for each of `doomed`, after the deletes of its dependents. Records of different runs may contradict
    each other in a circle: then one of its edges is ignored, for everything has to go anyway."""
    waits = dependents(records)
    edges = {
        name: [other for other in waits.get(name, ()) if other in doomed] for name in reversed(list(records)) if name in doomed
    }
    position = {name: number for number, name in enumerate(topological(edges, tolerant=True))}
    steps = {}
    for name, before in edges.items():
        after = {other for other in before if position[other] < position[name]}
        steps[name] = Step(name, records[name].type, Action.DELETE, after, reason=reason)
    return steps


def _drawn_along(records: Mapping[str, Record]) -> dict[str, list[str]]:
    edges = dependents(records)
    for parent, inner in members(records).items():
        edges[parent] = [*edges.get(parent, ()), *inner]
    return edges
