"""`bbq-deploy plan`: what `up` would do."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import common, options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

MISSING_JOURNAL = "ignore"
EXAMPLES = (
    "bbq-deploy plan service.yaml --provider local",
    "bbq-deploy plan service.yaml --name demo --input workers=4 --detailed-exitcode",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.up(parser)
    options.on_error(parser)
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit with 3 where there is something to do")


def run(session: Session) -> int:
    change = common.change_of_up(session)
    common.tell(session, change)
    workspace = session.workspace
    if workspace.no_journal and workspace.journal_named_by:
        session.notice(f"warning: {workspace.no_journal}: all is new to it")
    session.view.plan(change.plan)
    return ExitCode.CHANGES_PENDING if session.args.detailed_exitcode and change.plan.has_changes else ExitCode.OK
