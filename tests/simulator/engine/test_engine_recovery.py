"""What an earlier run left behind, in every state that a record can have, with the thing there and not there."""

import pytest

from bbq.engine.contract import Tag, Wanted
from bbq.journal.model import Event


def leave(world, graph, status, *, there, handle, wanted=None):
    """A journal and a cloud as if a process had died: the node `a` with that status."""
    topology = graph({"a": []}, a={"size": 1})
    node = topology.nodes["a"]
    tag = Tag(world.row.name, world.row.id, "a", 1)
    made = world.provider().make(Wanted(node, node.properties, {}, [], tag, "")) if there else None
    world.clock.advance_to(world.clock.now() + 100)
    snapshot = {"properties": node.properties if wanted is None else wanted, "capabilities": {}}
    data = {"type": node.type, "ancestry": list(node.ancestry), "wanted": snapshot, "edges": []}
    events = [Event("step.intent", 0.0, "a", "create", attempt=1, data=data)]
    outcome = {"id": made.id if made else "sim-lost", "attributes": {}}
    if handle:
        events.append(Event("step.outcome", 0.0, "a", "create", attempt=1, data={"result": "ok", **outcome}))
    if status == "ready":
        events.append(Event("step.stage", 0.0, "a", stage="ready", attempt=1))
    if status == "failed":
        events.append(Event("step.outcome", 0.0, "a", attempt=1, data={"result": "failed", "error": "broke"}))
    if status == "deleting":
        events.append(Event("step.intent", 0.0, "a", "delete", attempt=1))
    lease = world.journal.acquire(world.row.id)
    world.journal.append(lease, events)
    world.journal.release(lease)
    assert world.records["a"].status == status
    return topology


CASES = [
    ("intended", True, False),
    ("intended", False, False),
    ("created", True, True),
    ("created", False, True),
    ("failed", True, True),
    ("failed", False, True),
    ("failed", True, False),
    ("failed", False, False),
    ("deleting", True, True),
    ("deleting", False, True),
    ("deleting", True, False),
    ("deleting", False, False),
]


@pytest.mark.parametrize(("status", "there", "handle"), CASES)
def test_a_run_goes_on_from_any_state(world, graph, status, there, handle):
    topology = leave(world, graph, status, there=there, handle=handle)
    result = world.apply(topology)
    assert result.ok, result.error()
    world.check(["a"])
    assert world.calls["create"] <= 1


@pytest.mark.parametrize(("status", "there", "handle"), [*CASES, ("ready", True, True), ("ready", False, True)])
def test_a_destroy_takes_away_any_state(world, graph, status, there, handle):
    leave(world, graph, status, there=there, handle=handle)
    assert world.destroy().ok
    assert not world.living() and not world.records


@pytest.mark.parametrize("lag", [0.0, 5.0])
def test_what_was_intended_and_is_there_is_adopted(world, graph, lag):
    world.set(list_lag=lag)
    topology = leave(world, graph, "intended", there=True, handle=False)
    assert world.apply(topology).ok
    assert world.calls["create"] == 0
    world.check(["a"])


def test_adoption_with_another_wish_makes_a_new_thing(world, graph):
    leave(world, graph, "intended", there=True, handle=False)
    topology = graph({"a": []}, a={"size": 1, "fixed": "new"})
    assert world.apply(topology).ok
    world.check(["a"])
    assert world.cloud.get(world.records["a"].handle).properties["fixed"] == "new"


def test_adoption_with_another_wish_updates_in_place_where_the_type_can(world, graph):
    leave(world, graph, "intended", there=True, handle=False)
    topology = graph({"a": []}, a={"size": 5})
    assert world.apply(topology).ok
    world.check(["a"])
    assert world.calls["create"] == 0 and world.calls["update"] == 1
    assert world.cloud.get(world.records["a"].handle).properties["size"] == 5


def test_an_update_that_was_cut_off_is_made_again(world, graph):
    world.apply(graph({"a": []}, a={"workers": 1}))
    wanted = graph({"a": []}, a={"workers": 4})
    lease = world.journal.acquire(world.row.id)
    snapshot = {"properties": {"workers": 4}, "capabilities": {}, "requirements": {}}
    world.journal.append(lease, [Event("step.intent", 0.0, "a", "update", attempt=1, data={"wanted": snapshot})])
    world.journal.release(lease)
    assert world.apply(wanted).ok
    world.check(["a"])
    assert world.calls["update"] == 1
    assert world.cloud.get(world.records["a"].handle).properties["workers"] == 4


def test_a_thing_that_is_being_built_is_waited_for_not_made_again(world, graph):
    world.durations = {"a": 300.0}
    topology = leave(world, graph, "intended", there=True, handle=False)
    result = world.apply(topology)
    assert result.ok and world.calls["create"] == 0
    assert result.elapsed > 100


@pytest.mark.parametrize("seen_by", ["update", "lists"])
def test_what_is_to_be_updated_and_is_gone_is_made_again(world, graph, seen_by):
    world.apply(graph({"a": []}, a={"workers": 1}))
    thing = world.cloud.get(world.records["a"].handle)
    topology = graph({"a": []}, a={"workers": 2})
    if seen_by == "update":
        thing.vanishes_at = world.clock.now()
    else:
        thing.vanishes_at = world.clock.now() + 1.0
        thing.ready_at = None
    assert world.apply(topology).ok
    world.check(["a"])
    assert world.records["a"].handle != thing.id and world.records["a"].attempt == 2
