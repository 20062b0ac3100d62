"""Whether something is a Murano package, told without reading it. Imports nothing heavy: it is asked of every template."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from bbq import facts
from bbq.origins import is_archive

MANIFEST: Final = "manifest.yaml"
_KEYS: Final = re.compile(rb"^[\"']?FullName[\"']?[ \t]*:", re.MULTILINE)
_HEAD: Final = 64 * 1024
_TOSCA: Final = "TOSCA-Metadata/TOSCA.meta", "TOSCA.meta"
_DIRECTORY: Final = 1 << 20
"""Bytes at an archive's end in which its directory is looked for."""


def is_package(path: str) -> bool:
    """A folder with a Murano manifest, that manifest, or an archive that has one at its top. Never raises."""
    try:
        if is_archive(path):
            return _is_packed(path)
        file = Path(path)
        if file.name != MANIFEST and facts.is_file(file):
            return False
        return _is_manifest(file if file.name == MANIFEST else file / MANIFEST)
    except (OSError, ValueError):
        return False


def _is_manifest(file: Path) -> bool:
    if not facts.is_file(file):
        return False
    with facts.opened(file) as stream:
        return _KEYS.search(stream.read(_HEAD)) is not None


def _is_packed(path: str) -> bool:
    """Looks at names alone: `open_archive` says what is wrong with the archive."""
    with facts.opened(path) as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - _DIRECTORY))
        tail = stream.read()
        if b"PK\x01\x02" not in tail or MANIFEST.encode() not in tail:
            return False
        import zipfile

        try:
            names = zipfile.ZipFile(stream).namelist()
        except (zipfile.BadZipFile, NotImplementedError, OverflowError, RuntimeError):
            return False
    return MANIFEST in names and not any(name in names for name in _TOSCA)
