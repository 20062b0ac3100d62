"""Waiting: one list call per group and tick for everything that is waited for.

A tick is a share of the time waited so far, so being late stays a small share of the whole wait, whatever its length; where
earlier runs tell how long a type takes, the waiter looks rarely before that moment and often around it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bbq.engine.clock import Completion
from bbq.engine.contract import PermanentFault, Provider, ProviderFault, State, TransientFault
from bbq.engine.loop import Loop, Request, Task
from bbq.engine.options import EngineOptions


class Watch(Request[State | None]):
    """Wait for news of one thing: resumed with its `State` when that is ready, failed, or absent for longer than lists may
    lag (then None); with `until="gone"` only when it is that. `since` is the monotonic time since when it is waited for,
    `visible_by` the one from which on absence counts, `expected` the seconds that it usually takes."""

    __slots__ = ("expected", "group", "id", "on_state", "patience", "since", "until", "visible_by", "waiter")

    def __init__(
        self,
        waiter: Waiter,
        group: str,
        id: str,
        *,
        until: Literal["ready", "gone"],
        since: float,
        visible_by: float,
        expected: float | None,
        on_state: Callable[[State], None],
        patience: float = math.inf,
    ) -> None:
        self.waiter = waiter
        self.group = group
        self.id = id
        self.until = until
        self.since = since
        self.visible_by = visible_by
        self.expected = expected
        self.on_state = on_state
        self.patience = patience

    def start(self, loop: Loop, task: Task) -> None:
        self.waiter.add(task, self)


def tick(age: float, expected: float | None, options: EngineOptions) -> float:
    """Seconds until the next look at something that has been waited for since `age` seconds."""
    pause = age * options.poll_share
    if expected is not None and expected > 0:
        window = 0.9 * expected
        if age < window:  # likely nothing to see before then: a little lazier, for knowledge may be wrong
            pause = min(window - age, 2.5 * pause)
        elif age < 1.25 * expected:
            pause = min(pause, expected * options.poll_share / 4)
    return min(options.poll_max, max(options.poll_min, pause))


@dataclass(slots=True)
class _Entry:
    task: Task
    turn: int
    watch: Watch
    due: float
    last: State | None = None


class _Group:
    __slots__ = ("asked", "due", "entries", "faults", "floor")

    def __init__(self) -> None:
        self.entries: dict[str, _Entry] = {}
        self.asked = False  # a list call is under way
        self.due = math.inf
        self.floor = -math.inf  # not asked again before this moment
        self.faults = 0  # list calls in a row that failed


class Waiter:
    """Owned by the loop's thread."""

    def __init__(self, loop: Loop, provider: Provider, options: EngineOptions) -> None:
        self._loop = loop
        self._provider = provider
        self._options = options
        self._groups: dict[str, _Group] = {}

    def add(self, task: Task, watch: Watch) -> None:
        group = self._groups.setdefault(watch.group, _Group())
        now = self._loop.clock.monotonic()
        age = now - watch.since
        # just begun to wait: what is ready by now need not wait for a tick; `floor` keeps looks apart all the same
        due = now if age < self._options.poll_min else now + tick(age, watch.expected, self._options)
        group.due = max(group.floor, min(group.due, due) if group.entries else due)
        group.entries[watch.id] = _Entry(task, task.turn, watch, due)

    def due(self) -> float:
        """The monotonic time of the next list call; infinity where nothing waits."""
        return min((g.due for g in self._groups.values() if g.entries and not g.asked), default=math.inf)

    def submit(self) -> None:
        """Ask for each group that is due."""
        now = self._loop.clock.monotonic()
        for name, group in self._groups.items():
            if group.asked or not group.entries or group.due > now:
                continue
            for id in [id for id, e in group.entries.items() if not e.task.alive or e.task.turn != e.turn]:
                del group.entries[id]  # its step went on without it (a deadline)
            if group.entries:
                self._ask(name, group)

    def _ask(self, name: str, group: _Group) -> None:
        ids = list(group.entries)
        group.asked = True
        provider = self._provider

        def done(completion: Completion) -> None:
            group.asked = False
            if completion.error is None:
                group.faults = 0
                self._answer(group, ids, completion.value)
            else:
                self._fault(group, ids, completion.error)

        self._loop.extern(lambda: provider.list_states(name, ids), done)

    def _answer(self, group: _Group, ids: list[str], states: Mapping[str, State]) -> None:
        now = self._loop.clock.monotonic()
        entries, soonest = group.entries, math.inf
        for id in ids:
            entry = entries.get(id)
            if entry is None:
                continue
            watch, state = entry.watch, states.get(id)
            if state is not None and state != entry.last:
                entry.last = state
                watch.on_state(state)
            if state is None:
                finished = now >= watch.visible_by
            elif watch.until == "ready":
                finished = state.ready or state.failed
            else:
                finished = state.stuck or now - watch.since >= watch.patience
            if finished:
                del entries[id]
                self._loop.resume(entry.task, entry.turn, state)
            else:
                entry.due = now + tick(now - watch.since, watch.expected, self._options)
        for entry in entries.values():
            soonest = min(soonest, entry.due)
        group.floor = now + self._options.poll_min
        group.due = max(soonest, group.floor)

    def _fault(self, group: _Group, ids: list[str], error: BaseException) -> None:
        """The list call failed: that says nothing of the things. Ask again later; what cannot be asked at all fails."""
        group.faults += 1
        retry_after = getattr(error, "retry_after", None) or 0.0
        hopeless = not isinstance(error, ProviderFault) or isinstance(error, PermanentFault)
        if hopeless or (isinstance(error, TransientFault) and group.faults > self._options.retries):
            for id in ids:
                entry = group.entries.pop(id, None)
                if entry is not None:
                    self._loop.resume(entry.task, entry.turn, error=error)
            return
        pause = min(self._options.retry_cap, self._options.retry_base * 2.0 ** (group.faults - 1))
        group.due = group.floor = self._loop.clock.monotonic() + max(pause, retry_after)
