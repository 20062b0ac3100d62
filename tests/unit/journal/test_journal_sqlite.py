from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from disks import small_disk

from bbq.errors import ConfigurationError, ExitCode, JournalError
from bbq.journal import open_journal
from bbq.journal.fold import UNSURE
from bbq.journal.model import SCHEMA_VERSION, Event
from bbq.journal.owner import Owner, to_text

OLD = Path(__file__).parent / "data" / "journal-v1.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def filled(path, row, made):
    """A closed journal with a deployment of fifty nodes."""
    journal = open_journal(str(path))
    journal.create(row())
    lease = journal.acquire("dep-demo")
    for number in range(50):
        journal.append(lease, made(f"n{number}"))
    journal.release(lease)
    journal.close()
    return path


def refused(path: Path) -> JournalError:
    """Opening and reading it fails as it should, and leaves the file alone."""
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(JournalError) as caught:
        journal = open_journal(str(path))
        try:
            for row in journal.deployments(include_destroyed=True):
                list(journal.events(row.id))
                journal.records(row.id)
        finally:
            journal.close()
    assert (path.read_bytes() if path.exists() else None) == before
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    return caught.value


def test_made_on_a_disk_that_is_nearly_full(path: Path, row: Any) -> None:
    """It is made whole or not at all, wherever the room ends; then there is room, and it is made."""
    made = []
    with small_disk(path.parent) as disk:
        for room in range(0, 200_000, 4096):
            disk.fill(room)
            try:
                open_journal(str(path)).close()
                made.append(True)
            except JournalError as error:
                assert error.hint
                made.append(False)
            assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []
            disk.make_room()
            journal = open_journal(str(path))
            journal.create(row())
            assert [found.id for found in journal.deployments()] == ["dep-demo"]
            journal.close()
            assert [file.name for file in path.parent.iterdir()] == [path.name]
            path.unlink()
    assert made == sorted(made) and set(made) == {False, True}


class TestAddress:
    @pytest.mark.parametrize("prefix", ["sqlite://", "sqlite:///", ""])
    def test_absolute(self, path, prefix):
        open_journal(f"{prefix}{path}").close()
        assert path.is_file()

    def test_relative_and_home(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        open_journal("here.db").close()
        open_journal("~/there.db").close()
        assert (tmp_path / "here.db").is_file()
        assert (tmp_path / "home" / "there.db").is_file()

    @pytest.mark.parametrize("address", ["mysql://u:hunter2@h/d", "sqlite://", "sqlite:///", "sqlite://host/x"])
    def test_no_journal(self, address):
        with pytest.raises(ConfigurationError) as caught:
            open_journal(address)
        assert "hunter2" not in str(caught.value)


class TestFiles:
    def test_only_the_user_can_read_them(self, path, row):
        old = os.umask(0)
        try:
            journal = open_journal(str(path))
            journal.create(row())
            found = {p.name: stat.S_IMODE(p.stat().st_mode) for p in [*path.parent.iterdir(), path.parent]}
            journal.close()
        finally:
            os.umask(old)
        assert found == {"state": 0o700, "journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
        assert [p.name for p in path.parent.iterdir()] == ["journal.db"]

    def test_a_directory_that_is_there_stays_as_it_is(self, tmp_path):
        tmp_path.chmod(0o755)
        open_journal(str(tmp_path / "journal.db")).close()
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755

    def test_a_new_one_is_there_whole_or_not_at_all(self, path, monkeypatch):
        def interrupted(source, target):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "link", interrupted)
            with pytest.raises(KeyboardInterrupt):
                open_journal(str(path))
        assert list(path.parent.iterdir()) == []
        open_journal(str(path)).close()

    def test_without_hard_links(self, path, monkeypatch):
        def refused(source, target):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refused)
        open_journal(str(path)).close()
        open_journal(str(path)).close()
        assert [p.name for p in path.parent.iterdir()] == ["journal.db"]

    def test_many_that_start_at_once_make_it_once(self, path, row):
        journals: list[Any] = []
        barrier = threading.Barrier(6)

        def start():
            barrier.wait()
            journals.append(open_journal(str(path)))

        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(journals) == 6
        journals[0].create(row())
        assert all(journal.get("demo") for journal in journals)
        for journal in journals:
            journal.close()

    def test_synchronous_full_and_write_ahead(self, path):
        journal = open_journal(str(path))
        assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        journal.close()

    def test_a_place_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        for place in (tmp_path / "file" / "journal.db", Path("/proc/no-such-place/journal.db"), tmp_path):
            assert "cannot be used" in str(refused_place(place))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_read_only_directory(self, tmp_path):
        tmp_path.chmod(0o500)
        try:
            refused_place(tmp_path / "journal.db")
        finally:
            tmp_path.chmod(0o700)

    def test_a_full_disk_loses_nothing_that_was_written(self, filled, made):
        journal = open_journal(str(filled))
        lease = journal.acquire("dep-demo")
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalError, match="full") as caught:
            journal.append(lease, [event for number in range(500) for event in made(f"more{number}")])
        assert "resume" in caught.value.hint
        assert len(journal.records("dep-demo")) == 50
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        journal.append(lease, made("more"))
        assert len(journal.records("dep-demo")) == 51
        journal.close()


def refused_place(place: Path) -> JournalError:
    with pytest.raises(JournalError) as caught:
        open_journal(str(place))
    assert str(place) in str(caught.value)
    assert caught.value.hint
    return caught.value


class TestDamage:
    @pytest.mark.parametrize("size", [0, 1, 99, 100, 512, 4096, 5000, 8192, 16384, -4096, -1])
    def test_truncated(self, filled, size):
        os.truncate(filled, size if size >= 0 else filled.stat().st_size + size)
        assert "damaged" in str(refused(filled))

    def test_no_database_at_all(self, path):
        path.parent.mkdir()
        path.write_text("[journal]\nthis is something else\n" * 100)
        assert "damaged" in str(refused(path))

    def test_another_programs_database(self, path):
        path.parent.mkdir()
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
        connection.close()
        assert "not a bbq journal" in str(refused(path))

    def test_the_file_is_gone_but_its_log_is_there(self, path):
        path.parent.mkdir()
        Path(f"{path}-wal").write_bytes(b"something")
        refused(path)
        assert Path(f"{path}-wal").read_bytes() == b"something"

    def test_overwritten_in_the_middle(self, filled):
        content = bytearray(filled.read_bytes())
        content[4096 * 2 :] = b"\x55" * (len(content) - 4096 * 2)
        filled.write_bytes(content)
        refused(filled)

    def test_a_row_that_is_not_ours(self, filled):
        connection = sqlite3.connect(filled)
        connection.execute("UPDATE events SET data = '{\"type\"' WHERE node = 'n7' AND kind = 'step.intent'")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        assert "a row cannot be read" in str(refused(filled))


class TestVersions:
    def test_a_newer_one_is_refused_and_left_alone(self, filled):
        connection = sqlite3.connect(filled)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.close()
        error = refused(filled)
        assert f"version {SCHEMA_VERSION + 1}" in str(error)
        assert "upgrade bbq" in error.hint

    def test_the_first_one_is_migrated(self, tmp_path):
        path = tmp_path / "journal.db"
        shutil.copy(OLD, path)
        journal = open_journal(str(path))
        assert [row.id for row in journal.deployments(include_destroyed=True)] == ["dep-new", "dep-old"]
        assert journal.get("demo").inputs == {"workers": 2}
        records = journal.records("dep-new")
        assert {name: record.status for name, record in records.items()} == {
            "queue": "ready",
            "db": "created",
            "app": "intended",
        }
        assert records["app"].depends_on == ("queue", "db")
        assert records["db"].wanted["properties"] == {"port": UNSURE}
        assert journal.records("dep-old") == {}
        assert journal.durations(["bbq.nodes.MessageQueue", "bbq.nodes.Database"]) == {
            "bbq.nodes.MessageQueue": 6.0,
            "bbq.nodes.Database": 9.0,
        }
        lease = journal.acquire("dep-new")
        journal.append(lease, [Event("step.outcome", 3000.0, "db", "update", data={"result": "ok", "id": "db-1"})])
        journal.close()
        journal = open_journal(str(path))
        assert journal.records("dep-new")["db"].wanted["properties"] == {"port": 5432}
        assert [e.seq for e in journal.events("dep-new", after=9)] == [10]
        journal.close()

    def test_not_while_an_older_bbq_is_at_work_on_it(self, tmp_path):
        path = tmp_path / "journal.db"
        shutil.copy(OLD, path)
        connection = sqlite3.connect(path)
        other = to_text(Owner("elsewhere", "", "", 1, "", "somebody", 0.0))
        connection.execute("UPDATE leases SET owner = ?, beat_at = 1e12", (other,))
        connection.commit()
        connection.close()
        from bbq.errors import LockedError

        with pytest.raises(LockedError, match="elsewhere"):
            open_journal(str(path))
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        connection.execute("UPDATE leases SET beat_at = 0")
        connection.commit()
        connection.close()
        open_journal(str(path)).close()
