"""What a database and a queue hold survives the death of everything but the disk: as a reboot, or a killed supervisor."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

import bbq
from bbq.providers.local.provider import LocalProvider

pytestmark = pytest.mark.local

TEMPLATE = """
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
    jobs: { type: bbq.nodes.MessageQueue }
    db: { type: bbq.nodes.Database }
    file: { type: bbq.nodes.Database, properties: { engine: sqlite } }
"""


def _processes(deployment: str) -> list[int]:
    tag = f"BBQ_DEPLOYMENT={deployment}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and tag in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _kill_everything(deployment: str) -> None:
    deadline = time.monotonic() + 20
    while (left := _processes(deployment)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)
    assert not left


def test_what_was_killed_is_brought_back_with_its_data(tmp_path: Path) -> None:
    template = tmp_path / "service.yaml"
    template.write_text(TEMPLATE)
    with bbq.ephemeral(template, provider="local") as deployment:
        for name in ("db", "file"):
            deployment.nodes[name].database.execute("create table t (n integer)")
            deployment.nodes[name].database.execute("insert into t values (7)")
        deployment.nodes["jobs"].queue.send({"n": 7})
        urls = {name: deployment.nodes[name].attributes["url"] for name in ("db", "jobs")}

        _kill_everything(deployment.name)
        steps = bbq.plan(template, provider="local", name=deployment.name).steps
        assert {name for name, step in steps.items() if step.action == "update"} >= {"jobs.server", "db.server"}
        again = bbq.deploy(template, provider="local", name=deployment.name)
        assert {name: again.nodes[name].attributes["url"] for name in urls} == urls
        for name in ("db", "file"):
            assert again.nodes[name].database.query("select n from t") == [{"n": 7}]
        (message,) = again.nodes["jobs"].queue.receive(wait=5)
        assert message.body == {"n": 7}


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "print(1)"])
def test_a_job_that_has_ended_is_gone_at_the_first_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    template = tmp_path / "service.yaml"
    job = f'{{ type: bbq.nodes.Job, properties: {{ command: [ python, -c, "{body}" ] }} }}'
    template.write_text(TEMPLATE.partition("    jobs:")[0] + f"    job: {job}\n")
    with suppress(bbq.ResourceFailed):
        bbq.deploy(template, provider="local", name="ended")
    looks = []
    list_states = LocalProvider.list_states
    monkeypatch.setattr(LocalProvider, "list_states", lambda *args: looks.append(args) or list_states(*args))
    bbq.open("ended").destroy()
    assert len(looks) == 1
