from __future__ import annotations

from pathlib import Path

import pytest

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  inputs:
    workers: { type: integer, default: 2 }
    token: { type: bbq.datatypes.Secret, default: none }
  node_templates:
    db:
      type: bbq.nodes.Database
      properties: { password: { $get_input: token } }
    worker:
      type: bbq.nodes.Worker
      properties: { command: [ python, worker.py ], instances: { $get_input: workers } }
      requirements:
        - connection: db
  outputs:
    db_host: { value: { $get_attribute: [ db, host ] } }
    db_url: { value: { $get_attribute: [ db, url ] } }
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline" / "service.yaml"
    file.parent.mkdir()
    file.write_text(TEMPLATE)
    return file
