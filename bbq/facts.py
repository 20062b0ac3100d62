"""What a check asked the file system, kept with the answers: as long as each would be the same, so would the findings.

Front ends ask through these functions. `recording` collects what is asked in its block; outside of one they only answer.
"""

from __future__ import annotations

import hashlib
import io
import os
import pathlib
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

Path = str | os.PathLike[str]
_MOST_NAMES: Final = 1000
_MOST_QUESTIONS: Final = 20_000


class NotRegular(OSError):
    """A directory, a device, a FIFO: not a file that ends."""

    def __init__(self, *, directory: bool) -> None:
        super().__init__("it is a directory" if directory else "not a regular file")
        self.directory = directory


class TooLarge(OSError):
    """The file has more bytes than are read; `size` says how many."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


@dataclass(slots=True)
class Facts:
    """Questions as (kind, absolute path), with the answer to each. Not `repeatable`: something else decided, too (a clock,
    a network, a secret), or the answers contradict each other."""

    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    repeatable: bool = True

    def note(self, kind: str, path: str, answer: str) -> None:
        if self.answers.setdefault((kind, path), answer) != answer or len(self.answers) > _MOST_QUESTIONS:
            self.repeatable = False


_recording: ContextVar[Facts | None] = ContextVar("facts", default=None)


@contextmanager
def recording() -> Iterator[Facts]:
    """What is asked inside the block, by this thread."""
    facts = Facts()
    token = _recording.set(facts)
    try:
        yield facts
    finally:
        _recording.reset(token)


def unrepeatable() -> None:
    """The findings depend on something that no question tells."""
    facts = _recording.get()
    if facts is not None:
        facts.repeatable = False


def hold(answers: Mapping[tuple[str, str], str]) -> bool:
    """Whether each question has the same answer as before; the questions are not recorded."""
    return all(_answer(kind, path) == answer for (kind, path), answer in answers.items())


def read(path: Path, most: int) -> bytes:
    """The bytes of a regular file, at most `most`. Raises `OSError`, `NotRegular`, `TooLarge`, and `ValueError` for what is
    no path."""
    kind = f"content {most}"
    try:
        content = _read(path, most)
    except (OSError, ValueError) as error:
        _note(kind, path, _problem(error))
        raise
    _note(kind, path, hashlib.sha256(content).hexdigest())
    return content


def head(path: Path) -> bytes:
    """The first four bytes of a regular file, by which many formats are told; nothing where it cannot be read."""
    return bytes.fromhex(_ask("head", path))


def opened(path: Path) -> io.BufferedReader:
    """A regular file that is too large to be read by `read`, opened; every byte of it counts. Raises as `read` does."""
    if _recording.get() is not None:
        _ask("digest", path)
    return _open(path)


def is_file(path: Path) -> bool:
    return _ask("file", path) == "yes"


def exists(path: Path) -> bool:
    """False, too, for a name that no file system takes."""
    return _ask("exists", path) == "yes"


def realpath(path: Path) -> str:
    """The path without symbolic links; what is no path stays as it is."""
    return _ask("realpath", path)


def names(directory: Path) -> list[str]:
    """Names in a directory, at most a thousand; none where it cannot be listed."""
    found = _names(directory)
    _note("names", directory, _digest(found))
    return found


def project_folder(folder: pathlib.Path) -> pathlib.Path:
    """The folder that names of files in a template may not leave: the repository's top where there is one, else the parent of
    the template's folder (types are often kept beside the templates), never the file system's root."""
    for candidate in (folder, *folder.parents):
        if candidate.parent != candidate and exists(candidate / ".git"):
            return candidate
    return folder.parent if folder.parent != pathlib.Path(folder.anchor) else folder


def _ask(kind: str, path: Path) -> str:
    answer = _answer(kind, os.fspath(path))
    _note(kind, path, answer)
    return answer


def _answer(kind: str, path: str) -> str:
    word, _, most = kind.partition(" ")
    if word == "content" and most.isdecimal():
        return _content(path, int(most))
    return _QUESTIONS[kind](path) if kind in _QUESTIONS else ""


def _note(kind: str, path: Path, answer: str) -> None:
    facts = _recording.get()
    if facts is None:
        return
    try:
        facts.note(kind, os.path.abspath(path), answer)  # noqa: PTH100 - no resolving: the question is about this very name
    except OSError:  # the working directory is gone
        facts.repeatable = False


def _read(path: Path, most: int) -> bytes:
    # Non-blocking, so that a FIFO cannot hang the open; its type is checked on the open descriptor.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegular(directory=stat.S_ISDIR(status.st_mode))
        if status.st_size > most:
            raise TooLarge(status.st_size)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise TooLarge(len(content))
    return content


def _realpath(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # the working directory is gone; a NUL
        return path


def _problem(error: Exception) -> str:
    return f"{type(error).__name__} {error.args[0] if error.args else ''}"


def _content(path: str, most: int) -> str:
    try:
        return hashlib.sha256(_read(path, most)).hexdigest()
    except (OSError, ValueError) as error:
        return _problem(error)


def _names(directory: Path) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in islice(entries, _MOST_NAMES))
    except (OSError, ValueError):
        return []


def _digest(found: list[str]) -> str:
    return hashlib.sha256("\0".join(found).encode(errors="surrogateescape")).hexdigest()


def _kind(path: str, wanted: Callable[[int], bool]) -> str:
    try:
        return "yes" if wanted(os.stat(path).st_mode) else "no"  # noqa: PTH116
    except (OSError, ValueError):
        return "no"


def _whole(path: str) -> str:
    try:
        with _open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        return _problem(error)


def _head(path: str) -> str:
    try:
        with _open(path) as file:
            return file.read(4).hex()
    except (OSError, ValueError):
        return ""


def _open(path: Path) -> io.BufferedReader:
    """Raises `NotRegular`, too. Non-blocking, so that a FIFO cannot hang the open; its type is checked on what was opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise NotRegular(directory=stat.S_ISDIR(mode))
    return open(descriptor, "rb")  # noqa: PTH123


_QUESTIONS: Final[dict[str, Callable[[str], str]]] = {
    "digest": _whole,
    "head": _head,
    "exists": lambda path: _kind(path, lambda mode: True),
    "file": lambda path: _kind(path, stat.S_ISREG),
    "names": lambda path: _digest(_names(path)),
    "realpath": _realpath,
}
