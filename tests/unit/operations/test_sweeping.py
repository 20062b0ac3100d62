"""Which deployments are dead, by their tags and a journal; nothing of a provider."""

from __future__ import annotations

import time

import pytest

from bbq.engine.contract import Handle, Tag
from bbq.errors import UsageError
from bbq.journal.model import DeploymentRow
from bbq.operations.sweeping import Found, _events, _gathered, _judge, chosen

NOW = time.time()


def thing(deployment: str, node: str, *, expires: float | None = None, id: str = "") -> tuple[Tag, Handle, str]:
    tag = Tag(deployment, id or f"{deployment:0<16}", node, 1, expires)
    return tag, Handle(f"{deployment}/{node}", {"name": node, "outputs": {"password": "hunter2"}}), "example.Thing"


def row(id: str, status: str) -> DeploymentRow:
    return DeploymentRow(id, "name-" + id[0], "openstack", "", NOW, status=status)


def judged(things: list[tuple[Tag, Handle, str]], *rows: DeploymentRow) -> dict[str, Found]:
    found = _gathered(things)
    _judge(found, rows)
    return {one.id: one for one in found}


def test_the_note_of_the_whole_deployment_counts_before_and_after_its_things() -> None:
    past, future = NOW - 60, NOW + 3600
    for things in (
        [thing("a", "", expires=future), thing("a", "one", expires=past)],
        [thing("a", "one", expires=past), thing("a", "", expires=future)],
    ):
        (found,) = judged(things).values()
        assert (found.expires_at, found.verdict, len(found.things)) == (future, "unknown", 1)
    (found,) = judged([thing("a", "one", expires=past), thing("a", "two", expires=future)]).values()
    assert (found.expires_at, found.verdict) == (future, "unknown"), "without a note, the latest of its things"
    (found,) = judged([thing("a", "", expires=past)]).values()
    assert (found.verdict, found.things) == ("expired", [])


def test_the_journal_knows_better_than_an_expiry() -> None:
    a, b = "a" + "0" * 15, "b" + "0" * 15
    past = NOW - 60
    found = judged(
        [thing("a", "one", expires=past), thing("b", "one"), thing("", "db", id=b[:8])], row(a, "active"), row(b, "destroyed")
    )
    assert found[a].verdict == "living"
    assert found[b].verdict == "destroyed" and found[b].name == "name-b", "also by the beginning of its id"


def test_who_is_chosen() -> None:
    found = [Found("1", "a", "expired"), Found("2", "b", "unknown"), Found("3", "c", "living"), Found("4", "b", "unknown")]
    assert [one.id for one in chosen(found, [])] == ["1"]
    assert [one.id for one in chosen(found, ["2", "a"])] == ["2", "1"]
    for name, said in (("b", "2 deployments were called b"), ("c", "alive"), ("d", "nothing is left")):
        with pytest.raises(UsageError, match=said):
            chosen(found, [name])


def test_no_attribute_that_may_be_a_secret_reaches_a_journal() -> None:
    found = Found("1", "a", things=[thing("a", "one"), thing("a", "one")])
    events = list(_events(found))
    assert [event.kind for event in events] == ["step.intent", "step.outcome"], "two of one node have one record"
    assert "hunter2" not in str(events)
