"""Scalars with units, versions, timestamps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbq.tosca import to_bytes, to_hertz, to_seconds, units


@pytest.mark.parametrize(
    ("function", "text", "expected"),
    [
        (to_bytes, "512 MB", 512_000_000),
        (to_bytes, "512 MiB", 536_870_912),
        (to_bytes, "1.5kB", 1500),
        (to_bytes, "0 B", 0),
        (to_seconds, "2 h", 7200),
        (to_seconds, "1.5 m", 90),
        (to_seconds, "250 ms", 0.25),
        (to_hertz, "0.1 GHz", 100_000_000),
    ],
)
def test_quantities(function, text, expected):
    assert function(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "12", "1,5 MB", "1 XB", "1 MB MB", "one MB"])
def test_no_quantities(text):
    with pytest.raises(ValueError, match=r"scalar-unit\.size"):
        to_bytes(text)


@given(st.integers(0, 10**12), st.sampled_from(sorted(units.SIZE)))
def test_canonical_text_means_the_same(number, unit):
    found = units.scalar(f"{number}{unit.lower()}", units.SIZE)
    assert found is not None
    assert units.scalar(found[1], units.SIZE) == found


def test_versions_are_ordered():
    texts = ["1.0", "1.2", "1.10", "1.10.1.alpha-1", "1.10.1.alpha-10", "1.10.1.beta-1", "1.10.1", "2.0"]
    keys = [units.version_key(text) for text in texts]
    assert None not in keys and keys == sorted(keys)
    assert units.version_key("1..0") is None and units.version_key("v1") is None


def test_timestamps():
    assert units.timestamp("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert units.timestamp("2026-01-31t08:00:00.5-05:00") == datetime(2026, 1, 31, 13, 0, 0, 500_000, tzinfo=UTC)
    assert units.timestamp("2026-1-3 8:00:00") == datetime(2026, 1, 3, 8, tzinfo=UTC)
    assert units.timestamp("2026-01-31T08:00:00 +2").utcoffset() == timedelta(hours=2)
    assert units.timestamp("2026-02-30") is None and units.timestamp("now") is None
