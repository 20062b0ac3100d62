"""One of everything that views show, with hostile text where users have a say."""

from __future__ import annotations

import pytest

from bbq.diagnostics import Diagnostic, Excerpt, SourceRange
from bbq.journal.model import DeploymentRow, Event, Record
from bbq.plan.model import Action, FieldChange, Plan, Step
from bbq.topology.model import Edge, Node, Topology

EVIL = "x\x1b]0;title\x07\x1b[31mred\x1b[0m\x9b2J\u202etxt\x00\x08"
"""Sets the title, colours, clears the screen, reverses what follows."""


@pytest.fixture
def evil() -> tuple[str, str]:
    """Hostile text, and how it prints."""
    return EVIL, "xredtxt"


@pytest.fixture
def plan() -> Plan:
    steps = [
        Step("db", "bbq.nodes.Database", Action.CREATE, changes=(FieldChange("engine", None, "postgresql"),)),
        Step(
            "spark",
            "bbq.nodes.SparkCluster",
            Action.UPDATE,
            {"db"},
            (FieldChange("workers", 2, 3), FieldChange("url", "spark://a", "(known after apply)")),
        ),
        Step(
            "viewer",
            "bbq.nodes.Service",
            Action.REPLACE,
            {"db"},
            (FieldChange("port", 1, 2, forces_replacement=True), FieldChange("secret", "********", "********")),
            "its port changed",
        ),
        Step(EVIL, EVIL, Action.DELETE, reason=EVIL),
        Step("same", "bbq.nodes.Job", Action.NOTHING),
    ]
    return Plan("demo", "local", {step.node: step for step in steps}, (f"careful {EVIL}",))


@pytest.fixture
def row() -> DeploymentRow:
    return DeploymentRow("id-1", "demo", "local", "service.yaml", 1000.0, "active", expires_at=8200.0)


@pytest.fixture
def records() -> dict[str, Record]:
    found = [
        Record("db", "bbq.nodes.Database", "ready", "h1", 1, started_at=1000.0, ready_at=1003.0),
        Record("spark", "bbq.nodes.SparkCluster", "created", None, 1, members=("spark.master",), started_at=1000.0),
        Record(
            "spark.master",
            "bbq.local.SparkMaster",
            "failed",
            "h2",
            2,
            error=EVIL,
            parent="spark",
            depends_on=("db",),
            started_at=1.0,
        ),
    ]
    return {record.node: record for record in found}


@pytest.fixture
def events() -> list[Event]:
    return [
        Event("deployment.created", 100.0, seq=1),
        Event(
            "run.started", 100.0, data={"command": "apply", "counts": {"create": 2}, "critical_path": ["db"], "expected": 9.0}
        ),
        Event("step.intent", 100.1, "db", "create", attempt=1, data={"action": "create"}),
        Event("secret.created", 100.1, data={"name": "db.password"}),
        Event("step.waiting", 100.5, "db", stage="created", data={"awaited": f"tcp {EVIL}", "elapsed": 0.4, "eta": 2.0}),
        Event("step.waiting", 100.6, "db", stage="created", data={"awaited": f"tcp {EVIL}", "elapsed": 0.5, "eta": 1.9}),
        Event("step.outcome", 101.0, "db", "create", attempt=1, data={"result": "ok", "id": "1"}),
        Event("step.stage", 103.1, "db", stage="ready"),
        Event("step.outcome", 104.0, "x", "create", attempt=3, data={"result": "failed", "cause": f"boom {EVIL}"}),
        Event("run.stopping", 104.1, data={"reason": "interrupt", "in_flight": 2, "eta": 3.0}),
        Event("run.finished", 105.0, data={"result": "failed", "elapsed": 5.0, "exit_code": 7, "error": "x failed"}),
    ]


@pytest.fixture
def diagnostics() -> list[Diagnostic]:
    related = ((SourceRange("main.yaml", 2, 5), "imported from"), (SourceRange("a.yaml", 1, 1), "first definition"))
    return [
        Diagnostic(
            "error",
            "BBQ-T001",
            f"unknown type {EVIL}",
            "service.yaml",
            3,
            9,
            "did you mean bbq.nodes.Spark?",
            3,
            24,
            related,
            Excerpt(f"  type: bbq.nodes.Sparc # {EVIL}", 8, 23),
        ),
        Diagnostic("warning", "BBQ-T002", "odd", "<input>", 1, 1),
    ]


@pytest.fixture
def topology() -> Topology:
    def edge(target: str, hosted: bool = False) -> Edge:
        return Edge("host" if hosted else "connection", target, "r", hosted=hosted)

    workers = [f"spark.worker[{index}]" for index in range(3)]
    nodes = [
        Node("host", "tosca.nodes.Compute", ("tosca.nodes.Compute",)),
        Node("db", "bbq.nodes.Database", ("bbq.nodes.Database",), edges=[edge("host", True)]),
        Node("spark", "bbq.nodes.SparkCluster", ("bbq.nodes.SparkCluster",), members=("spark.master", *workers)),
        Node("spark.master", "bbq.local.SparkMaster", ("bbq.local.SparkMaster",), parent="spark"),
        *(
            Node(name, "bbq.local.SparkWorker", ("bbq.local.SparkWorker",), edges=[edge("spark.master")], parent="spark")
            for name in workers
        ),
        Node('app "<&>"', "bbq.nodes.Service", ("bbq.nodes.Application",), edges=[edge("db"), edge("spark")]),
    ]
    return Topology({node.name: node for node in nodes}, description=f"A stack {EVIL} <b>&")
