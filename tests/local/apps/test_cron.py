"""Cron expressions: crontab(5), in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bbq.cron import CronError, Schedule


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("* * * * *", "2026-03-01T10:00:00", "2026-03-01T10:01"),
        ("* * * * *", "2026-03-01T10:00:59", "2026-03-01T10:01"),
        ("*/15 * * * *", "2026-03-01T10:46", "2026-03-01T11:00"),
        ("5/20 * * * *", "2026-03-01T10:26", "2026-03-01T10:45"),
        ("0 0 * * *", "2026-12-31T23:59:30", "2027-01-01T00:00"),
        ("30 4 1,15 * *", "2026-03-02T00:00", "2026-03-15T04:30"),
        ("0 9-17/4 * * MON-FRI", "2026-03-06T17:30", "2026-03-09T09:00"),
        ("0 12 * jan,jul *", "2026-02-01T00:00", "2026-07-01T12:00"),
        ("0 0 * * 7", "2026-03-02T00:00", "2026-03-08T00:00"),
        ("0 0 * * 0", "2026-03-02T00:00", "2026-03-08T00:00"),
        # either day is enough where both are restricted: the 13th, or a Friday
        ("0 0 13 * FRI", "2026-03-07T00:00", "2026-03-13T00:00"),
        ("0 0 13 * FRI", "2026-03-13T00:00", "2026-03-20T00:00"),
        # a field that starts with * is not restricted
        ("0 0 */2 * MON", "2026-03-02T12:00", "2026-03-09T00:00"),
        ("0 0 29 2 *", "2026-03-01T00:00", "2028-02-29T00:00"),
        ("0 0 29 2 *", "2096-03-01T00:00", "2104-02-29T00:00"),
        ("0 0 31 * *", "2026-03-31T00:00", "2026-05-31T00:00"),
        ("@hourly", "2026-03-01T10:00", "2026-03-01T11:00"),
        ("@yearly", "2026-03-01T10:00", "2027-01-01T00:00"),
    ],
)
def test_next(expression: str, after: str, expected: str) -> None:
    assert Schedule(expression).next(at(after)) == at(expected)


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("* * * MOON *", "month"),
        ("a * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("*/0 * * * *", "minute: step"),
        ("* 5-2 * * *", "hour"),
        (", * * * *", "minute"),
        ("* * * *", "5"),
        ("* * * * * *", "5"),
        ("", "5"),
        ("@often", "5"),
        ("0 0 30 2 *", "never"),
        ("² * * * *", "minute"),
    ],
)
def test_errors_name_the_field(expression: str, named: str) -> None:
    with pytest.raises(CronError, match=named):
        Schedule(expression)


def test_each_time_of_a_day_once() -> None:
    schedule, now, found = Schedule("*/10 * * * *"), at("2026-03-01T00:00") - 1, []
    while (now := schedule.next(now)) < at("2026-03-02T00:00"):
        found.append(now)
    assert found == [at("2026-03-01T00:00") + 600 * number for number in range(144)]
