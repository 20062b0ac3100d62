"""The simulated cloud's own memory: what exists, with tags. In this process only, or in a log that outlives it.

What is committed here stays, whatever happens to the process that asked for it: that is what makes a crash interesting.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bbq.engine.contract import Tag


class Thing(msgspec.Struct, kw_only=True):
    """All times are seconds of the cloud's clock; None is never.

    properties  what it was made or last updated with, secrets masked
    connected   the ids of the things that it was told of then, by node; None for a composite, which has none
    vanishes_at it is gone then, and nobody asked for it
    """

    id: str
    type: str
    tag: Tag
    created_at: float
    ready_at: float | None
    fails_at: float | None = None
    failure: str = ""
    vanishes_at: float | None = None
    delete_asked_at: float | None = None
    gone_at: float | None = None
    delete_seconds: float = 1.0
    properties: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    connected: dict[str, str | None] = {}
    updates: int = 0

    def exists(self, now: float) -> bool:
        return (
            self.created_at <= now
            and (self.gone_at is None or now < self.gone_at)
            and (self.vanishes_at is None or now < self.vanishes_at)
        )


class Cloud:
    """Things by id; in memory. `time` is the latest moment that anybody told."""

    def __init__(self) -> None:
        self.time = 0.0
        self.serial = 0
        self._things: dict[str, Thing] = {}
        self._by_node: dict[tuple[str, str], list[str]] = {}

    def refresh(self) -> None:
        """See what other processes committed."""

    def tell_time(self, now: float) -> None:
        """It is `now`, and will never be earlier again."""
        self.time = max(self.time, now)

    def commit(self, thing: Thing, now: float) -> None:
        """The thing is as given from now on, for everybody, for good."""
        self._apply(thing, now)

    def get(self, thing_id: str) -> Thing | None:
        return self._things.get(thing_id)

    def of_node(self, deployment_id: str, node: str) -> list[Thing]:
        """In the order in which they were made."""
        return [self._things[name] for name in self._by_node.get((deployment_id, node), ())]

    def of_deployment(self, deployment_id: str) -> Iterator[Thing]:
        return (thing for thing in self._things.values() if thing.tag.deployment_id == deployment_id)

    def forget(self) -> None:
        """Nothing is remembered any more, not even what is gone."""
        self._things.clear()
        self._by_node.clear()

    def close(self) -> None: ...

    def _apply(self, thing: Thing, now: float) -> None:
        self.time = max(self.time, now)
        if thing.id not in self._things:
            self.serial += 1
            self._by_node.setdefault((thing.tag.deployment_id, thing.tag.node), []).append(thing.id)
        self._things[thing.id] = thing


class _Entry(msgspec.Struct):
    at: float
    thing: Thing


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Entry).decode


class DurableCloud(Cloud):
    """In an append-only log, one JSON line a commit, one `write` a line: it survives SIGKILL at any instant (not a power cut,
    which a simulation need not), and several processes may have it open. The file's time of modification is the cloud's time,
    which goes on where a process stopped, however it ended.

    Raises `OSError` where the log cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self._path = Path(path)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._read = 0
        self.refresh()
        if self._read:
            self.time = max(self.time, os.fstat(self._file).st_mtime)

    def tell_time(self, now: float) -> None:
        super().tell_time(now)
        nanoseconds = int(self.time * 1e9)
        os.utime(self._file, ns=(nanoseconds, nanoseconds))

    def refresh(self) -> None:
        size = os.fstat(self._file).st_size
        if size <= self._read:
            return
        content = os.pread(self._file, size - self._read, self._read)
        complete = content.rfind(b"\n") + 1
        self._read += complete
        for line in content[:complete].splitlines():
            with contextlib.suppress(msgspec.MsgspecError):  # torn by a kill in mid-write: that commit did not happen
                entry = _decode(line)
                self._apply(entry.thing, entry.at)

    def commit(self, thing: Thing, now: float) -> None:
        self.refresh()
        # a line torn by somebody's death ends at ours
        torn = b"\n" if os.fstat(self._file).st_size > self._read else b""
        line = torn + _encode(_Entry(now, thing)) + b"\n"
        if os.write(self._file, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.refresh()
        self.tell_time(now)  # the write has set the file's time to another clock's

    def forget(self) -> None:
        super().forget()
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others' clouds may be in there
            self._path.parent.rmdir()

    def close(self) -> None:
        os.close(self._file)
