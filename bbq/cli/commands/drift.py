"""`bbq-deploy drift`: compare what is there with what was wanted."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = ("bbq-deploy drift demo  # exits with 3 where something differs",)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)


def run(session: Session) -> int:
    from bbq.operations.observe import drift

    workspace = session.workspace
    row = workspace.row(session.args.name)
    found = drift(workspace, row, workspace.journal.records(row.id))
    session.view.table("drift", ("node", "difference", "detail"), [(item.node, item.kind, item.detail) for item in found])
    session.notice(f"bbq-deploy resume {row.name} puts it right" if found else "nothing differs from what was wanted")
    return ExitCode.CHANGES_PENDING if found else ExitCode.OK
