"""`bbq-deploy events`: what happened to a deployment."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

STREAMS = True
EXAMPLES = ("bbq-deploy events demo", "bbq-deploy events demo --follow --format json")
PAUSE = 0.3  # seconds between two looks at the journal


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("--follow", "-f", action="store_true", help="go on until the deployment is destroyed")
    parser.add_argument("--after", metavar="N", help="only events after this number")


def run(session: Session) -> int:
    journal, name = session.workspace.journal, session.args.name
    rows = [row for row in journal.deployments(include_destroyed=True) if row.name == name]
    row = journal.get(name) or (rows[0] if rows else session.workspace.row(name))
    after = options.number(session.args.after or "0", "--after")
    while True:
        gone = journal.get(name) is None  # asked first: what was written before it went is still shown
        for event in journal.events(row.id, after=after):
            session.view.event(event)
            after = event.seq
        if not session.args.follow or gone or session.stdout.lost:
            return ExitCode.OK
        time.sleep(PAUSE)
