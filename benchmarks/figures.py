"""A measured figure, what it is held against, and how it is printed."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` against `limit` (both in `unit`); `against` says what the floor or the peer was and what it took."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    against: str = ""

    @property
    def reached(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        mark = {True: "ok  ", False: "MISS", None: "    "}[self.reached]
        wanted = "" if self.limit is None else f"  ({'at least' if self.at_least else 'at most'} {self.limit:g})"
        note = f"  - {self.against}" if self.against else ""
        return f"  {mark} {self.name:<58} {self.value:>9.3f} {self.unit}{wanted}{note}"


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of both, measured in turns, so that a busy moment of the machine hits both."""
    times = [(seconds(first), seconds(second)) for _ in range(rounds)]
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)
