"""Somebody for whom things go wrong."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from disks import SmallDisk, small_disk

SECRET = "hunter2-hunter2"


class Done(NamedTuple):
    code: int
    out: str
    err: str


def until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"still waiting for: {what}"
        time.sleep(0.1)


class Newcomer:
    """Somebody for whom things go wrong, with a home of their own. No text has a traceback of bbq's or a secret in it, and
    when all is destroyed there is no process, no file and no deployment left."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / ".local/state/bbq"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("BBQ_", "XDG_", "CI"))}
        self.environment["HOME"] = str(home)
        self.running: list[subprocess.Popen[str]] = []

    def template(self, nodes: str) -> None:
        """`service.yaml` with these node templates; the first line of them is line 7."""
        head = (
            "tosca_definitions_version: tosca_2_0\nimports: [ { profile: 'bbq:1.0' } ]\nservice_template:\n"
            "  inputs:\n    token: { type: bbq.datatypes.Secret, default: none }\n  node_templates:\n"
        )
        (self.home / "service.yaml").write_text(head + nodes)

    def start(self, *argv: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        return self.start_python("-m", "bbq", *argv, env=env, **options)

    def start_python(self, *argv: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        command = [sys.executable, *argv]
        environment = self.environment | (env or {})
        process = subprocess.Popen(command, env=environment, cwd=self.home, text=True, start_new_session=True, **options)
        self.running.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> Done:
        out, err = process.communicate(timeout=120)
        done = Done(process.returncode, out, err)
        for forbidden in ("fault of bbq", SECRET, 'bbq/cli/main.py"'):
            assert forbidden not in out + err, done
        return done

    def __call__(self, *argv: str, **options: Any) -> Done:
        return self.finish(self.start(*argv, **options))

    def up(self, *argv: str, **options: Any) -> Done:
        return self("up", "service.yaml", "--name", "demo", *argv, **options)

    def patched(self, code: str, **variables: str) -> dict[str, str]:
        """Environment for `env=`: every Python that inherits it runs this at its start, its supervisors excepted."""
        place = self.home / "patch"
        place.mkdir(exist_ok=True)
        (place / "sitecustomize.py").write_text(code)
        return {"PYTHONPATH": str(place), **variables}

    def listed(self) -> dict[str, Any]:
        """The living deployments by name."""
        return {row["name"]: row for row in json.loads(self("list", "--format", "json").out)["deployments"]}

    def deployments(self) -> dict[str, str]:
        return {name: row["status"] for name, row in self.listed().items()}

    @contextlib.contextmanager
    def small_disk(self) -> Iterator[SmallDisk]:
        """Its state is on a disk of 2 MB. What was made there is destroyed before the disk goes, and the journal with it."""
        with small_disk(self.state) as disk:
            try:
                yield disk
            finally:
                disk.make_room()
                self.close()

    def _pids(self) -> Iterator[tuple[int, str]]:
        """Pid and command line of all that have this home in their command line or environment."""
        wanted = str(self.home).encode()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                argv = (path / "cmdline").read_bytes()
                if wanted in argv + (path / "environ").read_bytes():
                    yield int(path.name), argv.replace(b"\0", b" ").decode(errors="replace")

    def processes(self) -> list[str]:
        return [command for _, command in self._pids()]

    def clean_up(self) -> None:
        """Destroy what there is; nothing may be left."""
        for name in self.deployments():
            done = self("destroy", name, "--yes")
            assert done.code == 0, done
        until(lambda: self.processes() == [], "the end of all processes")
        left = [path for path in self.state.rglob("*") if path.is_file() and not path.name.startswith("journal.db")]
        assert left == [], "no file is left"

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        try:
            self.clean_up()
        finally:  # a test that fails leaves nothing that runs, either
            for pid, _ in self._pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
