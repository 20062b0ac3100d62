"""SQLite: a file of its own, readable by this user only. No process, no password."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from bbq.engine.contract import Check, Handle, PermanentFault, Wanted
from bbq.errors import BbqError
from bbq.handles import database_of
from bbq.providers.local.databases import schema_text
from bbq.providers.local.files import is_full
from bbq.providers.local.process import NodeDir, ProcessResource, Unit
from bbq.topology.values import Secret


class SQLite(ProcessResource):
    type = "bbq.nodes.local.SQLite"
    updatable = frozenset({"schema_file"})
    ignored = frozenset({"user", "password", "port"})
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 30.0, "delete": 30.0}

    def prepare(self, node: NodeDir, wanted: Wanted) -> None:
        path = node.directory("data") / f"{wanted.properties['database']}.db"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))  # its side files get the same mode
        schema = schema_text(wanted)
        try:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30.0)) as connection:
                connection.execute("pragma journal_mode = wal")  # readers beside a writer; stays with the file
                if schema is not None:
                    _apply(connection, *schema)
        except sqlite3.Error as error:
            if is_full(path):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
            raise PermanentFault(f"{path}: {error}") from None

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        return {}

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        path = str(node.path / "data" / f"{wanted.properties['database']}.db")
        return {"url": Secret(f"sqlite://{quote(path)}"), "database": path, "engine": "sqlite"}

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        try:
            database_of(handle.attributes).query("select count(*) from sqlite_schema")
        except (BbqError, sqlite3.Error) as error:
            return Check(False, str(error), failed=True)
        return Check(True, "the file opens")


def _apply(connection: sqlite3.Connection, name: str, text: str) -> None:
    """Run the script unless it was run before: it and its mark are one transaction."""
    connection.execute(
        "create table if not exists bbq_applied_schema (file text primary key, at text default current_timestamp)"
    )
    if connection.execute("select 1 from bbq_applied_schema where file = ?", [name]).fetchone():
        return
    mark = name.replace("'", "''")
    try:
        connection.executescript(
            f"begin immediate;\n{text}\n;insert into bbq_applied_schema (file) values ('{mark}');\ncommit;"
        )
    except sqlite3.Error as error:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise
        raise PermanentFault(
            f"{name}: {error}", hint="the script must be SQL that SQLite takes, without BEGIN and COMMIT"
        ) from None
