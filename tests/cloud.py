"""The test cloud (tests/devcloud): one that runs already, or one that the tests start, in a home and at ports of their own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEVCLOUD = Path(__file__).parent / "devcloud" / "devcloud"
USUAL = Path(os.environ.get("DEVCLOUD_HOME") or "/var/lib/devcloud")
OWN, OWN_OFFSET = Path("/var/lib/bbq-test-cloud"), 12000


@dataclass(frozen=True)
class TestCloud:
    """`started` says whether the tests have started it: then they may add services, and take it down at the end."""

    __test__ = False

    home: Path
    started: bool

    def command(self, *args: str) -> str:
        """Run `devcloud ARGS`; `RuntimeError` with its last words where it fails."""
        environment = {
            **os.environ,
            "DEVCLOUD_HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        if self.started:
            environment["DEVCLOUD_PORT_OFFSET"] = str(OWN_OFFSET)
        done = subprocess.run(
            ["/usr/bin/python3", str(DEVCLOUD), *args],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            raise RuntimeError(f"devcloud {' '.join(args)} failed ({done.returncode}):\n{done.stdout[-4000:]}")
        return done.stdout

    @property
    def clouds_file(self) -> Path:
        return self.home / "clouds.yaml"

    @property
    def ports(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.home / "ports.json").read_text())
        return found

    @property
    def login(self) -> dict[str, Any]:
        """clouds.yaml's entry of the administrator."""
        found: dict[str, Any] = json.loads(self.clouds_file.read_text())["clouds"]["devcloud"]
        return found

    def environment(self, cloud: str = "devcloud") -> dict[str, str]:
        return {"OS_CLIENT_CONFIG_FILE": str(self.clouds_file), "OS_CLOUD": cloud}

    def fault(self, **knobs: object) -> None:
        """Fault injection: `fault(nova__fail="^x-")`; an empty value takes a knob back. The knobs are the whole cloud's: name
        your own servers in the patterns."""
        self.command("fault", *(f"{name.replace('__', '.')}={value}" for name, value in knobs.items()))


def running(home: Path = USUAL) -> bool:
    """Does the cloud of this home answer?"""
    try:
        port = json.loads((home / "ports.json").read_text())["keystone"]
        socket.create_connection(("127.0.0.1", port), 2).close()
        return (home / "clouds.yaml").is_file()
    except (OSError, ValueError, KeyError):
        return False


def impossible() -> str | None:
    """Why there is no cloud here and none can be started; None where there is one, or one may be.

    A start installs packages of the system: that has to be asked for, with `BBQ_REQUIRE=openstack`.
    """
    if running() or running(OWN):
        return None
    if not {"openstack", "all"} & set(os.environ.get("BBQ_REQUIRE", "").replace(" ", "").split(",")):
        return "no test cloud runs; make test-openstack starts one (on Debian 12, as root; it installs packages of the system)"
    try:
        system = Path("/etc/os-release").read_text()
    except OSError:
        system = ""
    if not re.search(r"^ID=debian$", system, re.MULTILINE) or not re.search(r'^VERSION_ID="12"$', system, re.MULTILINE):
        return "the test cloud is made of Debian 12's packages, and this is another system"
    return None if os.geteuid() == 0 else "no test cloud runs, and only root can install and start one"


def open_cloud() -> TestCloud:
    """The cloud that runs; else a new one (some minutes where its packages are not installed yet)."""
    if running():
        return TestCloud(USUAL, started=False)
    cloud = TestCloud(OWN, started=True)
    cloud.command("up")
    return cloud
