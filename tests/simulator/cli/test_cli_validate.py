"""`validate` and `explain` as users and pipelines call them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.simulator

BROKEN = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
    db:
      type: bbq.nodes.Database
      properties: { password: hunter2-hunter2, engin: sqlite }
"""


@pytest.fixture
def broken(cli):
    path = cli.home / "broken.yaml"
    path.write_text(BROKEN)
    return path


def test_a_finding_shows_the_line_marks_and_a_hint(cli, broken) -> None:
    done = cli("validate", "broken.yaml")
    assert (done.code, done.err) == (4, "")
    assert done.out.splitlines() == [
        "broken.yaml:8:48: error BBQ-T041: node template `db` has no property `engin`",
        "    8 |       properties: { password: ********, engin: sqlite }",
        "      |                                         ^^^^^",
        "  hint: did you mean `engine`?",
        "",
        "broken.yaml: 1 error",
    ]


@pytest.mark.parametrize("format", ["human", "json", "yaml", "sarif", "github"])
def test_no_format_shows_a_secret(cli, broken, format: str) -> None:
    for options in ([], ["--strict"], ["--no-cache"], ["--verbose"]):
        done = cli("validate", "broken.yaml", "--format", format, *options)
        assert done.code == 4 and "engin" in done.out
        assert "hunter2" not in done.all
        assert "\x1b" not in done.all


def test_many_templates_one_answer(cli, broken) -> None:
    done = cli("validate", cli.template, broken, "pipeline", "--format", "json")
    assert done.code == 4
    document = done.json()
    assert [(item["file"], item["valid"]) for item in document["templates"]] == [
        (str(cli.template), True),
        (str(broken), False),
        ("pipeline/service.yaml", True),
    ]
    assert (document["valid"], document["errors"], len(document["diagnostics"])) == (False, 1, 1)
    assert cli("validate", cli.template, "pipeline/").out == "2 templates valid\n"
    (cli.home / "empty").mkdir()
    nothing = cli("validate", "empty", "pipeline")
    assert (nothing.code, nothing.out) == (2, "") and "no template in the directory 'empty'" in nothing.err


def test_strict_changes_the_exit_code(cli) -> None:
    path = cli.home / "old.yaml"
    path.write_text(
        "tosca_definitions_version: tosca_simple_yaml_1_3\n"
        "topology_template:\n  node_templates:\n    app: { type: tosca.nodes.SoftwareComponent }\n"
    )
    assert cli("validate", path).code == 0
    assert cli("validate", path, "--strict").code == 4
    assert "BBQ-G010" in cli("validate", path, "--strict").out


def test_sarif_and_annotations_speak_of_the_repository(cli, broken) -> None:
    (cli.home / ".git").mkdir()
    log = json.loads(cli("validate", "broken.yaml", "--format", "sarif").out)
    assert log["runs"][0]["artifacts"][0]["location"]["uri"] == "broken.yaml"
    line = cli("validate", "broken.yaml", "--format", "github").out.splitlines()[0]
    assert line.startswith("::error file=broken.yaml,line=8,col=48,endColumn=53,title=BBQ-T041 unknown property::")
    nothing = cli("validate", "--format", "sarif")
    assert (nothing.code, nothing.out) == (2, "")


def test_explain(cli) -> None:
    done = cli("explain", "BBQ-T041")
    assert done.code == 0
    assert done.out.startswith("BBQ-T041: unknown property\n")
    assert "  >         worker: 3\n" in done.out and "  >         workers: 3\n" in done.out
    document = cli("explain", "t041", "--format", "json").json()
    assert document["kind"] == "explanation" and document["value"]["code"] == "BBQ-T041"
    assert {item["variant"] for item in document["value"]["examples"]} == {"wrong", "right"}
    wrong = cli("explain", "BBQ-T0411")
    assert (wrong.code, wrong.out) == (2, "") and "did you mean BBQ-T0" in wrong.err


@pytest.mark.parametrize("format", ["human", "json", "sarif", "github"])
def test_a_working_directory_that_is_gone_is_no_defect(cli, format: str) -> None:
    folder = cli.home / "gone"
    folder.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); from bbq.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "validate", "x.yaml", "--format", format]
    done = subprocess.run(command, cwd=folder, env=cli.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4, done.stderr
    assert "BBQ-Y001" in done.stdout and "fault of bbq" not in done.stderr


def test_a_profile_is_mapped_to_a_file(cli) -> None:
    """To one only: a mapping that leads nowhere is not made good by a file that lies about."""
    (cli.home / "types").mkdir()
    profile = "tosca_definitions_version: tosca_2_0\nprofile: org.example:1.0\nnode_types: { T: {} }\n"
    (cli.home / "types" / "profile.yaml").write_text(profile)
    (cli.home / "t.yaml").write_text(
        "tosca_definitions_version: tosca_2_0\nimports: [ { profile: org.example:1.0 } ]\n"
        "service_template: { node_templates: { a: { type: T } } }\n"
    )
    for verb in ("validate", "plan"):
        assert cli(verb, "t.yaml", "--import-map", "org.example:1.0=types/profile.yaml").code == 0


@pytest.mark.parametrize("verb", ["validate", "plan", "lock", "package", "graph", "render", "upgrade", "lsp"])
@pytest.mark.parametrize("flag", [True, False])
def test_a_mapping_that_leads_nowhere_is_wrong_used_or_not(cli, verb: str, flag: bool) -> None:
    (cli.home / "t.yaml").write_text("tosca_definitions_version: tosca_2_0\nservice_template: {}\n")
    given = ["--import-map", "org.example:1.0=types/nothing.yaml"] if flag else []
    if not flag:
        (cli.home / "other.conf").write_text("[tosca]\nimport_map = org.example:1.0=types/nothing.yaml\n")
        given = ["--config-file", "other.conf"]
    template = {"lsp": [], "render": ["t.yaml", "--to", "compose"]}.get(verb, ["t.yaml"])
    wrong = cli(verb, *template, *given)
    assert wrong.code == 5 and "there is no such file or directory" in wrong.err
