"""`bbq-deploy autoscale`: scale workers with the length of a queue."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.cli import options
from bbq.errors import ExitCode, Interrupted, TemplateError, UsageError

if TYPE_CHECKING:
    from bbq.api import Deployment
    from bbq.cli.session import Session
    from bbq.handles.queue import Queue

STREAMS = True
EXAMPLES = (
    "bbq-deploy autoscale demo workers --queue tasks --min 1 --max 8 --messages-per-worker 20",
    "bbq-deploy autoscale demo workers --queue tasks --once  # one decision, for cron",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("node", metavar="NODE", help="the node that is scaled, such as a Worker")
    parser.add_argument("--queue", required=True, metavar="QUEUE", help="a message queue node, or a queue's name")
    parser.add_argument("--min", metavar="N", help="instances at least ([autoscale] min)")
    parser.add_argument("--max", metavar="N", help="instances at most ([autoscale] max)")
    parser.add_argument("--messages-per-worker", metavar="N", help="([autoscale] messages_per_worker)")
    parser.add_argument("--interval", metavar="DURATION", help="between two looks ([autoscale] interval)")
    parser.add_argument("--once", action="store_true", help="one look, one decision; the exit code tells")


def run(session: Session) -> int:
    from bbq import autoscale
    from bbq.api import Deployment
    from bbq.operations.interrupts import interruptible
    from bbq.operations.prepare import prepare_scale, scaled_count

    args, workspace = session.args, session.workspace
    row, settings = workspace.row(args.name), workspace.config.autoscale

    def limit(text: str | None, option: str) -> int:
        return settings[option] if text is None else options.number(text, f"--{option.replace('_', '-')}")

    limits = autoscale.Limits(
        minimum=limit(args.min, "min"),
        maximum=limit(args.max, "max"),
        messages_per_worker=limit(args.messages_per_worker, "messages_per_worker"),
    )

    on_event = None if getattr(args, "quiet", False) else session.view.event

    def scale(count: int) -> None:
        change = prepare_scale(workspace, row.name, {args.node: count})
        with interruptible() as on_engine:
            result = change.run(on_event=on_event, on_engine=on_engine)
        result.raise_for_failure()
        if on_engine.count:
            raise Interrupted("stopped; the scaling that was under way is done")

    def told(tick: autoscale.Tick) -> None:
        session.notice(str(tick))
        if isinstance(tick.error, TemplateError):
            session.view.diagnostics(tick.error.diagnostics)

    with _queue(Deployment(workspace, row.name, row.id), args.queue) as queue:
        autoscale.run(
            queue,
            lambda: scaled_count(workspace, row.name, args.node),
            scale,
            limits,
            interval=options.duration(args, "interval") or settings.interval,
            once=args.once,
            on_tick=told,
        )
    return ExitCode.OK


def _queue(deployment: Deployment, wanted: str) -> Queue:
    """Of the node of that name, or of the node that has a queue of that name."""
    nodes = deployment.nodes
    if wanted in nodes:
        return nodes[wanted].queue
    for node in nodes.values():
        if wanted in (node.attributes.get("queues") or ()):
            return node.queue_named(wanted)
    there = ", ".join(dict.fromkeys(queue for node in nodes.values() for queue in node.attributes.get("queues") or ()))
    raise UsageError(f"{deployment.name} has no queue {wanted!r}", hint=f"queues: {there or 'none'}")
