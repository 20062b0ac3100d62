"""The database, PostgreSQL or MariaDB, from the variables that the deployment hands over (DB_ENGINE, DB_HOST, ...)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

STARTED, FINISHED, FAILED = "STARTED", "FINISHED", "FAILED"


class Store:
    """One connection. `%s` stands for a parameter in both engines."""

    def __init__(self, connection: Any, engine: str) -> None:
        self._connection = connection
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[Store]:
        try:
            yield self
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """The number of rows that changed."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql, parameters)
            return cursor.rowcount

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def insert_once(self, table: str, key: str, values: Mapping[str, Any]) -> bool:
        """Insert a row unless one with that key is there; true where it was not. Names are this program's own."""
        columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        same = f"ON CONFLICT ({key}) DO NOTHING" if self._engine == "postgresql" else f"ON DUPLICATE KEY UPDATE {key} = {key}"
        return self.run(f"INSERT INTO {table} ({columns}) VALUES ({marks}) {same}", list(values.values())) == 1

    def close(self) -> None:
        self._connection.close()


def open_store() -> Store:
    engine, host, port = os.environ["DB_ENGINE"], os.environ["DB_HOST"], int(os.environ["DB_PORT"])
    user, password, database = os.environ["DB_USER"], os.environ["DB_PASSWORD"], os.environ["DB_DATABASE"]
    if engine == "postgresql":
        import psycopg

        return Store(psycopg.connect(host=host, port=port, user=user, password=password, dbname=database), engine)
    import pymysql

    return Store(pymysql.connect(host=host, port=port, user=user, password=password, database=database), engine)
