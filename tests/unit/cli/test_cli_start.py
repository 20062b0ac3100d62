"""What is not imported: the start of the tool has a budget."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAVY = (
    "oslo_config",
    "keystoneauth1",
    "openstack",
    "kubernetes",
    "lightkube",
    "requests",
    "rich",
    "jinja2",
    "psycopg",
    "nats",
)

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
""" + "".join(f"    queue{n}: {{ type: bbq.nodes.MessageQueue }}\n" for n in range(10))


def modules(tmp_path: Path, *argv: str) -> tuple[int, set[str], str]:
    """The exit code of `bbq-deploy` with these arguments, the modules that it imported, and its output."""
    code = (
        "import sys, json\n"
        "from bbq.cli.main import main\n"
        "code = main(sys.argv[2:])\n"
        "open(sys.argv[1], 'w').write(json.dumps([code, sorted(sys.modules)]))\n"
    )
    report = tmp_path / "report.json"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(report), *argv],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
    )
    exit_code, names = json.loads(report.read_text())
    return exit_code, set(names), done.stdout + done.stderr


def test_version_imports_next_to_nothing(tmp_path: Path) -> None:
    code, names, output = modules(tmp_path, "--version")
    bare = set(
        json.loads(subprocess.check_output([sys.executable, "-c", "import sys, json; print(json.dumps([*sys.modules]))"]))
    )
    assert code == 0
    assert output.startswith("bbq 0.")
    assert {name for name in names - bare if name.startswith("bbq")} == {"bbq", "bbq.cli", "bbq.cli.main"}
    assert not names & {"argparse", "typing", "dataclasses", "re"} - bare


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    for argv in (["--help"], ["up", "--help"]):
        _, names, _ = modules(tmp_path, *argv)
        assert not names & {*HEAVY, "yaml"}


@pytest.mark.parametrize("configured", [False, True])
def test_validate_imports_nothing_heavy(tmp_path: Path, configured: bool) -> None:
    (tmp_path / "service.yaml").write_text(TEMPLATE)
    if configured:
        (tmp_path / "bbq").mkdir()
        (tmp_path / "bbq" / "bbq.conf").write_text(f"[tosca]\nimport_map = https://example.org/={tmp_path}\n")
    code, names, output = modules(tmp_path, "validate", "service.yaml")
    assert code == 0, output
    assert not names & set(HEAVY)


def test_importing_bbq_is_free(tmp_path: Path) -> None:
    code = "import sys, bbq, bbq.pytest_plugin; print(*[n for n in sys.modules if n.startswith('bbq')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) == {"bbq", "bbq.pytest_plugin"}
