"""Caps on one YAML file. Each has its own diagnostic code, so that a user knows which one was met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may hold.

    file_bytes       size; a larger file is refused before it is read
    depth            levels of nesting, those reached through aliases included
    nodes            values and keys as written: each takes some 400 bytes while a file is read
    aliases          uses of anchors
    expanded         values after aliases and merge keys are followed
    scalar_chars     length of one scalar
    integer_digits   digits of one integer: converting is quadratic in them
    """

    file_bytes: int = 10 * 1024 * 1024
    depth: int = 100
    nodes: int = 1_000_000
    aliases: int = 10_000
    expanded: int = 1_000_000
    scalar_chars: int = 1_000_000
    integer_digits: int = 300


DEFAULT_LIMITS: Final = Limits()
