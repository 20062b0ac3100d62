"""`bbq-deploy fmt`: canonical layout of templates."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bbq.errors import BbqError, ExitCode, TemplateError

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy fmt service.yaml",
    "bbq-deploy fmt --check templates/*.yaml  # for CI: exit code 3 where one would change",
    "bbq-deploy fmt --diff service.yaml",
    "bbq-deploy fmt - < service.yaml  # to standard output",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="templates; - reads standard input and writes standard output")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="change nothing; exit with 3 where a file would change")
    what.add_argument("--diff", action="store_true", help="change nothing; show what would change")


def run(session: Session) -> int:
    changed, failed = 0, []
    for name in dict.fromkeys(session.args.files):
        try:
            changed += _format(session, name)
        except BbqError as error:  # the other files are formatted all the same
            if len(session.args.files) == 1:
                raise
            failed.append(error)
            session.view.error(error)
    if failed:
        return int(next((error for error in failed if isinstance(error, TemplateError)), failed[0]).exit_code)
    return ExitCode.CHANGES_PENDING if changed and session.args.check else ExitCode.OK


def _format(session: Session, name: str) -> bool:
    """Whether the file changes."""
    from bbq.editor import files
    from bbq.editor.format import formatted

    args = session.args
    if name == "-":
        before = files.checked(sys.stdin.buffer.read(), "<stdin>")
        after = formatted(before, Path("stdin.yaml"))
        if not args.check and not args.diff:
            session.stdout.write(after)
    else:
        before = files.read(Path(name))
        after = formatted(before, Path(name))
    if after == before:
        return False
    if args.diff:
        session.view.text(files.diff(before, after, name))
    elif args.check:
        session.notice(f"{name} would change")
    elif name != "-":
        files.write(Path(name), after.encode())
        session.notice(f"{name} formatted")
    return True
