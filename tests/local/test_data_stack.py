"""Databases, queues and object stores from a template: which component stands for them, and that they work together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bbq
from bbq.errors import UsageError

pytestmark = pytest.mark.local

TEMPLATE = """
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
    db: { type: bbq.nodes.Database, properties: { database: shop, user: owner, schema_file: schema.sql } }
    file: { type: bbq.nodes.Database, properties: { engine: sqlite, schema_file: schema.sql } }
    jobs: { type: bbq.nodes.MessageQueue }
    two: { type: bbq.nodes.MessageQueue, properties: { queues: [ in, out ] } }
    store: { type: bbq.nodes.ObjectStore, properties: { buckets: [ results ] } }
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "service.yaml"
    path.write_text(TEMPLATE)
    (tmp_path / "schema.sql").write_text("create table t (id integer primary key);\ninsert into t values (7);\n")
    return path


@pytest.mark.parametrize(
    ("kind", "engine", "member"),
    [
        ("Database", "postgresql", "PostgreSQL"),
        ("Database", "mariadb", "MariaDB"),
        ("Database", "sqlite", "SQLite"),
        ("MessageQueue", "nats", "NatsServer"),
        ("MessageQueue", "rabbitmq", "RabbitMQ"),
    ],
)
def test_the_engine_chooses_the_component(tmp_path: Path, kind: str, engine: str, member: str) -> None:
    import bbq.topology
    import bbq.tosca

    path = tmp_path / "service.yaml"
    node = f"    it: {{ type: bbq.nodes.{kind}, properties: {{ engine: {engine} }} }}\n"
    path.write_text(TEMPLATE[: TEMPLATE.index("    db:")] + node)
    service, found = bbq.tosca.load(str(path))
    assert service is not None and found == []
    topology, found = bbq.topology.build(service, inputs={}, provider="local")
    assert topology is not None and found == []
    (name,) = topology.nodes["it"].members
    assert topology.nodes[name].type == f"bbq.nodes.local.{member}"
    assert {"url", "engine"} <= topology.nodes["it"].attributes.keys()


def test_a_data_stack(template: Path) -> None:
    with bbq.ephemeral(str(template), provider="local") as d:
        for name in ("db", "file"):
            assert d.nodes[name].database.query("select id from t") == [{"id": 7}]
        queue: Any = d.nodes["jobs"].queue
        assert queue.name == "jobs"
        queue.send({"n": 1})
        message = queue.pop(wait=30)
        assert message.body == {"n": 1}
        assert d.nodes["two"].queue.name == "in"
        with pytest.raises(UsageError):
            bbq.handles.queue_of(d.nodes["two"].attributes, "other")
        queue.close()
