"""SQLite and the object store: nodes without a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from disks import small_disk
from single_node import SingleNode, single_node

from bbq.engine.contract import PermanentFault, QuotaFault
from bbq.errors import UnreachableError, UsageError
from bbq.handles import database_of, store_of
from bbq.topology.values import Secret

pytestmark = pytest.mark.local

SQLITE: dict[str, Any] = {"user": "app", "database": "app", "password": Secret("x"), "port": 0}


def private(node: SingleNode) -> None:
    for path in node.state_dir.rglob("*"):
        assert not path.stat().st_mode & 0o077, path


def test_sqlite(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table t (id integer primary key);\ninsert into t values (1); -- the 'end'")
    with single_node(tmp_path, "bbq.nodes.local.SQLite", {**SQLITE, "schema_file": "schema.sql"}) as node:
        attributes = node.up()
        assert node.up() == attributes
        database = database_of(attributes)
        assert database.query("select * from t") == [{"id": 1}]
        assert database.execute("insert into t values (:id)", {"id": 2}) == 1
        private(node)
        (tmp_path / "more.sql").write_text("insert into t values (3)")
        node.handle = node.resource.update(
            node.handle, node.with_properties(schema_file="more.sql"), frozenset({"schema_file"})
        )
        assert node.up() == attributes
        assert database.query("select count(*) as n from t") == [{"n": 3}]
        node.delete()
        with pytest.raises(UnreachableError):
            database.connect()


def test_sqlite_on_a_full_disk(tmp_path: Path) -> None:
    """Wherever it gets full; then there is room again."""
    properties = {**SQLITE, "schema_file": "schema.sql"}
    refused = 0
    with small_disk(tmp_path / "disk") as disk:
        for room in range(0, 120_000, 4096):
            schema = tmp_path / "disk" / "schema.sql"
            schema.write_text("create table t (id integer primary key);\ninsert into t values (1);")
            with single_node(tmp_path / "disk", "bbq.nodes.local.SQLite", properties) as node:
                disk.fill(room)
                try:
                    node.create()
                except QuotaFault as fault:
                    refused += 1
                    assert "No space left" in str(fault) and fault.hint
                disk.make_room()
                assert database_of(node.up()).query("select * from t") == [{"id": 1}]
    assert 0 < refused < 120_000 // 4096


def test_sqlite_with_a_mistake_in_the_schema(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table t (id int);\ncreate tabel u (id int);\n")
    with single_node(tmp_path, "bbq.nodes.local.SQLite", {**SQLITE, "schema_file": "schema.sql"}) as node:
        with pytest.raises(PermanentFault, match=r'schema\.sql: near "tabel": syntax error'):
            node.create()
        (tmp_path / "schema.sql").write_text("create table t (id int);\n")
        assert database_of(node.up()).query("select * from t") == []


def test_object_store(tmp_path: Path) -> None:
    with single_node(tmp_path, "bbq.nodes.local.ObjectStore", {"buckets": ["in-put", "out.put"], "port": 0}) as node:
        attributes = node.up()
        store = store_of(attributes)
        assert attributes["url"].startswith("file:///")
        assert store.buckets() == ["in-put", "out.put"]
        private(node)
        store.put("in-put", "a/b.txt", b"1")
        assert node.up() == attributes
        assert store.get("in-put", "a/b.txt") == b"1"
        node.handle = node.resource.update(
            node.handle, node.with_properties(buckets=["in-put", "more"]), frozenset({"buckets"})
        )
        assert store.buckets() == ["in-put", "more", "out.put"]
        node.delete()
        with pytest.raises(UnreachableError):
            store.buckets()


def test_a_bucket_that_cannot_be(tmp_path: Path) -> None:
    with (
        single_node(tmp_path, "bbq.nodes.local.ObjectStore", {"buckets": ["../up"]}) as node,
        pytest.raises(PermanentFault, match="bucket's name"),
    ):
        node.create()


def test_objects(tmp_path: Path) -> None:
    with single_node(tmp_path, "bbq.nodes.local.ObjectStore", {"buckets": ["one"]}) as node:
        store = store_of(node.up())
        store.put("one", "x", b"old")
        store.put("one", "x", b"new")
        store.put("one", "dir/y", b"")
        store.put("one", "dir/z/w", b"\0")
        assert list(store.list("one")) == ["dir/y", "dir/z/w", "x"]
        assert list(store.list("one", "dir/")) == ["dir/y", "dir/z/w"]
        assert (store.get("one", "x"), store.get("one", "dir/y")) == (b"new", b"")
        store.delete("one", "dir/y")
        store.delete("one", "dir/z/w")
        store.delete("one", "dir/z/w")
        assert list(store.list("one")) == ["x"]
        for key in ("dir/y", "dir", "nothing", "x/y"):
            with pytest.raises(KeyError):
                store.get("one", key)
        for key in ("", "/x", "../x", "a/../../x", "a//b", "a\0", ".put-x"):
            with pytest.raises(UsageError):
                store.put("one", key, b"")
        with pytest.raises(UsageError, match="object and a directory"):
            store.put("one", "x/y", b"")
        with pytest.raises(UsageError, match="no bucket 'two'"):
            store.put("two", "x", b"")
        assert repr(store).startswith("<object store file://")
