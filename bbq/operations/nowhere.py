"""A state directory for a provider that is only asked, while there is nothing of a deployment."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def no_directory() -> Iterator[str]:
    """A path where nothing is, so that who is killed leaves nothing; it goes again if the provider makes it, as the simulator
    does."""
    path = Path(tempfile.gettempdir(), f"bbq-{secrets.token_hex(16)}")
    try:
        yield str(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
