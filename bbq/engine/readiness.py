"""When is a thing ready: the provider says so, then its own probe, then the template's probes. All of them, in that order."""

from __future__ import annotations

from functools import partial
from typing import Any

from bbq.engine import probes
from bbq.engine.contract import Check, Handle, PermanentFault, ProviderFault, Resource, State, Wanted
from bbq.engine.loop import Call, Sleep
from bbq.engine.run import NodeRun, Shared
from bbq.engine.waiter import Watch
from bbq.topology.model import Node
from bbq.topology.values import evaluate

_STAGES = ("booted", "configured")  # `created` is told by the outcome of the create


class Readiness:
    """`news` holds, by node, attributes that became known since the thing was made and are not journalled yet."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.news: dict[str, dict[str, Any]] = {}

    async def reached(self, run: NodeRun, resource: Resource, handle: Handle, wanted: Wanted) -> State | None:
        """Wait until the thing is ready or in a terminal state; that state, or None where the thing is gone."""
        shared = self._shared
        since = shared.loop.clock.monotonic()
        kind = run.ancestry[0]
        expected = shared.waits.get(kind, shared.durations.get(kind))
        watch = Watch(
            shared.waiter,
            resource.poll_group,
            handle.id,
            until="ready",
            since=since,
            visible_by=since + shared.provider.list_grace,
            expected=expected,
            on_state=lambda state: self._seen(run, state),
        )
        while True:
            state = await watch
            if state is None or state.failed:
                return state
            check = await self._checked(run, resource, handle, wanted)
            self._learn(run, check.attributes)
            if check.ok:
                waited = shared.loop.clock.monotonic() - since
                shared.waits[kind] = waited if expected is None else 0.5 * (expected + waited)
                return state
            run.awaited = shared.scope.scrub(check.detail) or "its readiness probe"
            if check.failed:
                return State(state.name, failed=True, detail=check.detail)

    async def _checked(self, run: NodeRun, resource: Resource, handle: Handle, wanted: Wanted) -> Check:
        attributes: dict[str, Any] = {}
        if type(resource).probe is not Resource.probe:
            try:
                own = await Call(lambda: resource.probe(handle, wanted))
            except PermanentFault as fault:
                return Check(False, str(fault), failed=True)
            except ProviderFault as fault:
                return Check(False, str(fault))
            if not own.ok:
                return own
            attributes.update(own.attributes)
            self._learn(run, attributes)
        answer = await self.predicates(run, wanted.node)
        return Check(True, attributes=attributes) if answer.ok else answer

    async def predicates(self, run: NodeRun, node: Node) -> Check:
        """Ask the template's own predicates once, up to the first that does not hold; then its interval has passed, too."""
        if self._shared.provider.simulated:  # nothing answers there, and no command is to be run
            return Check(True)
        for probe in node.readiness:
            target = evaluate(probe.target, self._shared.scope)
            answer = await Call(partial(probes.attempt, probe, target))
            if not answer.ok:
                if not answer.failed:
                    run.awaited = self._shared.scope.scrub(answer.detail)
                    await Sleep(probe.interval)
                return answer
        return Check(True)

    def _seen(self, run: NodeRun, state: State) -> None:
        shared, run.listed = self._shared, True
        if not state.ready:  # else the probes say what is missing
            run.awaited = shared.scope.scrub(state.detail) or state.name
        self._learn(run, state.attributes)
        known = len(run.told) if tuple(state.progress[: len(run.told)]) == run.told else 0
        for text in state.progress[known:]:
            shared.recorder.write("step.progress", run.name, attempt=run.attempt, data={"text": shared.scope.scrub(text)})
        run.told = tuple(state.progress)
        if state.stage in _STAGES and state.stage != run.stage:
            run.stage = state.stage
            shared.recorder.write("step.stage", run.name, stage=state.stage, attempt=run.attempt)

    def _learn(self, run: NodeRun, attributes: Any) -> None:
        if attributes and self._shared.scope.know(run.name, attributes):
            self.news.setdefault(run.name, {}).update(attributes)
