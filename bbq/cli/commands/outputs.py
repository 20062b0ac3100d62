"""`bbq-deploy outputs`: a deployment's outputs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy outputs demo",
    "bbq-deploy outputs demo --format json --show-secrets",
    "bbq-deploy outputs demo viewer_url",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("output", nargs="?", metavar="OUTPUT", help="only this one, its plain value alone (for scripts)")


def run(session: Session) -> int:
    from bbq.journal.secrets import decode
    from bbq.topology.values import masked, revealed

    row = session.workspace.row(session.args.name)
    values = decode(row.outputs, session.workspace.secrets(row.id))
    wanted = session.args.output
    if wanted is None:
        session.view.outputs(values, show_secrets=session.show_secrets)
        return ExitCode.OK
    if wanted not in values:
        raise UsageError(f"{row.name} has no output {wanted!r}", hint=f"there are: {', '.join(values)}" if values else None)
    if getattr(session.args, "format", "human") == "human":
        session.view.text(str(revealed(values[wanted]) if session.show_secrets else masked(values[wanted])))
    else:
        session.view.outputs({wanted: values[wanted]}, show_secrets=session.show_secrets)
    return ExitCode.OK
