"""The command line on real processes: what only they can show - logs, queues, what died, the time to live."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.local

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  inputs:
    copies: { type: integer, default: 1 }
  node_templates:
    page:
      type: bbq.nodes.Service
      properties: { command: [ python, page.py ], health_path: / }
    tasks:
      type: bbq.nodes.MessageQueue
      properties: { queues: [ first, second ] }
    worker:
      type: bbq.nodes.Worker
      properties:
        command: [ python, -c, "import time; print('hello', flush=True); time.sleep(1000)" ]
        instances: { $get_input: copies }
      requirements:
        - connection: tasks
        - connection: page
  outputs:
    url: { value: { $get_attribute: [ page, url ] } }
    queue_url: { value: { $get_attribute: [ tasks, url ] } }
"""
PAGE = """\
import os
import signal
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), SimpleHTTPRequestHandler).serve_forever()
"""


class Cli:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("BBQ_", "XDG_"))} | {"HOME": str(home)}

    def start(self, *argv: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "bbq", *argv]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, env=self.environment, cwd=self.home, text=True, **pipes)

    def __call__(self, *argv: str, code: int = 0, given: str = "") -> str:
        process = self.start(*argv)
        out, _ = process.communicate(given, timeout=180)
        assert "Traceback" not in out, out
        assert process.returncode == code, out
        return out

    def processes(self, part: str = "") -> list[int]:
        """Every process that has this home (and `part` below it) in its command line or environment."""
        found, wanted = [], f"{self.home}{part}".encode()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (path / "cmdline").read_bytes() + (path / "environ").read_bytes():
                    found.append(int(path.name))
            except OSError:
                continue
        return found


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    (tmp_path / "service.yaml").write_text(TEMPLATE)
    (tmp_path / "page.py").write_text(PAGE)
    found = Cli(tmp_path)
    yield found
    for name in [row["name"] for row in json.loads(found("list", "--format", "json"))["deployments"]]:
        found("destroy", name, "--yes")
    deadline = time.monotonic() + 30
    while found.processes() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found.processes() == [], "nothing is left"


def test_a_whole_life(cli: Cli) -> None:
    cli("up", "service.yaml", "--name", "demo", "--ttl", "1h", "--quiet")
    url = cli("outputs", "demo", "url").strip()
    assert b"page.py" in urllib.request.urlopen(url, timeout=10).read()
    assert "nothing differs" in cli("drift", "demo")
    assert "nothing to do" in cli("up", "service.yaml", "--name", "demo")

    cli("scale", "demo", "worker=3")
    deadline = time.monotonic() + 60
    while (logs := cli("logs", "demo", "worker")).count("hello") < 3 and time.monotonic() < deadline:
        time.sleep(0.3)
    assert {line.partition(" ")[0] for line in logs.splitlines()} == {f"worker.instance[{n}]" for n in range(3)}
    assert json.loads(cli("logs", "demo", "worker.instance[1]", "--tail", "1", "--format", "json"))["line"] == "hello"
    assert "did you mean worker" in cli("logs", "demo", "wrker", code=2)

    cli("destroy", "demo", "--quiet")
    assert "demo" not in cli("list")
    state = cli.home / ".local/state/bbq"
    assert [path for path in state.rglob("*") if path.is_file() and not path.name.startswith("journal.db")] == []


def test_queues_from_the_command_line(cli: Cli) -> None:
    cli("up", "service.yaml", "--name", "demo", "--target", "tasks", "--quiet")
    assert "sent 1 message to first" in cli("queue", "demo", "tasks", "send", '{"n": 1}', "--ttl", "1h")
    assert "sent 3 messages" in cli("queue", "demo", "tasks", "send", "-", given='{"n": 2}\n\n"text"\n[4]\n')
    assert '{"n": 1}' in cli("queue", "demo", "tasks", "peek")
    (row,) = json.loads(cli("queue", "demo", "tasks", "stats", "--format", "json"))["rows"]
    assert (row["queue"], row["ready"]) == ("first", 4)
    assert cli("queue", "demo", "tasks", "receive", "--count", "2").splitlines() == ['{"n": 1}', '{"n": 2}']
    message = json.loads(cli("queue", "demo", "tasks", "receive", "--format", "json"))
    assert (message["v"], message["value"]["body"]) == (1, "text")
    assert cli("queue", "demo", "tasks", "subscribe", "--idle", "1s").strip() == "[4]"
    assert cli("queue", "demo", "tasks", "receive") == ""

    cli("queue", "demo", "--queue", "second", "tasks", "send", "1", "2")
    assert "dropped 2" in cli("queue", "demo", "tasks", "--queue", "second", "purge", "--yes")
    assert "not JSON" in cli("queue", "demo", "tasks", "send", "{", code=2)
    assert "no queue 'third'" in cli("queue", "demo", "--queue", "third", "tasks", "stats", code=2)
    assert "has no node 'nothing'" in cli("queue", "demo", "nothing", "stats", code=2)


def test_a_message_that_nobody_could_read_goes_back(cli: Cli) -> None:
    cli("up", "service.yaml", "--name", "demo", "--target", "tasks", "--quiet")
    cli("queue", "demo", "tasks", "send", "-", given="".join(f'"{n}"\n' for n in range(200)))
    process = cli.start("queue", "demo", "tasks", "receive", "--count", "200")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    (row,) = json.loads(cli("queue", "demo", "tasks", "stats", "--format", "json"))["rows"]
    assert row["ready"] + row["claimed"] == 200


def test_autoscale(cli: Cli) -> None:
    cli("up", "service.yaml", "--name", "demo", "--quiet")
    cli("queue", "demo", "tasks", "send", "-", given="1\n" * 45)
    scale = ("autoscale", "demo", "worker", "--queue", "first", "--messages-per-worker", "20", "--once")
    assert "45 messages, 1 workers: scaled to 3" in cli(*scale)
    assert "nothing to do" in cli(*scale)
    cli("queue", "demo", "tasks", "receive", "--count", "45", "--quiet")
    assert "0 messages, 3 workers: scaled to 2" in cli(*scale)
    refused = cli("autoscale", "demo", "worker", "--queue", "other", "--once", code=2)
    assert "no queue 'other'" in refused and "hint: queues: first" in refused
    assert "not possible" in cli(*scale, "--min", "5", "--max", "4", code=2)


def test_a_program_that_fails(cli: Cli) -> None:
    """The root cause is in the error; putting it right and saying `up` again is enough."""
    page = (cli.home / "page.py").read_text()
    (cli.home / "page.py").write_text("import sys; sys.exit('no such table: x')\n")
    assert "no such table: x" in cli("up", "service.yaml", "--name", "demo", code=7)
    assert "failed" in cli("status", "demo", code=7)
    (cli.home / "page.py").write_text(page)
    cli("up", "service.yaml", "--name", "demo", "--quiet")
    assert "failed" not in cli("status", "demo")


def test_a_lost_component_is_put_back(cli: Cli) -> None:
    cli("up", "service.yaml", "--name", "demo", "--quiet")
    unit = next(cli.home.rglob("nodes/page/units/main/process.json"))
    program = int(json.loads(unit.read_text())["pid"])
    supervisors = set(cli.processes(str(unit.parent).removeprefix(str(cli.home)))) - {program}
    for pid in [*supervisors, program]:  # the supervisor first: it would start it again
        os.kill(pid, 9)
    assert "page" in cli("drift", "demo", code=3)
    assert "page" in cli("status", "demo", code=7)
    cli("up", "service.yaml", "--name", "demo", "--quiet")
    assert "nothing differs" in cli("drift", "demo")


def _program(cli: Cli, node: str, *, but: int = 0) -> int:
    """The pid of a node's program, as soon as there is one (another one)."""
    unit = next(cli.home.rglob(f"nodes/{node}/units/main/process.json"))
    deadline = time.monotonic() + 60
    while (pid := int(json.loads(unit.read_text())["pid"])) in (0, but) and time.monotonic() < deadline:
        time.sleep(0.01)
    return pid


def test_a_service_that_runs_and_does_not_answer_is_not_ready(cli: Cli) -> None:
    cli("up", "service.yaml", "--name", "demo", "--quiet")
    page = _program(cli, "page")
    os.kill(page, signal.SIGSTOP)
    try:
        assert "demo: degraded" in cli("status", "demo")
        assert re.search(r"page +not ready +.*timed out", cli("drift", "demo", code=3))
    finally:
        os.kill(page, signal.SIGCONT)
    assert "demo: active" in cli("status", "demo")
    assert "nothing differs" in cli("drift", "demo")


def test_a_cluster_is_not_ready_while_its_master_has_no_worker(cli: Cli) -> None:
    head, _, _ = TEMPLATE.partition("  inputs:")
    nodes = "  node_templates:\n    spark: { type: bbq.nodes.SparkCluster, properties: { workers: 1 } }\n"
    (cli.home / "spark.yaml").write_text(head + nodes)
    cli("up", "spark.yaml", "--name", "demo", "--quiet")
    worker = _program(cli, "spark.worker[[]0]")
    os.kill(worker, signal.SIGKILL)
    worker = _program(cli, "spark.worker[[]0]", but=worker)
    os.kill(worker, signal.SIGSTOP)  # it runs, and never gets to tell its master
    try:
        told = cli("status", "demo")
        assert "demo: degraded" in told
        assert re.search(r"^spark .*created.*spark\.worker\[0\]: the master has it as DEAD", told, re.MULTILINE), told
    finally:
        os.kill(worker, signal.SIGCONT)
    cli("up", "spark.yaml", "--name", "demo", "--quiet")  # waits for it
    assert "demo: active" in cli("status", "demo")


def test_the_time_to_live_holds_without_a_client(cli: Cli) -> None:
    cli("up", "service.yaml", "--name", "demo", "--ttl", "1h", "--quiet")
    cli("up", "service.yaml", "--name", "demo", "--ttl", "3s", "--quiet")
    deadline = time.monotonic() + 60
    while "demo" in cli("list") and time.monotonic() < deadline:
        time.sleep(0.5)
    assert "demo" not in cli("list")


def test_doctor(cli: Cli) -> None:
    rows = {row["check"]: row for row in json.loads(cli("doctor", "--format", "json"))["rows"]}
    assert rows["State directory"]["verdict"] == "ok"
    assert rows["NATS"]["verdict"] == "ok"
    assert {"Java", "Spark", "PostgreSQL", "RabbitMQ", "MariaDB", "Disk", "User namespaces"} <= set(rows)


def test_two_interrupts_end_a_run_at_once(cli: Cli) -> None:
    (cli.home / "page.py").write_text("import time; time.sleep(1000)\n")  # never answers
    process = cli.start("up", "service.yaml", "--name", "demo", "--format", "json")
    assert process.stdout is not None
    next(line for line in process.stdout if '"step.waiting"' in line and '"page"' in line)
    process.send_signal(signal.SIGINT)
    next(line for line in process.stdout if '"run.stopping"' in line)
    assert process.poll() is None, "it waits for what is in flight"
    process.send_signal(signal.SIGINT)
    lines = process.stdout.read().splitlines()
    assert process.wait(timeout=30) == 130
    assert json.loads(lines[-1])["exit_code"] == 130
    assert "interrupted" in cli("status", "demo")
    (cli.home / "page.py").write_text(PAGE)
    cli("destroy", "demo", "--quiet")
