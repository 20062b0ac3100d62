"""A deployed object store: objects in buckets, on a directory of this machine."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bbq.errors import UnreachableError, UsageError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def check_bucket(name: str) -> str:
    """The name of a bucket, by the rules of S3 (3 to 63 of a-z, 0-9, dot and dash); raises `UsageError`.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if not _BUCKET.fullmatch(name) or ".." in name:
        raise UsageError(f"{name!r} cannot be a bucket's name", hint="3 to 63 lower-case letters, digits, dots and dashes")
    return name


class ObjectStore:
    """The buckets below `url` (`file:///directory`). A bucket is a directory, an object a file; keys may have slashes.

    An object appears whole or not at all, also where the writer dies. Two keys of which one is a directory of the other
    (`a` and `a/b`) cannot both exist, unlike on S3.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "file":
            raise UsageError(f"there is no object store client for {parts.scheme or 'a URL without a scheme'}")
        self._url = url
        self._root = Path(unquote(parts.path))

    def buckets(self) -> list[str]:
        return sorted(path.name for path in self._existing().iterdir() if path.is_dir())

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Write an object, or replace it."""
        path = self._path(bucket, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".put-", dir=self._bucket(bucket))
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(temporary).replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise
        except (NotADirectoryError, FileExistsError, IsADirectoryError):
            raise UsageError(f"a key cannot be an object and a directory at once: {key!r}") from None

    def get(self, bucket: str, key: str) -> bytes:
        """An object's data; raises `KeyError` where there is none."""
        try:
            return self._path(bucket, key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(f"{bucket}/{key}") from None

    def list(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """The keys that begin with `prefix`, in order."""
        root = self._bucket(bucket)
        keys = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        return iter(sorted(key for key in keys if key.startswith(prefix) and not key.startswith(".put-")))

    def delete(self, bucket: str, key: str) -> None:
        """Take an object away; nothing happens where there is none."""
        path, root = self._path(bucket, key), self._bucket(bucket)
        with contextlib.suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            path.unlink()
        for parent in path.parents:
            if parent == root:
                break
            try:
                parent.rmdir()
            except OSError:
                break  # other objects are in it

    def _existing(self) -> Path:
        if not self._root.is_dir():
            raise UnreachableError(f"the object store {self._root} is not there")
        return self._root

    def _bucket(self, name: str) -> Path:
        path = self._existing() / check_bucket(name)
        if not path.is_dir():
            raise UsageError(f"there is no bucket {name!r}", hint=f"buckets: {', '.join(self.buckets()) or 'none'}")
        return path

    def _path(self, bucket: str, key: str) -> Path:
        parts = key.split("/")
        if "\0" in key or key.startswith(".put-") or any(part in ("", ".", "..") for part in parts):
            raise UsageError(f"{key!r} cannot be a key here", hint="no empty, '.' or '..' parts between slashes")
        return self._bucket(bucket).joinpath(*parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._url,)

    def __repr__(self) -> str:
        return f"<object store {self._url}>"
