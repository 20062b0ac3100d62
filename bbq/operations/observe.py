"""What is really there, beside what the journal says: one list call a group, and those that tell what is lost inside of things;
nothing is changed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal, TypeVar

from bbq.diagnostics import listed
from bbq.errors import BbqError, UnreachableError

if TYPE_CHECKING:
    from bbq.engine.clock import Clock
    from bbq.engine.contract import Provider, Resource, State
    from bbq.journal.model import DeploymentRow, Record
    from bbq.operations.workspace import Workspace

T = TypeVar("T")
TRIES = 4
_PROBES = 16
"""At most so many at once."""
_NOT_THERE = "it is not there"
_EXISTING = frozenset({"created", "ready", "failed"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was wanted. `kind`: gone, failed, not ready, outdated (what it is connected to has changed
    since it was told of it), or unknown (it is there without a record)."""

    node: str
    kind: Literal["gone", "failed", "not ready", "outdated", "unknown"]
    detail: str


def states(provider: Provider, records: Mapping[str, Record], clock: Clock) -> dict[str, State | None]:
    """The state of every recorded thing, None for what is gone; nodes that have no thing of their own are left out. What the
    provider has as ready and does not work, by a probe that only looks, is not ready; what has lost something inside of it has
    failed."""
    found = _listed(provider, records, clock)
    for node, phrases in _lost(provider, records, found, clock).items():
        state = found[node]
        assert state is not None
        found[node] = replace(state, ready=False, failed=True, detail=listed(phrases, 3))
    return found


def _lost(
    provider: Provider, records: Mapping[str, Record], seen: Mapping[str, State | None], clock: Clock
) -> dict[str, Sequence[str]]:
    """What things have lost that are ready otherwise, by node."""
    from bbq.engine.contract import Handle

    by_resource: dict[Resource, dict[str, str]] = defaultdict(dict)
    for node, state in seen.items():
        resource = provider.resource(records[node].ancestry or (records[node].type,))
        if state is not None and state.ready and resource is not None:
            by_resource[resource][str(records[node].handle)] = node
    found: dict[str, Sequence[str]] = {}
    for resource, nodes in by_resource.items():
        handles = [Handle(id, records[node].attributes) for id, node in nodes.items()]
        found.update({nodes[id]: phrases for id, phrases in asked(partial(resource.lost, handles), clock).items() if phrases})
    return found


def _listed(provider: Provider, records: Mapping[str, Record], clock: Clock) -> dict[str, State | None]:
    """The same, without what things have lost inside of them."""
    groups: dict[str, list[Record]] = defaultdict(list)
    looking: dict[str, Resource] = {}
    for record in records.values():
        resource = None if record.members else provider.resource(record.ancestry or (record.type,))
        if resource is not None and record.handle is not None and record.status in _EXISTING:
            groups[resource.poll_group].append(record)
            if resource.probe_looks:
                looking[record.node] = resource
    found: dict[str, State | None] = {}
    for group, members in groups.items():
        ids = [str(record.handle) for record in members]
        seen = asked(partial(provider.list_states, group, ids), clock)
        found.update({record.node: seen.get(str(record.handle)) for record in members})
    running = [(records[node], looking[node]) for node, state in found.items() if node in looking and state and state.ready]
    if running:
        from concurrent.futures import ThreadPoolExecutor

        from bbq.engine.contract import State

        with ThreadPoolExecutor(min(_PROBES, len(running))) as pool:  # one that hangs takes its seconds
            for (record, _), trouble in zip(running, pool.map(lambda one: _trouble(*one), running), strict=True):
                if trouble:
                    found[record.node] = State("not answering", detail=trouble)
    return found


def _trouble(record: Record, resource: Resource) -> str:
    """What its probe says is missing; "" where it works."""
    from bbq.engine.contract import Handle, ProviderFault, Tag, Wanted
    from bbq.engine.preflight import as_made

    node = as_made(record)
    wanted = Wanted(node, node.properties, {}, (), Tag("", "", record.node, record.attempt), "")
    try:
        check = resource.probe(Handle(str(record.handle), record.attributes), wanted)
    except ProviderFault as fault:
        return str(fault)
    return "" if check.ok else check.detail or "its readiness probe fails"


def asked(call: Callable[[], T], clock: Clock, trouble: str = "the provider does not say what is there") -> T:
    """What a call returns that only looks, or may be made again without harm; tried a few times. `UnreachableError` where
    nobody answers; `trouble` begins an error's text."""
    from bbq.engine import EngineOptions
    from bbq.engine.clock import VirtualClock
    from bbq.engine.contract import ProviderFault, TransientFault
    from bbq.engine.retry import Backoff, error_of

    backoff = Backoff(EngineOptions(retries=TRIES), Random(0))
    while True:
        try:
            return call()
        except ProviderFault as fault:
            pause, text = backoff.pause(fault), f"{trouble}: {fault}"
            if pause is None and isinstance(fault, TransientFault):
                raise UnreachableError(text, hint="try again in a moment") from None
            if pause is None:
                raise error_of(fault, text) from None
            clock.spend(pause) if isinstance(clock, VirtualClock) else time.sleep(pause)


def observed(workspace: Workspace, row: DeploymentRow, records: Mapping[str, Record]) -> dict[str, Record]:
    """The records, with those marked failed whose thing is gone or has failed since, and those `created` that are not ready
    any more (a component that is being restarted); `error` says why."""
    clock = workspace.clock(row, records)
    provider = workspace.open_provider(row, clock)
    try:
        seen = states(provider, records, clock)
    finally:
        provider.close()
    result = dict(records)
    for node, state in seen.items():
        record = records[node]
        if state is None:
            result[node] = replace(record, status="failed", error="it is gone")
        elif state.failed and record.status != "failed":
            result[node] = replace(record, status="failed", error=state.detail or state.name)
        elif not state.ready and record.status == "ready":
            result[node] = replace(record, status="created", error=state.detail or state.name)
    return _with_composites(result)


def with_wanted(workspace: Workspace, row: DeploymentRow, records: Mapping[str, Record]) -> dict[str, Record]:
    """The records, and of a deployment that is not finished those of nodes that were not begun (`absent`), where its template
    can be read: half of what is wanted must not look like all of it."""
    from bbq.journal.model import Record
    from bbq.operations.prepare import topology_of

    found = dict(records)
    if row.status not in ("new", "changing", "interrupted", "failed"):
        return found
    with suppress(BbqError):  # the template is gone or was changed: the journal knows what was begun
        for name, node in topology_of(workspace, row).nodes.items():
            if name not in found:
                found[name] = Record(name, node.type, parent=node.parent, ancestry=tuple(node.ancestry))
    return found


def status_of(row: DeploymentRow, records: Mapping[str, Record]) -> str:
    """The row's status against what was `observed`: of one that was active `failed` where something has failed since,
    `degraded` where something is not ready (a program that is being started again)."""
    found = {record.status for record in records.values()}
    if row.status != "active" or found <= {"ready"}:
        return row.status
    return "failed" if "failed" in found else "degraded"


def drift(workspace: Workspace, row: DeploymentRow, records: Mapping[str, Record]) -> list[Difference]:
    """Where what is there differs from what was wanted, things that nobody recorded included."""
    clock = workspace.clock(row, records)
    provider = workspace.open_provider(row, clock)
    try:
        found = [
            Difference(record.node, "gone", record.error or _NOT_THERE)
            for record in records.values()
            if record.handle is None and record.status in ("intended", "failed") and not record.members
        ]
        seen = _listed(provider, records, clock)
        lost = _lost(provider, records, seen, clock)
        found += [Difference(node, "gone", phrase) for node, phrases in lost.items() for phrase in phrases]
        for node, state in seen.items():
            if state is None:
                found.append(Difference(node, "gone", f"{records[node].type} {records[node].handle} is gone"))
            elif state.failed:
                found.append(Difference(node, "failed", state.detail or state.name))
            elif not state.ready:
                found.append(Difference(node, "not ready", state.detail or state.name))
        for record in records.values():
            found += [Difference(member, "gone", _NOT_THERE) for member in _missing_members(record, records)]
        found += _outdated(workspace, row, provider, records)
        recorded = {record.node for record in records.values()}
        for tag, handle, kind in asked(lambda: list(provider.list_tagged(row.id)), clock):
            if tag.node not in recorded:
                found.append(Difference(tag.node, "unknown", f"{kind} {handle.id} is there without a record"))
        return found
    finally:
        provider.close()


def _outdated(
    workspace: Workspace, row: DeploymentRow, provider: Provider, records: Mapping[str, Record]
) -> Iterator[Difference]:
    from bbq.operations.prepare import topology_of
    from bbq.plan.connections import outdated

    with suppress(BbqError):  # without its template nobody knows all that a node tells of itself; the next plan does
        nodes, secrets = topology_of(workspace, row).nodes, workspace.secrets(row.id)
        for node, requirement, target in outdated(
            nodes, records, resource_of=provider.resource, salt=row.salt, secrets=secrets
        ):
            yield Difference(node, "outdated", f"{target} ({requirement}) has changed since this was told of it")


def _missing_members(record: Record, records: Mapping[str, Record]) -> list[str]:
    return [name for name in record.members if name not in records]


def _with_composites(records: dict[str, Record]) -> dict[str, Record]:
    """A composite is failed where a member is, and ready only where all members are: one that was taken away and not made again
    has no record."""
    for name in sorted(records, key=len, reverse=True):  # members have longer names than what they are members of
        record = records[name]
        members = [records[member] for member in record.members if member in records]
        for status, worse_than in (("failed", {"intended", "created", "ready", "deleting"}), ("created", {"ready"})):
            bad = next((member for member in members if member.status == status), None)
            if bad is not None and record.status in worse_than:
                records[name] = replace(record, status=status, error=f"{bad.node}: {bad.error or 'not ready yet'}")
                break
        else:
            missing = _missing_members(record, records)
            if missing and record.status == "ready":
                records[name] = replace(record, status="created", error=f"{missing[0]}: {_NOT_THERE}")
    return records
