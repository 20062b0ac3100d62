"""What `import bbq` gives, on the simulator (its clock is virtual, so these tests take no time)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

import bbq
from bbq.conf import ini


def test_every_name_is_there() -> None:
    for name in bbq.__all__:
        assert getattr(bbq, name) is not None
    assert set(bbq.__all__) <= set(dir(bbq))
    with pytest.raises(AttributeError, match="nothing"):
        bbq.nothing  # noqa: B018


def test_plan_is_a_function_and_a_package() -> None:
    """In a new interpreter, in either order of use."""
    for code in (
        "import bbq, inspect; assert callable(bbq.plan); from bbq.plan import diff; assert bbq.plan.diff is diff",
        "import bbq.plan.model as m; import bbq; assert callable(bbq.plan); assert bbq.plan.model is m",
        "from bbq import plan; assert callable(plan)",
        "import bbq.plan as p; assert callable(p) and p.destroy",
    ):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_validate(template: Path) -> None:
    assert bbq.validate(template) == []
    template.write_text(
        template.read_text().replace("bbq.nodes.Worker", "bbq.nodes.Wrker").replace("type: integer", "type: intger")
    )
    found = bbq.validate(template)
    assert {d.severity for d in found} == {"error"}
    assert len(found) >= 2, "every problem, not the first"
    for item in found:
        assert isinstance(item, bbq.Diagnostic)
        assert (item.file, item.line > 0, item.column > 0, bool(item.code)) == (str(template), True, True, True)
    assert bbq.validate(template.with_name("missing.yaml"))[0].severity == "error"


def test_validate_checks_inputs(template: Path) -> None:
    assert bbq.validate(template, inputs={"workers": "3"}) == []
    (wrong,) = bbq.validate(template, inputs={"workers": "many"})
    assert "workers" in wrong.message


def test_plan_changes_nothing(template: Path) -> None:
    plan = bbq.plan(template, provider="simulator", name="demo", inputs={"workers": 3})
    assert plan.counts["create"] == 2
    assert repr(plan).splitlines()[:2] == ["<bbq plan for demo on simulator: 2 to create>", "  create db (bbq.nodes.Database)"]
    assert bbq.deployments() == []
    assert not (ini.state_directory() / "deployments").exists()
    template.write_text("nonsense: true\n")
    with pytest.raises(bbq.TemplateError) as caught:
        bbq.plan(template, provider="simulator")
    assert caught.value.diagnostics


def test_a_whole_life(template: Path) -> None:
    events = []
    d = bbq.deploy(template, provider="simulator", inputs={"token": "hunter2"}, ttl="2h", on_event=events.append)
    assert (d.name, d.provider, d.status()) == ("pipeline", "simulator", "active")
    assert events[-1].kind == "run.finished"
    assert d.expires_at is not None

    assert d.outputs["db_url"].endswith("hunter2@" + d.outputs["db_host"] + ":5432/app")
    assert "hunter2" not in repr(d.outputs)
    assert set(d.outputs) == {"db_host", "db_url"}
    assert list(d.nodes) == ["db", "worker"]
    db = d.nodes["db"]
    assert (db.type, db.state) == ("bbq.nodes.Database", "ready")
    assert db.attributes["password"] == "hunter2"
    assert "hunter2" not in repr(db.attributes) + repr(db) + repr(d) + d._repr_html_()
    assert "active" in repr(d) and "2 nodes" in repr(d) and "expires in" in repr(d)
    ElementTree.fromstring(d._repr_svg_() or "")
    assert d.graph().startswith("flowchart")
    assert d.drift() == []
    assert [event.seq for event in d.events()] == sorted(event.seq for event in d.events())
    assert d.wait(timeout=1) is d

    assert d.scale("worker", 5) is d
    assert bbq.plan(template, name="pipeline").has_changes is False, "the scale stays in force"
    d.update(inputs={"workers": 3})
    assert d.row.overrides == {}
    assert [other.name for other in bbq.deployments()] == ["pipeline"]
    assert bbq.open("pipeline").id == d.id

    d.destroy()
    assert d.status() == "destroyed"
    d.destroy()  # gone already
    assert bbq.deployments() == []
    assert [other.status() for other in bbq.deployments(include_destroyed=True)] == ["destroyed"]
    for action in (lambda: d.scale("worker", 2), d.update, d.resume, d.wait):
        with pytest.raises(bbq.UsageError, match="destroyed"):
            action()
    with pytest.raises(bbq.UsageError, match="there is no deployment"):
        bbq.open("pipeline")


@pytest.mark.parametrize("ttl", ["90m", 5400, timedelta(minutes=90)])
def test_time_to_live(template: Path, ttl: str | float | timedelta) -> None:
    d = bbq.deploy(template, provider="simulator", ttl=ttl)
    assert d.expires_at == pytest.approx(d.row.created_at + 5400, abs=60)
    with pytest.raises(bbq.UsageError, match="ttl"):
        bbq.deploy(template, ttl="soon")


def test_ephemeral_is_always_destroyed(template: Path) -> None:
    with bbq.ephemeral(template, provider="simulator") as d, bbq.ephemeral(template, provider="simulator") as other:
        assert d.status() == other.status() == "active"
        assert d.name.startswith("pipeline-") and d.name != other.name
    assert (d.status(), other.status()) == ("destroyed", "destroyed")

    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), bbq.ephemeral(template, provider="simulator") as d:
            raise error
        assert d.status() == "destroyed"

    with bbq.ephemeral(template, provider="simulator") as d:
        d.destroy()


def test_ephemeral_destroys_what_was_half_made(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BBQ_SIMULATOR__TERMINAL_ERROR", "1")
    with pytest.raises(bbq.ResourceFailed), bbq.ephemeral(template, provider="simulator"):
        pytest.fail("it must not get here")
    assert bbq.deployments() == []

    monkeypatch.delenv("BBQ_SIMULATOR__TERMINAL_ERROR")

    def interrupt(event: object) -> None:
        if getattr(event, "kind", "") == "step.outcome":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), bbq.ephemeral(template, provider="simulator", on_event=interrupt):
        pytest.fail("it must not get here")


def test_ephemeral_never_takes_over_a_living_deployment(template: Path) -> None:
    d = bbq.deploy(template, provider="simulator", name="mine")
    with pytest.raises(bbq.UsageError, match="already"), bbq.ephemeral(template, provider="simulator", name="mine"):
        pytest.fail("it must not get here")
    assert d.status() == "active"


def test_failures_have_the_class_of_their_cause(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, error in (("TERMINAL_ERROR", bbq.ResourceFailed), ("NEVER_READY", bbq.DeadlineExceeded)):
        with monkeypatch.context() as patch:
            patch.setenv(f"BBQ_SIMULATOR__{variable}", "1")
            with pytest.raises(error):
                bbq.deploy(template, provider="simulator", name="bad")
        d = bbq.open("bad")
        assert d.status() == "failed"
        with pytest.raises(bbq.ResourceFailed):
            d.wait()
        assert d.resume().status() == "active"
        d.destroy()


def test_what_vanished_is_seen_and_put_right(template: Path) -> None:
    from bbq.operations.workspace import Workspace

    d = bbq.deploy(template, provider="simulator")
    with Workspace() as workspace:
        row = d.row
        provider = workspace.open_provider(row)
        handle = next(handle for tag, handle, _ in provider.list_tagged(row.id) if tag.node == "worker")
        thing = provider.cloud.get(handle.id)
        thing.gone_at = thing.created_at
        provider.cloud.commit(thing, provider.now())
        provider.close()
    (found,) = d.drift()
    assert (found.node, found.kind) == ("worker", "gone")
    assert d.status() == "failed"
    plan = bbq.plan(template)
    assert [step.node for step in plan.steps.values() if step.action != "no-op"] == ["worker"]
    d.update()
    assert d.drift() == []


def test_what_is_not_ready_any_more_is_seen(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bbq.cli.main import main
    from bbq.operations.workspace import Workspace

    d = bbq.deploy(template, provider="simulator", name="demo")
    with Workspace() as workspace:
        provider = workspace.open_provider(d.row)
        handle = next(handle for tag, handle, _ in provider.list_tagged(d.id) if tag.node == "worker")
        thing = provider.cloud.get(handle.id)
        ready_at, thing.ready_at = thing.ready_at, None
        provider.cloud.commit(thing, provider.now())
        assert d.status() == "degraded"
        assert main(["status", "demo"]) == 0, "it has not failed"
        assert capsys.readouterr().out.startswith("demo: degraded on simulator, 1 of 2 ready")
        thing.ready_at = ready_at
        provider.cloud.commit(thing, provider.now())
        provider.close()
    assert d.status() == "active"


def test_interrupts_outside_the_main_thread(template: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: bbq.deploy(template, provider="simulator").status()).result() == "active"


def test_a_wrong_configuration(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BBQ_ENGINE__PARALLEL", "0")
    with pytest.raises(bbq.ConfigurationError, match="BBQ_ENGINE__PARALLEL"):
        bbq.deploy(template, provider="simulator")


def test_an_open_requirement_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "tosca_definitions_version: tosca_2_0\nimports: [ { profile: bbq:1.0 } ]\nservice_template:\n  node_templates:\n"
        "    a: { type: bbq.nodes.SparkApplication, properties: { file: a.py } }\n"
    )
    assert [item.code for item in bbq.validate(path)] == ["BBQ-G010"]


def test_scale_a_template_with_a_count(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "tosca_definitions_version: tosca_2_0\nimports: [ { profile: bbq:1.0 } ]\nservice_template:\n"
        "  inputs: { n: { type: integer, default: 2 } }\n  node_templates:\n"
        "    w: { type: bbq.nodes.Service, count: { $get_input: n }, properties: { command: [ x ] } }\n"
        "    one: { type: bbq.nodes.Service, properties: { command: [ x ] } }\n"
    )
    with bbq.ephemeral(path, provider="simulator") as deployment:
        for count in (3, 0, 1):
            deployment.scale("w", count)
            assert sorted(deployment.nodes) == ["one", *(f"w[{i}]" for i in range(count))]
        with pytest.raises(bbq.UsageError, match="cannot be scaled") as caught:
            deployment.scale("one", 2)
        assert caught.value.hint == "these can: w"
        deployment.update()
        assert "w[1]" not in deployment.nodes, "it stays scaled while nothing says otherwise"
        deployment.update(inputs={"n": 4})
        assert "w[3]" in deployment.nodes


def test_who_is_killed_in_a_plan_leaves_no_directory(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    there: list[list[str]] = []

    def killed(*given: object, **more: object) -> None:
        there.append([path.name for path in (tmp_path / "temporary").iterdir()])
        raise KeyboardInterrupt

    monkeypatch.setattr("bbq.operations.workspace.Workspace.open_provider", killed)
    with pytest.raises(KeyboardInterrupt):
        bbq.plan(template, provider="local", name="demo")
    assert there == [[]]
