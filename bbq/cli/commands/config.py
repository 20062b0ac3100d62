"""`bbq-deploy config`: every option, its value and where it comes from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = ("bbq-deploy config", "bbq-deploy config engine --format json", "BBQ_ENGINE__PARALLEL=4 bbq-deploy config engine")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group", nargs="?", metavar="GROUP", help="only this group")


def run(session: Session) -> int:
    from bbq.errors import UsageError

    for problem in session.workspace.config.login_problems:
        session.notice(f"warning: {problem}")
    settings = session.workspace.config.settings()
    group = session.args.group
    if group and group not in {setting.group for setting in settings}:
        raise UsageError(f"there is no option group [{group}]", hint=", ".join(dict.fromkeys(s.group for s in settings)))
    rows = [(s.group, s.name, s.value, s.origin) for s in settings if group in (None, s.group)]
    session.view.table("config", ("group", "option", "value", "origin"), rows)
    return ExitCode.OK
