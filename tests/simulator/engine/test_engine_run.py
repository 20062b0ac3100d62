"""A plan is carried out: in order, side by side, no more than asked."""

from bbq.engine.contract import Provider
from bbq.plan.model import Action, Plan, Step
from bbq.topology.model import Edge, Node, Output
from bbq.topology.values import Attribute, Call, GeneratedSecret, Secret


def test_makes_a_graph_and_takes_it_away(world, graph):
    topology = graph({"net": [], "db": ["net"], "app": ["db", "net"]})
    result = world.apply(topology)
    assert result.ok and result.exit_code == 0
    world.check(topology.nodes)
    assert world.status() == "active"
    assert result.critical_path == ("net", "db", "app")

    result = world.destroy()
    assert result.ok
    assert not world.living() and not world.records and world.status() == "destroyed"


def test_a_node_starts_when_its_dependencies_are_ready_and_not_before(world, graph):
    topology = graph({"slow": [], "quick": [], "after_slow": ["slow"], "after_quick": ["quick"]})
    world.durations = {"slow": 100.0, "quick": 1.0, "after_slow": 1.0, "after_quick": 1.0}
    world.apply(topology)
    ready = {e.node: e.at for e in world.events if e.kind == "step.stage" and e.stage == "ready"}
    intent = {e.node: e.at for e in world.events if e.kind == "step.intent"}
    assert intent["after_slow"] >= ready["slow"]
    assert intent["after_quick"] >= ready["quick"]
    assert ready["after_quick"] < ready["slow"], "independent branches do not wait for each other"


def test_a_second_run_changes_nothing(world, graph):
    topology = graph({"a": [], "b": ["a"]})
    world.apply(topology)
    events = len(list(world.journal.events(world.row.id)))
    result = world.apply(topology)
    assert result.ok
    assert not world.calls, "no provider call at all"
    assert len(list(world.journal.events(world.row.id))) == events
    assert world.status() == "active"


def test_what_is_no_longer_wanted_goes_and_what_is_new_comes(world, graph):
    world.apply(graph({"a": [], "b": ["a"], "c": ["b"]}))
    topology = graph({"a": [], "d": ["a"]})
    result = world.apply(topology)
    assert result.ok
    world.check(topology.nodes)
    gone = [e.node for e in world.events if e.kind == "step.outcome" and e.action == "delete"]
    assert gone == ["c", "b"], "dependents first"


def test_destroy_runs_against_the_edges(world, graph):
    topology = graph({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})
    world.apply(topology)
    world.events.clear()
    world.destroy()
    gone = [e.node for e in world.events if e.kind == "step.outcome"]
    assert gone[0] == "d" and gone[-1] == "a" and set(gone) == set("abcd")


def test_a_changed_property_is_changed_in_place_where_the_type_can(world, graph):
    world.apply(graph({"a": [], "b": ["a"]}, a={"workers": 1, "fixed": 1}))
    before = world.records["a"].handle
    topology = graph({"a": [], "b": ["a"]}, a={"workers": 3, "fixed": 1})
    assert world.apply(topology).ok
    world.check(topology.nodes)
    assert world.records["a"].handle == before
    assert world.cloud.get(before).properties["workers"] == 3
    assert world.records["a"].wanted["properties"]["workers"] == 3


def test_another_changed_property_makes_a_new_thing(world, graph):
    world.apply(graph({"a": [], "b": ["a"]}, a={"fixed": 1}))
    before = world.records["a"].handle
    topology = graph({"a": [], "b": ["a"]}, a={"fixed": 2})
    assert world.apply(topology).ok
    world.check(topology.nodes)
    after = world.records["a"]
    assert after.handle != before and after.attempt == 2


def test_no_more_calls_at_once_than_allowed(world, graph):
    topology = graph({f"n{i}": [] for i in range(50)})
    flying, most = set(), 0

    class Counting:
        """Counts calls between their submission and their completion."""

        def __init__(self, inner):
            self.inner = inner

        def submit(self, token, fn):
            nonlocal most
            if isinstance(token, tuple):
                flying.add(token)
                most = max(most, len(flying))
            self.inner.submit(token, fn)

        def wait(self, until):
            done = self.inner.wait(until)
            flying.difference_update(c.token for c in done if isinstance(c.token, tuple))
            return done

    engine = world.open(parallel=4)
    engine._loop.executor = Counting(engine._executor)
    result = world._run(lambda: engine.apply(world.plan(topology, world._provider), topology))
    assert result.ok
    assert most == 4


def test_one_list_call_a_tick_for_all_that_waits(world, graph):
    topology = graph({f"n{i}": [] for i in range(200)})
    world.apply(topology, parallel=200)
    many = world.calls["list_states"]
    world.destroy()
    assert many < 60, "two hundred things, a five seconds' wait: a handful of looks for all of them together"


def test_the_most_urgent_goes_first(world, graph):
    # `head` starts a long chain; declared last, it must still start first when there is one slot
    topology = graph({"leaf1": [], "leaf2": [], "leaf3": [], "head": [], "mid": ["head"], "tail": ["mid"]})
    world.apply(topology, parallel=1)
    assert world.stages("step.intent")[0] == "head"


def test_intents_of_one_moment_are_one_transaction(world, graph):
    topology = graph({f"n{i}": [] for i in range(20)})
    sizes = []
    append = world.journal.append
    world.journal.append = lambda lease, events: (sizes.append([e.kind for e in events]), append(lease, events))[1]
    world.apply(topology)
    assert next(kinds.count("step.intent") for kinds in sizes if "step.intent" in kinds) == 20


def test_every_create_is_preceded_by_its_durable_intent(world, graph):
    topology = graph({"a": [], "b": ["a"], "c": []})
    seen = []

    def on_call(when, call, node):
        if when == "before" and call in ("create", "delete"):
            status = world.records.get(node)
            seen.append((call, node, status.status if status else None))

    provider = world.provider(on_call)
    engine = world.open(provider)
    world._run(lambda: engine.apply(world.plan(topology, provider), topology))
    provider = world.provider(on_call)
    engine = world.open(provider)
    plan = Plan("world", "simulator", {n: Step(n, "t", Action.DELETE) for n in world.records})
    world._run(lambda: engine.destroy(plan))
    assert {s for s in seen if s[0] == "create"} == {("create", n, "intended") for n in "abc"}
    assert {s for s in seen if s[0] == "delete"} == {("delete", n, "deleting") for n in "abc"}


def test_values_of_ready_nodes_reach_those_that_refer_to_them(world, graph):
    topology = graph({"db": [], "app": ["db"]}, db={"password": GeneratedSecret("db.password")})
    app = topology.nodes["app"]
    app.properties["greeting"] = Call("concat", ("see ", Attribute("db", ("greeting",))))
    app.properties["login"] = Attribute("db", ("password",))
    topology.nodes["db"].attributes["greeting"] = "hello"
    topology.outputs["text"] = Output(Attribute("app", ("greeting",)))
    topology.outputs["password"] = Output(Attribute("db", ("password",)), secret=True)
    result = world.apply(topology)
    assert result.ok
    assert result.outputs["text"] == "see hello"
    password = result.outputs["password"]
    assert isinstance(password, Secret) and password.reveal() == world.secrets.get("db.password")
    assert len(password.reveal()) >= 24
    events = list(world.journal.events(world.row.id))
    assert password.reveal() not in repr(events) and password.reveal() not in repr(world.events)
    row = world.journal.get(world.row.name)
    assert row.outputs["text"] == "see hello" and password.reveal() not in repr(row)
    # and once more, from the journal alone
    again = world.apply(topology)
    assert again.outputs == result.outputs
    world.destroy()
    assert world.secrets.get("db.password") is None


def test_a_value_that_does_not_exist_fails_the_node_that_asks_for_it(world, graph):
    topology = graph({"db": [], "app": ["db"]})
    topology.nodes["app"].properties["x"] = Attribute("db", ("no_such",))
    result = world.apply(topology)
    assert result.exit_code == 7
    (failure,) = result.failures
    assert failure.node == "app" and "db.no_such" in str(failure.error)
    assert str(failure).startswith("graph.yaml:2:1: property")
    assert list(world.living()) == ["db"]


def test_a_composite_costs_no_call_and_answers_for_its_members(world, graph):
    topology = graph({"spark.master": [], "spark.worker[0]": ["spark.master"], "spark": [], "app": ["spark"]})
    spark = topology.nodes["spark"]
    spark.members = ("spark.master", "spark.worker[0]")
    spark.attributes["url"] = Attribute("spark.master", ("url",))
    topology.nodes["spark.master"].attributes["url"] = "spark://here"
    topology.nodes["app"].properties["cluster"] = Attribute("spark", ("url",))
    result = world.apply(topology)
    assert result.ok
    assert world.calls["create"] == 3
    assert world.records["spark"].status == "ready" and world.records["spark"].members == spark.members
    assert world.records["app"].wanted["properties"]["cluster"] == "spark://here"
    intents = [e.node for e in world.events if e.kind == "step.intent"]
    assert intents.index("app") > intents.index("spark.worker[0]")
    assert world.apply(topology).ok and not world.calls
    assert world.destroy().ok
    assert not world.records and not world.living()


def test_targets_of_a_resource_have_handles_properties_and_attributes(world, graph):
    topology = graph({"db": [], "app": []}, db={"size": 3})
    topology.nodes["app"].edges = [Edge("store", "db", "x", properties={"alias": Attribute("db", ("size",))})]
    provider = world.provider()
    seen = []
    make = provider.make
    provider.make = lambda wanted: (seen.append(wanted), make(wanted))[1]
    engine = world.open(provider)
    assert world._run(lambda: engine.apply(world.plan(topology, provider), topology)).ok
    target = next(w for w in seen if w.node.name == "app").target("store")
    assert target.handle == world.records["db"].handle
    assert target.properties == {"size": 3} and target.relationship_properties == {"alias": 3}
    assert target.ancestry == topology.nodes["db"].ancestry


def test_only_the_targets(world, graph):
    topology = graph({"a": [], "b": ["a"], "c": []})
    assert world.apply(topology, targets=("b",)).ok
    assert set(world.living()) == {"a", "b"}
    assert world.apply(topology).ok
    world.check(topology.nodes)


def test_a_type_that_the_provider_does_not_make(world, graph):
    topology = graph({"a": []})
    provider = world.provider()
    provider.resource = lambda ancestry: None
    engine = world.open(provider)
    plan = Plan("world", "simulator", {"a": Step("a", "tosca.nodes.Root", Action.CREATE)})
    result = world._run(lambda: engine.apply(plan, topology))
    assert result.exit_code == 5 and "does not make tosca.nodes.Root" in str(result.error())
    assert not world.records


def test_the_listener_hears_what_is_awaited_and_for_how_long(world, graph):
    world.durations = {"slow": 60.0}
    world.apply(graph({"slow": []}))
    told = [e for e in world.events if e.kind == "step.waiting"]
    assert 30 <= len(told) <= 61, "about once a second, not more"
    assert "is being built" in told[10].data["awaited"]
    assert [e.data["elapsed"] for e in told] == sorted(e.data["elapsed"] for e in told)
    assert told[0].data["critical"] is True
    kinds = {e.kind for e in world.journal.events(world.row.id)}
    assert "step.waiting" not in kinds


def test_what_is_awaited_is_no_longer_what_was(world, graph):
    world.set(latency_min=2.0, latency_max=2.0, list_lag=4.0)
    world.durations = {"a": 60.0}
    world.faults.script("a", "create", "error_after")
    assert world.apply(graph({"a": []})).ok
    told = [e.data["awaited"] for e in world.events if e.kind == "step.waiting"]
    assert told[0] == "the answer to its create call"
    lost = [text for text in told if text.startswith("an answer was lost (500")]
    assert lost and told[len(lost) + told.index(lost[0])] == "word that it is ready"
    assert any(text.startswith("is being built") for text in told)


def test_the_eta_comes_from_earlier_things_of_the_type(world, graph):
    world.durations = {"first": 60.0, "second": 60.0}
    world.apply(graph({"first": []}))
    world.events.clear()
    world.apply(graph({"first": [], "second": []}))
    told = [e for e in world.events if e.kind == "step.waiting" and e.node == "second"]
    assert 50 < told[0].data["eta"] < 62
    assert told[-1].data["eta"] < told[0].data["eta"]


def test_a_listener_that_breaks_does_not_break_the_run(world, graph):
    topology = graph({"a": [], "b": ["a"]})

    def broken(event):
        raise BrokenPipeError("no one listens")

    world.on_event = broken
    assert world.apply(topology).ok
    world.check(topology.nodes)


def test_two_runs_are_the_same_to_the_last_event(new_world, graph):
    told = []
    for _ in range(2):
        world = new_world()
        world.set(seed=7, latency_max=1.0, error_before=0.2, error_after=0.1, list_lag=1.0)
        world.apply(graph({f"n{i}": [f"n{i // 2}"] if i else [] for i in range(30)}))
        told.append([(e.kind, e.node, e.at, e.data.get("result")) for e in world.events])
    assert told[0] == told[1]


def test_the_default_grace_is_safe():
    assert Provider.list_grace > 0


def test_a_cyclic_plan_is_refused(world, graph):
    topology = graph({"a": [], "b": []})
    plan = Plan("world", "simulator", {n: Step(n, "t", Action.CREATE, after={m}) for n, m in (("a", "b"), ("b", "a"))})
    engine = world.open()
    try:
        world._run(lambda: engine.apply(plan, topology))
    except ValueError as error:
        assert "cycle" in str(error)
    else:
        raise AssertionError("a cycle was walked")
    assert not world.living()


def test_a_node_of_a_derived_type_is_recorded_with_its_ancestry(world, graph):
    topology = graph({"a": []})
    topology.nodes["a"] = Node("a", "my.Server", ("my.Server", "tosca.nodes.Compute", "tosca.nodes.Root"))
    assert world.apply(topology).ok
    assert world.records["a"].ancestry == ("my.Server", "tosca.nodes.Compute", "tosca.nodes.Root")
    assert world.destroy().ok


def test_an_output_that_cannot_be_known_yet_is_none(world, graph):
    topology = graph({"a": [], "b": []})
    topology.nodes["b"].attributes["port"] = Call("concat", (Attribute("b", ("host",)), ":80"))
    topology.outputs["there"] = Output("fixed")
    topology.outputs["later"] = Output(Attribute("b", ("port",)))
    result = world.apply(topology, targets=("a",))
    assert result.ok and result.outputs == {"there": "fixed", "later": None}


def test_an_output_that_cannot_be_computed_is_told(world, graph):
    topology = graph({"a": []})
    topology.outputs["bad"] = Output(Call("no_such_function", ()))
    result = world.apply(topology)
    assert result.exit_code == 4 and "output bad" in str(result.error())
    assert world.status() == "failed" and world.records["a"].status == "ready"


def test_a_part_can_be_destroyed(world, graph):
    topology = graph({"a": [], "b": ["a"], "c": []})
    topology.outputs["text"] = Output("kept")
    world.apply(topology)
    from bbq import plan as planning

    engine = world.open()
    plan = planning.destroy(world.records, deployment="world", provider="simulator", targets=["b"])
    assert world._run(lambda: engine.destroy(plan)).ok
    world.check(["a", "c"])
    assert world.status() == "active" and world.journal.get("world").outputs == {"text": "kept"}


def test_a_composite_that_is_scaled_to_none_is_deleted_without_a_call(world, graph):
    topology = graph({"pool": [], "app": ["pool"]})
    topology.nodes["pool"].composite = True
    assert world.apply(topology).ok
    assert world.records["pool"].status == "ready" and world.calls["create"] == 1
    assert world.destroy().ok
    assert world.calls["delete"] == 1 and not world.records
