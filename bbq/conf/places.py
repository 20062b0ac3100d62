"""Types of options that say where something is. A place must mean the same for every process: a process that destroys a
deployment at its expiry runs in another directory than the one that made it."""

from __future__ import annotations

import os
from typing import Any

from oslo_config import types


class AbsolutePath(types.String):
    """A path from the root on; a leading `~` is opened."""

    allowed = "an absolute path, or one that starts with ~"

    def __call__(self, value: Any) -> str:
        path = os.path.expanduser(super().__call__(value))  # noqa: PTH111 - pathlib costs start-up time
        if path and not os.path.isabs(path):  # noqa: PTH117
            raise ValueError(f"{value} is relative")
        return path


class JournalAddress(types.String):
    """`sqlite:///PATH`, `postgresql://...` or an absolute path; the journal itself looks at what follows the scheme."""

    allowed = "sqlite:///PATH, postgresql://USER:PASSWORD@HOST/DATABASE or an absolute path"

    def __call__(self, value: Any) -> str:
        address = str(super().__call__(value))
        if address.startswith(("sqlite:///", "postgresql://", "postgres://")):
            return address
        return AbsolutePath()(address)
