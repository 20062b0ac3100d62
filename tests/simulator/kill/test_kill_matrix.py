"""Kill the process before and after every journal write and every provider call, resume: see README.md beside this file."""

import random
import signal

import pytest

from bbq.providers.simulator.faults import Rates

NAMES = ["create", "update", "scale-up", "scale-down", "destroy"]
SAMPLE = 8  # points of each scenario in a normal run


def kill_and_resume(place, wanted, point, directory, **how):
    """One cell of the matrix."""
    victim = place.copy(directory)
    ended = victim.process(wanted, kill_at=point, **how)
    assert ended == -signal.SIGKILL, "the run has this point"
    victim.check_crashed()
    victim.process(wanted, **how)
    victim.check(wanted)


@pytest.mark.parametrize("share", range(SAMPLE))
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_a_point_and_resumed(scenario, tmp_path, name, share):
    place, wanted, points = scenario(name)
    point = 1 + random.Random(f"{name}{share}").randrange(points * share // SAMPLE, points * (share + 1) // SAMPLE)
    kill_and_resume(place, wanted, point, tmp_path / "victim")


@pytest.mark.parametrize("name", NAMES)
def test_killed_again_and_again(scenario, tmp_path, name):
    """Every resume is killed, too, a little later each time, until one gets through."""
    place, wanted, points = scenario(name)
    victim = place.copy(tmp_path / "victim")
    for point in range(max(2, points // 8), points, max(1, points // 8)):
        if victim.process(wanted, kill_at=point) >= 0:
            break
        victim.check_crashed()
    victim.process(wanted)
    victim.check(wanted)


@pytest.mark.parametrize("name", NAMES)
def test_there_are_hundreds_of_points(scenario, name):
    _, _, points = scenario(name)
    assert points >= 100


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_every_point_and_resumed(scenario, tmp_path, name):
    place, wanted, points = scenario(name)
    failed = []
    for point in range(1, points + 1):
        try:
            kill_and_resume(place, wanted, point, tmp_path / f"victim{point}")
        except AssertionError as error:
            failed.append((point, str(error).splitlines()[0]))
    assert not failed, f"{len(failed)} of {points} points: {failed[:10]}"


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", NAMES)
def test_killed_on_a_flaky_cloud(scenario, tmp_path, name, seed):
    """Lost answers, throttling and 5xx before, during and after the kills."""
    place, wanted, points = scenario(name)
    choose = random.Random(f"{name}{seed}")
    rates = Rates(latency_max=2.0, error_before=0.05, throttle=0.05, error_after=0.1, lost_response=0.05, list_lag=2.0)
    victim = place.copy(tmp_path / "victim")
    for _ in range(4):
        if victim.process(wanted, kill_at=choose.randrange(1, points), rates=rates, seed=choose.randrange(1000)) >= 0:
            break
        victim.check_crashed()
    victim.process(wanted, rates=rates, seed=seed)
    victim.check(wanted)
