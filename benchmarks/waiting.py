"""How good the waiting is: wall clock against the critical path, list calls against the number of things, detection latency."""

from __future__ import annotations

import random
import statistics
import tempfile
from bisect import bisect_left
from pathlib import Path

from bbq.engine import RunResult
from bbq.journal.model import Event
from bbq.providers.simulator.faults import Rates
from benchmarks.figures import Figure
from benchmarks.world import World, random_graph, topology

CALL = 0.05


def run() -> list[Figure]:
    return [wall_clock(), *list_calls(), detection()]


def made(size: int, dependencies: dict[str, set[str]], durations: dict[str, float]) -> tuple[World, RunResult, list[Event]]:
    events: list[Event] = []
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), Rates(latency_min=CALL, latency_max=CALL), durations)
        result = world.apply(topology(dependencies), on_event=events.append, parallel=size)
    return world, result, events


def wall_clock() -> Figure:
    """Random graphs of 1,000 nodes with random times to get ready, five of them; the worst."""
    ratios = []
    for seed in range(5):
        choose = random.Random(seed)
        dependencies = random_graph(1000, seed, near=150)
        durations = {name: choose.uniform(2.0, 60.0) for name in dependencies}
        _, result, _ = made(1000, dependencies, durations)
        ends: dict[str, float] = {}
        for name, targets in dependencies.items():  # the create, a list call and a probe are part of the shortest way
            ends[name] = max((ends[t] for t in targets), default=0.0) + durations[name] + 3 * CALL
        ratios.append(result.elapsed / max(ends.values()))
    return Figure("wall clock / critical path, worst of five graphs", max(ratios), "x", 1.05, against="virtual clock")


def list_calls() -> list[Figure]:
    calls = {}
    for size in (10, 10_000):
        world, _, _ = made(size, {f"n{i}": set() for i in range(size)}, {"tosca.nodes.Compute": 60.0})
        calls[size] = len(world.list_times)
    against = f"{calls[10]} calls for 10 things, {calls[10_000]} for 10,000"
    return [Figure("list calls for 10,000 things / for 10", calls[10_000] / calls[10], "x", 1.5, against=against)]


def detection() -> Figure:
    """From the moment at which a thing is ready to the list call that sees it, against the tick in force then."""
    size = 500
    choose = random.Random(7)
    durations = {f"n{i}": choose.uniform(5.0, 120.0) for i in range(size)}
    world, _, events = made(size, {name: set() for name in durations}, durations)
    ready_at = {thing.tag.node: thing.ready_at for thing in world.cloud.of_deployment("bench")}
    seen_at = {e.node: e.at for e in events if e.kind == "step.stage" and e.stage == "configured"}
    shares, late = [], []
    for name, moment in ready_at.items():
        latency = seen_at[name] - moment - CALL
        after = bisect_left(world.list_times, moment - CALL)
        tick = world.list_times[after] - world.list_times[after - 1]
        shares.append(max(0.0, latency) / tick)
        late.append(latency)
    against = f"median {statistics.median(late) * 1e3:.0f} ms of a wait of {statistics.median(durations.values()):.0f} s"
    return Figure("median detection latency / tick", statistics.median(shares), "x", 1.0, against=against)
