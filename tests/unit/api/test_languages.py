"""Which language a file is taken for, and what the commands make of a Heat template."""

from __future__ import annotations

import json
import os

import pytest

import bbq
from bbq.cli.main import main
from bbq.languages import language_of

HOT = """\
heat_template_version: 2018-08-31
parameters:
  key: { type: string, constraints: [ { length: { max: 5 } } ] }
resources:
  net: { type: OS::Neutron::Net }
  port: { type: OS::Neutron::Port, properties: { network: { get_resource: net } } }
  group:
    type: OS::Heat::ResourceGroup
    properties:
      count: 3
      resource_def: { type: OS::Nova::Server, properties: { flavor: small, key_name: { get_param: key } } }
    depends_on: port
  inner: { type: nested.yaml }
"""
NESTED = """\
heat_template_version: 2013-05-23
resources:
  db: { type: OS::Trove::Instance, properties: { flavor: small, size: 1, databases: [], users: [] } }
  queue: { type: OS::Zaqar::Queue, depends_on: db }
"""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("tosca_definitions_version: tosca_2_0\ndescription: |\n  heat_template_version: x\n", "TOSCA"),
        ("description: x\nheat_template_version: 2013-05-23\n", "HOT"),
        ("# tosca_definitions_version: tosca_2_0\n'heat_template_version': newton\n", "HOT"),
        ("AWSTemplateFormatVersion: 2010-09-09\n", "CFN"),
        ('{\n  "Description" : "x",\n  "AWSTemplateFormatVersion" : "2010-09-09"\n}\n', "CFN"),
        ('{"HeatTemplateFormatVersion": "2012-12-12"}', "CFN"),
        ("{ a: b, heat_template_version: pike }", "HOT"),
        ("heat_template_versoin: 2013-05-23\n", "HOT"),
        ("resources:\n  a: {}\n", "HOT"),
        ('{ "Resources": {} }', "CFN"),
        ("topology_template: {}\n", "TOSCA"),
        ("", "TOSCA"),
        ("\x00\xff", "TOSCA"),
    ],
)
def test_language(tmp_path, text, language):
    path = tmp_path / "t.yaml"
    path.write_text(text, encoding="latin-1")
    assert language_of(str(path)) == language


def test_what_is_no_file_is_told_by_a_front_end(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name in ("nothing.yaml", "fifo", "."):
        assert language_of(str(tmp_path / name)) == "TOSCA"
        assert [item.code for item in bbq.validate(tmp_path / name)] == ["BBQ-Y001"]


@pytest.fixture
def stack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yaml").write_text(HOT)
    (tmp_path / "nested.yaml").write_text(NESTED)
    return tmp_path / "stack.yaml"


def test_validate_from_python(stack):
    assert bbq.validate(stack) == []
    assert [item.code for item in bbq.validate(stack, inputs={})] == ["BBQ-H071"]
    (stack.parent / "env.yaml").write_text("parameters: { key: toolong }\n")
    found = bbq.validate(stack, environments=[stack.parent / "env.yaml"])
    assert [(item.code, item.line, item.column) for item in found] == [("BBQ-H072", 1, 20)]
    assert bbq.validate(stack, environments=[stack.parent / "env.yaml"], inputs={"key": "mine"}) == []


def run(capsys, *argv: str) -> tuple[int, str, str]:
    code = main(list(argv))
    out, err = capsys.readouterr()
    return code, out, err


def test_validate_on_the_command_line(stack, capsys):
    assert run(capsys, "validate", "stack.yaml")[0] == 0
    assert run(capsys, "validate", "stack.yaml", "--param", "key=mine")[0] == 0
    code, out, _ = run(capsys, "validate", "stack.yaml", "--input", "key=toolong", "--format", "json")
    assert code == 4
    assert [item["code"] for item in json.loads(out)["diagnostics"]] == ["BBQ-H072"]
    stack.write_text(HOT.replace("key_name", "key_nmae"))
    code, out, err = run(capsys, "validate", "stack.yaml")
    assert code == 4
    assert "stack.yaml:11:76: error BBQ-H032" in out + err
    assert "did you mean `key_name`?" in out + err
    (stack.parent / "env.yaml").write_text("paramters: {}\n")
    code, out, err = run(capsys, "validate", "stack.yaml", "-e", "env.yaml")
    assert "env.yaml:1:1: error BBQ-H060" in out + err


def test_environments_belong_to_heat(tmp_path, capsys):
    path = tmp_path / "t.yaml"
    path.write_text("tosca_definitions_version: tosca_2_0\nservice_template: { node_templates: {} }\n")
    code, _, err = run(capsys, "validate", str(path), "--environment", "x.yaml")
    assert code == 2
    assert "environments are for those" in err


def test_what_is_not_for_heat_templates(stack, capsys):
    code, _, err = run(capsys, "render", "stack.yaml", "--to", "compose")
    assert code == 2
    assert "stack.yaml is a Heat template (HOT) already" in err
    code, _, err = run(capsys, "plan", "stack.yaml", "--provider", "local", "--input", "key=k")
    assert code == 2
    assert "the provider local cannot make: bbq.nodes.openstack.Stack (stack)" in err


def test_a_heat_template_is_rehearsed_on_the_simulator(stack, capsys):
    (stack.parent / "env.yaml").write_text("parameters: { key: k }\n")
    code, out, _ = run(capsys, "up", "stack.yaml", "--provider", "simulator", "--name", "s", "-e", "env.yaml", "--yes")
    assert code == 0
    assert "stack: ready" in out
    code, out, _ = run(capsys, "scale", "s", "group=5", "--yes")
    assert code == 0
    code, _, err = run(capsys, "scale", "s", "net=5", "--yes")
    assert code == 2
    assert "these can: group" in err
    code, _, _ = run(capsys, "destroy", "s", "--yes")
    assert code == 0


def test_parameters_of_a_deployment_are_checked(stack, capsys):
    code, out, err = run(capsys, "plan", "stack.yaml", "--input", "kye=k")
    assert code == 4
    assert "BBQ-H070" in out + err and "BBQ-H071" in out + err


@pytest.mark.parametrize("format", ["mermaid", "dot", "svg", "html"])
def test_graph(stack, capsys, format):
    code, out, _ = run(capsys, "graph", "stack.yaml", "--format", format)
    assert code == 0
    for name in ("net", "port", "group", "inner", "db", "queue"):
        assert name in out
    if format == "mermaid":
        assert "3 x OS::Heat::ResourceGroup, planned" in out
        assert out.count("-->") == 3


def test_graph_of_a_broken_template(stack, capsys):
    stack.write_text(HOT.replace("OS::Neutron::Net", "OS::Neutron::Nett"))
    code, _, err = run(capsys, "graph", "stack.yaml")
    assert code == 4
    assert "BBQ-H030" in err


def test_graph_of_templates_that_nest_others_twice(tmp_path, capsys):
    head = "heat_template_version: 2013-05-23\n"
    for level in range(5):
        text = "".join(f"  r{index}: {{ type: {level + 1}.yaml }}\n" for index in range(8))
        (tmp_path / f"{level}.yaml").write_text(f"{head}resources:\n{text}")
    (tmp_path / "5.yaml").write_text(head)
    code, out, _ = run(capsys, "graph", str(tmp_path / "0.yaml"), "--format", "dot")
    assert code == 0
    assert out.count("\n") < 10_000
