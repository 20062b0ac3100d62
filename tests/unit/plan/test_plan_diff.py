"""Wanted against recorded against observed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_workshop import SALT, World, node, on, plan_for, topology

from bbq.engine.contract import State
from bbq.errors import UsageError
from bbq.journal.fold import UNSURE
from bbq.journal.model import Record
from bbq.plan import destroy
from bbq.plan.fields import digest
from bbq.plan.model import Action, Plan
from bbq.topology.model import Edge, Node, Topology
from bbq.topology.values import Attribute, Call, GeneratedSecret, Secret


def actions(plan: Plan) -> dict[str, str]:
    return {name: step.action.value for name, step in plan.steps.items()}


def changes(plan: Plan, name: str) -> list[tuple[str, Any, Any, bool]]:
    return [(c.path, c.before, c.after, c.forces_replacement) for c in plan.steps[name].changes]


def test_everything_is_created_in_order() -> None:
    wanted = topology(node("app", "db", "queue"), node("db"), node("queue"))
    plan = plan_for(wanted, {})
    assert actions(plan) == {"db": "create", "queue": "create", "app": "create"}
    assert list(plan.steps)[-1] == "app"
    assert plan.steps["app"].after == {"db", "queue"}


def test_up_twice_changes_nothing(world: World) -> None:
    wanted = topology(
        node("db", properties={"password": GeneratedSecret("db.password"), "size": 1, "labels": {"a": [1, 2.5, None]}}),
        node(
            "app",
            "db",
            properties={
                "url": Call("concat", ("x://", Attribute("db", ("password",)), "@", Attribute("db", ("host",)))),
                "own": Secret("s"),
                "host": Attribute("db", ("host",)),
                "token": Attribute("db", ("password",)),
            },
            capabilities={"endpoint": {"port": 80}},
        ),
    )
    records = world.deploy(wanted, {"db": {"host": "h", "password": Secret("p")}})
    plan = plan_for(wanted, records)
    assert not plan.has_changes
    assert not plan.warnings


def test_fields_decide_between_update_and_replace(world: World) -> None:
    records = world.deploy(
        topology(
            node("a", properties={"size": 1, "labels": {"x": 1, "y": 2}}),
            node("b", properties={"kind": "k", "gone": 1}),
            node("c", properties={"note": "old"}),
            node("d", capabilities={"endpoint": {"port": 1}}),
            node("e", type_="Rigid", capabilities={"endpoint": {"port": 1}}),
            node("f", type_="Thing"),
        )
    )
    plan = plan_for(
        topology(
            node("a", properties={"size": 2, "labels": {"x": 1, "z": 3}}),
            node("b", properties={"kind": "other", "more": True}),
            node("c", properties={"note": "new"}),
            node("d", capabilities={"endpoint": {"port": 2}}),
            node("e", type_="Rigid", capabilities={"endpoint": {"port": 2}}),
            node("f", type_="Rigid"),
        ),
        records,
    )
    assert actions(plan) == {"a": "update", "b": "replace", "c": "update", "d": "update", "e": "replace", "f": "replace"}
    assert sorted(changes(plan, "a")) == [("labels.y", 2, None, False), ("labels.z", None, 3, False), ("size", 1, 2, False)]
    assert changes(plan, "b") == [("kind", "k", "other", True), ("gone", 1, None, True), ("more", None, True, True)]
    assert changes(plan, "e") == [("capabilities.endpoint.port", 1, 2, True)]
    assert plan.steps["b"].reason == "kind, gone, more cannot be changed in place"
    assert changes(plan, "f") == [("type", "Thing", "Rigid", True)]


def test_secrets_are_compared_by_digest_and_never_shown(world: World) -> None:
    records = world.deploy(topology(node("a", properties={"labels": Secret("old")})))
    plan = plan_for(topology(node("a", properties={"labels": Secret("new")})), records)
    assert changes(plan, "a") == [("labels", "********", "********", False)]
    assert "new" not in repr(plan)
    assert "old" not in repr(plan)
    assert not plan_for(topology(node("a", properties={"labels": Secret("old")})), records).has_changes


def test_the_digest_is_the_journals() -> None:
    from bbq.journal import secrets

    for value in ("text", "ünï", {"b": 1, "a": [2]}, 3):
        assert digest(value, SALT) == secrets.digest(value, SALT)


def test_a_replaced_dependency_matters_where_its_attributes_do(world: World) -> None:
    def wanted(kind: str) -> Topology:
        return topology(
            node("db", properties={"kind": kind}),
            node("idle", orders=["db"]),
            node("peer", "db"),
            node("stiff", "db", type_="Rigid"),
            node("grow", "db", properties={"size": Attribute("db", ("port",))}),
            node("rigid", "db", properties={"url": Call("concat", ("db:", Attribute("db", ("port",))))}),
        )

    records = world.deploy(wanted("a"), {"db": {"port": 5}})
    plan = plan_for(wanted("b"), records)
    assert actions(plan) == {
        "db": "replace",
        "idle": "no-op",
        "peer": "update",
        "stiff": "no-op",
        "grow": "update",
        "rigid": "replace",
    }
    told = ("to db", "(the details it has)", "(known after apply)", False)
    assert changes(plan, "peer") == [told]
    assert plan.steps["peer"].after == {"db"}
    assert changes(plan, "grow") == [("size", 5, "(known after apply)", False), told]
    assert plan.warnings == ("db is replaced; stiff keeps the details of it that it was started with",)
    plan = plan_for(wanted("b"), records, targets=["db"])
    assert actions(plan) == {"db": "replace"}
    text = "db is replaced; {} keeps the details of it that it was started with, as it is not among the targets"
    assert plan.warnings == tuple(map(text.format, ("peer", "stiff", "grow", "rigid")))


def test_attributes_that_changed_behind_a_dependent_are_noticed(world: World) -> None:
    """The dependency was replaced, and the run died before its dependents were changed."""
    wanted = topology(node("db"), node("app", "db", properties={"size": Attribute("db", ("port",))}))
    records = world.deploy(wanted, {"db": {"port": 5}})
    records["db"].attributes["port"] = 6
    changed = ("to db", "(the details it has)", "(changed since)", False)
    assert changes(plan_for(wanted, records), "app") == [("size", 5, 6, False), changed]
    records["db"].attributes["port"], records["db"].handle = 5, "id-other"
    assert changes(plan_for(wanted, records), "app") == [changed]
    records["db"].handle = "id-db"
    for unsure in (UNSURE, {"to db": UNSURE}):
        records["app"].wanted["given"] = unsure
        assert changes(plan_for(wanted, records), "app") == [changed]
    del records["app"].wanted["given"]  # the record is an earlier version's
    assert not plan_for(wanted, records).has_changes


def test_an_update_is_told_where_it_changes_what_dependents_were_told(world: World) -> None:
    def wanted(size: int, label: str = "x") -> Topology:
        return topology(
            node("db", properties={"size": size, "labels": label}),
            node("app", "db"),
            node("user", properties={"labels": Call("concat", ("at ", Attribute("db", ("size",))))}),
        )

    records = world.deploy(wanted(1), {"db": {"size": 1, "url": "x:1"}})
    plan = plan_for(wanted(2), records)
    assert actions(plan) == {"db": "update", "app": "update", "user": "update"}
    assert changes(plan, "app") == [("to db", "(the details it has)", "(known after apply)", False)]
    assert actions(plan_for(wanted(1, "y"), records)) == {"db": "update", "app": "no-op", "user": "no-op"}
    left = "db changes; app keeps the details of it that it was started with, as it is not among the targets"
    assert plan_for(wanted(2), records, targets=["db"]).warnings == (left,)
    assert plan_for(wanted(1, "y"), records, targets=["db"]).warnings == ()


def test_secrets_that_were_told_are_compared_by_digest(world: World) -> None:
    store = Node(
        "db",
        "Cluster",
        ("Cluster",),
        attributes={"password": Attribute("db.server", ("password",))},
        members=("db.server",),
        composite=True,
    )
    wanted = topology(store, node("db.server", parent="db"), node("app", "db"), node("tool", "db.server"))
    records = world.deploy(wanted, {"db.server": {"password": Secret("p")}})

    class Store:
        get = staticmethod(world.secrets.get)

    assert not plan_for(wanted, records).has_changes
    assert not plan_for(wanted, records, secrets=Store()).has_changes
    encoded = world.encode({"password": Secret("q")}, "db.server.attributes")
    records["db.server"].attributes = encoded
    plan = plan_for(wanted, records, secrets=Store())
    assert actions(plan) == {"db": "no-op", "db.server": "no-op", "app": "update", "tool": "update"}


def test_values_made_of_secrets_are_compared_where_the_store_is_at_hand(world: World) -> None:
    wanted = topology(
        node("db", properties={"password": GeneratedSecret("db.password")}),
        node("app", properties={"size": Call("concat", ("x", Attribute("db", ("password",))))}),
    )
    records = world.deploy(wanted, {"db": {"password": Secret("p")}})

    class Store:
        get = staticmethod(world.secrets.get)

    assert not plan_for(wanted, records, secrets=Store()).has_changes
    world.secrets["db.attributes.password"] = "q"
    assert actions(plan_for(wanted, records)) == {"db": "no-op", "app": "no-op"}
    assert actions(plan_for(wanted, records, secrets=Store())) == {"db": "no-op", "app": "update"}


@pytest.mark.parametrize(
    ("status", "action"),
    [("intended", "read"), ("created", "read"), ("failed", "replace"), ("deleting", "replace"), ("absent", "create")],
)
def test_unfinished_business(world: World, status: str, action: str) -> None:
    wanted = topology(node("a", properties={"size": 1}))
    records = world.deploy(wanted)
    records["a"].status = status
    records["a"].error = "it broke\nat length"
    plan = plan_for(wanted, records)
    assert actions(plan) == {"a": action}
    assert (plan.steps["a"].reason == "it failed: it broke") == (status == "failed")


def test_what_was_seen_counts(world: World) -> None:
    wanted = topology(node("gone"), node("bad"), node("back"), node("good"), node("unseen"))
    records = world.deploy(wanted)
    seen = {
        "gone": None,
        "bad": State("ERROR", failed=True, detail="disk full"),
        "back": State("REBOOT", detail="it starts again"),
        "good": State("ACTIVE", ready=True),
    }
    plan = plan_for(wanted, records, observed=seen)
    assert actions(plan) == {"gone": "create", "bad": "replace", "back": "read", "good": "no-op", "unseen": "no-op"}
    assert plan.steps["bad"].reason == "it is broken: disk full"
    assert plan.steps["back"].reason == "it is not ready any more: it starts again"


def test_what_can_be_brought_back_is_not_replaced(world: World) -> None:
    names = ("seen", "failed", "unmade", "other")
    wanted = topology(*(node(name, type_="Lasting", properties={"size": 1, "fixed": 1}) for name in names))
    records = world.deploy(wanted)
    records["failed"].status = records["unmade"].status = "failed"
    records["unmade"].handle = None
    records["other"].wanted["properties"]["fixed"] = 0
    broken = State("lost", failed=True, detail="killed")
    plan = plan_for(wanted, records, observed={"seen": broken, "other": broken})
    assert actions(plan) == {"seen": "update", "failed": "update", "unmade": "replace", "other": "replace"}
    assert plan.steps["seen"].reason == "it is broken: killed"


def test_types_that_cannot_be_made_are_told_together() -> None:
    with pytest.raises(UsageError) as caught:
        plan_for(topology(node("a", type_="X"), node("b", type_="Y"), node("c", type_="X"), node("d")), {})
    assert str(caught.value) == "the provider test cannot make: X (a, c); Y (b)"
    assert caught.value.hint


def composite(workers: int) -> Topology:
    members = ["s.master", *(f"s.worker[{i}]" for i in range(workers))]
    inner = [node(name, *(["s.master"] if "worker" in name else []), parent="s") for name in members]
    spark = Node(
        "s",
        "Cluster",
        ("Cluster",),
        properties={"workers": workers},
        attributes={"url": Attribute("s.master", ("url",))},
        members=tuple(members),
        composite=True,
    )
    return topology(spark, *inner, node("app", "s", properties={"size": Attribute("s", ("url",))}))


def test_scaling_in_deletes_the_highest_and_touches_nothing_else(world: World) -> None:
    records = world.deploy(composite(4), {"s.master": {"url": "u"}})
    assert not plan_for(composite(4), records).has_changes
    plan = plan_for(composite(2), records)
    changed = {name: action for name, action in actions(plan).items() if action != "no-op"}
    assert changed == {"s": "update", "s.worker[2]": "delete", "s.worker[3]": "delete"}
    assert plan.steps["s.worker[3]"].after == {"s"}
    out = plan_for(composite(5), records)
    assert {name for name, action in actions(out).items() if action == "create"} == {"s.worker[4]"}
    assert actions(out)["app"] == "no-op"
    assert "s.worker[4]" in out.steps["s"].after


def test_a_composite_without_members_is_still_none_to_make(world: World) -> None:
    empty = topology(Node("w", "Cluster", ("Cluster",), composite=True))
    plan = plan_for(empty, {})
    assert actions(plan) == {"w": "create"}
    assert not plan_for(empty, world.deploy(empty)).has_changes


def test_leftovers_go_against_the_edges(world: World) -> None:
    records = world.deploy(topology(node("db"), node("app", "db"), node("view", "app"), node("keep", orders=["db"])))
    plan = plan_for(topology(node("keep")), records)
    assert actions(plan) == {"keep": "no-op", "view": "delete", "app": "delete", "db": "delete"}
    assert plan.steps["app"].after == {"view"}
    assert plan.steps["db"].after == {"app", "keep"}


def test_a_delete_and_a_replacement_that_wait_for_each_other(world: World) -> None:
    """The app leaves a proxy behind that goes, and comes to a database that is replaced, which the proxy used."""
    records = world.deploy(topology(node("db", properties={"kind": 1}), node("proxy", "db"), node("app", "proxy")))
    plan = plan_for(topology(node("db", properties={"kind": 2}), node("app", "db")), records)
    assert actions(plan) == {"proxy": "delete", "db": "replace", "app": "update"}
    assert plan.steps["db"].after == {"proxy"}
    assert changes(plan, "app") == [("requirements.to.proxy", {}, None, False), ("requirements.to.db", None, {}, False)]


def test_what_takes_things_away_is_changed_when_they_are_left(world: World) -> None:
    """A stack loses a server, whose software has to be drained before; one that is kept needs the new stack."""

    def wanted(size: int, *more: Node) -> Topology:
        return topology(Node("stack", "Holding", ("Holding",), properties={"size": size}), node("one", "stack"), *more)

    records = world.deploy(wanted(2, node("two", "stack"), node("worker", "two"), node("all", "one", orders=["worker"])))
    plan = plan_for(wanted(1, node("all", "one")), records)
    assert {name for name, action in actions(plan).items() if action == "delete"} == {"two", "worker"}
    assert plan.steps["stack"].after == {"two"} and plan.steps["two"].after == {"worker"}
    assert plan.steps["worker"].after == set() and plan.steps["one"].after == {"stack"}


def test_connections_are_compared(world: World) -> None:
    def wanted(target: str, alias: str, type_: str = "Thing") -> Topology:
        edges = [
            Edge("to", target, "bbq.relationships.ConnectsTo", properties={"alias": alias}),
            Edge("dependency", "other" if alias == "A" else "db", "tosca.relationships.DependsOn"),
        ]
        return topology(node("db"), node("other"), Node("app", type_, (type_,), edges=edges))

    records = world.deploy(wanted("db", "A"))
    assert not plan_for(wanted("db", "A"), records).has_changes
    assert changes(plan_for(wanted("db", "B"), records), "app") == [("requirements.to.db.alias", "A", "B", False)]
    assert actions(plan_for(wanted("other", "A"), records))["app"] == "update"
    rigid = world.deploy(wanted("db", "A", "Rigid"))
    assert actions(plan_for(wanted("db", "B", "Rigid"), rigid))["app"] == "replace"
    del records["app"].wanted["requirements"]
    assert not plan_for(wanted("db", "B"), records).has_changes
    records["app"].depends_on = ("db",)
    assert changes(plan_for(wanted("other", "A"), records), "app") == [("requirements.to", None, "other", False)]


def test_targets(world: World) -> None:
    wanted = topology(node("db"), node("app", "db"), node("other"), node("w[0]"), node("w[1]"))
    assert set(plan_for(wanted, {}, targets=["app"]).steps) == {"db", "app"}
    assert set(plan_for(wanted, {}, targets=["w"]).steps) == {"w[0]", "w[1]"}
    with pytest.raises(UsageError) as caught:
        plan_for(wanted, {}, targets=["ap"])
    assert "app" in (caught.value.hint or "")
    records = world.deploy(composite(3))
    plan = plan_for(composite(1), records, targets=["s"])
    assert actions(plan)["s.worker[2]"] == "delete"
    assert "app" not in plan.steps


def test_one_thing_does_not_silently_become_several(world: World) -> None:
    records = world.deploy(topology(node("s", type_="Thing")))
    with pytest.raises(UsageError, match="made as one thing"):
        plan_for(topology(Node("s", "Thing", ("Thing",), members=("s.a",), composite=True), node("s.a")), records)


def test_a_replacement_that_costs_data_is_told(world: World) -> None:
    def wanted(kind: str) -> Topology:
        store = Node(
            "db",
            "bbq.nodes.Database",
            ("bbq.nodes.Database",),
            attributes={"port": Attribute("db.server", ("port",))},
            members=("db.server",),
            composite=True,
        )
        return topology(store, node("db.server", parent="db", properties={"kind": kind}), node("app", "db"))

    plan = plan_for(wanted("b"), world.deploy(wanted("a"), {"db.server": {"port": 5}}))
    assert actions(plan) == {"db": "no-op", "db.server": "replace", "app": "update"}
    assert changes(plan, "app") == [("to db", "(the details it has)", "(known after apply)", False)]
    assert plan.warnings == ("db.server is replaced: what db holds may be lost",)


def test_work_that_a_change_interrupts_is_told(world: World) -> None:
    def wanted(kind: str, size: int = 1, note: str = "x") -> Topology:
        work = node("work", "db", type_="Work", properties={"size": size, "note": note})
        return topology(node("db", properties={"kind": kind}), work, node("more", "db"))

    records = world.deploy(wanted("a"))
    assert plan_for(wanted("a"), {}).warnings == ()
    for other in (wanted("b"), wanted("a", size=2)):
        assert plan_for(other, records).warnings == ("work is updated: what it has begun is lost",)
    unheard = plan_for(wanted("a", note="y"), records)
    assert (actions(unheard)["work"], unheard.warnings) == ("update", ())
    records["work"].status = "failed"
    assert plan_for(wanted("a"), records).warnings == ("work is replaced: what it has begun is lost",)


def test_destroy_goes_against_the_edges(world: World) -> None:
    records = world.deploy(composite(2))
    plan = destroy(records, deployment="demo", provider="test")
    assert set(actions(plan).values()) == {"delete"}
    names = list(plan.steps)
    assert names.index("app") < names.index("s") < names.index("s.worker[1]") < names.index("s.master")
    some = destroy(records, deployment="demo", provider="test", targets=["s"])
    assert set(some.steps) == set(plan.steps)
    one = destroy(records, deployment="demo", provider="test", targets=["app"])
    assert set(one.steps) == {"app"}
    with pytest.raises(UsageError):
        destroy(records, deployment="demo", provider="test", targets=["nope"])


def test_records_that_contradict_each_other_are_destroyed_all_the_same() -> None:
    records = {
        "a": Record("a", "Thing", "ready", depends_on=("b",)),
        "b": Record("b", "Thing", "ready", depends_on=("a",)),
        "c": Record("c", "Thing", "absent"),
    }
    plan = destroy(records, deployment="demo", provider="test")
    assert sorted(plan.steps) == ["a", "b"]
    assert sum(len(step.after) for step in plan.steps.values()) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.builds(Secret, st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3),
    max_leaves=5,
)
names = ["a", "b", "c", "d", "e", "f"]


@st.composite
def graphs(draw: Any) -> Topology:
    chosen = draw(st.lists(st.sampled_from(names), unique=True))
    nodes = []
    for position, name in enumerate(chosen):
        after = draw(st.lists(st.sampled_from(chosen[:position]), unique=True)) if position else []
        properties = draw(st.dictionaries(st.sampled_from(["size", "kind", "note"]), values, max_size=2))
        reference = draw(st.sampled_from([None, *after]))
        if reference:
            properties["size"] = Call("concat", ("x", Attribute(reference, ("url",))))
        nodes.append(node(name, *after, type_=draw(st.sampled_from(["Thing", "Rigid"])), properties=properties))
    draw(st.randoms()).shuffle(nodes)
    return topology(*nodes)


def check_order(plan: Plan) -> None:
    done: set[str] = set()
    for name, step in plan.steps.items():
        assert step.after <= done
        done.add(name)


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_equal_means_no_changes(wanted: Topology) -> None:
    """Whatever is wanted: what was deployed from it differs from it in nothing."""
    records = World().deploy(wanted, {name: {"url": f"u-{name}"} for name in wanted.nodes})
    assert not plan_for(wanted, records).has_changes


@settings(max_examples=300, deadline=None)
@given(graphs(), graphs(), st.data())
def test_orders_hold_between_any_two_graphs(old: Topology, new: Topology, data: Any) -> None:
    """Every step comes after what it must, and every delete after the deletes of its dependents."""
    records = World().deploy(old, {name: {"url": f"u-{name}"} for name in old.nodes})
    for record in records.values():
        record.status = data.draw(st.sampled_from(["ready", "ready", "created", "failed", "deleting", "intended"]))
    plan = plan_for(new, records)
    check_order(plan)
    assert set(plan.steps) == set(new.nodes) | set(old.nodes)
    for name, depends in new.dependencies().items():
        assert depends <= plan.steps[name].after
    deleted = {name for name, step in plan.steps.items() if step.action is Action.DELETE}
    assert deleted == set(old.nodes) - set(new.nodes)
    for name, record in records.items():
        if name in deleted:
            for target in record.depends_on:
                if target in deleted or plan.steps[target].action is Action.REPLACE:
                    assert name in plan.steps[target].after


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_destroy_is_everything_backwards(old: Topology) -> None:
    records = World().deploy(old, {name: {"url": "u"} for name in old.nodes})
    plan = destroy(records, deployment="demo", provider="test")
    check_order(plan)
    assert set(plan.steps) == set(old.nodes)
    for name, depends in old.dependencies().items():
        for target in depends:
            assert name in plan.steps[target].after


def test_edges_order_creates() -> None:
    edge = Edge("to", "db", "tosca.relationships.DependsOn")
    wanted = topology(Node("a", "Thing", ("Thing",), edges=[edge]), node("db"))
    assert plan_for(wanted, {}).steps["a"].after == {"db"}


def test_what_others_make_is_made_anew_by_them(world: World) -> None:
    """A server that is gone is not brought back by itself: its stack is updated, and what was on it is made again."""
    stack, other = node("stack", type_="Lasting"), node("other", type_="Lasting")
    lost = node("lost", "stack", type_="Made", properties={"system": "debian"})
    kept = node("kept", "stack", type_="Made", properties={"system": "debian"})
    wanted = topology(
        stack, other, lost, kept, on("base", "lost"), on("upper", "base"), node("user", "base"), on("far", "kept")
    )
    records = world.deploy(wanted)
    quiet = plan_for(wanted, records, observed={"lost": State("ACTIVE", ready=True)})
    assert set(actions(quiet).values()) == {"no-op"}
    plan = plan_for(wanted, records, observed={"lost": State("INCOMPLETE", failed=True, detail="the server is gone")})
    untouched = {"other": "no-op", "kept": "no-op", "far": "no-op"}
    assert actions(plan) == dict.fromkeys(("stack", "lost", "base", "upper", "user"), "update") | untouched
    assert plan.steps["stack"].reason == "to make anew: lost (the server is gone)"
    assert plan.steps["base"].reason == "it is made again: lost, which it is on, is made anew"
    assert plan.steps["upper"].reason == "it is made again: base, which it is on, is made anew"
    assert not plan.steps["user"].reason and [change.path for change in plan.steps["user"].changes] == ["to base"]
    broken = {"lost": None, "stack": State("CREATE_COMPLETE", failed=True, detail="the volume disk is gone")}
    both = plan_for(wanted, records, observed=broken)
    assert both.steps["stack"].reason == "to make anew: lost (it is gone); the volume disk is gone"
    gone = plan_for(wanted, records, observed={"lost": None})
    assert actions(gone)["stack"] == "update" and actions(gone)["base"] == "update"


@pytest.mark.parametrize("status", ["created", "failed", "ready"])
def test_makers_are_updated_whatever_became_of_the_run_before(status: str, world: World) -> None:
    wanted = topology(node("stack", type_="Lasting"), node("lost", "stack", type_="Made"))
    records = world.deploy(wanted)
    records["stack"].status = status
    plan = plan_for(wanted, records, observed={"lost": State("ERROR", failed=True)})
    assert actions(plan) == {"stack": "update", "lost": "update"} and plan.steps["stack"].reason


def test_what_is_on_a_thing_that_is_rebuilt_is_made_again(world: World) -> None:
    def asked(system: str, size: int) -> Topology:
        server = node("server", "stack", type_="Made", properties={"system": system, "size": size})
        return topology(node("stack", type_="Lasting"), server, on("base", "server"), node("rigid", "base", type_="Rigid"))

    records = world.deploy(asked("debian", 1))
    assert actions(plan_for(asked("debian", 2), records)) | {"server": ""} == {
        "stack": "no-op",
        "server": "",
        "base": "no-op",
        "rigid": "no-op",
    }
    plan = plan_for(asked("fedora", 1), records)
    assert actions(plan) == {"stack": "no-op", "server": "update", "base": "update", "rigid": "no-op"}
    assert plan.steps["base"].reason == "it is made again: server, which it is on, is made anew"
