"""`bbq-deploy cancel`: end what is under way, and stuck, in a deployment's stacks."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options, output
from bbq.errors import BbqError, ExitCode, Interrupted

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy cancel exp1",
    "bbq-deploy cancel exp1 --rollback  # take the update back that is under way",
    "bbq-deploy cancel exp1 --node stack --abandon  # where even a delete is stuck",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("--node", action="append", default=[], metavar="NODE", help="only this one; repeatable")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--rollback", action="store_true", help="take back the update that is under way")
    how.add_argument(
        "--abandon", action="store_true", help="let Heat forget the stack, whatever its state; what it has made is left"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask before --abandon")


def run(session: Session) -> int:
    from bbq.operations.intervening import cancel

    args = session.args
    row = session.workspace.row(args.name)
    what = ", ".join(args.node) or f"all stacks of {row.name}"
    if args.abandon and session.interactive and not output.ask(f"Forget {what}, and leave what is in there?"):
        raise Interrupted("nothing was changed")
    code, said = ExitCode.OK, False
    for one in cancel(
        session.workspace, row, "rollback" if args.rollback else "abandon" if args.abandon else "stop", args.node
    ):
        said = True
        if isinstance(one, BbqError):
            session.view.error(one)
            code = code or one.exit_code
        else:
            session.notice(one)
    if not said:
        session.notice(f"nothing is under way in {row.name}")
    return code
