"""`bbq.nodes.ScheduledJob`: a program that the clock starts. Ready when its schedule is in force, and with `run_at_start`
when the first run ended well."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from bbq.cron import CronError, Schedule
from bbq.engine.contract import PermanentFault, State, Wanted
from bbq.providers.local.application import CommandApplication
from bbq.providers.local.process import NodeDir, Unit, UnitState, worst
from bbq.topology.model import Node


class ScheduledJob(CommandApplication):
    type = "bbq.nodes.ScheduledJob"
    updatable = frozenset(
        {"command", "concurrency", "connection", "directory", "environment", "run_at_start", "schedule", "source_digests"}
    )
    repairable = False  # its first run may be what failed
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 3600.0, "delete": 60.0}

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        schedule = str(wanted.properties["schedule"])
        try:
            Schedule(schedule)
        except CronError as error:
            raise PermanentFault(f"schedule: {error}") from None
        unit = self.command_unit(
            node,
            wanted,
            schedule=schedule,
            concurrency=wanted.properties.get("concurrency") or "forbid",
            run_at_start=bool(wanted.properties.get("run_at_start")),
        )
        return {"main": unit}

    def state(self, node: NodeDir, units: Sequence[UnitState]) -> State:
        found = worst(units)
        if not found.ready:
            return found
        for unit in units:
            if node.spec(unit.name).get("run_at_start"):
                if not unit.ended:
                    return State("first run", detail="its first run has not ended yet", stage="booted")
                if unit.ended_run == 1 and unit.code != 0:
                    return State("first run failed", failed=True, detail=f"its first run {unit.how}")
            if unit.next_at:
                at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(unit.next_at))
                last = f"; the last run {unit.how}" if unit.ended and unit.code != 0 else ""
                return State("scheduled", ready=True, stage="booted", detail=f"next run at {at}{last}")
        return found

    def interruption(self, node: Node) -> str:
        return "a run that is under way is ended"

    def preflight(self, node: Node) -> list[str]:
        problems = super().preflight(node)
        schedule = node.properties.get("schedule")
        if isinstance(schedule, str):
            try:
                Schedule(schedule)
            except CronError as error:
                problems.append(f"node {node.name}: schedule: {error}")
        return problems
