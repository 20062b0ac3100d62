"""`bbq-deploy logs`: a node's log."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

STREAMS = True
EXAMPLES = ("bbq-deploy logs demo spark", "bbq-deploy logs demo viewer --follow --tail 20")


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("node", metavar="NODE", help="a node; one that stands for others shows theirs")
    parser.add_argument("--follow", "-f", action="store_true", help="go on as lines are written")
    parser.add_argument("--tail", "-n", default="200", metavar="N", help="the last N lines of each log, or all; 200 by default")


def run(session: Session) -> int:
    from bbq.operations import logs

    args = session.args
    row = session.workspace.row(args.name)
    tail = None if args.tail == "all" else options.number(args.tail, "--tail")
    if args.follow:
        lines = logs.follow(session.workspace, row, args.node, tail, lambda: session.stdout.lost)
    else:
        lines = logs.read(session.workspace, row, args.node, tail)
    empty = True
    for node, line in lines:
        empty = False
        session.view.log(node, line)
    if empty:
        session.notice(f"{args.node} has logged nothing")
    return ExitCode.OK
