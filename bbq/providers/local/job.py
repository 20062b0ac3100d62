"""`bbq.nodes.Job`: a program that runs once. Ready when it ended well, failed when it did not, after its retries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from bbq.engine.contract import State, Wanted
from bbq.providers.local.application import CommandApplication
from bbq.providers.local.process import NodeDir, Restart, Unit, UnitState, worst
from bbq.topology.model import Node


class Job(CommandApplication):
    type = "bbq.nodes.Job"
    updatable = frozenset({"command", "connection", "directory", "environment", "retries", "source_digests"})
    repairable = False  # another try is a new run
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 3600.0, "delete": 60.0}

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        retries = int(wanted.properties.get("retries") or 0)
        policy = Restart("on-failure", limit=retries, backoff=1.0, reset_after=float("inf"))
        return {"main": self.command_unit(node, wanted, restart=policy)}

    def state(self, node: NodeDir, units: Sequence[UnitState]) -> State:
        for unit in units:
            if unit.phase == "running":
                return State("running", detail="it has not ended yet", stage="booted")
            if unit.phase == "backoff":
                return State("retrying", detail=f"it {unit.how}, and is tried again", stage="booted")
        return worst(units, ended_well=True)

    def runs_once(self, node: Node) -> bool:
        return True

    def interruption(self, node: Node) -> str:
        return "it runs again from its start, also where it has not ended yet"
