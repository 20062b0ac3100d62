"""One event loop in a thread of its own, for the clients of brokers that are asyncio only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine
from typing import Any

_lock = threading.Lock()
_loop: tuple[int, asyncio.AbstractEventLoop] | None = None


def event_loop() -> asyncio.AbstractEventLoop:
    """The process's event loop for brokers, started at the first use (and again in a forked child)."""
    global _loop
    with _lock:
        if _loop is None or _loop[0] != os.getpid():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="bbq-queues", daemon=True).start()
            _loop = (os.getpid(), loop)
        return _loop[1]


_tasks: set[asyncio.Task[None]] = set()


def fire(work: Coroutine[Any, Any, Any]) -> None:
    """Start it on the running loop and look away: what goes wrong shows at the next call."""
    task = asyncio.get_running_loop().create_task(_quietly(work))
    _tasks.add(task)  # the loop itself holds its tasks weakly
    task.add_done_callback(_tasks.discard)


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(Exception):
        await work


def _after_fork() -> None:
    """Another thread may have held the lock at the moment of the fork."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
