"""Directories of nodes and their units: what a client writes for the supervisor, and what it reads back.

    <state directory>/nodes/<node>/      (0700) made under another name with its tag in it, then renamed
        tag.json            who it belongs to; there from the directory's first instant to its last
        deleting            its delete has begun
        ports.json          name -> port
        attributes.json     attributes, secrets marked
        units.json          the units that there must be
        units/<unit>/       one supervised process each, see `shim.py`
        data/ tmp/ ...      the component's own

Nothing here asks the journal: after a crash the directory alone tells what was meant.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from bbq.engine.contract import AmbiguousFault, ConfigurationFault, PermanentFault, QuotaFault, Tag
from bbq.providers.local import proc
from bbq.topology.values import Secret, revealed, walk

PORTS = range(20000, 32000)
"""Free ports are taken from here: below the range that the kernel uses for outgoing connections (32768-60999)."""
_SHIM = Path(__file__).with_name("shim.py")
_PASSED_ON = (
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "PATH",
    "PYTHONPATH",
    "SHELL",
    "TZ",
    "USER",
    "LD_LIBRARY_PATH",
)
_SHORTEST_SECRET = 4
_SOCKET_PATH_LIMIT = 70
"""A path of a Unix socket has 107 bytes; programs put some 35 of their own behind TMPDIR."""
_ports_lock = threading.Lock()
_ports_given: set[int] = set()


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
    """phase: incomplete (its shim was never started) | lost (its shim was killed) | starting | running | backoff (waits for
    its restart) | scheduled | stopping | exited | stopped. `code` and `signal` are of the last run that ended,
    number `ended_run`."""

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
    shim: int = 0

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


@contextlib.contextmanager
def faults(what: str) -> Iterator[None]:
    """The file system's refusals as faults that say what to do."""
    try:
        yield
    except OSError as error:
        import errno

        place = f" ({error.filename})" if error.filename else ""
        text = f"{what}: {error.strerror or error}{place}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise QuotaFault(text, hint="free some disk space, or choose another place with [state] directory") from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ConfigurationFault(text, hint="choose another place with [state] directory") from None
        raise PermanentFault(text) from None


def read_json(path: Path) -> dict[str, Any]:
    """Empty where there is none, or where a power failure left half of one."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_private(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Whole or not at all, for this user only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    temporary.replace(path)


def node_id(node: str) -> str:
    """A node's name as the name of its directory, which is the handle's id; the other way: `node_of`."""
    return quote(node, safe="[]")


def node_of(identity: str) -> str:
    return unquote(identity)


class NodeDir:
    """One node's directory. Everything it does can be repeated after a crash in the middle of it."""

    def __init__(self, root: Path, deployment: str, deployment_id: str, identity: str) -> None:
        self.root, self.deployment, self.deployment_id, self.id = root, deployment, deployment_id, identity
        self.path = root / "nodes" / identity

    # -- whose it is ------------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    @property
    def deleting(self) -> bool:
        return (self.path / "deleting").exists()

    def tag(self) -> tuple[Tag, str]:
        """The tag and the resource's type. Where the file is damaged the directory's name must do."""
        found = read_json(self.path / "tag.json")
        tag = Tag(
            found.get("deployment", self.deployment),
            self.deployment_id,
            node_of(self.id),
            int(found.get("attempt", 0)),
            found.get("expires_at"),
        )
        return tag, found.get("type", "")

    def claim(self, tag: Tag, type_name: str) -> None:
        """Make the directory, or take it over for a new attempt."""
        content = json.dumps(
            {
                "deployment": tag.deployment,
                "deployment_id": tag.deployment_id,
                "node": tag.node,
                "attempt": tag.attempt,
                "expires_at": tag.expires_at,
                "type": type_name,
            }
        )
        if self.exists:
            write_private(self.path / "tag.json", content)
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=self.path.parent))
        write_private(fresh / "tag.json", content)
        fresh.rename(self.path)

    # -- files and ports --------------------------------------------------------------------------------------------

    def write(self, name: str, content: Any, mode: int = 0o600) -> Path:
        """A file below the directory; `Secret`s are opened."""
        path = self.path / name
        content = content.reveal() if isinstance(content, Secret) else content
        write_private(path, content, mode)
        return path

    def directory(self, name: str, mode: int = 0o700) -> Path:
        path = self.path / name
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        return path

    def outside(self, mode: int = 0o700) -> Path:
        """A directory with a short path outside of the private state directory, for Unix sockets, or for a component that runs
        as another user and may not pass through the state directory (mode 0o711, then chown what is below). It goes when
        the node goes."""
        base = Path(tempfile.gettempdir()) / f"bbq-{self.deployment_id}"
        path = base / hashlib.sha256(self.id.encode()).hexdigest()[:8]
        self.write("outside", str(path))
        for one in (base, path):
            one.mkdir(mode=0o700, exist_ok=True)
            found = one.lstat()
            if found.st_uid != os.geteuid() or one.is_symlink():
                raise ConfigurationFault(f"{one} belongs to somebody else", hint="set TMPDIR to another directory")
            if found.st_mode & 0o777 | mode != found.st_mode & 0o777:
                one.chmod(found.st_mode & 0o777 | mode)
        return path

    def temporary(self) -> Path:
        """The unit's TMPDIR."""
        inside = self.path / "tmp"
        if len(str(inside)) <= _SOCKET_PATH_LIMIT:
            inside.mkdir(mode=0o700, exist_ok=True)
            return inside
        return self.outside()

    def ports(self) -> dict[str, int]:
        return read_json(self.path / "ports.json")

    def port(self, name: str, wanted: int = 0) -> int:
        """The node's port of that name, recorded before it is used and kept over restarts: `wanted`, or a free one.

        `PermanentFault` where the wanted one is taken, naming its holder.
        """
        ports = self.ports()
        known = ports.get(name)
        if known and (not wanted or wanted == known) and (self.is_running() or proc.port_is_free(known)):
            return known
        with _ports_lock:
            if wanted:
                refuse_taken(wanted)
                port = wanted
            else:
                port = self._free_port()
            _ports_given.add(port)
        self.write("ports.json", json.dumps({**ports, name: port}))
        return port

    def _free_port(self) -> int:
        recorded = {int(port) for file in self.path.parent.glob("*/ports.json") for port in read_json(file).values()}
        for port in random.sample(PORTS, len(PORTS)):
            if port not in recorded and port not in _ports_given and proc.port_is_free(port):
                return port
        raise QuotaFault(f"no free port between {PORTS.start} and {PORTS.stop}")

    def attributes(self) -> dict[str, Any]:
        def opened(value: Any) -> Any:
            if isinstance(value, dict):
                if value.keys() == {"$secret"}:
                    return Secret(value["$secret"])
                return {key: opened(item) for key, item in value.items()}
            return [opened(item) for item in value] if isinstance(value, list) else value

        found: dict[str, Any] = opened(read_json(self.path / "attributes.json"))
        return found

    def keep_attributes(self, attributes: Mapping[str, Any]) -> None:
        def closed(value: Any) -> Any:
            if isinstance(value, Secret):
                return {"$secret": value.reveal()}
            if isinstance(value, Mapping):
                return {key: closed(item) for key, item in value.items()}
            return [closed(item) for item in value] if isinstance(value, (list, tuple)) else value

        self.write("attributes.json", json.dumps(closed(attributes)))

    def want(self, units: Sequence[str]) -> None:
        self.write("units.json", json.dumps({"units": list(units)}))

    def missing_units(self) -> bool:
        """A client that died between claim and start leaves a node without all of its units."""
        wanted = read_json(self.path / "units.json").get("units")
        return wanted is None or not set(wanted) <= set(self.unit_names())

    # -- units ------------------------------------------------------------------------------------------------------

    def environment(self, unit: str = "") -> dict[str, str]:
        """The tag, and the little of the client's environment that a program needs; its secrets stay with the client."""
        tag, type_name = self.tag()
        passed = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
        path = f"{Path(sys.executable).parent}{os.pathsep}{passed.get('PATH', os.defpath)}"
        return {
            **passed,
            "PATH": path,
            "TMPDIR": str(self.temporary()),
            "PYTHONUNBUFFERED": "1",
            "BBQ_DEPLOYMENT": self.deployment,
            "BBQ_DEPLOYMENT_ID": self.deployment_id,
            "BBQ_NODE": tag.node,
            "BBQ_NODE_TYPE": type_name,
            "BBQ_ATTEMPT": str(tag.attempt),
            **({"BBQ_UNIT": unit} if unit else {}),
        }

    def unit_path(self, name: str) -> Path:
        return self.path / "units" / name

    def spec(self, unit: str) -> dict[str, Any]:
        """What the unit was started with."""
        return read_json(self.unit_path(unit) / "spec.json")

    def unit_names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.path / "units"))  # noqa: PTH208 - in the way of every poll
        except OSError:
            return []

    def units(self) -> list[UnitState]:
        return [read_unit(self.unit_path(name)) for name in self.unit_names()]

    def is_running(self) -> bool:
        return any(unit.supervised for unit in self.units())

    def start(self, name: str, unit: Unit) -> None:
        """Start it, or start it anew where it runs with another specification; it runs as wanted already: nothing."""
        path = self.unit_path(name)
        spec = self._spec(name, unit)
        now = read_unit(path)
        if _same(read_json(path / "spec.json"), spec) and (now.supervised or (now.phase == "exited" and now.code == 0)):
            return
        stop_units([path])
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, content in unit.files.items():
            self.write(file, content)
        for old in ("process.json", "exit.json"):
            (path / old).unlink(missing_ok=True)
        write_private(path / "spec.json", json.dumps(spec))
        start_shim(path, {key: spec["env"][key] for key in spec["env"] if key.startswith("BBQ_")})

    def _spec(self, name: str, unit: Unit) -> dict[str, Any]:
        env = {**self.environment(name), **environment_text(unit.env)}
        argv = [str(item) for item in unit.argv]
        cwd = unit.cwd or str(self.path)
        program = shutil.which(argv[0], path=env["PATH"]) if "/" not in argv[0] else str(Path(cwd, argv[0]))
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

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, Any] | None = None, timeout: float = 60.0, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """A short helper program (initdb) with the node's tag: its output; `PermanentFault` with it where the program fails.

        A client that dies meanwhile leaves a process that `delete` finds. `options` are those of `subprocess.run`.
        """
        environment = {**self.environment(), **environment_text(env or {})}
        hidden = [str(item.reveal()) for item in walk(dict(env or {})) if isinstance(item, Secret)]
        try:
            done = subprocess.run(
                list(argv),
                env=environment,
                timeout=timeout,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                start_new_session=True,
                **{"cwd": self.path, **options},
            )
        except FileNotFoundError:
            raise ConfigurationFault(f"there is no program {argv[0]!r}") from None
        except subprocess.TimeoutExpired:
            raise PermanentFault(f"{Path(argv[0]).name} did not end within {timeout:.0f} s") from None
        if done.returncode:
            text = "\n".join(done.stdout.strip().splitlines()[-10:])
            for secret in hidden:
                text = text.replace(secret, "********")
            raise PermanentFault(f"{Path(argv[0]).name} failed with code {done.returncode}: {text}")
        return done

    # -- the end ----------------------------------------------------------------------------------------------------

    def stop(self, names: Sequence[str] | None = None) -> None:
        """Stop these units, or all, in parallel; their directories stay."""
        stop_units([self.unit_path(name) for name in (self.unit_names() if names is None else names)])

    def forget_units(self, names: Sequence[str]) -> None:
        self.stop(names)
        for name in names:
            self._remove(self.unit_path(name))

    def destroy(self) -> None:
        """Stop everything, wait until it is gone, remove the directory. Repeatable at any line."""
        if self.exists:
            (self.path / "deleting").touch(mode=0o600)
            self.stop()
        left = proc.end(proc.tagged({"BBQ_DEPLOYMENT_ID": self.deployment_id, "BBQ_NODE": node_of(self.id)}), 5.0)
        if left:
            raise AmbiguousFault(f"{node_of(self.id)}: pid {left[0].pid} does not end, even by SIGKILL")
        if self.exists:
            outside = self.path / "outside"
            if outside.exists():
                shutil.rmtree(outside.read_text(), ignore_errors=True)
            self._remove(self.path)
        for name in (".new-*", ".gone-*"):
            for leftover in self.path.parent.glob(name):
                shutil.rmtree(leftover, ignore_errors=True)

    def _remove(self, path: Path) -> None:
        """In one instant for everybody who looks, then bit by bit."""
        if path.exists():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            grave = Path(tempfile.mkdtemp(prefix=".gone-", dir=self.path.parent))
            path.rename(grave / "was")
            shutil.rmtree(grave)


def environment_text(env: Mapping[str, Any]) -> dict[str, str]:
    """Values as a child's environment has them: text as it is, secrets opened, lists and maps as JSON, None left out."""
    found = {}
    for key, value in env.items():
        value = revealed(value)
        if value is None:
            continue
        found[key] = value if isinstance(value, str) else json.dumps(value)
    return found


def refuse_taken(port: int) -> None:
    """`PermanentFault` where a server could not listen on the port now; it names the port's holder."""
    try:
        if proc.port_is_free(port):
            return
    except PermissionError:
        raise PermanentFault(f"port {port} needs root", hint="take one above 1023") from None
    holder = proc.listening([port]).get(port, "another process")
    raise PermanentFault(f"port {port} is taken by {holder}", hint="choose another port, or 0 for a free one")


def read_unit(path: Path) -> UnitState:
    """What the unit's files and the kernel say. A shim counts as alive by pid, start time and boot."""
    name = path.name
    lock, now, end = read_json(path / "lock"), read_json(path / "process.json"), read_json(path / "exit.json")
    shim = proc.same(lock.get("pid", 0), lock.get("start_time", 0), lock.get("boot_id", ""))
    phase = now.get("phase")
    if shim:
        phase = phase or "starting"
    elif phase not in ("exited", "stopped"):
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
        shim=shim.pid if shim else 0,
    )


def start_shim(path: Path, env: Mapping[str, str]) -> None:
    """Returns when the shim holds its lock and the component was started (which may have failed: see its state)."""
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
    if done.returncode not in (0, os.EX_TEMPFAIL):
        text = (path / "shim.log").read_text(errors="replace").strip().splitlines()
        raise PermanentFault(f"the supervisor of {path.name} did not start: {text[-1] if text else done.returncode}")


def stop_units(paths: Sequence[Path]) -> None:
    """Ask all shims to stop, wait for them (each one's grace and a little more), then kill."""
    shims, grace = [], 0.0
    for path in paths:
        lock, spec = read_json(path / "lock"), read_json(path / "spec.json")
        if shim := proc.same(lock.get("pid", 0), lock.get("start_time", 0), lock.get("boot_id", "")):
            shims.append(shim)
            grace = max(grace, spec.get("stop", {}).get("grace", 0.0))
        elif spec:
            # Its shim was killed: children went with it, their own children perhaps not.
            env = spec.get("env", {})
            mine = {key: env[key] for key in ("BBQ_DEPLOYMENT_ID", "BBQ_NODE", "BBQ_UNIT") if key in env}
            proc.end(proc.tagged(mine) if mine else [], 2.0)
    for shim in shims:
        proc.send(shim, signal.SIGTERM)
    for shim in proc.gone(shims, grace + 5.0):
        for one in [*proc.descendants(shim.pid), shim]:
            proc.send(one, signal.SIGKILL)


def _same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Would it run the same? The attempt and the client's own environment may differ."""

    def core(spec: Mapping[str, Any]) -> dict[str, Any]:
        varying = {"BBQ_ATTEMPT", *_PASSED_ON} - set(spec.get("own_env", ()))
        return {**spec, "env": {key: value for key, value in spec.get("env", {}).items() if key not in varying}}

    return core(old) == core(new)
