"""The schemas in the language server that most editors use for YAML, where it is installed or npm can install it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bbq.editor.jsonschema import schema

pytest.importorskip("pygls")
from editor_client import Session

VERSION = "1.25.0"
TEXT = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
    q:
      type: bbq.nodes.MessageQueue
      properties:
        engine: kafka
    w:
      type: bbq.nodes.
"""


@pytest.fixture(scope="module")
def server() -> str:
    """The command. An installation by npm is kept beside the virtual environment's own programs."""
    if found := shutil.which("yaml-language-server"):
        return found
    if shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    folder = Path(sys.prefix) / "yaml-language-server"
    program = folder / "node_modules" / ".bin" / "yaml-language-server"
    if not program.exists():
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"yaml-language-server@{VERSION}"]
        environment = {**os.environ, "npm_config_cache": str(folder / "cache")}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm does not end")
        if done.returncode != 0 or not program.exists():
            pytest.skip(f"npm cannot install yaml-language-server: {done.stderr[-200:]}")
    return str(program)


def test_diagnostics_completion_and_hover(server: str, tmp_path: Path) -> None:
    file = tmp_path / "tosca.schema.json"
    file.write_text(json.dumps(schema("2.0")))
    settings = {"yaml": {"schemas": {file.as_uri(): "*.yaml"}, "validate": True, "completion": True, "hover": True}}
    session = Session(server, "--stdio", root=tmp_path, configuration=settings)
    try:
        session.open("service.yaml", TEXT)
        found = session.until("service.yaml", lambda items: any(item.range.start.line == 8 for item in items))
        assert {item.range.start.line for item in found} == {8}, found
        items = session.completions("service.yaml", 10, len("      type: bbq.nodes."))
        assert "bbq.nodes.SparkCluster" in items
        # properties of the queue's type, by its `type`
        session.change("service.yaml", (None, TEXT.replace("engine: kafka", "")))
        items = session.completions("service.yaml", 8, 8)
        assert "queues" in items
        assert "workers" not in items
        session.change("service.yaml", (None, TEXT.replace("kafka", "nats")))
        session.until("service.yaml", lambda items: not items)
        assert "Default: `nats`" in session.hover("service.yaml", 8, 10)
    finally:
        session.close()
