"""The main job: ten thousand records through a queue, Spark and a database; exactly once, whatever dies on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

import bbq

EXAMPLE = Path(__file__).parents[2] / "examples" / "packets"
RECORDS = 10_000
HANG = 420.0
"""Seconds after which the test gives up; on a busy machine a Spark driver takes a minute to start."""

_spec = importlib.util.spec_from_file_location("packets_send", EXAMPLE / "send.py")
send = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(send)


def driver_processes(state: Path) -> list[int]:
    """The Python driver of this deployment, and its JVM; not the supervisor that starts them again."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(EXAMPLE / "normaliser.py").encode() in arguments and str(state).encode() in environment:
                found.append(int(entry.name))
    return found


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # the JVM takes its Python with it


def wait_for(what: str, condition) -> None:
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {HANG:g} s"
        time.sleep(0.2)


@pytest.mark.local
@pytest.mark.timeout(900)
def test_ten_thousand_records_count_once_although_the_driver_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with bbq.ephemeral(str(EXAMPLE / "service.yaml"), provider="local", name="packets-test", ttl="1h") as deployment:
        viewer, queue = deployment.outputs["viewer_url"], deployment.nodes["packets"].queue
        records = list(send.records(RECORDS))
        odd = ["not an object", {"service": " \0 "}, {"value": 1}, {"service": "web", "value": 10**400, "level": ["x"]}]
        for start in range(0, RECORDS, 500):
            queue.send_many(records[start : start + 500])
        wait_for("a quarter of the records", lambda: sum(send.counted(viewer).values()) >= RECORDS / 4)

        killed = driver_processes(tmp_path)
        assert len(killed) >= 2, "the driver and its JVM"
        for pid in killed:
            kill(pid)
        queue.send_many(odd)
        expected = Counter(send.expected(RECORDS)) + Counter({"unreadable": 3, "web": 1})
        wait_for("all records", lambda: sum(send.counted(viewer).values()) >= expected.total())

        assert Counter(send.counted(viewer)) == expected
        import psycopg

        with psycopg.connect(deployment.outputs["db_url"]) as connection:
            stored = dict(connection.execute("SELECT service, count(*) FROM record GROUP BY 1").fetchall())
            numbers = connection.execute("SELECT body FROM record WHERE body LIKE '%%number%%'").fetchall()
            empty = connection.execute(
                "SELECT count(*) FROM packet WHERE NOT EXISTS (SELECT FROM record WHERE record.packet_id = packet.packet_id)"
            ).fetchone()
        assert Counter(stored) == expected
        assert sorted(json.loads(body)["number"] for (body,) in numbers) == list(range(RECORDS))
        assert empty == (0,)
        wait_for("the queue to be empty", lambda: queue.stats().backlog == 0)

        # A viewer that starts again knows what was counted before, and a repeated packet changes nothing.
        with urllib.request.urlopen(f"{viewer}/") as page:
            assert b"Packets by service" in page.read()
    assert not any(tmp_path.glob("bbq/deployments/*"))
    assert driver_processes(tmp_path) == []
