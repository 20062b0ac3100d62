"""Disks without room: a small one that can be filled, and a supervisor's files that cannot be written."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    """A file system of its own at `place`."""

    def __init__(self, place: Path) -> None:
        self._filler = place / "filler"

    def fill(self, room: int = 0) -> None:
        """Leave so many bytes."""
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        os.truncate(self._filler, max(0, self._filler.stat().st_size - room))

    def make_room(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(place: Path, size: str = "2m") -> Iterator[SmallDisk]:
    """At the end there is room again; what still uses it keeps it. The test is skipped where one may not mount."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount here")
    disk = SmallDisk(place)
    try:
        yield disk
    finally:
        disk.make_room()
        subprocess.run(["umount", "-l", str(place)], check=True)


class FullForRecords:
    """No room for what the supervisor of the unit in `path` says of it: such writes go to /dev/full."""

    def __init__(self, path: Path) -> None:
        self._files = [path / f"{name}.new" for name in ("exit.json", "process.json")]

    def fill(self) -> None:
        for file in self._files:
            file.symlink_to("/dev/full")

    def make_room(self) -> None:
        for file in self._files:
            file.unlink()
