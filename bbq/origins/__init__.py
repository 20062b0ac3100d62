"""Where files come from besides directories: archives, the network, the cache of what was fetched, the lock file.

Nothing here knows TOSCA. What is wrong with a file is a diagnostic; what may not be had is a `Refused`.
"""

from __future__ import annotations

import os
from typing import Final

from bbq import facts

SUFFIXES: Final = (".csar", ".zip")
MAGIC: Final = b"PK\x03\x04"


def is_archive(path: str | os.PathLike[str]) -> bool:
    """By its name, or by how it begins: a YAML file cannot begin like that."""
    return os.fspath(path).lower().endswith(SUFFIXES) or facts.head(path) == MAGIC
