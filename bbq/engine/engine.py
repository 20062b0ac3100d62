"""The engine: carries out a plan, step by step, as fast as its dependencies allow and as safely as the journal makes it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from random import Random
from typing import Any

from bbq.engine.clock import Clock, Executor, RealClock, ThreadExecutor
from bbq.engine.composites import Composites
from bbq.engine.conclusion import Conclusion
from bbq.engine.contract import Provider
from bbq.engine.events import Recorder
from bbq.engine.loop import Loop, Task, Withdrawn
from bbq.engine.options import EngineOptions
from bbq.engine.preflight import changed_by, missing
from bbq.engine.progress import Progress
from bbq.engine.result import RunResult
from bbq.engine.run import NodeRun, Shared
from bbq.engine.scope import RunScope
from bbq.engine.steps import Steps
from bbq.engine.sweep import Sweep
from bbq.engine.waiter import Waiter
from bbq.engine.walk import Walk
from bbq.errors import BbqError, DeadlineExceeded
from bbq.journal.model import DeploymentRow, Event, Journal, Lease, Record, SecretStore
from bbq.plan.model import Action, Plan, Step
from bbq.topology.model import Topology

_GUESS = 1.0  # seconds of a step whose type nobody has timed yet


class Engine:
    """Carries out one plan on one deployment whose lease is held; `apply` or `destroy` is called once.

    `on_event` gets every event, the journalled ones and these: `step.waiting` (data: awaited, elapsed, eta, critical),
    `run.stopping` (data: reason, in_flight, eta). It is called by the thread that runs the engine.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        journal: Journal,
        secrets: SecretStore,
        row: DeploymentRow,
        lease: Lease,
        clock: Clock | None = None,
        executor: Executor | None = None,
        options: EngineOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._options = options = options or EngineOptions()
        self._provider = provider
        self._journal = journal
        self._secrets = secrets
        self._row = row
        self._lease = lease
        self._clock = clock or RealClock()
        self._executor = executor or ThreadExecutor(options.parallel)
        self._recorder = Recorder(self._clock, journal, lease, secrets, row.salt, options, on_event)
        self._loop = Loop(self._clock, self._executor, options.parallel, self._recorder.flush)
        self.calls = self._loop.changing  # those still under way when it has returned go on without it
        self._waiter = Waiter(self._loop, provider, options)
        self._interrupts = 0  # written by a signal handler, read by the loop
        self._starting = 0  # steps that have not got the answer to their first call
        self._runs: dict[str, NodeRun] = {}
        self._failed: list[NodeRun] = []
        self._touched: set[str] = set()  # nodes that may tell something else of themselves than before the run
        self._keep_going = options.on_error == "continue"
        self._beat_at = time.monotonic() + options.heartbeat  # a lease lives in real time, whatever the clock
        self._ends = math.inf
        self._progress = Progress({}, ())

    # -- what is called from outside

    def apply(self, plan: Plan, topology: Topology) -> RunResult:
        """Make the deployment what the plan says. Failures are in the result; raised are only `LockedError` (the lease was
        lost) and `JournalError`, after which nothing more is written."""
        records = self._begin(topology, plan.steps.values())
        new = [s.node for s in plan.steps.values() if s.action is Action.CREATE and s.node not in records]
        nodes = [topology.nodes[name] for name in new if not self._runs[name].composite]
        for node in nodes:  # what is known of them before expressions are answered: a provider may say it again
            self._shared.scope.learn(node.properties)
        changed = changed_by(plan, topology.nodes, records)
        scrub = self._shared.scope.scrub
        error = missing(self._provider, nodes, changed, scrub, self._clock) if nodes or changed else None
        if error is not None:
            result = self._conclusion.result(plan.steps, (), error=error)
            result.refused = True
            self._conclusion.close(result, changes=False)
            return result
        if plan.has_changes:
            self._journal.update(self._lease, status="changing", error=None)
        walk = self._walk(plan.steps)
        self._open("apply", plan, walk)
        try:
            self._drive(walk, self._start)
            if self._shared.twice and not self._stopped:
                self._once(Sweep(self._shared).duplicates(self._runs))
            rolling_back = self._options.on_error == "rollback" and bool(self._failed)
            rolled_back, left, lost = self._roll_back(walk) if rolling_back else ((), (), ())
            result = self._conclusion.result(plan.steps, self._failed, rolled_back, left, lost)
            if result.ok:
                self._conclusion.answer_outputs(result, topology)
            self._conclusion.close(result, changes=plan.has_changes, outputs=True)
        finally:
            self._loop.abandon()
        return result

    def destroy(self, plan: Plan) -> RunResult:
        """Delete what the plan names and whatever else carries the deployment's tag; done only when a fresh listing is
        empty. Then the deployment's secrets are forgotten and its status is `destroyed`. A plan that leaves out recorded
        nodes (`--target`) deletes only what it names. Raises as `apply` does."""
        records = self._begin(None, plan.steps.values())
        whole = records.keys() <= plan.steps.keys()
        self._journal.update(self._lease, status="destroying" if whole else "changing", error=None)
        walk = self._walk(plan.steps)
        self._open("destroy", plan, walk)
        try:
            self._drive(walk, self._start)
            sweep = Sweep(self._shared)
            if whole and not self._stopped and not self._failed:
                self._once(sweep.everything())
            result = self._conclusion.result(plan.steps, self._failed, left=sweep.left)
            if result.ok and sweep.error is not None:
                result.run_error = sweep.error
            if result.ok and whole and not sweep.done:  # stopped before the last look
                result.interrupted = True
            if result.ok and whole:
                self._conclusion.destroyed(result)
            else:
                self._conclusion.close(result, changes=True, destroying=whole)
        finally:
            self._loop.abandon()
        return result

    def interrupt(self) -> str:
        """First call: start nothing new and finish what is in flight. Second: stop now. Returns what that means, a sentence.
        Safe in a signal handler and from any thread."""
        self._interrupts += 1
        self._executor.wake()
        if self._interrupts > 1:
            return "stopping now; what was in flight is journalled as unknown, `bbq-deploy resume` looks for it"
        left, eta = self._progress.in_flight()
        about = f", about {eta:.0f} s" if eta is not None else ""
        return f"starting nothing new; finishing {len(left)} in flight{about} (again: stop now)"

    # -- the run

    def _begin(self, topology: Topology | None, steps: Iterable[Step]) -> Mapping[str, Record]:
        journal, options = self._journal, self._options
        records = journal.records(self._row.id)
        recorder = self._recorder
        scope = RunScope(topology, records, self._secrets, lambda name: recorder.write("secret.created", data={"name": name}))
        self._shared = Shared(
            self._provider,
            self._loop,
            self._waiter,
            recorder,
            scope,
            options,
            self._row,
            self._secrets,
            Random(options.seed),
            durations=journal.durations({step.type for step in steps}, provider=self._row.provider),
        )
        self._steps = Steps(self._shared, self._answered)
        self._composites = Composites(self._shared, self._steps)
        nodes = topology.nodes if topology else {}
        for step in steps:
            self._runs[step.node] = NodeRun(step, nodes.get(step.node), records.get(step.node))
        for name, record in records.items():  # a plan for some nodes only: the others are as they are
            if record.status == "ready" and name not in self._runs and record.handle is not None:
                self._steps.known(NodeRun(Step(name, record.type, Action.NOTHING), nodes.get(name), record), record)
        began = self._clock.monotonic()
        self._ends = began + options.timeout if options.timeout is not None else math.inf
        self._conclusion = Conclusion(self._shared, self._runs, journal, self._lease, began)
        return records

    def _expected(self, step: Step) -> float:
        run = self._runs[step.node]
        if run.composite or step.action is Action.NOTHING:
            return 0.0
        # what is known is how long it takes to make one
        return self._shared.durations.get(step.type, _GUESS) if step.action in (Action.CREATE, Action.REPLACE) else _GUESS

    def _walk(self, steps: Mapping[str, Step]) -> Walk:
        return Walk(steps, self._expected)

    def _open(self, command: str, plan: Plan, walk: Walk) -> None:
        self._progress = Progress(self._runs, walk.critical_path(), self._shared)
        self._conclusion.critical_path = self._progress.critical
        if not plan.has_changes and command == "apply":
            return
        data = {
            "command": command,
            "counts": plan.counts,
            "critical_path": list(self._progress.critical[:50]),
            "expected": 0.0 if command == "destroy" else max(walk.priority.values(), default=0.0),
        }
        self._recorder.write("run.started", data=data)

    @property
    def _stopped(self) -> bool:
        return self._shared.stopping in ("interrupt", "timeout")

    def _drive(self, walk: Walk, start: Callable[[Walk, NodeRun], None]) -> None:
        """Until every step that can be done is done, or the run stops."""
        loop, waiter, recorder = self._loop, self._waiter, self._recorder
        while True:
            self._beat()  # first: a process that was stopped for long must not begin calls under a lease that it has lost
            self._fill(walk, start)
            loop.settle()
            self._control()
            if loop.runnable:
                continue
            if not loop.tasks:
                if self._shared.stopping or not walk.ready:
                    return
                continue
            if walk.ready and not self._shared.stopping and self._starting <= 1.5 * self._options.parallel:
                continue
            waiter.submit()
            now = self._clock.monotonic()
            until = min(waiter.due(), self._ends, now + self._options.heartbeat)
            due = recorder.due()
            if due is not None:
                if due <= now:
                    recorder.flush()
                else:
                    until = min(until, due)
            if recorder.listening:
                until = min(until, self._progress.tell(now))
            loop.wait(until)

    def _fill(self, walk: Walk, start: Callable[[Walk, NodeRun], None]) -> None:
        """Start steps. Up to `parallel` more than can be in flight, so that their intents are durable in one batch and a
        slot that gets free is used at once."""
        limit = self._options.parallel
        if self._starting > 1.5 * limit:
            return
        while walk.ready and not self._shared.stopping and self._starting < 2 * limit:
            start(walk, self._runs[walk.pop()])

    def _start(self, walk: Walk, run: NodeRun) -> None:
        run.started = self._clock.monotonic()
        record = run.record
        if run.composite and Composites.waits(run, not self._touched.isdisjoint(run.step.after)):
            self._spawn(walk, run, self._composites.apply)
            run.starting = False  # it makes no call, so it takes no slot
            self._answered(run)
        elif run.composite:
            try:
                self._steps.composite(run)
                run.status = "done"
            except BbqError as error:
                run.status, run.error, run.cause = "failed", error, str(error)
            self._ended(walk, run, None)
        elif run.step.action is Action.NOTHING and record is not None and record.status == "ready":
            self._steps.known(run, record)
            if not self._touched.isdisjoint(run.step.after) and self._steps.overtaken(run, record):
                run.step.action = Action.UPDATE
                self._spawn(walk, run, self._steps.apply)
                return
            run.status = "done"
            self._ended(walk, run, None)
        else:
            self._spawn(walk, run, self._steps.remove if run.step.action is Action.DELETE else self._steps.apply)

    def _spawn(self, walk: Walk, run: NodeRun, body: Callable[[NodeRun], Coroutine[Any, Any, None]]) -> None:
        run.status, run.starting = "running", True
        self._starting += 1
        task = Task(run.name, body(run), walk.priority[run.name], lambda error: self._ended(walk, run, error))
        run.task = task
        self._loop.spawn(task)

    def _answered(self, run: NodeRun) -> None:
        self._starting -= 1

    def _ended(self, walk: Walk, run: NodeRun, error: BaseException | None) -> None:
        run.finished = self._clock.monotonic()
        if run.starting:
            run.starting = False
            self._starting -= 1
        if error is not None:  # a lost lease, a broken journal: nothing more may be written
            raise error
        if run.status == "done":
            if run.step.action is not Action.NOTHING or (run.composite and not self._touched.isdisjoint(run.step.after)):
                self._touched.add(run.name)
            walk.done(run.name)
        elif run.status == "failed":
            self._failed.append(run)
            if not self._keep_going and not self._shared.stopping:
                self._stop("error")

    def _control(self) -> None:
        """What the outside wants: an interrupt, the run's time limit."""
        if self._interrupts and not self._stopped:
            self._stop("interrupt")
        if self._interrupts > 1:
            self._stop_now()
        if self._clock.monotonic() >= self._ends and self._loop.tasks:
            self._ends = math.inf
            if not self._stopped:
                self._stop("timeout")
        if self._shared.stopping == "timeout":
            self._time_out()

    def _beat(self) -> None:
        if time.monotonic() >= self._beat_at:
            self._journal.heartbeat(self._lease)
            self._beat_at = time.monotonic() + self._options.heartbeat

    def _stop(self, reason: str) -> None:
        """Start nothing new. Steps whose intent is durable but whose call has not begun are called back."""
        self._shared.stopping = reason
        called_back = set()
        for task in list(self._loop.tasks):
            if task.withdrawable and task.flying is None and not task.pending:
                self._loop.throw(task, Withdrawn())
                called_back.add(task.name)
        left, eta = self._progress.in_flight(but=called_back)
        names = [run.name for run in left]
        self._recorder.tell("run.stopping", data={"reason": reason, "in_flight": len(names), "nodes": names[:20], "eta": eta})

    def _stop_now(self) -> None:
        running = [run for run in self._runs.values() if run.status == "running"]
        flying = self._loop.abandon()
        for run in running:
            run.status = "unknown"
            if run.task in flying and run.recorded:
                data = {"result": "unknown", "error": "interrupted while the call was in flight"}
                self._recorder.write("step.outcome", run.name, stage=run.stage, attempt=run.attempt, data=data)
        self._recorder.flush()

    def _time_out(self) -> None:
        """End what waits; a call that changes something is let finish first, its own deadline bounds it."""
        for run in self._runs.values():
            task = run.task
            if task is not None and task.alive and not task.pending and (task.flying is None or not task.flying.mutates):
                awaited = f"; last seen: {run.awaited}" if run.awaited else ""
                text = f"the time limit of the run, {self._options.timeout:g} s, passed at {run.stage} of {run.name}{awaited}"
                self._loop.throw(task, DeadlineExceeded(text, hint="--timeout ([engine] timeout) sets it"))

    def _once(self, body: Coroutine[Any, Any, None]) -> None:
        """Drive one coroutine that belongs to no node."""
        errors: list[BaseException] = []
        task = Task("", body, 0.0, lambda error: errors.append(error) if error else None)
        self._loop.spawn(task)
        self._drive(Walk({}, lambda step: 0.0), self._start)
        if errors:
            raise errors[0]

    def _roll_back(self, walk: Walk) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Delete what this run has made, dependents first. Returns what is gone, what is left, and what is lost: there before
        the run, which had replaced or deleted it."""
        if self._shared.stopping == "interrupt":
            return (), (), ()
        self._shared.stopping = ""
        made = {name: run for name, run in self._runs.items() if (run.made or run.doubtful) and run.recorded}
        after: dict[str, set[str]] = {name: set() for name in made}
        for name in made:
            for other in walk.steps[name].after:
                if other in made:
                    after[other].add(name)
        steps = {n: Step(n, run.step.type, Action.DELETE, after[n], reason="rollback") for n, run in made.items()}
        before = {name: run.status for name, run in made.items()}
        failures, self._failed = self._failed, []
        self._keep_going = True  # what can go goes
        self._ends = math.inf  # its own deadlines bound it
        self._drive(self._walk(steps), lambda walk, run: self._spawn(walk, run, self._steps.remove))
        gone = tuple(name for name, run in made.items() if run.status == "done" and not run.recorded)
        for name, run in made.items():
            run.status = "failed" if before[name] == "failed" else run.status
        self._failed = failures + self._failed
        self._shared.stopping = "error"
        lost = tuple(name for name, run in self._runs.items() if run.taken and (name in gone or name not in made))
        return gone, tuple(name for name in made if name not in gone), lost
