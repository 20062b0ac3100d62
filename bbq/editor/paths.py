"""File names for people: bundled files without the installation's directory, others relative to the working directory."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from bbq.datafiles import data_dir


@cache
def _installed() -> str:
    return os.path.realpath(data_dir("templates").parent)


def short(file: str) -> str:
    """`templates/types/bbq.yaml`, `services/web.yaml`."""
    path = Path(file)
    if not path.is_absolute():
        return file
    for base in (_installed(), str(Path.cwd())):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return file
