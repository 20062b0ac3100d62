"""One run of a component under its supervisor (`shim.py`): its start, its output. Standard library only, loaded by its path."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from bbq.providers.supervisor import proc
else:
    import proc  # `shim.py` has seen to the path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINE_LIMIT = 65536
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def adopt_orphans() -> None:
    """From now on, descendants whose parent ends become children of this process (prctl(2))."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """`run` numbers the runs, and is in the environment of all its processes; `write` takes its output, in whole lines.

    `output` is the end of the pipe to read from, -1 once it is closed; `logged_from` is where in the log its output begins.
    """

    def __init__(self, spec: Mapping[str, Any], run: int, write: Callable[[bytes], None], logged_from: tuple[int, int]) -> None:
        self.run, self._write, self.logged_from = run, write, logged_from
        self.output, write_end = os.pipe2(os.O_CLOEXEC)
        error_read, error_write = os.pipe2(os.O_CLOEXEC)
        environment = {**spec["env"], "BBQ_RUN": str(run)}
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _execute(spec, environment, write_end, parent)
            except OSError as error:
                os.write(error_write, f"{error.strerror}: {error.filename or spec['argv'][0]}".encode())
            finally:
                os._exit(127)
        os.close(write_end)
        os.close(error_write)
        with os.fdopen(error_read, "rb") as errors:
            problem = errors.read().decode(errors="replace")
        os.set_blocking(self.output, False)
        self.started_at, self.started = time.time(), time.monotonic()
        self.start_time = getattr(proc.process(self.pid), "start_time", 0)
        self.kill_at: float | None = None
        self._partial = b""
        if problem:
            write(f"cannot start: {problem}\n".encode())

    def read(self) -> bool | None:
        """Take what is there: True some, None nothing yet, False the end."""
        try:
            data = os.read(self.output, 65536)
        except BlockingIOError:
            return None
        if not data:
            return False
        data = self._partial + data
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > _LINE_LIMIT:
            cut = len(data)
        self._partial = data[cut:]
        self._write(data[:cut])
        return True

    def close(self) -> None:
        """No more output; a last line without its end counts."""
        os.close(self.output)
        self.output = -1
        self._write(self._partial)
        self._partial = b""

    def send(self, number: int) -> None:
        # Not waited for yet, so the pid is still this child's.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def _execute(spec: Mapping[str, Any], environment: Mapping[str, str], output: int, parent: int) -> None:
    """In the child: become the program, in a session of its own, and die with the supervisor."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    os.chdir(spec["cwd"])
    user = spec.get("user")
    if user:
        os.setgroups([])
        os.setgid(user[1])
        os.setuid(user[0])
    # After setuid, which clears it.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(127)
    os.execve(spec["argv"][0], spec["argv"], environment)
