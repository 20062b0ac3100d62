"""What the commands that change something share: show the plan, ask, run, show what came of it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from bbq.cli import options, output
from bbq.errors import ExitCode, Interrupted

if TYPE_CHECKING:
    from bbq.cli.session import Session
    from bbq.operations.change import Change, RunOptions


def change_of_up(session: Session) -> Change:
    """The change that `up` (and `plan`) is asked for by its arguments."""
    from bbq.operations.prepare import prepare_up

    args = session.args
    return prepare_up(
        session.workspace,
        args.template,
        provider=args.provider,
        name=args.name,
        inputs=options.given(args),
        ttl=options.duration(args, "ttl"),
        offline=args.offline,
        targets=args.target,
        environments=args.environment,
    )


def run_options(session: Session) -> RunOptions:
    """How the run is to go, by its flags (those that set an option of the configuration are in there already)."""
    from bbq.operations.change import RunOptions

    return RunOptions(timeout=options.duration(session.args, "timeout"))


def tell(session: Session, change: Change) -> None:
    """What the user should hear before the plan."""
    if change.diagnostics:
        session.view.diagnostics(change.diagnostics)
    for notice in change.notices:
        session.notice(notice)
    if session.workspace.config.engine.on_error == "rollback" and (names := change.plan.irrevocable):
        from bbq.diagnostics import listed

        session.notice(f"warning: a rollback cannot bring back what is replaced or deleted: {listed(names)}")


def carry_out(session: Session, change: Change, how: RunOptions, *, asks: bool = True) -> int:
    """Show the plan, ask where somebody is there to answer, run it, show the outputs. Raises the run's error."""
    from bbq.operations.interrupts import interruptible

    view, args, journal = session.view, session.args, session.workspace.journal
    tell(session, change)
    approved = False
    quiet = getattr(args, "quiet", False)
    if not quiet:
        view.plan(change.plan)
    if asks and session.interactive and (change.plan.has_changes or change.destroys):
        what = f"Destroy {change.row.name}?" if change.destroys else "Do this?"
        if not output.ask(what):
            raise Interrupted("nothing was changed")
        approved = True
    durations = journal.durations({step.type for step in change.plan.steps.values()})
    with interruptible() as on_engine, nullcontext() if quiet else view.progress(change.plan, durations):
        result = change.run(
            on_event=None if quiet else view.event,
            on_engine=on_engine,
            options=how,
            approved=approved,
        )
    if result.ok and result.outputs:
        view.outputs(result.outputs, show_secrets=session.show_secrets)
    for failure in result.failures[1:]:
        view.message(str(failure))
    result.raise_for_failure()
    return ExitCode.OK
