"""Where a journal is, and what there is where none is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbq.errors import ConfigurationError
from bbq.journal import empty_journal, journal_file


@pytest.mark.parametrize(
    ("connection", "file"),
    [
        ("sqlite:////var/lib/bbq.db", Path("/var/lib/bbq.db")),
        ("sqlite:///var/lib/bbq.db", Path("/var/lib/bbq.db")),
        ("~/bbq.db", Path("~/bbq.db")),
        ("ours.db", Path("ours.db")),
        ("postgresql://u@h/d", None),
        ("postgres://u@h/d", None),
    ],
)
def test_the_file_of_a_journal(connection: str, file: Path | None) -> None:
    assert journal_file(connection) == (file and file.expanduser())


@pytest.mark.parametrize("connection", ["mysql://x", "sqlite://x", "sqlite:///", "postgresql:x"])
def test_what_is_no_journal_s_address(connection: str) -> None:
    with pytest.raises(ConfigurationError):
        journal_file(connection)


def test_an_empty_journal_is_in_memory_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = empty_journal()
    assert (journal.deployments(include_destroyed=True), journal.get("demo"), dict(journal.durations(["x"]))) == ([], None, {})
    journal.close()
    assert list(tmp_path.iterdir()) == []
