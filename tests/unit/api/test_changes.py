"""How a change is prepared: names, inputs, what is written when."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bbq import changes, wanted
from bbq.errors import JournalError, LockedError, UsageError
from bbq.workspace import Workspace


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("examples/packets/service.yaml", "packets"),
        ("demo.yaml", "demo"),
        ("/a/my stack!.tosca.yaml", "my-stack-.tosca"),
        ("/service.yaml", "deployment"),
        ("a/ünïcode.yaml", "n-code"),
        ("x" * 200 + ".yaml", "x" * 63),
    ],
)
def test_default_names(path: str, name: str) -> None:
    found = wanted.default_name(path)
    assert found == name
    assert wanted.check_name(found) == found


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", "a b", "a\n", "x" * 64, "é", "$(x)"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a deployment's name"):
        wanted.check_name(name)


def test_the_row_is_written_before_anything_else(template: Path) -> None:
    with Workspace() as workspace:
        change = changes.prepare_up(workspace, str(template), provider="simulator", inputs={"token": "hunter2"})
        assert workspace.journal.deployments() == []
        assert change.new and change.plan.has_changes

        def look(engine: object) -> None:
            row = workspace.row("pipeline")
            assert row.inputs["token"]["$secret"] == "input.token"
            raise RuntimeError("stop here")

        with pytest.raises(RuntimeError, match="stop here"):
            change.run(on_engine=look)
        assert workspace.row("pipeline").status == "new"
        changes.prepare_destroy(workspace, "pipeline").run().raise_for_failure()
        assert workspace.journal.deployments() == []
        assert not list((workspace.state_directory / "secrets").iterdir())


def test_a_name_that_was_taken_meanwhile(template: Path) -> None:
    with Workspace() as workspace:
        first = changes.prepare_up(workspace, str(template), provider="simulator")
        second = changes.prepare_up(workspace, str(template), provider="simulator")
        first.run().raise_for_failure()
        assert second.run().ok
        assert second.row.id == first.row.id, "an update of the first, which needed nothing"
        assert len(workspace.journal.deployments(include_destroyed=True)) == 1


def test_a_plan_that_somebody_agreed_to_is_not_exchanged(template: Path) -> None:
    with Workspace() as workspace:
        change = changes.prepare_up(workspace, str(template), provider="simulator")
        changes.prepare_up(workspace, str(template), provider="simulator").run().raise_for_failure()
        with pytest.raises(LockedError, match="was changed by another process"):
            change.run(approved=True)


def test_destroyed_meanwhile(template: Path) -> None:
    with Workspace() as workspace:
        changes.prepare_up(workspace, str(template), provider="simulator").run().raise_for_failure()
        change = changes.prepare_scale(workspace, "pipeline", {"worker": 3})
        changes.prepare_destroy(workspace, "pipeline").run().raise_for_failure()
        with pytest.raises(LockedError, match="destroyed by another process"):
            change.run()


def test_the_state_directory_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Workspace() as workspace:
        assert stat.S_IMODE(workspace.state_directory.stat().st_mode) == 0o700
    (tmp_path / "state" / "bbq").chmod(0o755)
    with Workspace() as workspace:
        assert stat.S_IMODE(workspace.state_directory.stat().st_mode) == 0o700
    monkeypatch.setenv("BBQ_STATE__DIRECTORY", "/dev/null/x")
    with Workspace() as workspace, pytest.raises(JournalError, match="/dev/null/x"):
        workspace.state_directory  # noqa: B018
