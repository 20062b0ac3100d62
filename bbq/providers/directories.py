"""Directories of nodes: there with all that belongs to them or not at all, whoever looks and whatever dies in between."""

from __future__ import annotations

import glob
import shutil
import tempfile
from pathlib import Path

_NEW, _GONE = ".new-", ".gone-"


def begin(path: Path) -> Path:
    """A directory (0700) beside `path`, to be renamed to it when what belongs into it is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{_NEW}{path.name}!", dir=path.parent))


def bury(path: Path, node: Path) -> Path:
    """Take `path`, which is `node` or something below it, away in one instant for everybody who looks; where it is now, for the
    caller to remove bit by bit."""
    node.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    grave = Path(tempfile.mkdtemp(prefix=f"{_GONE}{node.name}!", dir=node.parent))
    path.rename(grave / "was")
    return grave


def sweep(path: Path) -> None:
    """Remove what processes that were killed have left of `begin` and `bury`; of this node only: others are made and deleted at
    the same time."""
    for prefix in (_NEW, _GONE):
        for leftover in path.parent.glob(f"{prefix}{glob.escape(path.name)}!*"):
            shutil.rmtree(leftover, ignore_errors=True)
