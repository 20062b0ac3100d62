"""Where a finding's file is for a code-hosting site: paths from the top of the repository, wherever the command was run."""

from __future__ import annotations

import os
from functools import cache


@cache
def root() -> str:
    """The repository that the working directory is in, else the working directory."""
    here = os.getcwd()  # noqa: PTH109 - pathlib costs start-up time
    top = here
    while not os.path.exists(os.path.join(top, ".git")):  # noqa: PTH110, PTH118
        parent = os.path.dirname(top)  # noqa: PTH120
        if parent == top:
            return here
        top = parent
    return top


def relative(file: str) -> str | None:
    """The path of a file below `root()`, with slashes; None where it lies elsewhere, or is no file (`<input>`)."""
    if file.startswith("<"):
        return None
    try:
        path = os.path.relpath(os.path.abspath(file), root())  # noqa: PTH100
    except OSError:  # the working directory is gone
        return None
    return None if path == os.pardir or path.startswith(os.pardir + os.sep) else path.replace(os.sep, "/")
