"""A Murano package as data."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bbq.diagnostics import SourceRange

NO_DEFAULT: Final = object()


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a class. `kind` is string, int, bool, object, list, map or "" where the contract says none of these."""

    name: str
    kind: str
    at: SourceRange
    required: bool = False
    default: Any = NO_DEFAULT
    usage: str = "In"
    secret: bool = False

    @property
    def given(self) -> bool:
        """Does who deploys it say what it is?"""
        return self.usage in ("In", "InOut")


@dataclass(slots=True)
class ClassDef:
    """`extends` are full names; `properties` are the class's own and those of its parents in the package. `open` says that it
    has parents elsewhere, whose properties are not known."""

    name: str
    at: SourceRange
    extends: tuple[str, ...] = ()
    properties: dict[str, Property] = field(default_factory=dict)
    open: bool = False


@dataclass(slots=True)
class Package:
    """`files` are all of its files by their names. `format` is such as `MuranoPL/1.3`. `application` is the class that a user
    deploys; None in a library."""

    path: str
    full_name: str
    format: str
    kind: str
    version: str
    name: str
    description: str
    requires: tuple[str, ...]
    classes: dict[str, ClassDef]
    files: Mapping[str, bytes]
    digest: str
    at: SourceRange
    application: ClassDef | None = None


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and contents, in hexadecimal."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{len(name)} {name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def pack(files: Mapping[str, bytes]) -> bytes:
    """The ZIP archive, the same bytes for the same files."""
    from bbq.origins.writer import write_archive

    stream = io.BytesIO()
    write_archive(stream, files)
    return stream.getvalue()
