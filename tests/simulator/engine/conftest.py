"""A world for the engine: a simulated cloud in memory, a virtual clock, a journal in a file, and graphs by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from bbq import plan as planning
from bbq.diagnostics import SourceRange
from bbq.engine import Engine, EngineOptions, RunResult
from bbq.engine.clock import VirtualClock, VirtualExecutor
from bbq.engine.contract import DeploymentContext
from bbq.journal import open_journal, open_secrets
from bbq.journal.model import DeploymentRow, Event
from bbq.plan.model import Plan
from bbq.providers.simulator.cloud import Cloud
from bbq.providers.simulator.faults import Faults, Rates
from bbq.providers.simulator.provider import SimulatorProvider
from bbq.topology.model import Edge, Node, Topology

ANCESTRY = ("tosca.nodes.Root",)


def graph(dependencies: Mapping[str, Iterable[str]], **properties: Mapping[str, Any]) -> Topology:
    """A topology from names and what they depend on; properties by node's name."""
    topology = Topology(digest="test")
    for number, (name, targets) in enumerate(dependencies.items(), 1):
        edges = [Edge("dependency", target, "tosca.relationships.DependsOn") for target in targets]
        source = SourceRange("graph.yaml", number, 1)
        topology.nodes[name] = Node(
            name, ANCESTRY[0], ANCESTRY, properties=dict(properties.get(name, {})), edges=edges, template=name, source=source
        )
    return topology


class World:
    """One deployment. Every `apply` and `destroy` is a run of its own, with a provider of its own, on the same cloud."""

    def __init__(self, directory: Any, name: str = "world") -> None:
        self.directory = directory
        self.journal = open_journal(f"sqlite:///{directory}/journal.db")
        self.row = DeploymentRow(f"id-{name}", name, "simulator", "", created_at=0.0, salt="salt")
        self.journal.create(self.row)
        self.secrets = open_secrets(directory / "secrets", self.row.id)
        self.cloud = Cloud()
        self.clock = VirtualClock()
        self.rates = Rates(latency_min=0.05, latency_max=0.05)
        self.faults = Faults(self.rates)
        self.durations: dict[str, float] = {}
        self.events: list[Event] = []
        self.on_event: Any = None
        self.engine: Engine | None = None
        self.calls: Counter[str] = Counter()

    def set(self, seed: int = 0, **rates: Any) -> None:
        """Other rates of faults."""
        self.rates = Rates(**{"latency_min": 0.05, "latency_max": 0.05, **rates})
        self.faults = Faults(self.rates, seed)

    def provider(self, on_call: Any = None) -> SimulatorProvider:
        options = {"durations": self.durations, "jitter": 0.0}
        context = DeploymentContext(self.row.name, self.row.id, str(self.directory), None, options)
        return SimulatorProvider(context, clock=self.clock, cloud=self.cloud, faults=self.faults, on_call=on_call)

    @property
    def records(self) -> Any:
        return self.journal.records(self.row.id)

    def plan(self, topology: Topology, provider: SimulatorProvider, targets: tuple[str, ...] = ()) -> Plan:
        return planning.diff(
            topology,
            self.records,
            deployment=self.row.name,
            provider="simulator",
            resource_of=provider.resource,
            salt=self.row.salt,
            targets=targets,
            secrets=self.secrets,
        )

    def open(self, provider: Any = None, on_call: Any = None, lease: Any = None, **options: Any) -> Engine:
        self._provider = provider or self.provider(on_call)

        def listen(event: Event) -> None:
            self.events.append(event)
            if self.on_event is not None:
                self.on_event(event)

        self._lease = lease or self.journal.acquire(self.row.id)
        self.engine = Engine(
            provider=self._provider,
            journal=self.journal,
            secrets=self.secrets,
            row=self.row,
            lease=self._lease,
            clock=self.clock,
            executor=VirtualExecutor(self.clock),
            options=EngineOptions(**options),
            on_event=listen,
        )
        return self.engine

    def apply(self, topology: Topology, targets: tuple[str, ...] = (), **options: Any) -> RunResult:
        engine = self.open(**options)
        return self._run(lambda: engine.apply(self.plan(topology, self._provider, targets), topology))

    def destroy(self, **options: Any) -> RunResult:
        engine = self.open(**options)
        plan = planning.destroy(self.records, deployment=self.row.name, provider="simulator")
        return self._run(lambda: engine.destroy(plan))

    def _run(self, body: Any) -> RunResult:
        try:
            return body()
        finally:
            self.calls = self._provider.calls
            self.journal.release(self._lease)

    def living(self) -> Counter[str]:
        """How many things exist for each node, in the truth of the cloud."""
        now = max(self.clock.now(), self.cloud.time)
        return Counter(thing.tag.node for thing in self.cloud.of_deployment(self.row.id) if thing.exists(now))

    def status(self) -> str:
        row = self.journal.get(self.row.name)
        return row.status if row else "destroyed"

    def stages(self, kind: str) -> list[str | None]:
        return [event.node for event in self.events if event.kind == kind]

    def check(self, wanted: Iterable[str]) -> None:
        """What must hold after every run that succeeded: all that is wanted, once, ready, and nothing else."""
        assert self.living() == Counter(list(wanted))
        records = self.records
        assert {name: record.status for name, record in records.items()} == dict.fromkeys(wanted, "ready")
        for thing in self.cloud.of_deployment(self.row.id):
            if thing.exists(self.clock.now()):
                assert records[thing.tag.node].handle == thing.id


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.journal.close()


@pytest.fixture
def new_world(tmp_path_factory):
    """Makes worlds, for tests that run many."""
    made = []

    def make() -> World:
        made.append(World(tmp_path_factory.mktemp("world")))
        return made[-1]

    yield make
    for world in made:
        world.journal.close()


@pytest.fixture(name="graph")
def graph_fixture():
    return graph
