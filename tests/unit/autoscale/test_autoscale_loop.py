"""The loop: it acts on what it knows, and on an error it does nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from bbq.autoscale import Limits, Tick, run
from bbq.errors import BbqError, ConfigurationError, Interrupted, LockedError, UnreachableError, UsageError

LIMITS = Limits(0, 10, 5)


@dataclass
class Stats:
    backlog: int


class ScriptedQueue:
    """Gives one answer a look; an exception is raised."""

    def __init__(self, answers: Iterable[int | BbqError]) -> None:
        self._answers = iter(answers)

    def stats(self) -> Stats:
        answer = next(self._answers)
        if isinstance(answer, BbqError):
            raise answer
        return Stats(answer)


class Workers:
    def __init__(self, count: int) -> None:
        self.count = count
        self.calls: list[int] = []

    def current(self) -> int:
        return self.count

    def scale(self, count: int) -> None:
        self.calls.append(count)
        self.count = count


def looks(count: int, slept: list[float] | None = None):
    """A clock that stops the loop after so many looks."""
    left = count

    def wait(seconds: float) -> bool:
        nonlocal left
        left -= 1
        if slept is not None:
            slept.append(seconds)
        return left == 0

    return wait


def test_follows_the_queue_up_and_down() -> None:
    workers, slept, ticks = Workers(1), [], []
    queue = ScriptedQueue([50, 50, 0, 0])
    run(queue, workers.current, workers.scale, LIMITS, interval=7, on_tick=ticks.append, wait=looks(4, slept))
    assert workers.calls == [10, 9, 8]
    assert slept == [7, 7, 7, 7]
    assert [tick.scaled_to for tick in ticks] == [10, None, 9, 8]


@pytest.mark.parametrize(
    "error",
    [
        UsageError("the broker has no queue 'tasks'"),
        ConfigurationError("the broker refused the login"),
        UnreachableError("the broker does not answer"),
        BbqError("something else"),
    ],
)
def test_never_scales_on_an_error(error: BbqError) -> None:
    workers, ticks = Workers(6), []
    run(ScriptedQueue([error, error, 30]), workers.current, workers.scale, LIMITS, on_tick=ticks.append, wait=looks(3))
    assert workers.calls == []
    assert [tick.error for tick in ticks] == [error, error, None]
    assert str(error) in str(ticks[0])


def test_an_unknown_number_of_workers_scales_nothing() -> None:
    def current() -> int:
        raise LockedError("another process holds the deployment")

    workers = Workers(1)
    tick = run(ScriptedQueue([100]), current, workers.scale, LIMITS, wait=looks(1))
    assert workers.calls == [] and isinstance(tick.error, LockedError) and tick.messages == 100


def test_a_failed_scaling_is_told_and_tried_again() -> None:
    tries = []

    def scale(count: int) -> None:
        tries.append(count)
        if len(tries) == 1:
            raise LockedError("another process holds the deployment")

    ticks: list[Tick] = []
    run(ScriptedQueue([20, 20]), lambda: 1, scale, LIMITS, on_tick=ticks.append, wait=looks(2))
    assert tries == [4, 4]
    assert isinstance(ticks[0].error, LockedError) and ticks[0].scaled_to is None and ticks[1].scaled_to == 4


def test_once_raises_so_that_the_exit_code_tells() -> None:
    with pytest.raises(ConfigurationError):
        run(ScriptedQueue([ConfigurationError("no")]), lambda: 1, lambda count: None, LIMITS, once=True)
    assert run(ScriptedQueue([20]), lambda: 1, lambda count: None, LIMITS, once=True).scaled_to == 4


def test_an_interruption_ends_it() -> None:
    def scale(count: int) -> None:
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        run(ScriptedQueue([20]), lambda: 1, scale, LIMITS, wait=looks(5))


def test_a_bad_interval_is_refused() -> None:
    with pytest.raises(UsageError):
        run(ScriptedQueue([]), lambda: 1, lambda count: None, LIMITS, interval=0)
