"""Ctrl-C, SIGTERM and a terminal that goes away while an engine runs: once, finish what is in flight; twice, stop now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.engine import Engine

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Called with the engine to interrupt. `count` is how often the user has asked to stop."""

    def __init__(self) -> None:
        self.count = 0
        self._engine: Engine | None = None

    def __call__(self, engine: Engine) -> None:
        self._engine = engine

    def handle(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self._engine is None or self.count > 2:  # or the engine is stuck in something that does not listen
            raise KeyboardInterrupt
        self._engine.interrupt()


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Gives what takes the engine to interrupt. Without one, and the third time, `KeyboardInterrupt` is raised.

    The engine tells what it does about it by the event `run.stopping`.

    Outside the main thread, where Python allows no signal handlers, nothing changes. The handlers that were there are put back.
    SIGHUP stays with whoever has said what it means: `nohup`, or a program that reads its configuration again.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    taken = [*SIGNALS, *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL else ())]
    before = {number: signal.signal(number, interrupts.handle) for number in taken}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
