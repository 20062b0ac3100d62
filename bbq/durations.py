"""Durations as people write them: `90s`, `10m`, `2h`, `1d12h`. The one place that reads and writes them."""

from __future__ import annotations

import re
from datetime import timedelta

from bbq.errors import UsageError

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
LONGEST = 10 * 365 * 86400.0


def seconds(value: str | float | timedelta, *, what: str = "duration") -> float:
    """Seconds (0 < s <= ten years) of a text with units, largest first, of a number of seconds, or of a `timedelta`.

    Raises `UsageError`, in which `what` names the option; a bare number in a text counts seconds.
    """
    if isinstance(value, timedelta):
        found = value.total_seconds()
    elif isinstance(value, str):
        found = _parse(value.strip().lower(), what)
    else:
        found = float(value)
    if not 0 < found <= LONGEST:
        raise UsageError(f"{what} {value} is out of range", hint="more than 0 seconds and at most ten years")
    return found


def _parse(text: str, what: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    total, at, last = 0.0, 0, float("inf")
    while match := _PART.match(text, at):
        unit = _UNITS[match[2]]
        if unit >= last:
            break
        total, at, last = total + float(match[1]) * unit, match.end(), unit
    if not text or at != len(text):
        raise UsageError(f"{what} {text!r} is not a duration", hint="write it like 90s, 10m, 2h or 1d12h")
    return total


def text(duration: float) -> str:
    """The short form of some seconds for people, two units at most: `1d12h`, `2m5s`, `0.4s`."""
    if duration < 10:
        return f"{max(duration, 0.0):.1f}s"
    rest, parts = round(duration), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return "".join(parts[:2])
