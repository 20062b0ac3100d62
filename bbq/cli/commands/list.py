"""`bbq-deploy list`: the deployments."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = ("bbq-deploy list", "bbq-deploy list --all --format json")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="those that were destroyed, too")


def run(session: Session) -> int:
    rows = session.workspace.journal.deployments(include_destroyed=session.args.all)
    session.view.deployments(rows, now=time.time())
    return ExitCode.OK
