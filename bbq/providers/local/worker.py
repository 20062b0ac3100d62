"""One copy of a `bbq.nodes.Worker` (templates/local/worker.yaml): restarted whenever it ends, stopped by SIGTERM.

It has no port to ask, so what tells that it works is that it stays: it is ready when it has run for `SETTLE` seconds, and
after a failure for so much longer as its last run lasted (else one that dies after a few seconds would be ready in between).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from bbq.engine.contract import State, Wanted
from bbq.providers.local.application import CommandApplication
from bbq.providers.local.process import NodeDir, Restart, Unit, UnitState

SETTLE = 1.0
_RESTART = Restart("always")


class WorkerInstance(CommandApplication):
    type = "bbq.nodes.local.WorkerInstance"
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 120.0, "delete": 90.0}

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        # It may be in the middle of a task: time to finish or to give it back.
        return {"main": self.command_unit(node, wanted, restart=_RESTART, grace=30.0)}

    def state(self, node: NodeDir, units: Sequence[UnitState]) -> State:
        state = super().state(node, units)
        if not state.ready or all(_settled(unit) for unit in units):
            return state
        return replace(state, ready=False, detail="its process has just started: does it stay?")


def _settled(unit: UnitState) -> bool:
    needed = SETTLE
    if unit.failures and unit.ran < _RESTART.reset_after:
        needed += unit.ran
    # By the kernel's count since the boot (proc(5), field 22 of stat): the wall clock may jump.
    return time.clock_gettime(time.CLOCK_BOOTTIME) - unit.start_time / os.sysconf("SC_CLK_TCK") >= needed
