"""`bbq-deploy render`: a template as another system's files."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy render service.yaml --to compose --output build/  # then: docker compose up, in there",
    "bbq-deploy render service.yaml --to compose  # only show the main file",
    "bbq-deploy render cluster.yaml --to murano -o build/  # a Murano package, build/cluster.zip",
    "bbq-deploy render cluster.yaml --to hot --catalogue cloud.yaml  # a Heat template, flavors and images chosen",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.template(parser)
    parser.add_argument("--to", required=True, metavar="SYSTEM", help="compose, hot or murano")
    parser.add_argument("--output", "-o", metavar="DIRECTORY", help="write all files there; without it the main one is shown")
    parser.add_argument("--name", metavar="NAME", help="the project's name; the template's file or directory by default")
    parser.add_argument(
        "--catalogue", metavar="FILE", help="what the cloud has: flavors, images, networks (for hot and murano)"
    )
    options.inputs(parser)
    options.imports(parser)


def run(session: Session) -> int:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="bbq-render-") as scratch:
        return _run(session, Path(scratch))


def _run(session: Session, scratch: Path) -> int:
    from bbq.operations.wanted import (
        NO_SUBSTITUTION,
        build_topology,
        check_name,
        default_name,
        load_template,
        unpack,
        varied,
        with_lines,
    )
    from bbq.render import render

    args, workspace = session.args, session.workspace
    name = check_name(args.name or default_name(args.template))
    given: Mapping[str, Any] = options.given(args) or {}
    inside = args.to == "murano"  # the package has the files of an archive in it
    files = scratch if inside else Path(args.output or ".") / "files"
    service = load_template(args.template, workspace.imports(offline=args.offline), unpacked=files)
    if inside and service.archive is not None:
        unpack(service.archive, files)
    topology, _ = build_topology(workspace, service, given, NO_SUBSTITUTION, {})
    directory = Path(args.output or ".")
    with with_lines(service.sources):
        rendered = render(
            topology,
            args.to,
            name=name,
            directory=directory,
            catalogue=args.catalogue,
            inputs=varied(workspace, service, given, NO_SUBSTITUTION) if inside else None,
        )
    for finding in rendered.found:
        session.notice(str(finding))
    for warning in rendered.warnings:
        session.notice(f"warning: {warning}")
    if args.output is None:
        session.view.text(str(rendered.files[rendered.main]))
        if len(rendered.files) > 1:
            session.notice(f"{len(rendered.files) - 1} more files belong to it; --output writes all of them")
    else:
        if service.archive is not None and not inside:
            session.notice(f"wrote {unpack(service.archive, files)}")
        for path in rendered.write(Path(args.output)):
            session.notice(f"wrote {path}")
    return ExitCode.OK
