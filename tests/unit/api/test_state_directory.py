"""Whose directory the state is kept in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bbq.conf import load
from bbq.errors import JournalError
from bbq.operations.workspace import Workspace


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    os.chown(state, 65534, 65534)
    monkeypatch.setenv("BBQ_STATE__DIRECTORY", str(state))
    with Workspace(load()) as workspace, pytest.raises(JournalError, match="belongs to another user"):
        _ = workspace.state_directory


def test_a_directory_of_ones_own_is_closed_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    monkeypatch.setenv("BBQ_STATE__DIRECTORY", str(state))
    with Workspace(load()) as workspace:
        assert workspace.state_directory.stat().st_mode & 0o777 == 0o700
