"""An image's file before it goes anywhere: what it is, how large, and its digests; read once, never whole in memory."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from bbq.errors import ConfigurationError, UsageError

FORMATS: Final = ("qcow2", "raw", "vmdk", "vdi", "vhd", "vhdx", "iso")
"""Glance's disk formats that are one file. https://docs.openstack.org/glance/latest/user/formats.html"""
_CHUNK: Final = 1 << 20
_TENTHS: Final = 10
_TOLD: Final = 16 << 20
"""Bytes of which the way is worth telling."""
Tell = Callable[[str], None]

logging.getLogger("oslo_utils").addHandler(logging.NullHandler())  # what it warns of comes as an exception, too


@dataclass(frozen=True, slots=True)
class ImageFile:
    """`size` and `virtual_size` (of the disk that it is) in bytes; `properties` are those of the file beside it, if any."""

    path: Path
    size: int
    virtual_size: int
    disk_format: str
    sha512: str
    md5: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def min_disk(self) -> int:
        """GiB that a server's disk must have."""
        return -(-self.virtual_size // (1 << 30))


def examine(path: Path, beside: Path, disk_format: str | None = None) -> ImageFile:
    """Read the file. `beside` is where `image build` tells its properties; `disk_format` is for a file that says nothing of it.

    Raises `UsageError` where there is no such file, or it is no image of the formats, or one that leads to other files (a
    backing file), which no cloud takes.
    """
    from oslo_utils.imageutils.format_inspector import ImageFormatError, InspectWrapper, SafetyCheckFailed

    sha512, md5 = hashlib.sha512(), hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            wrapped = InspectWrapper(file)
            while chunk := wrapped.read(_CHUNK):
                sha512.update(chunk)
                md5.update(chunk)
            wrapped.close()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="give the file of an image") from None
    found = {str(one): one for one in wrapped.formats or ()}
    if "iso" in found:  # bootable ones have a partition table, too
        found = {"iso": found["iso"]}
    (name, inspector), *others = found.items()
    name = "raw" if name == "gpt" else name
    if others or size == 0 or name not in FORMATS or (name == "raw" and "gpt" not in found and disk_format != "raw"):
        raise UsageError(
            f"{path} is not an image", hint=f"known are {', '.join(FORMATS)}; --disk-format raw for a disk without partitions"
        )
    if disk_format not in (None, name):
        raise UsageError(f"{path} is {name}, not {disk_format}", hint="leave --disk-format out")
    try:
        if "raw" not in found:
            inspector.safety_check()
    except (SafetyCheckFailed, ImageFormatError) as error:
        why = "; ".join(map(str, getattr(error, "failures", {}).values())) or str(error)
        raise UsageError(
            f"{path} is not safe to use: {why}", hint="qemu-img convert makes an image of it that needs no other file"
        ) from None
    return ImageFile(path, size, inspector.virtual_size or size, name, sha512.hexdigest(), md5.hexdigest(), _told(beside))


def _told(beside: Path) -> dict[str, str]:
    """What `image build` says of the image; nothing where another program made it."""
    try:
        found: Any = json.loads(beside.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in found["properties"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise ConfigurationError(
            f"{beside} does not tell an image's properties", hint="remove it, or build the image again"
        ) from None


class Stream:
    """The file as a request's body: read in pieces, each tenth of it told."""

    def __init__(self, file: IO[bytes], size: int, tell: Tell) -> None:
        self._file, self._size, self._left, self._tell = file, size, size, tell
        self._tenth = 0

    def __len__(self) -> int:
        return self._left

    def read(self, size: int = -1) -> bytes:
        """At most a chunk, whatever is asked for."""
        chunk = self._file.read(min(_CHUNK if size < 0 else max(size, _CHUNK), self._left))
        self._left -= len(chunk)
        done = self._size - self._left
        tenth = done * _TENTHS // max(self._size, 1)
        if tenth > self._tenth and self._size >= _TOLD:
            self._tenth = tenth
            self._tell(f"sent {done >> 20} of {self._size >> 20} MiB")
        return chunk
