"""SIGKILL the client at random moments of `up`, `scale` and `destroy` with real processes: `resume` and `destroy` put it right.

The invariant: after the client was killed anywhere, one `resume` leaves exactly the wanted processes (each node once),
and one `destroy` leaves no process, no file and no port. The moments are random with a printed seed, spread over the time that
an undisturbed run takes.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.local
TEMPLATE = Path(__file__).with_name("service.yaml")
KILLS = 20


def _command(*args: str) -> list[str]:
    return [sys.executable, "-m", "bbq", *args]


def _run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(*args), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def _up(name: str, copies: int) -> tuple[str, ...]:
    return ("up", str(TEMPLATE), "--provider", "local", "--name", name, "--input", f"copies={copies}", "--yes")


def _killed_after(seconds: float, *args: str) -> bool:
    """True where the command was still running, and died by our signal."""
    process = subprocess.Popen(
        _command(*args), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def _environ(pid: str) -> dict[str, str]:
    try:
        raw = Path("/proc", pid, "environ").read_bytes()
    except OSError:
        return {}
    return dict(item.split("=", 1) for item in raw.decode(errors="replace").split("\0") if "=" in item)


def _ours(deployment: str) -> Counter[str]:
    """Node -> how many components run for it; their supervisors do not count."""
    found: Counter[str] = Counter()
    for pid in _tagged(deployment):
        try:
            if b"shim.py" not in Path("/proc", pid, "cmdline").read_bytes():
                found[_environ(pid)["BBQ_NODE"]] += 1
        except (OSError, KeyError):
            continue  # it ended while we looked
    return found


def _tagged(deployment: str) -> list[str]:
    return [
        e.name for e in Path("/proc").iterdir() if e.name.isdigit() and _environ(e.name).get("BBQ_DEPLOYMENT") == deployment
    ]


def _settled(deployment: str) -> list[str]:
    """What still runs after the shims had time to end."""
    deadline = time.monotonic() + 20
    while (left := _tagged(deployment)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _check_running(name: str, copies: int) -> None:
    resumed = _run("resume", name, "--yes")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    nodes = _ours(name)
    assert set(nodes.values()) == {1}, f"a node runs more than once: {nodes}"
    assert len([node for node in nodes if node.startswith("crew")]) == copies, nodes
    page = json.loads(_run("outputs", name, "--format", "json").stdout)["outputs"]["page"]
    with urllib.request.urlopen(page, timeout=10) as answer:
        assert answer.status == 200


def _check_gone(name: str) -> None:
    destroyed = _run("destroy", name, "--yes")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert _settled(name) == []
    deployments = Path.home() / ".local/state/bbq/deployments"
    assert not deployments.exists() or list(deployments.iterdir()) == []


@pytest.mark.timeout(900)
def test_kills_at_random_moments() -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    started = time.monotonic()
    first = _run(*_up("kill-0", 2))
    assert first.returncode == 0, first.stdout + first.stderr
    usual = time.monotonic() - started
    try:
        _check_running("kill-0", 2)
        _kill_rounds(rng, usual)
    finally:
        _run("destroy", "kill-0", "--yes")


def _kill_rounds(rng: random.Random, usual: float) -> None:
    kills, round_ = 0, 0
    while kills < KILLS:
        verb = ("create", "scale", "destroy")[round_ % 3]
        round_ += 1
        assert round_ < 6 * KILLS, "the runs end before they can be killed"
        if verb == "destroy":
            if _killed_after(rng.uniform(0.1, usual), "destroy", "kill-0", "--yes"):
                kills += 1
            _check_gone("kill-0")
        elif verb == "create":
            copies = rng.randint(1, 3)
            if _killed_after(rng.uniform(0.1, usual), *_up("kill-0", copies)):
                kills += 1
            again = _run(*_up("kill-0", copies))
            assert again.returncode == 0, again.stdout + again.stderr
            _check_running("kill-0", copies)
        else:
            copies = rng.randint(1, 4)
            if _killed_after(rng.uniform(0.1, usual), "scale", "kill-0", f"crew={copies}", "--yes"):
                kills += 1
            scaled = _run("scale", "kill-0", f"crew={copies}", "--yes")
            assert scaled.returncode == 0, scaled.stdout + scaled.stderr
            _check_running("kill-0", copies)
    _check_gone("kill-0")
