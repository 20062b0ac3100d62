"""`bbq-deploy up`: make a deployment what its template asks for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import common, options

if TYPE_CHECKING:
    from bbq.cli.session import Session

STREAMS = True
MISSING_JOURNAL = "make"
EXAMPLES = (
    "bbq-deploy up service.yaml",
    "bbq-deploy up service.yaml --provider local --name demo --input workers=2 --ttl 2h",
    "bbq-deploy up service.yaml --name ci-42 --yes --format json --on-error rollback",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.up(parser)
    parser.add_argument("--ttl", metavar="DURATION", help="the time after which it may be destroyed, such as 2h or 1d12h")
    options.run_options(parser)
    options.on_error(parser)


def run(session: Session) -> int:
    how = common.run_options(session)
    return common.carry_out(session, common.change_of_up(session), how)
