"""What is pure of databases: URLs by engine, names that are tags, states, users."""

from __future__ import annotations

from typing import Any

import pytest

from bbq.engine.contract import PermanentFault, Tag
from bbq.providers.openstack.database_instance import address, name_of, state_of, tag_of
from bbq.providers.openstack.database_users import wanted_users
from bbq.providers.openstack.engines import attributes, engine_of
from bbq.topology.values import Secret
from bbq.tosca.units import gibibytes

GIVEN = {"database": "app", "user": "me", "password": Secret("p@ss/word")}


@pytest.mark.parametrize(
    ("datastore", "engine", "url"),
    [
        ("mysql", "mysql", "mysql://me:p%40ss%2Fword@10.0.0.7:3306/app"),
        ("percona-8", "mysql", "mysql://me:p%40ss%2Fword@10.0.0.7:3306/app"),
        ("mariadb", "mariadb", "mysql://me:p%40ss%2Fword@10.0.0.7:3306/app"),
        ("PostgreSQL", "postgresql", "postgresql://me:p%40ss%2Fword@10.0.0.7:5432/app"),
        ("mongodb", "mongodb", "mongodb://me:p%40ss%2Fword@10.0.0.7:27017/app"),
        ("redis", "redis", "redis://10.0.0.7:6379"),
        ("cassandra", "cassandra", "cassandra://me:p%40ss%2Fword@10.0.0.7:9042/app"),
        ("couchdb", "couchdb", "http://me:p%40ss%2Fword@10.0.0.7:5984/app"),
    ],
)
def test_urls(datastore: str, engine: str, url: str) -> None:
    kind = engine_of(datastore)
    found = attributes(kind, "10.0.0.7", kind.port, GIVEN)
    assert found["url"].reveal() == url and found["engine"] == engine
    assert found["host"] == "10.0.0.7" and found["port"] == kind.port
    assert ("password" in found) == (engine != "redis")
    assert "p@ss" not in repr(found) and "p%40ss" not in repr(found)


def test_an_unknown_engine_has_no_port() -> None:
    assert (engine_of("orientdb").name, engine_of("orientdb").port) == ("orientdb", 0)


@pytest.mark.parametrize("node", ["db", "db.instance", "a.copy[12]", "x" * 150, "with-dash", "odd name/with:things", "y" * 300])
def test_a_name_is_a_tag(node: str) -> None:
    tag = Tag("my-exp", "0123456789abcdef", node, 3)
    name = name_of(tag)
    assert len(name) <= 255
    found = tag_of(name, "my-exp", "0123456789abcdef")
    assert found is not None
    if len(node) < 200 and " " not in node:
        assert found.node == node
    assert tag_of(name, "my-exp", "1123456789abcdef") is None
    other = Tag("my-exp", "0123456789abcdef", node + "-", 3)
    assert name_of(other) != name


@pytest.mark.parametrize(
    ("status", "guest", "ready", "failed"),
    [
        ("BUILD", "", False, False),
        ("ACTIVE", "HEALTHY", True, False),
        ("ACTIVE", "", False, False),
        ("ACTIVE", "SHUTDOWN", False, False),
        ("ACTIVE", None, True, False),
        ("RESTART_REQUIRED", "HEALTHY", True, False),
        ("BACKUP", "HEALTHY", True, False),
        ("RESIZE", "", False, False),
        ("SHUTDOWN", "", False, False),
        ("ERROR", "", False, True),
        ("FAILED", None, False, True),
    ],
)
def test_states(status: str, guest: str | None, ready: bool, failed: bool) -> None:
    item: dict[str, Any] = {"status": status} | ({} if guest is None else {"operating_status": guest})
    state = state_of(item)
    assert (state.ready, state.failed) == (ready, failed)
    assert ready or state.detail


def test_the_ipv4_address_and_the_public_one_first() -> None:
    private, public = {"address": "10.0.0.5", "type": "private"}, {"address": "172.24.4.9", "type": "public"}
    sixth = {"address": "fd00::5", "type": "public"}
    assert address({"addresses": [sixth, private, public]}) == "172.24.4.9"
    assert address({"addresses": [sixth, private]}) == "10.0.0.5"
    assert address({"ip": ["fd00::5", "10.0.0.6"]}) == "10.0.0.6"
    assert address({"addresses": [sixth]}) is None
    assert address({}) is None


def test_users() -> None:
    users = {"reader": {"password": Secret("r"), "databases": ["other"]}, "writer": {"password": Secret("w"), "host": "10.%"}}
    wanted = wanted_users({**GIVEN, "databases": ["other", "app"], "users": users})
    assert wanted.databases == ("app", "other")
    assert [(user.name, user.host, user.databases) for user in wanted.users] == [
        ("me", "%", ("app", "other")),
        ("reader", "%", ("other",)),
        ("writer", "10.%", ("app",)),
    ]
    shown = wanted.attributes(engine_of("mysql"), "h", 1)
    assert shown["users"]["reader"]["url"].reveal() == "mysql://reader:r@h:1/other"
    with pytest.raises(PermanentFault, match="which `databases` does not name"):
        wanted_users({**GIVEN, "users": {"x": {"password": Secret("x"), "databases": ["nowhere"]}}})
    with pytest.raises(PermanentFault, match="owner"):
        wanted_users({**GIVEN, "users": {"me": {"password": Secret("x")}}})


@pytest.mark.parametrize(
    ("size", "gib"), [("1 GiB", 1), ("1 GB", 1), ("5 GB", 5), ("1.5 GiB", 2), (2**30 + 1, 2), ("100 MB", 1)]
)
def test_sizes_are_rounded_up(size: Any, gib: int) -> None:
    assert gibibytes(size) == gib
