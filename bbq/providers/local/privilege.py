"""Programs that refuse to run as root (PostgreSQL, MariaDB), when bbq runs as root.

Best in a user namespace (`userns.py`), where nothing changes hands. Where those are refused (some containers), as the user
`nobody`, with its files in a directory outside of the private state directory, which `delete` removes with the node.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bbq.engine.contract import ConfigurationFault
from bbq.providers.local.supervise import NodeDir

_NOBODY = "nobody"  # the directory's name
_USERNS = Path(__file__).with_name("userns.py")
_PREFIX = (sys.executable, "-I", "-S", str(_USERNS))


@functools.cache
def user_namespaces() -> bool:
    """Can this process make user namespaces?"""
    try:
        return subprocess.run([*_PREFIX, "/bin/true"], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True, slots=True)
class Account:
    """As whom a program runs, and where its files are.

    prefix     what stands before its argument list
    user       (uid, gid) to change to before the start, or None
    directory  the program's own directory
    """

    prefix: tuple[str, ...]
    user: tuple[int, int] | None
    directory: Path

    def argv(self, program: Path, *arguments: str) -> list[str]:
        return [*self.prefix, str(program), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The node's own TMPDIR is closed to another user."""
        return {} if self.user is None else {"TMPDIR": str(self.directory)}

    @property
    def options(self) -> dict[str, Any]:
        """For `NodeDir.run`."""
        if self.user is None:
            return {}
        return {
            "user": self.user[0],
            "group": self.user[1],
            "extra_groups": [],
            "cwd": self.directory,
            "env": self.environment,
        }

    def own(self, path: Path) -> Path:
        """Give a file or directory to the account."""
        if self.user is not None:
            os.chown(path, *self.user)
        return path

    def programs(self, directory: Path, parts: Sequence[Path], probe: str) -> Path:
        """A directory with these programs that the account can run: `directory` itself, or its place in a copy.

        `parts` are the directories that a copy needs, which works wherever it stands as long as they keep their places to each
        other; `probe` is a program in `directory` that has `--version`.
        """
        if self.user is None or _runs([str(directory / probe), "--version"], self.user):
            return directory
        root = Path(os.path.commonpath(parts))
        copy = self.directory / "programs"
        if not copy.is_dir():
            partial = self.directory / "programs.new"
            shutil.rmtree(partial, ignore_errors=True)
            for part in parts:
                shutil.copytree(part, partial / part.relative_to(root), symlinks=True)
            for path in [partial, *partial.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
            partial.rename(copy)
        copied = copy / directory.relative_to(root)
        if not _runs([str(copied / probe), "--version"], self.user):
            raise ConfigurationFault(
                f"{probe} refuses to run as root, and cannot be run as nobody",
                hint="run bbq as an ordinary user, or allow user namespaces (sysctl user.max_user_namespaces)",
            )
        return copied


def account(node: NodeDir) -> Account:
    """The account for a program that refuses root. Its directory exists and is private to it."""
    if os.geteuid() != 0:
        return Account((), None, node.path)
    if user_namespaces():
        return Account(_PREFIX, None, node.path)
    nobody = pwd.getpwnam("nobody")
    user = (nobody.pw_uid, nobody.pw_gid)
    outside = node.outside(0o711)
    directory = outside / _NOBODY
    directory.mkdir(mode=0o700, exist_ok=True)
    os.chown(directory, *user)
    return Account((), user, directory)


def directories(node: NodeDir) -> list[Path]:
    """Where the files of an account of this node may be, whatever the kernel allowed when they were made."""
    found = [node.path]
    with contextlib.suppress(OSError):
        found.append(Path((node.path / "outside").read_text(), _NOBODY))
    return found


def _runs(argv: Sequence[str], user: tuple[int, int]) -> bool:
    try:
        done = subprocess.run(
            argv, user=user[0], group=user[1], extra_groups=[], cwd="/", capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
