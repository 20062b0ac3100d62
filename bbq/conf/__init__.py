"""Configuration: oslo.config options, one module a group; where their values come from, and where each one came from.

`load` imports oslo.config (tens of milliseconds), so commands that need a single value look it up with `bbq.conf.ini`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bbq.conf.loader import Config


def load(
    files: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, str], object] | None = None,
) -> Config:
    """The effective configuration; see `bbq.conf.loader.load`."""
    from bbq.conf.loader import load as load_config

    return load_config(files, environment=environment, flags=flags)
