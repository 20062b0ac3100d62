"""A log file with rotation by size. Standard library only: the supervisor (`shim.py`) loads this file by its path."""

from __future__ import annotations

import os


class Log:
    """The child's output with rotation by size. A full disk loses output, never the component."""

    def __init__(self, path: str, size: int, count: int) -> None:
        self.path, self.size, self.count = path, size, count
        self._open()

    def _open(self) -> None:
        try:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            status = os.fstat(self._fd)
            self._inode, self._used = status.st_ino, status.st_size
        except OSError:
            self._fd, self._inode, self._used = -1, 0, 0

    @property
    def position(self) -> tuple[int, int]:
        """Where the next byte goes: the file's inode (0 where there is none) and the offset."""
        return self._inode, self._used

    def write(self, data: bytes) -> None:
        """Whole lines, into a new file where they do not fit any more."""
        while data:
            room = self.size - self._used
            cut = len(data) if len(data) <= room else data.rfind(b"\n", 0, max(0, room)) + 1
            if not cut and not self._used:
                # A line that is longer than a file is allowed to be.
                cut = data.find(b"\n") + 1 or len(data)
            if cut:
                self._append(data[:cut])
                data = data[cut:]
            if data:
                self._rotate()

    def _append(self, data: bytes) -> None:
        if self._fd < 0:
            self._open()
        try:
            self._used += os.write(self._fd, data)
        except OSError:
            self._used = max(self._used, 1)

    def _rotate(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        try:
            for number in range(self.count - 1, 0, -1):
                older = f"{self.path}.{number - 1}" if number > 1 else self.path
                if os.path.exists(older):  # noqa: PTH110
                    os.replace(older, f"{self.path}.{number}")  # noqa: PTH105
            if self.count <= 1:
                os.truncate(self.path, 0)
        except OSError:
            pass
        self._open()
