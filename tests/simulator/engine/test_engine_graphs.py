"""Random graphs: whatever their shape and whatever goes wrong, the end is what was wanted; and no slower than it must be."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FAULTY = {"latency_max": 3.0, "error_before": 0.1, "throttle": 0.05, "error_after": 0.1, "lost_response": 0.05}


@st.composite
def graphs(draw, most=25):
    size = draw(st.integers(1, most))
    names = [f"n{i}" for i in range(size)]
    return {name: draw(st.sets(st.sampled_from(names[:i]), max_size=3)) if i else set() for i, name in enumerate(names)}


def in_order(events, dependencies):
    ready, started = {}, {}
    for number, event in enumerate(events):
        if event.kind == "step.stage" and event.stage == "ready":
            ready[event.node] = number
        elif event.kind == "step.intent" and event.action == "create":
            started.setdefault(event.node, number)
    return all(ready[target] < started[name] for name, targets in dependencies.items() for target in targets if name in started)


@given(graphs(), st.integers(0, 2**16), st.floats(0, 4), st.integers(1, 40))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_end_is_what_was_wanted(new_world, graph, dependencies, seed, lag, parallel):
    world = new_world()
    world.set(seed=seed, list_lag=lag, **FAULTY)
    most = {}

    def count(when, call, node):
        if when == "committed" and call == "create":
            most[node] = max(most.get(node, 0), world.living()[node])

    topology = graph(dependencies)
    provider = world.provider(count)
    engine = world.open(provider, parallel=parallel, seed=seed)
    result = world._run(lambda: engine.apply(world.plan(topology, provider), topology))
    assert result.ok, result.error()
    world.check(dependencies)
    assert set(most.values()) == {1}, "never two things with one tag"
    assert in_order(world.events, dependencies)
    assert world.destroy(parallel=parallel).ok
    assert not world.living() and not world.records


@given(graphs(12), graphs(12), st.integers(0, 2**16), st.sampled_from(["stop", "continue", "rollback"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_failure_the_next_run_gets_there(new_world, graph, first, second, seed, on_error):
    world = new_world()
    world.set(seed=seed, list_lag=2.0, terminal_error=0.1, never_ready=0.05, in_a_row=0, **FAULTY)
    world.apply(graph(first), on_error=on_error, ready_timeout=200.0)
    known = world.records
    assert set(world.living()) <= set(known), "whatever exists, the journal knows of it"
    world.apply(graph(second), on_error=on_error, ready_timeout=200.0)
    world.set(seed=seed)
    assert world.apply(graph(second)).ok
    world.check(second)


@given(graphs(15), st.integers(0, 2**16), st.integers(1, 60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_interrupted_anywhere_the_next_run_gets_there(new_world, graph, dependencies, seed, moment):
    world = new_world()
    world.set(seed=seed, list_lag=1.0, **FAULTY)
    heard = []

    def interrupt(event):
        heard.append(event)
        if len(heard) in (moment, moment + 1 + seed % 7):
            world.engine.interrupt()

    world.on_event = interrupt
    world.apply(graph(dependencies))
    assert set(world.living()) <= set(world.records)
    world.on_event = None
    assert world.apply(graph(dependencies)).ok
    world.check(dependencies)


def critical_path(dependencies, seconds):
    """Seconds of the longest chain; names are in a valid order."""
    ends = {}
    for name, targets in dependencies.items():
        ends[name] = max((ends[target] for target in targets), default=0.0) + seconds(name)
    return max(ends.values())


def random_graph(size, seed):
    choose = random.Random(seed)
    names = [f"n{i}" for i in range(size)]
    return {
        name: {names[choose.randrange(max(0, i - 150), i)] for _ in range(choose.randrange(4))} if i else set()
        for i, name in enumerate(names)
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_wall_clock_is_within_five_percent_of_the_critical_path(new_world, graph, seed):
    world = new_world()
    dependencies = random_graph(1000, seed)
    choose = random.Random(seed)
    world.durations = {name: choose.uniform(2.0, 60.0) for name in dependencies}
    result = world.apply(graph(dependencies), parallel=1000)
    assert result.ok
    call = 0.05  # the create, one list call and one probe: what each thing costs in calls
    floor = critical_path(dependencies, lambda name: world.durations[name] + 3 * call)
    assert floor <= result.elapsed * 1.0001
    assert result.elapsed <= 1.05 * floor
