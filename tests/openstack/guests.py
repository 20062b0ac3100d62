"""What tests of software on guests need: the key, an image, and a Python and a Spark that guests see."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.cloud import TestCloud
from tests.openstack.tools import Cli

PROJECT = Path(__file__).resolve().parents[2]
_HIDDEN = ("/tmp", "/root", "/home", "/run", "/mnt", "/media", "/var/log", "/var/tmp")
"""What guests have of their own, so that they do not see the host's."""


def use_guests(cli: Cli, testcloud: TestCloud) -> None:
    cli.environment |= {
        # Others may have made networks in the cloud by now, and then none is the only one.
        "BBQ_OPENSTACK__KEY_NAME": "devcloud",
        "BBQ_OPENSTACK__NETWORK": "private",
        "BBQ_OPENSTACK__IMAGE": "ubuntu",
        "BBQ_ANSIBLE__PRIVATE_KEY_FILE": str(testcloud.home / "id_rsa"),
        "BBQ_ANSIBLE__USER": "debian",
    }


def use_programs(cli: Cli, testcloud: TestCloud) -> None:
    """Guests cannot install anything: they have the system's Python, and the packages of this one by their path."""
    use_guests(cli, testcloud)
    packages = Path(sysconfig.get_path("purelib"))
    if any(path.is_relative_to(hidden) for path in (PROJECT, packages) for hidden in _HIDDEN):
        pytest.skip("guests do not see this checkout and its environment")
    home = PROJECT / "build" / "guest-python"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", str(home)], check=True)
    (own,) = home.glob("lib/python*/site-packages")
    if own.parent.name != packages.parent.name:
        pytest.skip(f"the guests' Python is {own.parent.name}, and not {packages.parent.name}")
    (own / "checkout.pth").write_text(f"{packages}\n{PROJECT}\n")
    cli.environment |= {
        "BBQ_OPENSTACK__PROGRAM_PYTHON": str(python),
        "BBQ_OPENSTACK__SPARK_HOME": str(packages / "pyspark"),
    }
