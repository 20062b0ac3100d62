"""The schema file of a database: run once, as its owner, by the first login that succeeds.

What was run stands in the database itself, so that it is known whoever asks, and whatever died in between.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bbq.errors import ConfigurationError

_MILLISECONDS: Final = 60_000


def read(directory: str, name: str) -> str:
    """The text of a schema file that a template in `directory` names. Raises `ConfigurationError`."""
    path = Path(directory, name)
    if path.exists() and not path.is_file():  # reading a FIFO or a device may never end
        raise ConfigurationError(f"the schema file {path} is not a file")
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the schema file {path} cannot be read: {error.strerror}", hint="schema_file is relative to the template"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the schema file {path} is not UTF-8 text") from None


def apply_postgresql(connection: Any, name: str, text: str) -> str | None:
    """Run the script unless it was run before; what is wrong with it (`line 3: syntax error at ...`). It and its mark are one
    transaction, whatever dies in between. Raises `psycopg.OperationalError` where the server goes away."""
    import psycopg

    try:
        connection.execute(f"set local statement_timeout = {_MILLISECONDS}")
        connection.execute("create schema if not exists bbq")
        connection.execute(
            "create table if not exists bbq.applied_schema (file text primary key, at timestamptz default now())"
        )
        connection.execute("lock table bbq.applied_schema in exclusive mode")
        if connection.execute("select 1 from bbq.applied_schema where file = %s", [name]).fetchone() is None:
            connection.execute(text.encode())
            connection.execute("insert into bbq.applied_schema (file) values (%s)", [name])
        connection.commit()
    except psycopg.Error as error:
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:  # the connection, not the script
            raise
        said = error.diag.message_primary or str(error).strip()
        position = error.diag.statement_position
        return f"{name}: " + (f"line {text.count(chr(10), 0, int(position) - 1) + 1}: {said}" if position else said)
    return None


def apply_mariadb(connection: Any, database: str, name: str, text: str) -> str | None:
    """Run the script unless it was run before; what went wrong. Statements that define something commit by themselves, so a
    script that was cut short by a crash is run again on an empty database: before the first one is through, nobody uses it.
    Raises `pymysql.err.MySQLError` for what does not come from the script."""
    import pymysql
    from pymysql.constants import CLIENT

    cursor = connection.cursor()
    cursor.execute(
        "create table if not exists bbq_applied_schema"
        " (file varchar(700) primary key, done boolean not null, at timestamp default current_timestamp)"
    )
    cursor.execute("select file, done from bbq_applied_schema")
    known = dict(cursor.fetchall())
    if known.get(name):
        return None
    if name in known:
        if any(known.values()):
            return f"{name} was cut short by a crash, on a database in use: finish it by hand and mark it in bbq_applied_schema"
        quoted = "`" + database.replace("`", "``") + "`"
        cursor.execute(f"drop database {quoted}")
        cursor.execute(f"create database {quoted} character set utf8mb4")
        connection.select_db(database)
        return apply_mariadb(connection, database, name, text)
    cursor.execute("insert into bbq_applied_schema (file, done) values (%s, false)", [name])
    connection.commit()
    connection.client_flag |= CLIENT.MULTI_STATEMENTS
    connection.connect()  # again, with that flag
    cursor = connection.cursor()
    try:
        cursor.execute(text)
        while cursor.nextset():
            pass
        connection.commit()
    except pymysql.err.MySQLError as error:
        return f"{name}: {error.args[-1]}"
    cursor.execute("update bbq_applied_schema set done = true where file = %s", [name])
    connection.commit()
    return None
