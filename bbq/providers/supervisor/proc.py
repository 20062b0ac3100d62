"""What the kernel says of processes and ports (`/proc`), and signals that cannot hit the wrong process.

Standard library only, no import of bbq: the supervisor (`shim.py`) loads this file by its path.

A process is never known by its bare pid, which the kernel uses again: it is pid + start time (clock ticks since boot,
proc(5), field 22 of `stat`) + boot id, and what belongs to a deployment is told by variables in its environment.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_LISTEN = "0A"


class Process(NamedTuple):
    """One line of `/proc/<pid>/stat`, as far as it is needed."""

    pid: int
    parent: int
    session: int
    state: str
    start_time: int

    @property
    def dead(self) -> bool:
        """Ended, and only waiting for its parent to take notice."""
        return self.state in "ZX"


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def process(pid: int) -> Process | None:
    """The living process of that pid; None where there is none, or only a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - called for every process of the machine
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    found = Process(pid, int(fields[1]), int(fields[3]), fields[0].decode(), int(fields[19]))
    return None if found.dead else found


def same(pid: int, start_time: int, boot: str) -> Process | None:
    """The process, where it is still the one that was started at that time since that boot."""
    found = process(pid) if pid > 0 and boot == boot_id() else None
    return found if found is not None and found.start_time == start_time else None


def processes() -> Iterator[Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and (found := process(int(name))):
            yield found


def environment(pid: int) -> dict[str, str]:
    """The environment that the process was started with; empty where it is not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            text = file.read()
    except OSError:
        return {}
    pairs = (item.partition(b"=") for item in text.split(b"\0") if b"=" in item)
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, _, value in pairs}


def tagged(tag: Mapping[str, str]) -> list[Process]:
    """The living processes whose environment has all of these variables; this process is never among them."""
    wanted = [f"{key}={value}".encode() for key, value in tag.items()]
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                text = file.read()
        except OSError:
            continue
        # The quick test first: most processes of a machine are not ours.
        if wanted[0] not in text or not set(wanted) <= set(text.split(b"\0")):
            continue
        one = process(int(name))
        # And again: between the two reads it may have ended, and the pid be another's.
        if one is not None and tag.items() <= environment(one.pid).items():
            found.append(one)
    return found


def descendants(pid: int) -> list[Process]:
    """Children of the process, their children, and so on."""
    children: dict[int, list[Process]] = {}
    for one in processes():
        children.setdefault(one.parent, []).append(one)
    found: list[Process] = []
    todo = [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += [one.pid for one in below]
    return found


def ancestors() -> set[int]:
    """This process and those that it descends from."""
    found: set[int] = set()
    one = process(os.getpid())
    while one is not None and one.pid not in found:
        found.add(one.pid)
        one = process(one.parent)
    return found


def send(target: Process, number: int) -> bool:
    """Signal exactly this process; False where it is gone. A pidfd keeps the pid from being used again in between."""
    try:
        fd = os.pidfd_open(target.pid)
    except OSError:
        return False
    try:
        now = process(target.pid)
        if now is None or now.start_time != target.start_time:
            return False
        signal.pidfd_send_signal(fd, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(fd)
    return True


def gone(targets: Iterable[Process], seconds: float) -> list[Process]:
    """Wait until all have ended, at most so long; those that have not."""
    deadline = time.monotonic() + seconds
    left = list(targets)
    pause = 0.005
    while left := [one for one in left if (now := process(one.pid)) is not None and now.start_time == one.start_time]:
        if time.monotonic() >= deadline:
            break
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return left


def end(targets: Iterable[Process], grace: float) -> list[Process]:
    """SIGTERM, then SIGKILL to those still there after `grace` seconds; what even that did not end."""
    targets = list(targets)
    for one in targets:
        send(one, signal.SIGTERM)
    left = gone(targets, grace)
    for one in left:
        send(one, signal.SIGKILL)
    return gone(left, 5.0)


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Could a server listen there now? `PermissionError` for a port below 1024 that this user may not take."""
    with socket.socket() as probe:
        # As servers do: connections of an earlier server that are still timing out are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def listening(ports: Collection[int]) -> dict[int, str]:
    """Who listens on these TCP ports: port -> `pid 4711 (nginx)`, or `another process` where it is not ours to see."""
    inodes: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == _LISTEN and port in ports:
                inodes[f"socket:[{fields[9]}]"] = port
    found = dict.fromkeys(inodes.values(), "another process")
    if found:
        for one in processes():
            for socket_name in _sockets(one.pid) & inodes.keys():
                found[inodes[socket_name]] = f"pid {one.pid} ({_command(one.pid)})"
    return found


def _sockets(pid: int) -> set[str]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208
    except OSError:
        return set()
    found = set()
    for name in names:
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))  # noqa: PTH115
        except OSError:
            continue
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "?"
