"""Spark, databases and a broker on servers of a real OpenStack: jobs run, logins work, workers come and go, nothing is left.

Needs a cloud in DEVCLOUD_HOME (/var/lib/devcloud) and the `openstack` command; makes two servers there, and deletes them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from operated import Operated

pytestmark = [pytest.mark.local, pytest.mark.soak, pytest.mark.timeout(1800)]
EXAMPLES = Path(__file__).parents[3] / "examples"
CLOUD = Path(os.environ.get("DEVCLOUD_HOME", "/var/lib/devcloud"))
NAMES = ("ans-one", "ans-two")
USER = "debian"


def _openstack(*arguments: str) -> str:
    environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(CLOUD / "clouds.yaml"), "OS_CLOUD": "devcloud"}
    done = subprocess.run(["openstack", *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def _delete() -> None:
    there = json.loads(_openstack("server", "list", "-f", "json"))
    if ours := [item["ID"] for item in there if item["Name"] in NAMES]:
        _openstack("server", "delete", "--wait", *ours)
    groups = json.loads(_openstack("security", "group", "list", "-f", "json"))
    for group in [item["ID"] for item in groups if item["Name"] == "ans-open"]:
        _openstack("security", "group", "delete", group)


@pytest.fixture(scope="module")
def guests() -> Iterator[list[str]]:
    """Addresses of two servers that take our key."""
    if not (CLOUD / "clouds.yaml").exists() or shutil.which("openstack") is None:
        pytest.skip("needs a cloud for tests and the openstack command")
    _delete()
    _openstack("security", "group", "create", "ans-open")
    _openstack("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "1:65535", "ans-open")
    found = []
    for name in NAMES:
        options = ["--image", "ubuntu", "--flavor", "m1.small", "--network", "private", "--key-name", "devcloud"]
        made = _openstack("server", "create", *options, "--security-group", "ans-open", "--wait", "-f", "json", name)
        found.append(json.loads(made)["addresses"]["private"][0])
    for address in found:
        deadline = time.monotonic() + 120
        while _ssh(address, "true").returncode and time.monotonic() < deadline:
            time.sleep(1)
    yield found
    _delete()


def _ssh(address: str, command: str) -> subprocess.CompletedProcess[str]:
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", f"IdentityFile={CLOUD / 'id_rsa'}"]
    words = ["ssh", *(word for option in options for word in ("-o", option)), f"{USER}@{address}", command]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def _on(tmp_path: Path, example: str, hosts: str) -> Operated:
    """The example beside our playbooks, as it is in a checkout."""
    made = Operated(tmp_path)
    shutil.copytree(EXAMPLES / example, tmp_path / "examples" / example)
    shutil.copytree(EXAMPLES.parent / "playbooks", tmp_path / "playbooks")
    made.directory = tmp_path / "examples" / example
    made.options = {"BBQ_ANSIBLE__HOSTS": hosts, "BBQ_ANSIBLE__PRIVATE_KEY_FILE": str(CLOUD / "id_rsa")}
    return made


def _workers(webui: str) -> list[str]:
    with urllib.request.urlopen(f"{webui}/json/", timeout=10) as answer:
        return sorted(worker["host"] for worker in json.load(answer)["workers"] if worker["state"] == "ALIVE")


def test_spark_on_servers(tmp_path: Path, guests: list[str]) -> None:
    pyspark = pytest.importorskip("pyspark")
    one, two = guests
    spark = _on(tmp_path, "spark-on-servers", f"head={USER}@{one},server[0]={USER}@{two},server[1]={USER}@{one}")
    home = Path(pyspark.__file__).parent
    inputs = ("--input", "secret=of-spark-alone", "--input", f"spark_home={home}")
    spark.ok("up", "service.yaml", "--name", "op", *inputs, timeout=600)
    found = spark.outputs()
    assert found["counted"] == "one:1000 three:3000 two:2000"
    assert _workers(found["webui_url"]) == [two]
    spark.ok("up", "service.yaml", "--name", "op", "--input", "workers=2", timeout=300)
    assert _workers(found["webui_url"]) == sorted([one, two])
    spark.ok("up", "service.yaml", "--name", "op", "--input", "workers=1", timeout=300)
    assert _workers(found["webui_url"]) == [two]
    spark.ok("destroy", "op", "--yes", timeout=300)
    for address in guests:
        assert _ssh(address, "pgrep -u debian -a 'java|python3'; ls -d /tmp/bbq-*").stdout == ""
    spark.nothing_left()


def test_databases_and_a_broker_on_a_server(tmp_path: Path, guests: list[str]) -> None:
    import pika
    import psycopg
    import pymysql

    data = _on(tmp_path, "data-on-servers", f"server={USER}@{guests[0]}")
    data.ok("up", "service.yaml", "--name", "op", "--input", "password=s3cret-words/of@mine", timeout=600)
    urls = data.outputs()
    with psycopg.connect(urls["postgresql_url"]) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    parts = urlsplit(urls["mariadb_url"])
    database = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 0,
        user=parts.username,
        password=unquote(parts.password or ""),
        database=parts.path[1:],
    )
    assert "MariaDB" in database.get_server_info()
    database.close()
    broker = pika.BlockingConnection(pika.URLParameters(urls["rabbitmq_url"]))
    channel = broker.channel()
    channel.confirm_delivery()
    channel.queue_declare("q")
    channel.basic_publish("", "q", b"hello")
    assert channel.basic_get("q", auto_ack=True)[2] == b"hello"
    broker.close()
    assert "nothing to do" in data.ok("up", "service.yaml", "--name", "op", timeout=300)
    data.ok("destroy", "op", "--yes", timeout=300)
    assert _ssh(guests[0], "pgrep -u debian -a 'postgres|mariadbd|beam|epmd|python3'; ls -d /tmp/bbq-*").stdout == ""
    data.nothing_left()
