"""What is done for one node, as sentences: make, look up, change, replace, take away, wait until it works.

The crash rule is kept here. Before a call that changes something its intent is durable; after a call whose outcome is not
known `find` is asked, for as long as lists may lag, before the call is made again. So at whatever line the process dies, the
journal names every thing that may exist.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from bbq.engine.contract import (
    AmbiguousFault,
    Handle,
    PermanentFault,
    ProviderFault,
    Resource,
    State,
    Tag,
    Wanted,
)
from bbq.engine.ledger import Broken, Gone, Ledger
from bbq.engine.loop import Call, Durable, Sleep, Withdrawn
from bbq.engine.readiness import Readiness
from bbq.engine.retry import Backoff
from bbq.engine.run import NodeRun, Shared
from bbq.engine.waiter import Watch
from bbq.errors import BbqError, ConfigurationError, JournalError, LockedError
from bbq.journal.model import Record
from bbq.journal.secrets import decode
from bbq.plan.model import Action
from bbq.topology.values import UNKNOWN, contains

T = TypeVar("T")
_LOOKS = (0.1, 0.2, 0.3, 0.5)  # shares of the time that lists may lag, between one look and the next
_AGAIN = 15.0  # seconds after which a thing that is still there is asked to go once more


def _is_unknown(value: Any) -> bool:
    return value is UNKNOWN


class Steps:
    """Carries out steps; one instance a run."""

    def __init__(self, shared: Shared, answered: Callable[[NodeRun], None]) -> None:
        self._shared = shared
        self._answered = answered
        self._readiness = Readiness(shared)
        self._ledger = Ledger(shared)

    # -- entry points, each the coroutine of a task

    async def apply(self, run: NodeRun) -> None:
        """Carry out `run.step` towards the wanted state. Never raises but for a lost lease or a broken journal."""
        await self._guarded(run, self._apply(run))

    async def remove(self, run: NodeRun) -> None:
        """Take the node's thing away, known or not."""
        await self._guarded(run, self._remove(run, self._resource(run)))

    def composite(self, run: NodeRun) -> None:
        """A node that stands for its members: it is ready when they are, which it is by now."""
        node, record = run.node, run.record
        if run.step.action is Action.DELETE:
            if record is not None:
                self._shared.recorder.write("record.removed", run.name, action="delete")
            return
        if node is None:
            return
        recorder, scope = self._shared.recorder, self._shared.scope
        known = {name: value for name, value in scope.attributes_of(run.name).items() if not contains(value, _is_unknown)}
        attributes = recorder.encoded(known, f"{run.name}.attributes")
        if run.step.action is Action.NOTHING and record is not None:
            if attributes != record.attributes:  # a member was made anew, at another port
                recorder.write("step.stage", run.name, stage="ready", attempt=record.attempt, data={"attributes": attributes})
            return
        wanted = scope.wanted(node, self._shared.tag(run.name, 1))
        action, attempt = ("create", 1) if record is None else ("update", record.attempt)
        self._ledger.intent(run, action, attempt, wanted)
        data = {"result": "ok", "attributes": attributes}
        recorder.write("step.outcome", run.name, action=action, attempt=attempt, data=data)
        self._ledger.ready(run, self._readiness.news.pop(run.name, None))

    def known(self, run: NodeRun, record: Record) -> None:
        """Nothing is to be done: the record says what the others need to know."""
        shared = self._shared
        attributes = decode(record.attributes, shared.secrets)
        shared.scope.know(run.name, attributes)
        if record.handle is not None:
            run.handle = Handle(record.handle, attributes)
            shared.scope.handles[run.name] = run.handle

    def overtaken(self, run: NodeRun, record: Record) -> bool:
        """Nothing was to be done, and then what the node refers to or is connected to has changed: is it to be updated after
        all? Never where that would replace it, which nobody was told of: the next plan says so."""
        assert run.node is not None
        resource = self._resource(run)
        try:
            wanted = self._shared.scope.wanted(run.node, self._shared.tag(run.name, record.attempt))
        except BbqError:
            return True  # the update says what is missing
        found = self._ledger.difference(run, resource, record, wanted)
        return found.in_place and bool(found.called or found.ports)

    # -- the whole of a step

    async def _guarded(self, run: NodeRun, body: Any) -> None:
        try:
            await body
            run.status = "done"
        except Withdrawn:
            run.status = "skipped"
            self._ledger.withdraw(run)
        except (LockedError, JournalError):
            raise
        except Exception as fault:  # noqa: BLE001 - every failure of a step is told, not raised
            self._ledger.failed(run, fault)
            self._answer(run)

    async def _apply(self, run: NodeRun) -> None:
        shared, resource, record, action = self._shared, self._resource(run), run.record, run.step.action
        if action is Action.DELETE:
            await self._remove(run, resource)
            return
        if record is None or record.status == "absent":
            await self._create(run, resource, 1)
        elif action is Action.REPLACE or record.status == "deleting":
            # of what was made, which may be of another type than what is wanted now
            await self._remove(run, shared.provider.resource(record.ancestry or (record.type,)) or resource)
            await self._create(run, resource, record.attempt + 1)
        elif action is Action.UPDATE and record.handle is not None:
            self.known(run, record)
            await self._change(run, resource, record)
        else:
            await self._adopt(run, resource, record)
        try:
            await self._wait(run, resource)
        except (Gone, Broken) as trouble:
            if run.made or (action is Action.UPDATE and isinstance(trouble, Broken)):
                raise
            if isinstance(trouble, Broken) and resource.repairable:
                assert run.wanted is not None
                run.awaited = f"bringing it back: {trouble}"
                await self._update(run, resource, replace(run.wanted, repair=True), frozenset())
                await self._wait(run, resource)
                return
            # known from an earlier run and of no use: made anew, once
            run.awaited = f"making it anew: {trouble}"
            if isinstance(trouble, Broken):
                await self._remove(run, resource)
            else:
                shared.twice.add(run.name)
                run.handle = None
            await self._create(run, resource, run.attempt + 1)
            await self._wait(run, resource)

    async def _wait(self, run: NodeRun, resource: Resource) -> None:
        assert run.handle is not None and run.wanted is not None
        self._answer(run)
        shared, run.stage = self._shared, "ready"
        seconds, origin = shared.timeout(run, "ready", resource)
        assert run.task is not None
        with shared.loop.deadline(run.task, seconds, lambda: self._ledger.late(run, "ready", seconds, origin)):
            state = await self._readiness.reached(run, resource, run.handle, run.wanted)
            if state is None:
                raise Gone(f"{run.name} is gone: it was made and does not exist any more")
            if state.failed:
                raise await self._broken(run, resource, run.handle, state)
        self._ledger.ready(run, self._readiness.news.pop(run.name, None))

    async def _adopt(self, run: NodeRun, resource: Resource, record: Record) -> None:
        """Take over what an earlier run may have made; make it where there is nothing."""
        shared = self._shared
        run.recorded, run.attempt = True, record.attempt
        self.known(run, record)
        if run.handle is None:  # with a handle, the lists tell whether it is still there
            # a thing whose making was never answered for may be too young for `find`
            look = self._find(run, resource, shared.tag(run.name, record.attempt), shared.provider.list_grace)
            handle = await self._bounded(run, resource, "create", look)
            if handle is None:
                shared.twice.add(run.name)
                await self._create(run, resource, record.attempt + 1)
                return
            self._ledger.exists(run, handle, "read")
        await self._change(run, resource, record)

    async def _change(self, run: NodeRun, resource: Resource, record: Record) -> None:
        """Bring a thing that exists to what is wanted now: in place where the type can, by a new one where it cannot."""
        shared = self._shared
        assert run.node is not None and run.handle is not None
        run.recorded, run.attempt = True, record.attempt
        wanted = run.wanted = shared.scope.wanted(run.node, shared.tag(run.name, record.attempt))
        found = self._ledger.difference(run, resource, record, wanted)
        broken = run.step.action is Action.UPDATE and bool(run.step.reason)  # a reason: it is to be brought back
        if not found.in_place:
            await self._remove(run, resource)
            await self._create(run, resource, record.attempt + 1)
        elif found.called or found.ports or broken:
            await self._update(run, resource, replace(wanted, repair=broken), found.called)
        elif found.fields or record.pending is not None:
            self._ledger.intent(run, "update", record.attempt, wanted)
            self._ledger.exists(run, run.handle, "update")

    async def _update(self, run: NodeRun, resource: Resource, wanted: Wanted, changed: frozenset[str]) -> None:
        assert run.handle is not None
        self._ledger.intent(run, "update", run.attempt, wanted)
        await Durable()
        handle, run.stage = run.handle, "update"
        updating = self._retrying(run, lambda: resource.update(handle, wanted, changed), mutates=True)
        try:
            run.handle = await self._bounded(run, resource, "create", updating)
        except PermanentFault:
            if await self._find(run, resource, wanted.tag, self._shared.provider.list_grace) is not None:
                raise
            # there is nothing to update: something other than bbq has taken it away
            await self._create(run, resource, run.attempt + 1)
            return
        self._ledger.exists(run, run.handle, "update")

    async def _create(self, run: NodeRun, resource: Resource, attempt: int) -> None:
        shared = self._shared
        assert run.node is not None and run.task is not None
        run.stage = "create"
        shared.scope.forget(run.name)  # whatever is known is of another thing
        wanted = run.wanted = shared.scope.wanted(run.node, shared.tag(run.name, attempt))
        self._ledger.intent(run, "create", attempt, wanted)
        run.task.withdrawable = True
        await Durable()
        handle = await self._bounded(run, resource, "create", self._creating(run, resource, wanted))
        run.made = True
        self._ledger.exists(run, handle, "create")

    async def _creating(self, run: NodeRun, resource: Resource, wanted: Wanted) -> Handle:
        shared, task = self._shared, run.task
        assert task is not None
        backoff = Backoff(shared.options, shared.random)
        while True:
            if shared.stopping in ("interrupt", "timeout"):
                raise Withdrawn
            task.withdrawable = True
            call = Call(
                lambda: resource.create(wanted), mutates=True, late=lambda completion: self._ledger.came_late(run, completion)
            )
            try:
                run.doubtful, doubt = True, run.doubtful
                handle = await call
            except AmbiguousFault as fault:
                task.withdrawable = False
                run.awaited = f"an answer was lost ({fault}); looking whether it was made"
                found = await self._find(run, resource, wanted.tag, shared.provider.list_grace)
                if found is not None:
                    return found
                pause = backoff.pause(fault)
                if pause is None:
                    raise
                shared.twice.add(run.name)
                await self._pause(run, fault, pause)
            except Withdrawn:
                run.doubtful = doubt
                raise
            except ProviderFault as fault:
                run.doubtful = doubt
                pause = backoff.pause(fault)
                if pause is None:
                    raise
                await self._pause(run, fault, pause)
            else:
                task.withdrawable = False
                return handle

    async def _remove(self, run: NodeRun, resource: Resource) -> None:
        """Delete the thing and wait until no list has it. A node without a known thing is looked for first."""
        shared, record = self._shared, run.record
        run.stage = "delete"
        attempt = run.attempt = run.attempt or (record.attempt if record else 0)
        tag = shared.tag(run.name, attempt)
        handle = run.handle
        if handle is None and record is not None and record.handle is not None:
            handle = Handle(record.handle, decode(record.attributes, shared.secrets))
        await self._bounded(run, resource, "delete", self._removing(run, resource, tag, handle))
        shared.recorder.write("step.outcome", run.name, action="delete", attempt=attempt, data={"result": "ok"})
        run.taken = run.taken or not run.made
        shared.scope.forget(run.name)
        run.handle, run.recorded, run.listed, run.doubtful = None, False, False, False
        self._answer(run)

    async def _removing(self, run: NodeRun, resource: Resource, tag: Tag, handle: Handle | None) -> None:
        shared = self._shared
        shared.recorder.write("step.intent", run.name, action="delete", attempt=run.attempt, data={"type": run.ancestry[0]})
        run.recorded = True
        await Durable()
        if handle is None:
            handle = await self._find(run, resource, tag, shared.provider.list_grace)
        while handle is not None:
            doomed = handle
            await self._retrying(run, partial(resource.delete, doomed, tag), mutates=True)
            self._answer(run)
            if await self._absent(run, resource, doomed) is None:
                return

    async def _absent(self, run: NodeRun, resource: Resource, handle: Handle) -> State | None:
        """None once no list has it; its state where it is still there after a while: it is asked to go again, then."""
        shared = self._shared
        now = shared.loop.clock.monotonic()

        def seen(state: State) -> None:
            run.listed = True
            run.awaited = shared.scope.scrub(state.detail) or state.name

        return await Watch(
            shared.waiter,
            resource.poll_group,
            handle.id,
            until="gone",
            since=now,
            # one that was made just now may be in no list yet, and not be gone either
            visible_by=now if run.listed else now + shared.provider.list_grace,
            expected=None,
            on_state=seen,
            patience=_AGAIN,
        )

    # -- pieces

    async def _bounded(self, run: NodeRun, resource: Resource, stage: str, body: Coroutine[Any, Any, T]) -> T:
        seconds, origin = self._shared.timeout(run, stage, resource)
        assert run.task is not None
        # counted from the first call on: a step that waits for one of `parallel` slots is not late
        with self._shared.loop.deadline(run.task, seconds, lambda: self._ledger.late(run, stage, seconds, origin), armed=False):
            return await body

    async def _retrying(self, run: NodeRun, fn: Callable[[], T], *, mutates: bool = False) -> T:
        """A call that may be made twice without harm."""
        backoff = Backoff(self._shared.options, self._shared.random)
        while True:
            try:
                result: T = await Call(fn, mutates=mutates)
                return result
            except ProviderFault as fault:
                pause = backoff.pause(fault)
                if pause is None:
                    raise
                await self._pause(run, fault, pause)

    async def _find(self, run: NodeRun, resource: Resource, tag: Tag, grace: float) -> Handle | None:
        found = await self._retrying(run, lambda: resource.find(tag))
        if grace > 0:
            for share in _LOOKS:
                if found is not None:
                    break
                await Sleep(grace * share)
                found = await self._retrying(run, lambda: resource.find(tag))
        run.listed = run.listed or found is not None
        return found

    async def _pause(self, run: NodeRun, fault: ProviderFault, seconds: float) -> None:
        run.awaited = f"trying again in {seconds:.1f} s: {self._shared.scope.scrub(str(fault))}"
        await Sleep(seconds)

    async def _broken(self, run: NodeRun, resource: Resource, handle: Handle, state: State) -> Broken:
        try:
            cause = await Call(lambda: resource.explain(handle, state))
        except Exception:  # noqa: BLE001 - the failure itself is what matters
            cause = ""
        cause = self._shared.scope.scrub(cause or state.detail or state.name)
        lines = cause.strip().splitlines() or [state.name]
        text = lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1].strip()}"  # what happened, and the log's last word
        return Broken(state.error(f"{run.name} failed ({state.name}): {text}"), cause)

    def _resource(self, run: NodeRun) -> Resource:
        resource = self._shared.provider.resource(run.ancestry)
        if resource is None:
            raise ConfigurationError(
                f"the provider {self._shared.provider.name} does not make {run.ancestry[0]} (node {run.name})",
                hint="`bbq-deploy doctor` lists what each provider makes",
            )
        return resource

    def _answer(self, run: NodeRun) -> None:
        if run.starting:
            run.starting = False
            self._answered(run)
