"""One hostile day after the other, through the library: whatever happens is told as what it is, and one gets out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bbq.conf import load
from bbq.errors import BbqError, ExitCode
from bbq.operations.change import Change, RunOptions
from bbq.operations.prepare import prepare_destroy, prepare_resume, prepare_scale, prepare_up
from bbq.operations.workspace import Workspace

pytestmark = pytest.mark.simulator

EXAMPLE = Path(__file__).parents[3] / "examples/leader-worker/service.yaml"
EXPECTED = {ExitCode.OK, ExitCode.RESOURCE_FAILED, ExitCode.TIMED_OUT, ExitCode.PARTIAL, ExitCode.UNREACHABLE}
TRIES = 40


class Days:
    """One deployment; every command meets a hostile day of its own, which follows from the seed."""

    def __init__(self, home: Path, seed: int, on_error: str) -> None:
        self.home, self.seed, self.on_error = home, seed, on_error
        (home / "bbq.conf").write_text("[simulator]\nfaults = hostile\n")
        self.commands = 0

    def __call__(self, command: Callable[[Workspace], Change]) -> ExitCode:
        self.commands += 1
        environment = {"BBQ_STATE__DIRECTORY": str(self.home), "BBQ_SIMULATOR__SEED": str(100 * self.seed + self.commands)}
        try:
            with Workspace(load([str(self.home / "bbq.conf")], environment=environment)) as workspace:
                result = command(workspace).run(options=RunOptions(on_error=self.on_error))
                error = result.error()
        except BbqError as raised:
            error = raised
        if error is None:
            return ExitCode.OK
        assert error.exit_code in EXPECTED and error.hint, f"{type(error).__name__}: {error}"
        return error.exit_code

    def until_done(self, command: Callable[[Workspace], Change], again: Callable[[Workspace], Change]) -> None:
        ended = self(command)
        while ended is not ExitCode.OK and self.commands < TRIES:
            ended = self(again)
        assert ended is ExitCode.OK


def resume(workspace: Workspace) -> Change:
    return prepare_resume(workspace, "demo")


def live_through(home: Path, seed: int, on_error: str) -> None:
    days = Days(home, seed, on_error)
    days.until_done(lambda workspace: prepare_up(workspace, str(EXAMPLE), provider="simulator", name="demo"), resume)
    days.until_done(lambda workspace: prepare_scale(workspace, "demo", {"workers": 4}), resume)
    days.until_done(lambda workspace: prepare_destroy(workspace, "demo"), resume)
    assert [path.name for place in ("deployments", "secrets") for path in (home / place).glob("*")] == []


@pytest.mark.parametrize("on_error", ["stop", "continue", "rollback"])
@pytest.mark.parametrize("seed", range(4))
def test_a_hostile_day(tmp_path, seed, on_error):
    live_through(tmp_path, seed, on_error)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("on_error", ["stop", "continue", "rollback"])
def test_hundreds_of_hostile_days(tmp_path, on_error):
    for seed in range(100):
        (home := tmp_path / str(seed)).mkdir()
        live_through(home, seed, on_error)
