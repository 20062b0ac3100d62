"""When to look again: a share of the time waited, rarely before a known moment, often around it."""

from types import SimpleNamespace

import pytest

from bbq.engine import EngineOptions
from bbq.engine.clock import VirtualClock
from bbq.engine.waiter import Waiter, Watch, tick

OPTIONS = EngineOptions(poll_min=0.1, poll_max=15.0, poll_share=0.04)


def looks(ready, expected):
    """The moments of the looks until one sees a thing that is ready at `ready` seconds."""
    moments, now = [], 0.0
    while True:
        moments.append(now)
        if now >= ready:
            return moments
        now += tick(now, expected, OPTIONS)


@pytest.mark.parametrize("ready", [0.5, 3.0, 20.0, 90.0, 300.0])
def test_without_knowledge_a_look_is_late_by_a_small_share(ready):
    moments = looks(ready, None)
    assert moments[-1] - ready <= max(0.1, 0.04 * ready) + 1e-9
    assert len(moments) < 160


def test_there_is_a_floor_and_a_ceiling():
    assert tick(0.0, None, OPTIONS) == 0.1
    assert tick(10_000.0, None, OPTIONS) == 15.0


@pytest.mark.parametrize("ready", [20.0, 90.0, 300.0])
def test_with_knowledge_there_are_fewer_looks_and_they_are_better(ready):
    known, unknown = looks(ready, ready), looks(ready, None)
    assert len(known) < 0.8 * len(unknown)
    assert known[-1] - ready <= max(0.1, 0.01 * ready) + 1e-9


def test_wrong_knowledge_costs_little():
    assert looks(100.0, 10.0)[-1] - 100.0 <= 4.0 + 1e-9
    assert looks(10.0, 100.0)[-1] - 10.0 <= 1.0 + 1e-9, "a tenth of the wait at most"


def test_later_things_of_a_type_are_expected_when_the_earlier_ones_were_ready(world, graph):
    world.durations = {f"n{i}": 100.0 for i in range(6)}
    world.apply(graph({"n0": []}))
    first = world.calls["list_states"]
    world.apply(graph({"n0": [], "n1": ["n0"]}))
    assert world.calls["list_states"] < 0.8 * first


@pytest.mark.parametrize("passing", [2, 100])
def test_a_list_call_that_fails_says_nothing_of_the_things(world, graph, passing):
    world.faults.script("*", "list_states", *["error_before"] * passing)
    result = world.apply(graph({"a": [], "b": []}))
    if passing == 2:
        assert result.ok
        world.check(["a", "b"])
    else:
        assert result.exit_code == 7 and "503" in str(result.error())
        assert set(world.living()) == {"a", "b"} and world.records["a"].handle


def test_what_one_has_just_begun_to_wait_for_is_looked_at_at_once():
    """A real clock goes on between the beginning and the look; a thing that is ready by then costs no tick."""
    clock = VirtualClock()
    waiter = Waiter(SimpleNamespace(clock=clock), None, OPTIONS)
    task = SimpleNamespace(turn=1, alive=True)

    def wait(id, since):
        watch = Watch(waiter, id, id, until="ready", since=since, visible_by=0.0, expected=None, on_state=print)
        waiter.add(task, watch)
        return waiter.due() - clock.monotonic()

    begun = clock.monotonic()
    assert wait("later", begun - 10.0) == pytest.approx(0.4)
    clock.advance_to(begun + 0.001)
    assert wait("now", begun) == 0.0
