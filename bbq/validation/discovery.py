"""Which files are templates: those that were named, and below a directory those that say so themselves, archives by name. A
Murano package is one, whatever it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

from bbq.errors import UsageError
from bbq.languages import named
from bbq.murano.recognized import MANIFEST, is_package

_SUFFIXES: Final = (".yaml", ".yml", ".tosca", ".template", ".json")
_ARCHIVE: Final = ".csar"
_HEAD_BYTES: Final = 64 * 1024
_MOST_VISITED: Final = 100_000
_DEEPEST: Final = 50


def templates(paths: Sequence[str]) -> list[str]:
    """The files to check, each once: a file as it is named, a directory as the templates below it, sorted. Hidden directories
    and symbolic links to directories are passed over. Raises `UsageError` where a directory has no template."""
    found: dict[str, None] = {}
    for path in paths:
        if not os.path.isdir(path) or is_package(path):  # noqa: PTH112 - pathlib costs start-up time
            found[path] = None
            continue
        there = below(path)
        if not there:
            raise UsageError(
                f"there is no template in the directory {path!r}",
                hint=f"looked for {', '.join(_SUFFIXES)} with a line such as `tosca_definitions_version: ...`",
            )
        found |= dict.fromkeys(there)
    return list(found)


def below(directory: str) -> list[str]:
    """The templates below a directory. Raises `UsageError` where it has too many files to look at."""
    return list(_below(directory, [_MOST_VISITED]))


def _below(directory: str, left: list[int], depth: int = 0) -> Iterator[str]:
    try:
        with os.scandir(directory) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    left[0] -= len(listed)
    for entry in listed:
        if left[0] < 0:
            raise UsageError(f"there are more than {_MOST_VISITED:,} files in the directory", hint="name a smaller one")
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEEPEST and not entry.name.startswith("."):
                    yield from _below(entry.path, left, depth + 1)
            elif entry.name.endswith((*_SUFFIXES, _ARCHIVE)) and entry.is_file() and _is_template(entry.path):
                yield entry.path
        except OSError:
            continue


def _is_template(path: str) -> bool:
    if path.endswith(_ARCHIVE):
        return True
    if os.path.basename(path) == MANIFEST:  # noqa: PTH119 - pathlib costs start-up time
        return is_package(path)
    with open(path, "rb") as stream:  # noqa: PTH123
        return named(stream.read(_HEAD_BYTES)) is not None
