"""`bbq-deploy lock`: pin what the remote imports of a template are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode

if TYPE_CHECKING:
    from bbq.cli.session import Session

EXAMPLES = (
    "bbq-deploy lock service.yaml --allow-host raw.githubusercontent.com",
    "bbq-deploy lock a.yaml b.yaml  # what is pinned stays as it is; the cache is filled again",
    "bbq-deploy lock service.yaml --update  # pin what is there now",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "templates", nargs="+", metavar="TEMPLATE", help="the templates of one folder; bbq.lock is written beside them"
    )
    parser.add_argument("--update", action="store_true", help="take what is there now, whatever the lock file has")
    options.imports(parser)


def run(session: Session) -> int:
    from bbq.operations.locking import lock_templates

    args = session.args
    locked = lock_templates(args.templates, session.imports, update=args.update)
    rows = [
        (url, state, pin.size if (pin := locked.pins.get(url)) else 0, pin.sha256 if pin else "")
        for url, state in locked.states.items()
    ]
    if rows:
        session.view.table("lock", ("import", "state", "size", "sha256"), rows)
        session.notice(f"wrote {locked.path}")
    else:
        session.notice("nothing to lock: there are no remote imports")
    return ExitCode.OK
