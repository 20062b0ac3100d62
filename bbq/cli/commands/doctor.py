"""`bbq-deploy doctor`: what there is for a provider: on this machine, or in a cloud."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

MISSING_JOURNAL = "ignore"
EXAMPLES = (
    "bbq-deploy doctor",
    "bbq-deploy doctor --provider openstack  # who you are there, services, quotas left",
    "bbq-deploy doctor --format json",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--provider", metavar="NAME", default="local", help="local (the default) or openstack")


def run(session: Session) -> int:
    from bbq.operations.doctor import examine

    found = list(examine(session.workspace, session.args.provider))
    session.view.table("checks", ("check", "verdict", "detail"), [(item.check, item.verdict, item.detail) for item in found])
    return next((item.exit_code for item in found if item.verdict == "failed"), ExitCode.OK)
