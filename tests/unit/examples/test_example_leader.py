"""The leader-worker example's parts by themselves."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "leader-worker"
RUN = "6f0f5f0e-2d0b-5a63-9d0a-0c3f4be0c1ab"


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    for name in ("leader", "grid", "store", "worker"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_months_are_cut_at_both_ends() -> None:
    from leader import months

    assert list(months(date(2023, 12, 30), date(2024, 2, 29))) == [
        (date(2023, 12, 30), date(2023, 12, 31)),
        (date(2024, 1, 1), date(2024, 1, 31)),
        (date(2024, 2, 1), date(2024, 2, 29)),
    ]
    assert list(months(date(2024, 1, 2), date(2024, 1, 1))) == []


def test_tasks_are_the_same_every_time_and_differ_from_each_other() -> None:
    from leader import split

    tasks = list(split(RUN, ["north", "east"], date(2023, 1, 1), date(2023, 6, 30)))
    assert tasks == list(split(RUN, ["north", "east"], date(2023, 1, 1), date(2023, 6, 30)))
    assert len({task["task_id"] for task in tasks}) == len(tasks) == 12
    assert tasks[0] == {
        "run_id": RUN,
        "task_id": tasks[0]["task_id"],
        "selection": "north",
        "start_date": "2023-01-01 00:00",
        "end_date": "2023-01-31 23:59",
    }


def test_the_computation_is_plausible() -> None:
    from grid import FEEDERS, VOLTS, compute

    for selection, feeder in FEEDERS.items():
        winter = compute(selection, datetime(2023, 1, 1), datetime(2023, 1, 31, 23, 59))
        summer = compute(selection, datetime(2023, 7, 1), datetime(2023, 7, 31, 23, 59))
        mean = winter[1] / (31 * 24)
        assert 0.5 < mean / (sum(feeder.customers) * feeder.average_load) < 2
        assert winter[0] > summer[0] and winter[1] > summer[1]
        assert 0.9 * VOLTS < winter[2] < summer[2] < VOLTS
    with pytest.raises(ValueError, match="nowhere"):
        compute("nowhere", datetime(2023, 1, 1), datetime(2023, 1, 2))
