"""One change of one deployment, from what was asked for to a plan that can be shown, and from there to a run.

Nothing is written before `Change.run`: a plan that was only looked at leaves no trace. There the deployment's row comes
first, then its lease, then the plan is made again under the lease, and only then is anything created.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bbq.errors import BbqError, LockedError, UsageError
from bbq.journal.model import DeploymentRow
from bbq.operations.leases import HeldLease
from bbq.plan.model import Plan
from bbq.topology.values import Secret

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.engine import Engine
    from bbq.engine.clock import Clock
    from bbq.engine.contract import Provider
    from bbq.engine.result import RunResult
    from bbq.journal.model import Event, Lease, Record
    from bbq.operations.workspace import Workspace
    from bbq.origins.archive import Archive
    from bbq.topology.model import Topology


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run goes; None means what `[engine]` says. `timeout` in seconds."""

    parallel: int | None = None
    on_error: str | None = None
    timeout: float | None = None


@dataclass(slots=True)
class Change:
    """A change that is planned and not carried out. `plan` is what to show; `notices` is what the user should hear first.

    `new` is True where the deployment does not exist yet. `run` may be called once.
    """

    workspace: Workspace
    row: DeploymentRow
    plan: Plan
    new: bool
    make_plan: Callable[[Provider, Mapping[str, Record], Clock], Plan]
    topology: Topology | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] | None = None
    diagnostics: Sequence[Diagnostic] = ()
    notices: list[str] = field(default_factory=list)
    archive: Archive | None = None
    """What the template came in; its files are written before anything is made."""
    still: Callable[[DeploymentRow], bool] | None = None
    """Asked once more when the lease is held: is this still to be done?"""

    @property
    def destroys(self) -> bool:
        return self.topology is None

    def run(
        self,
        *,
        on_event: Callable[[Event], None] | None = None,
        on_engine: Callable[[Engine], None] | None = None,
        options: RunOptions = RunOptions(),
        approved: bool = False,
    ) -> RunResult:
        """Carry it out and return what came of it; `result.raise_for_failure()` raises the error that stands for it.

        `on_engine` gets the engine before it starts, to interrupt it. `approved` says that somebody agreed to `plan`: if the
        deployment was changed in between so that another plan would be needed, `LockedError` is raised and nothing happens.
        """
        if not self.destroys:  # what destroys would be beaten to it by the reapers that it starts
            self.workspace.keep_expiries(but=self.row.id)
        if self.new:
            self._create_row()
        held = HeldLease(self.workspace, self.row.id)
        try:
            return self._run_with(held, on_event, on_engine, options, approved)
        finally:
            held.give_back()

    def _create_row(self) -> None:
        """The first thing that is written. Secret inputs are references whose values come later, under the lease: a process
        that dies in between leaves no secret behind that nobody would remove."""
        journal, fields = self.workspace.journal, dict(self.fields)
        fields["inputs"] = {
            name: reference(f"input.{name}", value, self.row.salt) if isinstance(value, Secret) else value
            for name, value in (self.inputs or {}).items()
        }
        try:
            journal.create(replace(self.row, **fields))
        except UsageError:
            other = journal.get(self.row.name)
            if other is None:
                raise
            journal.release(journal.acquire(other.id))  # while the other process is at it, this names it
            raise LockedError(
                f"{self.row.name} was created by another process just now", hint="run the command again to update it"
            ) from None

    def _run_with(
        self,
        held: HeldLease,
        on_event: Callable[[Event], None] | None,
        on_engine: Callable[[Engine], None] | None,
        options: RunOptions,
        approved: bool,
    ) -> RunResult:
        from bbq.engine import Engine, EngineOptions

        journal, store, lease = self.workspace.journal, self.workspace.secrets(self.row.id), held.lease
        settings = self.workspace.config.engine
        parallel = options.parallel or settings.parallel
        limits = {name: getattr(settings, name) for name in ("create_timeout", "ready_timeout", "delete_timeout", "retries")}
        records = journal.records(self.row.id)
        clock = self.workspace.clock(self.row, records)
        executor = self.workspace.executor(clock, parallel)
        provider = self.workspace.open_provider(self.row, clock)
        held.when_done = provider.close
        try:
            row = journal.get(self.row.name)
            if row is None or row.id != self.row.id:
                raise LockedError(f"{self.row.name} was destroyed by another process just now", hint="run the command again")
            if self.still is not None and not self.still(row):
                raise LockedError(f"{self.row.name} was changed by another process just now", hint="run the command again")
            plan = self.make_plan(provider, records, clock)
            if approved and _actions(plan) != _actions(self.plan):
                raise LockedError(
                    f"{self.row.name} was changed by another process since the plan was shown", hint="run the command again"
                )
            before = row
            if self.inputs is not None:
                from bbq.journal.secrets import decode, encode

                before = replace(row, inputs=decode(row.inputs, store))
                self.fields["inputs"] = encode(self.inputs, store, row.salt, "input")
            earlier = [at for at in (row.expires_at, self.fields.get("expires_at")) if at is not None]
            if earlier:  # first: what comes before its time asks the journal, what comes after it is late
                self._expire(provider, clock, lease, min(earlier))
            if self.fields:
                journal.update(lease, **self.fields)
                row = replace(row, **self.fields)
            if row.expires_at is not None:
                self._expire(provider, clock, lease, row.expires_at)
            self.row, self.plan = row, plan
            if self.archive is not None and not provider.simulated:
                # Dying here leaves a part of the files, which the next run or the destroy removes.
                self._unpack(provider, clock, lease)
            engine = Engine(
                provider=provider,
                journal=journal,
                secrets=store,
                row=row,
                lease=lease,
                clock=clock,
                executor=executor,
                options=EngineOptions(
                    parallel=parallel,
                    on_error=options.on_error or settings.on_error,
                    timeout=options.timeout or settings.timeout,
                    **limits,
                ),
                on_event=on_event,
            )
            held.calls = engine.calls
            if on_engine is not None:
                on_engine(engine)
            if self.topology is not None:
                result = engine.apply(plan, self.topology)
                if result.refused:
                    self._take_back(provider, clock, lease, before)
                return result
            return engine.destroy(plan)
        finally:
            executor.close()

    def _expire(self, provider: Provider, clock: Clock, lease: Lease, at: float) -> None:
        from bbq.operations.observe import asked

        if self.destroys:
            return
        try:
            trouble = f"nothing would destroy {self.row.name} at its expiry"
            asked(lambda: provider.expire_at(at, move=True), clock, trouble)
        except BbqError:
            if self.new:
                self._forget(provider, clock, lease)
            raise

    def _unpack(self, provider: Provider, clock: Clock, lease: Lease) -> None:
        from bbq.operations.wanted import unpack

        assert self.archive is not None
        files = self.workspace.files_directory(self.row.id)
        try:
            files.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            unpack(self.archive, files)
        except BbqError:
            if self.new:
                self._forget(provider, clock, lease)
            raise

    def _take_back(self, provider: Provider, clock: Clock, lease: Lease, before: DeploymentRow) -> None:
        """Refused before anything was made or changed: what was asked for does not stay in force. The expiry does."""
        if self.new:
            self._forget(provider, clock, lease)
            return
        from bbq.journal.secrets import encode

        fields = {name: getattr(before, name) for name in self.fields if name != "expires_at"}
        if "inputs" in fields:
            fields["inputs"] = encode(before.inputs, self.workspace.secrets(before.id), before.salt, "input")
        self.workspace.journal.update(lease, status=before.status, error=before.error, **fields)

    def _forget(self, provider: Provider, clock: Clock, lease: Lease) -> None:
        """Refused before anything was made: a name that stands for nothing would only be in the way."""
        from bbq.operations.observe import asked

        with suppress(BbqError):  # then the name stays, for `destroy`
            asked(lambda: provider.finish_destroy(self.row.id), clock)
            self.workspace.secrets(self.row.id).forget()
            self.workspace.journal.update(lease, status="destroyed")


def reference(name: str, secret: Secret, salt: str) -> dict[str, str]:
    """What stands for a secret in the journal (see `bbq.journal.secrets.encode`)."""
    from bbq.journal.secrets import digest

    return {"$secret": name, "digest": digest(secret.reveal(), salt)}


def _actions(plan: Plan) -> dict[str, str]:
    return {name: step.action.value for name, step in plan.steps.items() if step.action.value != "no-op"}
