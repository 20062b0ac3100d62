"""Addresses that are nearly one of a server are not taken for a file's name, which would show their password."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbq.errors import ConfigurationError
from bbq.journal import open_journal


@pytest.mark.parametrize("address", ["postgresql:/u:hunter2@h/db", "host=h password=hunter2", "sqlite:/hunter2"])
def test_nearly_a_server(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        open_journal(address)
    assert "hunter2" not in str(caught.value) and not list(tmp_path.iterdir())
