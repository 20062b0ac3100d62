"""Databases and brokers on servers of a real cloud: logins work, the schema is there, queues carry messages."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest

from bbq.handles import open_queue
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.guests import use_guests
from tests.openstack.tools import Cli, servers, stacks

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    q: { type: bbq.nodes.MessageQueue, properties: { implementation: server, queues: [ a, b ] } }
    p: { type: bbq.nodes.Database, properties: { implementation: server, schema_file: s.sql } }
    m: { type: bbq.nodes.Database, properties: { implementation: server, engine: mariadb, port: 3307, schema_file: s.sql } }
  outputs:
    q: { type: bbq.datatypes.Secret, value: { $get_attribute: [ q, url ] } }
    p: { type: bbq.datatypes.Secret, value: { $get_attribute: [ p, url ] } }
    m: { type: bbq.datatypes.Secret, value: { $get_attribute: [ m, url ] } }
"""


def test_data_on_servers(cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str) -> None:
    psycopg, pymysql = pytest.importorskip("psycopg"), pytest.importorskip("pymysql")
    use_guests(cli, testcloud)
    (cli.directory / "data.yaml").write_text(TEMPLATE)
    (cli.directory / "s.sql").write_text("CREATE TABLE t (a integer);")
    cli("up", "data.yaml", "--provider", "openstack", "--name", name)
    urls = cli.json("outputs", name, "--show-secrets")["outputs"]
    with psycopg.connect(urls["p"]) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (0,)
    parts = urlsplit(urls["m"])
    assert parts.port == 3307
    login = {"user": parts.username, "password": unquote(parts.password or ""), "database": parts.path[1:]}
    database = pymysql.connect(host=parts.hostname, port=parts.port, **login)
    with database.cursor() as cursor:
        assert cursor.execute("select * from t") == 0
    database.close()
    for queue in ("a", "b"):
        with open_queue(urls["q"], queue) as opened:
            opened.send({"to": queue})
            assert [message.body for message in opened.receive(1, wait=5)] == [{"to": queue}]
    assert "nothing to do" in cli("plan", "data.yaml", "--provider", "openstack", "--name", name)
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)
