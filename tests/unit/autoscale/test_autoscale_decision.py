"""The decision: golden cases of another project's autoscaler, their essence as a table, and what must hold for any numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbq.autoscale import Limits, decide
from bbq.errors import UsageError

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "rabbit-autoscaler" / "golden.csv"


def golden() -> list[dict[str, str]]:
    with GOLDEN.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"the corpus of golden cases is not at {GOLDEN}")
def test_all_golden_cases() -> None:
    cases = golden()
    assert len(cases) > 100
    for case in cases:
        limits = Limits(int(case["min"]), int(case["max"]), int(case["msgs_per_pod"]), rounding="down")
        wanted = int(case["scale_to"]) if case["scale_to"] else None
        assert decide(int(case["queue_messages"]), int(case["current"]), limits) == wanted, case


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"the corpus of golden cases is not at {GOLDEN}")
def test_rounding_is_the_only_difference_from_the_golden_cases() -> None:
    """Where the messages are a multiple of a worker's share, rounding up or down is the same."""
    same = 0
    for case in golden():
        if int(case["queue_messages"]) % int(case["msgs_per_pod"]) == 0:
            limits = Limits(int(case["min"]), int(case["max"]), int(case["msgs_per_pod"]))
            wanted = int(case["scale_to"]) if case["scale_to"] else None
            assert decide(int(case["queue_messages"]), int(case["current"]), limits) == wanted, case
            same += 1
    assert same > 80


@pytest.mark.parametrize(
    ("limits", "messages", "current", "wanted", "why"),
    [
        ((3, 10, 5), 25, 0, 5, "up at once"),
        ((3, 10, 5), 24, 3, 5, "rounded up"),
        ((0, 5, 3), 1, 0, 1, "one message is worth a worker"),
        ((3, 10, 5), 500, 7, 10, "never above the maximum"),
        ((3, 10, 5), 500, 10, None, "at the maximum"),
        ((3, 10, 5), 1, 2, 3, "never below the minimum"),
        ((3, 10, 5), 0, 3, None, "at the minimum"),
        ((3, 10, 5), 0, 9, 8, "empty queue: down by steps, one at least"),
        ((3, 10, 5), 0, 4, 3, "the last step reaches the minimum"),
        ((1, 100, 1), 0, 50, 45, "a tenth of the surplus, rounded up"),
        ((1, 100, 1), 50, 150, 140, "the surplus is what is above the wanted number"),
        ((3, 10, 5), 500, 30, 28, "limit below the current size: down to it by steps, too"),
        ((3, 10, 5), 55, 11, None, "exactly what is needed is left alone, even above the maximum"),
        ((3, 10, 5), 0, 0, None, "and below the minimum"),
        ((0, 5, 3), 6, 2, None, "just right"),
    ],
)
def test_decisions(limits: tuple[int, int, int], messages: int, current: int, wanted: int | None, why: str) -> None:
    assert decide(messages, current, Limits(*limits)) == wanted, why


COUNTS = st.integers(0, 5000)


@given(messages=COUNTS, current=COUNTS, minimum=st.integers(0, 50), spread=st.integers(1, 200), share=st.integers(1, 100))
def test_steps_end_within_the_limits_and_never_overshoot(
    messages: int, current: int, minimum: int, spread: int, share: int
) -> None:
    limits = Limits(minimum, minimum + spread, share)
    required = -(-messages // share)
    target = min(max(required, limits.minimum), limits.maximum)
    workers, steps = current, 0
    while (wanted := decide(messages, workers, limits)) is not None:
        assert wanted != workers
        assert min(workers, target) <= wanted <= max(workers, target)
        assert wanted >= workers or workers - wanted <= -(-(workers - target) // 10)
        workers, steps = wanted, steps + 1
        assert steps <= 5000
    assert workers in (target, required)


@pytest.mark.parametrize("limits", [(-1, 5, 1), (6, 5, 1), (0, 0, 1), (0, 5, 0)])
def test_impossible_limits(limits: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError):
        Limits(*limits)
