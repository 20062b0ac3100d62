"""How a call of the library is carried out, and the types of its arguments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.journal.model import Event
    from bbq.operations.change import Change, RunOptions

Path = str | PathLike[str]
Duration = str | float | timedelta
Listener = Callable[["Event"], None]


def seconds(value: Duration | None, what: str) -> float | None:
    from bbq import durations

    return None if value is None else durations.seconds(value, what=what)


def run_options(parallel: int | None, on_error: str | None, timeout: Duration | None) -> RunOptions:
    from bbq.operations.change import RunOptions

    return RunOptions(parallel, on_error, seconds(timeout, "timeout"))


def carry_out(change: Change, on_event: Listener | None, options: RunOptions | None) -> None:
    from bbq.operations.change import RunOptions
    from bbq.operations.interrupts import interruptible

    with interruptible() as on_engine:
        result = change.run(on_event=on_event, on_engine=on_engine, options=options or RunOptions())
    result.raise_for_failure()
