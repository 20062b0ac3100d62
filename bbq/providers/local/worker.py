"""One copy of a `bbq.nodes.Worker` (templates/local/worker.yaml): restarted whenever it ends, stopped by SIGTERM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bbq.engine.contract import Wanted
from bbq.providers.local.application import CommandApplication
from bbq.providers.local.process import NodeDir, Restart, Unit


class WorkerInstance(CommandApplication):
    type = "bbq.nodes.local.WorkerInstance"
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 60.0, "delete": 90.0}

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        # It may be in the middle of a task: time to finish or to give it back.
        return {"main": self.command_unit(node, wanted, restart=Restart("always"), grace=30.0)}
