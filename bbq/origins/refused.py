"""Why a file cannot be had."""

from __future__ import annotations

from collections.abc import Collection


class Refused(Exception):
    """To be reported where the file is named: a diagnostic code, a sentence, a hint. `known` are the names of which `name`
    may be a misspelt one, for those who report many."""

    def __init__(
        self, code: str, message: str, hint: str | None = None, *, name: str = "", known: Collection[str] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.name = name
        self.known = known


class Damaged(Exception):
    """The data of an archive's member are not what the archive says of them."""
