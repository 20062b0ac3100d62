"""Ctrl-C and SIGTERM while an engine runs: once, finish what is in flight; twice, stop now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.engine import Engine

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[Callable[[Engine], None]]:
    """Gives a function that takes the engine to interrupt. Without one, and the third time, `KeyboardInterrupt` is raised.

    The engine tells what it does about it by the event `run.stopping`.

    Outside the main thread, where Python allows no signal handlers, nothing changes. The handlers that were there are put back.
    """
    running: list[Engine] = []
    seen: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if not running:
            raise KeyboardInterrupt
        if len(seen) >= 2:  # the engine is stuck in something that does not listen
            raise KeyboardInterrupt
        seen.append(number)
        running[0].interrupt()

    if threading.current_thread() is not threading.main_thread():
        yield running.append
        return
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield running.append
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
