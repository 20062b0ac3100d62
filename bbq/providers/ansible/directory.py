"""Directories of nodes that operations make.

    <state directory>/ansible/known_hosts       keys of servers, recorded when they were first seen
    <state directory>/ansible/nodes/<node>/     (0700) made under another name with its tag in it, then renamed
        tag.json            who it belongs to; there from the directory's first instant to its last
        lock                held (flock) by the process that carries operations out, for as long as it lives
        state.json          what was done, what is being done, how it ended; written by whoever holds the lock
        plan/<number>/      one plan: plan.json and the files of its operations; the highest whole one counts
        log                 what Ansible says, secrets masked
        work/               ansible-runner's private data directory, while an operation runs

Nothing here asks the journal: after a crash the directory alone tells what was meant.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from bbq.engine.contract import Tag
from bbq.providers import directories
from bbq.providers.supervisor import proc
from bbq.providers.supervisor.records import read_json, write_json

PREFIX: Final = "ansible:"
"""Handles' ids start with it, so that a provider knows whose they are."""
POLL_GROUP: Final = "operations"
VARIABLE: Final = "BBQ_OPERATIONS_OF"
"""In the environment of the process that carries operations out: the node's directory."""
MARK: Final = "BBQ_OPERATION"
"""In the environment of all that one run of an operation starts: that run's mark. What it leaves running on purpose, a server,
has it for ever, so it is looked for only when that very run was cut off."""
_LOOKS: Final = 50
_GRACE: Final = 5.0  # seconds from SIGTERM to SIGKILL


def root_of(state_dir: str) -> Path:
    """Where a deployment has all of this, below its state directory."""
    return Path(state_dir) / "ansible"


def known_hosts(root: Path) -> Path:
    return root / "known_hosts"


class NodeDirectory:
    """One node's. Everything it does can be repeated after a crash in the middle of it."""

    def __init__(self, root: Path, identity: str) -> None:
        self.root = root
        self.id = identity
        self.path = root / "nodes" / identity.removeprefix(PREFIX)

    @classmethod
    def of(cls, root: Path, node: str) -> NodeDirectory:
        return cls(root, PREFIX + quote(node, safe="[]"))

    @classmethod
    def all(cls, root: Path) -> Iterator[NodeDirectory]:
        for path in sorted((root / "nodes").glob("[!.]*")):
            yield cls(root, PREFIX + path.name)

    @property
    def node(self) -> str:
        return unquote(self.path.name)

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    @property
    def log(self) -> Path:
        return self.path / "log"

    def claim(self, tag: Tag, type_name: str) -> None:
        """Make it where it is not there; its tag is in it from the first instant."""
        content = {"deployment": tag.deployment, "node": tag.node, "attempt": tag.attempt, "type": type_name}
        if self.exists:
            write_json(self.path / "tag.json", content)
            return
        fresh = directories.begin(self.path)
        write_json(fresh / "tag.json", content)
        (fresh / "lock").touch(mode=0o600)
        with contextlib.suppress(OSError):  # another process of the same deployment was faster
            fresh.rename(self.path)
        shutil.rmtree(fresh, ignore_errors=True)

    def tag(self, deployment: str, deployment_id: str) -> tuple[Tag, str]:
        found = read_json(self.path / "tag.json")
        tag = Tag(found.get("deployment", deployment), deployment_id, found.get("node", self.node), found.get("attempt", 0))
        return tag, found.get("type", "")

    # -- what was done

    def state(self) -> dict[str, Any]:
        return read_json(self.path / "state.json")

    def keep(self, state: dict[str, Any]) -> None:
        """Only for the holder of the lock."""
        write_json(self.path / "state.json", state)

    def plan(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest whole plan and its folder."""
        for folder in sorted((self.path / "plan").glob("[0-9]*"), key=lambda path: int(path.name), reverse=True):
            found = read_json(folder / "plan.json")
            if found:
                return folder, found
        return None

    @contextlib.contextmanager
    def new_plan(self) -> Iterator[Path]:
        """A folder for another plan; it counts, and the older ones go, when the block has ended well."""
        above = self.path / "plan"
        above.mkdir(mode=0o700, exist_ok=True)
        for leftover in above.glob(".new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        numbers = [int(path.name) for path in above.glob("[0-9]*")]
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=above))
        yield fresh
        fresh.rename(above / str(max(numbers, default=0) + 1))
        for number in numbers:
            shutil.rmtree(above / str(number), ignore_errors=True)

    # -- who is at it

    def busy(self) -> bool:
        """Is a process carrying operations out?"""
        descriptor = self._locked(fcntl.LOCK_SH)
        if descriptor is None:
            return self.exists
        os.close(descriptor)
        return False

    def take(self) -> int | None:
        """The lock's descriptor, to be handed on; None while another process has it."""
        for _ in range(_LOOKS):  # somebody who only looks has it for a moment
            descriptor = self._locked(fcntl.LOCK_EX)
            if descriptor is not None:
                return descriptor
            if not self.exists:
                return None
            time.sleep(0.01)
        return None

    def _locked(self, how: int) -> int | None:
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def end_processes(self, mark: str | None) -> None:
        """End who carries operations out, and what the run of that mark has started on this machine: by SIGTERM, then by
        SIGKILL."""
        tags = [{VARIABLE: str(self.path)}, *([{MARK: mark}] if mark else [])]
        deadline = time.monotonic() + 2 * _GRACE
        # Again, because what is ended may have had a child while the list was made.
        while (found := [one for tag in tags for one in proc.tagged(tag)]) and time.monotonic() < deadline:
            proc.end(found, _GRACE)

    def remove(self) -> None:
        """In one instant for everybody who looks, then bit by bit."""
        if self.exists:
            directories.bury(self.path, self.path)
        directories.sweep(self.path)
