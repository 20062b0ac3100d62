"""What the tests look with: plain listings of the cloud, and bbq's command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bbq.providers.openstack.session import Cloud
from bbq.topology import build
from bbq.topology.model import Topology
from bbq.tosca import load as load_template


def stacks(cloud: Cloud, prefix: str) -> list[dict[str, Any]]:
    """The live stacks of that prefix, by a plain listing."""
    found = cloud.get("orchestration", "/stacks", "list the stacks")["stacks"]
    return [stack for stack in found if stack["stack_name"].startswith(prefix)]


def servers(cloud: Cloud, prefix: str) -> list[dict[str, Any]]:
    found = cloud.get("compute", "/servers/detail", "list the servers")["servers"]
    return [server for server in found if server["name"].startswith(prefix)]


def topology_of(file: Path, text: str) -> Topology:
    """Of a template with this text, in which nothing must be wrong; it is written to `file`."""
    file.write_text(text)
    service, found = load_template(file)
    assert service is not None and not found, found
    topology, found = build(service, inputs={}, provider="openstack")
    assert topology is not None, found
    return topology


class PlainClient:
    """python-openstackclient, which knows nothing of bbq."""

    program = shutil.which("openstack")

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def things(self, prefix: str) -> dict[str, int]:
        """How many of each kind have a name that begins so: stacks, and what they make. All kinds are asked for at once."""
        asked = {
            kind: subprocess.Popen(
                [str(self.program), *kind.split(), "list", "--format", "json"], env=self.environment, stdout=subprocess.PIPE
            )
            for kind in ("stack", "server", "port", "security group")
        }
        found = {}
        for kind, process in asked.items():
            out, _ = process.communicate(timeout=120)
            assert process.returncode == 0, f"openstack {kind} list failed"
            found[kind] = sum((one.get("Stack Name") or one["Name"] or "").startswith(f"{prefix}-") for one in json.loads(out))
        return found


class Cli:
    """`bbq-deploy` in an empty directory, as a user has it."""

    program = (sys.executable, "-m", "bbq")

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = environment

    def start(self, *argv: str) -> subprocess.Popen[str]:
        return self._start(*self.program[1:], *argv)

    def killed(self, seconds: float, *argv: str) -> bool:
        """Whether it was still at work after that time; then it is killed."""
        process = self.start(*argv)
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True
        return False

    def _start(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *argv],
            cwd=self.directory,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __call__(self, *argv: str, code: int = 0) -> str:
        """Its output; fails unless the exit code is `code`."""
        process = self.start(*argv)
        out, _ = process.communicate(timeout=580)
        assert process.returncode == code, f"exit {process.returncode}, not {code}: bbq-deploy {' '.join(argv)}\n{out}"
        assert "Traceback" not in out
        return out

    def python(self, *argv: str) -> str:
        """What a program of this Python says; fails unless it ends well."""
        process = self._start(*argv)
        out, _ = process.communicate(timeout=280)
        assert process.returncode == 0, out
        return out

    def json(self, *argv: str, code: int = 0) -> Any:
        process = subprocess.run(
            [*self.program, *argv, "--format", "json"],
            cwd=self.directory,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=280,
        )
        assert process.returncode == code, process.stdout + process.stderr
        return json.loads(process.stdout)
