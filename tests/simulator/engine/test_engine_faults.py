"""What goes wrong, and what becomes of it: every fault of the simulated cloud, one at a time."""

from itertools import pairwise

import pytest

from bbq import plan as planning
from bbq.engine.contract import ConfigurationFault, PermanentFault
from bbq.errors import ConfigurationError, DeadlineExceeded, QuotaError, ResourceFailed, UnreachableError

CHAIN = {"a": [], "b": ["a"], "c": ["b"]}


@pytest.mark.parametrize("fault", ["error_before", "throttle", "error_after", "lost_response", "unreachable"])
@pytest.mark.parametrize("call", ["create", "find", "probe", "list_states", "list_tagged", "delete", "update"])
def test_a_fault_that_passes_leaves_no_trace(world, graph, call, fault):
    node = "*" if call.startswith("list") else "b"
    world.faults.script(node, call, fault, fault, None)
    topology = graph(CHAIN, b={"workers": 1})
    if call == "find":  # asked for only after an answer was lost
        world.faults.script("b", "create", "lost_response")
    assert world.apply(topology).ok
    world.check(topology.nodes)
    if call == "update":
        topology = graph(CHAIN, b={"workers": 2})
        assert world.apply(topology).ok
        world.check(topology.nodes)
    done = world.destroy()
    assert done.ok and not world.living()
    assert world.faults.done[fault] >= (1 if call == "create" else 2)


@pytest.mark.parametrize("lag", [0.0, 3.0])
@pytest.mark.parametrize("fault", ["error_after", "lost_response"])
def test_what_was_made_without_an_answer_is_found_and_adopted(world, graph, fault, lag):
    world.set(list_lag=lag)
    world.faults.script("b", "create", fault)
    topology = graph(CHAIN)
    assert world.apply(topology).ok
    world.check(topology.nodes)
    assert world.calls["create"] == 3, "no second create"


def test_a_create_without_an_answer_and_without_effect_is_made_again(world, graph):
    class Lost(Exception):
        pass

    provider = world.provider()
    resource = provider.resource(())
    create, tries = resource.create, []

    def once_lost(wanted):
        tries.append(wanted.tag)
        if len(tries) == 1:
            from bbq.engine.contract import AmbiguousFault

            raise AmbiguousFault("no answer")
        return create(wanted)

    resource.create = once_lost
    engine = world.open(provider)
    topology = graph({"a": []})
    assert world._run(lambda: engine.apply(world.plan(topology, provider), topology)).ok
    world.check(["a"])
    assert len(tries) == 2
    assert world.calls["list_tagged"] == 1, "made twice: a last look for doubles"


def test_a_double_that_turns_up_late_is_deleted(world, graph):
    """`find` lags longer than the provider says: the first thing shows up only after a second one was made."""
    provider = world.provider()
    provider.resource(()).find = lambda tag: None
    world.faults.script("a", "create", "error_after")
    engine = world.open(provider)
    topology = graph({"a": []})
    assert world._run(lambda: engine.apply(world.plan(topology, provider), topology)).ok
    assert world.calls["create"] == 2
    world.clock.advance_to(world.clock.now() + 60)
    world.check(["a"])


def test_retry_after_is_honoured(world, graph):
    world.faults.script("a", "create", "throttle", "throttle")
    starts = []
    provider = world.provider(
        lambda when, call, node: starts.append(world.clock.now()) if (when, call) == ("before", "create") else None
    )
    engine = world.open(provider)
    topology = graph({"a": []})
    assert world._run(lambda: engine.apply(world.plan(topology, provider), topology)).ok
    assert len(starts) == 3
    assert all(later - earlier >= 5.0 for earlier, later in pairwise(starts)), "Retry-After: 5"


def test_pauses_grow_and_are_capped(world, graph):
    world.faults.script("a", "create", *["error_before"] * 8)
    starts = []
    provider = world.provider(
        lambda when, call, node: starts.append(world.clock.now()) if (when, call) == ("before", "create") else None
    )
    engine = world.open(provider, retry_base=1.0, retry_cap=10.0)
    topology = graph({"a": []})
    assert world._run(lambda: engine.apply(world.plan(topology, provider), topology)).ok
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert len(pauses) == 8 and max(pauses) <= 10.1 and pauses[0] <= 1.1 and pauses[-1] >= 5.0


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("permanent", ResourceFailed, 7),
        ("quota", QuotaError, 6),
        ("unreachable", UnreachableError, 11),
        ("error_before", ResourceFailed, 7),
        ("error_after", None, 0),
    ],
)
def test_a_fault_that_does_not_pass_has_its_own_error(world, graph, fault, error, code):
    world.faults.script("b", "create", *[fault] * 50)
    result = world.apply(graph(CHAIN))
    assert result.exit_code == code
    if error is None:  # made without an answer: found
        world.check(CHAIN)
        return
    with pytest.raises(error) as caught:
        result.raise_for_failure()
    assert "create of b failed" in str(caught.value) and "graph.yaml:2:1" in str(caught.value)
    assert world.status() == "failed"
    assert list(world.living()) == ["a"]
    assert world.records["b"].status == "failed" and world.records["b"].error
    # the next run takes it from there
    world.set()
    assert world.apply(graph(CHAIN)).ok
    world.check(CHAIN)


def test_a_configuration_fault_exits_5_with_its_hint(world, graph):
    provider = world.provider()

    def refuse(wanted):
        raise ConfigurationFault("no Java", hint="install Java 17")

    provider.resource(()).create = refuse
    engine = world.open(provider)
    topology = graph({"a": []})
    result = world._run(lambda: engine.apply(world.plan(topology, provider), topology))
    with pytest.raises(ConfigurationError) as caught:
        result.raise_for_failure()
    assert caught.value.hint == "install Java 17"


def test_the_root_cause_of_a_terminal_state(world, graph):
    world.faults.script("b", "fate", "terminal_error")
    result = world.apply(graph(CHAIN))
    assert result.exit_code == 7
    (failure,) = result.failures
    assert failure.cause == "b: no valid host was found (simulated)"
    assert "no valid host" in str(failure.error) and "ERROR" in str(failure.error)
    assert failure.source.line == 2
    outcome = [e for e in world.events if e.kind == "step.outcome" and e.node == "b"][-1]
    assert outcome.data["cause"] == failure.cause and outcome.data["result"] == "failed"
    assert result.elapsed < 20, "a terminal state is not waited out"


def test_what_failed_is_made_anew_by_the_next_run(world, graph):
    world.faults.script("b", "fate", "terminal_error")
    world.apply(graph(CHAIN))
    first = world.records["b"].handle
    assert world.apply(graph(CHAIN)).ok
    world.check(CHAIN)
    assert world.records["b"].handle != first and world.records["b"].attempt == 2


def test_a_thing_that_never_gets_ready_meets_its_deadline(world, graph):
    world.faults.script("b", "fate", "never_ready")
    result = world.apply(graph(CHAIN), ready_timeout=90.0)
    with pytest.raises(DeadlineExceeded) as caught:
        result.raise_for_failure()
    text = str(caught.value)
    assert "b was not ready within 90 s" in text and "[engine] ready_timeout" in text and "is being built" in text
    assert 90 <= result.elapsed < 110
    assert result.exit_code == 8


def test_a_deadline_names_what_sets_it(world, graph):
    for node_timeouts, options, name in (
        ({"ready": 30.0}, {"ready_timeout": 90.0}, "timeouts.ready of node b"),
        ({}, {"ready_timeout": 90.0}, "[engine] ready_timeout"),
        ({}, {}, "the default of type tosca.nodes.Root"),
    ):
        world.faults.script("b", "fate", "never_ready", "never_ready")
        topology = graph(CHAIN)
        topology.nodes["b"].timeouts = node_timeouts
        result = world.apply(topology, **options)
        assert name in str(result.error()), name
        world.clock.advance_to(world.clock.now() + 1)
        world.faults._scripts.clear()
        assert world.apply(graph({"a": []})).ok


def test_a_call_that_does_not_return_meets_its_deadline_and_is_found_later(world, graph):
    provider = world.provider()
    resource = provider.resource(())
    create = resource.create

    def slow(wanted):
        handle = create(wanted)
        world.clock.spend(500.0)
        return handle

    resource.create = slow
    engine = world.open(provider, create_timeout=60.0)
    topology = graph({"a": []})
    result = world._run(lambda: engine.apply(world.plan(topology, provider), topology))
    assert result.exit_code == 8 and "a was not made within 60 s" in str(result.error())
    assert "[engine] create_timeout" in str(result.error())
    assert world.records["a"].status == "intended", "nobody knows whether it was made"
    assert world.apply(topology).ok
    world.check(["a"])


def test_the_deadline_of_a_create_does_not_run_while_it_waits_for_a_slot(world, graph):
    world.set(latency_min=50.0, latency_max=50.0)
    topology = graph({f"n{i}": [] for i in range(6)})
    assert world.apply(topology, parallel=1, create_timeout=60.0).ok
    world.check(topology.nodes)


def test_a_thing_that_vanishes_while_it_is_waited_for(world, graph):
    provider = world.provider()
    resource = provider.resource(())
    create = resource.create

    def fleeting(wanted):
        handle = create(wanted)
        world.cloud.get(handle.id).vanishes_at = world.clock.now() + 2.0
        return handle

    resource.create = fleeting
    engine = world.open(provider)
    topology = graph({"a": []})
    result = world._run(lambda: engine.apply(world.plan(topology, provider), topology))
    assert result.exit_code == 7 and "a is gone" in str(result.error())


def test_a_young_thing_that_lists_do_not_show_yet_is_not_gone(world, graph):
    world.set(list_lag=20.0)
    assert world.apply(graph(CHAIN)).ok
    world.check(CHAIN)


def test_a_lagging_list_is_waited_for_at_the_end_of_a_destroy(world, graph):
    world.set(list_lag=20.0)
    world.apply(graph(CHAIN))
    assert world.destroy().ok
    assert not world.living() and world.status() == "destroyed"


def test_a_young_thing_that_is_deleted_is_not_gone_before_lists_could_show_it(world, graph):
    world.set(list_lag=20.0)
    assert world.apply(graph({"a": []}), timeout=1.0).exit_code == 8
    made = world.clock.now()
    assert world.living() == {"a": 1} and world.destroy().ok
    assert not world.living() and world.clock.now() > made + 20.0


def test_a_thing_that_lists_have_shown_is_gone_when_they_do_not_any_more(world, graph):
    assert world.apply(graph({"a": []})).ok
    thing = next(iter(world.cloud.of_deployment(world.row.id)))
    provider = world.provider()
    provider.list_grace = 1000.0  # not waited for: exact lists, as it happens
    engine = world.open(provider)
    plan = planning.destroy(world.records, deployment=world.row.name, provider="simulator")
    assert world._run(lambda: engine.destroy(plan)).ok
    assert world.clock.now() < thing.gone_at + 100.0


def test_a_provider_that_cannot_be_reached_for_a_while(world, graph):
    world.set(unreachable_after=3.0, unreachable_for=20.0)
    assert world.apply(graph(CHAIN)).ok
    world.check(CHAIN)


def test_a_provider_that_cannot_be_reached_at_all(world, graph):
    world.set(unreachable_after=0.0, unreachable_for=1e9)
    result = world.apply(graph(CHAIN))
    with pytest.raises(UnreachableError):
        result.raise_for_failure()


def test_a_provider_that_is_lost_while_things_wait(world, graph):
    world.set(unreachable_after=2.0, unreachable_for=1e9)
    result = world.apply(graph(CHAIN))
    assert result.exit_code == 11
    assert world.records["a"].status == "failed" and world.records["a"].handle


def test_what_is_known_to_be_missing_is_told_before_anything_is_made(world, graph):
    world.set(quota=2)
    result = world.apply(graph(CHAIN))
    assert result.exit_code == 6 and "3 things are wanted, the quota is 2" in str(result.error())
    assert not world.calls and not world.records and world.status() == "failed"
    assert {r.status for r in result.nodes.values()} == {"skipped"}


def test_a_full_cloud(world, graph):
    world.apply(graph({"a": []}))
    world.set(quota=2)
    result = world.apply(graph(CHAIN))
    assert result.exit_code == 6 and "quota of 2" in str(result.error())
    assert result.error().hint == "raise [simulator] quota"
    world.set()
    assert world.apply(graph(CHAIN)).ok
    world.check(CHAIN)


def test_a_defect_in_a_provider_is_told_as_one(world, graph):
    provider = world.provider()

    def defect(wanted):
        raise KeyError("oops")

    provider.resource(()).create = defect
    engine = world.open(provider)
    topology = graph({"a": [], "b": []})
    result = world._run(lambda: engine.apply(world.plan(topology, provider), topology))
    assert result.exit_code == 1 and "defect" in str(result.error()) and "KeyError" in str(result.error())
    assert world.records["a"].status == "intended", "it may have taken effect"


def test_no_secret_in_the_text_of_a_failure(world, graph):
    from bbq.topology.values import GeneratedSecret

    provider = world.provider()

    def leak(wanted):
        raise PermanentFault(f"login as {wanted.properties['password'].reveal()} refused")

    provider.resource(()).create = leak
    engine = world.open(provider)
    topology = graph({"a": []}, a={"password": GeneratedSecret("a.password")})
    result = world._run(lambda: engine.apply(world.plan(topology, provider), topology))
    secret = world.secrets.get("a.password")
    assert secret and secret not in str(result.error()) and "********" in str(result.error())
    assert secret not in repr(list(world.journal.events(world.row.id)))
    assert secret not in repr(world.journal.get("world"))


def test_a_delete_that_is_refused_leaves_a_record_to_go_on_from(world, graph):
    world.apply(graph(CHAIN))
    world.faults.script("b", "delete", "permanent")
    result = world.destroy()
    assert result.exit_code == 7 and "delete of b failed" in str(result.error())
    assert world.records["b"].status == "deleting" and world.status() == "destroying"
    assert set(world.living()) == {"a", "b"}
    assert world.destroy().ok
    assert not world.living()


def test_a_delete_without_effect_is_asked_again(world, graph):
    world.apply(graph({"a": []}))
    provider = world.provider()
    resource = provider.resource(())
    delete, asked = resource.delete, []

    def ignored(handle, tag):
        asked.append(handle)
        if len(asked) > 2:
            delete(handle, tag)

    resource.delete = ignored
    engine = world.open(provider)
    plan = planning.destroy(world.records, deployment="world", provider="simulator")
    assert world._run(lambda: engine.destroy(plan)).ok
    assert len(asked) == 3 and not world.living()


def test_destroy_takes_what_no_record_knows(world, graph):
    world.apply(graph({"a": []}))
    stray = graph({"stray": []})
    provider = world.provider()
    from bbq.engine.contract import Tag, Wanted

    provider.make(Wanted(stray.nodes["stray"], {}, {}, [], Tag("world", world.row.id, "stray", 1), ""))
    assert set(world.living()) == {"a", "stray"}
    assert world.destroy().ok
    assert not world.living()


def test_destroy_says_what_is_left(world, graph):
    world.apply(graph({"a": []}))
    provider = world.provider()
    resource = provider.resource(())
    resource.delete = lambda handle, tag: None
    engine = world.open(provider)
    plan = planning.destroy(world.records, deployment="world", provider="simulator")
    result = world._run(lambda: engine.destroy(plan))
    assert result.exit_code == 8 and "a was not gone within 600 s" in str(result.error())
    assert world.status() == "destroying" and world.secrets is not None


@pytest.mark.parametrize("seed", range(6))
def test_a_flaky_cloud_is_no_obstacle(new_world, graph, seed):
    world = new_world()
    world.set(seed=seed, latency_max=2.0, error_before=0.1, throttle=0.05, error_after=0.1, lost_response=0.05, list_lag=2.0)
    topology = graph({f"n{i}": {f"n{i // 2}", f"n{i // 3}"} if i else set() for i in range(40)})
    result = world.apply(topology)
    assert result.ok, result.error()
    world.check(topology.nodes)
    assert world.destroy().ok
    assert not world.living()
