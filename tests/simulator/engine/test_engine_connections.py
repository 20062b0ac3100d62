"""What a node was told of another - its id, its attributes - when the other is made anew or changes."""

import pytest

from bbq.journal.model import Event
from bbq.plan.model import Action
from bbq.topology.model import Edge, Node, Topology
from bbq.topology.values import Attribute

CONNECTS = "bbq.relationships.ConnectsTo"
BROKER = ("bbq.nodes.MessageQueue", "bbq.nodes.Root", "tosca.nodes.Root")
APPLICATION = ("bbq.nodes.Service", "bbq.nodes.Application", "tosca.nodes.Root")


def node(name, ancestry, *targets, requirement="connection", **given):
    edges = [Edge(requirement, target, CONNECTS) for target in targets]
    return Node(name, ancestry[0], ancestry, edges=edges, template=name, **given)


def stack(flavor="a", queues=("q",), label="x", **of_broker):
    """A broker behind a composite, an application that is connected to it, one that is connected to that, and a bystander."""
    server = node("packets.server", BROKER, parent="packets", **of_broker)
    server.properties |= {"flavor": flavor, "queues": list(queues), "environment": label}
    told = {name: Attribute("packets.server", (name,)) for name in ("url", "port", "queues")}
    packets = Node("packets", BROKER[0], BROKER, members=("packets.server",), composite=True, attributes=told)
    nodes = [packets, server, node("app", APPLICATION, "packets"), node("view", APPLICATION, "app"), node("other", APPLICATION)]
    nodes.append(node("direct", APPLICATION, "packets.server"))
    nodes.append(node("stiff", APPLICATION, "packets.server", requirement="fixed"))
    return Topology({each.name: each for each in nodes}, digest="test")


NAMES = ["packets.server", "app", "view", "other", "direct", "stiff"]


def thing(world, name):
    return world.cloud.get(world.records[name].handle)


def settled(world, topology, updated):
    """All are there once, these were updated in the last run and are connected to what there is, and nothing is left to do."""
    assert {name: record.status for name, record in world.records.items()} == dict.fromkeys([*NAMES, "packets"], "ready")
    assert sorted(world.living().elements()) == sorted(NAMES)
    assert world.calls["update"] == len(updated)
    assert thing(world, "direct").connected == {"packets.server": thing(world, "packets.server").id}
    assert thing(world, "view").connected == {"app": thing(world, "app").id}
    assert not world.plan(topology, world.provider()).has_changes
    assert world.apply(topology).ok
    assert world.calls["update"] == world.calls["create"] == world.calls["delete"] == 0


def test_dependents_of_what_is_replaced_are_updated_after_it(world):
    assert world.apply(stack()).ok
    wanted, before = stack("b"), thing(world, "stiff").connected
    plan = world.plan(wanted, world.provider())
    assert {name for name, step in plan.steps.items() if step.action is Action.UPDATE} == {"app", "direct"}
    assert plan.warnings[-1].startswith("packets.server is replaced; stiff keeps")
    world.events.clear()
    result = world.apply(wanted)
    assert result.ok, result.error()
    calls = [(event.node, event.action) for event in world.events if event.kind == "step.intent"]
    assert [name for name, _ in calls[:2]] == ["packets.server"] * 2
    assert {("app", "update"), ("direct", "update")} == set(calls[2:])
    ready = next(
        i for i, e in enumerate(world.events) if (e.kind, e.node, e.stage) == ("step.stage", "packets.server", "ready")
    )
    assert all(e.node == "packets.server" or e.kind != "step.intent" for e in world.events[:ready])
    assert thing(world, "stiff").connected == before  # its type cannot take it over
    settled(world, wanted, ["app", "direct"])


def test_an_update_that_changes_what_was_told_reaches_the_dependents(world):
    assert world.apply(stack()).ok
    wanted = stack(queues=("q", "r"))
    assert world.apply(wanted).ok
    settled(world, wanted, ["packets.server", "app", "direct"])


def test_an_update_that_changes_nothing_of_it_does_not(world):
    assert world.apply(stack()).ok
    wanted = stack(label="y")
    assert world.plan(wanted, world.provider()).counts["update"] == 1
    assert world.apply(wanted).ok
    settled(world, wanted, ["packets.server"])


def test_where_the_plan_could_not_tell_and_nothing_changed_no_call_is_made(world):
    given = {"attributes": {"queues": "as the template says"}}
    assert world.apply(stack(**given)).ok
    wanted = stack(queues=("q", "r"), **given)
    assert world.plan(wanted, world.provider()).steps["app"].action is Action.UPDATE
    assert world.apply(wanted).ok
    settled(world, wanted, ["packets.server"])


def test_what_turned_out_to_be_gone_is_made_anew_and_told(world):
    """The plan has nothing to do for the dependents: that the thing is gone is seen in the run."""
    topology = stack()
    assert world.apply(topology).ok
    world.durations["packets.server"] = 20.0
    lost = thing(world, "packets.server")
    lost.vanishes_at = world.clock.now()
    lease = world.journal.acquire(world.row.id)
    world.journal.append(lease, [Event("step.stage", world.clock.now(), "packets.server", stage="booted", attempt=1)])
    world.journal.release(lease)
    assert world.plan(topology, world.provider()).counts["update"] == 0
    result = world.apply(topology)
    assert result.ok, result.error()
    assert result.nodes["app"].action is result.nodes["direct"].action is Action.UPDATE
    settled(world, topology, ["app", "direct"])


def test_a_run_for_the_target_only_leaves_the_rest_to_the_next_one(world):
    assert world.apply(stack()).ok
    wanted = stack("b")
    assert world.apply(wanted, targets=("packets",)).ok
    plan = world.plan(wanted, world.provider())
    changed = {name: [(c.path, c.after) for c in step.changes] for name, step in plan.steps.items() if step.changes}
    assert changed == {
        "app": [("connection packets", "(changed since)")],
        "direct": [("connection packets.server", "(changed since)")],
    }
    assert world.apply(wanted).ok
    settled(world, wanted, ["app", "direct"])


@pytest.mark.parametrize("name", ["update", "create"])
def test_a_dependent_that_could_not_be_updated_is_so_later(world, name):
    """The run ends before (the broker cannot be made) or in the middle of it (the update fails)."""
    assert world.apply(stack()).ok
    wanted = stack("b")

    def lose(when, call, node):
        if (when, call, node) == ("before", name, "packets.server" if name == "create" else "app"):
            raise RuntimeError("a defect")

    engine = world.open(on_call=lose)
    result = world._run(lambda: engine.apply(world.plan(wanted, world._provider), wanted))
    assert not result.ok
    world.clock.spend(60.0)
    assert world.apply(wanted).ok
    assert thing(world, "direct").connected == {"packets.server": thing(world, "packets.server").id}
    told_at = {name: thing(world, name).ready_at for name in ("app", "direct")}  # an update moves it, a replacement sets it
    assert min(told_at.values()) > thing(world, "packets.server").ready_at
    assert not world.plan(wanted, world.provider()).has_changes
    assert world.apply(wanted).ok and world.calls["update"] == 0
