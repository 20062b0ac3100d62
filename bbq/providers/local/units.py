"""Units: what a client writes for the supervisor (`shim.py`), starts, stops, and reads back."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bbq.engine.contract import AmbiguousFault, ConfigurationFault, PermanentFault
from bbq.providers.supervisor import proc
from bbq.providers.supervisor.records import read_json
from bbq.topology.values import Secret, revealed, walk

PASSED_ON = (
    *("HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "PYTHONPATH", "SHELL", "TZ"),
    "USER",
)
"""What a program gets of the client's environment. Not more: the client's has passwords of clouds in it."""
_SHIM = Path(proc.__file__).with_name("shim.py")
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Restart:
    """`limit`: failures in a row before it gives up (None: never). Seconds between starts double from `backoff` to `cap`; a
    run of `reset_after` seconds makes good for all failures before it."""

    policy: str = "never"
    limit: int | None = None
    backoff: float = 0.25
    cap: float = 30.0
    reset_after: float = 30.0


@dataclass(frozen=True, slots=True)
class Unit:
    """One supervised process.

    argv          no secrets: everybody on the machine can read it; argv[0] is looked up in PATH
    env           on top of the base environment; may hold `Secret`s, lists and dicts are given as JSON, None is left out
    files         path relative to the node's directory -> text (may be a `Secret`), written 0600 before the start; a changed
                  text restarts the unit
    user          (uid, gid) to run as, for programs that refuse root
    schedule      a cron expression; the unit then runs by the clock, `run_at_start` once more at its start
    start_at      seconds since the epoch: run once, then
    stop_signal   what asks it to end; after `grace` seconds, SIGKILL
    """

    argv: Sequence[str]
    env: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    cwd: str | None = None
    user: tuple[int, int] | None = None
    restart: Restart = Restart()
    schedule: str | None = None
    concurrency: str = "forbid"
    run_at_start: bool = False
    start_at: float | None = None
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0
    log_size: int = 10 * 1024 * 1024
    log_count: int = 3


@dataclass(frozen=True, slots=True)
class UnitState:
    """phase: incomplete (its shim was never started) | lost (its shim was killed) | starting | running | ending (no process any
    more, and its shim has not told yet what comes of that) | backoff (waits for its restart) | scheduled | stopping | exited |
    stopped. `code` and `signal` are of the last run that ended, number `ended_run`, after `ran` seconds. `logs` tell what
    of the file `log` is of the run that goes on, and of the one that ended: inode, first byte, and of the latter the byte after
    the last."""

    name: str
    phase: str
    pid: int = 0
    start_time: int = 0
    started_at: float | None = None
    failures: int = 0
    restarts: int = 0
    runs: int = 0
    next_at: float | None = None
    ended: bool = False
    code: int | None = None
    signal: int | None = None
    ended_run: int = 0
    ran: float = 0.0
    shim: int = 0
    logs: tuple[Sequence[int], ...] = ()

    @property
    def supervised(self) -> bool:
        return self.shim > 0

    @property
    def how(self) -> str:
        """How its last run ended, in words."""
        if not self.ended:
            return "has not ended yet"
        if self.signal:
            with contextlib.suppress(ValueError):
                return f"was ended by {signal.Signals(self.signal).name}"
            return f"was ended by signal {self.signal}"
        return f"exited with code {self.code}"


def environment_text(env: Mapping[str, Any]) -> dict[str, str]:
    """Values as a child's environment has them: text as it is, secrets opened, lists and maps as JSON, None left out."""
    found = {}
    for key, value in env.items():
        value = revealed(value)
        if value is None:
            continue
        found[key] = value if isinstance(value, str) else json.dumps(value)
    return found


def specification(unit: Unit, base: Mapping[str, str], directory: Path) -> dict[str, Any]:
    """What the shim reads: the unit, with `base` below its environment and `directory` where it names none of its own.

    `ConfigurationFault` where its program is missing, `PermanentFault` where its working directory is.
    """
    env = {**base, **environment_text(unit.env)}
    argv = [str(item) for item in unit.argv]
    cwd = unit.cwd or str(directory)
    program = shutil.which(argv[0], path=env["PATH"]) if "/" not in argv[0] else str(Path(cwd, argv[0]))
    if program is not None and Path(program).is_file() and not os.access(program, os.X_OK):
        raise ConfigurationFault(f"{program} is not executable", hint="chmod +x, or name what runs it first (sh, python)")
    if program is None or not os.access(program, os.X_OK):
        raise ConfigurationFault(f"there is no program {argv[0]!r}", hint="install it, or give its full path")
    if not Path(cwd).is_dir():
        raise PermanentFault(f"there is no directory {cwd}")
    files = {file: revealed(content) for file, content in unit.files.items()}
    digests = {
        file: hashlib.sha256(text if isinstance(text, bytes) else str(text).encode()).hexdigest()
        for file, text in files.items()
    }
    hidden = {str(item.reveal()) for item in walk([unit.env, unit.files]) if isinstance(item, Secret)}
    return {
        "argv": [program, *argv[1:]],
        "env": env,
        "own_env": sorted(unit.env),
        "cwd": cwd,
        "files": digests,
        "user": list(unit.user) if unit.user else None,
        "restart": {
            "policy": unit.restart.policy,
            "limit": unit.restart.limit,
            "backoff": unit.restart.backoff,
            "cap": unit.restart.cap,
            "reset_after": unit.restart.reset_after,
        },
        "schedule": unit.schedule,
        "concurrency": unit.concurrency,
        "run_at_start": unit.run_at_start,
        "start_at": unit.start_at,
        "stop": {"signal": int(unit.stop_signal), "grace": unit.grace},
        "log": {"size": unit.log_size, "count": unit.log_count},
        "mask": sorted((text for text in hidden if len(text) >= _SHORTEST_SECRET), key=len, reverse=True),
    }


def read_unit(path: Path) -> UnitState:
    """What the unit's files and the kernel say. A shim counts as alive by pid, start time and boot."""
    name = path.name
    lock = read_json(path / "lock")
    # First: what one that is gone has written is its last word then.
    shim = proc.same(lock.get("pid", 0), lock.get("start_time", 0), lock.get("boot_id", ""))
    now, end = read_json(path / "process.json"), read_json(path / "exit.json")
    phase = now.get("phase")
    if phase in ("exited", "stopped"):
        shim = None  # it has said its last word, and goes
    elif shim:
        phase = phase or "starting"
        if phase == "running" and not proc.same(now.get("pid", 0), now.get("start_time", 0), now.get("boot_id", "")):
            phase = "ending"
    else:
        phase = "lost" if phase else "incomplete"
    return UnitState(
        name,
        phase,
        pid=now.get("pid", 0),
        start_time=now.get("start_time", 0),
        started_at=now.get("started_at"),
        failures=now.get("failures", 0),
        restarts=now.get("restarts", 0),
        runs=now.get("runs", 0),
        next_at=now.get("next_at"),
        ended=bool(end),
        code=end.get("code"),
        signal=end.get("signal"),
        ended_run=end.get("run", 0),
        ran=end.get("ended_at", 0.0) - end.get("started_at", 0.0),
        shim=shim.pid if shim else 0,
        logs=tuple(found["log"] for found in (now, end) if found.get("log")),
    )


def start_shim(path: Path, env: Mapping[str, str]) -> bool:
    """Returns when the shim holds its lock and the component was started (which may have failed: see its state).

    False where another shim has the lock, or had it and ended ours (see `Shim.begin`). `PermanentFault` where it cannot do its
    work, `OSError` where the disk is full.
    """
    with open(path / "shim.log", "ab") as log:  # noqa: PTH123 - mode below
        os.fchmod(log.fileno(), 0o600)
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(_SHIM), str(path)],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            check=False,
            start_new_session=True,
        )
    if done.returncode == os.EX_IOERR:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    if done.returncode not in (0, os.EX_TEMPFAIL, -signal.SIGTERM, -signal.SIGKILL):
        text = (path / "shim.log").read_text(errors="replace").strip().splitlines()
        raise PermanentFault(f"the supervisor of {path.name} did not start: {text[-1] if text else done.returncode}")
    return done.returncode == 0


def stop_units(paths: Sequence[Path]) -> None:
    """Ask all shims to stop, wait for them (each one's grace and a little more), then kill. No lock is held afterwards."""
    shims, grace = [], 0.0
    for path in paths:
        lock, spec = read_json(path / "lock"), read_json(path / "spec.json")
        if shim := proc.same(lock.get("pid", 0), lock.get("start_time", 0), lock.get("boot_id", "")):
            shims.append(shim)
            grace = max(grace, spec.get("stop", {}).get("grace", 0.0))
    for shim in shims:
        proc.send(shim, signal.SIGTERM)
    for shim in proc.gone(shims, grace + 5.0):
        for one in [*proc.descendants(shim.pid), shim]:
            proc.send(one, signal.SIGKILL)
    for path in paths:
        _clear(path)


def _clear(path: Path) -> None:
    """End what no recorded shim answers for: a shim that has not written down who it is, the children of a killed one."""
    env = read_json(path / "spec.json").get("env", {})
    mine = {key: env[key] for key in ("BBQ_DEPLOYMENT_ID", "BBQ_NODE", "BBQ_UNIT") if key in env}
    deadline = time.monotonic() + 10.0
    while mine:
        left = proc.tagged(mine)
        if left:
            proc.end(left, 2.0)
        elif not _locked(path / "lock"):
            return
        elif time.monotonic() > deadline:
            raise AmbiguousFault(f"{path.name}: a supervisor that cannot be found holds {path / 'lock'}")
        else:
            time.sleep(0.02)


def _locked(lock: Path) -> bool:
    """Does a shim hold it? A shim that comes to the lock in this very moment gives up, which is what is wanted here."""
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def same_specification(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Would it run the same? The attempt and the client's own environment may differ."""

    def core(spec: Mapping[str, Any]) -> dict[str, Any]:
        varying = {"BBQ_ATTEMPT", *PASSED_ON} - set(spec.get("own_env", ()))
        return {**spec, "env": {key: value for key, value in spec.get("env", {}).items() if key not in varying}}

    return core(old) == core(new)
