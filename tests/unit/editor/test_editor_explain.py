"""Explanations: of types, nodes, properties and codes; where each value comes from; who makes a type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bbq.cli.main import main
from bbq.editor.constraints import in_words
from bbq.editor.explain import Context, bundled, explain
from bbq.providers.local.provider import RESOURCES

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: 'bbq:1.0' } ]
node_types:
  Mine:
    derived_from: bbq.nodes.Worker
    properties:
      limit: { type: float, default: 1.5 }
service_template:
  inputs:
    workers: { type: integer, default: 3 }
    secret: { type: bbq.datatypes.Secret, default: hunter2 }
  node_templates:
    queue: { type: bbq.nodes.MessageQueue, properties: { password: hunter3 } }
    spark:
      type: bbq.nodes.SparkCluster
      properties:
        workers: { $get_input: workers }
    mine:
      type: Mine
      properties:
        command: [ run ]
      requirements:
        - connection: queue
"""


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "service.yaml").write_text(TEMPLATE)
    return "service.yaml"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict]:
    assert main(["explain", *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)["value"]


def by_name(items: list[dict]) -> dict[str, dict]:
    return {item["name"]: item for item in items}


def test_a_type(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = told(capsys, "bbq.nodes.SparkCluster")
    assert found["derived_from"] == ["bbq.nodes.Root", "tosca.nodes.Root"]
    assert found["defined"].startswith("templates/types/bbq.yaml:")
    workers = by_name(found["properties"])["workers"]
    assert (workers["type"], workers["default"], workers["constraints"]) == ("integer", "2", ["at least 1", "at most 10000"])
    makers = {item["provider"]: item["how"] for item in found["made_by"]}
    assert "templates/local/spark-cluster.yaml" in makers["local"]
    assert "bbq.nodes.local.SparkMaster" in makers["local"]
    assert main(["explain", "bbq.nodes.SparkCluster"]) == 0
    words = capsys.readouterr().out.split()
    assert "workers integer, default 2; at least 1; at most 10000" in " ".join(words)


def test_every_bundled_type_can_be_explained() -> None:
    context = Context(bundled())
    seen = 0
    for names in context.names:
        for kind in ("node", "capability", "relationship", "data", "interface", "artifact", "group", "policy"):
            for name, type_def in names.types(kind):
                assert any(item["name"] == type_def.name for item in explain(name, context)), name
                seen += 1
    assert seen > 100


def test_which_conditions_choose_a_substitution_and_what_a_provider_makes_itself(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = told(capsys, "bbq.nodes.MessageQueue")
    local = {item["how"].rpartition("/")[2]: item["where"] for item in found["made_by"] if item["provider"] == "local"}
    assert local == {
        "message-queue-nats.yaml": "`engine` must be equal to `nats`",
        "message-queue-rabbitmq.yaml": "`engine` must be equal to `rabbitmq`",
    }
    for name in RESOURCES:
        if not name.startswith("bbq.nodes.local."):
            (found,) = told(capsys, name)
            assert any(item["provider"] == "local" and "itself" in item["how"] for item in found["made_by"]), name


def test_a_node_and_where_its_values_come_from(template: str, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = told(capsys, "spark", "--template", template)
    assert found["type"] == "bbq.nodes.SparkCluster"
    values = by_name(found["properties"])
    assert values["workers"] == {
        "name": "workers",
        "value": "{$get_input: workers}",
        "resolved": "3",
        "from": "the template, service.yaml:17",
        "inputs": ["input workers, default at service.yaml:10"],
    }
    assert values["worker_cores"]["from"].startswith("default of bbq.nodes.SparkCluster, templates/types/bbq.yaml:")
    assert values["timeouts"]["from"] == "not set"
    (found,) = told(capsys, "spark", "--template", template, "--input", "workers=5", "--provider", "local")
    assert by_name(found["properties"])["workers"]["resolved"] == "5"
    assert by_name(found["properties"])["workers"]["inputs"] == ["input workers, as given"]
    assert found["made_of"][:2] == ["spark.master", "spark.worker[0]"]
    (found,) = told(capsys, "mine", "--template", template)
    targets = [item for item in found["requirements"] if item["name"] == "connection"]
    assert targets[0]["target"] == "queue"
    assert targets[0]["defined"] == "service.yaml:23"
    assert by_name(found["properties"])["limit"]["from"] == "default of Mine, service.yaml:7"


def test_a_type_of_the_template_and_an_input(template: str, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = told(capsys, "Mine", "--template", template)
    assert found["defined"] == "service.yaml:4"
    assert {item["provider"] for item in found["made_by"]} == {"local", "openstack", "simulator"}
    (found,) = told(capsys, "workers", "--template", template)
    assert (found["what"], found["type"], found["default"]) == ("input", "integer", "3")


def test_properties(template: str, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = told(capsys, "bbq.nodes.SparkCluster.workers")
    assert (found["what"], found["owner"], found["default"]) == ("property", "bbq.nodes.SparkCluster", "2")
    (found,) = told(capsys, "spark.workers", "--template", template)
    assert (found["owner"], found["resolved"]) == ("spark", "3")
    (found,) = told(capsys, "queue.url", "--template", template)
    assert found["what"] == "attribute"
    (found,) = told(capsys, "mine.connection", "--template", template)
    assert found["what"] == "requirement"


def test_no_secret_is_told(template: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("queue", "queue.password", "secret"):
        for format in ("json", "human"):
            assert main(["explain", name, "--template", template, "--format", format]) == 0
            out = capsys.readouterr().out
            assert "hunter" not in out
            assert "********" in out


def test_names_that_mean_nothing(template: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "bbq.nodes.SparkCluser"]) == 2
    assert "did you mean `bbq.nodes.SparkCluster`?" in capsys.readouterr().err
    assert main(["explain", "sprak", "--template", template]) == 2
    assert "did you mean `spark`?" in capsys.readouterr().err
    assert main(["explain", "spark.wrokers", "--template", template]) == 2
    assert "did you mean `workers`?" in capsys.readouterr().err
    assert main(["explain", "spark", "--template", "missing.yaml"]) == 4


def test_a_template_with_errors_is_explained_as_far_as_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(TEMPLATE + '    bad: { type: Nothing }\n    evil: { type: Mine, description: "\\e[31m" }\n')
    assert main(["explain", "spark", "--template", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "{$get_input: workers}" in out
    assert "has 2 errors;" in err
    assert main(["explain", "evil", "--template", str(file)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_short_names_of_1x_and_names_of_several_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert {item["what"] for item in told(capsys, "Compute")} == {"node type", "capability type"}
    assert told(capsys, "SoftwareComponent")[0]["name"] == "SoftwareComponent"
    assert told(capsys, "tosca.nodes.Compute")[0]["name"] == "tosca.nodes.Compute"


def test_codes_and_names_do_not_get_into_each_others_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "t041", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["value"]["code"]) == ("explanation", "BBQ-T041")
    assert main(["explain", "BBQ-T999"]) == 2
    assert told(capsys, "tosca.nodes.Root")[0]["what"] == "node type"


def test_constraints_in_words(template: str) -> None:
    from bbq.editor.reading import names_in

    names = names_in(
        """\
tosca_definitions_version: tosca_simple_yaml_1_3
topology_template:
  inputs:
    a: { type: integer, constraints: [ { in_range: [ 1, UNBOUNDED ] }, { less_than: 9 } ] }
    b: { type: string, constraints: [ { valid_values: [ x, y ] }, { pattern: "[a-z]+" }, { min_length: 2 } ] }
"""
    )
    assert names is not None
    inputs = names.service.inputs
    assert in_words(inputs["a"].schema.constraints) == ["at least 1", "less than 9"]
    assert in_words(inputs["b"].schema.constraints) == ["one of x, y", "matching [a-z]+", "of length at least 2"]
