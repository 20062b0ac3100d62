"""`bbq-deploy scale`: change the number of a node's instances."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import common, options

if TYPE_CHECKING:
    from bbq.cli.session import Session

STREAMS = True
EXAMPLES = ("bbq-deploy scale demo spark=3", "bbq-deploy scale demo workers=5 spark=2 --yes")


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("counts", nargs="+", metavar="NODE=N", help="a node and its number of instances")
    options.prices(parser)
    options.run_options(parser)
    options.on_error(parser)


def run(session: Session) -> int:
    from bbq.operations.prepare import prepare_scale

    how, counts = common.run_options(session), options.counts(session.args.counts)
    return common.carry_out(session, prepare_scale(session.workspace, session.args.name, counts), how, asks=False)
