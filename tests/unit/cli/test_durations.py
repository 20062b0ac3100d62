from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbq.durations import seconds, text
from bbq.errors import UsageError


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("90s", 90),
        ("2h", 7200),
        ("1d12h", 129600),
        ("1h30m5s", 5405),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("45", 45),
        (" 10M ", 600),
        (7, 7),
        (timedelta(minutes=2), 120),
    ],
)
def test_what_is_read(given_: str | float | timedelta, expected: float) -> None:
    assert seconds(given_) == expected


@pytest.mark.parametrize(
    "wrong", ["", "2x", "h", "2h2h", "5m2h", "-1s", "1e3", "2 h", "0s", "nan", "inf", "11y", "99999d", 0, -1]
)
def test_what_is_refused(wrong: str | float) -> None:
    with pytest.raises(UsageError, match="--ttl"):
        seconds(wrong, what="--ttl")


@given(st.integers(10, 10**8))
def test_what_is_written_can_be_read(value: int) -> None:
    written = text(value)
    assert abs(seconds(written) - value) <= 3600 if value >= 86400 else abs(seconds(written) - value) < 60
