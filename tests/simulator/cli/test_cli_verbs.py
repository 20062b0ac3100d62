"""Every verb, on a simulated cloud, in processes of their own."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.simulator


def test_a_whole_life(cli) -> None:
    assert cli("validate", cli.template).code == 0

    plan = cli("plan", cli.template, "--provider", "simulator", "--name", "demo", "--detailed-exitcode")
    assert plan.code == 3
    assert "3 to create" in plan.out
    assert not (cli.state / "deployments").exists(), "a plan leaves no trace"

    up = cli.up("--input", "workers=3", "--input", "token=hunter2", "--ttl", "2h")
    assert up.code == 0, up.all
    assert "db_host" in up.out

    again = cli.up()
    assert again.code == 0
    assert "nothing to do" in again.out
    assert cli("plan", cli.template, "--name", "demo", "--detailed-exitcode").code == 0

    status = cli("status", "demo")
    assert status.code == 0
    assert "active" in status.out
    assert "3 of 3" in status.out
    assert cli("wait", "demo", "--timeout", "5s").code == 0
    listed = cli("list", "--format", "json").json()["deployments"]
    assert [(row["name"], row["status"], row["provider"]) for row in listed] == [("demo", "active", "simulator")]
    assert listed[0]["expires_at"] > listed[0]["created_at"] + 7000

    assert cli("drift", "demo").code == 0
    destroyed = cli("destroy", "demo")
    assert destroyed.code == 0, destroyed.all
    assert "demo" not in cli("list").out
    assert "destroyed" in cli("list", "--all").out
    assert not [path for path in cli.state.rglob("*") if path.is_file() and "journal" not in path.name], "nothing is left"
    gone = cli("destroy", "demo")
    assert (gone.code, "gone already" in gone.all) == (0, True)


def test_what_a_target_left_out_is_drift(cli) -> None:
    cli.up()
    planned = cli.up("--input", "token=other", "--target", "db")
    assert "worker keeps the details of it that it was started with" in planned.all
    found = cli("drift", "demo", "--format", "json")
    assert found.code == 3
    rows = [(row["node"], row["difference"]) for row in found.json()["rows"]]
    assert rows == [("worker", "outdated")]
    assert "db (connection) has changed" in found.json()["rows"][0]["detail"]
    assert cli("resume", "demo").code == 0
    assert cli("drift", "demo").code == 0


def test_what_a_rollback_cannot_bring_back_is_told_before(cli) -> None:
    cli.up()
    warning = "a rollback cannot bring back what is replaced or deleted: db"
    for verb in ("plan", "up"):
        given = (verb, cli.template, "--name", "demo", "--input", "token=other")
        assert warning in cli(*given, "--on-error", "rollback").all
    assert warning not in cli("plan", cli.template, "--name", "demo", "--on-error", "rollback").all


def test_outputs_and_their_secrets(cli) -> None:
    up = cli.up("--input", "token=hunter2")
    assert "hunter2" not in up.all
    shown = cli("outputs", "demo")
    assert "hunter2" not in shown.all
    assert "********" in shown.out
    assert "hunter2" in cli("outputs", "demo", "--show-secrets").out
    document = cli("outputs", "demo", "--format", "json").json()
    assert document["outputs"]["db_url"] == "********"
    assert document["secret"] == ["db_url"]
    assert "hunter2" in cli("outputs", "demo", "--format", "json", "--show-secrets").out
    assert re.fullmatch(r"10[.\d]+\n", cli("outputs", "demo", "db_host").out)
    unknown = cli("outputs", "demo", "nothing")
    assert (unknown.code, "db_host" in unknown.err) == (2, True)
    assert cli("outputs", "demo", "--format", "yaml").out.startswith("---\n")


def test_no_secret_is_written_but_into_the_secrets_file(cli) -> None:
    cli.up("--input", "token=hunter2-hunter2")
    cli("events", "demo", "--format", "json")
    holding = [path for path in cli.state.rglob("*") if path.is_file() and b"hunter2-hunter2" in path.read_bytes()]
    assert [path.parent.name for path in holding] == ["secrets"]
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(cli.state.stat().st_mode) == 0o700


def test_inputs_stay_in_force(cli) -> None:
    cli.up("--input", "workers=4", "--input", "token=hunter2")
    assert "nothing to do" in cli.up().out
    assert "nothing to do" in cli.up("--input", "token=hunter2").out
    changed = cli.up("--input", "token=hunter3")
    assert "hunter" not in changed.all
    assert "nothing to do" not in changed.out
    again = cli.up("--input", "workers=5")
    assert "workers" in again.out or "instances" in again.out
    assert "db:" not in again.out, "only the worker changes"


def test_scale_is_remembered_until_the_input_says_otherwise(cli) -> None:
    cli.up()
    scaled = cli("scale", "demo", "worker=5")
    assert scaled.code == 0, scaled.all
    kept = cli.up()
    assert "worker stays scaled to 5" in kept.all
    assert "nothing to do" in kept.out
    changed = cli.up("--input", "workers=3")
    assert "which counts" in changed.all
    assert "nothing to do" not in changed.out
    wrong = cli("scale", "demo", "db=3")
    assert (wrong.code, "worker" in wrong.err) == (2, True)
    assert cli("scale", "demo", "nothing=3").code == 2
    assert cli("scale", "demo", "worker=99999").code in (2, 4)


def test_the_template_may_change(cli) -> None:
    cli.up()
    text = cli.template.read_text().replace(
        "    tasks: { type", "    more: { type: bbq.nodes.MessageQueue }\n    tasks: { type"
    )
    cli.template.write_text(text)
    resumed = cli("resume", "demo")
    assert (resumed.code, "was changed since" in resumed.err) == (2, True)
    plan = cli("plan", cli.template, "--name", "demo", "--format", "json").json()
    assert {step["node"]: step["action"] for step in plan["steps"] if step["action"] != "no-op"} == {"more": "create"}
    assert cli.up().code == 0
    cli.template.unlink()
    assert cli("resume", "demo").code == 2
    assert cli("graph", "demo").code == 0, "the journal knows enough"
    assert cli("destroy", "demo").code == 0, "destroy needs no template"


def test_json_is_a_stream_of_versioned_lines(cli) -> None:
    lines = cli.up("--format", "json").lines()
    assert all(line["v"] == 1 and line["kind"] for line in lines)
    assert [lines[0]["kind"], lines[-1]["kind"]] == ["plan", "outputs"]
    events = cli("events", "demo", "--format", "json").lines()
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(numbers) and numbers[0] > 0
    after = cli("events", "demo", "--format", "json", "--after", str(numbers[2])).lines()
    assert [event["seq"] for event in after] == numbers[3:]
    assert cli("events", "demo", "--after", "x").code == 2


def test_errors_are_documents_in_json(cli) -> None:
    document = cli("status", "nothing", "--format", "json").json()
    assert (document["kind"], document["exit_code"]) == ("error", 2)
    cli.template.write_text(cli.template.read_text().replace("bbq.nodes.Worker", "bbq.nodes.Wrker"))
    invalid = cli("validate", cli.template, "--format", "json")
    assert invalid.code == 4
    errors = [item for item in invalid.json()["diagnostics"] if item["severity"] == "error"]
    assert [(item["file"], item["line"] > 10) for item in errors] == [(str(cli.template), True)]


def test_graphs(cli) -> None:
    assert cli("graph", cli.template, "--provider", "simulator").out.startswith("flowchart")
    cli.up()
    ElementTree.fromstring(cli("graph", "demo", "--format", "svg").out)
    assert cli("graph", "demo", "--format", "dot").out.startswith("digraph")
    assert "<html" in cli("graph", "demo", "--format", "html").out
    assert cli("graph", "nothing").code == 2


def test_targets(cli) -> None:
    up = cli.up("--target", "db")
    assert up.code == 0, up.all
    nodes = cli("status", "demo", "--format", "json").json()["nodes"]
    assert [node["node"] for node in nodes] == ["db"]
    assert cli.up("--target", "dbb").code == 2


def test_reap(cli) -> None:
    cli.up("--ttl", "1h", name="lasting")
    cli.up("--ttl", "200ms", name="short")
    ids = {row["name"]: row["id"] for row in cli("list", "--format", "json").json()["deployments"]}
    assert "short" in cli("reap", "--dry-run").out
    assert cli("reap", "--deployment-id", ids["lasting"]).code == 9  # its reaper must ask again when its time is over
    reaped = cli("reap")
    assert reaped.code == 0, reaped.all
    rows = cli("list", "--format", "json").json()["deployments"]
    assert [row["name"] for row in rows] == ["lasting"]
    assert "nothing has expired" in cli("reap").all


def test_config(cli) -> None:
    rows = {row["option"]: row for row in cli("config", "engine", "--format", "json").json()["rows"]}
    assert rows["parallel"] == {"group": "engine", "option": "parallel", "value": 32, "origin": "default"}
    file = cli.home / "own.conf"
    file.write_text("[engine]\nparallel = 7\n[journal]\nconnection = sqlite:////tmp/x-secret\n")
    shown = cli("config", "--config-file", file, env={"BBQ_ENGINE__RETRIES": "3"})
    assert re.search(rf"engine +parallel +7 +{re.escape(str(file))}:2", shown.out)
    assert re.search(r"engine +retries +3 +BBQ_ENGINE__RETRIES", shown.out)
    assert "x-secret" not in shown.out
    assert cli("config", "nothing").code == 2
    assert not cli.state.exists(), "looking at the configuration makes nothing"


def test_a_journal_named_from_here(cli) -> None:
    cli.up("--journal", "own.db")
    assert [path.name for path in Path().glob("own.db")] == []
    assert (cli.home / "own.db").exists() and not (cli.state / "journal.db").exists()
    assert "demo" in cli("list", "--journal", cli.home / "own.db").out


def test_unlock(cli) -> None:
    cli.up()
    assert "nothing locks demo" in cli("unlock", "demo").all
    assert cli("unlock", "nothing").code == 2


def test_a_file_of_inputs(cli) -> None:
    file = cli.home / "inputs.yaml"
    file.write_text("workers: 5\n")
    assert cli.up("--inputs", file).code == 0
    wanted = cli("plan", cli.template, "--name", "demo", "--input", "workers=6", "--format", "json").json()
    (step,) = [step for step in wanted["steps"] if step["action"] != "no-op"]
    assert [(change["path"], change["before"], change["after"]) for change in step["changes"]] == [("instances", 5, 6)]


def test_a_default_name(cli) -> None:
    assert cli("up", cli.template, "--provider", "simulator").code == 0
    assert cli("status", "pipeline").code == 0


def test_version_and_help(cli) -> None:
    assert cli("--version").out.startswith("bbq ")
    assert "commands:" in cli("--help").out
    assert "examples:" in cli("up", "--help").out
    assert cli().code == 2
    assert not (cli.home / ".local").exists()


def test_python_and_command_line_see_the_same(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import bbq

    monkeypatch.setenv("HOME", str(cli.home))
    d = bbq.deploy(cli.template, provider="simulator", name="shared")
    assert json.loads(cli("outputs", "shared", "--format", "json").out)["outputs"]["db_host"] == d.outputs["db_host"]
    cli("destroy", "shared")
    assert d.row.status == "destroyed"
    assert Path(d.row.template) == cli.template
