from __future__ import annotations

import copy
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbq.journal import open_journal
from bbq.journal.fold import UNSURE, fold, fold_all
from bbq.journal.model import DeploymentRow, Event, Record

INTENT: dict[str, Any] = {
    "type": "my.Type",
    "ancestry": ["my.Type", "tosca.nodes.Root"],
    "wanted": {"properties": {"size": 1, "tags": {"a": 1, "b": 2}}, "capabilities": {"endpoint": {"port": 80}}},
    "edges": ["db"],
    "members": [],
    "parent": "cluster",
}


def intent(action: str, at: float = 1.0, **data: Any) -> Event:
    return Event("step.intent", at, "a", action, attempt=2, data=data)


def outcome(action: str | None, result: str = "ok", **data: Any) -> Event:
    return Event("step.outcome", 2.0, "a", action, attempt=2, data={"result": result, **data})


def stage(name: str, at: float = 3.0, **attributes: Any) -> Event:
    return Event("step.stage", at, "a", stage=name, data={"attributes": attributes} if attributes else {})


def after(*events: Event) -> Record | None:
    return fold_all(events).get("a")


CREATE = (intent("create", **INTENT), outcome("create", id="i-1", attributes={"host": "h"}))
READY = (*CREATE, stage("ready", 9.0, port=80))


class TestCreate:
    def test_intent(self):
        record = after(intent("create", **INTENT))
        assert record == Record(
            "a",
            "my.Type",
            "intended",
            None,
            2,
            "create",
            wanted=INTENT["wanted"],
            depends_on=("db",),
            parent="cluster",
            started_at=1.0,
            ancestry=("my.Type", "tosca.nodes.Root"),
        )

    def test_outcome_and_stages(self):
        record = after(*CREATE)
        assert (record.status, record.handle, record.attributes) == ("created", "i-1", {"host": "h"})
        record = after(*CREATE, stage("booted"))
        assert (record.status, record.stage, record.ready_at) == ("created", "booted", None)
        record = after(*READY)
        assert (record.status, record.stage, record.ready_at) == ("ready", "ready", 9.0)
        assert record.attributes == {"host": "h", "port": 80}

    def test_failed_may_exist(self):
        record = after(CREATE[0], outcome("create", "failed", error="no room", cause="quota of 3"))
        assert (record.status, record.handle, record.error) == ("failed", None, "no room: quota of 3")
        record = after(*CREATE, outcome("create", "failed", error="not ready: not ready in 5 s", cause="not ready in 5 s"))
        assert (record.status, record.handle, record.error) == ("failed", "i-1", "not ready: not ready in 5 s")

    def test_unknown_leaves_the_intent(self):
        record = after(CREATE[0], outcome("create", "unknown", error="the answer was lost"))
        assert (record.status, record.error) == ("intended", "the answer was lost")

    def test_again_forgets_the_first_try(self):
        record = after(*READY, outcome("create", "failed", error="died"), intent("create", 50.0, **INTENT))
        assert (record.handle, record.attributes, record.error, record.ready_at) == (None, {}, None, None)
        assert record.started_at == 50.0


class TestRead:
    def test_found(self):
        record = after(CREATE[0], intent("read"), outcome("read", id="i-7"))
        assert (record.status, record.handle, record.wanted) == ("created", "i-7", INTENT["wanted"])

    def test_found_without_an_intent_of_its_own(self):
        record = after(CREATE[0], outcome("read", id="i-7"))
        assert (record.status, record.handle) == ("created", "i-7")

    def test_not_there(self):
        assert after(CREATE[0], intent("read"), outcome("read", id=None)) is None

    def test_a_composite_has_no_id_and_is_there(self):
        first = intent("create", **{**INTENT, "members": ["a.x"]})
        assert after(first, outcome("read")).status == "created"

    def test_what_is_found_in_mid_update_is_not_taken_for_updated(self):
        update = intent("update", wanted={"properties": {"size": 2}, "capabilities": {}})
        record = after(*READY, update, outcome("read", id="i-1"))
        assert record.wanted["properties"]["size"] == UNSURE
        assert record.pending == update.data["wanted"]


class TestUpdate:
    NEW: ClassVar[dict[str, Any]] = {
        "properties": {"size": 2, "tags": {"a": 1, "b": 2}, "new": 1},
        "capabilities": {"endpoint": {"port": 80}},
    }

    def test_an_unfinished_one_differs_from_the_old_and_the_new(self):
        record = after(*READY, intent("update", wanted=self.NEW))
        assert (record.status, record.handle, record.ready_at) == ("created", "i-1", None)
        assert record.wanted == {
            "properties": {"size": UNSURE, "tags": {"a": 1, "b": 2}, "new": UNSURE},
            "capabilities": {"endpoint": {"port": 80}},
        }
        assert record.pending == self.NEW

    def test_done(self):
        record = after(*READY, intent("update", wanted=self.NEW, edges=["x", "y"]), outcome("update", id="i-1"), stage("ready"))
        assert (record.status, record.wanted, record.pending, record.depends_on) == ("ready", self.NEW, None, ("x", "y"))

    def test_failed_stays_unsure(self):
        record = after(*READY, intent("update", wanted=self.NEW), outcome("update", "failed", error="e"))
        assert (record.status, record.handle, record.wanted["properties"]["size"]) == ("failed", "i-1", UNSURE)

    def test_a_property_that_goes_is_unsure_too(self):
        record = after(*READY, intent("update", wanted={"properties": {}, "capabilities": {}}))
        assert record.wanted["properties"] == {"size": UNSURE, "tags": UNSURE}
        assert record.wanted["capabilities"] == {"endpoint": UNSURE}


class TestDelete:
    def test_gone(self):
        record = after(*READY, intent("delete"))
        assert (record.status, record.handle, record.depends_on) == ("deleting", "i-1", ("db",))
        assert after(*READY, intent("delete"), outcome("delete")) is None
        assert after(*READY, intent("delete"), outcome(None)) is None

    def test_unknown_or_failed(self):
        assert after(*READY, intent("delete"), outcome("delete", "unknown")).status == "deleting"
        assert after(*READY, intent("delete"), outcome("delete", "failed", error="e")).status == "failed"

    def test_a_stage_seen_late_does_not_revive_it(self):
        assert after(*READY, intent("delete"), stage("configured")).status == "deleting"

    def test_of_a_stray(self):
        assert after(intent("delete", type="my.Type")).status == "deleting"

    def test_removed(self):
        assert after(*READY, Event("record.removed", 1.0, "a")) is None


@pytest.mark.parametrize(
    "events",
    [
        [intent("replace", **INTENT)],
        [intent("create")],
        [intent("delete")],
        [outcome("create")],
        [stage("ready")],
        [CREATE[0], outcome("create", "perhaps")],
        [CREATE[0], Event("step.stage", 1.0, "a")],
        [Event("step.waiting", 1.0, "a")],
        [Event("step.intent", 1.0, None, "create", data=INTENT)],
        [Event("nonsense", 1.0, "a")],
    ],
)
def test_what_a_journal_does_not_hold(events):
    with pytest.raises(ValueError, match=r"\w"):
        fold_all(events)


relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy

# Properties. A history is what an engine may write for a few nodes, cut off anywhere.

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2), lambda inner: st.lists(inner, max_size=2)
)
fields = st.dictionaries(st.sampled_from(["size", "port", "tags"]), values, max_size=3)
wanteds = st.fixed_dictionaries(
    {"properties": fields, "capabilities": st.dictionaries(st.just("endpoint"), fields, max_size=1)}
)


@st.composite
def steps(draw: Any) -> list[Event]:
    """One attempt at one node, of the kind that the node's state allows; `exists` says which."""
    node = draw(st.sampled_from("abc"))
    action = draw(st.sampled_from(["create", "create", "update", "read", "delete"]))
    data = {"type": "my.Type", "ancestry": ["my.Type", "root"], "wanted": draw(wanteds), "edges": []}
    result = draw(st.sampled_from(["ok", "ok", "ok", "failed", "unknown"]))
    events = [
        Event("step.intent", 1.0, node, action, attempt=1, data={"type": "my.Type"} if action == "delete" else data),
        Event("step.outcome", 2.0, node, action, data={"result": result, "id": draw(st.sampled_from(["i-1", "i-2"]))}),
    ]
    if action != "delete" and result == "ok" and draw(st.booleans()):
        events.append(Event("step.stage", 3.0, node, stage="ready", data={"attributes": draw(fields)}))
    return events[: draw(st.integers(1, 3))]


histories = st.lists(steps(), max_size=12).map(lambda parts: [event for part in parts for event in part])


@relaxed
@given(histories)
def test_fold_changes_nothing_that_it_is_given(events):
    records: dict[str, Record] = {}
    for event in events:
        record = records.get(event.node)
        before = copy.deepcopy((record, event))
        found = fold(record, event)
        assert (record, event) == before
        records.pop(event.node, None)
        if found is not None:
            records[event.node] = found


@relaxed
@given(histories)
def test_what_may_exist_has_a_record(events):
    """After an intent to create, only a good delete (or a look that found nothing) takes the record away."""
    records = fold_all(events)
    last: dict[str, Event] = {event.node: event for event in events if event.node}
    for node, event in last.items():
        gone = event.kind == "step.outcome" and event.action == "delete" and event.data["result"] == "ok"
        assert (node in records) is not gone
    for record in records.values():
        assert record.status in {"intended", "created", "ready", "failed", "deleting"}


@relaxed
@given(histories, wanteds)
def test_an_unfinished_update_differs_from_every_later_wish_in_the_fields_that_it_touched(events, later):
    for record in fold_all(events).values():
        if record.pending is None:
            continue
        touched = [
            (group, name)
            for group, inner in record.wanted.items()
            for name, value in (inner.items() if isinstance(inner, dict) else ())
            if value == UNSURE
        ]
        for group, name in touched:
            assert record.wanted[group][name] != later[group].get(name)


@settings(relaxed, max_examples=40)
@given(events=histories, sizes=st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_a_journals_records_are_the_fold_of_its_events_however_they_were_batched(events, sizes, tmp_path_factory):
    journal = open_journal(str(tmp_path_factory.mktemp("fold") / "journal.db"))
    journal.create(DeploymentRow("d", "demo", "local", "t", 1.0))
    lease = journal.acquire("d")
    start = turn = 0
    while start < len(events):
        size = sizes[turn % len(sizes)]
        journal.append(lease, events[start : start + size])
        start, turn = start + size, turn + 1
    expected = fold_all(events)
    found = journal.records("d")
    assert found == expected
    assert fold_all(journal.events("d")) == expected
    journal.close()
