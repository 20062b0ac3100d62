"""Which files a node's properties name, and what is in them: an edited program is a change like any other.

A property whose definition has the metadata `bbq_file: true` names a file, or holds a list in which some items do (a command);
`sources` adds patterns. The digests are a property of the node, `source_digests`, that no template sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bbq.tosca.model import ParameterDef

PROPERTY: Final = "source_digests"
_MOST_FILES: Final = 1000
_MOST_BYTES: Final = 64 * 1024 * 1024  # a larger file is told by its size and time of change


def source_digests(definitions: Mapping[str, ParameterDef], properties: Mapping[str, Any], directory: Path) -> dict[str, str]:
    """Path relative to the template's `directory` -> digest, for the regular files that exist; empty where none is named."""
    base = directory
    if isinstance(below := properties.get("directory"), str):
        base = directory / below
    found: dict[str, str] = {}
    for name, definition in definitions.items():
        if definition.metadata.get("bbq_file") is True:
            value = properties.get(name)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str) and item and "\0" not in item:
                    _add(found, (base if isinstance(value, list) else directory) / item, directory)
    for path in _matching(properties.get("sources"), base):
        _add(found, path, directory)
    return dict(sorted(found.items()))


def _matching(patterns: Any, base: Path) -> Iterator[Path]:
    for pattern in patterns if isinstance(patterns, list) else ():
        if isinstance(pattern, str) and pattern and not Path(pattern).is_absolute() and ".." not in Path(pattern).parts:
            yield from sorted(base.glob(pattern))


def _add(found: dict[str, str], path: Path, directory: Path) -> None:
    try:
        if len(found) >= _MOST_FILES or not path.is_file():
            return
        status = path.stat()
        if status.st_size > _MOST_BYTES:
            text = f"{status.st_size} bytes, {status.st_mtime_ns}"
        else:
            text = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        found[str(path.relative_to(directory) if path.is_relative_to(directory) else path)] = text
    except (OSError, ValueError):
        return  # the provider says what is wrong with a file that it cannot read
