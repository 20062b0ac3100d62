"""`bbq-deploy status`: a deployment, and what there really is of it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = ("bbq-deploy status demo", "bbq-deploy status demo --format json")


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)


def run(session: Session) -> int:
    from bbq.operations.observe import observed, status_of, with_wanted

    workspace = session.workspace
    row = workspace.row(session.args.name)
    records = observed(workspace, row, workspace.journal.records(row.id))
    status, error = status_of(row, records), row.error
    if status == "failed" and error is None:
        error = next((f"{name}: {record.error}" for name, record in records.items() if record.status == "failed"), None)
    row = replace(row, status=status, error=error)
    records = with_wanted(workspace, row, records)
    session.view.status(row, records, now=workspace.clock(row, records).now())
    broken = row.status == "failed" or (row.status == "destroying" and row.error is not None)
    return ExitCode.RESOURCE_FAILED if broken else ExitCode.OK
