"""How an engine runs: limits, deadlines, retries, ticks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """All times in seconds.

    parallel            provider calls in flight at once, at most (the one list call per group comes on top)
    on_error            stop: start nothing new, finish what is in flight; continue: go on with what does not depend on the
                        failed part; rollback: then delete again what this run has made
    timeout             for the whole run, None for no limit
    create_timeout, ready_timeout, delete_timeout
                        win over the type's own defaults, and lose against a node's `timeouts`; None: the type's default
    retries             tries after the first one, for faults that may pass; the stage's deadline bounds them too
    retry_base, retry_cap
                        the pauses between tries: base, doubled each time, up to cap; less up to a half of it by jitter
    poll_min, poll_max, poll_share
                        what waits is looked at again after `poll_share` of the time that it has waited, within these bounds
    waiting_interval    `step.waiting` for one node at most this often
    flush_interval, flush_events
                        outcomes are journalled with the next intents, or after this time, or when they are this many
    heartbeat           between two renewals of the lease
    seed                of the jitter
    """

    parallel: int = 32
    on_error: str = "stop"
    timeout: float | None = None
    create_timeout: float | None = None
    ready_timeout: float | None = None
    delete_timeout: float | None = None
    retries: int = 8
    retry_base: float = 0.5
    retry_cap: float = 30.0
    poll_min: float = 0.1
    poll_max: float = 15.0
    poll_share: float = 0.04
    waiting_interval: float = 1.0
    flush_interval: float = 1.0
    flush_events: int = 256
    heartbeat: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.parallel < 1:
            raise ValueError("parallel is at least 1")
        if self.poll_min <= 0 or self.heartbeat <= 0:
            raise ValueError("poll_min and heartbeat are longer than nothing: time would stand still")
        if self.on_error not in ("stop", "continue", "rollback"):
            raise ValueError("on_error is stop, continue or rollback")
