"""`bbq-deploy package`: a template with everything that it needs in one archive (CSAR)."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy package service.yaml -o service.csar",
    "bbq-deploy package service.yaml -o service.csar --include '*.html' --include 'lib/**/*.py' --force",
    "bbq-deploy package service.yaml --import-map https://example.org/types/=./types/",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("template", metavar="TEMPLATE", help="a TOSCA service template")
    parser.add_argument("--output", "-o", metavar="FILE", help="the archive; called like the template by default")
    parser.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="further files that nothing names, relative to the template's folder, such as 'lib/**/*.py'; repeatable",
    )
    parser.add_argument(
        "--substitution",
        action="append",
        default=[],
        metavar="FILE",
        help="a template that may stand for a node of this one (Other-Definitions); repeatable",
    )
    parser.add_argument("--force", action="store_true", help="replace the archive where it is there")
    options.imports(parser)


def run(session: Session) -> int:
    from bbq.operations.packaging import package
    from bbq.operations.wanted import default_name

    args = session.args
    output = args.output or f"{default_name(args.template)}.csar"
    packed = package(args.template, output, session.imports, include=args.include, others=args.substitution, force=args.force)
    for notice in packed.notices:
        session.notice(f"warning: {notice}")
    session.view.table("package", ("file",), [(name,) for name in packed.members])
    session.notice(f"wrote {packed.path}")
    return ExitCode.OK
