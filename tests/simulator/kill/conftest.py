"""One deployment of 30 nodes on a durable simulated cloud, run by processes that can be killed at any numbered point."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bbq import plan as planning
from bbq.engine import Engine, EngineOptions
from bbq.engine.clock import VirtualClock, VirtualExecutor
from bbq.engine.contract import DeploymentContext
from bbq.journal import open_journal, open_secrets
from bbq.journal.model import DeploymentRow
from bbq.providers.simulator.cloud import DurableCloud
from bbq.providers.simulator.faults import Faults, Rates
from bbq.providers.simulator.provider import SimulatorProvider
from bbq.topology.model import Edge, Node, Topology
from bbq.topology.values import Attribute, GeneratedSecret

ROW = DeploymentRow("id-kill", "kill", "simulator", "", created_at=0.0, salt="salt")
SERVER = ("tosca.nodes.Compute", "tosca.nodes.Root")


def topology(*, workers: int = 6, version: int = 1, base: int = 10) -> Topology:
    """`base` layered servers, a database with a generated password, a cluster of a master and `workers`, and services.

    With another `version` some nodes are changed in place, some are replaced, some go and some are new.
    """
    found = Topology(digest=f"v{version}")

    def node(name: str, *targets: str, **properties: Any) -> Node:
        made = Node(name, SERVER[0], SERVER, properties=properties, template=name)
        made.edges = [Edge("dependency", target, "tosca.relationships.DependsOn") for target in targets]
        found.nodes[name] = made
        return made

    for i in range(base):
        node(f"base{i}", *({f"base{i // 2}", f"base{i // 3}"} if i else ()), size=1)
    node("db", "base1", password=GeneratedSecret("db.password"), size=10 * version)  # size: changed in place
    node("queue", "base2", flavor=f"v{version}")  # flavor: makes a new one
    master = node("cluster.master", "base3", cores=2)
    members = [master.name]
    for i in range(workers):
        members.append(node(f"cluster.worker[{i}]", "cluster.master", cores=1).name)
    cluster = node("cluster", workers=workers)
    cluster.members, cluster.composite = tuple(members), True
    for member in members:
        found.nodes[member].parent = "cluster"
    cluster.attributes["size"] = workers
    for i in range(8):
        service = node(f"service{i}", "db", "cluster" if i % 2 else "queue", command=f"run v{version if i < 3 else 1}")
        service.properties["login"] = Attribute("db", ("password",))
    if version == 1:
        node("old", "queue")
        node("older", "old")
    else:
        node("new", "service0")
        node("newer", "new", size=2)
    return found


class Killer:
    """Counts points in the life of a process and ends it at one of them, as a power cut would."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.points: list[str] = []
        self.note_time: Callable[[], object] = lambda: None

    def point(self, what: str) -> None:
        self.points.append(what)
        self.note_time()
        if len(self.points) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, target: Any, method: str) -> None:
        inner = getattr(target, method)

        def call(*args: Any, **keywords: Any) -> Any:
            self.point(f"before {method}")
            result = inner(*args, **keywords)
            self.point(f"after {method}")
            return result

        setattr(target, method, call)


class Place:
    """The files of one deployment: journal, secrets, cloud."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def copy(self, directory: Path) -> Place:
        shutil.copytree(self.directory, directory)
        return Place(directory)

    def create(self) -> None:
        self.directory.mkdir(parents=True)
        journal = self.journal()
        journal.create(ROW)
        journal.close()

    def journal(self) -> Any:
        return open_journal(f"sqlite:///{self.directory}/journal.db")

    def cloud(self) -> DurableCloud:
        return DurableCloud(self.directory / "cloud.db")

    def run(self, wanted: Topology | None, rates: Rates, seed: int, killer: Killer) -> None:
        """What a command does, in a process of its own: up to `wanted`, or destroy."""
        journal = self.journal()
        row = journal.get(ROW.name)
        if row is None:
            assert wanted is None, "a destroyed deployment is done with"
            return
        store = open_secrets(self.directory / "secrets", row.id)
        lease = journal.acquire(row.id)
        for target, methods in ((journal, ("append", "update")), (store, ("put_all", "forget"))):
            for method in methods:
                killer.around(target, method)
        # the next process starts where the time of this one ended: time goes on for the cloud, whoever dies
        times = self.directory / "time"
        clock = VirtualClock(float(times.read_text())) if times.exists() else VirtualClock()
        killer.note_time = lambda: times.write_text(repr(clock.now()))
        provider = SimulatorProvider(
            DeploymentContext(row.name, row.id, str(self.directory), None, {"jitter": 0.1}),
            clock=clock,
            cloud=self.cloud(),
            faults=Faults(rates, seed),
            on_call=lambda when, call, node: killer.point(f"{when} {call} {node}"),
        )
        engine = Engine(
            provider=provider,
            journal=journal,
            secrets=store,
            row=row,
            lease=lease,
            clock=clock,
            executor=VirtualExecutor(clock),
            options=EngineOptions(seed=seed, heartbeat=3600.0),
        )
        records = journal.records(row.id)
        if wanted is None:
            result = engine.destroy(planning.destroy(records, deployment=row.name, provider=row.provider))
        else:
            plan = planning.diff(
                wanted,
                records,
                deployment=row.name,
                provider=row.provider,
                resource_of=provider.resource,
                salt=row.salt,
                secrets=store,
            )
            result = engine.apply(plan, wanted)
        result.raise_for_failure()
        journal.release(lease)
        journal.close()

    def process(self, wanted: Topology | None, *, kill_at: int | None = None, rates: Rates | None = None, seed: int = 0) -> int:
        """`run` in a child process. Returns the number of points that it went through, or minus the signal that ended it."""
        log = self.directory.parent / f"{self.directory.name}.points"
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            code = 1
            try:
                killer = Killer(kill_at)
                self.run(wanted, rates or Rates(list_lag=1.5), seed, killer)
                log.write_text("\n".join(killer.points))
                code = 0
            except BaseException:  # noqa: BLE001 - a child of the test process must never return into it
                log.write_text(traceback.format_exc())
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            return -os.WTERMSIG(status)
        text = log.read_text()
        assert os.WEXITSTATUS(status) == 0, text
        return len(text.splitlines())

    # -- what must hold

    def living(self) -> Mapping[str, list[Any]]:
        """What exists, by node, some time after the last change in the cloud: a delete that was asked for takes its time."""
        cloud = self.cloud()
        found: dict[str, list[Any]] = {}
        for thing in cloud.of_deployment(ROW.id):
            if thing.exists(cloud.time + 600.0):
                found.setdefault(thing.tag.node, []).append(thing)
        cloud.close()
        return found

    def check_crashed(self) -> None:
        """Right after a kill: the journal names every thing that exists, and nothing exists twice."""
        journal = self.journal()
        row = journal.get(ROW.name)
        records = journal.records(ROW.id) if row else {}
        journal.close()
        living = self.living()
        assert living.keys() <= records.keys(), "something exists that no record names"
        assert all(len(things) == 1 for things in living.values()), "something exists twice"

    def check(self, wanted: Topology | None) -> None:
        """After a resume: what is wanted exists once, as wanted, and is recorded; nothing else exists."""
        living = self.living()
        journal = self.journal()
        row = journal.get(ROW.name)
        records = journal.records(ROW.id)
        journal.close()
        if wanted is None:
            assert not living and not records and row is None
            assert not list((self.directory / "secrets").glob("*"))
            return
        assert row.status == "active"
        assert {name: len(things) for name, things in living.items()} == {node.name: 1 for node in wanted.primitives()}
        assert {name: record.status for name, record in records.items()} == dict.fromkeys(wanted.nodes, "ready")
        for name, (thing,) in living.items():
            assert records[name].handle == thing.id
            shown = {key: value for key, value in thing.properties.items() if key not in ("password", "login")}
            assert shown == {k: v for k, v in wanted.nodes[name].properties.items() if k not in ("password", "login")}
        password = open_secrets(self.directory / "secrets", ROW.id).get("db.password")
        assert password and password not in (self.directory / "journal.db").read_bytes().decode("latin-1")


SCENARIOS: Mapping[str, tuple[Callable[[], Topology] | None, Callable[[], Topology] | None]] = {
    "create": (None, topology),
    "update": (topology, lambda: topology(version=2)),
    "scale-up": (topology, lambda: topology(workers=12)),
    "scale-down": (topology, lambda: topology(workers=2)),
    "destroy": (topology, None),
}
"""Name -> what is there before, what is wanted (None: nothing)."""


@pytest.fixture(scope="session")
def scenario(tmp_path_factory):
    """`scenario(name)` -> (the place before, what is wanted, how many points the run has). Each is made once."""
    made: dict[str, tuple[Place, Topology | None, int]] = {}

    def prepare(name: str) -> tuple[Place, Topology | None, int]:
        if name not in made:
            before, after = SCENARIOS[name]
            place = Place(tmp_path_factory.mktemp(name) / "before")
            place.create()
            if before is not None:
                place.process(before())
                place.check(before())
            wanted = after() if after else None
            rehearsal = place.copy(place.directory.with_name("rehearsal"))
            points = rehearsal.process(wanted)
            rehearsal.check(wanted)
            made[name] = (place, wanted, points)
        return made[name]

    return prepare
