"""The journal in an SQLite file: write-ahead log, synchronous FULL, readable by its user only."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from bbq.errors import JournalError
from bbq.journal.model import SCHEMA_VERSION
from bbq.journal.private import make_private_directory, sync_directory
from bbq.journal.sql import SqlJournal

T = TypeVar("T")

APPLICATION_ID: Final = 0x62627131
"""In the file's header (`PRAGMA application_id`), so that another program's database is never taken for a journal."""
BUSY_SECONDS: Final = 20.0
_HEADER_BYTES: Final = 100
"""SQLite takes a file that is even shorter for a new database, and would fill it."""

_HINTS: Final = {
    sqlite3.SQLITE_FULL: "make room on the disk, then: bbq-deploy resume; all changes but the last are written",
    sqlite3.SQLITE_IOERR: "see whether the disk is full or failing; all earlier changes are written",
    sqlite3.SQLITE_READONLY: "the file and its directory must be writable by you; or set [journal] connection",
    sqlite3.SQLITE_CANTOPEN: "the file and its directory must be readable and writable by you; or set [journal] connection",
    sqlite3.SQLITE_PERM: "the file and its directory must be writable by you",
    sqlite3.SQLITE_BUSY: f"another process has been writing for {BUSY_SECONDS:.0f} s; try again",
}


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)


class SqliteJournal(SqlJournal):
    """The journal in the file `path`, made (0600, in a directory made 0700) where there is none; for None one in memory.

    Raises `JournalError` where it is damaged, of a newer version, another program's, or cannot be written.
    """

    one_machine = True  # the write-ahead log is shared through memory

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        super().__init__()
        if path is None:
            self._path, self.place = Path(":memory:"), "nowhere"
            self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._upgrade(self._connection)
            self._transaction = _Transaction(self._connection)
            return
        self._path = Path(path).absolute()
        self.place = str(self._path)
        with self._errors():
            if not self._path.exists():
                self._make()
            size = self._path.stat().st_size
            if size < _HEADER_BYTES:
                self._damaged("it is no SQLite database" if size else "it is empty")
            self._connection = self._open(self._path)
            try:
                self._check()
            except BaseException:
                self._connection.close()
                raise
        self._transaction = _Transaction(self._connection)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # Opening

    def _make(self) -> None:
        """A complete empty journal appears at once or not at all: an empty file is a truncated one, never a new one."""
        if Path(f"{self._path}-wal").exists():
            self._damaged(f"it is gone, but its write-ahead log {self._path.name}-wal is there")
        make_private_directory(self._path.parent)
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.{time.monotonic_ns()}")
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            connection = self._open(temporary)
            try:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._upgrade(connection)
                # Last: what is in a write-ahead log gets into the file when it is closed, and a full disk is not told of then.
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
            try:
                os.link(temporary, self._path)
            except FileExistsError:  # another process was faster: its journal is as good
                pass
            except OSError:  # a file system without hard links
                if not self._path.exists():
                    temporary.rename(self._path)
            sync_directory(self._path.parent)
        finally:
            for name in (temporary, Path(f"{temporary}-wal"), Path(f"{temporary}-shm")):
                name.unlink(missing_ok=True)

    def _open(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path.as_uri() + "?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self) -> None:
        connection = self._connection
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise JournalError(
                f"{self._path} is a database, but not a bbq journal", hint="give another file in [journal] connection"
            )
        self._require_known(self._version(connection))
        if self._version(connection) < SCHEMA_VERSION:
            self._upgrade(connection)

    @staticmethod
    def _version(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._version(connection)  # another process may just have upgraded it
            self._require_known(version)
            self._migrate(_Transaction(connection), version, integer="INTEGER", auto="INTEGER")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("ROLLBACK")
            raise

    # Working

    def _run(self, work: Callable[[Any], T], *, write: bool) -> T:
        with self._lock, self._errors():
            if not write or self._connection.in_transaction:
                return work(self._transaction)
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._transaction)
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.OperationalError):  # a full disk has rolled it back already
                    self._connection.execute("ROLLBACK")
                raise
            return result

    def _now(self, tx: Any) -> float:
        return time.time()

    # Errors

    @contextlib.contextmanager
    def _errors(self) -> Any:
        try:
            yield
        except sqlite3.Error as error:
            self._failed(error)
        except msgspec.MsgspecError as error:
            self._damaged(f"a row cannot be read ({error})")
        except OSError as error:
            raise JournalError(
                f"the journal {self._path} cannot be used: {error.strerror}",
                hint="its directory must exist or be made, be writable and have room; or set [journal] connection",
            ) from None

    def _failed(self, error: sqlite3.Error) -> NoReturn:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            self._damaged(str(error))
        raise JournalError(f"the journal {self._path} cannot be used: {error}", hint=_HINTS.get(code)) from None

    def _damaged(self, what: str) -> NoReturn:
        raise JournalError(
            f"the journal {self._path} is damaged: {what}",
            hint="nothing was changed. Put back a copy (with its -wal file), or save what is readable: "
            f"sqlite3 {self._path.name} .recover | sqlite3 recovered.db; or move it aside and start anew: what bbq made "
            "carries the deployment's tag and can be found by it",
        )
