"""A template that says nothing of OpenStack, with a database and queues: made by Trove and Zaqar, used, taken away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from bbq.handles import open_database, open_queue
from bbq.providers.openstack.session import Cloud
from tests.openstack.tools import Cli, servers

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 } ]
service_template:
  node_templates:
    db: { type: bbq.nodes.Database, properties: { engine: mariadb, schema_file: schema.sql } }
    packets: { type: bbq.nodes.MessageQueue, properties: { queues: [ packets, control ] } }
  outputs:
    db: { value: { $get_attribute: [ db, url ] } }
    packets: { value: { $get_attribute: [ packets, url ] } }
    host: { value: { $get_attribute: [ db, host ] } }
"""
WORK = """\
import os
from bbq.handles import open_database, open_queue
database = open_database(os.environ["DB_URL"])
with open_queue(os.environ["PACKETS_URL"], "packets") as queue:
    for message in queue.messages(idle=2):
        database.execute("insert into seen (id, service) values (%s, %s)", [message.id, message.body["service"]])
        message.ack()
"""


@pytest.fixture(autouse=True)
def trove(services: Callable[..., None], cli: Cli) -> None:
    services("cinder", "trove")
    cli.environment["BBQ_OPENSTACK__NETWORK"] = "private"
    (cli.directory / "data.yaml").write_text(TEMPLATE)
    (cli.directory / "schema.sql").write_text("create table seen (id varchar(64) primary key, service varchar(20));\n")


@pytest.fixture
def name(name: str, cloud: Cloud) -> Iterator[str]:
    yield name
    client = {"Client-ID": "2e8e6ad3-4f17-4d0e-8f57-5b3e4f2b8b1a"}
    for item in cloud.get("database", "/instances", "list")["instances"]:
        if item["name"].startswith(name):
            cloud.delete("database", f"/instances/{item['id']}", "clean up")
    for item in cloud.get("message", "/queues", "list", headers=client)["queues"]:
        if item["name"].startswith(name):
            cloud.delete("message", f"/queues/{item['name']}", "clean up", headers=client)


def test_a_database_and_queues_as_a_user_has_them(cli: Cli, cloud: Cloud, name: str) -> None:
    assert "4 to create" in cli("plan", "data.yaml", "--provider", "openstack", "--name", name, "--detailed-exitcode", code=3)
    cli("up", "data.yaml", "--provider", "openstack", "--name", name)
    hidden = cli("outputs", name)
    assert hidden.count("********") == 2
    found = cli.json("outputs", name, "--show-secrets")["outputs"]
    assert f"@{found['host']}:3306/app" in found["db"]

    cli("queue", name, "packets", "send", '{"service": "web"}', '{"service": "db"}', '{"service": "web"}')
    cli("queue", name, "packets", "--queue", "control", "send", '"stop"', "--delay", "2s")
    done = subprocess.run(
        [sys.executable, "-c", WORK],
        env={**cli.environment, "DB_URL": found["db"], "PACKETS_URL": found["packets"]},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = open_database(found["db"]).query("select service, count(*) as n from seen group by service order by service")
    assert rows == [{"service": "db", "n": 1}, {"service": "web", "n": 2}]
    with open_queue(found["packets"], "packets") as queue, open_queue(found["packets"], "control") as control:
        assert queue.stats().backlog == 0
        last = control.pop(wait=30)
        assert last is not None and last.body == "stop"
    assert "nothing differs" in cli("drift", name)
    assert "nothing to do" in cli("up", "data.yaml", "--provider", "openstack", "--name", name)
    for secret in (found["db"].split(":")[2].split("@")[0], found["packets"].rsplit("%3A", 1)[1]):
        for file in cli.directory.rglob("journal.db*"):
            assert secret.encode() not in file.read_bytes()
        assert secret not in cli("events", name) + cli("status", name)
    cli("destroy", name, "--yes")
    assert servers(cloud, name) == []
    assert [item for item in cloud.get("database", "/instances", "list")["instances"] if item["name"].startswith(name)] == []


def test_a_cloud_without_these_services(cli: Cli, name: str, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers take their place; where the services are asked for, both are said, with what would do instead."""
    import bbq
    from bbq.errors import ConfigurationError

    real = Cloud.has
    template = cli.directory / "data.yaml"
    monkeypatch.setenv("XDG_STATE_HOME", str(cli.directory / "state"))
    for option, value in (("KEY_NAME", "devcloud"), ("NETWORK", "private"), ("IMAGE", "ubuntu")):
        monkeypatch.setenv(f"BBQ_OPENSTACK__{option}", value)
    with monkeypatch.context() as patch:
        patch.setattr(Cloud, "has", lambda self, service: service not in ("database", "message") and real(self, service))
        plan = bbq.plan(str(template), provider="openstack", name=name)
        assert {"db.server", "db.database", "packets.server", "packets.broker"} < set(plan.steps)
        text = TEMPLATE.replace("engine: mariadb", "engine: mariadb, implementation: trove")
        template.write_text(text.replace("queues: [ packets", "implementation: zaqar, queues: [ packets"))
        with pytest.raises(ConfigurationError) as caught:
            bbq.deploy(str(template), provider="openstack", name=name)
    text = str(caught.value)
    assert "no database (Trove) service, which makes db.instance; a bbq.nodes.Database with `implementation: server`" in text
    assert (
        "no messaging (Zaqar) service, which makes packets.queue; a bbq.nodes.MessageQueue with `implementation: server`"
        in text
    )
