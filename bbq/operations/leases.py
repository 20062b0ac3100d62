"""The lease of a run, and of the calls that a run leaves behind.

A call that changes something cannot be taken back: one that hung past its deadline, or that a second interrupt did not wait
for, goes on in its thread as long as this process lives (a REPL, a notebook). Until it has ended nobody else may change the
deployment, so the lease is kept that long, and given back by a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bbq.errors import BbqError, LockedError
from bbq.journal.owner import HEARTBEAT_SECONDS

if TYPE_CHECKING:
    from bbq.engine.loop import Changing
    from bbq.operations.workspace import Workspace

PATIENCE: Final = 60.0
"""Seconds for which a run waits for what an earlier one of this process has left behind. Then it goes on beside it, as a run
does beside a call whose deadline has passed."""
_kept: dict[str, HeldLease] = {}
"""Deployment id -> what a thread keeps; guarded by `_lock`."""
_lock = threading.Lock()


class HeldLease:
    """Acquired when made; `LockedError` where another process has it.

    calls       what the run has under way, once it has an engine
    when_done   closes what its calls need
    """

    def __init__(self, workspace: Workspace, deployment_id: str) -> None:
        with _lock:
            before = _kept.pop(deployment_id, None)
        if before is not None:
            before._end(workspace)
        self._workspace = workspace
        self._thread: threading.Thread | None = None
        self.calls: Changing | None = None
        self.when_done: Callable[[], None] = lambda: None
        self.lease = workspace.journal.acquire(deployment_id)

    def give_back(self) -> None:
        """At the end of the run: now, or when its last call has ended."""
        if self.calls is not None:
            self.calls.close()
        if self.calls is None or self.calls.wait(0):
            try:
                self.when_done()
            finally:
                self._workspace.journal.release(self.lease)
            return
        name = f"bbq-lease-{self.lease.deployment_id}"
        self._thread = threading.Thread(target=self._keep, args=(self.calls,), name=name, daemon=True)
        with _lock:
            _kept[self.lease.deployment_id] = self
        self._thread.start()

    def _keep(self, calls: Changing) -> None:
        from bbq.operations.workspace import Workspace

        # A journal of its own: that of the run may be closed before the call has ended.
        with suppress(BbqError), Workspace(self._workspace.config) as workspace:
            while not calls.wait(HEARTBEAT_SECONDS):
                try:
                    workspace.journal.heartbeat(self.lease)
                except LockedError:  # it was taken from us: nothing to keep any more
                    break
                except BbqError:  # no room, nobody there: the next one may go through
                    continue
            workspace.journal.release(self.lease)
        with _lock:
            if _kept.get(self.lease.deployment_id) is self:
                del _kept[self.lease.deployment_id]
        calls.wait()
        self.when_done()

    def _end(self, workspace: Workspace) -> None:
        """Wait for its calls; in the end the lease is free, whether they have ended or not."""
        assert self.calls is not None and self._thread is not None
        if self.calls.wait(PATIENCE):
            self._thread.join()
        workspace.journal.release(self.lease)
