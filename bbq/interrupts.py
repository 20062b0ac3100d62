"""Ctrl-C and SIGTERM while an engine runs: once, finish what is in flight; twice, stop now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.engine import Engine

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(tell: Callable[[str], None] | None = None) -> Iterator[Callable[[Engine], None]]:
    """Gives a function that takes the engine to interrupt; before it has one, a signal raises `KeyboardInterrupt`.

    Outside the main thread, where Python allows no signal handlers, nothing changes. The handlers that were there are put back.
    """
    running: list[Engine] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if not running:
            raise KeyboardInterrupt
        said = running[0].interrupt()
        if tell is not None:
            with suppress(RuntimeError, OSError):  # the signal may have come in the middle of a write to the same stream
                tell(said)

    if threading.current_thread() is not threading.main_thread():
        yield running.append
        return
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield running.append
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
