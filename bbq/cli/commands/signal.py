"""`bbq-deploy signal`: send a signal to a resource in a stack."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from bbq.cli import options
from bbq.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy signal exp1 scale_up",
    """bbq-deploy signal exp1 handle --data '{"status": "SUCCESS", "id": "1", "data": "done by hand"}'""",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument(
        "resource", metavar="RESOURCE", help="its name, or its address where several have that name: workers.0.policy"
    )
    parser.add_argument("--data", metavar="JSON", help="what the signal says; nothing by default")


def run(session: Session) -> int:
    from bbq.operations.intervening import signal

    args = session.args
    row = session.workspace.row(args.name)
    part = signal(session.workspace, row, args.resource, _data(args.data))
    session.notice(f"{part.address} ({part.type}) was signalled")
    return ExitCode.OK


def _data(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"--data is not JSON: {error}", hint="""for example --data '{"status": "SUCCESS"}'""") from None
