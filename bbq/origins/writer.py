"""Writing archives: the same members make the same bytes, whenever and by whomever they are packed (with one zlib)."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from bbq.errors import UsageError
from bbq.origins.members import DEFAULT_CAPS

Source = bytes | Path
_CHUNK: Final = 1 << 18
_LEVEL: Final = 6
_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment that a ZIP file can name."""


def write_archive(stream: IO[bytes], members: Mapping[str, Source], manifest: str | None = None) -> None:
    """Write a ZIP file: the members in the order of their names, without times and owners, files executable or not, and, where
    it has a name, one more, `manifest`, with the SHA-256 of each in the format of `sha256sum`.

    Raises `UsageError` for a file that is changed meanwhile, `OSError` for one that cannot be read.
    """
    digests = {name: _digest(source) for name, source in members.items()}
    sums = "".join(f"{digest}  {name}\n" for name, (digest, _) in sorted(digests.items())).encode()
    extra: dict[str, Source] = {} if manifest is None else {manifest: sums}
    with zipfile.ZipFile(stream, "w") as archive:
        for name, source in sorted({**members, **extra}.items()):
            _write(archive, name, source, digests.get(name))


def _write(archive: zipfile.ZipFile, name: str, source: Source, expected: tuple[str, int] | None) -> None:
    with _opened(source) as file:
        executable = isinstance(source, Path) and os.fstat(file.fileno()).st_mode & 0o100
        info = zipfile.ZipInfo(name, _TIME)
        info.create_system = 3
        info.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
        info.file_size = expected[1] if expected else len(source)  # type: ignore[arg-type]
        info.compress_type = zipfile.ZIP_STORED if _too_well(file, info.file_size) else zipfile.ZIP_DEFLATED
        info._compresslevel = _LEVEL  # type: ignore[attr-defined]  # `open` has no parameter for it
        digest, size = hashlib.sha256(), 0
        with archive.open(info, "w") as target:
            for chunk in _chunks(file):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
    if expected is not None and (digest.hexdigest(), size) != expected:
        raise UsageError(f"{name} was changed while it was packed", hint="run the command again")


def _too_well(file: IO[bytes], size: int) -> bool:
    """Would it compress so well that readers take it for a bomb?"""
    if size <= DEFAULT_CAPS.ratio_from:
        return False
    packer, packed = zlib.compressobj(_LEVEL), 0
    for chunk in _chunks(file):
        packed += len(packer.compress(chunk))
    file.seek(0)
    return size > DEFAULT_CAPS.ratio * (packed + len(packer.flush())) * 0.9


def _digest(source: Source) -> tuple[str, int]:
    with _opened(source) as file:
        digest, size = hashlib.sha256(), 0
        for chunk in _chunks(file):
            digest.update(chunk)
            size += len(chunk)
        return digest.hexdigest(), size


@contextmanager
def _opened(source: Source) -> Iterator[IO[bytes]]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    # Non-blocking: the open of a FIFO would wait for its writer. What it is, is asked of what was opened.
    with open(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY), "rb") as file:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UsageError(f"{source} is not a regular file")
        yield file


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
