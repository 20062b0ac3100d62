"""Small private files, whole or not at all, and the file system's refusals as faults that say what to do."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from bbq.engine.contract import ConfigurationFault, PermanentFault, QuotaFault
from bbq.providers.supervisor.records import write_whole

ROOM = "free some disk space, or choose another place with [state] directory"
_NEXT_TO_NOTHING = 64 * 1024


@contextlib.contextmanager
def faults(what: str) -> Iterator[None]:
    """The file system's refusals as faults that say what to do."""
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        text = f"{what}: {error.strerror or error}{place}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise QuotaFault(text, hint=ROOM) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ConfigurationFault(text, hint="choose another place with [state] directory") from None
        raise PermanentFault(text) from None


def is_full(path: Path) -> bool:
    """Is there next to no room where the path is?"""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize < _NEXT_TO_NOTHING


def write_private(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Whole or not at all, for this user only; with the directories that it lacks."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, content if isinstance(content, bytes) else content.encode(), mode)
