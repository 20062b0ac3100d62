"""The files of a supervisor (`shim.py`). Standard library only: it loads this file by its path.

A full disk ends no component and loses no fact: what could not be written stays here and is written as soon as there is
room. The supervisor does not leave before.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

NAMES = ("exit.json", "process.json")
"""In the order in which they are written: who reads that it has exited finds how."""


def read_specification(directory: str) -> tuple[dict[str, Any], tuple[int, int]]:
    """What to do, and what differs as soon as that file is replaced."""
    with open(f"{directory}/spec.json", encoding="utf-8") as file:  # noqa: PTH123
        status = os.fstat(file.fileno())
        spec: dict[str, Any] = json.load(file)
    return spec, (status.st_ino, status.st_mtime_ns)


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Empty where there is none, or where a power failure left half of one."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_whole(path: str | os.PathLike[str], content: bytes, mode: int = 0o600) -> None:
    """Whole or not at all: readers never see half a file."""
    temporary = f"{os.fspath(path)}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    os.replace(temporary, path)  # noqa: PTH105


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """`write_whole`, for this user only."""
    write_whole(path, json.dumps(value).encode())


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


def remove(directory: str) -> None:
    """The unit's directory, and the one it is in where nothing else is in that."""
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208
            os.unlink(f"{directory}/{name}")  # noqa: PTH108
        os.rmdir(directory)  # noqa: PTH106
        os.rmdir(os.path.dirname(directory))  # noqa: PTH106, PTH120


class Records:
    """The files `NAMES` of one unit's directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._unwritten: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        """Is all that was put on the disk?"""
        return not self._unwritten

    @property
    def lost(self) -> bool:
        """Was the directory removed? Then nobody will ever read them."""
        return not os.path.isdir(self._directory)  # noqa: PTH112

    def put(self, name: str, value: Any) -> None:
        self._unwritten[name] = value
        self.flush()

    def flush(self) -> None:
        """Write what could not be written before; what still cannot be is kept."""
        for name in NAMES:
            if name in self._unwritten:
                try:
                    write_json(f"{self._directory}/{name}", self._unwritten[name])
                except OSError:
                    return
                del self._unwritten[name]
