"""`bbq-deploy destroy`: take a deployment away, completely."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import common, options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

STREAMS = True
EXAMPLES = ("bbq-deploy destroy demo", "bbq-deploy destroy demo --yes", "bbq-deploy destroy demo --target viewer")


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument(
        "--target", action="append", default=[], metavar="NODE", help="only this node and what depends on it; repeatable"
    )
    options.run_options(parser)


def run(session: Session) -> int:
    from bbq.operations.prepare import prepare_destroy

    how = common.run_options(session)
    name, journal = session.args.name, session.workspace.journal
    if journal.get(name) is None and any(row.name == name for row in journal.deployments(include_destroyed=True)):
        session.view.message(f"{name} is gone already; nothing to do")
        return ExitCode.OK
    return common.carry_out(session, prepare_destroy(session.workspace, name, targets=session.args.target), how)
