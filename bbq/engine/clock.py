"""Time and concurrency, real or virtual: the engine's loop is the same on both.

A `Clock` tells the time; an `Executor` runs provider calls beside the loop and hands back what they returned. With
`RealClock` and `ThreadExecutor` calls run in threads. With `VirtualClock` and `VirtualExecutor` they run inline, one after
the other, in one thread, and say by `VirtualClock.spend` how long they would have taken: hours pass in milliseconds, and
two runs with the same input are the same to the last event.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

_LIST_CALLS = 4


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, for people; may jump."""

    def monotonic(self) -> float:
        """Seconds since some moment, for deadlines; never goes back."""


class RealClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class VirtualClock:
    """A clock that moves only when told. Both of its faces are the same number, `start` (epoch seconds) at first.

    Inside a call that a `VirtualExecutor` runs, the time is the loop's time plus what the call has spent so far.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._time = start
        self._spent = 0.0

    def now(self) -> float:
        return self._time + self._spent

    monotonic = now

    def spend(self, seconds: float) -> None:
        """Let the call that runs now take `seconds` longer; outside a call the clock itself goes on by that much."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._spent += seconds

    def advance_to(self, moment: float) -> None:
        """Move to `moment` (epoch seconds); a moment in the past changes nothing."""
        self._time = max(self.now(), moment)
        self._spent = 0.0

    def _take_spent(self) -> float:
        spent, self._spent = self._spent, 0.0
        return spent


@dataclass(frozen=True, slots=True)
class Completion:
    """A call that ended: what it returned, or the exception that it raised."""

    token: Hashable
    value: Any = None
    error: BaseException | None = None


class Executor(Protocol):
    def submit(self, token: Hashable, fn: Callable[[], Any]) -> None:
        """Start `fn()`; its completion comes out of `wait` with `token`."""

    def wait(self, until: float | None) -> list[Completion]:
        """Block until something completed, `wake` was called, or the clock's monotonic time is `until` (None: no limit).
        Returns what completed, possibly nothing. Without a limit and with nothing running it returns at once."""

    def wake(self) -> None:
        """Make `wait` return soon. May be called from a signal handler or another thread."""

    def give_up(self) -> None:
        """Nobody waits any more for a call that is running, and it may hang: it counts no longer among the `parallel` ones."""

    def close(self) -> None:
        """Take no more calls. What still runs is left alone: its completion is lost, the process may end."""


class ThreadExecutor:
    """Calls in daemon threads, as many as are needed; the engine has at most `parallel` calls in flight, and list calls on
    top, for which there are a few threads more.

    Not `concurrent.futures`: its threads are joined when the interpreter ends, so one hanging call would hold up a second
    Ctrl-C for ever.
    """

    def __init__(self, parallel: int) -> None:
        self._most = parallel + _LIST_CALLS
        self._threads = 0
        self._running = 0  # submitted and not yet handed out by wait; owned by the loop's thread
        self._work: SimpleQueue[tuple[Hashable, Callable[[], Any]] | None] = SimpleQueue()
        self._done: SimpleQueue[Completion | None] = SimpleQueue()  # None: woken; put() is re-entrant (signal handlers)

    def submit(self, token: Hashable, fn: Callable[[], Any]) -> None:
        self._running += 1
        if self._threads < min(self._running, self._most):
            self._threads += 1
            threading.Thread(target=self._serve, name=f"bbq-call-{self._threads}", daemon=True).start()
        self._work.put((token, fn))

    def wait(self, until: float | None) -> list[Completion]:
        found: list[Completion] = []
        if not self._running and until is None:
            return found
        with suppress(Empty):
            item = self._done.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
            while True:
                if item is not None:
                    self._running -= 1
                    found.append(item)
                item = self._done.get_nowait()
        return found

    def wake(self) -> None:
        self._done.put(None)

    def give_up(self) -> None:
        self._most += 1

    def close(self) -> None:
        for _ in range(self._threads):
            self._work.put(None)

    def _serve(self) -> None:
        while (item := self._work.get()) is not None:
            token, fn = item
            try:
                completion = Completion(token, fn())
            except BaseException as error:  # noqa: BLE001 - a call must never take the loop's answer with it
                completion = Completion(token, error=error)
            self._done.put(completion)


class VirtualExecutor:
    """Runs a call at once, inside `submit`, and delivers its completion when the time that it spent has passed."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._pending: list[tuple[float, int, Completion]] = []  # a heap: due, order of submission
        self._count = 0
        self._woken = False

    def submit(self, token: Hashable, fn: Callable[[], Any]) -> None:
        clock = self._clock
        clock.advance_to(clock.now())
        start = clock.now()
        try:
            completion = Completion(token, fn())
        except Exception as error:  # noqa: BLE001 - handed to the loop
            completion = Completion(token, error=error)
        due = start + clock._take_spent()  # the two are one mechanism
        self._count += 1
        heapq.heappush(self._pending, (due, self._count, completion))

    def wait(self, until: float | None) -> list[Completion]:
        if self._woken:
            self._woken = False
            return []
        if not self._pending:
            if until is not None:
                self._clock.advance_to(until)
            return []
        due = self._pending[0][0]
        if until is not None and until < due:
            self._clock.advance_to(until)
            return []
        self._clock.advance_to(due)
        found = []
        while self._pending and self._pending[0][0] <= due:
            found.append(heapq.heappop(self._pending)[2])
        return found

    def wake(self) -> None:
        self._woken = True

    def give_up(self) -> None:
        """Nothing hangs here: a call was run when it was submitted."""

    def close(self) -> None:
        self._pending.clear()
