"""Bad days on the simulator, from the command line: the presets and each fault, what is told, and that one gets out of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.simulator

EXAMPLE = Path(__file__).parents[3] / "examples/leader-worker/service.yaml"
FOR_EVER = {"IN_A_ROW": "0"}
GONE_SILENT = {"UNREACHABLE_AFTER": "0", "UNREACHABLE_FOR": "80000"}
AGAIN = "hint: `bbq-deploy resume demo` tries again"


def day(**options: str) -> dict[str, str]:
    return {f"BBQ_SIMULATOR__{name.upper()}": value for name, value in options.items()}


def takes_away(newcomer) -> None:
    """Destroys the deployment; nothing of it is left."""
    assert newcomer("destroy", "demo", "--yes", "--quiet").code == 0
    assert nothing_is_left(newcomer)


def nothing_is_left(newcomer) -> bool:
    files = [path for place in ("deployments", "secrets") for path in (newcomer.state / place).glob("*")]
    return not files and "no deployments" in newcomer("list").out


def gets_out(newcomer) -> None:
    """On a good day `resume` makes it whole."""
    done = newcomer("resume", "demo", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert newcomer("drift", "demo").code == 0
    takes_away(newcomer)


@pytest.mark.parametrize("seed", ["0", "3"])
def test_on_a_flaky_day_everything_succeeds(newcomer, seed: str) -> None:
    flaky = day(faults="flaky", seed=seed)
    done = newcomer("up", EXAMPLE, "--provider", "simulator", "--name", "demo", env=flaky)
    assert done.code == 0 and "finished: ok" in done.out
    assert re.search(r"(429 Too Many Requests|503 Service Unavailable|500 Internal|the answer was lost)", done.out)
    assert newcomer("scale", "demo", "workers=4", "--quiet", env=flaky).code == 0
    assert newcomer("drift", "demo", env=flaky).code == 0
    assert newcomer("destroy", "demo", "--yes", "--quiet", env=flaky).code == 0
    assert nothing_is_left(newcomer)


def test_a_hostile_day_ends_badly_and_is_got_out_of(newcomer) -> None:
    hostile = day(faults="hostile", seed="9")
    up = ("up", EXAMPLE, "--provider", "simulator", "--name", "demo")
    done = newcomer(*up, env=hostile)
    line = 1 + EXAMPLE.read_text().splitlines().index("    db:")
    assert done.code == 7
    assert f"service.yaml:{line}:5: db failed (ERROR): db: no valid host was found (simulated)" in done.err
    assert "hint: `bbq-deploy logs demo db` shows its log; `bbq-deploy resume demo` tries again" in done.err
    assert newcomer("status", "demo", env=hostile).code == 7
    again = newcomer(*up[:-1], "other", env=hostile)
    assert again.code == 7 and [line for line in again.out.splitlines() if "FAILED" in line] == [
        line for line in done.out.splitlines() if "FAILED" in line
    ], "the same seed is the same day"
    assert newcomer("destroy", "other", "--yes", "--quiet").code == 0
    gets_out(newcomer)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"TERMINAL_ERROR": "1"}, 7, ["tasks failed (ERROR): tasks: no valid host was found", "tries again"]),
        ({"NEVER_READY": "1"}, 8, ["tasks was not ready within 1800 s; last seen: is being built", "tries again"]),
        ({"ERROR_BEFORE": "1"} | FOR_EVER, 7, ["create of tasks failed: fault after 9 tries: 503", AGAIN]),
        ({"THROTTLE": "1"} | FOR_EVER, 7, ["create of tasks failed: fault after 9 tries: 429", AGAIN]),
        ({"LOST_RESPONSE": "1"} | FOR_EVER, 8, ["tasks was not made within 120 s", AGAIN]),
        (GONE_SILENT, 11, ["create of tasks failed: unreachable provider after 9 tries: connection timed out", AGAIN]),
    ],
    ids=lambda value: next(iter(value)).lower() if isinstance(value, dict) else "",
)
def test_a_fault_that_does_not_pass(newcomer, options: dict[str, str], code: int, said: list[str]) -> None:
    done = newcomer.up(env=day(**options))
    assert (done.code, [text for text in said if text not in done.err]) == (code, [])
    status = newcomer("status", "demo")
    assert status.code == 7 and "demo: failed on simulator" in status.out and "tasks" in status.out
    gets_out(newcomer)


def test_a_full_cloud_is_told_before_anything_is_made_and_leaves_nothing_behind(newcomer) -> None:
    done = newcomer.up(env=day(quota="1"))
    assert done.code == 6 and "error: this cannot be made here: 2 things are wanted, the quota is 1 (simulated)" in done.err
    assert "hint: nothing was made; ask for less, or have the quota raised" in done.err
    assert nothing_is_left(newcomer)
    assert newcomer.up("--quiet").code == 0
    takes_away(newcomer)


def test_what_vanishes_is_seen_and_made_again(newcomer) -> None:
    assert newcomer("up", EXAMPLE, "--provider", "simulator", "--name", "demo", "--quiet", env=day(vanish="1")).code == 0
    status = newcomer("status", "demo")
    assert status.code == 7 and "tasks: it is gone" in status.out
    assert newcomer("drift", "demo").code == 3
    gets_out(newcomer)


@pytest.mark.parametrize("verb", ["resume", "destroy"])
def test_a_destroy_on_a_bad_day_is_gone_on_with(newcomer, verb: str) -> None:
    assert newcomer.up("--quiet").code == 0
    done = newcomer("destroy", "demo", "--yes", env=day(**GONE_SILENT))
    assert done.code == 11 and "delete of worker failed: unreachable provider" in done.err and AGAIN in done.err
    status = newcomer("status", "demo")
    assert status.code == 7 and "demo: destroying on simulator" in status.out
    assert "demo is being destroyed" in newcomer("wait", "demo").err
    refused = newcomer.up()
    assert refused.code == 2 and "hint: finish that first: bbq-deploy destroy demo" in refused.err
    assert newcomer(verb, "demo", "--yes", "--quiet").code == 0
    assert nothing_is_left(newcomer)


def test_a_rollback_tells_that_nothing_is_left(newcomer) -> None:
    done = newcomer.up("--on-error", "rollback", env=day(terminal_error="1"))
    assert done.code == 7
    assert "hint: what this run had made was deleted again; `bbq-deploy resume demo` tries again" in done.err
    status = newcomer("status", "demo").out
    assert "0 of 2 ready" in status and status.count("absent") == 2
    gets_out(newcomer)


def test_a_preset_that_there_is_not(newcomer) -> None:
    done = newcomer.up(env=day(faults="flakey"))
    assert done.code == 5 and "[simulator] faults = flakey is not allowed; it takes one of none, flaky, hostile" in done.err
    done = newcomer.up(env=day(seed="-1"))
    assert done.code == 5 and "a whole number from 0 to 2147483648" in done.err
