"""The state of one run: its nodes, and what all steps share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from bbq.engine.contract import Handle, Provider, Resource, Tag, Wanted
from bbq.engine.events import Recorder
from bbq.engine.loop import Loop, Task
from bbq.engine.options import EngineOptions
from bbq.engine.result import Failure, NodeResult
from bbq.engine.scope import RunScope
from bbq.engine.waiter import Waiter
from bbq.errors import BbqError
from bbq.journal.model import DeploymentRow, Record, SecretStore
from bbq.plan.model import Action, Step
from bbq.topology.model import Node


@dataclass(slots=True, eq=False)
class NodeRun:
    """One step of the plan, under way.

    status      pending | running | done | failed | skipped | unknown
    awaited     what exactly it waits for, for people
    recorded    the journal has a record of the node
    listed      a list has shown the thing: when no list has it any more, it is gone
    made        this run made the thing (a rollback takes it away again)
    taken       this run took the thing of an earlier one away (a rollback cannot bring it back)
    told        entries of `State.progress` that are in the journal
    doubtful    a call may have taken effect without telling: the record stays `intended` until `find` knows
    starting    counts as a step that has not got its first answer yet
    """

    step: Step
    node: Node | None
    record: Record | None
    task: Task | None = None
    status: str = "pending"
    stage: str = "create"
    awaited: str = ""
    attempt: int = 0
    handle: Handle | None = None
    wanted: Wanted | None = None
    recorded: bool = False
    listed: bool = False
    made: bool = False
    taken: bool = False
    told: tuple[str, ...] = ()
    doubtful: bool = False
    starting: bool = False
    started: float | None = None
    finished: float | None = None
    error: BbqError | None = None
    cause: str = ""

    def __post_init__(self) -> None:
        if self.record is not None:
            self.recorded, self.listed = True, self.record.stage is not None

    @property
    def name(self) -> str:
        return self.step.node

    @property
    def ancestry(self) -> tuple[str, ...]:
        if self.node is not None:
            return self.node.ancestry or (self.node.type,)
        if self.record is not None and self.record.ancestry:
            return self.record.ancestry
        return (self.record.type if self.record else self.step.type,)

    @property
    def composite(self) -> bool:
        """Stands for its members and costs no call."""
        if self.node is not None and self.step.action is not Action.DELETE:
            return not self.node.primitive
        # what a provider made has a handle by the time that it is ready
        return self.record is not None and (
            bool(self.record.members) or (self.record.status == "ready" and not self.record.handle)
        )

    def result(self, now: float) -> NodeResult:
        elapsed = (now if self.finished is None else self.finished) - self.started if self.started is not None else 0.0
        status = "skipped" if self.status == "pending" else self.status
        return NodeResult(self.name, self.step.action, status, elapsed, self.handle.id if self.handle else None)

    def failure(self) -> Failure | None:
        if self.error is None:
            return None
        return Failure(self.name, self.error, self.cause, self.stage, self.node.source if self.node else None)


@dataclass(slots=True)
class Shared:
    """What all steps of a run use. `durations` are seconds from intent to ready by type, from earlier runs; `waits` those
    from created to ready, learned in this run. `twice` names nodes that were created again after an unknown outcome."""

    provider: Provider
    loop: Loop
    waiter: Waiter
    recorder: Recorder
    scope: RunScope
    options: EngineOptions
    row: DeploymentRow
    secrets: SecretStore
    random: Random
    durations: Mapping[str, float] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    stopping: str = ""
    """Why nothing new is started: error | interrupt | timeout; empty while the run goes on."""

    def tag(self, node: str, attempt: int) -> Tag:
        return Tag(self.row.name, self.row.id, node, attempt, self.row.expires_at)

    def timeout(self, run: NodeRun, stage: str, resource: Resource | None) -> tuple[float, str]:
        """Seconds for a stage (`create`, `ready`, `delete`) of a node, and what sets them; a composite has no resource."""
        own = (
            run.node.timeouts
            if run.node
            else (run.record.wanted.get("properties") or {}).get("timeouts")
            if run.record
            else None
        )
        if own and isinstance(own.get(stage), (int, float)):
            return float(own[stage]), f"timeouts.{stage} of node {run.name}"
        option = getattr(self.options, f"{stage}_timeout")
        if option is not None:
            return float(option), f"[engine] {stage}_timeout"
        default = {**Resource.timeouts, **(resource.timeouts if resource else {})}[stage]
        type_ = resource.type if resource else run.ancestry[0]
        return float(default), f"the default of type {type_}; set timeouts.{stage} of node {run.name} to change it"
