"""`bbq-deploy wait`: wait for a deployment that another process works on."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = ("bbq-deploy wait demo --timeout 10m",)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("--timeout", metavar="DURATION", help="how long to wait, for ever by default")


def run(session: Session) -> int:
    from bbq.operations.waiting import until_active

    row = session.workspace.row(session.args.name)
    until_active(session.workspace, row.name, row.id, options.duration(session.args, "timeout"))
    session.notice(f"{row.name} is active")
    return ExitCode.OK
