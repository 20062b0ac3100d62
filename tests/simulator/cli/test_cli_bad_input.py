"""Wrong values, broken files, two at once, streams that break: the documented exit code, and nothing lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.simulator

SLOW = {"BBQ_SIMULATOR__LATENCY_MIN": "1", "BBQ_SIMULATOR__LATENCY_MAX": "1"}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["workers=many"], "workers"),
        (["workers=11"], "workers"),
        (["wrkers=3"], "workers"),
        (["workers=0", "nonsense=1"], "nonsense"),
    ],
)
def test_wrong_inputs(cli, inputs: list[str], said: str) -> None:
    done = cli.up(*[part for pair in inputs for part in ("--input", pair)])
    assert done.code == 4
    assert said in done.all
    assert cli("list", "--all", "--format", "json").json()["deployments"] == []


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["up", "missing.yaml"], 4, "missing.yaml"),
        (["up", "pipeline/service.yaml", "--ttl", "soon"], 2, "not a duration"),
        (["up", "pipeline/service.yaml", "--timeout", "-5"], 2, "--timeout"),
        (["up", "pipeline/service.yaml", "--name", "../x"], 2, "cannot be a deployment's name"),
        (["up", "pipeline/service.yaml", "--provider", "moon"], 2, "there is no provider 'moon'"),
        (["up", "pipeline/service.yaml", "--parallel", "0", "--provider", "simulator"], 5, "from 1 to 1000"),
        (["up", "pipeline/service.yaml", "--import-map", "nonsense"], 5, "PREFIX=DIRECTORY"),
        (["plan", "pipeline/service.yaml", "--input", "workers"], 2, "NAME=VALUE"),
        (["status", "nothing"], 2, "there is no deployment 'nothing'"),
        (["destroy", "nothing"], 2, "there is no deployment 'nothing'"),
        (["logs", "nothing", "x"], 2, "there is no deployment"),
        (["list", "--config-file", "missing.conf"], 5, "missing.conf"),
        (["list", "--journal", "mysql://x/y"], 5, "journal"),
        (["list", "--journal", "postgresql:x"], 5, "journal"),
        (["frobnicate"], 2, "there is no command"),
    ],
)
def test_what_is_refused(cli, argv: list[str], code: int, said: str) -> None:
    done = cli(*argv)
    assert done.code == code, done.all
    assert said in done.err
    assert done.out == ""


def test_a_wrong_journal_is_told_once(cli) -> None:
    done = cli("list", "--journal", "mysql://u:hunter2@x/y")
    assert done.err.count("[journal] connection") == 1
    assert "the command line: " in done.err and "hunter2" not in done.err


def test_a_directory_of_templates_that_is_missing(cli) -> None:
    done = cli("plan", cli.template, env={"BBQ_TOSCA__TEMPLATE_DIRS": str(cli.home / "mine")})
    assert (done.code, f"there is no directory {cli.home / 'mine'}" in done.err) == (5, True)


def test_a_near_name_is_told(cli) -> None:
    cli.up()
    done = cli("status", "deom")
    assert (done.code, "did you mean demo?" in done.err) == (2, True)


def test_another_provider_for_the_same_name(cli) -> None:
    cli.up()
    done = cli("up", cli.template, "--name", "demo", "--provider", "local")
    assert (done.code, "is on the provider simulator" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"BBQ_SIMULATOR__TERMINAL_ERROR": "1"}, 7),
        ({"BBQ_SIMULATOR__QUOTA": "1"}, 6),
        ({"BBQ_SIMULATOR__UNREACHABLE_FOR": "86400"}, 11),
        ({"BBQ_SIMULATOR__NEVER_READY": "1"}, 8),
    ],
)
def test_exit_codes_by_cause(cli, fault: dict[str, str], code: int) -> None:
    done = cli.up(env=fault)
    assert done.code in ((code, 5) if code == 6 else (code,)), done.all
    assert cli("destroy", "demo").code in (0, 2)
    assert cli("list").out.strip() == "no deployments"


def test_the_time_limit_of_a_run(cli) -> None:
    done = cli.up("--timeout", "5s")
    assert done.code == 8
    assert "--timeout" in done.err
    assert cli("status", "demo").code == 7
    assert cli("resume", "demo").code == 0


def test_some_parts_fail_and_the_others_go_on(cli) -> None:
    done = cli.up("--on-error", "continue", env={"BBQ_SIMULATOR__TERMINAL_ERROR": "0.5", "BBQ_SIMULATOR__SEED": "3"})
    assert done.code == 10, done.all
    assert cli("status", "demo").code == 7
    assert cli("resume", "demo").code == 0
    assert cli("status", "demo").code == 0


def test_rollback(cli) -> None:
    done = cli.up("--on-error", "rollback", env={"BBQ_SIMULATOR__TERMINAL_ERROR": "1"})
    assert done.code == 7
    nodes = cli("status", "demo", "--format", "json").json()["nodes"]
    assert [(node["node"], node["status"]) for node in nodes] == [(name, "absent") for name in ("db", "tasks", "worker")]
    cli.template.unlink()
    done = cli("status", "demo", "--format", "json")
    assert (done.code, done.json()["nodes"]) == (7, []), "the journal knows what was begun"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_run_that_is_ended_can_be_resumed(cli, number: int) -> None:
    process = cli.start("up", cli.template, "--provider", "simulator", "--name", "demo", "--format", "json")
    assert process.stdout is not None
    for line in process.stdout:
        if '"step.intent"' in line:
            break
    os.kill(process.pid, number)
    process.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert process.returncode in (130, 0), "the run may have ended before the signal came"
    assert "of 3 ready" in cli("status", "demo").out, "what was not begun is wanted, too"
    resumed = cli("resume", "demo")
    assert resumed.code == 0, resumed.all
    assert "3 of 3" in cli("status", "demo").out
    assert cli("destroy", "demo").code == 0


def hold(cli, name: str = "demo") -> str:
    """Take the deployment's lease, in this process."""
    from bbq.journal import open_journal

    journal = open_journal(str(cli.state / "journal.db"))
    row = journal.get(name)
    assert row is not None
    journal.acquire(row.id)
    cli.journal = journal  # its lease lives as long as it does
    return row.id


def test_two_at_once(cli) -> None:
    cli.up()
    hold(cli)
    for argv in (
        ["up", cli.template, "--name", "demo"],
        ["scale", "demo", "worker=4"],
        ["resume", "demo"],
        ["destroy", "demo"],
    ):
        done = cli(*argv)
        assert done.code == 9, done.all
        assert f"process {os.getpid()}" in done.err
    assert cli("status", "demo").code == 0, "looking is allowed"
    refused = cli("unlock", "demo", "--yes")
    assert refused.code == 9 and f"process {os.getpid()}" in refused.err and "--force" in refused.err
    assert cli("destroy", "demo").code == 9, "it is locked as before"
    broken = cli("unlock", "demo", "--force")
    assert broken.code == 0 and f"process {os.getpid()}" in broken.all
    assert cli("destroy", "demo").code == 0


def test_two_ups_race_for_one_name(cli) -> None:
    processes = [cli.start("up", cli.template, "--provider", "simulator", "--name", "demo") for _ in range(4)]
    done = [cli.finish(process) for process in processes]
    assert {one.code for one in done} <= {0, 9}, [one.all for one in done]
    assert any(one.code == 0 for one in done)
    assert len(cli("list", "--all", "--format", "json").json()["deployments"]) == 1
    assert "3 of 3" in cli("status", "demo").out


def test_a_journal_of_a_newer_version(cli) -> None:
    cli.up()
    with closing(sqlite3.connect(cli.state / "journal.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = (cli.state / "journal.db").read_bytes()
    for argv in (["list"], ["up", cli.template, "--name", "demo"], ["destroy", "demo"]):
        done = cli(*argv)
        assert done.code == 5, done.all
        assert "newer" in done.err
    assert (cli.state / "journal.db").read_bytes() == before


def test_a_truncated_journal(cli) -> None:
    cli.up()
    path = cli.state / "journal.db"
    os.truncate(path, path.stat().st_size // 2 + 100)
    done = cli("list")
    assert done.code in (0, 5), done.all
    assert cli("destroy", "demo").code in (0, 5)
    path.write_bytes(b"this is no database at all" * 100)
    done = cli("list")
    assert done.code == 5
    assert "journal" in done.err
    assert path.read_bytes().startswith(b"this is no database"), "it is left as it is"


def test_a_state_directory_that_cannot_be_written(cli) -> None:
    done = cli("list", env={"BBQ_STATE__DIRECTORY": "/proc/nowhere"})
    assert done.code == 5
    assert "/proc/nowhere" in done.err
    (cli.home / "file").write_text("")
    done = cli("up", cli.template, "--provider", "simulator", env={"BBQ_STATE__DIRECTORY": str(cli.home / "file" / "x")})
    assert done.code == 5


def test_a_wrong_option_in_a_file(cli) -> None:
    file = cli.home / ".config/bbq/bbq.conf"
    file.parent.mkdir(parents=True)
    file.write_text("[engine]\n\nparallel = -1\n")
    done = cli("list")
    assert done.code == 5
    assert f"{file}:3: [engine] parallel = -1" in done.err
    file.write_text("[engine]\nparalel = 1\n")
    done = cli("list")
    assert done.code == 0
    assert "did you mean parallel?" in done.err
    assert "parallel" not in cli("list", "--quiet").all


def test_nobody_is_asked_without_a_terminal(cli) -> None:
    done = cli("up", cli.template, "--provider", "simulator", "--name", "demo", given="n\n")
    assert done.code == 0
    assert cli("destroy", "demo", given="n\n").code == 0


def on_a_terminal(cli, argv: list[str | Path], answer: str) -> tuple[int, str]:
    """Run with a pseudo-terminal for all three streams, and answer the question that comes."""
    import pty

    master, slave = pty.openpty()
    process = cli.start(*argv, stdin=slave, stdout=slave, stderr=slave, env={"TERM": "xterm"})
    os.close(slave)
    shown, answered, deadline = "", False, time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part.decode(errors="replace")
        if not answered and "[y/N]" in shown:
            os.write(master, answer.encode())
            answered = True
    process.wait(timeout=60)
    os.close(master)
    assert "Traceback" not in shown
    return process.returncode, shown


def test_a_question_on_a_terminal(cli) -> None:
    argv: list[str | Path] = ["up", cli.template, "--provider", "simulator", "--name", "demo"]
    code, shown = on_a_terminal(cli, argv, "n\n")
    assert code == 130
    assert "3 to create" in shown
    assert "nothing was changed" in shown
    assert cli("list", "--all", "--format", "json").json()["deployments"] == []

    code, shown = on_a_terminal(cli, argv, "y\n")
    assert code == 0, shown
    code, shown = on_a_terminal(cli, [*argv, "--input", "workers=4", "--yes"], "")
    assert (code, "[y/N]" in shown) == (0, False)
    code, shown = on_a_terminal(cli, argv, "")
    assert (code, "[y/N]" in shown) == (0, False), "nothing to do, nothing to ask"
    code, shown = on_a_terminal(cli, ["destroy", "demo"], "\x04")
    assert code == 130
    code, shown = on_a_terminal(cli, ["destroy", "demo"], "yes\n")
    assert code == 0, shown


def test_a_reader_that_goes_away(cli) -> None:
    """`bbq-deploy up ... | head -1`: the run itself goes on."""
    process = cli.start("up", cli.template, "--provider", "simulator", "--name", "demo")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 0, err
    assert "Traceback" not in err and "BrokenPipe" not in err
    assert "3 of 3" in cli("status", "demo").out
    for argv in (["events", "demo"], ["list"], ["config"], ["graph", "demo", "--format", "svg"], ["--help"]):
        process = cli.start(*argv)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(timeout=60) == 0, err
        assert "Traceback" not in err and "BrokenPipe" not in err


def test_following_ends_with_its_reader(cli) -> None:
    cli.up()
    process = cli.start("events", "demo", "--follow")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    cli("scale", "demo", "worker=3")
    assert process.wait(timeout=60) == 0


def test_following_ends_with_the_deployment(cli) -> None:
    cli.up()
    process = cli.start("events", "demo", "--follow", "--format", "json")
    cli("destroy", "demo")
    done = cli.finish(process)
    assert done.code == 0
    assert done.lines()[-1]["kind"] in ("run.finished", "deployment.changed")


def into_full(cli, *argv: str | Path, env: dict[str, str] | None = None) -> Any:
    with Path("/dev/full").open("w") as full:
        done = cli.finish(cli.start(*argv, stdout=full, env=env or {}))
    assert "standard output cannot be written: No space left on device" in done.err
    assert "fault of bbq" not in done.err
    return done


def test_standard_output_that_is_full(cli) -> None:
    """All is done, and the exit code says that it was not told; what else is wrong keeps its own."""
    assert into_full(cli, "--version").code == 5
    assert into_full(cli, "validate", "--help").code == 5
    assert into_full(cli, "--help", env={"PYTHONUNBUFFERED": "1"}).code == 5
    assert into_full(cli, "list", "--all", "--format", "json").code == 5
    assert into_full(cli, "up", cli.template, "--provider", "simulator", "--name", "demo").code == 5
    assert cli("status", "demo", "--format", "json").json()["deployment"]["status"] == "active"
    assert into_full(cli, "status", "demo").code == 5
    assert into_full(cli, "plan", cli.template, "--name", "demo", "--input", "workers=3", "--detailed-exitcode").code == 5
    assert into_full(cli, "validate", "--format", "json", "missing.yaml").code == 4
    assert into_full(cli, "destroy", "demo").code == 5
    assert cli("list", "--format", "json").json()["deployments"] == []


def test_standard_output_that_is_closed(cli) -> None:
    command = f"exec {sys.executable} -m bbq list >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], env=cli.environment, cwd=cli.home, check=False, timeout=60).returncode == 0


def test_a_bad_day_of_the_provider(cli) -> None:
    """Faults that pass are waited for, by the verbs that only look as well."""
    flaky = {"BBQ_SIMULATOR__FAULTS": "flaky", "BBQ_SIMULATOR__THROTTLE": "0.3"}
    for argv in (["--input", "workers=3"], ["--input", "workers=4"], []):
        done = cli.up(*argv, env=flaky)
        assert done.code == 0, done.all
    assert cli("status", "demo", env=flaky).code == 0
    assert cli("drift", "demo", env={"BBQ_SIMULATOR__THROTTLE": "0.3"}).code == 0
    silent = {"BBQ_SIMULATOR__UNREACHABLE_FOR": "86400"}
    for argv in (["status", "demo"], ["drift", "demo"], ["plan", str(cli.template), "--name", "demo"]):
        done = cli(*argv, env=silent)
        assert (done.code, "does not say what is there" in done.err) == (11, True), done.all
    assert cli("destroy", "demo", env=flaky).code == 0
