"""A simulated deployment with a durable journal, and random graphs for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bbq import plan as planning
from bbq.engine import Engine, EngineOptions, RunResult
from bbq.engine.clock import VirtualClock, VirtualExecutor
from bbq.engine.contract import DeploymentContext
from bbq.journal import open_journal, open_secrets
from bbq.journal.model import DeploymentRow, Event
from bbq.providers.simulator.cloud import Cloud
from bbq.providers.simulator.faults import Faults, Rates
from bbq.providers.simulator.provider import SimulatorProvider
from bbq.topology.model import Edge, Node, Topology

ANCESTRY = ("tosca.nodes.Compute", "tosca.nodes.Root")
ROW = DeploymentRow("bench", "bench", "simulator", "", created_at=0.0, salt="salt")


def random_graph(size: int, seed: int = 0, near: int | None = None) -> dict[str, set[str]]:
    """Names and up to three dependencies of each, among all or the `near` ones before it, in a valid order."""
    choose = random.Random(seed)
    names = [f"n{i}" for i in range(size)]
    return {
        name: {names[choose.randrange(max(0, i - (near or size)), i)] for _ in range(choose.randrange(4))} if i else set()
        for i, name in enumerate(names)
    }


def topology(dependencies: Mapping[str, set[str]]) -> Topology:
    made = Topology(digest="bench")
    for name, targets in dependencies.items():
        edges = [Edge("dependency", target, "tosca.relationships.DependsOn") for target in sorted(targets)]
        made.nodes[name] = Node(name, ANCESTRY[0], ANCESTRY, properties={"size": 1}, edges=edges, template=name)
    return made


class World:
    """`in_calls` are real seconds spent inside the provider: the simulator's own work, not the engine's."""

    def __init__(self, directory: Path, rates: Rates | None = None, durations: Mapping[str, float] | None = None) -> None:
        self.journal = open_journal(f"sqlite:///{directory}/journal.db")
        self.journal.create(ROW)
        self.secrets = open_secrets(directory / "secrets", ROW.id)
        self.clock = VirtualClock()
        self.cloud = Cloud()
        self.in_calls = 0.0
        self.list_times: list[float] = []
        context = DeploymentContext(ROW.name, ROW.id, str(directory), None, {"durations": durations or {}, "jitter": 0.1})
        self.provider = SimulatorProvider(
            context, clock=self.clock, cloud=self.cloud, faults=Faults(rates or Rates(latency_min=0.5, latency_max=1.5))
        )
        call = self.provider.call

        def timed(kind: str, node: str, act: Callable[[], Any]) -> Any:
            if kind == "list_states":
                self.list_times.append(self.clock.now())
            start = time.perf_counter()
            try:
                return call(kind, node, act)
            finally:
                self.in_calls += time.perf_counter() - start

        self.provider.call = timed  # type: ignore[method-assign]

    def plan(self, wanted: Topology) -> Any:
        return planning.diff(
            wanted,
            self.journal.records(ROW.id),
            deployment=ROW.name,
            provider="simulator",
            resource_of=self.provider.resource,
            salt=ROW.salt,
        )

    def engine(self, on_event: Callable[[Event], None] | None = None, **options: Any) -> Engine:
        return Engine(
            provider=self.provider,
            journal=self.journal,
            secrets=self.secrets,
            row=ROW,
            lease=self.journal.acquire(ROW.id),
            clock=self.clock,
            executor=VirtualExecutor(self.clock),
            options=EngineOptions(**options),
            on_event=on_event,
        )

    def apply(self, wanted: Topology, on_event: Callable[[Event], None] | None = None, **options: Any) -> RunResult:
        plan = self.plan(wanted)
        result = self.engine(on_event, **options).apply(plan, wanted)
        result.raise_for_failure()
        return result
