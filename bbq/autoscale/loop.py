"""The loop round `decide`: look at the queue, decide, scale; whatever cannot be known for sure changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bbq.autoscale.decision import Limits, decide
from bbq.errors import BbqError, Interrupted, UsageError


class Stats(Protocol):
    @property
    def backlog(self) -> int: ...


class ReadableQueue(Protocol):
    """`bbq.handles.Queue`, as far as it is needed here."""

    def stats(self) -> Stats: ...


@dataclass(frozen=True, slots=True)
class Tick:
    """One look. `scaled_to` is None where nothing was done; `error` says why nothing could be decided or done.

    `messages` and `current` are None where they could not be learnt.
    """

    messages: int | None = None
    current: int | None = None
    scaled_to: int | None = None
    error: BbqError | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"not scaled: {self.error}"
        seen = f"{self.messages} messages, {self.current} workers"
        return f"{seen}: nothing to do" if self.scaled_to is None else f"{seen}: scaled to {self.scaled_to}"


def look(queue: ReadableQueue, current: Callable[[], int], scale: Callable[[int], object], limits: Limits) -> Tick:
    """One decision, acted upon. A `BbqError` on the way (unknown queue, refused login, a deployment that is locked) is in the
    `Tick`; then nothing was scaled, or the scaling itself failed."""
    messages: int | None = None
    workers: int | None = None
    try:
        messages = queue.stats().backlog
        workers = current()
        wanted = decide(messages, workers, limits)
        if wanted is not None:
            scale(wanted)
    except Interrupted:
        raise
    except BbqError as error:
        return Tick(messages, workers, None, error)
    return Tick(messages, workers, wanted)


def run(
    queue: ReadableQueue,
    current: Callable[[], int],
    scale: Callable[[int], object],
    limits: Limits,
    *,
    interval: float = 30.0,
    once: bool = False,
    on_tick: Callable[[Tick], object] | None = None,
    wait: Callable[[float], bool] | None = None,
) -> Tick:
    """Look every `interval` seconds until `wait` says stop; returns the last `Tick`.

    `current()` is the number of workers that is wanted at present, `scale(n)` sets it and returns when it is in force. `wait`
    sleeps for that many seconds and says whether to stop; it is the clock, and tests give their own. With `once`, one look; its
    error, if it had one, is raised, so that the exit code tells.
    """
    if interval <= 0:
        raise UsageError(f"--interval must be more than 0 seconds, not {interval:g}")
    wait = wait or threading.Event().wait
    while True:
        tick = look(queue, current, scale, limits)
        if on_tick is not None:
            on_tick(tick)
        if once:
            if tick.error is not None:
                raise tick.error
            return tick
        if wait(interval):
            return tick
