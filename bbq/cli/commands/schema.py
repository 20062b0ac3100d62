"""`bbq-deploy schema`: a JSON Schema of templates, for editors."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from bbq.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from bbq.cli.session import Session

FORMATS = ("json",)
EXAMPLES = (
    "bbq-deploy schema -o tosca-2.0.schema.json",
    "bbq-deploy schema --version 1.3 > tosca-1.3.schema.json",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--version",
        dest="tosca_version",
        default="tosca_2_0",
        metavar="VERSION",
        help="the TOSCA version: tosca_2_0 (the default), 1.3, tosca_simple_yaml_1_0 ...",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there instead of to standard output")


def run(session: Session) -> int:
    from bbq.editor.jsonschema import schema, versions

    wanted = session.args.tosca_version
    try:
        found = schema(wanted)
    except ValueError:
        raise UsageError(f"there is no TOSCA version {wanted!r}", hint=f"versions: {', '.join(versions())}") from None
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
    if session.args.output is None:
        session.view.text(text)
    else:
        from pathlib import Path

        from bbq.editor.files import write

        write(Path(session.args.output), text.encode())
        session.notice(f"wrote {session.args.output}")
    return ExitCode.OK
