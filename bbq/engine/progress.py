"""What a run tells while it goes: what exactly is awaited, since when, for how long still, and on which path."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bbq.engine.run import NodeRun, Shared
from bbq.plan.model import Action

_TOLD = 100  # waiting steps that are told of in one round, the most urgent ones


class Progress:
    """Reads the state of the run and changes nothing. `critical` is the plan's longest chain by expected time."""

    def __init__(self, runs: Mapping[str, NodeRun], critical: tuple[str, ...], shared: Shared | None = None) -> None:
        self.critical = critical
        self._critical = frozenset(critical)
        self._runs = runs
        self._shared = shared
        self._next = 0.0

    def eta(self, run: NodeRun, now: float) -> float | None:
        """Seconds until the step is likely done; None where nobody has timed its like, or where it takes longer than that (how
        long a job takes is up to its program, and another job tells nothing of it)."""
        if self._shared is None or run.started is None or run.stage == "delete":
            return None
        if run.step.action not in (Action.CREATE, Action.REPLACE):
            return None  # what is timed is the making of one
        expected = self._shared.durations.get(run.step.type) or self._shared.waits.get(run.step.type)
        left = None if expected is None else expected - (now - run.started)
        return left if left is not None and left > 0 else None

    @staticmethod
    def _next_answer(run: NodeRun) -> str:
        """What a step waits for that has been told nothing yet."""
        called = run.stage in ("create", "update", "delete")
        return f"the answer to its {run.stage} call" if called else "word that it is ready"

    def in_flight(self, but: Collection[str] = ()) -> tuple[list[NodeRun], float | None]:
        """Steps under way, and seconds until the last of them is likely done; None where that is not known of each (a composite
        is done with its members). Safe in a signal handler."""
        left = [run for run in list(self._runs.values()) if run.status == "running" and run.name not in but]
        if self._shared is None:
            return left, None
        now = self._shared.loop.clock.monotonic()
        etas = [self.eta(run, now) for run in left if not run.composite]
        known = [eta for eta in etas if eta is not None]
        return left, max(known) if known and len(known) == len(etas) else None

    def tell(self, now: float) -> float:
        """Tell of the most urgent steps that wait, at most once per `waiting_interval`. Returns when to tell again."""
        shared = self._shared
        if shared is None or now < self._next:
            return self._next
        self._next = now + shared.options.waiting_interval
        for task in sorted(shared.loop.tasks, key=lambda task: (-task.priority, task.name))[:_TOLD]:
            run = self._runs.get(task.name)
            if run is None or run.started is None or now - run.started < shared.options.waiting_interval / 2:
                continue
            data = {
                "awaited": run.awaited or self._next_answer(run),
                "elapsed": now - run.started,
                "eta": self.eta(run, now),
                "critical": run.name in self._critical,
            }
            shared.recorder.tell("step.waiting", run.name, stage=run.stage, data=data)
        return self._next
