"""What tests of software on guests need: the key, an image, and a Python and a Spark that guests see."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from bbq.providers.openstack.session import Cloud
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


def shell_on(testcloud: TestCloud, address: str) -> Callable[[str], str]:
    """Runs a command there and returns what it prints; raises `CalledProcessError`."""
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    login = ["ssh", "-i", str(testcloud.home / "id_rsa"), *options, f"debian@{address}"]

    def run(command: str) -> str:
        return subprocess.run([*login, command], check=True, capture_output=True, text=True, timeout=120).stdout

    return run


def debian_13(testcloud: TestCloud, cloud: Cloud) -> str:
    """The name of an image whose guests have a root of their own, with what Debian 12 has no package for: HTCondor."""
    name, tree = "debian-13", testcloud.home / "roots" / "debian-13"
    if not tree.is_dir():
        if shutil.which("debootstrap") is None:
            pytest.skip("debootstrap is missing")
        fresh = tree.with_name("debian-13.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(exist_ok=True)
        packages = "openssh-server,sudo,iproute2,iptables,procps,curl,python3,ca-certificates"
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={packages}", "trixie", str(fresh)], check=True)
        policy = fresh / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        install = "apt-get install -y -q --no-install-recommends condor && apt-get clean"
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["chroot", str(fresh), "sh", "-c", install], check=True, env=environment)
        fresh.rename(tree)
    images = cloud.get("image", f"/images?name={name}", "list the images")["images"]
    if not images:
        values = {"disk_format": "raw", "container_format": "bare", "visibility": "public", "os_distro": "debian"}
        image = cloud.connection.create_image(name, data=b"-", wait=True, **values)
        images = [{"id": image.id}]
    link = tree.parent / str(images[0]["id"])
    if not link.is_symlink():
        link.symlink_to(tree.name)
    return name
