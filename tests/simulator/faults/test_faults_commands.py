"""Wrong words on the command line, wrong options, a state directory or a journal that cannot be used: nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import small_disk

pytestmark = pytest.mark.simulator

SERVICE = ("up", "service.yaml", "--provider", "simulator")
DURATION = "hint: write it like 90s, 10m, 2h or 1d12h"


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        ((*SERVICE, "--ttl", "soon"), 2, DURATION),
        ((*SERVICE, "--ttl", ""), 2, DURATION),
        ((*SERVICE, "--ttl", "-1h"), 2, "--option=VALUE"),
        ((*SERVICE, "--ttl=-1h"), 2, DURATION),
        ((*SERVICE, "--ttl", "0"), 2, "more than 0 seconds"),
        ((*SERVICE, "--ttl", "9999999999d"), 2, "at most ten years"),
        ((*SERVICE, "--ttl", "nan"), 2, DURATION),
        ((*SERVICE, "--timeout", "0"), 2, "more than 0 seconds"),
        ((*SERVICE, "--target", "nothing"), 2, "hint: nodes: tasks, worker"),
        ((*SERVICE, "--parallel", "many"), 5, "a whole number from 1 to 1000"),
        ((*SERVICE, "--nam", "x"), 2, "hint: see bbq-deploy up --help"),
        ((*SERVICE, "--name", ""), 2, "cannot be a deployment's name"),
        ((*SERVICE, "--on-error", "explode"), 2, "invalid choice"),
        ((*SERVICE, "--config-file", "nothing.conf"), 5, "there is no configuration file nothing.conf"),
        ((*SERVICE, b"--input", b"workers=\xe9"), 2, r"the argument 'workers=\xe9' is not UTF-8"),
        (("up", b"caf\xe9.yaml"), 2, r"'caf\xe9.yaml' is not UTF-8"),
        (("status", b"\xe9"), 2, "is not UTF-8"),
        ((b"\xe9",), 2, "is not UTF-8"),
        ((*SERVICE, "--import-map", "https://example.org/=nowhere"), 5, "nowhere: there is no such file or directory"),
        ((*SERVICE, "--import-map", "nonsense"), 5, "PREFIX=DIRECTORY"),
        (("up", "service.yaml", "--provider", "mooon"), 2, "hint: providers: local, openstack, simulator"),
        (("destroy", "nothing"), 2, "there is no deployment 'nothing'"),
        (("resume", "nothing"), 2, "there is no deployment 'nothing'"),
        (("outputs", "nothing"), 2, "there is no deployment 'nothing'"),
    ],
)
def test_what_is_refused(newcomer, argv: tuple[str | bytes, ...], code: int, said: str) -> None:
    done = newcomer(*argv)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "no deployments" in newcomer("list", "--all").out, "nothing came of it"


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("scale", "demo", "worker=99999"), 4, "'instances' must be at most `10000`"),
        (("scale", "demo", "worker=-1"), 2, "is not NODE=NUMBER"),
        (("scale", "demo", "worker"), 2, "hint: for example spark=3"),
        (("scale", "demo", "tasks=2"), 2, "hint: these can: worker"),
        (("scale", "demo", "wroker=2"), 2, "hint: these can: worker"),
        (("scale", "demo"), 2, "NODE=N"),
        (("logs", "demo", "nothing"), 2, "hint: nodes: tasks, worker"),
        (("logs", "demo", "worker", "--tail", "-1"), 2, "--tail"),
        (("destroy", "demo", "--target", "nothing"), 2, "hint: nodes: tasks, worker"),
        (("outputs", "demo", "nothing"), 2, "nothing"),
        (("status", "dmeo"), 2, "did you mean demo?"),
        (("up", "service.yaml", "--name", "demo", "--provider", "local"), 2, "destroy it first"),
        (("queue", "demo", "tasks", "stats"), 2, "tasks is simulated: nothing answers there"),
    ],
)
def test_what_is_refused_of_a_deployment(newcomer, argv: tuple[str, ...], code: int, said: str) -> None:
    assert newcomer.up("--quiet").code == 0
    done = newcomer(*argv)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "2 of 2 ready" in newcomer("status", "demo").out, "nothing came of it"


def test_destroying_what_is_gone_already_is_no_error(newcomer) -> None:
    newcomer.up("--quiet")
    assert newcomer("destroy", "demo").code == 0
    done = newcomer("destroy", "demo")
    assert (done.code, done.out) == (0, "")
    assert "demo is gone already" in done.err
    assert newcomer("status", "demo").code == 2


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BBQ_ENGINE__PARALLEL", "many", "BBQ_ENGINE__PARALLEL: [engine] parallel = many is not allowed"),
        ("BBQ_ENGINE__ON_ERROR", "explode", "[engine] on_error = explode is not allowed"),
        ("BBQ_TOSCA__IMPORT_MAP", "nonsense", "PREFIX=DIRECTORY"),
        ("BBQ_JOURNAL__CONNECTION", "postgresql://u:hunter2-hunter2@127.0.0.1:1/x", "cannot be used"),
        ("BBQ_JOURNAL__CONNECTION", "mysql://u:hunter2-hunter2@127.0.0.1:1/x", "journal"),
        ("BBQ_STATE__DIRECTORY", "/dev/null/x", "hint: choose another with [state] directory"),
    ],
)
def test_wrong_options(newcomer, name: str, value: str, said: str) -> None:
    done = newcomer.up(env={name: value})
    assert (done.code, done.out) == (5, "")
    assert said in done.err
    assert newcomer.up("--quiet").code == 0


# --- the state directory


@contextlib.contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    if os.geteuid() or subprocess.run(["mount", *options, str(place)], capture_output=True, check=False).returncode:
        pytest.skip("may not mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_state_directory_that_may_not_be_written(newcomer) -> None:
    newcomer.up("--quiet")
    with mounted(newcomer.state, "--bind", str(newcomer.state)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(newcomer.state)], check=True)
        for argv in (("destroy", "demo"), SERVICE, ("list",)):
            done = newcomer(*argv)
            assert (done.code, done.out) == (5, ""), done
            assert "is not writable" in done.err
            assert "hint: choose another with [state] directory" in done.err
    assert newcomer("destroy", "demo", "--quiet").code == 0


def test_a_full_disk(newcomer) -> None:
    """Wherever it gets full: exit code 5 with the cause, and with some room again nothing is lost."""
    codes = set()
    with small_disk(newcomer.state) as disk:
        for room in (0, 100_000, 200_000, 300_000):
            disk.fill(room)
            done = newcomer.up()
            codes.add(done.code)
            assert done.code in (0, 5, 6), done
            if done.code:
                assert "hint: " in done.err
                assert "full" in done.err or "No space left" in done.err
                assert "finished: ok" not in done.out
            disk.make_room()
            assert newcomer.up("--quiet").code == 0
            assert "2 of 2 ready" in newcomer("status", "demo").out
            assert newcomer("destroy", "demo", "--quiet").code == 0
    assert 5 in codes


# --- the journal


def test_a_journal_of_a_newer_version(newcomer) -> None:
    newcomer.up("--quiet")
    with contextlib.closing(sqlite3.connect(newcomer.state / "journal.db")) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("PRAGMA user_version = 999")
    for argv in (("list",), ("destroy", "demo"), SERVICE):
        done = newcomer(*argv)
        assert done.code == 5
        assert "is of version 999" in done.err and "hint: upgrade bbq" in done.err
    with contextlib.closing(sqlite3.connect(newcomer.state / "journal.db")) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    assert newcomer("destroy", "demo", "--quiet").code == 0


@pytest.mark.parametrize("size", [0, 50, 100, 4096, 20000])
def test_a_truncated_journal(newcomer, size: int) -> None:
    newcomer.up("--quiet")
    path = newcomer.state / "journal.db"
    whole = path.read_bytes()
    os.truncate(path, size)
    for argv in (("list",), ("status", "demo"), ("destroy", "demo"), SERVICE):
        done = newcomer(*argv)
        assert done.code == 5, done
        assert "is damaged" in done.err and "hint: nothing was changed" in done.err
    assert path.stat().st_size == size, "it is left as it is"
    path.write_bytes(whole)
    assert newcomer("destroy", "demo", "--quiet").code == 0


def test_a_journal_that_is_something_else(newcomer) -> None:
    newcomer.state.mkdir(parents=True)
    path = newcomer.state / "journal.db"
    path.write_text("this is no database " * 100)
    assert newcomer("list").code == 5
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    done = newcomer("list")
    assert (done.code, "not a bbq journal" in done.err) == (5, True)
    path.unlink()
    path.mkdir()
    assert newcomer("list").code == 5


# --- runs


def test_a_pipe_gets_few_lines(newcomer) -> None:
    """One line for each thing that happens; a wait is told again after 10 s, 30 s, a minute."""
    done = newcomer.up()
    assert done.code == 0
    lines = [line for line in done.out.splitlines() if "waiting" in line]
    assert len(lines) <= 8, "each percent of progress is not news"
    told = [line.split("s  ", 1)[1] for line in done.out.splitlines() if "s  worker: " in line and "waiting" not in line]
    assert len(told) == len(set(told)), "nothing is said twice"
    done = newcomer("destroy", "demo")
    assert "left" not in done.out, "nobody knows how long a deletion takes"


def test_a_failure_is_told_once_with_what_to_do(newcomer) -> None:
    done = newcomer.up(env={"BBQ_SIMULATOR__TERMINAL_ERROR": "1"})
    assert done.code == 7
    assert done.err.startswith(f"error: {newcomer.template}:8:5: tasks failed (ERROR): ")
    assert "hint: `bbq-deploy logs demo tasks`" in done.err
    assert done.out.count("FAILED") == 1
    assert done.out.splitlines()[-1].split("  ")[-1].startswith("finished: failed")
    assert newcomer("resume", "demo", "--quiet").code == 0


def test_a_run_that_is_stopped(newcomer) -> None:
    process = newcomer.start(*SERVICE, "--name", "demo", "--format", "json")
    assert process.stdout is not None
    for line in process.stdout:
        if b'"step.intent"' in line:
            break
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    assert process.wait(timeout=60) in (0, 130), "it may have ended just before"
    assert newcomer("resume", "demo", "--quiet").code == 0
    assert newcomer("destroy", "demo", "--quiet").code == 0


def test_standard_output_that_nobody_reads(newcomer) -> None:
    process = newcomer.start(*SERVICE, "--name", "demo")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
    assert "2 of 2 ready" in newcomer("status", "demo").out
