"""An image really built, brought into the cloud, found there by what it says of itself, and a Spark cluster on servers of it.

The servers of the test cloud have the image's tree as their root; QEMU shows that its boot loader and kernel start, too.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.guests import shell_on, use_guests
from tests.openstack.test_images import images, upload
from tests.openstack.tools import Cli

pytestmark = [pytest.mark.soak, pytest.mark.timeout(2400)]

RELEASE = "bookworm"
TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    spark: { type: bbq.nodes.SparkCluster, properties: { workers: 1, worker_memory: 512 MiB } }
  outputs:
    master: { value: { $get_attribute: [ spark, master_url ] } }
"""
SERVER = """\
tosca_definitions_version: tosca_simple_yaml_1_3
topology_template:
  node_templates:
    one:
      type: tosca.nodes.Compute
      capabilities: { os: { properties: { type: linux, distribution: debian, version: 12 } } }
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image, made after a first try that was killed in the middle of it and left nothing that the next one minds."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None or shutil.which("qemu-img") is None:
        pytest.skip("images are made by root, with debootstrap and qemu-img")
    directory = tmp_path_factory.mktemp("images")
    element = directory / "guest"  # what the test cloud's servers need beside
    element.mkdir()
    (element / "package-installs.yaml").write_text("iptables:\n")
    argv = [*Cli.program, "image", "build", "spark", "--release", RELEASE, "--element", "guest", "-o", "spark.qcow2"]
    environment = {**os.environ, **mirrors()}

    first = subprocess.Popen(argv, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True, bufsize=1)
    assert first.stderr is not None
    assert next(line for line in first.stderr if line == "packages\n")
    first.send_signal(signal.SIGKILL)
    first.stderr.read()  # ends when the last process of the build has ended
    first.wait()
    assert str(directory) not in Path("/proc/mounts").read_text()
    assert not (directory / "spark.qcow2").exists()

    done = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in directory.iterdir()} == {"guest", "spark.qcow2", "spark.qcow2.json", "spark.qcow2.log"}
    loops = subprocess.run(["losetup", "--list", "--output", "BACK-FILE"], capture_output=True, text=True, check=True)
    assert ".spark.qcow2.build" not in loops.stdout
    return directory / "spark.qcow2"


def mirrors() -> dict[str, str]:
    """The mirrors of this machine's own apt, where it is of that release."""
    found = {}
    done = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)"], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        site, _, release = line.partition(" ")
        if release == RELEASE:
            found["DIB_DISTRIBUTION_MIRROR"] = site
        elif release == f"{RELEASE}-security":
            found["DIB_DEBIAN_SECURITY_MIRROR"] = site
    return {**found, **{name: value for name, value in os.environ.items() if name in found}}


@pytest.fixture
def image(cloud: Cloud, testcloud: TestCloud, cli: Cli, built: Path, tmp_path: Path) -> Iterator[str]:
    """Its name in the cloud; the servers of it have its tree as their root."""
    name = f"built-{os.getpid()}-{os.urandom(3).hex()}"
    found = upload(cli, built, name)
    tree, link = testcloud.home / "roots" / name, testcloud.home / "roots" / str(found["id"])
    try:
        tree.parent.mkdir(exist_ok=True)
        raw, mounted = tmp_path / "raw", tmp_path / "mounted"
        mounted.mkdir()
        subprocess.run(["qemu-img", "convert", "-O", "raw", built, raw], check=True)
        mount = f'mount -o loop,ro,offset=1048576 "{raw}" "{mounted}" && cp -a "{mounted}" "{tree}"'
        subprocess.run(["unshare", "--mount", "sh", "-c", mount], check=True)
        raw.unlink()
        link.symlink_to(name)
        yield name
    finally:
        link.unlink(missing_ok=True)
        shutil.rmtree(tree, ignore_errors=True)
        for one in images(cloud, name):
            cloud.delete("image", f"/images/{one['id']}", "clean up")


def test_a_spark_cluster_of_it(cli: Cli, testcloud: TestCloud, image: str, name: str) -> None:
    """Nothing is installed on its servers, which have no way to where that could come from."""
    use_guests(cli, testcloud)
    cli.environment["BBQ_OPENSTACK__IMAGE"] = image
    cli.environment.pop("BBQ_ANSIBLE__USER")  # it is the one that the image says
    (cli.directory / "spark.yaml").write_text(TEMPLATE)
    cli("up", "spark.yaml", "--provider", "openstack", "--name", name)
    master = cli.json("outputs", name)["outputs"]["master"]
    host = master.removeprefix("spark://").split(":")[0]
    run = shell_on(testcloud, host)
    assert run("grep VERSION_CODENAME /etc/os-release").strip() == f"VERSION_CODENAME={RELEASE}"
    assert run("ps -e -o args | grep -c '[o]pt/.*org.apache.spark.deploy.master.Master'").strip() == "1"
    assert json.loads(run(f"curl -s http://{host}:8080/json/"))["aliveworkers"] == 1
    job = "/opt/spark/bin/spark-submit --master 'local[1]' /opt/spark/examples/src/main/python/pi.py 1"
    assert "Pi is roughly 3." in run(job), "Java, Spark and Python go together"
    cli("destroy", name, "--yes")


def test_it_is_found_by_what_it_says(cli: Cli, testcloud: TestCloud, image: str, name: str) -> None:
    use_guests(cli, testcloud)
    cli.environment.pop("BBQ_OPENSTACK__IMAGE")
    (cli.directory / "server.yaml").write_text(SERVER)
    cli("up", "server.yaml", "--provider", "openstack", "--name", name)
    assert (
        image
        in subprocess.run(
            ["openstack", "server", "list", "--name", name, "-f", "value", "-c", "Image"],
            env=cli.environment,
            capture_output=True,
            text=True,
        ).stdout
    )
    cli("destroy", name, "--yes")


def test_it_boots(built: Path, tmp_path: Path) -> None:
    """Boot loader, kernel, network and cloud-init, which lets us log in."""
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("qemu-system-x86_64 is missing")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "user-data").write_text(f"#cloud-config\nssh_authorized_keys: [ '{(tmp_path / 'key.pub').read_text().strip()}' ]\n")
    (seed / "meta-data").write_text("instance-id: one\nlocal-hostname: booted\n")
    (seed / "vendor-data").touch()
    serve = partial(http.server.SimpleHTTPRequestHandler, directory=str(seed))
    disk, console = tmp_path / "disk.qcow2", tmp_path / "console"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", built, "-F", "qcow2", disk, "6G"], check=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server, socket.socket() as free:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        argv = [qemu, "-machine", "accel=tcg", "-cpu", "max", "-m", "1024", "-display", "none", "-monitor", "none"]
        argv += [
            "-serial",
            f"file:{console}",
            "-drive",
            f"file={disk},if=virtio",
            "-device",
            "virtio-net-pci,netdev=net,romfile=",
        ]
        argv += ["-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22"]
        argv += ["-smbios", f"type=1,serial=ds=nocloud-net;s=http://10.0.2.2:{server.server_port}/"]
        machine = subprocess.Popen(argv)
        try:
            options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5"]
            login = ["ssh", "-i", str(tmp_path / "key"), "-p", str(port), "debian@127.0.0.1"]
            login += [word for option in options for word in ("-o", option)]
            command = "cloud-init status --wait > /dev/null; hostname; sudo -n id -u; df --output=size -BG / | tail -1"
            retry = f"for i in $(seq 120); do {subprocess.list2cmdline(login)} true && break; sleep 5; done"
            subprocess.run(["sh", "-c", retry], stderr=subprocess.DEVNULL, timeout=1200)
            done = subprocess.run([*login, command], capture_output=True, text=True, timeout=600)
            words = done.stdout.split()
            assert words[:2] == ["booted", "0"], console.read_text(errors="replace")[-3000:]
            assert int(words[2].rstrip("G")) >= 5  # the file system has grown to the disk
        finally:
            machine.kill()
            machine.wait()
            server.shutdown()
