"""`bbq-deploy graph`: draw a deployment or a template."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

FORMATS = ("mermaid", "svg", "dot", "html")
EXAMPLES = (
    "bbq-deploy graph demo --format svg > demo.svg",
    "bbq-deploy graph service.yaml --provider local --format dot",
    "bbq-deploy graph stack.yaml --environment production.yaml  # a Heat template",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="NAME|TEMPLATE", help="a deployment's name, or a template file")
    options.provider(parser)
    options.inputs(parser)
    options.environments(parser)
    options.imports(parser)


def run(session: Session) -> int:
    from bbq.operations.pictures import deployment_graph, template_graph

    args, workspace = session.args, session.workspace
    format = getattr(args, "format", FORMATS[0])
    template = os.path.isfile(args.what)  # noqa: PTH113
    row = None if template and workspace.no_journal else workspace.journal.get(args.what)
    if row is None and template:
        picture = template_graph(
            workspace, args.what, options.given(args), args.provider or "local", args.offline, format, args.environment
        )
        session.view.text(picture)
    else:
        row = row or workspace.row(args.what)
        session.view.text(deployment_graph(workspace, row, workspace.journal.records(row.id), format))
    return ExitCode.OK
