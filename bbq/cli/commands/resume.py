"""`bbq-deploy resume`: go on after a crash or an interruption."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import common, options

if TYPE_CHECKING:
    from bbq.cli.session import Session

STREAMS = True
EXAMPLES = ("bbq-deploy resume demo",)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    options.run_options(parser)
    options.on_error(parser)


def run(session: Session) -> int:
    from bbq.operations.prepare import prepare_resume

    how = common.run_options(session)
    return common.carry_out(session, prepare_resume(session.workspace, session.args.name), how)
