"""`bbq-deploy sweep`: find what dead deployments have left at a provider, and take it away."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from bbq.cli import common, output
from bbq.errors import BbqError, ExitCode, Interrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bbq.cli.session import Session
    from bbq.operations.sweeping import Found

STREAMS = True
EXAMPLES = (
    "bbq-deploy sweep --provider openstack  # show what is there, change nothing",
    "bbq-deploy sweep --provider openstack --yes  # in CI and cron: take away what is dead",
    "bbq-deploy sweep 5f2c81aa90d34e7b --provider openstack --yes",
    "bbq-deploy sweep --provider openstack --schedule cron | crontab -",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="DEPLOYMENT",
        help="name or id: only these, also when they are in no journal here and have not expired",
    )
    parser.add_argument("--provider", metavar="NAME", default="openstack", help="where to look: openstack (the default)")
    parser.add_argument(
        "--schedule",
        choices=("cron", "github", "gitlab", "heat"),
        help="print what does this every ten minutes: a crontab, a CI job, or a Heat template of a server; and do nothing else",
    )
    parser.add_argument("--timeout", metavar="DURATION", help="for each deployment, such as 10m ([engine] timeout)")
    parser.add_argument("--yes", "-y", action="store_true", help="take it away; without it, and without a terminal, only look")


def run(session: Session) -> int:
    from bbq.operations import sweeping

    args = session.args
    if args.schedule:
        from bbq.operations.schedules import schedule

        session.view.text(schedule(args.schedule, args.provider, session.config_files))
        return ExitCode.OK
    how = common.run_options(session)
    found = sweeping.find(session.workspace, args.provider)
    doomed = sweeping.chosen(found, args.names)
    columns = ("deployment", "id", "verdict", "expires", "things")
    session.view.table("found", columns, [_row(one) for one in found])
    if not doomed:
        session.notice(_nothing_dead(found))
        return ExitCode.OK
    if not args.yes:
        names = ", ".join(one.name or one.id for one in doomed)
        if not session.interactive:
            session.notice(f"dead: {names}; nothing was changed: --yes takes them away")
            return ExitCode.CHANGES_PENDING
        if not output.ask(f"Take away what is left of {names}?"):
            raise Interrupted("nothing was changed")
    code = ExitCode.OK
    for one in doomed:
        try:
            with sweeping.change_of(session.workspace, one, args.provider) as change:
                common.carry_out(session, change, how, asks=False)
        except BbqError as error:  # the others go all the same
            if error.exit_code is ExitCode.INTERRUPTED:
                raise
            session.view.error(error)
            code = code or error.exit_code
    return code


def _nothing_dead(found: Sequence[Found]) -> str:
    unknown = sum(one.verdict == "unknown" for one in found)
    if not unknown:
        return "nothing is left of dead deployments" if found else "there is nothing of any deployment"
    text = "nothing is left of deployments that are known to be dead; "
    text += "one is" if unknown == 1 else f"{unknown} are"
    return text + " in no journal here, without an expiry that has passed: named, it goes, too"


def _row(one: Found) -> tuple[str | None, str, str, str | None, str]:
    expires = None
    if one.expires_at is not None:
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.expires_at))
    nodes = ", ".join(f"{tag.node} ({kind.rpartition('.')[2]})" for tag, _, kind in one.things)
    return one.name or None, one.id, one.verdict, expires, nodes or "its expiry only"
