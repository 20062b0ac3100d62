"""A provider whose things exist only in a simulated cloud, on a virtual clock. It makes every type.

Deterministic: the same graph, seed and options give the same run, whatever the order of the calls. Not for several threads
at once: the engine runs its calls inline on a virtual clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from bbq.engine.contract import (
    Changed,
    Check,
    DeploymentContext,
    Handle,
    NoRoom,
    PermanentFault,
    Provider,
    QuotaFault,
    Resource,
    State,
    Tag,
    UnreachableFault,
    Wanted,
)
from bbq.providers.simulator.catalogue import IGNORED, UPDATABLE, attributes, chance, kind_of
from bbq.providers.simulator.cloud import Cloud, Thing
from bbq.providers.simulator.faults import AFTER, LOST_RESPONSE_SECONDS, Faults, fault_of
from bbq.topology.model import Node
from bbq.topology.values import Secret, contains, masked

T = TypeVar("T")


class SpendingClock(Protocol):
    """`bbq.engine.clock.VirtualClock`."""

    def now(self) -> float: ...

    def spend(self, seconds: float) -> None: ...


class SimulatedResource(Resource):
    """Any type at all."""

    type = "tosca.nodes.Root"
    updatable = UPDATABLE
    ignored = IGNORED
    timeouts: ClassVar[Mapping[str, float]] = {"create": 120.0, "ready": 1800.0, "delete": 600.0}

    def __init__(self, provider: SimulatorProvider) -> None:
        self._provider = provider

    def find(self, tag: Tag) -> Handle | None:
        provider = self._provider

        def look() -> Handle | None:
            seen = provider.list_time()
            for thing in provider.cloud.of_node(tag.deployment_id, tag.node):
                if thing.exists(seen) and (thing.delete_asked_at is None or thing.delete_asked_at > seen):
                    return _handle(thing, seen)
            return None

        return provider.call("find", tag.node, look)

    def create(self, wanted: Wanted) -> Handle:
        return self._provider.call("create", wanted.tag.node, lambda: self._provider.make(wanted))

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        return self._provider.call("update", wanted.tag.node, lambda: self._provider.change(handle, wanted))

    def delete(self, handle: Handle, tag: Tag) -> None:
        self._provider.call("delete", tag.node, lambda: self._provider.remove(handle.id))

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        # the cloud keeps no secrets, so the attributes that hold some are told here, where the wanted values are at hand
        def look() -> Check:
            told = attributes(wanted, handle.id)
            return Check(True, attributes={name: value for name, value in told.items() if _is_secret(value)})

        return self._provider.call("probe", wanted.tag.node, look)

    def explain(self, handle: Handle, state: State) -> str:
        thing = self._provider.cloud.get(handle.id)
        return thing.failure if thing is not None and thing.failure else state.detail or state.name


class SimulatorProvider(Provider):
    """`calls` counts the calls by kind. `on_call`, where given, is called with ("before" | "committed" | "after", call, node):
    tests end the process there.

    Options, besides those of `bbq.providers.simulator.faults`: `durations`, a mapping from a node's or a type's name to the
    seconds that it takes to get ready; `jitter`, the share by which times vary (0.1: ten percent up or down).
    """

    name = "simulator"
    simulated = True

    def __init__(
        self,
        context: DeploymentContext,
        *,
        clock: SpendingClock,
        cloud: Cloud,
        faults: Faults,
        on_call: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self.context = context
        self.clock = clock
        self.cloud = cloud
        self.faults = faults
        self.calls: Counter[str] = Counter()
        self.on_call = on_call
        self.list_grace = faults.rates.list_lag  # type: ignore[misc]  # of this cloud, not of the class
        self._durations: Mapping[str, float] = context.options.get("durations") or {}
        self._jitter = float(context.options.get("jitter", 0.1))
        # an earlier process may have simulated hours: time goes on from there
        clock.spend(max(0.0, cloud.time - clock.now()))
        self._opened = self.now()
        self._resource = SimulatedResource(self)

    def now(self) -> float:
        """The cloud's time; never before anything that was committed in it."""
        return self.clock.now()

    def list_time(self) -> float:
        """The moment that lists tell about."""
        return self.now() - self.faults.rates.list_lag

    def ready_seconds(self, node: str, ancestry: Sequence[str]) -> float:
        """How long a thing of this node takes from the end of `create` to ready."""
        names = (node, *ancestry)
        given = next((self._durations[name] for name in names if name in self._durations), None)
        return given if given is not None else self._varied(kind_of(ancestry).ready, node)

    # What the engine calls

    def resource(self, ancestry: Sequence[str]) -> Resource:
        return self._resource

    def list_states(self, group: str, ids: Sequence[str]) -> Mapping[str, State]:
        def look() -> Mapping[str, State]:
            seen = self.list_time()
            found = ((thing_id, self.cloud.get(thing_id)) for thing_id in ids)
            return {name: _state(thing, seen) for name, thing in found if thing is not None and thing.exists(seen)}

        return self.call("list_states", "*", look)

    def list_tagged(self, deployment_id: str) -> Iterable[tuple[Tag, Handle, str]]:
        def look() -> list[tuple[Tag, Handle, str]]:
            seen = self.list_time()
            things = self.cloud.of_deployment(deployment_id)
            return [(thing.tag, _handle(thing, seen), thing.type) for thing in things if thing.exists(seen)]

        return self.call("list_tagged", "*", look)

    def preflight(self, nodes: Iterable[Node], changed: Sequence[Changed] = ()) -> list[str]:
        quota = self.faults.rates.quota
        wanted = sum(1 for _ in nodes)
        return [NoRoom(f"{wanted} things are wanted, the quota is {quota} (simulated)")] if quota and wanted > quota else []

    def finish_destroy(self, deployment_id: str) -> None:
        if not any(thing.exists(self.now()) for thing in self.cloud.of_deployment(deployment_id)):
            self.cloud.forget()
            with suppress(OSError):  # not there (a cloud in memory), or not empty: then it is not ours to remove
                Path(self.context.state_dir).rmdir()

    def close(self) -> None:
        self.cloud.close()

    # What happens in the cloud

    def call(self, kind: str, node: str, act: Callable[[], T]) -> T:
        """One call over the network: time passes, faults strike, `act` is what the cloud does."""
        self.calls[kind] += 1
        self._tell("before", kind, node)
        self.clock.spend(self.faults.latency(kind, node))
        self.cloud.refresh()
        self.cloud.tell_time(self.now())
        if self.faults.unreachable(self.now() - self._opened):
            self.faults.done["unreachable"] += 1
            raise UnreachableFault("connection timed out (simulated)")
        fault = self.faults.draw(kind, node)
        if fault is not None and fault not in AFTER:
            raise fault_of(fault, kind)
        try:
            result = act()
        except OSError as error:
            raise QuotaFault(
                f"the simulated cloud's file cannot be written: {error.strerror}", hint="make room on the disk"
            ) from None
        self._tell("committed", kind, node)
        if fault is not None:
            self.clock.spend(LOST_RESPONSE_SECONDS if fault == "lost_response" else 0.0)
            raise fault_of(fault, kind)
        self._tell("after", kind, node)
        return result

    def make(self, wanted: Wanted) -> Handle:
        now, tag, node = self.now(), wanted.tag, wanted.node
        self._require_quota(now)
        made = self.cloud.of_node(tag.deployment_id, tag.node)
        fate = self.faults.fate(tag.node, len(made))
        seconds = self.ready_seconds(node.name, node.ancestry)
        thing_id = f"sim-{int(chance(tag.deployment_id, tag.node, len(made)) * (1 << 48)):012x}"
        told = attributes(wanted, thing_id)
        thing = Thing(
            id=thing_id,
            type=node.type,
            tag=tag,
            created_at=now,
            ready_at=None if fate in ("terminal_error", "never_ready") else now + seconds,
            fails_at=now + seconds / 2 if fate == "terminal_error" else None,
            failure=f"{node.name}: no valid host was found (simulated)" if fate == "terminal_error" else "",
            vanishes_at=now + seconds + 60.0 if fate == "vanish" else None,
            delete_seconds=self._varied(kind_of(node.ancestry).delete, node.name),
            properties=_stored(wanted),
            connected={target.node: target.handle for target in wanted.targets},
            attributes={name: value for name, value in told.items() if not _is_secret(value)},
        )
        self.cloud.commit(thing, now)
        return _handle(thing, now)

    def change(self, handle: Handle, wanted: Wanted) -> Handle:
        now, thing = self.now(), self.cloud.get(handle.id)
        if thing is None or not thing.exists(now):
            raise PermanentFault(f"404: there is no {handle.id} (simulated)")
        told = attributes(wanted, thing.id)
        thing.properties = _stored(wanted)
        thing.connected = {target.node: target.handle for target in wanted.targets}
        thing.attributes = {name: value for name, value in told.items() if not _is_secret(value)}
        thing.updates += 1
        thing.ready_at = None if thing.ready_at is None else max(thing.ready_at, now + 2.0)
        self.cloud.commit(thing, now)
        return _handle(thing, now)

    def remove(self, thing_id: str) -> None:
        now, thing = self.now(), self.cloud.get(thing_id)
        if thing is None or thing.delete_asked_at is not None or not thing.exists(now):
            return
        thing.delete_asked_at, thing.gone_at = now, now + thing.delete_seconds
        self.cloud.commit(thing, now)

    def _require_quota(self, now: float) -> None:
        quota = self.faults.rates.quota
        if quota and sum(thing.exists(now) for thing in self.cloud.of_deployment(self.context.id)) >= quota:
            raise QuotaFault(f"the quota of {quota} things is used up (simulated)", hint="raise [simulator] quota")

    def _varied(self, seconds: float, node: str) -> float:
        return seconds * (1 + self._jitter * (2 * chance(self.faults.seed, "seconds", node) - 1))

    def _tell(self, when: str, kind: str, node: str) -> None:
        if self.on_call is not None:
            self.on_call(when, kind, node)


def _handle(thing: Thing, seen: float) -> Handle:
    return Handle(thing.id, dict(thing.attributes) if _is_ready(thing, seen) else {})


def _is_ready(thing: Thing, seen: float) -> bool:
    return thing.ready_at is not None and thing.ready_at <= seen


def _state(thing: Thing, seen: float) -> State:
    if thing.delete_asked_at is not None and thing.delete_asked_at <= seen:
        return State("DELETING", detail="is being deleted")
    if thing.fails_at is not None and thing.fails_at <= seen:
        return State("ERROR", failed=True, detail=thing.failure)
    if _is_ready(thing, seen):
        return State("ACTIVE", ready=True, stage="configured", attributes=dict(thing.attributes))
    if thing.ready_at is None:
        return State("BUILD", detail="is being built", stage="created")
    share = (seen - thing.created_at) / max(1e-9, thing.ready_at - thing.created_at)
    return State("BUILD", detail=f"is being built, {share:.0%}", stage="booted" if share > 0.6 else "created")


def _stored(wanted: Wanted) -> dict[str, Any]:
    stored: dict[str, Any] = masked(dict(wanted.properties))
    return stored


def _is_secret(value: Any) -> bool:
    return contains(value, lambda item: isinstance(item, Secret))
