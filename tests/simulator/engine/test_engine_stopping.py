"""How a run ends before its end: a failure, an interrupt, a time limit, a lost lease, a journal that cannot be written."""

import time
from types import SimpleNamespace

import pytest

from bbq import plan as planning
from bbq.errors import DeadlineExceeded, Interrupted, JournalError, LockedError, PartialError

TWO_BRANCHES = {"a": [], "b": ["a"], "c": ["b"], "x": [], "y": ["x"], "z": ["y"]}


def test_stop_finishes_what_is_in_flight_and_starts_nothing_new(world, graph):
    world.durations = {"x": 40.0}
    world.faults.script("b", "create", "permanent")
    result = world.apply(graph(TWO_BRANCHES))
    assert result.exit_code == 7
    assert {name: r.status for name, r in result.nodes.items()} == {
        "a": "done",
        "b": "failed",
        "c": "skipped",
        "x": "done",
        "y": "skipped",
        "z": "skipped",
    }
    assert world.records["x"].status == "ready"
    assert set(world.living()) == {"a", "x"}
    (stopping,) = [e for e in world.events if e.kind == "run.stopping"]
    assert stopping.data["reason"] == "error" and stopping.data["nodes"] == ["x"]


def test_intents_whose_calls_were_not_made_are_taken_back(world, graph):
    world.faults.script("n0", "create", "permanent")
    result = world.apply(graph({f"n{i}": [] for i in range(10)}), parallel=1)
    assert result.exit_code == 7
    assert set(world.records) == {"n0"}, "no `intended` record for what was not begun"
    assert not world.living()


def test_continue_goes_on_with_what_does_not_depend_on_it(world, graph):
    world.faults.script("b", "create", "permanent")
    result = world.apply(graph(TWO_BRANCHES), on_error="continue")
    assert result.exit_code == 10
    with pytest.raises(PartialError, match=r"1 of 6 steps failed: b"):
        result.raise_for_failure()
    assert set(world.living()) == {"a", "x", "y", "z"}
    assert result.nodes["c"].status == "skipped"
    assert world.apply(graph(TWO_BRANCHES)).ok
    world.check(TWO_BRANCHES)


def test_rollback_takes_away_what_this_run_made(world, graph):
    world.apply(graph({"x": [], "y": ["x"]}))
    world.faults.script("c", "fate", "terminal_error")
    world.events.clear()
    result = world.apply(graph(TWO_BRANCHES), on_error="rollback")
    assert result.exit_code == 7
    assert set(world.living()) == {"x", "y"}
    assert set(world.records) == {"x", "y"}
    assert set(result.rolled_back) >= {"a", "b", "c"} and not result.left and not result.lost
    gone = [e.node for e in world.events if e.kind == "step.outcome" and e.action == "delete"]
    assert gone.index("c") < gone.index("b") < gone.index("a")
    assert str(result.error()).startswith("graph.yaml:3:1: c failed")


def test_a_rollback_names_what_it_cannot_bring_back(world, graph):
    """`a` is replaced and there is no new one, `b` was replaced before that failed; `old` was no longer wanted."""
    before = graph({"b": [], "a": ["b"], "old": [], "x": []}, a={"flavor": 1}, b={"flavor": 1})
    world.apply(before)
    world.faults.script("a", "create", "permanent")
    after = graph({"b": [], "a": ["b"], "x": []}, a={"flavor": 2}, b={"flavor": 2})
    assert set(world.plan(after, world.provider()).irrevocable) == {"a", "b", "old"}
    result = world.apply(after, on_error="rollback")
    assert set(world.living()) == {"x"}
    assert set(result.lost) == {"a", "b", "old"} and result.rolled_back == ("b",)
    error = result.error()
    assert error is not None and error.hint is not None
    assert "taken away what there was of" in error.hint and "that cannot be brought back" in error.hint
    (finished,) = [event for event in world.events if event.kind == "run.finished" and event.data["result"] == "failed"]
    assert set(finished.data["lost"]) == {"a", "b", "old"}
    assert world.apply(after).ok


def test_a_composite_whose_member_was_rolled_back_is_looked_at_again(world, graph):
    def wanted(flavor):
        topology = graph({"db.server": [], "db": ["db.server"]}, **{"db.server": {"flavor": flavor}})
        topology.nodes["db"].composite, topology.nodes["db"].members = True, ("db.server",)
        return topology

    world.apply(wanted(1))
    world.faults.script("db.server", "fate", "terminal_error")
    assert world.apply(wanted(2), on_error="rollback").lost == ("db.server",)
    assert set(world.records) == {"db"}
    plan = world.plan(wanted(2), world.provider())
    assert plan.steps["db"].action == "read" and "db.server, a part of it, is not there" in plan.steps["db"].reason
    assert world.apply(wanted(2)).ok
    assert not world.plan(wanted(2), world.provider()).has_changes


def test_rollback_looks_for_what_may_have_been_made(world, graph):
    provider = world.provider()
    resource = provider.resource(())
    create = resource.create

    def hangs(wanted):
        handle = create(wanted)
        if wanted.tag.node == "b":
            world.clock.spend(300.0)
        return handle

    resource.create = hangs
    engine = world.open(provider, on_error="rollback", create_timeout=30.0)
    topology = graph({"a": [], "b": ["a"]})
    result = world._run(lambda: engine.apply(world.plan(topology, provider), topology))
    assert result.exit_code == 8
    assert not world.living() and not world.records


def test_the_first_interrupt_finishes_what_is_in_flight(world, graph):
    world.on_event = lambda e: world.engine.interrupt() if e.kind == "step.outcome" and e.node == "a" else None
    result = world.apply(graph(TWO_BRANCHES))
    assert result.interrupted and result.exit_code == 130
    with pytest.raises(Interrupted, match="2 of 6 steps were finished"):
        result.raise_for_failure()
    assert world.records["a"].status == "ready" and world.records["x"].status == "ready"
    assert set(world.records) == {"a", "x"}
    assert world.status() == "interrupted"
    (stopping,) = [e for e in world.events if e.kind == "run.stopping"]
    assert stopping.data["reason"] == "interrupt" and stopping.data["in_flight"] == 2
    world.on_event = None
    assert world.apply(graph(TWO_BRANCHES)).ok
    world.check(TWO_BRANCHES)


@pytest.mark.parametrize(("after", "known"), [(4.0, True), (20.0, False)])
def test_what_takes_longer_than_others_of_its_type_has_no_estimate(world, graph, after, known):
    world.durations = {"short": 10.0, "long": 60.0}
    world.apply(graph({"short": []}))
    world.events.clear()

    def interrupt(event):
        if event.kind == "step.waiting" and event.data["elapsed"] > after and not world.stages("run.stopping"):
            world.engine.interrupt()

    world.on_event = interrupt
    world.apply(graph({"short": [], "long": []}))
    (stopping,) = [e for e in world.events if e.kind == "run.stopping"]
    assert stopping.data["nodes"] == ["long"]
    assert (stopping.data["eta"] is not None) is known, stopping.data
    assert all(e.data["eta"] is None or e.data["eta"] > 0 for e in world.events if e.kind == "step.waiting")


def test_an_interrupt_says_what_it_means(world, graph):
    said = []
    world.durations = {"a": 60.0, "b": 60.0}
    world.apply(graph({"b": []}))

    def twice(event):
        if event.kind == "step.waiting" and len(said) < 2:
            said.append(world.engine.interrupt())

    world.on_event = twice
    result = world.apply(graph({"a": [], "b": []}))
    assert result.exit_code == 130
    assert said[0].startswith("starting nothing new; finishing 1 in flight, about ")
    assert said[1].startswith("stopping now")


def test_the_second_interrupt_stops_at_once_and_says_unknown(world, graph):
    world.set(latency_min=100.0, latency_max=100.0)
    heard = []

    def interrupt(event):
        if event.kind == "step.waiting" and len(heard) < 2:
            heard.append(world.engine.interrupt())

    world.on_event = interrupt
    result = world.apply(graph({"a": [], "b": ["a"]}))
    assert result.exit_code == 130 and result.nodes["a"].status == "unknown"
    assert result.elapsed < 10
    assert world.records["a"].status == "intended"
    outcome = [e for e in world.journal.events(world.row.id) if e.kind == "step.outcome"]
    assert [e.data["result"] for e in outcome] == ["unknown"]
    assert sum(world.living().values()) <= 1
    world.on_event = None
    world.set()
    assert world.apply(graph({"a": [], "b": ["a"]})).ok
    world.check(["a", "b"])


def test_an_interrupted_destroy_goes_on_later(world, graph):
    world.apply(graph(TWO_BRANCHES))
    world.on_event = lambda e: world.engine.interrupt() if e.kind == "step.intent" else None
    result = world.destroy()
    assert result.exit_code == 130 and world.status() == "destroying"
    assert world.living()
    world.on_event = None
    assert world.destroy().ok
    assert not world.living() and world.status() == "destroyed"


def test_a_create_that_is_tried_again_is_not_tried_after_an_interrupt(world, graph):
    world.faults.script("a", "create", *["error_before"] * 5)
    world.on_event = lambda e: world.engine.interrupt() if e.kind == "step.waiting" else None
    result = world.apply(graph({"a": []}), retry_base=10.0)
    assert result.exit_code == 130
    assert world.calls["create"] == 1
    assert not world.records and not world.living()


def test_the_time_limit_of_a_run(world, graph):
    world.durations = {"b": 500.0}
    result = world.apply(graph(TWO_BRANCHES), timeout=60.0)
    assert result.exit_code == 8
    with pytest.raises(DeadlineExceeded) as caught:
        result.raise_for_failure()
    assert "the time limit of the run, 60 s" in str(caught.value) and "--timeout" in caught.value.hint
    assert [f.node for f in result.failures] == ["b"]
    assert "is being built" in str(result.failures[0].error)
    assert 60 <= result.elapsed < 62
    assert set(world.living()) == {"a", "b", "x", "y", "z"}
    assert world.apply(graph(TWO_BRANCHES)).ok
    world.check(TWO_BRANCHES)


def test_the_time_limit_lets_a_call_finish(world, graph):
    world.set(latency_min=90.0, latency_max=90.0)
    result = world.apply(graph({"a": [], "b": ["a"]}), timeout=60.0)
    assert result.exit_code == 8
    record = world.records["a"]
    assert record.handle and record.status == "failed", "the call's answer is known"
    assert set(world.living()) == {"a"}


def test_a_lease_that_was_lost_stops_the_run_before_the_next_write(world, graph):
    def steal(event):
        if event.kind == "step.outcome" and event.node == "a":
            world.journal.break_lease(world.row.id, force=True)
            world.thief = world.journal.acquire(world.row.id)

    world.on_event = steal
    with pytest.raises(LockedError):
        world.apply(graph({"a": [], "b": ["a"]}))
    assert set(world.living()) == {"a"}
    world.on_event = None
    world.journal.release(world.thief)
    assert world.apply(graph({"a": [], "b": ["a"]})).ok
    world.check(["a", "b"])


def test_a_lease_that_was_lost_in_the_night_lets_no_waiting_call_begin(world, graph, monkeypatch):
    """The process was stopped (SIGSTOP, a suspended machine) while a call was in flight; the next one's intent is durable."""
    night = [0.0]
    monkeypatch.setattr("bbq.engine.engine.time", SimpleNamespace(monotonic=lambda: time.monotonic() + night[0]))
    engine = world.open(parallel=1)
    wait = engine._executor.wait

    def slept(until):
        found = wait(until)
        if found and not night[0]:
            world.journal.break_lease(world.row.id, force=True)
            night[0] = 3600.0
        return found

    monkeypatch.setattr(engine._executor, "wait", slept)
    topology = graph({"a": [], "b": []})
    with pytest.raises(LockedError):
        engine.apply(world.plan(topology, world._provider), topology)
    assert world._provider.calls["create"] == 1


def test_a_lease_is_renewed_while_the_run_lasts(world, graph):
    beats = []
    heartbeat = world.journal.heartbeat
    world.journal.heartbeat = lambda lease: (beats.append(lease), heartbeat(lease))[1]
    world.apply(graph({f"n{i}": [f"n{i - 1}"] if i else [] for i in range(30)}), heartbeat=0.01)
    assert len(beats) > 3


def test_a_full_disk_stops_the_run_before_the_next_call(world, graph):
    append = world.journal.append
    calls_at_failure = []

    def full(lease, events):
        if any(e.kind == "step.intent" and e.node == "b" for e in events):
            calls_at_failure.append(world._provider.calls["create"])
            raise JournalError("no room on the disk")
        append(lease, events)

    world.journal.append = full
    with pytest.raises(JournalError):
        world.apply(graph({"a": [], "b": ["a"]}))
    assert world.calls["create"] == calls_at_failure[0] == 1
    world.journal.append = append
    assert world.apply(graph({"a": [], "b": ["a"]})).ok
    world.check(["a", "b"])


def test_an_interrupt_during_the_last_look_of_a_destroy(world, graph):
    world.apply(graph({"a": []}))
    provider = world.provider(
        lambda when, call, node: world.engine.interrupt() if (when, call) == ("before", "list_tagged") else None
    )
    world.faults.script("*", "list_tagged", *["error_before"] * 3)
    engine = world.open(provider)
    plan = planning.destroy(world.records, deployment="world", provider="simulator")
    result = world._run(lambda: engine.destroy(plan))
    assert result.exit_code == 130 and world.status() == "destroying"
    assert world.destroy().ok and world.status() == "destroyed"


def test_a_rollback_that_meets_a_failure_takes_away_the_rest(world, graph):
    world.faults.script("c", "fate", "terminal_error")
    world.faults.script("x", "delete", "permanent")
    result = world.apply(graph(TWO_BRANCHES), on_error="rollback")
    assert result.exit_code == 7 and str(result.error()).startswith("graph.yaml:3:1: c failed")
    assert set(world.living()) == {"x"} and result.left == ("x",)
    assert world.records["x"].status == "deleting"
