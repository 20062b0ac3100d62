"""A composite with predicates of its own: its members are ready by now, and it is when the predicates hold, too."""

from __future__ import annotations

from bbq.engine.ledger import Broken, Ledger
from bbq.engine.loop import Withdrawn
from bbq.engine.readiness import Readiness
from bbq.engine.run import NodeRun, Shared
from bbq.engine.steps import Steps
from bbq.errors import JournalError, LockedError, ResourceFailed
from bbq.plan.model import Action


class Composites:
    """Waits for them; one instance a run. A composite makes nothing: nothing is journalled before it is known how it ends."""

    def __init__(self, shared: Shared, steps: Steps) -> None:
        self._shared = shared
        self._steps = steps
        self._readiness = Readiness(shared)
        self._ledger = Ledger(shared)

    @staticmethod
    def waits(run: NodeRun, changed: bool) -> bool:
        """Is there something to wait for? `changed` says that this run has changed a member."""
        known = not changed and run.step.action is Action.NOTHING and run.record is not None and run.record.status == "ready"
        return run.node is not None and bool(run.node.readiness) and run.step.action is not Action.DELETE and not known

    async def apply(self, run: NodeRun) -> None:
        """The body of a task. Never raises but for a lost lease or a broken journal."""
        try:
            await self._hold(run)
            self._steps.composite(run)
            run.status = "done"
        except Withdrawn:
            run.status = "skipped"
        except (LockedError, JournalError):
            raise
        except Exception as fault:  # noqa: BLE001 - every failure of a step is told, not raised
            assert run.node is not None
            attempt = run.record.attempt if run.record else 1
            wanted = self._shared.scope.wanted(run.node, self._shared.tag(run.name, attempt))
            self._ledger.intent(run, "update" if run.record else "create", attempt, wanted)
            self._ledger.failed(run, fault)

    async def _hold(self, run: NodeRun) -> None:
        assert run.node is not None and run.task is not None
        run.stage, run.task.withdrawable = "ready", True
        seconds, origin = self._shared.timeout(run, "ready", None)
        with self._shared.loop.deadline(run.task, seconds, lambda: self._ledger.late(run, "ready", seconds, origin)):
            while not (check := await self._readiness.predicates(run, run.node)).ok:
                if check.failed:
                    detail = self._shared.scope.scrub(check.detail)
                    raise Broken(ResourceFailed(f"{run.name} failed: {detail}"), detail)
