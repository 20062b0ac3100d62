"""`bbq-deploy doctor`: what this machine has for the local provider."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = ("bbq-deploy doctor", "bbq-deploy doctor --format json")


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(session: Session) -> int:
    from bbq.operations.doctor import examine

    found = list(examine(session.workspace))
    session.view.table("checks", ("check", "verdict", "detail"), [(item.check, item.verdict, item.detail) for item in found])
    return ExitCode.CONFIGURATION if any(item.verdict == "failed" for item in found) else ExitCode.OK
