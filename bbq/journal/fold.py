"""How an event changes the record of its node: the one definition that every backend and every reader uses.

What the engine writes, and what comes of it:

* `step.intent`, action `create`: data `type`, `ancestry`, `wanted`, `edges` (names of the nodes it is made after), `members`,
  `parent`. A new record, `intended`, without handle.
* `step.intent`, action `read`: the same data, all optional. `intended`; handle and attributes stay.
* `step.intent`, action `update`: data `wanted`, `edges`, `members`, `ancestry`, all optional. `created`; `pending` is the new
  snapshot, and in `wanted` every field that the update touches is `UNSURE` until the outcome: whatever a later template
  says, a plan sees a difference there and updates again.
* `step.intent`, action `delete`: `deleting`. Data `type` where the node is not known (a thing found by its tag).
* `step.outcome`, data `result`, `id`, `attributes`, `error`, `cause`:
  `ok` of create, update and read: `created`; after an update `pending` becomes `wanted`. `ok` of delete, or of a read
  whose `id` is null (it does not exist): no record any more. `failed`: `failed`; it may exist. `unknown`: the
  status stays as the intent left it.
* `step.stage` with `stage`, data `attributes`: stage `ready` makes it `ready`, any other `created`.
* `record.removed`: no record any more.
* `step.progress`, data `text`: what a thing that is being made has got done; tells people, changes nothing.

`action` and `attempt` are the event's own fields (or, where those are unset, of its `data`); an outcome without action
has that of the intent before it. A replacement is written as a `delete` and then a `create`, for it is two calls, and a
process may die between them. All other kinds concern the deployment, not a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from bbq.journal.model import Event, Record

ACTIONS: Final = frozenset({"create", "read", "update", "delete"})
RESULTS: Final = frozenset({"ok", "failed", "unknown"})
UNSURE: Final = "(unknown: an update was interrupted)"
_WITHOUT_RECORD: Final = frozenset(
    {"deployment.created", "deployment.changed", "run.started", "run.finished", "secret.created"}
)


def fold(record: Record | None, event: Event) -> Record | None:
    """The record of `event.node` after the event; None where the node has none. Neither argument is changed.

    Raises `ValueError` where the event is none that a journal may hold.
    """
    kind = event.kind
    if kind in _WITHOUT_RECORD or kind == "step.progress":
        return record
    if not event.node:
        raise ValueError(f"a {kind} event names no node")
    if kind == "step.intent":
        return _intent(record, event)
    if kind == "step.outcome":
        return _outcome(record, event)
    if kind == "step.stage":
        return _stage(record, event)
    if kind == "record.removed":
        return None
    raise ValueError(f"{kind!r} is no kind of event that a journal holds")


def fold_all(events: Iterable[Event], records: Mapping[str, Record] | None = None) -> dict[str, Record]:
    """Records by node after all events, in the order in which the nodes were first meant to exist."""
    found = dict(records or {})
    for event in events:
        if event.kind in _WITHOUT_RECORD:
            continue
        node = event.node or ""
        after = fold(found.get(node), event)
        if after is None:
            found.pop(node, None)
        else:
            found[node] = after
    return found


def _intent(record: Record | None, event: Event) -> Record:
    data = event.data
    action = event.action or data.get("action")
    if action not in ACTIONS:
        raise ValueError(f"a step.intent has the action create, read, update or delete, not {action!r}")
    attempt = event.attempt or data.get("attempt", 0)
    node = event.node or ""
    if record is None or action == "create":
        if not data.get("type"):
            raise ValueError(f"the {action} intent for {node!r} names no type")
        record = Record(node, data["type"])
    record = _copy(record)
    record.action, record.attempt, record.started_at, record.error = action, attempt, event.at, None
    record.type = data.get("type", record.type)
    record.ancestry = tuple(data.get("ancestry", record.ancestry))
    record.depends_on = tuple(data.get("edges", record.depends_on))
    record.members = tuple(data.get("members", record.members))
    record.parent = data.get("parent", record.parent)
    if action == "delete":
        record.status = "deleting"
    elif action == "update":
        record.status = "created"
        record.pending = data.get("wanted", record.wanted)
        record.wanted = _unsure(record.wanted, record.pending)
        record.stage = record.ready_at = None
    else:
        record.status = "intended"
        record.wanted = data.get("wanted", record.wanted)
        record.stage = record.ready_at = None
    return record


def _outcome(record: Record | None, event: Event) -> Record | None:
    data = event.data
    result = data.get("result")
    if result not in RESULTS:
        raise ValueError(f"a step.outcome has the result ok, failed or unknown, not {result!r}")
    if record is None:
        raise ValueError(f"the outcome for {event.node!r} comes without an intent")
    action = event.action or data.get("action") or record.action
    if result == "ok" and (action == "delete" or (action == "read" and data.get("id", "") is None)):
        return None
    record = _copy(record)
    if data.get("id") is not None:
        record.handle = data["id"]
    if data.get("attributes"):
        record.attributes = {**record.attributes, **data["attributes"]}
    if result == "ok":
        record.status = "created"
        record.error = None
        if action == "update" and record.pending is not None:
            record.wanted, record.pending = record.pending, None
    else:
        record.error = _error(data)
        if result == "failed":
            record.status = "failed"
    return record


def _stage(record: Record | None, event: Event) -> Record:
    if record is None:
        raise ValueError(f"the stage of {event.node!r} comes without an intent")
    stage = event.stage or event.data.get("stage")
    if not stage:
        raise ValueError(f"a step.stage event for {event.node!r} names no stage")
    record = _copy(record)
    record.stage = stage
    if event.data.get("attributes"):
        record.attributes = {**record.attributes, **event.data["attributes"]}
    if stage == "ready":
        record.status, record.ready_at, record.error = "ready", event.at, None
    elif record.status != "deleting":
        record.status = "created"
    return record


def _copy(record: Record) -> Record:
    # dataclasses.replace() takes five times as long, and this runs for every event
    return Record(*_values(record))


_values = attrgetter(*(field.name for field in fields(Record)))


def _error(data: Mapping[str, Any]) -> str | None:
    error, cause = data.get("error"), data.get("cause")
    if error and cause and cause.partition("\n")[0] not in error:  # further lines are a log's, which the event keeps
        return f"{error}: {cause}"
    return error or cause


def _unsure(before: Any, after: Any, depth: int = 2) -> Any:
    """`after`, with `UNSURE` for every field that differs; fields are the entries of `properties` and `capabilities`."""
    if before == after:
        return after
    if depth and isinstance(before, dict) and isinstance(after, dict):
        keys = dict.fromkeys([*after, *before])
        return {key: _unsure(before.get(key), after.get(key), depth - 1) for key in keys}
    return UNSURE
