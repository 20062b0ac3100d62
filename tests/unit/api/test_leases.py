"""A lease is given back when the last call under it has ended, and no sooner."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bbq.engine.loop import Changing
from bbq.errors import LockedError
from bbq.journal.model import DeploymentRow
from bbq.operations import leases
from bbq.operations.leases import HeldLease
from bbq.operations.workspace import Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as workspace:
        workspace.journal.create(DeploymentRow("dep-1", "demo", "local", "service.yaml", 0.0))
        yield workspace


@pytest.fixture
def hanging() -> Iterator[tuple[Changing, threading.Event]]:
    """Calls of which one goes on until the event is set."""
    calls, begun, end = Changing(), threading.Event(), threading.Event()
    call = calls.guarded(lambda: (begun.set(), end.wait(60)))
    threading.Thread(target=call, daemon=True).start()
    assert begun.wait(30)
    yield calls, end
    end.set()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_free(workspace: Workspace) -> bool:
    """For another process: what this one knows of its calls does not count."""
    try:
        workspace.journal.release(workspace.journal.acquire("dep-1"))
    except LockedError:
        return False
    return True


def test_without_calls_at_once(workspace: Workspace) -> None:
    closed = []
    held = HeldLease(workspace, "dep-1")
    held.when_done = lambda: closed.append(True)
    assert not is_free(workspace)
    held.give_back()
    assert is_free(workspace) and closed == [True]


def test_kept_until_the_last_call_has_ended(
    workspace: Workspace, hanging: tuple[Changing, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, end = hanging
    closed = threading.Event()
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.01)
    beats, heartbeat = [], type(workspace.journal).heartbeat
    monkeypatch.setattr(type(workspace.journal), "heartbeat", lambda *args: (beats.append(args), heartbeat(*args)))
    held = HeldLease(workspace, "dep-1")
    held.calls, held.when_done = calls, closed.set
    held.give_back()
    workspace.close()  # as at the end of a `with`: the lease does not hang on it
    until(lambda: len(beats) > 3)
    assert not is_free(workspace) and not closed.is_set()
    end.set()
    until(lambda: is_free(workspace))
    assert closed.wait(30)


def test_the_next_run_of_this_process_waits(workspace: Workspace, hanging: tuple[Changing, threading.Event]) -> None:
    calls, end = hanging
    first = HeldLease(workspace, "dep-1")
    first.calls = calls
    first.give_back()
    got: list[HeldLease] = []
    thread = threading.Thread(target=lambda: got.append(HeldLease(workspace, "dep-1")))
    thread.start()
    assert not calls.wait(0) and got == []
    end.set()
    thread.join(30)
    assert got[0].lease.fence > first.lease.fence
    got[0].give_back()
    assert is_free(workspace)


def test_the_next_run_of_this_process_does_not_wait_for_ever(
    workspace: Workspace, hanging: tuple[Changing, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, end = hanging
    monkeypatch.setattr(leases, "PATIENCE", 0.05)
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.01)
    first = HeldLease(workspace, "dep-1")
    first.calls = calls
    first.give_back()
    second = HeldLease(workspace, "dep-1")
    assert not calls.wait(0)
    assert not is_free(workspace), "what the first one leaves behind does not give back the lease of the second"
    end.set()
    assert calls.wait(30)
    until(lambda: not any(thread.name == "bbq-lease-dep-1" for thread in threading.enumerate()))
    assert not is_free(workspace)
    second.give_back()
    assert is_free(workspace)
