"""The promises of `bbq.journal.model.Journal`, which every backend keeps."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from bbq.errors import LockedError, UsageError
from bbq.journal import owner
from bbq.journal.model import Event, Lease
from bbq.topology.values import UNKNOWN, Secret


def child(address: str, code: str) -> subprocess.Popen[str]:
    """A process with `journal` open on the same address; it says `ready` and goes on when it gets a line."""
    script = f"""
import os, sys, time
from bbq.journal import open_journal
from bbq.journal.model import *
journal = open_journal({address!r})
def ready():
    print("ready", flush=True)
    sys.stdin.readline()
{textwrap.dedent(code)}
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    for stream in (process.stdin, process.stdout):
        stream.close()


class TestDeployments:
    def test_what_was_created_is_there(self, journal, row, opened, address):
        given = row(inputs={"workers": 2}, overrides={"spark": 3}, options={"a": [1, None]}, salt="s", expires_at=9.5)
        journal.create(given)
        assert journal.get("demo") == given
        assert opened(address).get("demo") == given
        assert journal.get("other") is None

    def test_a_live_name_is_taken(self, journal, row):
        journal.create(row())
        with pytest.raises(UsageError, match="'demo'"):
            journal.create(row(id="another"))
        assert [r.id for r in journal.deployments()] == ["dep-demo"]

    def test_an_id_is_taken_for_good(self, journal, row):
        journal.create(row())
        with pytest.raises(UsageError):
            journal.create(row())
        with pytest.raises(UsageError):
            journal.create(row(name="other", id="dep-demo"))

    def test_a_destroyed_ones_name_is_free(self, journal, row):
        journal.create(row())
        journal.update(journal.acquire("dep-demo"), status="destroyed")
        assert journal.get("demo") is None
        journal.create(row(id="second", created_at=2000.0))
        assert journal.get("demo").id == "second"
        assert [r.id for r in journal.deployments()] == ["second"]
        assert [r.id for r in journal.deployments(include_destroyed=True)] == ["second", "dep-demo"]

    def test_newest_first(self, journal, row):
        for name, at in (("b", 2.0), ("c", 3.0), ("a", 1.0)):
            journal.create(row(name, created_at=at))
        assert [r.name for r in journal.deployments()] == ["c", "b", "a"]

    def test_update_changes_the_fields_given(self, journal, row):
        journal.create(row())
        lease = journal.acquire("dep-demo")
        journal.update(lease, status="active", outputs={"url": "http://x"}, expires_at=5.0)
        found = journal.get("demo")
        assert (found.status, found.outputs, found.expires_at, found.provider) == ("active", {"url": "http://x"}, 5.0, "local")
        with pytest.raises(ValueError, match="name"):
            journal.update(lease, name="other")

    def test_an_unknown_id(self, journal):
        for call in (journal.records, journal.acquire, journal.break_lease, lambda i: list(journal.events(i))):
            with pytest.raises(UsageError, match="nothing-like-it"):
                call("nothing-like-it")

    def test_an_output_that_nothing_answered_is_null(self, journal, row):
        journal.create(row())
        journal.update(journal.acquire("dep-demo"), outputs={"url": UNKNOWN})
        assert journal.get("demo").outputs == {"url": None}

    def test_a_secret_is_refused(self, journal, row):
        journal.create(row())
        lease = journal.acquire("dep-demo")
        with pytest.raises(TypeError, match="secret"):
            journal.update(lease, inputs={"password": Secret("hunter2-hunter2")})
        with pytest.raises(TypeError, match="secret"):
            journal.append(lease, [Event("run.started", 1.0, data={"a": [Secret("hunter2-hunter2")]})])
        assert list(journal.events("dep-demo")) == []


class TestEvents:
    def test_in_order_with_numbers_from_one(self, journal, row, made):
        journal.create(row())
        lease = journal.acquire("dep-demo")
        journal.append(lease, made("a"))
        journal.append(lease, [Event("run.finished", 9.0, data={"text": "Gr\u00fc\u00dfe \u0000 \ud800 \U0001f642"})])
        events = list(journal.events("dep-demo"))
        assert [e.seq for e in events] == [1, 2, 3, 4]
        assert [e.kind for e in events] == ["step.intent", "step.outcome", "step.stage", "run.finished"]
        assert events[3].data["text"].startswith("Gr\u00fc\u00dfe \u0000 ")
        assert events[0].data["wanted"] == {"properties": {"port": 0}, "capabilities": {}}
        assert [e.seq for e in journal.events("dep-demo", after=2)] == [3, 4]
        assert list(journal.events("dep-demo", after=4)) == []

    def test_deployments_do_not_mix(self, journal, row, made):
        for name in "ab":
            journal.create(row(name))
            journal.append(journal.acquire(f"dep-{name}"), made(f"node-{name}"))
        assert list(journal.records("dep-a")) == ["node-a"]
        assert [e.seq for e in journal.events("dep-b")] == [1, 2, 3]

    def test_many(self, journal, row, made):
        journal.create(row())
        events = [event for number in range(1100) for event in made(f"n{number}", edges=[f"n{number - 1}"] if number else [])]
        journal.append(journal.acquire("dep-demo"), events)
        assert [e.seq for e in journal.events("dep-demo")] == list(range(1, 3301))
        records = journal.records("dep-demo")
        assert list(records) == [f"n{number}" for number in range(1100)]
        assert records["n7"].depends_on == ("n6",)

    def test_a_batch_is_written_whole_or_not_at_all(self, journal, row, made):
        journal.create(row())
        lease = journal.acquire("dep-demo")
        with pytest.raises(ValueError, match="action"):
            journal.append(lease, [*made("a"), Event("step.intent", 1.0, "b", "explode", data={"type": "t"})])
        assert list(journal.events("dep-demo")) == []
        assert journal.records("dep-demo") == {}
        journal.append(lease, made("a"))
        assert list(journal.records("dep-demo")) == ["a"]

    def test_records_are_the_fold(self, journal, row, made, opened, address):
        journal.create(row())
        lease = journal.acquire("dep-demo")
        journal.append(lease, made("a"))
        journal.append(lease, made("b", edges=["a"]))
        journal.append(lease, [Event("step.intent", 2000.0, "a", "delete")])
        assert journal.records("dep-demo")["a"].status == "deleting"
        journal.append(lease, [Event("step.outcome", 2001.0, "a", "delete", data={"result": "ok"}), *made("a", at=3000.0)])
        records = opened(address).records("dep-demo")
        assert list(records) == ["b", "a"], "what began again comes last"
        assert records["b"].status == "ready"
        assert records["b"].handle == "b-1"
        assert records["b"].attributes == {"port": 8080}
        journal.append(lease, [Event("record.removed", 4000.0, "a")])
        assert list(journal.records("dep-demo")) == ["b"]

    def test_durations_are_medians_of_what_got_ready(self, journal, row, made):
        for name, seconds in (("a", 4.0), ("b", 6.0), ("c", 100.0)):
            journal.create(row(name))
            # each deployment's events are numbered alike: pad, so that they are not taken for one
            lease = journal.acquire(f"dep-{name}")
            journal.append(lease, [Event("run.started", 1.0)] * (ord(name) - ord("a")))
            journal.append(
                lease, [*made("db", "bbq.nodes.Database", seconds=seconds), *made("q", "bbq.nodes.MessageQueue")[:2]]
            )
        assert journal.durations(["bbq.nodes.Database", "bbq.nodes.MessageQueue", "x"]) == {"bbq.nodes.Database": 6.0}
        assert journal.durations(["bbq.nodes.Database"], provider="local") == {"bbq.nodes.Database": 6.0}
        assert journal.durations(["bbq.nodes.Database"], provider="simulator") == {}
        journal.update(lease, status="destroyed")
        assert journal.durations(["bbq.nodes.Database"]) == {"bbq.nodes.Database": 6.0}

    def test_durations_measured_across_a_clock_set_back_are_dropped(self, journal, row, made):
        journal.create(row())
        journal.append(journal.acquire("dep-demo"), made("db", "bbq.nodes.Database", seconds=-3600.0))
        assert journal.durations(["bbq.nodes.Database"]) == {}


class TestLeases:
    def test_one_at_a_time(self, journal, row, opened, address):
        journal.create(row())
        lease = journal.acquire("dep-demo")
        with pytest.raises(LockedError, match=f"process {os.getpid()} of .* on .* since"):
            opened(address).acquire("dep-demo")
        journal.heartbeat(lease)
        journal.release(lease)
        again = opened(address).acquire("dep-demo")
        assert again.fence > lease.fence

    def test_a_lease_is_broken_where_its_owner_is_not_known_to_live(self, journal, row, address):
        journal.create(row())
        assert journal.break_lease("dep-demo") is None
        process = child(address, "lease = journal.acquire('dep-demo'); ready(); journal.heartbeat(lease)")
        with pytest.raises(LockedError, match=f"process {process.pid} of .* and that process runs") as caught:
            journal.break_lease("dep-demo")
        assert f"kill {process.pid}" in caught.value.hint and "unlock demo --force" in caught.value.hint
        process.communicate("go\n", timeout=60)  # it could still write, and ends
        assert process.returncode == 0
        assert journal.break_lease("dep-demo").startswith(f"process {process.pid} of ")
        assert journal.break_lease("dep-demo") is None

    def test_a_lost_lease_writes_nothing(self, journal, row, made, opened, address):
        journal.create(row())
        old = journal.acquire("dep-demo")
        journal.break_lease("dep-demo", force=True)
        for _ in range(2):
            for call in (
                lambda: journal.append(old, made("a")),
                lambda: journal.heartbeat(old),
                lambda: journal.update(old, status="failed"),
            ):
                with pytest.raises(LockedError, match="no longer"):
                    call()
            new = journal.acquire("dep-demo") if opened(address) else None
            journal.release(old)
            journal.heartbeat(new)
            journal.release(new)
        assert list(journal.events("dep-demo")) == []
        assert journal.get("demo").status == "new"

    def test_leases_of_different_deployments_are_independent(self, journal, row):
        for name in "ab":
            journal.create(row(name))
        assert journal.acquire("dep-a").deployment_id == "dep-a"
        journal.acquire("dep-b")

    def test_a_living_process_keeps_it_a_killed_one_loses_it_at_once(self, journal, row, made, address):
        journal.create(row())
        process = child(address, "lease = journal.acquire('dep-demo'); ready()")
        try:
            with pytest.raises(LockedError, match=f"process {process.pid} "):
                journal.acquire("dep-demo")
        finally:
            process.send_signal(signal.SIGKILL)
            time.sleep(0.1)  # not waited for: a zombie is dead, too
        deadline = time.monotonic() + 30
        while True:
            try:
                lease = journal.acquire("dep-demo")
                break
            except LockedError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        killed(process)
        journal.append(lease, made("a"))

    def test_an_old_process_that_wakes_up_is_fenced_off(self, journal, row, address):
        journal.create(row())
        code = """
            from bbq.errors import LockedError
            lease = journal.acquire('dep-demo'); ready()
            try:
                journal.append(lease, [Event('run.started', 1.0)])
            except LockedError as error:
                print(error, flush=True)
        """
        process = child(address, code)
        journal.break_lease("dep-demo", force=True)
        journal.append(journal.acquire("dep-demo"), [Event("run.finished", 2.0)])
        out, _ = process.communicate("go\n", timeout=60)
        assert "no longer" in out
        assert [e.kind for e in journal.events("dep-demo")] == ["run.finished"]

    def test_a_process_with_the_same_id_but_another_start_is_not_the_owner(self, journal, row, monkeypatch):
        journal.create(row())
        real = owner.this_process()
        monkeypatch.setattr(
            owner, "this_process", lambda: owner.Owner(real.host, real.boot, real.namespace, real.pid, "1", "me", 0.0)
        )
        journal.acquire("dep-demo")
        monkeypatch.undo()
        journal.acquire("dep-demo")

    def test_another_hosts_owner_lives_by_its_heartbeat(self, journal, row, opened, address, monkeypatch):
        journal.create(row())
        there = owner.Owner("elsewhere", "other-boot", "pid:[1]", 77, "5", "somebody", time.time())
        with monkeypatch.context() as patch:
            patch.setattr(owner, "this_process", lambda: there)
            lease = journal.acquire("dep-demo")
        with pytest.raises(LockedError, match="process 77 of somebody on elsewhere since"):
            journal.acquire("dep-demo")
        real = type(journal)._now
        monkeypatch.setattr(type(journal), "_now", lambda self, tx: real(self, tx) + 2 * owner.LEASE_SECONDS)
        journal.heartbeat(lease)
        with pytest.raises(LockedError):
            opened(address).acquire("dep-demo")
        monkeypatch.setattr(type(journal), "_now", lambda self, tx: real(self, tx) + 4 * owner.LEASE_SECONDS)
        opened(address).acquire("dep-demo")
        with pytest.raises(LockedError):
            journal.heartbeat(lease)

    def test_a_clock_set_back_does_not_keep_a_dead_owner_alive(self, journal, row, monkeypatch):
        journal.create(row())
        there = owner.Owner("elsewhere", "other-boot", "pid:[1]", 77, "5", "somebody", time.time())
        with monkeypatch.context() as patch:
            patch.setattr(owner, "this_process", lambda: there)
            journal.acquire("dep-demo")
        real = type(journal)._now
        monkeypatch.setattr(type(journal), "_now", lambda self, tx: real(self, tx) - 86400)
        with pytest.raises(LockedError):
            journal.acquire("dep-demo")
        monotonic = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 2 * owner.LEASE_SECONDS)
        journal.acquire("dep-demo")  # the same beat, for longer than the lease's time on our own clock

    def test_two_threads_at_once_get_it_once(self, row, opened, address):
        opened(address).create(row())
        journals = [opened(address) for _ in range(4)]
        got: list[Lease] = []
        barrier = threading.Barrier(4)

        def take(journal):
            barrier.wait()
            with contextlib.suppress(LockedError):
                got.append(journal.acquire("dep-demo"))

        threads = [threading.Thread(target=take, args=(j,)) for j in journals]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(got) == 1

    def test_one_journal_object_in_two_threads(self, journal, row, made):
        journal.create(row())
        lease = journal.acquire("dep-demo")

        def beat():
            for _ in range(20):
                journal.heartbeat(lease)

        thread = threading.Thread(target=beat)
        thread.start()
        for number in range(20):
            journal.append(lease, made(f"n{number}"))
        thread.join(60)
        assert len(journal.records("dep-demo")) == 20


class TestCrash:
    def test_what_append_returned_for_survives_a_kill_and_no_batch_is_torn(self, journal, row, address):
        journal.create(row())
        code = """
            lease = journal.acquire('dep-demo')
            ready()
            n = 0
            while True:
                n += 1
                data = {'type': 't', 'wanted': {'properties': {'n': n}}}
                journal.append(lease, [Event('step.intent', 1.0, f'n{n}', 'create', data=data),
                                       Event('step.outcome', 2.0, f'n{n}', 'create', data={'result': 'ok', 'id': str(n)})])
                os.write(1, b'%d\\n' % n)
        """
        process = child(address, code)
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        told = process.stdout.read().split()
        killed(process)
        events = list(journal.events("dep-demo"))
        assert len(events) % 2 == 0
        assert len(events) >= 2 * len(told) > 0
        records = journal.records("dep-demo")
        assert len(records) == len(events) // 2
        assert {r.status for r in records.values()} == {"created"}

    def test_two_processes_append_to_two_deployments(self, journal, row, address):
        for name in "ab":
            journal.create(row(name))
        code = """
            lease = journal.acquire('dep-{}')
            ready()
            for n in range(50):
                journal.append(lease, [Event('run.started', float(n))])
        """
        processes = [child(address, code.format(name)) for name in "ab"]
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            assert process.wait(60) == 0
            killed(process)
        for name in "ab":
            assert [e.at for e in journal.events(f"dep-{name}")] == [float(n) for n in range(50)]
