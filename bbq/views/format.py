"""Words, ages, values and columns as people read them; shared by the plain and the live view."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bbq import durations
from bbq.journal.model import DeploymentRow, Event, Record
from bbq.plan.model import PHRASES, Action, Cost, FieldChange, Plan, Price
from bbq.topology.values import UNKNOWN, Expr, Secret, masked
from bbq.views.clean import clean, one_line

SYMBOLS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.READ: "?",
    Action.NOTHING: " ",
}
ACTION_COLORS: Mapping[Action, str] = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.DELETE: "red",
    Action.READ: "cyan",
    Action.NOTHING: "dim",
}
STATUS_COLORS: Mapping[str, str] = {
    "ready": "green",
    "active": "green",
    "failed": "red",
    "interrupted": "red",
    "intended": "cyan",
    "created": "cyan",
    "changing": "cyan",
    "new": "cyan",
    "degraded": "yellow",
    "deleting": "yellow",
    "destroying": "yellow",
}
DOING: Mapping[str, str] = {
    "create": "creating",
    "update": "updating",
    "replace": "replacing",
    "delete": "deleting",
    "read": "looking it up",
}
DONE: Mapping[str, str] = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "read": "found",
}
_COUNT_WORDS: Sequence[tuple[Action, str]] = (
    (Action.CREATE, "to create"),
    (Action.UPDATE, "to update in place"),
    (Action.REPLACE, "to replace"),
    (Action.DELETE, "to delete"),
    (Action.READ, "to look up"),
)


def value_text(value: Any, width: int = 120) -> str:
    """A value on one line, secrets masked: JSON for containers, bare text for the rest."""
    if isinstance(value, (Secret, Expr)) or value is UNKNOWN:
        return one_line(value, width)
    if isinstance(value, str):
        return one_line(json.dumps(clean(value), ensure_ascii=False), width)
    return one_line(json.dumps(masked(value), ensure_ascii=False, default=str), width)


def known(value: Any) -> str:
    """An `after` value; an expression is only known after apply, and says where it comes from."""
    if value is UNKNOWN:
        return str(UNKNOWN)
    if isinstance(value, Expr):
        return f"{UNKNOWN}: {one_line(value, 80)}"
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, str) and (value in PHRASES or value == str(UNKNOWN) or value == str(Secret(""))):
        return value
    return value_text(value)


def change_text(change: FieldChange) -> str:
    """`path: before -> after`, or `path: after` where there was nothing before."""
    path = one_line(change.path)
    if change.before is None:
        return f"{path}: {known(change.after)}"
    tail = "  (forces replacement)" if change.forces_replacement else ""
    return f"{path}: {known(change.before)} -> {'(removed)' if change.after is None else known(change.after)}{tail}"


def plan_summary(plan: Plan) -> str:
    """`3 to create, 1 to replace`, or that nothing is to be done."""
    counts = plan.counts
    parts = [f"{counts[action.value]} {words}" for action, words in _COUNT_WORDS if counts[action.value]]
    return ", ".join(parts) or "nothing to do"


def cost_text(cost: Cost) -> str:
    """`+3 servers (7 of 10 left)`."""
    left = "no limit" if cost.left is None else f"{cost.left} of {cost.limit} left"
    return f"{cost.more:+} {one_line(cost.what)} ({left}{': not enough' if cost.lacks else ''})"


def price_text(price: Price) -> str:
    """`+0.045 EUR an hour, 0.09 in all; without 2 servers of flavor odd, which have no price`."""
    unit = f" {one_line(price.currency)}" if price.currency else ""
    text = f"{price.more:+.6g}{unit} an hour, {price.all:.6g}{unit} in all"
    return f"{text}; without {one_line(', '.join(price.unpriced), 400)}: no price is known" if price.unpriced else text


def short_type(name: str) -> str:
    """A type's last part: `SparkCluster` of `bbq.nodes.SparkCluster`."""
    return one_line(name).rsplit(".", 1)[-1]


def age(since: float | None, now: float) -> str:
    return "-" if since is None else durations.text(max(now - since, 0.0))


def expires_text(row: DeploymentRow, now: float) -> str:
    if row.expires_at is None:
        return "-"
    left = row.expires_at - now
    return f"in {durations.text(left)}" if left > 0 else f"{durations.text(-left)} ago"


def record_detail(record: Record) -> str:
    """What a status line says beyond the status: the error, or the stage on the way to ready."""
    if record.error:
        return one_line(record.error, 160)
    if record.status in ("intended", "created", "deleting"):
        return one_line(record.stage or DOING.get(record.action or "", ""))
    return ""


def ordered_records(records: Mapping[str, Record]) -> list[tuple[int, Record]]:
    """Records with their depth: members below the composite node that they belong to, journal order elsewhere."""
    children: dict[str | None, list[Record]] = {}
    for record in records.values():
        parent = record.parent if record.parent in records else None
        children.setdefault(parent, []).append(record)
    found: list[tuple[int, Record]] = []
    stack = [(0, record) for record in reversed(children.get(None, []))]
    while stack:
        depth, record = stack.pop()
        found.append((depth, record))
        stack.extend((depth + 1, child) for child in reversed(children.get(record.node, [])) if child is not record)
    return found


def took(records: Mapping[str, Record], now: float | None) -> dict[str, float]:
    """Seconds by node that its last change took to be ready, or has taken until `now` (None where nothing is under way). What
    has failed, or was left half-made, took no time that would mean something, and is left out.

    A composite takes as long as the longest chain of its members: scaling and repair, however much later, make it no older.
    """
    found: dict[str, float] = {}
    for _, record in reversed(ordered_records(records)):  # members before what they make up
        members = {name: records[name] for name in record.members if name in records}
        if members:
            seconds = _longest_chain(members, found)
        elif record.started_at is None:
            seconds = None
        elif record.ready_at is not None and record.ready_at >= record.started_at:
            seconds = record.ready_at - record.started_at
        else:
            seconds = now - record.started_at if now is not None and record.status != "failed" else None
        if seconds is not None:
            found[record.node] = max(seconds, 0.0)
    return found


def _longest_chain(members: Mapping[str, Record], seconds: Mapping[str, float]) -> float | None:
    from graphlib import CycleError, TopologicalSorter

    graph = {name: set(record.depends_on) & members.keys() for name, record in members.items()}
    ends: dict[str, float] = {}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError:  # half of the records are of an older template, in which they stood the other way round
        order = list(members)
    for name in order:
        if name in seconds:
            ends[name] = seconds[name] + max((ends[other] for other in graph[name] if other in ends), default=0.0)
    return max(ends.values(), default=None)


def composites(names: Iterable[str]) -> set[str]:
    """Those of the addresses that others stand below: `spark` of `spark.worker[0]`."""
    known = set(names)
    found = set()
    for name in known:
        while "." in name:
            name = name.rpartition(".")[0]
            if name in known:
                found.add(name)
    return found


def event_text(event: Event, began: float | None = None) -> str | None:
    """One event as a phrase about its node; None for those that only machines and `--verbose` need.

    `began` is the time of the step's intent, for how long it took.
    """
    data = event.data
    took = f" in {durations.text(event.at - began)}" if began is not None else ""
    action = event.action or str(data.get("action") or "")
    match event.kind:
        case "step.intent":
            attempt = f" (attempt {event.attempt})" if event.attempt > 1 else ""
            return DOING.get(action, action or "started") + attempt
        case "step.stage":
            stage = one_line(event.stage or "")
            return f"{stage}{took}" if stage == "ready" else stage
        case "step.progress":
            return one_line(data.get("text") or "", 200)
        case "step.waiting":
            return waiting_text(data)
        case "step.outcome":
            return _outcome_text(event, action, took)
        case "run.started":
            return f"{one_line(data.get('command') or data.get('action') or 'run')} started"
        case "run.stopping":
            eta = data.get("eta")
            left = f", about {durations.text(float(eta))}" if isinstance(eta, (int, float)) else ""
            return f"stopping ({one_line(data.get('reason'))}): {data.get('in_flight', 0)} still in flight{left}"
        case "run.finished":
            return _run_finished(data)
    return None


def waiting_text(data: Mapping[str, Any]) -> str:
    awaited = one_line(data.get("awaited") or "it", 160)
    eta = data.get("eta")
    left = f", about {durations.text(float(eta))} left" if isinstance(eta, (int, float)) and eta > 0 else ""
    elapsed = data.get("elapsed")
    spent = f" ({durations.text(float(elapsed))}{left})" if isinstance(elapsed, (int, float)) else ""
    return f"waiting: {awaited}{spent}"


def _outcome_text(event: Event, action: str, took: str) -> str:
    data = event.data
    result = data.get("result", "ok")
    if result == "ok":
        return DONE.get(action, "done") + (took if action == "delete" else "")
    # further lines are the end of the node's log
    cause = one_line((str(data.get("cause") or data.get("error") or "").splitlines() or [""])[0], 400)
    word = "FAILED" if result == "failed" else "outcome unknown"
    if not event.stage or event.stage in DOING:  # else the call had succeeded, and it failed on its way to being ready
        word = f"{word} {DOING.get(action, action)}".rstrip()
    return f"{word}: {cause}" if cause else word


def _run_finished(data: Mapping[str, Any]) -> str:
    result = one_line(data.get("result") or data.get("status") or "done")
    error = one_line(data.get("error") or "", 400)
    elapsed = data.get("elapsed")
    took = f" in {durations.text(float(elapsed))}" if isinstance(elapsed, (int, float)) else ""
    return f"finished: {result}{took}" + (f": {error}" if error else "")


def columns(header: Sequence[str], rows: Iterable[Sequence[str]], gap: int = 2) -> list[str]:
    """Left-aligned columns, the last one not padded."""
    table = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = []
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        lines.append((" " * gap).join([*cells, row[-1]]).rstrip())
    return lines
