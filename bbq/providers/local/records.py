"""What a supervisor (`shim.py`) tells the client by files. Standard library only: it loads this file by its path."""

from __future__ import annotations

import json
import os
from typing import Any


def write_json(path: str, value: Any) -> None:
    """Whole or not at all: readers never see half a file."""
    temporary = f"{path}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        json.dump(value, file)
    os.replace(temporary, path)  # noqa: PTH105


def write_in_place(path: str, data: bytes) -> None:
    """Keeps the inode, which the lock is on. Nothing happens where there is no such file."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
