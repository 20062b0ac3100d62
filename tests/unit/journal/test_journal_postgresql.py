from __future__ import annotations

import pytest

from bbq.errors import ConfigurationError, JournalError
from bbq.journal import open_journal
from bbq.journal.model import SCHEMA_VERSION

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def address(postgresql_url):
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bbq CASCADE")
    return postgresql_url


@pytest.fixture
def admin(address):
    """Another connection to the same server."""
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def cut(admin) -> None:
    """End all connections of journals, as a restart of the server does."""
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bbq'")


def test_a_run_goes_on_after_the_connection_was_lost(journal, row, made, admin):
    journal.create(row())
    lease = journal.acquire("dep-demo")
    journal.append(lease, made("a"))
    cut(admin)
    journal.append(lease, made("b"))
    cut(admin)
    assert list(journal.records("dep-demo")) == ["a", "b"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_lost_about_the_commit_writes_once(journal, row, made, admin, monkeypatch, moment):
    """The answer to COMMIT is lost: whether it took effect is asked of the server, not guessed."""
    journal.create(row())
    lease = journal.acquire("dep-demo")
    real = psycopg.Transaction._commit_gen
    strikes = []

    def commit(self):
        if strikes:
            yield from real(self)
            return
        strikes.append(1)
        if moment == "before":
            cut(admin)
        else:
            yield from real(self)
            cut(admin)
        yield from self._conn._exec_command("SELECT 1")  # finds the connection broken

    monkeypatch.setattr(psycopg.Transaction, "_commit_gen", commit)
    journal.append(lease, made("a"))
    assert strikes
    assert [e.seq for e in journal.events("dep-demo")] == [1, 2, 3]


def test_a_newer_one_is_refused(journal, admin, address):
    admin.execute("UPDATE bbq.journal SET version = %s", (SCHEMA_VERSION + 1,))
    with pytest.raises(JournalError, match=f"version {SCHEMA_VERSION + 1}") as caught:
        open_journal(address)
    assert "upgrade bbq" in caught.value.hint


def test_a_row_that_cannot_be_read(journal, row, admin):
    journal.create(row())
    admin.execute("UPDATE bbq.deployments SET data = '{'")
    with pytest.raises(JournalError, match="damaged"):
        journal.get("demo")


def test_no_message_holds_the_password(address):
    password = address.split(":")[2].split("@")[0]
    for wrong in (address.replace(password, "hunter2"), address.replace("@127.0.0.1:", "@127.0.0.1:1", 1)):
        with pytest.raises(JournalError, match=r"postgresql://127\.0\.0\.1:\d+/postgres cannot be used") as caught:
            open_journal(wrong)
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"
        assert password not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(ConfigurationError) as refused:
        open_journal("postgresql://bbq:hunter2@[::1/x")
    assert "hunter2" not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"


def test_two_that_start_at_once_make_it_once(address):
    import threading

    failed = []

    def start():
        try:
            open_journal(address).close()
        except JournalError as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
