"""How many workers a queue needs. A pure function; its golden cases are those of k8s-rabbit-pod-autoscaler.

https://github.com/onfido/k8s-rabbit-pod-autoscaler rounds the number of workers down, so that a rest of fewer messages than one
worker's share may wait for ever where the minimum is 0. Rounding up is the default here; all else is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bbq.errors import UsageError

STEPS_DOWN = 10
"""Going down, a step takes away this part of the surplus (a tenth), rounded up: never nothing, never more than the surplus."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`minimum` and `maximum` workers, and how many messages one worker gets done between two looks at the queue."""

    minimum: int
    maximum: int
    messages_per_worker: int
    rounding: Literal["up", "down"] = "up"

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.maximum:
            raise UsageError(f"limits {self.minimum} to {self.maximum} are not possible", hint="0 <= --min <= --max")
        if self.maximum < 1:
            raise UsageError("--max must be at least 1")
        if self.messages_per_worker < 1:
            raise UsageError("--messages-per-worker must be at least 1")
        if self.rounding not in ("up", "down"):
            raise UsageError(f"rounding is 'up' or 'down', not {self.rounding!r}")


def decide(messages: int, current: int, limits: Limits) -> int | None:
    """How many workers there should be now, or None where nothing is to be done.

    Up at once, down by steps. Where the number of workers is just what the messages call for, it is left alone even outside the
    limits: an operator who set 0 workers keeps them at 0 until something arrives.
    """
    if messages < 0 or current < 0:
        raise ValueError(f"{messages} messages, {current} workers: neither can be negative")
    share = limits.messages_per_worker
    required = messages // share if limits.rounding == "down" else -(-messages // share)
    if required == current:
        return None
    wanted = min(max(required, limits.minimum), limits.maximum)
    if wanted < current:
        surplus = current - wanted
        wanted = current - -(-surplus // STEPS_DOWN)
    return None if wanted == current else wanted
