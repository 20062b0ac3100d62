"""Which signals stop a run, and whose they stay."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bbq.operations.interrupts import interruptible


class Engine:
    def __init__(self) -> None:
        self.interrupts = 0

    def interrupt(self) -> str:
        self.interrupts += 1
        return "stopping"


@pytest.fixture
def hang_up() -> Iterator[Callable[[Any], None]]:
    """Sets what SIGHUP does until the test ends."""
    before = signal.getsignal(signal.SIGHUP)
    yield lambda handler: signal.signal(signal.SIGHUP, handler)
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_twice_it_is_the_engine_s_the_third_time_it_ends_all(number: int, hang_up: Callable[[Any], None]) -> None:
    hang_up(signal.SIG_DFL)
    engine, before = Engine(), signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible() as on_engine:
        on_engine(engine)  # type: ignore[arg-type]
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert (on_engine.count, engine.interrupts) == (2, 2)
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_nohup_keeps_a_closed_terminal_away(hang_up: Callable[[Any], None]) -> None:
    hang_up(signal.SIG_IGN)
    with interruptible() as on_engine:
        signal.raise_signal(signal.SIGHUP)
    assert on_engine.count == 0


def test_a_program_s_own_meaning_of_sighup_stays(hang_up: Callable[[Any], None]) -> None:
    heard: list[int] = []
    hang_up(lambda number, frame: heard.append(number))
    with interruptible() as on_engine:
        signal.raise_signal(signal.SIGHUP)
    assert (heard, on_engine.count) == ([signal.SIGHUP], 0)
