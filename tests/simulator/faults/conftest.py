from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HEAD = "tosca_definitions_version: tosca_2_0\nimports: [ { profile: 'bbq:1.0' } ]\nservice_template:\n"
TEMPLATE = (
    HEAD
    + """\
  inputs:
    workers: { type: integer, default: 1, description: How many at once., validation: { $less_or_equal: [ $value, 3 ] } }
    token: { type: bbq.datatypes.Secret, default: none }
  node_templates:
    tasks: { type: bbq.nodes.MessageQueue }
    worker:
      type: bbq.nodes.Worker
      properties:
        command: [ python, worker.py ]
        instances: { $get_input: workers }
        environment: { TOKEN: { $get_input: token } }
      requirements: [ { connection: tasks } ]
"""
)
SECRET = "hunter2-hunter2"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Newcomer:
    """Somebody who types wrong things into `bbq-deploy`, in a home of their own.

    Whatever is typed: no traceback, no "fault of bbq", no secret, and an error is one sentence on standard error.
    """

    def __init__(self, home: Path, bytecode: Path) -> None:
        self.home = home
        self.template = self.file("service.yaml", TEMPLATE)
        self.state = home / ".local/state/bbq"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("BBQ_", "XDG_", "CI"))}
        self.environment |= {"HOME": str(home), "PYTHONPYCACHEPREFIX": str(bytecode), "PYTHONDONTWRITEBYTECODE": ""}
        self.running: list[subprocess.Popen[bytes]] = []

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.home / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def start(self, *argv: str | bytes | Path, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        command = [sys.executable, "-m", "bbq", *(word if isinstance(word, bytes) else str(word) for word in argv)]
        process = subprocess.Popen(
            command, env=self.environment | (env or {}), cwd=self.home, start_new_session=True, **options
        )
        self.running.append(process)
        return process

    def finish(self, process: subprocess.Popen[bytes]) -> Done:
        out, err = process.communicate(timeout=120)
        done = Done(process.returncode, out.decode(), err.decode())
        for forbidden in ("Traceback", "fault of bbq", SECRET, "SourceRange("):
            assert forbidden not in done.out + done.err, done
        errors = sum(line.startswith("error: ") for line in done.err.splitlines())
        assert errors <= 1, done
        if not {"validate", "status", "drift"} & {*map(str, process.args)}:  # these have findings, which are results
            assert errors == int(done.code not in (0, 3)), done
        return done

    def __call__(self, *argv: str | bytes | Path, env: dict[str, str] | None = None, **options: Any) -> Done:
        return self.finish(self.start(*argv, env=env, **options))

    def up(self, *argv: str | bytes | Path, name: str = "demo", **options: Any) -> Done:
        return self("up", self.template, "--provider", "simulator", "--name", name, *argv, **options)

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


@pytest.fixture
def newcomer(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    found = Newcomer(tmp_path, tmp_path_factory.getbasetemp() / "bytecode")
    yield found
    found.close()
