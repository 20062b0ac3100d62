"""How long the command takes to start, against an interpreter that does nothing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Figure, paired

COMMAND = Path(sys.executable).with_name("bbq-deploy")
HEAVY = ("openstack", "kubernetes", "oslo_config", "lightkube", "requests", "rich", "jinja2", "psycopg", "nats", "pyspark")
NODE = """      n{number}:
        type: tosca.nodes.Compute
"""
TEMPLATE = """tosca_definitions_version: tosca_simple_yaml_1_3
topology_template:
  node_templates:
"""


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        template = Path(directory) / "ten.yaml"
        template.write_text(TEMPLATE + "".join(NODE.format(number=i) for i in range(10)))
        nothing, version = paired(lambda: call(sys.executable, "-c", "pass"), lambda: call(COMMAND, "--version"), 21)
        nothing2, validate = paired(lambda: call(sys.executable, "-c", "pass"), lambda: call(COMMAND, "validate", template), 11)
        loaded = heavy(["--version"]) | heavy(["validate", str(template)])
    floor = f"floor: python -c pass {nothing * 1e3:.0f} ms, --version {version * 1e3:.0f} ms"
    other = f"{validate / nothing2:.1f}x python -c pass ({nothing2 * 1e3:.0f} ms)"
    return [
        Figure("bbq-deploy --version / python -c pass", version / nothing, "x", 3.0, against=floor),
        Figure("bbq-deploy validate, ten nodes", validate, "s", 0.2, against=other),
        Figure("heavy modules imported by both", len(loaded), "", 0, against=", ".join(sorted(loaded)) or "none"),
    ]


def call(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} exited {done.returncode}: {done.stdout}{done.stderr}")


def heavy(arguments: list[str]) -> set[str]:
    """Which of the heavy modules that command imports."""
    code = (
        "import contextlib, io, sys\nfrom bbq.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    main({arguments!r})\nprint('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name for name in done.stdout.split() if name in HEAVY}
