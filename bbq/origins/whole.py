"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def whole(target: Path, *, replace: bool = True) -> Iterator[IO[bytes]]:
    """A stream (its `name` is a path) that becomes the file `target` when the block ends well, and nothing when it does not.
    Raises `OSError`; `FileExistsError` where the file is there and is not to be replaced.

    A process that dies before leaves a file beside it whose name begins with a dot.
    """
    stream = tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:100]}.", delete=False)  # noqa: SIM115
    name = Path(stream.name)
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        name.chmod(0o666 & ~umask)
        if replace:
            name.replace(target)
        else:
            os.link(name, target)  # unlike a rename it does not take the place of what is there
    finally:
        with suppress(OSError):
            name.unlink()
