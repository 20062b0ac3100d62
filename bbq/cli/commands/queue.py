"""`bbq-deploy queue`: send, receive and look at messages of a deployed queue."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bbq.cli import options, output, parsing
from bbq.errors import ExitCode, Interrupted, UsageError

if TYPE_CHECKING:
    from bbq.cli.session import Session
    from bbq.handles.queue import Message, Queue

STREAMS = True
EXAMPLES = (
    'bbq-deploy queue demo packets send \'{"service": "web"}\' --ttl 1h --delay 5s',
    "bbq-deploy queue demo packets send - < records.ndjson",
    "bbq-deploy queue demo packets receive --count 10 --wait 30s --format json",
    "bbq-deploy queue demo packets stats",
)
BATCH = 500


def arguments(parser: argparse.ArgumentParser) -> None:
    options.name(parser)
    parser.add_argument("node", metavar="NODE", help="a message queue node")
    parser.add_argument("--queue", metavar="QUEUE", help="which of the node's queues; its first by default")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    send = actions.add_parser("send", help="put messages into the queue")
    send.add_argument("bodies", nargs="+", metavar="JSON", help="a message; - reads one a line from standard input")
    send.add_argument("--ttl", metavar="DURATION", help="dropped if nobody has received it by then")
    send.add_argument("--delay", metavar="DURATION", help="nobody gets it before")

    receive = actions.add_parser("receive", help="take messages out of the queue; shown, then acknowledged")
    receive.add_argument("--count", "-n", default="1", metavar="N", help="at most so many; 1 by default")
    receive.add_argument("--wait", metavar="DURATION", help="wait so long for the first one")

    subscribe = actions.add_parser("subscribe", help="show and acknowledge messages as they come, until Ctrl-C")
    subscribe.add_argument("--idle", metavar="DURATION", help="end after so long without a message")

    peek = actions.add_parser("peek", help="look at the next messages and leave them there")
    peek.add_argument("--count", "-n", default="1", metavar="N", help="at most so many; 1 by default")

    actions.add_parser("stats", help="how many messages there are")

    purge = actions.add_parser("purge", help="drop every message")
    purge.add_argument("--yes", "-y", action="store_true", help="do not ask")

    for action in actions.choices.values():
        parsing.common(action, parsing.FORMATS, streams=True)


def run(session: Session) -> int:
    from bbq.api import Deployment

    args = session.args
    row = session.workspace.row(args.name)
    nodes = Deployment(session.workspace, row.name, row.id).nodes
    if args.node not in nodes:
        raise UsageError(f"{row.name} has no node {args.node!r}", hint=f"nodes: {', '.join(nodes)}" if nodes else None)
    with nodes[args.node].queue_named(args.queue) as queue:
        code: int = _ACTIONS[args.action](session, queue)
        return code


def _send(session: Session, queue: Queue) -> int:
    args, sent = session.args, 0
    batch: list[Any] = []
    ttl, delay = options.duration(args, "ttl"), options.duration(args, "delay")
    for body in _bodies(args.bodies):
        batch.append(body)
        if len(batch) == BATCH:
            sent += len(queue.send_many(batch, ttl=ttl, delay=delay))
            batch = []
    sent += len(queue.send_many(batch, ttl=ttl, delay=delay))
    session.notice(f"sent {sent} message{'' if sent == 1 else 's'} to {queue.name}")
    return ExitCode.OK


def _bodies(texts: list[str]) -> Iterator[Any]:
    for text in texts:
        for line in sys.stdin if text == "-" else (text,):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError:
                    raise UsageError(
                        f"this is not JSON: {line.strip()[:80]}", hint="a text needs its own quotes: '\"hello\"'"
                    ) from None


def _receive(session: Session, queue: Queue) -> int:
    count, wait = options.number(session.args.count, "--count"), options.duration(session.args, "wait") or 0.0
    while count > 0:
        found = queue.receive(min(count, BATCH), wait=wait)
        if not found:
            break
        count, wait = count - len(found), 0.0
        _show_and_acknowledge(session, found)
    return ExitCode.OK


def _subscribe(session: Session, queue: Queue) -> int:
    for message in queue.messages(idle=options.duration(session.args, "idle")):
        if not _show_and_acknowledge(session, [message]):
            break
    return ExitCode.OK


def _show_and_acknowledge(session: Session, messages: list[Message]) -> bool:
    """A message that nobody could read any more goes back into the queue; then False."""
    for message in messages:
        _show(session, message)
        if session.stdout.lost:
            message.release()
        else:
            message.ack()
    return not session.stdout.lost


def _show(session: Session, message: Message) -> None:
    body = message.body.decode("utf-8", "replace") if isinstance(message.body, bytes) else message.body
    if getattr(session.args, "format", "human") == "human":
        session.view.text(json.dumps(body, ensure_ascii=False))
    else:
        shown = {"id": message.id, "body": body, "sent_at": message.sent_at, "redelivered": message.redelivered}
        session.view.data("message", shown)


def _peek(session: Session, queue: Queue) -> int:
    for message in queue.peek(options.number(session.args.count, "--count")):
        _show(session, message)
    return ExitCode.OK


def _stats(session: Session, queue: Queue) -> int:
    stats = queue.stats()
    age = None if stats.oldest_age is None else round(stats.oldest_age, 1)
    columns = ("queue", "ready", "claimed", "delayed", "oldest_age")
    session.view.table("stats", columns, [(queue.name, stats.ready, stats.claimed, stats.delayed, age)])
    return ExitCode.OK


def _purge(session: Session, queue: Queue) -> int:
    if session.interactive and not output.ask(f"Drop every message in {queue.name}?"):
        raise Interrupted("nothing was changed")
    session.notice(f"dropped {queue.purge()} messages")
    return ExitCode.OK


_ACTIONS = {"send": _send, "receive": _receive, "subscribe": _subscribe, "peek": _peek, "stats": _stats, "purge": _purge}
