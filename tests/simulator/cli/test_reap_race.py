"""Between the look of `reap` and its lease somebody may give a deployment more time."""

from __future__ import annotations

from pathlib import Path

import pytest

import bbq
from bbq.errors import LockedError

TEMPLATE = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    db: { type: bbq.nodes.Database }
"""


def test_what_is_not_to_be_destroyed_any_more_is_left_alone(tmp_path: Path) -> None:
    from bbq.operations.prepare import prepare_destroy
    from bbq.operations.workspace import Workspace

    (tmp_path / "service.yaml").write_text(TEMPLATE)
    bbq.deploy(tmp_path / "service.yaml", provider="simulator", name="kept", ttl="1h")
    with Workspace() as workspace:
        change = prepare_destroy(workspace, "kept")
        change.still = lambda row: row.expires_at is None
        with pytest.raises(LockedError, match="changed by another process"):
            change.run()
    assert bbq.open("kept").status() == "active"
    bbq.open("kept").destroy()
