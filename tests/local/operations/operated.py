"""What the tests of operations share: a template on disk, the command line on it, and what it has left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from sshd import Sshd

_THING = """\
tosca_definitions_version: tosca_simple_yaml_1_3
node_types:
  thing:
    derived_from: tosca.nodes.SoftwareComponent
    interfaces:
      Standard:
{standard}
topology_template:
  inputs: {inputs}
  node_templates:
    server: {{ type: tosca.nodes.Compute }}
    thing: {{ type: thing, requirements: [ {{ host: server }} ] }}
"""


def thing(standard: str, inputs: str = "{}") -> str:
    """A template with one `thing` on one `server`; `standard` is what its type's interface Standard says."""
    return _THING.format(standard=textwrap.indent(standard.rstrip(), " " * 8), inputs=inputs)


class Operated:
    """A directory with a template, and `bbq-deploy` with a home of its own. `options` are variables of the environment."""

    def __init__(self, directory: Path, sshd: Sshd | None = None, nodes: tuple[str, ...] = ("server",)) -> None:
        self.directory = directory / "template"
        self.directory.mkdir()
        self.home = directory / "home"
        self.home.mkdir()
        self.trace = directory / "trace"
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        self.options: dict[str, str] = {}
        if sshd is not None:
            self.options = {
                "BBQ_ANSIBLE__HOSTS": ",".join(f"{node}={sshd.address}" for node in nodes),
                "BBQ_ANSIBLE__PRIVATE_KEY_FILE": str(sshd.key),
                # a developer's PATH may begin with a version manager's wrappers
                "BBQ_ANSIBLE__PYTHON_INTERPRETER": "/usr/bin/python3",
            }

    def write(self, name: str, text: str, *, executable: bool = False) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if executable else 0o644)
        return path

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BBQ_", "XDG_"))}
        return {**kept, "HOME": str(self.home), **self.options}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bbq", *arguments]

    def run(self, *arguments: str, timeout: float = 150) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def ok(self, *arguments: str, timeout: float = 150) -> str:
        done = self.run(*arguments, timeout=timeout)
        assert done.returncode == 0, f"{arguments}: code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self, *arguments: str) -> str:
        return self.ok("up", "service.yaml", "--name", "op", "--yes", *arguments)

    def outputs(self) -> dict[str, Any]:
        found = json.loads(self.ok("outputs", "op", "--format", "json", "--show-secrets"))
        rows: dict[str, Any] = found.get("value") or found.get("outputs") or {}
        return rows

    def traced(self) -> list[str]:
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    def node_directory(self, node: str) -> Path:
        return next((self.home / ".local/state/bbq/deployments").glob(f"*/ansible/nodes/{node}"))

    def processes(self) -> list[str]:
        """Command lines of what still runs for the deployment on this machine."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if f"HOME={self.home}".encode() in (path / "environ").read_bytes().split(b"\0"):
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def nothing_left(self) -> None:
        left = [path for path in (self.home / ".local/state/bbq").rglob("*") if path.is_file() and path.name != "journal.db"]
        left = [path for path in left if not path.name.startswith("journal.db")]
        assert not left, left
