"""The loop: one thread that owns all state and drives one coroutine per step.

A step is an `async def` that awaits requests: a provider call, a pause, the durability of what it wrote, a change of state.
Nothing here is asyncio: requests are answered by this loop, on a real or a virtual clock, so a step reads like the sentence
that it carries out and no lock is needed anywhere.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from bbq.engine.clock import Clock, Completion, Executor
from bbq.errors import DeadlineExceeded

T = TypeVar("T")


class Withdrawn(Exception):
    """Thrown into a step that has prepared a call but not begun it, when the run stops."""


class Request(Generic[T]):
    """What a step awaits. `start` begins it; the loop later resumes the task with the answer."""

    __slots__ = ()

    def __await__(self) -> Generator[Request[T], T, T]:
        return (yield self)

    def start(self, loop: Loop, task: Task) -> None:
        raise NotImplementedError


class Call(Request[T]):
    """Run `fn()` in the executor. `late` gets the completion if the step has gone on without it (its deadline passed)."""

    __slots__ = ("fn", "given_up", "late", "mutates")

    def __init__(self, fn: Callable[[], T], *, mutates: bool = False, late: Callable[[Completion], None] | None = None) -> None:
        self.fn = fn
        self.late = late
        self.mutates = mutates
        self.given_up = False  # its step went on without it

    def start(self, loop: Loop, task: Task) -> None:
        loop.queue_call(task, self)


class Changing:
    """The calls under way that change something. They may outlive their run: nothing can take them back."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._running = 0
        self._closed = False

    def guarded(self, fn: Callable[[], T]) -> Callable[[], T]:
        """The call, counted while it runs; one that has not begun when the run ends never does."""

        def call() -> T:
            with self._condition:
                if self._closed:
                    raise Withdrawn
                self._running += 1
            try:
                return fn()
            finally:
                with self._condition:
                    self._running -= 1
                    self._condition.notify_all()

        return call

    def close(self) -> None:
        """No call begins any more."""
        with self._condition:
            self._closed = True

    def wait(self, seconds: float | None = None) -> bool:
        """Until none is under way, at most so long; True where none is."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._running, seconds)


class Sleep(Request[None]):
    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def start(self, loop: Loop, task: Task) -> None:
        loop.timer(loop.clock.monotonic() + self.seconds, task)


class Durable(Request[None]):
    """Go on once everything recorded so far is in the journal."""

    __slots__ = ()

    def start(self, loop: Loop, task: Task) -> None:
        loop.durable.append((task, task.turn))


class Task:
    """A step under way. `turn` counts its resumptions, so an answer to an older request is recognised and dropped."""

    __slots__ = (
        "alive",
        "coroutine",
        "deadline_text",
        "deadline_turn",
        "done",
        "flying",
        "name",
        "pending",
        "priority",
        "turn",
        "unarmed",
        "withdrawable",
    )

    def __init__(
        self, name: str, coroutine: Coroutine[Any, Any, None], priority: float, done: Callable[[BaseException | None], None]
    ):
        self.name = name
        self.coroutine = coroutine
        self.priority = priority
        self.done = done
        self.turn = 0
        self.alive = True
        self.pending = False  # its answer is queued
        self.flying: Call[Any] | None = None
        self.withdrawable = False
        self.deadline_turn = 0
        self.deadline_text: Callable[[], str] | None = None
        self.unarmed: float | None = None


class Loop:
    """Resumes tasks, submits calls up to `parallel` at once in the order of priority, fires timers.

    `flush` makes the journal durable; it is called once for all tasks that wait for it at one moment.
    """

    def __init__(self, clock: Clock, executor: Executor, parallel: int, flush: Callable[[], None]) -> None:
        self.clock = clock
        self.executor = executor
        self.parallel = parallel
        self.durable: list[tuple[Task, int]] = []
        self.tasks: set[Task] = set()
        self._flush = flush
        self._runnable: deque[tuple[Task, int, Any, BaseException | None]] = deque()
        self._calls: list[tuple[float, int, Task, int, Call[Any]]] = []
        self._timers: list[tuple[float, int, Task, int, bool]] = []  # the last: is it a deadline
        self._count = 0
        self.in_flight = 0
        self.changing = Changing()

    # -- for tasks and requests

    def spawn(self, task: Task) -> None:
        self.tasks.add(task)
        task.pending = True
        self._runnable.append((task, task.turn, None, None))

    def resume(self, task: Task, turn: int, value: Any = None, error: BaseException | None = None) -> None:
        """Answer the request that `task` made in its `turn`; an answer that nobody waits for any more is dropped."""
        if task.alive and task.turn == turn and not task.pending:
            task.pending = True
            self._runnable.append((task, turn, value, error))

    def throw(self, task: Task, error: BaseException) -> None:
        self.resume(task, task.turn, error=error)

    def queue_call(self, task: Task, call: Call[Any]) -> None:
        heapq.heappush(self._calls, (-task.priority, self._next(), task, task.turn, call))

    def timer(self, moment: float, task: Task, *, deadline: bool = False) -> None:
        turn = task.deadline_turn if deadline else task.turn
        heapq.heappush(self._timers, (moment, self._next(), task, turn, deadline))

    @contextmanager
    def deadline(
        self, task: Task, seconds: float, text: Callable[[], str], *, armed: bool = True
    ) -> Generator[None, None, None]:
        """Throw `DeadlineExceeded(text())` into the task if the block takes longer; unless `armed`, counted from the moment
        at which its first call is submitted. Not nested: one stage after another."""
        task.deadline_turn += 1
        task.deadline_text = text
        if not armed:
            task.unarmed = seconds
        elif math.isfinite(seconds):
            self.timer(self.clock.monotonic() + seconds, task, deadline=True)
        try:
            yield
        finally:
            task.deadline_turn += 1
            task.deadline_text = None
            task.unarmed = None

    def extern(self, fn: Callable[[], Any], done: Callable[[Completion], None]) -> None:
        """Run a call that belongs to no task and takes no slot (the list call of a group)."""
        self.executor.submit(_Extern(done), fn)

    # -- for the engine

    @property
    def runnable(self) -> bool:
        """Some task has got its answer: `settle` before waiting."""
        return bool(self._runnable)

    def settle(self) -> None:
        """Resume what can be resumed, until every task waits for the outside; then submit calls."""
        while True:
            while self._runnable:
                self._step(*self._runnable.popleft())
            if not self.durable:
                break
            waiting, self.durable = self.durable, []
            self._flush()
            for task, turn in waiting:
                self.resume(task, turn)
        while self._calls and self.in_flight < self.parallel:
            _, _, task, turn, call = heapq.heappop(self._calls)
            if task.alive and task.turn == turn:
                task.flying = call
                self.in_flight += 1
                if task.unarmed is not None:
                    self.timer(self.clock.monotonic() + task.unarmed, task, deadline=True)
                    task.unarmed = None
                self.executor.submit((task, turn, call), self.changing.guarded(call.fn) if call.mutates else call.fn)

    def wait(self, until: float) -> None:
        """Wait for the outside, at most until `until` (monotonic), and queue what it answered."""
        if self._timers:
            until = min(until, self._timers[0][0])
        for completion in self.executor.wait(until):
            token: Any = completion.token
            if isinstance(token, _Extern):
                token.done(completion)
                continue
            task, turn, call = token
            if not call.given_up:
                self.in_flight -= 1
                task.flying = None
            if task.alive and task.turn == turn:
                self.resume(task, turn, completion.value, completion.error)
            elif call.late is not None:
                call.late(completion)
        now = self.clock.monotonic()
        overdue = []
        while self._timers and self._timers[0][0] <= now:
            _, _, task, turn, is_deadline = heapq.heappop(self._timers)
            if not is_deadline:
                self.resume(task, turn)
            elif task.alive and task.deadline_turn == turn and task.deadline_text is not None:
                if task.pending:  # its answer came in this very moment: let it be used, then look again
                    overdue.append((now, self._next(), task, turn, True))
                else:
                    self.throw(task, DeadlineExceeded(task.deadline_text()))
        for entry in overdue:
            heapq.heappush(self._timers, entry)

    def abandon(self) -> list[Task]:
        """Drop all tasks; returns those with a call in flight that changes something (see `changing` for when it has ended)."""
        self.changing.close()
        flying = [task for task in self.tasks if task.flying is not None and task.flying.mutates]
        for task in self.tasks:
            task.alive = False
            task.coroutine.close()
        self.tasks.clear()
        self._runnable.clear()
        self._calls.clear()
        return flying

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _step(self, task: Task, turn: int, value: Any, error: BaseException | None) -> None:
        if not task.alive or task.turn != turn:
            return
        if task.flying is not None:  # a deadline passed: a call that hangs must not take its slot with it
            task.flying.given_up = True
            task.flying = None
            self.in_flight -= 1
            self.executor.give_up()
        task.pending = False
        task.turn += 1
        try:
            request = task.coroutine.send(value) if error is None else task.coroutine.throw(error)
        except StopIteration:
            self._end(task, None)
        except Exception as failure:  # noqa: BLE001 - becomes the step's failure
            self._end(task, failure)
        else:
            request.start(self, task)

    def _end(self, task: Task, error: BaseException | None) -> None:
        task.alive = False
        self.tasks.discard(task)
        task.done(error)


class _Extern:
    __slots__ = ("done",)

    def __init__(self, done: Callable[[Completion], None]) -> None:
        self.done = done
