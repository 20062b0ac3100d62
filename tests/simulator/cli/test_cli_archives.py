"""An archive wherever a template is taken, on a simulated cloud: nothing of it is unpacked for looking, or for rehearsing."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.simulator


@pytest.fixture
def archive(cli) -> Path:
    (cli.template.parent / "worker.py").write_text("")
    assert cli("package", cli.template, "-o", "demo.csar").code == 0
    cli.template.unlink()
    (cli.template.parent / "worker.py").unlink()
    return cli.home / "demo.csar"


def test_every_verb_that_takes_a_template_takes_an_archive(cli, archive: Path) -> None:
    assert cli("validate", archive).code == 0
    plan = cli("plan", archive, "--provider", "simulator", "--detailed-exitcode")
    assert plan.code == 3 and "Plan for demo on simulator" in plan.out
    assert "worker" in cli("graph", archive, "--format", "dot").out
    assert "worker.py" in cli("render", archive, "--to", "compose").out
    assert not list(cli.home.rglob("worker.py")), "nothing was unpacked"
    assert cli("up", archive, "--provider", "simulator").code == 0
    assert "nothing to do" in cli("up", archive, "--provider", "simulator").out
    assert cli("resume", "demo").code == 0
    assert cli("scale", "demo", "worker=3").code == 0
    assert "worker" in cli("graph", "demo", "--format", "dot").out
    assert cli("destroy", "demo").code == 0
    assert not [path for path in cli.state.rglob("*") if path.is_file() and "journal" not in path.name], "nothing is left"


def test_an_archive_that_was_changed_or_is_gone(cli, archive: Path) -> None:
    assert cli("up", archive, "--provider", "simulator").code == 0
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("more.txt", "")
    changed = cli("resume", "demo")
    assert changed.code == 2 and "was changed since the last run" in changed.all
    assert cli("up", archive, "--provider", "simulator").code == 0
    archive.unlink()
    gone = cli("resume", "demo")
    assert gone.code == 2 and "is gone" in gone.all
    assert cli("destroy", "demo").code == 0


def test_a_rendered_archive_has_its_files_beside_it(cli, archive: Path) -> None:
    done = cli("render", archive, "--to", "compose", "--output", "build")
    assert done.code == 0, done.all
    (program,) = (cli.home / "build").rglob("worker.py")
    (folder,) = (cli.home / "build/files").iterdir()
    assert program.parent == folder and f"./files/{folder.name}" in (cli.home / "build/compose.yaml").read_text()


def test_what_is_wrong_is_shown_where_it_is(cli) -> None:
    with zipfile.ZipFile(cli.home / "bad.csar", "w") as file:
        file.writestr("TOSCA.meta", "CSAR-Version: 2.0\nCreated-By: me\nEntry-Definitions: defs/service.yaml\n")
        file.writestr("defs/service.yaml", "tosca_definitions_version: tosca_2_0\nimports: [ ../types.yaml ]\n")
        file.writestr("types.yaml", "tosca_definitions_version: tosca_2_0\nnode_types: { N: { derived_from: M } }\n")
    for verb in (("validate",), ("plan", "--provider", "simulator"), ("up", "--provider", "simulator"), ("graph",)):
        done = cli(verb[0], "bad.csar", *verb[1:])
        assert done.code == 4 and "bad.csar!/types.yaml:2:34" in done.all and "BBQ-T030" in done.all, done.all
    (cli.home / "no.csar").write_text("hello")
    done = cli("validate", "no.csar", "--format", "json")
    assert done.code == 4 and [item["code"] for item in done.json()["diagnostics"]] == ["BBQ-T300"]
    assert cli("up", "no.csar", "--provider", "simulator").code == 4
    assert not (cli.state / "deployments").exists()
