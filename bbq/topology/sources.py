"""Which files a node's properties name, and what is in them: an edited program is a change like any other.

A property whose definition has the metadata `bbq_file: true` names a file, or holds a list in which some items do (a command);
`sources` adds patterns. The digests are a property of the node, `source_digests`, that no template sets.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bbq.tosca.model import ParameterDef

PROPERTY: Final = "source_digests"
_MOST_FILES: Final = 1000
_MOST_BYTES: Final = 64 * 1024 * 1024  # a larger file is told by its size and time of change
_MOST_BYTES_OF_ALL: Final = 512 * 1024 * 1024
_MOST_VISITED: Final = 50_000
_DEEPEST: Final = 100


def source_digests(definitions: Mapping[str, ParameterDef], properties: Mapping[str, Any], directory: Path) -> dict[str, str]:
    """Path relative to the template's `directory` -> digest, for the regular files that exist; empty where none is named."""
    base = directory
    if isinstance(below := properties.get("directory"), str):
        base = directory / below
    found: dict[str, str] = {}
    left = [_MOST_BYTES_OF_ALL]
    for name, definition in definitions.items():
        if definition.metadata.get("bbq_file") is True:
            value = properties.get(name)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str) and item and "\0" not in item:
                    _add(found, (base if isinstance(value, list) else directory) / item, directory, left)
    for path in _matching(properties.get("sources"), base):
        _add(found, path, directory, left)
    return dict(sorted(found.items()))


def _matching(patterns: Any, base: Path) -> Iterator[Path]:
    left = [_MOST_VISITED]
    for pattern in patterns if isinstance(patterns, list) else ():
        if isinstance(pattern, str) and "\0" not in pattern:
            parts = Path(pattern).parts
            if parts and not Path(pattern).is_absolute() and ".." not in parts:
                yield from sorted(_below(base, parts, left))


def _below(directory: Path, parts: tuple[str, ...], left: list[int], depth: int = 0) -> Iterator[Path]:
    """As `Path.glob`, which would walk the whole file system if a template asked for it: it looks at `left` entries at most."""
    head, rest = parts[0], parts[1:]
    if head == "**" and rest:
        yield from _below(directory, rest, left, depth)
    try:
        entries = sorted(islice(os.scandir(directory), left[0]), key=lambda entry: entry.name)
    except OSError:
        return
    left[0] -= len(entries)
    for entry in entries:
        try:
            if head == "**":
                if depth < _DEEPEST and entry.is_dir(follow_symlinks=False):
                    yield from _below(directory / entry.name, parts, left, depth + 1)
            elif fnmatchcase(entry.name, head):
                if not rest:
                    yield directory / entry.name
                elif entry.is_dir():
                    yield from _below(directory / entry.name, rest, left, depth + 1)
        except OSError:
            continue


def _add(found: dict[str, str], path: Path, directory: Path, left: list[int]) -> None:
    if len(found) >= _MOST_FILES:
        return
    try:
        # Not blocking: the open of a FIFO would wait for its writer. What it is, is asked of what was opened.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb") as stream:  # noqa: PTH123
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                return
            if status.st_size > min(_MOST_BYTES, left[0]):
                text = f"{status.st_size} bytes, {status.st_mtime_ns}"
            else:
                # No more than its size: a file of /proc has none, and reading it may never end.
                text = hashlib.sha256(stream.read(status.st_size)).hexdigest()[:16]
                left[0] -= status.st_size
        found[str(path.relative_to(directory) if path.is_relative_to(directory) else path)] = text
    except (OSError, ValueError):
        return  # the provider says what is wrong with a file that it cannot read
