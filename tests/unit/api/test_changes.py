"""How a change is prepared: names, inputs, what is written when."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bbq.errors import JournalError, LockedError, UsageError
from bbq.operations import prepare, wanted
from bbq.operations.workspace import Workspace


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
        change = prepare.prepare_up(workspace, str(template), provider="simulator", inputs={"token": "hunter2"})
        assert workspace.journal.deployments() == []
        assert change.new and change.plan.has_changes

        def look(engine: object) -> None:
            row = workspace.row("pipeline")
            assert row.inputs["token"]["$secret"] == "input.token"
            raise RuntimeError("stop here")

        with pytest.raises(RuntimeError, match="stop here"):
            change.run(on_engine=look)
        assert workspace.row("pipeline").status == "new"
        prepare.prepare_destroy(workspace, "pipeline").run().raise_for_failure()
        assert workspace.journal.deployments() == []
        assert not list((workspace.state_directory / "secrets").iterdir())


def test_a_name_that_was_taken_meanwhile(template: Path) -> None:
    with Workspace() as workspace:
        first = prepare.prepare_up(workspace, str(template), provider="simulator")
        second = prepare.prepare_up(workspace, str(template), provider="simulator")
        first.run().raise_for_failure()
        with pytest.raises(LockedError, match="was created by another process"):
            second.run()
        assert len(workspace.journal.deployments(include_destroyed=True)) == 1


def test_the_owner_of_a_name_that_was_taken_meanwhile(template: Path) -> None:
    with Workspace() as workspace, Workspace() as other:
        second = prepare.prepare_up(workspace, str(template), provider="simulator")

        def race(engine: object) -> None:
            with pytest.raises(LockedError, match="process"):
                second.run()

        prepare.prepare_up(other, str(template), provider="simulator").run(on_engine=race).raise_for_failure()


def test_a_crash_before_secret_inputs_were_stored(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"token": "hunter2", "workers": "3"}
    with Workspace() as workspace:
        change = prepare.prepare_up(workspace, str(template), provider="simulator", inputs=given)
        with monkeypatch.context() as patch:
            patch.setattr(workspace.journal, "acquire", lambda deployment_id: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                change.run()
        row = workspace.row("pipeline")
        assert row.inputs["workers"] == "3"
        assert "hunter2" not in str(row)
        with pytest.raises(UsageError, match="'token'"):
            prepare.prepare_resume(workspace, "pipeline")
        prepare.prepare_up(workspace, str(template), name="pipeline", inputs={"token": "hunter3"}).run().raise_for_failure()
        assert workspace.journal.records(row.id)["worker"].wanted["properties"]["instances"] == 3
        assert prepare.prepare_resume(workspace, "pipeline").plan.has_changes is False


def test_a_plan_that_somebody_agreed_to_is_not_exchanged(template: Path) -> None:
    with Workspace() as workspace:
        prepare.prepare_up(workspace, str(template), provider="simulator").run().raise_for_failure()
        change = prepare.prepare_scale(workspace, "pipeline", {"worker": 5})
        prepare.prepare_scale(workspace, "pipeline", {"worker": 5}).run().raise_for_failure()
        with pytest.raises(LockedError, match="was changed by another process"):
            change.run(approved=True)


def test_destroyed_meanwhile(template: Path) -> None:
    with Workspace() as workspace:
        prepare.prepare_up(workspace, str(template), provider="simulator").run().raise_for_failure()
        change = prepare.prepare_scale(workspace, "pipeline", {"worker": 3})
        prepare.prepare_destroy(workspace, "pipeline").run().raise_for_failure()
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
