"""`bbq-deploy validate`: every problem of a template, without running or fetching anything."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy validate service.yaml",
    "bbq-deploy validate service.yaml --input workers=4 --format json",
    "bbq-deploy validate service.yaml --import-map https://example.org/types/=./types/",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("template", metavar="TEMPLATE", help="a TOSCA service template")
    options.inputs(parser)
    options.imports(parser)


def run(session: Session) -> int:
    from bbq import api
    from bbq.conf import ini

    args = session.args
    import_map = ini.import_map(args.import_map or (), session.config_files)  # oslo.config would take longer than the rest
    found = api.validate(args.template, inputs=options.given(args), import_map=import_map, offline=args.offline)
    session.view.diagnostics(found, checked=args.template)
    invalid = any(item.severity == "error" for item in found)
    return ExitCode.INVALID_TEMPLATE if invalid else ExitCode.OK
