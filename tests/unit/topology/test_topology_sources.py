"""An edited program is a change of the node that runs it."""

from __future__ import annotations

from pathlib import Path

import bbq.topology
import bbq.tosca

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
    page:
      type: bbq.nodes.Service
      properties: { command: [ python, page.py, --verbose ], sources: [ "lib/*.py" ] }
    below:
      type: bbq.nodes.Job
      properties: { command: [ ./run.sh ], directory: scripts }
    plain:
      type: bbq.nodes.Job
      properties: { command: [ "true" ] }
"""


def digests(template: Path) -> dict[str, dict[str, str]]:
    service, found = bbq.tosca.load(str(template))
    assert service is not None and not [one for one in found if one.severity == "error"]
    topology, found = bbq.topology.build(service, inputs={}, provider="local")
    assert topology is not None, found
    return {name: node.properties.get("source_digests", {}) for name, node in topology.nodes.items()}


def test_named_files_and_patterns_are_followed(tmp_path: Path) -> None:
    template = tmp_path / "service.yaml"
    template.write_text(TEMPLATE)
    (tmp_path / "lib").mkdir()
    (tmp_path / "scripts").mkdir()
    for name in ("page.py", "lib/a.py", "lib/b.txt", "scripts/run.sh"):
        (tmp_path / name).write_text(name)
    before = digests(template)
    assert {name: list(found) for name, found in before.items()} == {
        "page": ["lib/a.py", "page.py"],
        "below": ["scripts/run.sh"],
        "plain": [],
    }
    (tmp_path / "lib/b.txt").write_text("of no interest")
    assert digests(template) == before
    (tmp_path / "lib/a.py").write_text("changed")
    after = digests(template)
    assert after["page"]["lib/a.py"] != before["page"]["lib/a.py"]
    assert after["page"]["page.py"] == before["page"]["page.py"] and after["below"] == before["below"]
