"""Requirements that no node of the template fulfils: a template may be so (2.0 section 4.2.1), what is deployed must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbq import topology, tosca
from bbq.validation.findings import findings

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
capability_types: { C: {} }
relationship_types: { R: {} }
node_types:
  Server: { properties: { size: { type: integer, default: 1 } }, capabilities: { c: C } }
  Client:
    properties: { size: { type: integer, required: false } }
    requirements: [ { to: { capability: C, relationship: R, node: Server } } ]
service_template:
  node_templates:
    client:
      type: Client
      properties: { size: { $get_property: [ SELF, RELATIONSHIP, to, TARGET, size ] } }
      requirements: [ { to: REQUIREMENT } ]
    EXTRA
"""
SMALL = "server: { type: Server }"
LARGE = "node_filter: { $greater_than: [ { $get_property: [ SELF, TARGET, size ] }, 5 ] }"


@pytest.mark.parametrize(
    ("requirement", "extra", "code", "in_validation"),
    [
        ("{ node: Server }", "", "BBQ-G010", "warning"),
        ("{ node: Server, directives: [ external, internal ] }", "", "BBQ-G010", "warning"),
        ("{ node: Server, directives: [ internal ] }", "", "BBQ-G010", "error"),
        (f"{{ node: Server, {LARGE} }}", SMALL, "BBQ-G010", "warning"),
        ("{ node: server, count: 2 }", SMALL, "BBQ-G010", "error"),
        ("{ node: Server, directives: [ external ] }", SMALL, "BBQ-G052", "warning"),
    ],
)
def test_a_template_may_leave_them_to_others(
    tmp_path: Path, requirement: str, extra: str, code: str, in_validation: str
) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(TEMPLATE.replace("REQUIREMENT", requirement).replace("EXTRA", extra))
    told = findings(str(path), inputs=None, import_map=None, offline=True)
    assert [(item.severity, item.code, item.line) for item in told] == [(in_validation, code, 14)]
    service, found = tosca.load(path)
    assert service is not None and not any(item.severity == "error" for item in found)
    built, found = topology.build(service, inputs={}, provider="simulator")
    assert built is None and ("error", code) in [(item.severity, item.code) for item in found]
