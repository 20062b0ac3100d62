"""What the role bbq.program puts on a server without systemd: the supervisor and keep.py, with nothing of bbq around."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bbq.providers import supervisor

KEEP = Path(__file__).parents[3] / "playbooks" / "roles" / "bbq.program" / "files" / "keep.py"
USUAL = {
    "environment": {},
    "grace": 5,
    "directory": "",
    "restart": "on-failure",
    "retries": 0,
    "schedule": "",
    "concurrency": "forbid",
    "run_at_start": False,
}
Keep = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    """`keep("start", argv=[...])`: as the role does it, in a directory of its own."""
    place = tmp_path / "program"
    (place / "supervisor").mkdir(parents=True)
    for path in (*supervisor.files(), KEEP):
        shutil.copy(path, place / "supervisor")

    def run(verb: str, **wanted: Any) -> subprocess.CompletedProcess[str]:
        if wanted:
            (place / "wanted.json").write_text(json.dumps(USUAL | wanted))
        command = [sys.executable, "-I", str(place / "supervisor" / "keep.py"), verb, str(place)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    yield run
    run("stop")


def test_one_run(keep: Keep, tmp_path: Path) -> None:
    argv = ["sh", "-c", f"echo once >> {tmp_path}/runs"]
    assert keep("start", argv=argv).stdout == "started\n"
    assert keep("wait").returncode == 0
    assert keep("start", argv=argv).stdout == "", "it has done what it had to"
    assert (tmp_path / "runs").read_text() == "once\n"
    keep("start", argv=["sh", "-c", "echo no luck; exit 3"])
    failed = keep("wait")
    assert failed.returncode == 1 and "exited with code 3: no luck" in failed.stderr


def test_the_clock_starts_it(keep: Keep) -> None:
    assert keep("start", argv=["true"], retries=-1, schedule="0 0 1 1 *", run_at_start=True).stdout == "started\n"
    assert keep("wait").returncode == 0
    assert keep("start", argv=["true"], retries=-1, schedule="0 0 1 1 *", run_at_start=True).stdout == "", "it is kept already"


def test_one_that_stays(keep: Keep) -> None:
    keep("start", argv=["sleep", "1000"], restart="always", retries=-1)
    assert keep("stays").returncode == 0
    pid = int(keep("pid").stdout)
    assert pid > 0
    keep("start", argv=["sleep", "1000"], restart="always", retries=-1)
    assert int(keep("pid").stdout) == pid, "it is left alone"
    keep("start", argv=["sleep", "1001"], restart="always", retries=-1)
    assert int(keep("pid").stdout) != pid, "it is another one now"
    keep("stop")
    assert int(keep("pid").stdout) == 0
