"""Which files a node's properties name, and what is in them: an edited program is a change like any other.

A property whose definition has the metadata `bbq_file: true` names a file, or holds a list in which some items do (a command);
`sources` adds patterns. The digests are a property of the node, `source_digests`, that no template sets.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bbq import facts
from bbq.tosca.model import ParameterDef, ServiceTemplate

if TYPE_CHECKING:
    from bbq.origins.archive import Archive

PROPERTY: Final = "source_digests"
_MOST_FILES: Final = 1000
_MOST_BYTES: Final = 64 * 1024 * 1024  # a larger file is told by its size and time of change
_MOST_BYTES_OF_ALL: Final = 512 * 1024 * 1024
_MOST_VISITED: Final = 50_000
_DEEPEST: Final = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder holds: `folder` for a directory, links followed; `link` for a symbolic link."""

    name: str
    folder: bool
    link: bool = False


class Tree:
    """The files around a template. `directory` is the template's own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @staticmethod
    def of(service: ServiceTemplate) -> Tree:
        directory = Path(service.directory or Path(facts.realpath(service.path)).parent)
        return Tree(directory) if service.archive is None else PackedTree(directory, service.archive)

    def entries(self, folder: Path, most: int) -> list[Entry]:
        """In the order of their names; empty where there is no such folder."""
        found = []
        try:
            with os.scandir(folder) as entries:
                for entry in islice(entries, most):
                    found.append(Entry(entry.name, entry.is_dir(), entry.is_symlink()))
        except OSError:
            return found
        return sorted(found, key=lambda entry: entry.name)

    def digest(self, path: Path, left: list[int]) -> str | None:
        """What tells a file's content from another one; None for what is not a regular file that can be read."""
        try:
            # Not blocking: the open of a FIFO would wait for its writer. What it is, is asked of what was opened.
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb") as stream:  # noqa: PTH123
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return None
                if status.st_size > min(_MOST_BYTES, left[0]):
                    return f"{status.st_size} bytes, {status.st_mtime_ns}"
                left[0] -= status.st_size
                # No more than its size: a file of /proc has none, and reading it may never end.
                return hashlib.sha256(stream.read(status.st_size)).hexdigest()[:16]
        except (OSError, ValueError):
            return None  # the provider says what is wrong with a file that it cannot read


class PackedTree(Tree):
    """The same of an archive, which nobody has to unpack for it."""

    def __init__(self, directory: Path, archive: Archive) -> None:
        super().__init__(directory)
        self._archive = archive
        self._folders: dict[str, dict[str, Entry]] = {}
        for name in archive.members:
            path = name
            while path:
                above, _, last = path.rpartition("/")
                known = self._folders.setdefault(above, {})
                if last in known:
                    break
                known[last] = Entry(last, folder=path != name)
                path = above

    def _name(self, path: Path) -> str | None:
        normal = Path(os.path.normpath(path))
        if not normal.is_relative_to(self._archive.directory):
            return None
        return normal.relative_to(self._archive.directory).as_posix()

    def entries(self, folder: Path, most: int) -> list[Entry]:
        name = self._name(folder)
        found = self._folders.get("" if name == "." else name or "/", {})
        return [found[key] for key in sorted(found)[:most]]

    def digest(self, path: Path, left: list[int]) -> str | None:
        member = self._archive.members.get(self._name(path) or "")
        return member.digest[:16] if member is not None else None


def source_digests(definitions: Mapping[str, ParameterDef], properties: Mapping[str, Any], tree: Tree) -> dict[str, str]:
    """Path relative to the template's directory -> digest, for the regular files that exist; empty where none is named."""
    found: dict[str, str] = {}
    left = [_MOST_BYTES_OF_ALL]
    for path in named_files(definitions, properties, tree):
        if len(found) >= _MOST_FILES:
            break
        text = tree.digest(path, left)
        if text is not None:
            found[str(path.relative_to(tree.directory) if path.is_relative_to(tree.directory) else path)] = text
    return dict(sorted(found.items()))


def named_files(definitions: Mapping[str, ParameterDef], properties: Mapping[str, Any], tree: Tree) -> Iterator[Path]:
    """Absolute paths of what the properties may name; not all of it need be there, or be a file."""
    base = tree.directory
    if isinstance(below := properties.get("directory"), str) and "\0" not in below:
        base = tree.directory / below
    for name, definition in definitions.items():
        if definition.metadata.get("bbq_file") is True:
            value = properties.get(name)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str) and item and "\0" not in item:
                    yield (base if isinstance(value, list) else tree.directory) / item
    yield from matching(properties.get("sources"), base, tree)


def matching(patterns: Any, base: Path, tree: Tree) -> Iterator[Path]:
    """The files below `base` that fit the patterns, in order."""
    left = [_MOST_VISITED]
    for pattern in patterns if isinstance(patterns, list) else ():
        if isinstance(pattern, str) and "\0" not in pattern:
            parts = Path(pattern).parts
            if parts and not Path(pattern).is_absolute() and ".." not in parts:
                yield from sorted(_below(base, parts, left, tree))


def _below(folder: Path, parts: tuple[str, ...], left: list[int], tree: Tree, depth: int = 0) -> Iterator[Path]:
    """As `Path.glob`, which would walk the whole file system if a template asked for it: it looks at `left` entries at most."""
    head, rest = parts[0], parts[1:]
    if head == "**" and rest:
        yield from _below(folder, rest, left, tree, depth)
    entries = tree.entries(folder, left[0])
    left[0] -= len(entries)
    for entry in entries:
        if head == "**":
            if depth < _DEEPEST and entry.folder and not entry.link:
                yield from _below(folder / entry.name, parts, left, tree, depth + 1)
        elif fnmatchcase(entry.name, head):
            if not rest:
                yield folder / entry.name
            elif entry.folder:
                yield from _below(folder / entry.name, rest, left, tree, depth + 1)
