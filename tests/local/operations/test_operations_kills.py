"""The client killed in the middle of an operation, and the process that carries operations out: nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from operated import Operated, thing

pytestmark = pytest.mark.local

STANDARD = """\
inputs:
  trace: { type: string, value: { get_input: trace } }
operations:
  create: { implementation: step.sh, inputs: { step: { type: string, default: create } } }
  configure: { implementation: wait.sh, inputs: { step: { type: string, default: configure } } }
  start: { implementation: step.sh, inputs: { step: { type: string, default: start } } }
  stop: { implementation: wait.sh, inputs: { step: { type: string, default: stop } } }
  delete: { implementation: step.sh, inputs: { step: { type: string, default: delete } } }
"""
STEP = 'echo "$step" >> "$trace"\n'
WAIT = """\
echo "$step begins" >> "$trace"
while [ ! -e "$trace.go" ]; do sleep 0.1; done
echo "$step" >> "$trace"
"""


@pytest.fixture
def slow(operated: Operated) -> Operated:
    operated.write("service.yaml", thing(STANDARD, "{ trace: { type: string } }"))
    operated.write("step.sh", STEP)
    operated.write("wait.sh", WAIT)
    return operated


def _until(what: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def _killed(operated: Operated, line: str, *arguments: str) -> None:
    """Start the command, and kill it as soon as the line is in the trace."""
    process = subprocess.Popen(
        operated.command(*arguments),
        cwd=operated.directory,
        env=operated.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _until(lambda: line in operated.traced())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _up(operated: Operated) -> tuple[str, ...]:
    return ("up", "service.yaml", "--name", "op", "--yes", "--input", f"trace={operated.trace}")


def _go(operated: Operated) -> None:
    Path(f"{operated.trace}.go").touch()


def test_a_killed_client_leaves_the_operation_running_and_resume_waits_for_it(slow: Operated) -> None:
    _killed(slow, "configure begins", *_up(slow))
    assert slow.processes()
    status = json.loads(slow.ok("status", "op", "--format", "json"))
    assert {node["node"]: node["status"] for node in status["nodes"]} == {"server": "ready", "thing": "created"}
    _go(slow)
    slow.ok("resume", "op", "--yes")
    assert slow.traced() == ["create", "configure begins", "configure", "start"]
    assert "nothing to do" in slow.ok(*_up(slow))
    slow.ok("destroy", "op", "--yes")
    assert slow.traced()[4:] == ["stop begins", "stop", "delete"]
    slow.nothing_left()


def test_what_was_done_is_not_repeated_when_the_worker_itself_was_killed(slow: Operated) -> None:
    _killed(slow, "configure begins", *_up(slow))
    state = json.loads((slow.node_directory("thing") / "state.json").read_text())
    os.kill(state["pid"], signal.SIGKILL)
    _go(slow)
    slow.ok("resume", "op", "--yes")
    done = slow.traced()
    assert done.count("create") == 1 and done.count("start") == 1 and done[-1] == "start"
    assert done.count("configure begins") == 2  # the one that was cut off is the only one that is repeated
    assert not [line for line in slow.processes() if "ansible" in line and "ssh" not in line]


def test_killed_in_a_destroy(slow: Operated) -> None:
    _go(slow)
    slow.ok(*_up(slow))
    Path(f"{slow.trace}.go").unlink()
    _killed(slow, "stop begins", "destroy", "op", "--yes")
    state = json.loads((slow.node_directory("thing") / "state.json").read_text())
    os.kill(state["pid"], signal.SIGKILL)
    _go(slow)
    slow.ok("destroy", "op", "--yes")
    done = slow.traced()
    assert done[-1] == "delete" and done.count("delete") == 1 and done.count("stop begins") == 2
    slow.nothing_left()
    assert not [line for line in slow.processes() if "ansible" in line and "ssh" not in line]


def test_destroy_of_what_is_still_being_made(slow: Operated) -> None:
    _killed(slow, "configure begins", *_up(slow))
    slow.ok("destroy", "op", "--yes")
    assert slow.traced() == ["create", "configure begins", "delete"]  # it was not started: nothing is to be stopped
    slow.nothing_left()
    assert not list(slow.temporary.iterdir())  # neither does the script still run on the server
