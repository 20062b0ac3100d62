"""What the engine itself costs, beside the calls and the waiting, with a durable journal (SQLite, synchronous FULL)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bbq.journal import open_journal
from bbq.journal.model import Event
from benchmarks.figures import Figure, seconds
from benchmarks.world import ROW, World, random_graph, topology

SIZES = (1_000, 10_000)


def run() -> list[Figure]:
    figures = []
    per_resource = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as directory:
            world = World(Path(directory))
            wanted = topology(random_graph(size))
            plan = world.plan(wanted)
            engine = world.engine()
            total = seconds(lambda engine=engine, plan=plan, wanted=wanted: engine.apply(plan, wanted).raise_for_failure())
            own = total - world.in_calls
            floor = journal_floor(Path(directory) / "floor", size)
            per_resource[size] = own / size * 1e3
            against = f"floor: the same events journalled in a bare loop {floor / size * 1e3:.3f} ms; ratio {own / floor:.2f}"
            figures.append(
                Figure(f"engine's own share, {size:,} nodes", per_resource[size], "ms/resource", 2.0, against=against)
            )
    small, large = (per_resource[size] for size in SIZES)
    figures.append(Figure("growth per resource from 1,000 to 10,000 nodes", large / small, "x", 1.5, against="linear is 1"))
    figures.append(memory())
    return figures


def journal_floor(directory: Path, size: int) -> float:
    """Seconds to journal what a run of `size` creates journals, in batches of 32 nodes."""
    directory.mkdir()
    journal = open_journal(f"sqlite:///{directory}/journal.db")
    journal.create(ROW)
    lease = journal.acquire(ROW.id)
    data = {"type": "tosca.nodes.Compute", "ancestry": [], "wanted": {"properties": {"size": 1}}, "edges": ["n0", "n1"]}

    def work() -> None:
        for start in range(0, size, 32):
            names = [f"n{i}" for i in range(start, min(start + 32, size))]
            journal.append(lease, [Event("step.intent", 0.0, name, "create", attempt=1, data=data) for name in names])
            outcomes = [Event("step.outcome", 0.0, n, "create", attempt=1, data={"result": "ok", "id": n}) for n in names]
            stages = [Event("step.stage", 0.0, n, stage=s) for n in names for s in ("booted", "configured", "ready")]
            journal.append(lease, outcomes + stages)

    found = seconds(work)
    journal.close()
    return found


def memory() -> Figure:
    """Peak memory of a process that makes 10,000 nodes, against one that only imports and builds the graph."""
    peaks = {}
    for what in ("graph", "run"):
        command = [sys.executable, "-m", "benchmarks.engine", what]
        peaks[what] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    against = f"floor: imports and the graph alone {peaks['graph']:.0f} MB; ratio {peaks['run'] / peaks['graph']:.2f}"
    return Figure("peak memory at 10,000 nodes", peaks["run"], "MB", 250.0, against=against)


def _peak(what: str) -> float:
    wanted = topology(random_graph(10_000))
    if what == "run":
        with tempfile.TemporaryDirectory() as directory:
            World(Path(directory)).apply(wanted)
    # not ru_maxrss: that of a parent is handed down through fork and exec
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_peak(sys.argv[1])))
