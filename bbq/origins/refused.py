"""Why a file cannot be had."""

from __future__ import annotations


class Refused(Exception):
    """To be reported where the file is named: a diagnostic code, a sentence, a hint."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Damaged(Exception):
    """The data of an archive's member are not what the archive says of them."""
