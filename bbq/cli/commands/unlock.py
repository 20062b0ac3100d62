"""`bbq-deploy unlock`: break the lock of a process that is gone for good."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options, output
from bbq.errors import ExitCode, Interrupted

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = ("bbq-deploy unlock demo", "bbq-deploy unlock demo --force")


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    parser.add_argument("--force", action="store_true", help="also where the process runs on this machine")


def run(session: Session) -> int:
    row = session.workspace.row(session.args.name)
    if session.interactive and not output.ask(f"Is the process that works on {row.name} gone for good?"):
        raise Interrupted("the lock was left alone")
    holder = session.workspace.journal.break_lease(row.id, force=session.args.force)
    if holder is None:
        session.notice(f"nothing locks {row.name}")
    else:
        session.notice(f"the lock of {holder} is broken; bbq-deploy resume {row.name} goes on")
    return ExitCode.OK
