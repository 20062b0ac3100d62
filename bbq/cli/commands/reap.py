"""`bbq-deploy reap`: destroy the deployments whose time is over."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from bbq.cli import common, options
from bbq.errors import BbqError, ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session
    from bbq.journal.model import DeploymentRow

STREAMS = True
EXAMPLES = ("bbq-deploy reap", "bbq-deploy reap --dry-run --format json")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--deployment-id", metavar="ID", help="only this deployment, and only if its time is over")
    parser.add_argument("--dry-run", action="store_true", help="only say which ones")
    options.run_options(parser)


def run(session: Session) -> int:
    from bbq.operations.prepare import prepare_destroy

    args, now, how = session.args, time.time(), common.run_options(session)
    living = session.workspace.journal.deployments()
    if args.deployment_id:
        living = [row for row in living if row.id == args.deployment_id]
    rows = [row for row in living if _expired(row)]
    if args.dry_run:
        session.view.deployments(rows, now=now)
        return ExitCode.OK
    code = ExitCode.OK
    for row in rows:
        session.notice(f"{row.name} has expired")
        try:
            change = prepare_destroy(session.workspace, row.name)
            change.still = _expired  # somebody may give it more time until we hold its lease
            common.carry_out(session, change, how, asks=False)
        except BbqError as error:  # the others are destroyed all the same
            if error.exit_code is ExitCode.INTERRUPTED:
                raise
            session.view.error(error)
            code = code or error.exit_code
    if not rows:
        session.notice("nothing has expired")
        if args.deployment_id and any(row.expires_at is not None for row in living):
            # Asked by the deployment's own reaper, whose time was moved: it must ask again, not end.
            return ExitCode.LOCKED
    return code


def _expired(row: DeploymentRow) -> bool:
    return row.expires_at is not None and row.expires_at <= time.time()
