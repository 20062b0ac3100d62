"""Where a secret may stand: in properties that keep it, not in those that plans show or that become arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbq.diagnostics import Diagnostic
from bbq.topology import build, codes
from bbq.tosca import check_inputs, load

HEAD = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 } ]
node_types:
  Mine: { derived_from: bbq.nodes.Job, properties: { note: { type: string } } }
service_template:
  inputs: { pw: { type: bbq.datatypes.Secret } }
  node_templates:
    q: { type: bbq.nodes.MessageQueue }
    w:
"""


def found(directory: Path, node: str, provider: str = "local") -> list[Diagnostic]:
    path = directory / "s.yaml"
    path.write_text(HEAD + "".join(f"      {line.strip()}\n" for line in node.strip().splitlines()))
    service, problems = load(str(path))
    assert service is not None and not problems, problems
    values, problems = check_inputs(service, {"pw": "sesame"})
    assert not problems
    topology, problems = build(service, inputs=values, provider=provider)
    assert (topology is None) == bool(problems) and "sesame" not in str(problems)
    return problems


COMMAND = "type: bbq.nodes.Worker\nproperties: { command: [ a ], %s }"


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("type: bbq.nodes.Worker\nproperties: { command: [ a, { $get_input: pw } ] }", "command"),
        ("type: bbq.nodes.Job\nproperties: { command: [ a, { $get_attribute: [ q, url ] } ] }", "command"),
        ("type: bbq.nodes.Job\nproperties: { command: [ { $concat: [ a, { $get_property: [ q, password ] } ] } ] }", "command"),
        ("type: Mine\nproperties: { note: n, command: [ a ], directory: { $get_input: pw } }", "directory"),
        ("type: bbq.nodes.Database\nproperties: { user: { $get_input: pw } }", "user"),
        (COMMAND % "readiness: [ { kind: command, target: { $get_input: pw } } ]", "readiness"),
        (COMMAND % "readiness: [ { kind: command, target: { $concat: [ a, { $get_attribute: [ q, url ] } ] } } ]", "readiness"),
    ],
)
@pytest.mark.parametrize("provider", ["local", "simulator"])
def test_a_secret_where_others_could_read_it(tmp_path: Path, node: str, name: str, provider: str) -> None:
    (problem,) = found(tmp_path, node, provider)
    assert problem.code == codes.MISPLACED_SECRET
    assert problem.message.startswith(f"property '{name}' of 'w'") and problem.line >= 10 and problem.file.endswith("s.yaml")
    assert (problem.hint is not None) == ("Database" not in node)


@pytest.mark.parametrize(
    "node",
    [
        "type: bbq.nodes.MessageQueue\nproperties: { password: { $get_input: pw } }",
        COMMAND % "environment: { A: { $get_input: pw }, B: { $get_attribute: [ q, url ] } }",
        COMMAND % "readiness: [ { kind: http, target: { $concat: [ 'http://h/', { $get_input: pw } ] } } ]",
        "type: Mine\nproperties: { command: [ a ], note: { $get_input: pw } }",
    ],
)
def test_a_secret_where_it_is_kept(tmp_path: Path, node: str) -> None:
    assert found(tmp_path, node) == []
