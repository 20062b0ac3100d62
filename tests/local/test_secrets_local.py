"""A secret that a user gives is in nothing that bbq prints, in no argument list, and in no file that others can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.local
SECRET = "hunter2-S3CR3T"

TEMPLATE = """
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  inputs:
    pw: { type: bbq.datatypes.Secret }
  node_templates:
    q: { type: bbq.nodes.MessageQueue, properties: { password: { $get_input: pw } } }
    w:
      type: bbq.nodes.Worker
      properties:
        command: [ sh, -c, "env; exec sleep 1000" ]
        environment: { TOKEN: { $get_input: pw }, URL: { $concat: [ "x://u:", { $get_input: pw }, "@h" ] } }
      requirements: [ connection: q ]
    bad:
      type: bbq.nodes.Job
      properties:
        command: [ sh, -c, 'env; echo "password $TOKEN is wrong"; false' ]
        environment: { TOKEN: { $get_input: pw } }
      requirements: [ dependency: w ]
  outputs:
    url: { value: { $get_attribute: [ q, url ] } }
    nested: { value: [ { $get_input: pw }, { key: { $get_input: pw } } ] }
"""


@pytest.mark.parametrize("provider", ["local", "simulator"])
def test_a_secret_stays_one(tmp_path: Path, provider: str) -> None:
    template, inputs, state = tmp_path / "s.yaml", tmp_path / "inputs.yaml", tmp_path / "state"
    template.write_text(TEMPLATE)
    inputs.write_text(f"pw: {SECRET}\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BBQ_")}
    environment |= {"HOME": str(tmp_path), "BBQ_STATE__DIRECTORY": str(state)}

    def bbq(*arguments: object) -> str:
        argv = [sys.executable, "-m", "bbq", *map(str, arguments), "--debug"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr

    given = ("--inputs", inputs, "--provider", provider)
    try:
        said = [bbq("plan", template, *given), bbq("plan", template, *given, "--format", "json")]
        said.append(bbq("up", template, "--name", "x", *given, "-v"))
        said += [bbq(*what, "x", "--format", "json") for what in (("status",), ("outputs",), ("events",), ("drift",))]
        said += [bbq(*what, "x") for what in (("status",), ("outputs",), ("events",), ("drift",))]
        said += [bbq("graph", "x", "--format", kind) for kind in ("svg", "html", "dot", "mermaid")]
        said += [bbq("logs", "x", node) for node in ("bad", "w")]
        inputs.write_text(f"pw: {SECRET}-changed\n")
        said.append(bbq("plan", template, "--name", "x", *given, "--format", "json"))
        leaks = [text for text in said if SECRET in text]
        assert not leaks, leaks
        assert provider == "simulator" or any("password ******** is wrong" in text for text in said)
        if provider == "simulator":  # a failed deployment has no outputs
            assert SECRET in bbq("outputs", "x", "--show-secrets")

        holders = [path for path in state.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
        assert holders and all(path.stat().st_mode & 0o077 == 0 for path in holders)
        assert state.stat().st_mode & 0o077 == 0 and not [path for path in holders if "journal" in path.name]
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert SECRET.encode() not in process.read_bytes(), process
            except OSError:
                continue
    finally:
        bbq("destroy", "x", "--yes")
    assert not [path for path in state.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
