"""The same engine on the real clock, with calls in real threads."""

import os
import signal
import threading
from collections import Counter

import pytest

from bbq.engine import Engine, EngineOptions
from bbq.engine.clock import RealClock, ThreadExecutor
from bbq.engine.contract import Handle, Provider, Resource, State, TransientFault
from bbq.plan.model import Action, Plan, Step


class Memory(Provider):
    """Makes things in a dictionary; a call may be held at `gate`."""

    name = "memory"
    list_grace = 0.0

    def __init__(self):
        self.things = {}
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.calls = Counter()
        outer = self

        class Thing(Resource):
            type = "tosca.nodes.Root"

            def find(self, tag):
                return outer.things.get(tag.node)

            def create(self, wanted):
                with outer.lock:
                    outer.calls["create"] += 1
                outer.running.release()
                outer.gate.wait(60)
                handle = outer.things[wanted.tag.node] = Handle(wanted.tag.node)
                return handle

            def delete(self, handle, tag):
                outer.things.pop(handle.id, None)

        self._thing = Thing()

    def resource(self, ancestry):
        return self._thing

    def list_states(self, group, ids):
        self.calls["list"] += 1
        if self.calls["list"] == 1:
            raise TransientFault("busy")
        return {id: State("up", ready=True) for id in ids if id in self.things}

    def list_tagged(self, deployment_id):
        return []


@pytest.fixture
def provider():
    made = Memory()
    yield made
    made.gate.set()


@pytest.fixture
def run(world, provider):
    def make(**options):
        world._lease = world.journal.acquire(world.row.id)
        return Engine(
            provider=provider,
            journal=world.journal,
            secrets=world.secrets,
            row=world.row,
            lease=world._lease,
            clock=RealClock(),
            executor=ThreadExecutor(8),
            options=EngineOptions(poll_min=0.01, retry_base=0.01, **options),
            on_event=world.events.append,
        )

    return make


def plan(topology):
    steps = {n: Step(n, node.type, Action.CREATE, after=node.dependencies()) for n, node in topology.nodes.items()}
    return Plan("world", "memory", steps)


def test_a_graph_in_threads(world, graph, provider, run):
    topology = graph({f"n{i}": {f"n{i // 2}", f"n{i // 3}"} if i else set() for i in range(60)})
    result = run(parallel=8).apply(plan(topology), topology)
    assert result.ok, result.error()
    assert provider.things.keys() == topology.nodes.keys() and provider.calls["create"] == 60
    assert {r.status for r in world.records.values()} == {"ready"}


def test_ctrl_c_once_lets_a_call_finish(world, graph, provider, run):
    topology = graph({"a": [], "b": ["a"]})
    provider.gate.clear()
    engine = run()
    said = []

    def on_signal(number, frame):
        said.append(engine.interrupt())
        provider.gate.set()

    before = signal.signal(signal.SIGINT, on_signal)
    threading.Thread(target=lambda: (provider.running.acquire(timeout=30), os.kill(os.getpid(), signal.SIGINT))).start()
    try:
        result = engine.apply(plan(topology), topology)
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130 and len(said) == 1
    assert set(provider.things) == {"a"} and world.records["a"].status == "ready"


def test_ctrl_c_twice_stops_with_a_call_in_flight(world, graph, provider, run):
    topology = graph({"a": [], "b": ["a"]})
    provider.gate.clear()
    engine = run()

    def twice():
        provider.running.acquire(timeout=30)
        engine.interrupt()
        engine.interrupt()

    threading.Thread(target=twice).start()
    result = engine.apply(plan(topology), topology)  # the gate is still closed: the call has not returned
    assert result.exit_code == 130 and result.nodes["a"].status == "unknown"
    assert world.records["a"].status == "intended"
    assert not engine.calls.wait(0), "it is known that the call goes on"
    provider.gate.set()
    assert engine.calls.wait(30)


def test_a_call_that_found_no_thread_never_begins_after_a_second_interrupt(world, graph, provider, run):
    """All threads hang, in list calls and in creates: what is in the queue must not be made by a run that has ended."""
    topology = graph({f"n{i}": [] for i in range(20)})
    provider.gate.clear()
    engine = run(parallel=20)  # of an executor with fewer threads

    def twice():
        for _ in range(12):
            provider.running.acquire(timeout=30)
        engine.interrupt()
        engine.interrupt()

    threading.Thread(target=twice).start()
    result = engine.apply(plan(topology), topology)
    assert result.exit_code == 130
    provider.gate.set()
    assert engine.calls.wait(30)
    assert provider.calls["create"] == 12


def test_a_hanging_call_does_not_outlast_its_deadline(world, graph, provider, run):
    topology = graph({"a": [], "b": ["a"]})
    provider.gate.clear()
    result = run(create_timeout=0.2).apply(plan(topology), topology)
    assert result.exit_code == 8 and "a was not made within 0.2 s" in str(result.error())


def test_calls_that_hang_do_not_keep_the_others_from_their_turn(world, graph, provider, run):
    """As many as there are slots, and more than the threads that there are for them."""
    hung = 9
    topology = graph({**{f"h{i}": [] for i in range(hung)}, "z": []})
    resource, create = provider.resource(()), provider.resource(()).create

    def made(wanted):
        if wanted.tag.node != "z":
            return create(wanted)  # which waits at the gate
        provider.things["z"] = Handle("z")
        return provider.things["z"]

    resource.create = made
    provider.gate.clear()
    engine = run(parallel=1, on_error="continue", create_timeout=0.1)
    ended = []
    thread = threading.Thread(target=lambda: ended.append(engine.apply(plan(topology), topology)), daemon=True)
    thread.start()
    thread.join(30)
    provider.gate.set()
    assert ended, "a call that hangs has taken the only slot with it"
    assert [name for name, node in ended[0].nodes.items() if node.status == "done"] == ["z"]
    assert world.records["h0"].status == "intended", "nobody knows whether it was made"
