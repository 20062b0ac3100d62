"""A deployed database: connections, and rows as dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from bbq.errors import ConfigurationError, UnreachableError, UsageError
from bbq.handles.urls import split, without_password

CONNECT_SECONDS = 10

Parameters = Sequence[Any] | Mapping[str, Any]


class Database:
    """The database at `url`: `postgresql://user:password@host:port/name`, `mysql://...` or `sqlite:///absolute/path`.

    Each `query` and `execute` opens a connection, is one transaction, and closes it. Placeholders are those of the engine's
    driver: `%s` or `%(name)s` for PostgreSQL (psycopg) and MariaDB (PyMySQL), `?` or `:name` for SQLite.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._parts = split(url)
        scheme = self._parts.scheme.partition("+")[0]
        self.engine = {"postgresql": "postgresql", "postgres": "postgresql", "mysql": "mariadb", "mariadb": "mariadb"}.get(
            scheme, scheme
        )
        if self.engine not in ("postgresql", "mariadb", "sqlite"):
            raise UsageError(f"there is no database client for {scheme or 'a URL without a scheme'}")

    def connect(self) -> Any:
        """A new connection of the engine's driver (psycopg, PyMySQL, sqlite3), for the caller to close.

        Raises `ConfigurationError` (login refused, no such database, driver not installed) or `UnreachableError`.
        """
        return {"postgresql": self._postgresql, "mariadb": self._mariadb, "sqlite": self._sqlite}[self.engine]()

    def query(self, sql: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """The rows that a statement returns, each as {column: value}."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []
            connection.commit()
            return rows
        finally:
            connection.close()

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement and commit it; the number of rows that it changed (-1 where that has no meaning)."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            connection.commit()
            return int(cursor.rowcount)
        finally:
            connection.close()

    def _postgresql(self) -> Any:
        psycopg = _driver("psycopg")
        try:
            return psycopg.connect(self._url, connect_timeout=CONNECT_SECONDS)
        except psycopg.OperationalError as error:
            # A refused login comes without a SQLSTATE from libpq; its text has the server's own words, never the password.
            text = str(error)
            raise self._refused(text) if "FATAL" in text and "starting up" not in text else self._unreachable(text) from None

    def _mariadb(self) -> Any:
        pymysql = _driver("pymysql")
        parts = self._parts
        try:
            return pymysql.connect(
                host=parts.hostname,
                port=parts.port or 3306,
                user=unquote(parts.username or ""),
                password=unquote(parts.password or ""),
                database=parts.path.lstrip("/"),
                charset="utf8mb4",
                connect_timeout=CONNECT_SECONDS,
            )
        except pymysql.err.OperationalError as error:
            code, text = error.args[0], str(error.args[-1])
            # 1044, 1045: access denied; 1049: unknown database; 1698: access denied without a password
            raise self._refused(text) if code in (1044, 1045, 1049, 1698) else self._unreachable(text) from None

    def _sqlite(self) -> Any:
        import sqlite3

        path = unquote(self._parts.path)
        try:
            connection = sqlite3.connect(f"file:{path.replace('?', '%3f').replace('#', '%23')}?mode=rw", uri=True)
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.OperationalError as error:
            raise self._unreachable(f"{path}: {error}") from None
        return connection

    def _refused(self, text: str) -> ConfigurationError:
        return ConfigurationError(
            f"the database at {without_password(self._url)} refused the login: {_line(text)}",
            hint="check the user, the password and the database's name in its URL",
        )

    def _unreachable(self, text: str) -> UnreachableError:
        return UnreachableError(f"the database at {without_password(self._url)} does not answer: {_line(text)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._url,)

    def __repr__(self) -> str:
        return f"<database {without_password(self._url)}>"


def _line(text: str) -> str:
    """The last line, which has the server's answer where there is one."""
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"


def _driver(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise ConfigurationError(f"the Python package {name} is not installed", hint="pip install 'bbq[local]'") from None
