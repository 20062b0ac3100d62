"""Whoever is killed, and wherever: a deployment with an expiry is destroyed then, and not before."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from newcomer import Newcomer, until

from bbq.providers.local.units import UnitState, read_unit

pytestmark = pytest.mark.local

HOUR = 3600.0
PAGE = """\
    page:
      type: bbq.nodes.Worker
      properties: { command: [ python, -c, "import time; time.sleep(1000)" ] }
"""
CLIENT_DIES = """\
import os, signal
from bbq.journal.sql import SqlJournal
update = SqlJournal.update
def dies(self, lease, **changes):
    if "expires_at" in changes and os.environ["DIES"] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    update(self, lease, **changes)
    if "expires_at" in changes and os.environ["DIES"] == "after":
        os.kill(os.getpid(), signal.SIGKILL)
SqlJournal.update = dies
"""
REAPER_DIES = """\
import os, pathlib, signal
from bbq.journal.secrets import FileSecretStore
forget, mark = FileSecretStore.forget, pathlib.Path(os.environ["HOME"], "died")
def dies(self):
    if "BBQ_REAPER" in os.environ and not mark.exists():
        mark.touch()
        if os.environ["DIES"] == "all":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    forget(self)
FileSecretStore.forget = dies
"""


def reaper(newcomer: Newcomer) -> tuple[UnitState, Path]:
    (path,) = newcomer.state.glob("deployments/*/reaper")
    return read_unit(path), path


def test_a_client_that_dies_before_an_earlier_expiry_is_in_the_journal(newcomer: Newcomer) -> None:
    newcomer.template(PAGE)
    assert newcomer.up("--quiet", "--ttl", "1h").code == 0
    assert newcomer.up("--ttl", "1s", env=newcomer.patched(CLIENT_DIES, DIES="before")).code == -9
    _, path = reaper(newcomer)
    until(lambda: "nothing has expired" in (path / "log").read_text(), "the reaper to ask the journal")
    assert newcomer.deployments() == {"demo": "active"}
    assert reaper(newcomer)[0].supervised, "and it asks again"
    assert newcomer("resume", "demo").code == 0
    assert (reaper(newcomer)[0].next_at or 0.0) > time.time() + HOUR / 2, "the next command gives it the journal's time"


def test_a_client_that_dies_after_an_earlier_expiry_is_in_the_journal(newcomer: Newcomer) -> None:
    newcomer.template(PAGE)
    assert newcomer.up("--quiet", "--ttl", "1h").code == 0
    assert newcomer.up("--ttl", "1s", env=newcomer.patched(CLIENT_DIES, DIES="after")).code == -9
    until(lambda: newcomer.deployments() == {}, "the expiry")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_client_that_dies_while_it_gives_more_time(newcomer: Newcomer, moment: str) -> None:
    """The reaper comes at the first of the two times, and asks the journal."""
    newcomer.template(PAGE)
    assert newcomer.up("--quiet", "--ttl", "1h").code == 0
    before = reaper(newcomer)[0]
    assert newcomer.up("--ttl", "2h", env=newcomer.patched(CLIENT_DIES, DIES=moment)).code == -9
    now = reaper(newcomer)[0]
    assert (now.shim, now.next_at) == (before.shim, before.next_at)
    assert newcomer("resume", "demo").code == 0
    assert reaper(newcomer)[0].next_at == newcomer.listed()["demo"]["expires_at"]


def test_a_reaper_that_dies_before_it_forgets_the_secrets(newcomer: Newcomer) -> None:
    newcomer.template(PAGE)
    assert newcomer.up("--quiet", "--ttl", "1s", env=newcomer.patched(REAPER_DIES, DIES="reap")).code == 0
    until(lambda: newcomer.deployments() == {}, "its second try")
    assert (newcomer.home / "died").exists()


def test_what_nobody_reaps_any_more_is_reaped_after_the_next_command(newcomer: Newcomer) -> None:
    newcomer.template(PAGE)
    assert newcomer.up("--quiet", "--ttl", "1s", env=newcomer.patched(REAPER_DIES, DIES="all")).code == 0
    until(lambda: (newcomer.home / "died").exists() and not reaper(newcomer)[0].supervised, "the end of the reaper")
    assert newcomer.deployments() == {"demo": "destroying"}
    assert newcomer("up", "service.yaml", "--name", "other", "--quiet").code == 0
    until(lambda: newcomer.deployments() == {"other": "active"}, "the expiry")


def test_a_deployment_that_is_refused_leaves_no_reaper(newcomer: Newcomer) -> None:
    newcomer.template("    job: { type: bbq.nodes.Job, properties: { command: [ no-such-program ] } }\n")
    assert newcomer.up("--ttl", "1h").code == 5
    assert newcomer.deployments() == {}
    assert newcomer.processes() == []
