from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  inputs:
    workers:
      type: integer
      default: 2
      validation: { $and: [ { $greater_or_equal: [ $value, 1 ] }, { $less_or_equal: [ $value, 10 ] } ] }
    token: { type: bbq.datatypes.Secret, default: none }
    command: { type: string, default: python }
  node_templates:
    db:
      type: bbq.nodes.Database
      properties: { password: { $get_input: token } }
    tasks: { type: bbq.nodes.MessageQueue }
    worker:
      type: bbq.nodes.Worker
      properties:
        command: [ { $get_input: command }, worker.py ]
        instances: { $get_input: workers }
      requirements:
        - connection: db
        - connection: tasks
  outputs:
    db_host: { value: { $get_attribute: [ db, host ] } }
    db_url: { value: { $get_attribute: [ db, url ] } }
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err

    def json(self) -> Any:
        return json.loads(self.out)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Cli:
    """`bbq-deploy` in a process of its own, with a home of its own; nothing that it says may be a traceback or a secret."""

    def __init__(self, home: Path, bytecode: Path) -> None:
        self.home = home
        self.template = home / "pipeline" / "service.yaml"
        self.template.parent.mkdir()
        self.template.write_text(TEMPLATE)
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("BBQ_", "XDG_", "CI")) and key != "HOME"
        }
        self.environment |= {"HOME": str(home), "BBQ_SIMULATOR__LATENCY_MAX": "0.1"}
        # hundreds of processes: each module is compiled once for all of them, wherever the caller wants no bytecode
        self.environment |= {"PYTHONPYCACHEPREFIX": str(bytecode), "PYTHONDONTWRITEBYTECODE": ""}
        self.state = home / ".local/state/bbq"
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *argv: str | Path, **options: Any) -> subprocess.Popen[str]:
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        environment = {**self.environment, **options.pop("env", {})}
        command = [sys.executable, "-m", "bbq", *map(str, argv)]
        process = subprocess.Popen(command, env=environment, cwd=self.home, text=True, start_new_session=True, **options)
        self.running.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], given: str | None = None) -> Done:
        out, err = process.communicate(given, timeout=120)
        done = Done(process.returncode, out or "", err or "")
        assert "Traceback" not in done.all, done.all
        return done

    def __call__(self, *argv: str | Path, given: str | None = None, env: dict[str, str] | None = None) -> Done:
        stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
        return self.finish(self.start(*argv, env=env or {}, stdin=stdin), given)

    def up(self, *argv: str | Path, name: str = "demo", env: dict[str, str] | None = None) -> Done:
        return self("up", self.template, "--provider", "simulator", "--name", name, *argv, env=env)

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


@pytest.fixture
def cli(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    found = Cli(tmp_path, tmp_path_factory.getbasetemp() / "bytecode")
    yield found
    found.close()
