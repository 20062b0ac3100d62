"""Verbs that only look leave nothing behind, and do not take a journal that is not there for one in which nothing runs."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.simulator


def made(home: Path) -> list[str]:
    """What there is beside the template, and what makes the next start faster."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if not path.is_relative_to(home / "pipeline"))


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["list"], 0, "no deployments"),
        (["status", "demo"], 2, "there is no deployment 'demo'"),
        (["outputs", "demo"], 2, "there is no deployment 'demo'"),
        (["wait", "demo"], 2, "there is no deployment 'demo'"),
        (["destroy", "demo"], 2, "there is no deployment 'demo'"),
        (["unlock", "demo"], 2, "there is no deployment 'demo'"),
        (["graph", "demo"], 2, "there is no deployment 'demo'"),
        (["reap"], 0, "nothing has expired"),
        (["plan", "pipeline/service.yaml", "--provider", "simulator"], 0, "db"),
        (["graph", "pipeline/service.yaml", "--provider", "simulator"], 0, "db"),
        (["render", "pipeline/service.yaml", "--to", "compose"], 0, "services:"),
        (["doctor"], 0, "made by the first `up`"),
        (["config"], 0, "journal"),
    ],
)
def test_a_home_without_a_journal_stays_one(cli, argv: list[str], code: int, said: str) -> None:
    done = cli(*argv)
    assert (done.code, said in done.all) == (code, True), done.all
    assert made(cli.home) == []


@pytest.mark.parametrize("argv", [["list"], ["status", "demo"], ["destroy", "demo"], ["graph", "demo"], ["reap"]])
def test_a_wrong_path_of_the_journal_is_told(cli, argv: list[str]) -> None:
    cli.up()
    before = made(cli.home)
    for flag in (f"sqlite:///{cli.home}/nope/x.db", "nope.db"):
        done = cli(*argv, "--journal", flag)
        assert (done.code, f"there is no journal {cli.home}/nope" in done.err) == (5, True), done.all
        assert done.out == "" and "(named by --journal)" in done.err
    done = cli(*argv, env={"BBQ_JOURNAL__CONNECTION": f"{cli.home}/nope.db"})
    assert (done.code, "(named by BBQ_JOURNAL__CONNECTION)" in done.err) == (5, True), done.all
    done = cli(*argv, env={"BBQ_STATE__DIRECTORY": f"{cli.home}/nope"})
    assert (done.code, "nope/journal.db (named by BBQ_STATE__DIRECTORY)" in done.err) == (5, True), done.all
    assert made(cli.home) == before


def test_a_state_directory_without_a_journal_has_no_deployments(cli) -> None:
    (cli.home / "ours").mkdir()
    done = cli("list", env={"BBQ_STATE__DIRECTORY": f"{cli.home}/ours"})
    assert (done.code, done.out) == (0, "no deployments\n")
    assert made(cli.home) == ["ours"]


def test_a_journal_that_is_named_before_it_is_made(cli) -> None:
    named = {"BBQ_JOURNAL__CONNECTION": f"{cli.home}/ours/journal.db"}
    for argv in (["plan", cli.template, "--provider", "simulator"], ["doctor"]):
        done = cli(*argv, env=named)
        assert (done.code, f"there is no journal {cli.home}/ours/journal.db" in done.all) == (0, True), done.all
    assert cli("graph", cli.template, "--provider", "simulator", env=named).code == 0
    assert made(cli.home) == []
    assert cli.up(env=named).code == 0
    assert "there is no journal" not in cli("plan", cli.template, "--name", "demo", env=named).all
    assert cli("list", "--format", "json", env=named).json()["deployments"][0]["name"] == "demo"
