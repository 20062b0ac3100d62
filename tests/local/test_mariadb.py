"""MariaDB on this machine, where it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from single_node import SingleNode, single_node

from bbq.engine.contract import ConfigurationFault, PermanentFault
from bbq.errors import ConfigurationError
from bbq.handles import database_of
from bbq.providers.local import mariadb, privilege
from bbq.topology.model import Node
from bbq.topology.values import Secret

pytestmark = pytest.mark.local
installed = pytest.mark.skipif(mariadb.programs() is None, reason="MariaDB is not installed")

TYPE = "bbq.nodes.local.MariaDB"
PASSWORD = "it's a \\ \"p@ss/w:rd#?%"
PROPERTIES: dict[str, Any] = {"user": "app", "database": "app", "password": Secret(PASSWORD), "port": 0}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SingleNode]:
    with single_node(tmp_path, TYPE, PROPERTIES) as node:
        yield node


@installed
@pytest.mark.parametrize("namespaces", [True, False])
def test_login_rows_and_who_is_refused(node: SingleNode, monkeypatch: pytest.MonkeyPatch, namespaces: bool) -> None:
    if namespaces and not privilege.user_namespaces():
        pytest.skip("user namespaces are refused here")
    monkeypatch.setattr(privilege, "user_namespaces", lambda: namespaces)
    attributes = node.up()
    database = database_of(attributes)
    database.execute("create table t (id int primary key, text text)")
    assert database.execute("insert into t values (%s, %s)", [1, "ü"]) == 1
    assert database.query("select * from t") == [{"id": 1, "text": "ü"}]
    with pytest.raises(ConfigurationError, match="refused the login"):
        database_of({"url": attributes["url"].reveal().replace("rd%23", "rong")}).connect()
    for user, password in (("root", ""), ("app", ""), ("nobody", "")):
        with pytest.raises(pymysql.err.OperationalError):
            pymysql.connect(host="127.0.0.1", port=attributes["port"], user=user, password=password)
    (socket,) = [
        path for root in (node.state_dir, Path("/tmp").glob(f"bbq-{node.wanted.tag.deployment_id}/*")) for path in sockets(root)
    ]
    with pytest.raises(pymysql.err.OperationalError):
        pymysql.connect(unix_socket=str(socket), user="root")
    for process in node.processes():
        assert PASSWORD not in Path(f"/proc/{process.pid}/cmdline").read_text()
        if os.geteuid() == 0 and Path(f"/proc/{process.pid}/comm").read_text() == "mariadbd\n":
            assert "CapEff:\t0000000000000000" in Path(f"/proc/{process.pid}/status").read_text()


def sockets(root: Path | Iterator[Path]) -> list[Path]:
    roots = [root] if isinstance(root, Path) else list(root)
    return [path for one in roots for path in one.rglob("*.sock") if path.is_socket()]


@installed
def test_the_schema_runs_once(node: SingleNode, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(
        "create table t (id int auto_increment primary key);\ninsert into t values (); -- 100 %\n"
    )
    node.with_properties(schema_file="schema.sql")
    database = database_of(node.up())
    assert node.check().ok
    assert database.query("select * from t") == [{"id": 1}]
    database.execute("update bbq_applied_schema set done = false")  # as if the client had died in the middle
    assert node.check().ok
    assert database.query("select * from t") == [{"id": 1}]


@installed
def test_a_schema_with_a_mistake(node: SingleNode, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table t (id int);\ncreate tabel u (id int);\n")
    node.with_properties(schema_file="schema.sql")
    node.create()
    check = node.check()
    assert check.failed
    assert "schema.sql: You have an error in your SQL syntax" in check.detail


@installed
def test_killed_and_found_again_with_another_password(node: SingleNode) -> None:
    attributes = node.up()
    database_of(attributes).execute("create table t as select 1 as id")
    node.kill()
    assert node.resource.find(node.wanted.tag) == node.handle
    node.with_properties(password=Secret("another '\\ one"))
    assert database_of(node.up()).query("select id from t") == [{"id": 1}]
    with pytest.raises(ConfigurationError):
        database_of(attributes).connect()


def test_reserved_names(node: SingleNode) -> None:
    node.with_properties(user="root")
    with pytest.raises(PermanentFault, match="keeps that name"):
        node.create()


def test_not_installed(node: SingleNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb, "programs", lambda: None)
    (problem,) = node.provider.preflight([Node("db", TYPE, (TYPE,))])
    assert "db needs MariaDB: install mariadb-server" in problem
    with pytest.raises(ConfigurationFault, match="not installed"):
        node.create()
