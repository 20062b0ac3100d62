"""Matching a template's regular expressions without trusting them.

Python's engine backtracks: `^(a+)+$` against forty letters takes longer than the age of the universe, and nothing in the
process can stop it. A pattern that could do that is tried in a child process with a time limit.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal

from bbq import facts

_CHILD: Final = "import json,re,sys;p,t,how=json.load(sys.stdin);sys.exit(0 if getattr(re, how)(p,t) else 3)"
_SECONDS: Final = 0.8
_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_QUANTIFIER = re.compile(r"[*+]|\{[0-9]*,[0-9]*\}")
_END = re.compile(r"(?<!\\)(?:\\\\)*\$\Z")
_CHOICE = re.compile(r"\||(?<!\()\?")


class PatternTimeout(Exception):
    """The pattern took too long for this text."""


_timeouts: ContextVar[list[int] | None] = ContextVar("timeouts", default=None)
"""How many more patterns may take too long; None without a bound."""


@contextmanager
def few_timeouts(most: int = 3) -> Iterator[None]:
    """Within it, `most` patterns may take their time in vain; further ones that could are not tried, and time out at once."""
    token = _timeouts.set([most])
    try:
        yield
    finally:
        _timeouts.reset(token)


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, without Python's warnings about its style. Raises `re.error`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(pattern)
        except (RecursionError, OverflowError, MemoryError):
            raise re.error("the pattern is too large") from None


def found(pattern: str, text: str) -> bool:
    """Whether a part of `text` matches; `^` and `$` are its two ends. Raises as `matches` does."""
    if _END.search(pattern):
        pattern = pattern[:-1] + r"\Z"  # Python's `$` stands before a line break at the end, too
    return _tried(pattern, text, "search")


def matches(pattern: str, text: str) -> bool:
    """Whether all of `text` matches. Raises `re.error` for a broken pattern, `PatternTimeout` for one that takes too long."""
    return _tried(pattern, text, "fullmatch")


def _tried(pattern: str, text: str, how: Literal["search", "fullmatch"]) -> bool:
    regex = compiled(pattern)
    if not _explosive(pattern, text, anywhere=how == "search"):
        return getattr(regex, how)(text) is not None
    left = _timeouts.get()
    if left is not None and left[0] <= 0:
        raise PatternTimeout(pattern)
    import json
    import subprocess

    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CHILD],
            input=json.dumps([pattern, text, how]).encode(),
            timeout=_SECONDS,
            check=False,
            capture_output=True,
        )
    except subprocess.TimeoutExpired:
        facts.unrepeatable()
        if left is not None:
            left[0] -= 1
        raise PatternTimeout(pattern) from None
    return done.returncode == 0


def _explosive(pattern: str, text: str, *, anywhere: bool) -> bool:
    """A repeated group, or so many quantifiers for so long a text, or so many choices, that backtracking hurts."""
    bare = _CLASS.sub("x", pattern)
    quantifiers = len(_QUANTIFIER.findall(bare))
    choices = len(_CHOICE.findall(bare))
    repeated_group = re.search(r"\)(?:[*+]|\{[0-9,])", bare) is not None
    # 20 of either are past the bound already; the power of thousands would itself take its time
    tries = len(text) ** min(quantifiers + anywhere, 20) * 2 ** min(choices, 20)
    return repeated_group or tries > 1_000_000
