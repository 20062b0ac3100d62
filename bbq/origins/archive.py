"""ZIP archives read with suspicion, in memory, through caps: every name, size and checksum is checked before a member is used.

`zipfile` reads the directory; members are inflated here, so that what a header says of its size can be held against the data.
Nothing is written to disk before `Archive.unpack`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BufferedReader
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Final, Self

from bbq import facts
from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.origins import MAGIC
from bbq.origins.members import DEFAULT_CAPS, HEADER, Caps, problems, shown
from bbq.origins.refused import Damaged
from bbq.yamlreader import printable

_LEFT = re.compile(r"\.[0-9a-f]{64}")
_CHUNK: Final = 1 << 18
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)
"""What `zipfile` raises for a directory that is not one."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive. `digest` is the SHA-256 of its content in hexadecimal, `size` its bytes."""

    name: str
    size: int
    digest: str
    executable: bool
    info: zipfile.ZipInfo


class Archive:
    """An archive whose members were all checked. Close it, or use it as a context manager; `members` stay known afterwards.

    `file` is what diagnostics call it, `digest` the SHA-256 of the whole file, `folders` the folders that hold a file.
    `directory` is where its files are, or would be, unpacked.
    """

    def __init__(self, stream: BufferedReader, file: str, digest: str, members: Mapping[str, Member]) -> None:
        self._stream = stream
        self.file = file
        self.digest = digest
        self.members = members
        self.folders = frozenset(str(folder) for name in members for folder in PurePosixPath(name).parents)
        self.directory = Path(f"{file}!")

    @cached_property
    def templates(self) -> Sequence[str]:
        """The names of the YAML files."""
        return [name for name in self.members if name.lower().endswith((".yaml", ".yml"))]

    @cached_property
    def by_file_name(self) -> Mapping[str, str]:
        """The last part of a member's name -> a member that has it."""
        return {name.rpartition("/")[2]: name for name in sorted(self.members, reverse=True)}

    def read(self, name: str) -> bytes:
        """A member's content, which may be as large as the caps allow: look at its size first. Raises `Damaged` where it is
        not what was checked any more."""
        return b"".join(self._chunks(self.members[name]))

    def _chunks(self, member: Member) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for chunk in inflate(self._stream, member.info):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != member.digest:
            raise Damaged(f"member {shown(member.name)} was changed while it was read")

    def unpack(self, below: Path) -> Path:
        """Write all files to `below/<digest>`, which is there whole or not at all, and return it; kept where it is there.

        One process at a time may work in `below`. Raises `OSError` where it cannot be written, `Damaged` as `read` does. A
        process that dies in here leaves a directory whose name begins with a dot; the next one removes it.
        """
        target = below / self.digest
        below.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in below.glob(".*"):
            if _LEFT.fullmatch(left.name):
                shutil.rmtree(left)
        if target.is_dir():
            return target
        fresh = below / f".{self.digest}"
        fresh.mkdir(mode=0o700)
        directories = {fresh}
        for member in self.members.values():
            path = fresh / member.name
            for parent in reversed(path.relative_to(fresh).parents):
                if fresh / parent not in directories:
                    (fresh / parent).mkdir(mode=0o700)
                    directories.add(fresh / parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(path, flags, 0o755 if member.executable else 0o644), "wb") as file:  # noqa: PTH123
                file.writelines(self._chunks(member))
                file.flush()
                os.fsync(file.fileno())
        for directory in directories:
            _sync(directory)
        fresh.rename(target)  # from here on it counts as complete: all data are on the disk before
        _sync(below)
        return target

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def open_archive(path: str | os.PathLike[str], bag: DiagnosticBag, caps: Caps = DEFAULT_CAPS) -> Archive | None:
    """The archive with everything in it checked, or None with all that is wrong in `bag`."""
    file = os.fspath(path)
    where = SourceRange(file, 1, 1)
    try:
        stream = facts.opened(path)
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "not a file name"
        bag.error("BBQ-Y001", f"cannot read {printable(file)}: {reason}", where)
        return None
    found = None
    try:
        found = _checked(stream, file, bag, where, caps)
    except OSError as error:
        bag.error("BBQ-Y001", f"cannot read {printable(file)}: {error.strerror}", where)
    finally:
        if found is None:
            stream.close()
    return found


def _checked(stream: BufferedReader, file: str, bag: DiagnosticBag, where: SourceRange, caps: Caps) -> Archive | None:
    status = os.fstat(stream.fileno())
    if status.st_size > caps.archive:
        bag.error("BBQ-T305", f"the archive has {status.st_size:,} bytes; at most {caps.archive:,} are read", where)
        return None
    bounded = _Bounded(stream, status.st_size, caps.directory)
    try:
        infos = zipfile.ZipFile(bounded).infolist()
    except _TooLarge:
        text = f"the archive's directory has more than {caps.directory:,} bytes"
        bag.error("BBQ-T305", text, where, f"an archive has at most {caps.members:,} members")
        return None
    except _UNREADABLE as error:
        reason = "" if isinstance(error, zipfile.BadZipFile) else f": {printable(str(error))}"
        bag.error("BBQ-T300", f"not a ZIP archive, or a damaged one{reason}", where, _hint(stream))
        return None
    for info in infos:
        info.filename = info.orig_filename  # `zipfile` cuts and replaces; what stands there is what is judged
    before = len(bag.items)
    for code, message, hint in problems(infos, caps):
        bag.error(code, message, where, hint)
    members = {} if len(bag.items) > before else _members(stream, infos, lambda text: bag.error("BBQ-T306", text, where))
    if len(bag.items) > before:
        return None
    stream.seek(0)
    return Archive(stream, file, hashlib.file_digest(stream, "sha256").hexdigest(), members)


def _members(stream: BufferedReader, infos: list[zipfile.ZipInfo], report: Callable[[str], None]) -> dict[str, Member]:
    """Every file's digest, for which all of it is read once."""
    found = {}
    for info in infos:
        digest = hashlib.sha256()
        try:
            for chunk in inflate(stream, info):
                digest.update(chunk)
        except Damaged as error:
            report(str(error))
            continue
        if not info.is_dir():
            executable = bool(info.external_attr >> 16 & 0o111)
            found[info.filename] = Member(info.filename, info.file_size, digest.hexdigest(), executable, info)
    return found


def inflate(stream: BufferedReader, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member's content. Raises `Damaged` as soon as it differs from its headers; never gives more than they say."""
    name = shown(info.filename)
    stream.seek(info.header_offset)
    header = stream.read(HEADER)
    if len(header) < HEADER or header[:4] != MAGIC:
        raise Damaged(f"member {name} has no header where the directory says")
    flags, method, name_length, extra_length = (*struct.unpack_from("<HH", header, 6), *struct.unpack_from("<HH", header, 26))
    own = stream.read(name_length)
    if own != info.filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437") or method != info.compress_type:
        raise Damaged(f"member {name} is called something else in its own header")
    if flags & 0x1:
        raise Damaged(f"member {name} is encrypted by its own header")
    stream.seek(extra_length, os.SEEK_CUR)
    checksum = size = 0
    for chunk in _inflated(stream, info, name) if method else _stored(stream, info.compress_size, name):
        size += len(chunk)
        if size > info.file_size:
            raise Damaged(f"member {name} holds more than the {info.file_size:,} bytes that it declares")
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if size != info.file_size:
        raise Damaged(f"member {name} holds {size:,} bytes and declares {info.file_size:,}")
    if checksum != info.CRC:
        raise Damaged(f"member {name} is damaged: its checksum is another one")


def _stored(stream: BufferedReader, length: int, name: str) -> Iterator[bytes]:
    while length:
        chunk = stream.read(min(_CHUNK, length))
        if not chunk:
            raise Damaged(f"member {name} is cut off")
        length -= len(chunk)
        yield chunk


def _inflated(stream: BufferedReader, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for packed in _stored(stream, info.compress_size, name):
            while packed and not inflater.eof:
                yield inflater.decompress(packed, _CHUNK)
                packed = inflater.unconsumed_tail
            if packed or inflater.unused_data:
                raise Damaged(f"member {name} is followed by data that belong to nothing")
        if not inflater.eof:
            yield inflater.flush()
    except zlib.error as error:
        raise Damaged(f"member {name} is damaged: {printable(str(error))}") from None
    if not inflater.eof:
        raise Damaged(f"member {name} is cut off")


class _TooLarge(Exception):
    """The archive's directory is larger than the cap."""


class _Bounded:
    """What `zipfile` gets instead of the file: it reads the directory in one piece, of whatever size the file says."""

    def __init__(self, stream: BufferedReader, size: int, cap: int) -> None:
        self._size = size
        self._cap = cap
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        if (self._size - self.tell() if size < 0 else size) > self._cap:
            raise _TooLarge
        return self._stream.read(size)

    def seekable(self) -> bool:
        return True


def _hint(stream: BufferedReader) -> str | None:
    stream.seek(0)
    head = stream.read(512)
    if head.startswith(b"\x1f\x8b") or head[257:262] == b"ustar":
        return "it looks like a tar archive: pack it as ZIP"
    if head.startswith(b"tosca_definitions_version"):
        return "it looks like a template: give it a name that ends with .yaml"
    return None


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
