"""Cron expressions of five fields, in UTC: minute, hour, day of month, month, day of week (crontab(5)).

Standard library only: the local provider's supervisor (`shim.py`) loads this file by its path, and a rendered deployment has a
copy of it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_YEARS = 9
"""A February 29 on a given day of the month is at most eight years away."""


class CronError(ValueError):
    """The expression is wrong; the text names the field."""


class Schedule:
    """A parsed expression. `CronError` where a field is wrong, or where it can never come true (February 30)."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        parts = _NICKNAMES.get(expression.strip().lower(), expression).split()
        if len(parts) != len(_FIELDS):
            names = ", ".join(name for name, *_ in _FIELDS)
            count = f"{len(parts)} field{'' if len(parts) == 1 else 's'}"
            raise CronError(f"{expression!r} has {count} instead of 5 ({names})")
        values = [_parse(text, *field) for text, field in zip(parts, _FIELDS, strict=True)]
        self.minutes, self.hours, self.days, self.months, weekdays = values
        self.weekdays = {day % 7 for day in weekdays}
        # crontab(5): with both days restricted either of them is enough. A field that starts with * is not restricted.
        self._either_day = not parts[2].startswith("*") and not parts[4].startswith("*")
        self.next(datetime(2024, 1, 1, tzinfo=UTC).timestamp())

    def next(self, after: float) -> float:
        """The first time that matches, in seconds since the epoch, later than `after`."""
        moment = datetime.fromtimestamp(after, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        last = moment.year + _YEARS
        while moment.year <= last:
            if moment.month not in self.months:
                year, month = divmod(moment.year * 12 + moment.month, 12)
                moment = datetime(year, month + 1, 1, tzinfo=UTC)
            elif not self._day_matches(moment):
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
            elif moment.hour not in self.hours:
                moment = moment.replace(minute=0) + timedelta(hours=1)
            elif moment.minute not in self.minutes:
                moment += timedelta(minutes=1)
            else:
                return moment.timestamp()
        raise CronError(f"{self.expression!r} never comes true: no such day of month in month")

    def _day_matches(self, moment: datetime) -> bool:
        by_date = moment.day in self.days
        by_weekday = moment.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self._either_day else by_date and by_weekday


def _parse(text: str, name: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for item in text.split(","):
        span, slash, step_text = item.partition("/")
        step = _number(step_text, name, 1, high, {}, "step ") if slash else 1
        if span == "*":
            first, last = low, high
        elif "-" in span:
            left, _, right = span.partition("-")
            first, last = _number(left, name, low, high, names), _number(right, name, low, high, names)
            if first > last:
                raise CronError(f"{name}: the range {span} runs backwards")
        else:
            first = _number(span, name, low, high, names)
            last = high if slash else first
        found.update(range(first, last + 1, step))
    return found


def _number(text: str, name: str, low: int, high: int, names: dict[str, int], what: str = "") -> int:
    if text.upper() in names:
        return names[text.upper()]
    if not (text.isascii() and text.isdigit()):
        allowed = f" or {', '.join(names)}" if names else ""
        raise CronError(f"{name}: {what}{text!r} is not a number from {low} to {high}{allowed}")
    if not low <= int(text) <= high:
        raise CronError(f"{name}: {what}{text} is not within {low} to {high}")
    return int(text)
