"""Which step may start next: dependency counters, and the critical path for the order among those that may."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from bbq.plan.model import Step


class Walk:
    """The order of a plan's steps. Work is linear in steps and edges.

    `expected` gives a step's likely seconds; a step's priority is the longest way from its start to the end of the plan.
    """

    def __init__(self, steps: Mapping[str, Step], expected: Callable[[Step], float]) -> None:
        self.steps = steps
        self.expected = {name: expected(step) for name, step in steps.items()}
        self._before = {name: [o for o in step.after if o in steps and o != name] for name, step in steps.items()}
        self._missing = {name: len(before) for name, before in self._before.items()}
        self._dependents: dict[str, list[str]] = {name: [] for name in steps}
        for name, before in self._before.items():
            for other in before:
                self._dependents[other].append(name)
        self.priority = self._priorities()
        self._order = {name: number for number, name in enumerate(steps)}
        self._ready: list[tuple[float, int, str]] = []
        self._push(name for name, missing in self._missing.items() if not missing)

    def _priorities(self) -> dict[str, float]:
        """Longest way to the end, computed against the edges. `ValueError` where the plan has a cycle."""
        open_ = {name: len(found) for name, found in self._dependents.items()}
        ways = dict.fromkeys(self.steps, 0.0)
        todo = deque(name for name, count in open_.items() if not count)
        found: dict[str, float] = {}
        while todo:
            name = todo.popleft()
            found[name] = ways[name] + self.expected[name]
            for other in self._before[name]:
                ways[other] = max(ways[other], found[name])
                open_[other] -= 1
                if not open_[other]:
                    todo.append(other)
        if len(found) != len(self.steps):
            raise ValueError("the plan has a cycle: " + ", ".join(sorted(set(self.steps) - set(found))[:10]))
        return found

    def _push(self, names: Iterable[str]) -> None:
        for name in names:
            heapq.heappush(self._ready, (-self.priority[name], self._order[name], name))

    @property
    def ready(self) -> int:
        """How many steps may start now."""
        return len(self._ready)

    def pop(self) -> str:
        """The most urgent step that may start."""
        return heapq.heappop(self._ready)[2]

    def done(self, name: str) -> None:
        """The step is done: its dependents have one thing less to wait for."""
        freed = []
        for other in self._dependents[name]:
            self._missing[other] -= 1
            if not self._missing[other]:
                freed.append(other)
        self._push(freed)

    def critical_path(self) -> tuple[str, ...]:
        """The longest chain of steps by expected time, first step first; steps that take no time are left out."""
        path: list[str] = []
        names: Iterable[str] = [name for name, before in self._before.items() if not before]
        while name := max(names, key=lambda n: self.priority[n], default=""):
            if self.expected[name] > 0:
                path.append(name)
            names = self._dependents[name]
        return tuple(path)
