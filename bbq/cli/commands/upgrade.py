"""`bbq-deploy upgrade`: TOSCA 1.x templates to 2.0."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session
    from bbq.editor.upgrade import Upgraded

EXAMPLES = (
    "bbq-deploy upgrade service.yaml  # show what would change",
    "bbq-deploy upgrade service.yaml types.yaml --write  # a template with the types that it imports",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="templates of TOSCA 1.x that belong together")
    parser.add_argument("--write", action="store_true", help="change the files; without it the changes are shown")
    parser.add_argument("--force", action="store_true", help="with --write: also where the result is not valid yet")
    options.import_map(parser)


def run(session: Session) -> int:
    from bbq.conf import ini
    from bbq.editor import files
    from bbq.editor.upgrade import upgrade

    args = session.args
    texts = {Path(name): files.read(Path(name)) for name in args.files}
    results = upgrade(texts, ini.import_map(args.import_map or (), session.config_files))
    whole = all(item.valid for item in results)
    written = args.write and (whole or args.force)
    for item in results if written else ():
        if item.after != item.before:
            files.write(item.path, item.after.encode())
    if getattr(args, "format", "human") == "human":
        _show(session, results, written=written)
    else:
        session.view.data("upgrade", [_data(item, written=written) for item in results])
    return ExitCode.OK if whole else ExitCode.INVALID_TEMPLATE


def _show(session: Session, results: list[Upgraded], *, written: bool) -> None:
    from bbq.editor import files

    if not results:
        session.notice("nothing to do: every file is TOSCA 2.0")
    for item in results:
        if not session.args.write:
            session.view.text(files.diff(item.before, item.after, str(item.path)))
        for warned in item.warned:
            session.view.message(f"{item.path}:{warned.line}:{warned.column}: warning: {warned.message}")
        errors = [found for found in item.found if found.severity == "error"]
        if errors:
            left = "" if written or not session.args.write else ", and was not written (--force does)"
            session.view.message(f"{item.path}: the result is not valid TOSCA 2.0 yet{left}; lines are the result's:")
            for found in errors:
                session.view.message(f"  {found}")
        elif written:
            session.notice(f"{item.path} upgraded")


def _data(item: Upgraded, *, written: bool) -> dict[str, object]:
    from bbq.editor import files

    return {
        "file": str(item.path),
        "valid": item.valid,
        "written": written,
        "warnings": [{"line": one.line, "column": one.column, "message": one.message} for one in item.warned],
        "errors": [str(found) for found in item.found if found.severity == "error"],
        "diff": files.diff(item.before, item.after, str(item.path)),
    }
