"""What was fetched, by digest: `$XDG_CACHE_HOME/bbq/imports/<SHA-256>`. Who reads it verifies it, so nobody has to trust it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bbq import facts
from bbq.yamlreader import DEFAULT_LIMITS


def directory(environment: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/bbq/imports`, `~/.cache/bbq/imports` by default."""
    home = environment.get("XDG_CACHE_HOME")
    base = Path(home) if home and home.startswith("/") else Path(environment.get("HOME") or Path.home()) / ".cache"
    return base / "bbq" / "imports"


def get(digest: str, size: int) -> bytes | None:
    """The content with that SHA-256 and that many bytes; None where it is not there, or is not what it is called."""
    try:
        content = facts.read(directory() / digest, min(size, DEFAULT_LIMITS.file_bytes))
    except OSError:
        return None
    return content if len(content) == size and hashlib.sha256(content).hexdigest() == digest else None


def put(content: bytes) -> None:
    """Keep it. Raises `OSError` where the cache cannot be written; a process that dies leaves it whole or not at all."""
    target = directory() / hashlib.sha256(content).hexdigest()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(target)  # not synced: what a power cut spoils has another digest, and is fetched again
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
