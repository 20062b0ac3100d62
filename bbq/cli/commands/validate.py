"""`bbq-deploy validate`: every problem of templates, without running anything, or fetching without leave."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

FORMATS = ("human", "json", "yaml", "sarif", "github")
REPORTS = True

EXAMPLES = (
    "bbq-deploy validate service.yaml",
    "bbq-deploy validate service.yaml --input workers=4 --format json",
    "bbq-deploy validate templates/ --strict --format sarif > bbq.sarif",
    "bbq-deploy validate service.yaml --import-map https://example.org/types/=./types/",
    "bbq-deploy validate stack.yaml --environment production.yaml --param key_name=mine  # a Heat template",
    "bbq-deploy validate service.csar",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "template",
        nargs="+",
        metavar="TEMPLATE",
        help="a TOSCA or Heat template, an archive (.csar, .zip), or a directory: every template below it",
    )
    options.inputs(parser)
    options.environments(parser)
    options.imports(parser)
    parser.add_argument("--strict", action="store_true", help="errors, not warnings, for what the specification forbids")
    parser.add_argument("--no-cache", action="store_true", help="check anew what has not changed since the last time, too")


def run(session: Session) -> int:
    import gc

    gc.disable()  # the process ends with its answer; between templates `check` collects
    try:
        return _run(session)
    finally:
        gc.freeze()  # else the interpreter looks for garbage among millions of objects before it leaves
        gc.enable()


def _run(session: Session) -> int:
    from bbq import validation

    args, imports = session.args, session.imports
    report = validation.check(
        args.template,
        inputs=options.given(args),
        import_map=imports.import_map,
        offline=args.offline,
        allowed_hosts=imports.allowed_hosts,
        strict=args.strict,
        cached=not args.no_cache,
        environments=args.environment,
    )
    session.view.diagnostics(report.found, verdicts=report.verdicts)
    return ExitCode.OK if report.valid else ExitCode.INVALID_TEMPLATE
