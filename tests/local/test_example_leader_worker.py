"""Leader, queue, workers, table and poller together: every task is done once, whoever dies; workers follow the queue."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

import bbq
from bbq import autoscale

EXAMPLE = Path(__file__).parents[2] / "examples" / "leader-worker" / "service.yaml"
HANG = 120.0

pytestmark = [pytest.mark.local, pytest.mark.timeout(400)]


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def runs(deployment) -> list[dict]:
    with urllib.request.urlopen(deployment.outputs["runs_url"], timeout=10) as answer:
        return json.load(answer)["runs"]


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {HANG:g} s"
        time.sleep(0.1)


def complete(deployment) -> bool:
    found = runs(deployment)
    return bool(found) and all(run["complete"] for run in found)


def worker_processes(state: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if arguments.endswith(b"\0worker.py\0") and str(state).encode() in environment:
                found.append(int(entry.name))
    return found


def test_every_task_is_done_once_although_a_worker_is_killed(tmp_path: Path) -> None:
    inputs = {"task_seconds": "0.4", "workers": 2, "schedule": "0 0 1 1 *"}
    with bbq.ephemeral(str(EXAMPLE), provider="local", name="lw", inputs=inputs, ttl="1h") as deployment:
        wait_for("the first task", lambda: any(run["finished"] for run in runs(deployment)))
        victim = worker_processes(tmp_path)[0]
        os.kill(victim, signal.SIGKILL)
        wait_for("the run", lambda: complete(deployment))
        (run,) = runs(deployment)
        assert (run["tasks"], run["finished"], run["failed"], run["started"]) == (36, 36, 0, 0)
        assert victim not in worker_processes(tmp_path) and len(worker_processes(tmp_path)) == 2
        import psycopg

        with psycopg.connect(deployment.outputs["db_url"]) as connection:
            rows = connection.execute(
                "SELECT task_status, count(*), count(DISTINCT task_id) FROM run_process GROUP BY 1"
            ).fetchall()
            computed = connection.execute("SELECT count(*), min(energy), min(peak_load) FROM task").fetchone()
        assert rows == [("FINISHED", 36, 36)]
        assert computed[0] == 36 and computed[1] > 0 and computed[2] > 0
        wait_for("the queue to be empty", lambda: deployment.nodes["tasks"].queue.stats().backlog == 0)
    assert worker_processes(tmp_path) == []


def test_a_task_that_fails_is_marked_and_the_run_is_complete() -> None:
    inputs = {"selections": "north,nowhere", "start_date": "2024-01-15", "end_date": "2024-03-01", "schedule": "0 0 1 1 *"}
    with bbq.ephemeral(str(EXAMPLE), provider="local", name="lw", inputs=inputs, ttl="1h") as deployment:
        wait_for("the run", lambda: complete(deployment))
        (run,) = runs(deployment)
        assert (run["tasks"], run["finished"], run["failed"]) == (6, 3, 3)


def test_workers_scale_with_the_queue(tmp_path: Path) -> None:
    inputs = {"task_seconds": "2", "workers": 1, "schedule": "0 0 1 1 *"}
    with bbq.ephemeral(str(EXAMPLE), provider="local", name="lw", inputs=inputs, ttl="1h") as deployment:
        seen: list[int | None] = []

        def scale(count: int) -> None:
            deployment.scale("workers", count)

        def look() -> None:
            tick = autoscale.run(
                deployment.nodes["tasks"].queue,
                lambda: len(worker_processes(tmp_path)),
                scale,
                autoscale.Limits(1, 4, 8),
                once=True,
            )
            seen.append(tick.scaled_to)

        look()
        assert seen == [4]
        wait_for("four workers", lambda: len(worker_processes(tmp_path)) == 4)
        wait_for("the run", lambda: complete(deployment))
        wait_for("the queue to be empty", lambda: deployment.nodes["tasks"].queue.stats().backlog == 0)
        look()
        assert seen == [4, 3], "down by one step"
        assert len(worker_processes(tmp_path)) == 3


@pytest.mark.skipif(not shutil.which("rabbitmq-server"), reason="rabbitmq-server is not installed")
@pytest.mark.skipif(not (shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()), reason="MariaDB is not installed")
def test_on_rabbitmq_and_mariadb() -> None:
    inputs = {"queue_engine": "rabbitmq", "database_engine": "mariadb", "end_date": "2023-03-31", "schedule": "0 0 1 1 *"}
    with bbq.ephemeral(str(EXAMPLE), provider="local", name="lw", inputs=inputs, ttl="1h") as deployment:
        wait_for("the run", lambda: complete(deployment))
        (run,) = runs(deployment)
        assert (run["tasks"], run["finished"], run["failed"]) == (9, 9, 0)
