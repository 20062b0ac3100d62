"""Kill the process before and after every journal write and every provider call, carry on: see README.md beside this file."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest
from kill_cells import again_and_again, kill_at, on_a_flaky_cloud
from kill_deployment import SCENARIOS

SPREAD = 40
"""Points of each scenario in a normal run, besides the first and the last ones."""
ENDS = 8


def told(results) -> list[str]:
    """What all cells say was wrong, in full for the first ones."""
    return [line for result in results for line in result][:20]


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_some_points(scenario, lanes, name):
    """At both ends of the run and spread over it; each carries on in another way than the one before."""
    found, choose = scenario(name), Random(name)
    ways, count = found.ways(), len(found.points)
    spread = (1 + choose.randrange(count * i // SPREAD, count * (i + 1) // SPREAD) for i in range(SPREAD))
    points = sorted({*range(1, ENDS + 1), *spread, *range(count - ENDS + 1, count + 1)})
    cells = [lanes.submit(kill_at, found, point, (ways[i % len(ways)],)) for i, point in enumerate(points)]
    assert told(cell.result() for cell in cells) == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_again_and_again(scenario, lanes, name):
    assert lanes.submit(again_and_again, scenario(name)).result() == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_there_are_hundreds_of_points(scenario, name):
    assert len(scenario(name).points) >= 100


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_every_point(scenario, lanes, name):
    found = scenario(name)
    points = range(1, len(found.points) + 1)
    assert told(lanes.map(partial(kill_at, found), points, chunksize=8)) == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_on_a_flaky_cloud(scenario, lanes, name):
    found = scenario(name)
    assert told(lanes.map(partial(on_a_flaky_cloud, found), range(60), chunksize=4)) == []
