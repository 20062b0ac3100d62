"""Who holds a lease, and whether that process still lives.

An owner is a process of one kernel: host, boot id, process id namespace, process id and the process's start time. The
start time tells a process from a later one with the same id; the namespace tells two containers on one kernel apart.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bbq.journal import codec

LEASE_SECONDS = 60.0
"""A lease whose owner cannot be looked at is taken over when its last heartbeat is older than this."""
HEARTBEAT_SECONDS = 10.0
"""How often an owner tells that it lives."""


@dataclass(frozen=True, slots=True)
class Owner:
    """`since` is the epoch second at which the lease was taken, for people; nothing is decided by it."""

    host: str
    boot: str
    namespace: str
    pid: int
    started: str
    user: str
    since: float

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since))
        return f"process {self.pid} of {self.user} on {self.host} since {when}"


def this_process() -> Owner:
    pid = os.getpid()
    return Owner(socket.gethostname(), _boot_id(), _namespace(), pid, _process(pid)[1], _user(), time.time())


def is_local(owner: Owner) -> bool:
    """Does the owner's process id mean something to us?"""
    return (owner.host, owner.boot, owner.namespace) == (socket.gethostname(), _boot_id(), _namespace())


def same_kernel(owner: Owner) -> bool:
    return bool(owner.boot) and owner.boot == _boot_id()


def lives(owner: Owner) -> bool:
    """Of an owner that `is_local`. A zombie is dead: it will write no more."""
    state, started = _process(owner.pid)
    return state not in ("", "Z", "X") and started == owner.started


def kernel_clock() -> float:
    """Seconds since the boot, suspend included: one clock for all processes of a kernel, which nobody can set."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def to_text(owner: Owner) -> str:
    return codec.to_text(owner)


def from_text(text: str) -> Owner:
    return codec.from_text(text, Owner)


def _process(pid: int) -> tuple[str, str]:
    """(state letter, start time) of a process, ("", "") where there is none; proc(5), /proc/pid/stat fields 3 and 22."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return "", ""
    try:  # no /proc on this system: the process id alone has to do
        os.kill(pid, 0)
    except ProcessLookupError:
        return "", ""
    except PermissionError:
        pass
    return "R", ""


@lru_cache(maxsize=1)
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return f"uid {os.geteuid()}"
