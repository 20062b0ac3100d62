"""What a run came to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from bbq.diagnostics import SourceRange, listed
from bbq.errors import (
    BbqError,
    DeadlineExceeded,
    ExitCode,
    Interrupted,
    PartialError,
    QuotaError,
    ResourceFailed,
    UnreachableError,
)
from bbq.plan.model import Action


@dataclass(frozen=True, slots=True)
class Failure:
    """One node that failed. `error` carries the exit code and the hint, `cause` is the root cause, `source` where the node
    stands in the template. `logged`: the node's provider has logs; `cancels`: what is under way in it can be ended."""

    node: str
    error: BbqError
    cause: str
    stage: str
    source: SourceRange | None = None
    logged: bool = True
    cancels: bool = False

    def __str__(self) -> str:
        place = f"{self.source}: " if self.source else ""
        text = str(self.error)
        named = re.search(rf"(?<![\w.]){re.escape(self.node)}(?![\w.\[])", text)
        return place + (text if named else f"{self.node}: {text}")


@dataclass(frozen=True, slots=True)
class NodeResult:
    """One step. `status`: done | failed | skipped (not started) | unknown (stopped in the middle); `elapsed` in seconds."""

    node: str
    action: Action
    status: str
    elapsed: float = 0.0
    handle: str | None = None


@dataclass(slots=True)
class RunResult:
    """`nodes` by name in the plan's order; `outputs` hold `Secret`s where the template says so; `elapsed` in seconds.

    `rolled_back` names what was deleted again, `left` what could not be (on_error=rollback, destroy), `lost` what a rollback
    could not bring back, as the run had replaced or deleted it. `refused`: `run_error` was found before anything was made or
    changed.
    """

    nodes: dict[str, NodeResult] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    elapsed: float = 0.0
    interrupted: bool = False
    partial: bool = False
    rolled_back: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    critical_path: tuple[str, ...] = ()
    run_error: BbqError | None = None
    refused: bool = False
    deployment: str = ""

    @property
    def ok(self) -> bool:
        return not self.failures and not self.interrupted and self.run_error is None

    @property
    def exit_code(self) -> ExitCode:
        error = self.error()
        return ExitCode.OK if error is None else error.exit_code

    def error(self) -> BbqError | None:
        """The one error that stands for the run, or None: interruption first, then what ended the run, then the first node."""
        if self.interrupted:
            unfinished = [r.node for r in self.nodes.values() if r.status != "done"]
            return Interrupted(
                f"interrupted: {len(self.nodes) - len(unfinished)} of {len(self.nodes)} steps were finished",
                hint=f"{self._command('resume')} goes on from here, {self._command('destroy')} takes everything away",
            )
        if self.run_error is not None:
            return self.run_error
        if not self.failures:
            return None
        first = self.failures[0]
        hint = first.error.hint
        if hint is None and isinstance(first.error, (ResourceFailed, DeadlineExceeded, QuotaError, UnreachableError)):
            hint = f"{self._command('resume')} tries again"
            if self.rolled_back:
                hint = f"what this run had made was deleted again; {hint}"
            elif first.logged and first.stage not in ("create", "update", "delete"):  # it was made, and has said something
                hint = f"{self._command('logs', first.node)} shows its log; {hint}"
            if first.cancels and isinstance(first.error, DeadlineExceeded):
                hint = f"it goes on without us: {self._command('cancel')} ends that; {hint}"
        if self.lost:
            gone = f"the run had taken away what there was of {listed(self.lost)} before it failed: that cannot be brought back"
            hint = f"{gone}; {hint}" if hint else gone
        if self.partial:
            names = ", ".join(f.node for f in self.failures[:5]) + (", ..." if len(self.failures) > 5 else "")
            return PartialError(f"{len(self.failures)} of {len(self.nodes)} steps failed: {names}; first: {first}", hint=hint)
        error = type(first.error)(str(first), hint=hint)
        error.__cause__ = first.error
        return error

    def _command(self, verb: str, *arguments: str) -> str:
        return f"`{' '.join(['bbq-deploy', verb, self.deployment, *arguments]).replace('  ', ' ')}`"

    def raise_for_failure(self) -> None:
        """Raise the error that stands for this run, if there is one."""
        error = self.error()
        if error is not None:
            raise error
