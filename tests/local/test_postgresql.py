"""PostgreSQL on this machine: as root and not, killed and found again, with nothing left in the end."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from disks import small_disk
from single_node import SingleNode, single_node, until

from bbq.engine.contract import ConfigurationFault, PermanentFault, QuotaFault
from bbq.errors import BbqError
from bbq.handles import database_of
from bbq.providers.local import postgresql, privilege
from bbq.providers.supervisor import proc
from bbq.topology.values import Secret

pytestmark = pytest.mark.local

TYPE = "bbq.nodes.local.PostgreSQL"
PASSWORD = "it's a \\ \"p@ss/w:rd#?%"
PROPERTIES: dict[str, Any] = {"user": "app", "database": "app", "password": Secret(PASSWORD), "port": 0}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SingleNode]:
    with single_node(tmp_path, TYPE, PROPERTIES) as node:
        yield node


def segments_of(pids: set[int]) -> list[str]:
    """System V shared memory that these processes made (proc(5), the fifth column)."""
    return [line for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:] if int(line.split()[4]) in pids]


def test_login_rows_and_a_refused_password(node: SingleNode) -> None:
    attributes = node.up()
    database = database_of(attributes)
    database.execute("create table t (id int primary key, text text)")
    assert database.execute("insert into t values (%s, %s)", [1, "ü"]) == 1
    assert database.query("select * from t") == [{"id": 1, "text": "ü"}]
    assert (attributes["engine"], attributes["host"], attributes["user"], attributes["database"]) == (
        "postgresql",
        "127.0.0.1",
        "app",
        "app",
    )
    for user, password, name in (("app", "wrong", "app"), ("bbq_superuser", PASSWORD, "app"), ("app", "", "app")):
        with pytest.raises(psycopg.OperationalError, match=r"password"):
            psycopg.connect(host="127.0.0.1", port=attributes["port"], user=user, password=password, dbname=name)
    (role,) = database.query("select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = 'app'")
    assert not any(role.values())


def test_only_loopback_and_only_for_us(node: SingleNode) -> None:
    attributes = node.up()
    port = f":{attributes['port']:04X} "
    listening = [
        line for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines() if port in line
    ]
    assert listening and all(line.split()[1].startswith("0100007F") for line in listening if line.split()[3] == "0A")
    for path in node.state_dir.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert not path.stat().st_mode & 0o077, path
    secret = [path for path in node.state_dir.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secret)
    assert not any(PASSWORD in text for text in node.told("cmdline").values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to change to")
@pytest.mark.parametrize("namespaces", [True, False])
def test_as_root_it_is_not_root(node: SingleNode, monkeypatch: pytest.MonkeyPatch, namespaces: bool) -> None:
    if namespaces and not privilege.user_namespaces():
        pytest.skip("user namespaces are refused here")
    monkeypatch.setattr(privilege, "user_namespaces", lambda: namespaces)
    attributes = node.up()
    assert database_of(attributes).query("select 1 as one") == [{"one": 1}]
    servers = [text for text in node.told("status").values() if text.startswith("Name:\tpostgres\n")]
    assert servers
    for text in servers:
        status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        assert int(status["CapEff"], 16) == 0
        assert status["Uid"].split()[0] == ("0" if namespaces else "65534")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to change to")
def test_programs_that_nobody_can_read_are_copied(node: SingleNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    private = tmp_path / "private"
    found = postgresql.programs()
    assert found
    private.mkdir(mode=0o700)
    parts = postgresql.parts(found)
    root = Path(os.path.commonpath(parts))
    for part in parts:
        shutil.copytree(part, private / part.relative_to(root), symlinks=True)
    monkeypatch.setattr(privilege, "user_namespaces", lambda: False)
    monkeypatch.setattr(postgresql, "programs", lambda: private / found.relative_to(root))
    assert database_of(node.up()).query("select 1 as one") == [{"one": 1}]


def test_the_schema_runs_once_as_the_owner(node: SingleNode, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(
        "create table t (id serial primary key, owner text default current_user);\n"
        "create function f() returns int language sql as $$ select 1; $$;\ninsert into t default values;\n-- 100 % sure\n"
    )
    node.with_properties(schema_file="schema.sql")
    database = database_of(node.up())
    assert node.check().ok
    assert database.query("select * from t") == [{"id": 1, "owner": "app"}]
    (tmp_path / "more.sql").write_text("insert into t default values")
    node.handle = node.resource.update(node.handle, node.with_properties(schema_file="more.sql"), frozenset({"schema_file"}))
    assert node.check().ok and node.check().ok
    assert database.query("select count(*) as n from t") == [{"n": 2}]


def test_a_schema_with_a_mistake_fails_with_its_line_and_leaves_nothing(node: SingleNode, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table t (id int);\n\ncreate tabel u (id int);\n")
    node.with_properties(schema_file="schema.sql")
    handle = node.create()
    check = node.check()
    assert check.failed
    assert check.detail == 'schema.sql: line 3: syntax error at or near "tabel"'
    assert database_of(handle.attributes).query("select * from pg_tables where schemaname = 'public'") == []


def test_a_missing_schema_file(node: SingleNode) -> None:
    node.with_properties(schema_file="nowhere.sql")
    with pytest.raises(ConfigurationFault, match=r"nowhere\.sql"):
        node.create()


@pytest.mark.parametrize("properties", [{"user": "bbq_superuser"}, {"user": "pg_x"}, {"database": "postgres"}])
def test_reserved_names(node: SingleNode, properties: dict[str, str]) -> None:
    node.with_properties(**properties)
    with pytest.raises(PermanentFault, match="keeps that name"):
        node.create()


def test_an_interrupted_initialisation_is_done_again(node: SingleNode) -> None:
    handle = node.create()
    node.resource.delete(handle, node.wanted.tag)
    half = node.state_dir / "nodes" / handle.id / "data.new"
    half.mkdir(parents=True, mode=0o700)
    (half / "PG_VERSION").write_text("18\n")
    assert database_of(node.up()).query("select 1 as one") == [{"one": 1}]


def test_a_killed_server_comes_back_with_its_data(node: SingleNode) -> None:
    attributes = node.up()
    database = database_of(attributes)
    database.execute("create table t as select 1 as id")
    for process, name in node.told("comm").items():
        if name == "postgres\n":
            proc.send(process, signal.SIGKILL)
    assert node.check().ok
    assert database.query("select id from t") == [{"id": 1}]


def test_found_again_after_everything_was_killed(node: SingleNode) -> None:
    attributes = node.up()
    database_of(attributes).execute("create table t as select 1 as id")
    node.kill()
    state = node.state()
    assert state is not None and state.failed
    found = node.resource.find(node.wanted.tag)
    assert found == node.handle
    assert node.up() == attributes
    assert database_of(attributes).query("select id from t") == [{"id": 1}]
    pids = {process.pid for process in node.processes()}
    assert segments_of(pids)
    node.kill()
    node.delete()
    assert not segments_of(pids)


def test_delete_twice_and_of_nothing(node: SingleNode) -> None:
    node.up()
    node.delete()
    node.delete()
    assert node.state() is None


def test_a_new_password_and_port_in_place(node: SingleNode) -> None:
    attributes = node.up()
    database_of(attributes).execute("create table t as select 1 as id")
    wanted = node.with_properties(password=Secret("another '\\ one"), port=attributes["port"])
    node.handle = node.resource.update(node.handle, wanted, frozenset({"password", "port"}))
    assert node.check().ok
    assert database_of(node.handle.attributes).query("select id from t") == [{"id": 1}]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(attributes["url"].reveal())


def test_a_full_disk(tmp_path: Path) -> None:
    """Not enough for its files, then not for its log: both times it works as soon as there is room and somebody asks for it."""
    with small_disk(tmp_path / "disk", "200m") as disk, single_node(tmp_path / "disk", TYPE, PROPERTIES) as node:
        disk.fill(room=20_000_000)
        with pytest.raises(QuotaFault, match="No space left") as caught:
            node.create()
        assert caught.value.hint
        disk.make_room()
        database = database_of(node.up())
        database.execute("create table t as select 7 as n")
        disk.fill(room=5_000_000)
        with pytest.raises((psycopg.Error, BbqError)):
            for _ in range(100):
                database.query("select pg_logical_emit_message(false, 'x', repeat('x', 1000000))")
        until(lambda: node.state().failed)
        disk.make_room()
        node.handle = node.resource.update(node.handle, node.wanted, frozenset())
        check = node.check()
        assert check.ok, check.detail
        assert database_of(node.handle.attributes).query("select n from t") == [{"n": 7}]
