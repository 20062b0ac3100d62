"""A second Ctrl-C in an interpreter that lives on: the call under way does, too, and nobody else changes the deployment."""

from __future__ import annotations

import signal
import subprocess

import pytest
from newcomer import Newcomer, until

pytestmark = pytest.mark.local

PAGE = """\
    page:
      type: bbq.nodes.Worker
      properties: { command: [ python, -c, "import time; time.sleep(1000)" ] }
"""
UNKNOWN = "interrupted while the call was in flight"
REPL = """\
import os, pathlib, sys, threading, time
import bbq
from bbq.providers.local.worker import WorkerInstance
home, create = pathlib.Path(os.environ["HOME"]), WorkerInstance.create
def slow(self, wanted):
    (home / "begun").touch()
    while not (home / "go").exists():
        time.sleep(0.02)
    try:
        return create(self, wanted)
    finally:
        (home / "made").touch()
WorkerInstance.create = slow
def told(event):
    if event.kind == "run.stopping":
        (home / "stopping").touch()
try:
    if sys.argv[1] == "deploy":
        bbq.deploy("service.yaml", provider="local", name="demo", on_event=told)
    else:
        with bbq.ephemeral("service.yaml", provider="local", name="demo", on_event=told):
            pass
except bbq.Interrupted as error:
    print("interrupted", (home / "made").exists(), flush=True)
exec(sys.stdin.read())
"""


def interrupted_twice(newcomer: Newcomer, how: str) -> subprocess.Popen[str]:
    newcomer.template(PAGE)
    process = newcomer.start_python("-c", REPL, how, stdin=subprocess.PIPE)
    until((newcomer.home / "begun").exists, "the call")
    process.send_signal(signal.SIGINT)
    until((newcomer.home / "stopping").exists, "the first interrupt")
    process.send_signal(signal.SIGINT)
    return process


def test_nobody_else_changes_it_while_the_call_goes_on(newcomer: Newcomer) -> None:
    repl = interrupted_twice(newcomer, "deploy")
    assert repl.stdout is not None and repl.stdout.readline() == "interrupted False\n"
    other = newcomer("resume", "demo")
    assert other.code == 9 and f"is being changed by process {repl.pid} " in other.err
    assert UNKNOWN in newcomer("events", "demo", "--format", "json").out
    (newcomer.home / "go").touch()
    until(lambda: newcomer("resume", "demo").code == 0, "the lease to be given back")
    assert repl.poll() is None, "by the call's end, not by that of the process"
    assert len([line for line in newcomer.processes() if "time.sleep(1000)" in line]) == 1, "found, not made again"
    assert newcomer("status", "demo").out.startswith("demo: active")
    repl.communicate(input="", timeout=60)


def test_the_interpreter_itself_goes_on_when_the_call_has_ended(newcomer: Newcomer) -> None:
    repl = interrupted_twice(newcomer, "deploy")
    assert repl.stdout is not None and repl.stdout.readline() == "interrupted False\n"
    then = "threading.Timer(1.0, (home / 'go').touch).start()\nprint(bbq.open('demo').resume().status())\n"
    out, err = repl.communicate(input=then, timeout=60)
    assert out == "active\n", err
    assert len([line for line in newcomer.processes() if "time.sleep(1000)" in line]) == 1


def test_an_ephemeral_deployment_is_destroyed_all_the_same(newcomer: Newcomer) -> None:
    repl = interrupted_twice(newcomer, "ephemeral")
    until(lambda: UNKNOWN in newcomer("events", "demo", "--format", "json").out, "the second interrupt")
    assert newcomer("destroy", "demo").code == 9
    (newcomer.home / "go").touch()
    out, err = repl.communicate(input="", timeout=60)
    assert out == "interrupted True\n", err
    assert newcomer.deployments() == {}
