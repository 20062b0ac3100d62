"""The findings of earlier runs, for templates of which nothing has changed.

An entry is named by everything that is asked: the template as it is named and from where, its options, and bbq, Python and
PyYAML as they are installed. It holds the findings, and the questions that were put to the file system with their answers
(`bbq.facts`); it is used while each answer is still the same. No secret is in it: lines and messages are masked before, and
a run with a secret input leaves no entry.

Nothing here is ever trusted or in the way. The directory is used only where it is the caller's own and closed to others; an
entry that is damaged, foreign or from another version is a miss; it comes to be by a rename, so that readers and writers of
several processes never see half of one; what cannot be written is not.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bbq.diagnostics import Diagnostic, Excerpt, SourceRange
from bbq.facts import hold

FORMAT: Final = 1
_SUFFIX: Final = ".json"
_LARGEST: Final = 512 * 1024
_MOST_ENTRIES: Final = 256
_MOST_BYTES: Final = 32 * 1024 * 1024
_STALE: Final = 3600.0
"""Seconds after which a temporary file is taken for one that a dead process left."""


def key(
    path: str,
    inputs: Mapping[str, Any] | None,
    import_map: Mapping[str, str] | None,
    offline: bool,
    environments: Sequence[str] = (),
    allowed_hosts: Sequence[str] = (),
) -> str | None:
    """The name of the entry for this question; None where it cannot be put into words."""
    try:
        mapping = sorted((import_map or {}).items())
        asked = [FORMAT, identity(), os.getcwd(), path, inputs, mapping, offline]  # noqa: PTH109
        asked += [list(environments), list(allowed_hosts)]
        asked.append(getattr(inputs, "files", ()))  # findings name places in them
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    except (OSError, TypeError, ValueError):
        return None


def identity() -> str:
    """What gives the findings: bbq (name, size and time of each module and bundled file), Python and PyYAML."""
    import importlib.util

    from bbq.datafiles import data_dir

    found = [sys.version]
    yaml = importlib.util.find_spec("yaml")
    folders = [os.path.dirname(os.path.dirname(__file__)), str(data_dir("templates"))]  # noqa: PTH120 - pathlib costs time
    for folder in (*folders, *((yaml and yaml.submodule_search_locations) or ())):
        found += _stamps(folder)
    return hashlib.sha256("\0".join(found).encode(errors="surrogateescape")).hexdigest()


def _stamps(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__":
                    yield from _stamps(entry.path)
            else:
                status = entry.stat()
                yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"


def get(name: str) -> list[Diagnostic] | None:
    """The findings of the entry of that name, where they still hold."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        with _directory(create=False) as folder:
            content = _read(folder, name + _SUFFIX)
        digest, _, body = content.partition(b"\n")
        if digest.decode("ascii") != hashlib.sha256(body).hexdigest():
            return None
        entry = json.loads(body)
        answers = {(kind, path): answer for kind, path, answer in entry["asked"]}
        if entry["format"] == FORMAT and entry["name"] == name and hold(answers):
            return [_finding(item) for item in entry["found"]]
    return None


def put(name: str, answers: Mapping[tuple[str, str], str], found: Sequence[Diagnostic]) -> None:
    """Keeps the findings. Where that cannot be done (a full disk, a directory of somebody else) nothing is kept."""
    asked = [[kind, path, answer] for (kind, path), answer in answers.items()]
    entry = {"format": FORMAT, "name": name, "asked": asked, "found": [_plain(item) for item in found]}
    body = json.dumps(entry, separators=(",", ":")).encode()
    if len(body) > _LARGEST:
        return
    with contextlib.suppress(OSError), _directory(create=True) as folder:
        _write(folder, name + _SUFFIX, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        _sweep(folder)


# --- the directory


@contextlib.contextmanager
def _directory(*, create: bool) -> Iterator[int]:
    """A descriptor of `$XDG_CACHE_HOME/bbq/validate`. Raises `OSError` where it is not there, or not the caller's alone: all
    that is done in it goes through the descriptor, so that nobody can put another in its place meanwhile."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not home.startswith("/"):  # the base directory specification: relative ones are ignored
        user = os.environ.get("HOME", "")
        if not user.startswith("/"):
            raise FileNotFoundError("no home")
        home = f"{user}/.cache"
    path = f"{home}/bbq/validate"
    if create:
        for part in (home, f"{home}/bbq", path):
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o700)  # noqa: PTH102
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError("not the caller's own")
        yield descriptor
    finally:
        os.close(descriptor)


def _read(folder: int, name: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_size > 2 * _LARGEST:
            raise PermissionError("not an entry")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _write(folder: int, name: str, content: bytes) -> None:
    """Not synchronised to the disk: after a power failure an entry may be empty, and is then no entry."""
    temporary = f".{os.getpid()}-{os.urandom(8).hex()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(content)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _sweep(folder: int) -> None:
    """Removes the oldest entries beyond the bounds, and what writers left that died."""
    import time

    entries = []
    with os.scandir(folder) as listed:
        for entry in listed:
            with contextlib.suppress(FileNotFoundError):  # another process sweeps, too
                status = entry.stat(follow_symlinks=False)
                entries.append((entry.name, status.st_mtime, status.st_size))
    entries.sort(key=lambda item: -item[1])
    total, kept = 0, 0
    for name, changed, size in entries:
        finished = name.endswith(_SUFFIX)
        total, kept = total + size, kept + finished
        excess = total > _MOST_BYTES or kept > _MOST_ENTRIES
        if excess if finished else time.time() - changed > _STALE:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


# --- findings as JSON


def _plain(item: Diagnostic) -> list[Any]:
    related = [[_range(at), text] for at, text in item.related]
    excerpt = [item.excerpt.text, item.excerpt.start, item.excerpt.end] if item.excerpt is not None else None
    return [
        item.severity,
        item.code,
        item.message,
        item.file,
        item.line,
        item.column,
        item.hint,
        item.end_line,
        item.end_column,
        related,
        excerpt,
    ]


def _range(at: SourceRange) -> list[Any]:
    return [at.file, at.line, at.column, at.end_line, at.end_column]


def _finding(plain: list[Any]) -> Diagnostic:
    *fields, related, excerpt = plain
    places = tuple((SourceRange(*at), text) for at, text in related)
    severity, code, message, file, line, column, hint, end_line, end_column = fields
    shown = Excerpt(*excerpt) if excerpt is not None else None
    return Diagnostic(severity, code, message, file, line, column, hint, end_line, end_column, places, shown)
