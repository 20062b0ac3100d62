"""`bbq-deploy unlock`: break the lock of a process that is gone for good."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options, output
from bbq.errors import ExitCode, Interrupted

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = ("bbq-deploy unlock demo",)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def run(session: Session) -> int:
    row = session.workspace.row(session.args.name)
    if session.interactive and not output.ask(f"Is the process that works on {row.name} gone for good?"):
        raise Interrupted("the lock was left alone")
    session.workspace.journal.break_lease(row.id)
    session.notice(f"{row.name} is unlocked; bbq-deploy resume {row.name} goes on")
    return ExitCode.OK
