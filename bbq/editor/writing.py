"""Writes files that a user keeps: whole or not at all, with the mode they have, through symbolic links."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from bbq.errors import UsageError


def write(path: Path, content: bytes) -> None:
    """Puts `content` into `path`. A link stays a link: the file that it leads to is replaced. Raises `UsageError`."""
    target = Path(os.path.realpath(path))
    try:
        status = target.stat()
    except FileNotFoundError:
        status = None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise UsageError(f"cannot write {path}: it is not a regular file")
    temporary = None
    try:
        # In the same directory, so that the move is one step: whoever reads sees the old file or the new one. A process that
        # dies before it leaves a file whose name begins with a dot.
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) if status is not None else 0o666 & ~_umask())
            if status is not None and os.geteuid() == 0:
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fsync(descriptor)
        os.replace(temporary, target)  # noqa: PTH105
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _umask() -> int:
    """Only setting it tells what it is."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
