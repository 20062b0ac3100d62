"""What the members of an archive may be called and how large they may be: everything that the directory of a ZIP file tells.

Nothing of a member is read here. Sources: ISO/IEC 21320-1, which TOSCA 2.0 section 17.1.1.2 asks for (stored or deflated, no
encryption); PKWARE's APPNOTE for the fields.
"""

from __future__ import annotations

import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipInfo

from bbq.yamlreader import printable

_DRIVE = re.compile(r"[A-Za-z]:")
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000  # traditional, strong, masked headers
_LONGEST_NAME: Final = 1024
_LONGEST_PART: Final = 255
_DEEPEST: Final = 32
HEADER: Final = 30
"""Bytes of a local file header before the name."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What an archive may hold; sizes in bytes.

    archive      the file itself
    directory    the ZIP file's directory: it is read whole, before a member can be counted
    members      files and directories
    member       one file, unpacked
    total        all files, unpacked
    ratio        unpacked to packed size of one file that is larger than `ratio_from`
    """

    archive: int = 2 << 30
    directory: int = 4 << 20
    members: int = 10_000
    member: int = 1 << 30
    total: int = 2 << 30
    ratio: int = 200
    ratio_from: int = 1 << 20


DEFAULT_CAPS: Final = Caps()
Problem = tuple[str, str, str | None]
"""Code, message, hint."""


def problems(infos: Iterable[ZipInfo], caps: Caps) -> Iterator[Problem]:
    """Everything that is wrong with the members by their names, kinds and sizes."""
    infos = list(infos)
    if len(infos) > caps.members:
        yield "BBQ-T305", f"the archive has {len(infos):,} members; at most {caps.members:,} are read", None
        return
    good = []
    for info in infos:
        found = _name(info.filename) or _kind(info) or _size(info, caps)
        if found is not None:
            yield found
        else:
            good.append(info)
    total = sum(info.file_size for info in good)
    if total > caps.total:
        yield "BBQ-T305", f"the members have {total:,} bytes unpacked; at most {caps.total:,} are read", None
    yield from _collisions(good)
    yield from _overlaps(good)


def shown(name: str) -> str:
    """A member's name for a message."""
    return f"`{printable(name, 100)}`"


def _name(name: str) -> Problem | None:
    parts = name.removesuffix("/").split("/")
    reason = None
    if not name.isprintable():
        reason = "has a character that cannot be printed"
    elif "\\" in name:
        reason = "has a backslash"
    elif name.startswith("/"):
        reason = "is absolute"
    elif _DRIVE.match(name):
        reason = "has a drive letter"
    elif ".." in parts:
        reason = "leaves the archive"
    elif "" in parts or "." in parts:
        reason = "has an empty part"
    elif len(name.encode()) > _LONGEST_NAME or max(len(part.encode()) for part in parts) > _LONGEST_PART:
        reason = "is too long"
    elif len(parts) > _DEEPEST:
        reason = "is nested too deep"
    if reason is None:
        return None
    return "BBQ-T301", f"the path of member {shown(name)} {reason}", "members are relative paths with forward slashes"


def _kind(info: ZipInfo) -> Problem | None:
    name = shown(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "BBQ-T302", f"member {name} is a symbolic link", "pack the file that it points to"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or kind == (stat.S_IFREG if info.is_dir() else stat.S_IFDIR):
        return "BBQ-T302", f"member {name} is neither a file nor a directory", None
    if info.flag_bits & _ENCRYPTED:
        return "BBQ-T304", f"member {name} is encrypted", "pack the archive without a password"
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        hint = "pack it as usual: `zip`, or bbq-deploy package"
        return "BBQ-T304", f"member {name} is compressed with method {info.compress_type}; stored and deflate are read", hint
    return None


def _size(info: ZipInfo, caps: Caps) -> Problem | None:
    name, size, packed = shown(info.filename), info.file_size, info.compress_size
    if info.is_dir() and size:
        return "BBQ-T306", f"member {name} is a directory and holds data", None
    if size > caps.member:
        return "BBQ-T305", f"member {name} has {size:,} bytes; at most {caps.member:,} are read", None
    if size > caps.ratio_from and size > caps.ratio * max(packed, 1):
        text = f"member {name} unpacks to {size / max(packed, 1):,.0f} times its size; at most {caps.ratio} times is read"
        return "BBQ-T305", text, "a file that compresses like that holds nothing: leave it out, or pack it stored"
    return None


def _collisions(infos: Iterable[ZipInfo]) -> Iterator[Problem]:
    """Two members that are one file where names are folded: the same name, or different in case only. Directories that paths
    imply count, too."""
    seen: dict[str, tuple[str, bool]] = {}
    told: set[str] = set()
    for info in infos:
        parts = info.filename.removesuffix("/").split("/")
        for depth in range(1, len(parts) + 1):
            path, directory = "/".join(parts[:depth]), depth < len(parts) or info.is_dir()
            folded = unicodedata.normalize("NFC", path).casefold()
            if folded not in seen:
                seen[folded] = path, directory
                continue
            other, was_directory = seen[folded]
            if folded in told or (path == other and directory and was_directory):
                continue
            told.add(folded)
            if other != path:
                yield "BBQ-T303", f"members {shown(other)} and {shown(path)} differ in case only", None
            elif directory != was_directory:
                yield "BBQ-T303", f"{shown(path)} is a file and a directory", None
            else:
                yield "BBQ-T303", f"two members are called {shown(path)}", "readers differ in which of them they take"


def _overlaps(infos: Iterable[ZipInfo]) -> Iterator[Problem]:
    """Members that share their data: a bomb that is small by every other measure."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            yield "BBQ-T306", f"member {shown(info.filename)} lies over another member", None
        end = max(end, info.header_offset + HEADER + len(info.filename) + info.compress_size)
