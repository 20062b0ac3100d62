"""The supervisor of one component: `python -I -S shim.py <unit directory>`.

The client ends after `up` and may die at any moment, so each component has this small process as its parent. It holds an
exclusive lock on `<unit>/lock` for life (never two for one unit), starts what `spec.json` says in a session of its own,
restarts it, runs it by the clock, rotates its output, records how it ended, and ends everything that came of it:
the shim is the subreaper of all descendants (prctl(2)), those that left the process group included, and a child dies with
the shim (PR_SET_PDEATHSIG).

The start is synchronous: the first process returns 0 when the lock is held and `process.json` written, 75 (EX_TEMPFAIL)
where another shim has the lock, 74 (EX_IOERR) where the disk is full. What a disk that is full later has no room for is
written when there is (`records.py`). Standard library only, run with -I -S: it starts in some ten milliseconds and needs no
site-packages.

Files in the unit's directory (0600):
    spec.json       in: argv, env, cwd, user, restart, schedule, stop, log, mask (see `units.Unit`), start_at (seconds since the
                    epoch: run once, then; may be changed meanwhile), remove (the directory goes when the program ended well)
    lock            pid, start time and boot id of the shim
    process.json    phase: starting | running | backoff | scheduled | stopping | exited | stopped; pid of the child, its start
                    time, where in the log its output begins (inode and offset) ...
    exit.json       the last end of the child: code or signal, times, number of the run, what of the log is its output
    log, log.1 ...  the child's output, newest in `log`, secrets masked
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
if TYPE_CHECKING or __package__:
    from bbq.providers.supervisor import proc, rotation
    from bbq.providers.supervisor.child import Child, adopt_orphans
    from bbq.providers.supervisor.records import Records, read_specification, remove, write_in_place, write_json
else:
    # By path: with -I neither bbq nor this directory is importable, and a broken site-packages cannot hurt.
    sys.path.insert(0, _HERE)
    import proc
    import rotation
    from child import Child, adopt_orphans
    from records import Records, read_specification, remove, write_in_place, write_json

    sys.path.pop(0)

_MASK = b"********"
_RETRY = 1.0
"""Seconds until what the disk had no room for is tried again."""


class Shim:
    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.spec, self._version = read_specification(directory)
        spec = self.spec
        self.restart, self.stop = spec["restart"], spec["stop"]
        self.records = Records(directory)
        self.log = rotation.Log(f"{directory}/log", spec["log"]["size"], spec["log"]["count"])
        self.mask = [text.encode() for text in spec.get("mask", ())]
        self.children: dict[int, Child] = {}
        self.stopping = False
        self.finished = False
        self.leaves_nothing = False
        self.phase = "starting"
        self.failures = 0
        self.restarts = 0
        self.runs = 0
        self.start_at: float | None = None
        """Monotonic: when to start again after a failure."""
        self.due: float | None = None
        """Wall clock: the next time of the schedule."""
        self.waiting_run = False
        """`replace`: the new run starts as soon as the old one has ended."""
        self._seen = time.time()
        self.schedule = None
        if spec.get("schedule"):
            # Last: nothing of bbq may stand before a module of the standard library. On a server it is beside this file.
            sys.path += [_HERE, os.path.dirname(os.path.dirname(_HERE))]  # noqa: PTH120
            import cron  # type: ignore[import-not-found,unused-ignore]

            del sys.path[-2:]
            self.schedule = cron.Schedule(spec["schedule"])
        self.poll = select.poll()
        self._wakeup, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.poll.register(self._wakeup, select.POLLIN)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        for number in (signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, lambda *_: None)

    def _on_stop(self, *_: Any) -> None:
        self.stopping = True

    # -- start ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """What an earlier shim of this unit left behind ends first; then the component starts, or waits for its time.

        `OSError` where there is no room to say so: then nothing was started.
        """
        environment = self.spec["env"]
        mine = {key: environment[key] for key in ("BBQ_DEPLOYMENT_ID", "BBQ_NODE", "BBQ_UNIT") if key in environment}
        if mine:
            proc.end([one for one in proc.tagged(mine) if one.pid != os.getppid()], 2.0)
        if self.schedule:
            self.due = self.schedule.next(time.time())
        elif self.spec.get("start_at"):
            self.due = float(self.spec["start_at"])
        write_json(f"{self.directory}/process.json", self._state())
        self.phase = "scheduled"
        if self.due is None or self.spec.get("run_at_start"):
            self.phase = "running"
            self.spawn()
        self.save()

    def spawn(self) -> None:
        self.runs += 1
        child = Child(self.spec, self.runs, self._write, self.log.position)
        self.children[child.pid] = child
        self.poll.register(child.output, select.POLLIN)

    # -- the loop ---------------------------------------------------------------------------------------------------

    def loop(self) -> None:
        while not self.finished or not (self.stopping or self.records.complete):
            for fd, _ in self.poll.poll(self._pause()):
                if fd == self._wakeup:
                    with contextlib.suppress(BlockingIOError):
                        os.read(fd, 4096)
                else:
                    self._drain(fd)
            self._collect()
            self._tick()
            if self.stopping and not self.finished:
                self._stop()
            self.records.flush()
        # The lock itself goes with the process.
        write_in_place(f"{self.directory}/lock", b"")
        if self.leaves_nothing:
            remove(self.directory)

    def _pause(self) -> int:
        """Milliseconds until something is due. Never long: the wall clock may jump."""
        now, pause = time.monotonic(), 30.0 if self.records.complete else _RETRY
        if self.start_at is not None:
            pause = min(pause, self.start_at - now)
        if self.due is not None:
            pause = min(pause, self.due - time.time())
        for child in self.children.values():
            if child.kill_at is not None:
                pause = min(pause, child.kill_at - now)
        return max(0, int(pause * 1000) + 1)

    def _drain(self, fd: int) -> None:
        child = next((one for one in self.children.values() if one.output == fd), None)
        if child is not None and child.read() is False:
            self._close(child)

    def _write(self, data: bytes) -> None:
        for secret in self.mask:
            data = data.replace(secret, _MASK)
        if data:
            self.log.write(data)

    def _close(self, child: Child) -> None:
        if child.output >= 0:
            self.poll.unregister(child.output)
            child.close()

    def _collect(self) -> None:
        """Take notice of processes that ended: ours, and orphans that were given to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if child := self.children.get(pid):
                self._sweep(child)
                while child.output >= 0 and child.read():
                    pass
                self._close(child)
                del self.children[pid]
                self._ended(child, os.waitstatus_to_exitcode(status))

    def _sweep(self, child: Child) -> None:
        """End what the run left behind: its session, and those that carry its number."""
        deadline = time.monotonic() + 2.0
        killed: set[int] = set()
        while True:
            left = [one for one in proc.descendants(os.getpid()) if one.pid not in self.children]
            if len(self.children) > 1:
                run = str(child.run)
                left = [one for one in left if one.session == child.pid or proc.environment(one.pid).get("BBQ_RUN") == run]
            if not left:
                return
            for one in left:
                if time.monotonic() >= deadline:
                    proc.send(one, signal.SIGKILL)
                elif one.pid not in killed:
                    killed.add(one.pid)
                    proc.send(one, signal.SIGTERM)
            if child.output >= 0 and child.read() is False:
                self._close(child)
            for one in left:
                try:
                    os.waitpid(one.pid, os.WNOHANG)
                except ChildProcessError:
                    continue
            proc.gone(left, 0.02)

    def _ended(self, child: Child, code: int) -> None:
        ran = time.monotonic() - child.started
        failed = code != 0
        again = not self.stopping and (
            self.restart["policy"] == "always" or (self.restart["policy"] == "on-failure" and failed)
        )
        if ran >= self.restart["reset_after"]:
            self.failures = 0
        limit = self.restart["limit"]
        if again and limit is not None and self.failures >= limit:
            again = False
        if again or failed:
            self.failures += 1
        if not failed and self.restart["policy"] != "always":
            self.failures = 0
        self._record(
            "exit.json",
            {
                "code": code if code >= 0 else None,
                "signal": -code if code < 0 else None,
                "started_at": child.started_at,
                "ended_at": time.time(),
                "run": child.run,
                "log": self._logged(child),
            },
        )
        if self.stopping:
            return
        if self.waiting_run:
            self.waiting_run = False
            self.spawn()
            self.phase = "running"
        elif self.due is not None and not self.schedule:  # its time was moved meanwhile
            self.phase = "scheduled"
        elif again:
            wait = min(self.restart["cap"], self.restart["backoff"] * 2 ** min(self.failures - 1, 20))
            self.start_at = time.monotonic() + wait
            self.phase = "backoff"
        elif self.schedule:
            self.phase = "running" if self.children else "scheduled"
        else:
            self.phase = "exited"
            self.finished = True
            self.leaves_nothing = code == 0 and bool(self.spec.get("remove"))
        self.save()

    def _tick(self) -> None:
        if self.stopping or self.finished:
            return
        if self.spec.get("start_at"):
            self._reread()
        if self.start_at is not None and time.monotonic() >= self.start_at:
            self.start_at = None
            self.restarts += 1
            self.phase = "running"
            self.spawn()
            self.save()
        if self.due is not None and time.time() >= self.due:
            self.due = self.schedule.next(time.time()) if self.schedule else None
            self._run_by_clock()
            self.save()
        elif self.schedule and time.time() < self._seen - 1:
            # The clock was set back: the time that was computed before is too far away.
            self.due = self.schedule.next(time.time())
        self._seen = time.time()
        if self.waiting_run:
            self._signal_children()

    def _reread(self) -> None:
        """What runs once may be given another time: by a new `spec.json`, noticed at SIGHUP or within half a minute."""
        with contextlib.suppress(OSError, ValueError):
            spec, version = read_specification(self.directory)
            if version != self._version:
                self.spec, self._version = spec, version
                self.due, self.start_at = float(spec["start_at"]), None
                self.phase = "running" if self.children else "scheduled"
                self.save()

    def _run_by_clock(self) -> None:
        how = self.spec.get("concurrency", "forbid")
        if self.children and how == "forbid":
            self.log.write(b"bbq: the run before is still going, this one is left out\n")
            return
        if self.children and how == "replace":
            self.waiting_run = True
            self._signal_children()
            return
        self.start_at = None
        self.phase = "running"
        self.spawn()

    def _logged(self, child: Child) -> list[int]:
        """What the run wrote, in the log as it is now: inode, first byte, the byte after the last."""
        (before, start), (inode, end) = child.logged_from, self.log.position
        return [inode, start if inode == before else 0, end]

    # -- stop -------------------------------------------------------------------------------------------------------

    def _signal_children(self) -> None:
        """Ask each child once; after the grace period it is killed."""
        now = time.monotonic()
        for child in self.children.values():
            if child.kill_at is None:
                child.kill_at = now + self.stop["grace"]
                child.send(self.stop["signal"])
            elif now >= child.kill_at:
                child.kill_at = now + 1.0
                child.send(signal.SIGKILL)

    def _stop(self) -> None:
        if self.phase != "stopping":
            self.phase = "stopping"
            self.start_at = self.due = None
            self.waiting_run = False
            self.save()
        self._signal_children()
        if not self.children:
            self.phase = "stopped"
            self.finished = True
            self.save()

    # -- what the client reads --------------------------------------------------------------------------------------

    def save(self) -> None:
        self._record("process.json", self._state())

    def _state(self) -> dict[str, Any]:
        child = next(iter(self.children.values()), None)
        return {
            "phase": self.phase,
            "pid": child.pid if child else 0,
            "start_time": child.start_time if child else 0,
            "started_at": child.started_at if child else None,
            "boot_id": proc.boot_id(),
            "attempt": self.spec["env"].get("BBQ_ATTEMPT", ""),
            "failures": self.failures,
            "restarts": self.restarts,
            "runs": self.runs,
            "log": child.logged_from if child else None,
            "next_at": self.due,
        }

    def _record(self, name: str, value: dict[str, Any]) -> None:
        self.records.put(name, value)
        # A full disk must not end the component. A directory that was removed under us must: nobody can find it any more.
        if not self.records.complete and self.records.lost:
            self.stopping = True


def main(directory: str) -> int:
    lock = os.open(f"{directory}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.EX_TEMPFAIL
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        # The lock belongs to the open file, which the child has too.
        os.close(write_end)
        return {b".": 0, b"F": os.EX_IOERR}.get(os.read(read_end, 1), os.EX_SOFTWARE)
    os.close(read_end)
    os.setsid()
    os.chdir("/")
    adopt_orphans()
    me = proc.process(os.getpid())
    text = {"pid": os.getpid(), "start_time": me.start_time if me else 0, "boot_id": proc.boot_id()}
    try:
        write_in_place(f"{directory}/lock", json.dumps(text).encode())
        shim = Shim(directory)
        shim.begin()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            os.write(write_end, b"F")  # said this way because there is no room for a log, either
        raise
    os.write(write_end, b".")
    os.close(write_end)
    shim.loop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
