"""What was intended and what happened: append-only, durable, without a secret in it. See `bbq.journal.model`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.journal.model import Journal, SecretStore


def open_journal(connection: str) -> Journal:
    """The journal at `connection`: `sqlite:///PATH` (an absolute path, with three slashes or four), a bare path, or
    `postgresql://...`. An SQLite file is made where there is none.

    Raises `JournalError` where it cannot be used, `ConfigurationError` for any other kind of address.
    """
    file = journal_file(connection)
    if file is None:
        try:
            from bbq.journal.postgresql import PostgresqlJournal
        except ImportError:
            from bbq.errors import ConfigurationError

            raise ConfigurationError(
                "[journal] connection: a PostgreSQL journal needs psycopg", hint="pip install 'psycopg[binary]'"
            ) from None
        return PostgresqlJournal(connection)
    from bbq.journal.sqlite import SqliteJournal

    return SqliteJournal(file)


def empty_journal() -> Journal:
    """One in memory: for those who only look where there is none, and for what is over with the process."""
    from bbq.journal.sqlite import SqliteJournal

    return SqliteJournal(None)


def journal_file(connection: str) -> Path | None:
    """The file of the journal at `connection`; None for one that is a server's. Raises `ConfigurationError` for what is no
    journal's address."""
    scheme, separator, rest = connection.partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        return None
    if separator and (scheme != "sqlite" or not rest.startswith("/") or not rest.strip("/")):
        from bbq.errors import ConfigurationError

        raise ConfigurationError(
            f"[journal] connection: {scheme}:// with what follows it is no journal", hint="sqlite:///PATH or postgresql://..."
        )
    if not separator and (connection.startswith(("postgresql:", "postgres:", "sqlite:")) or "password=" in connection):
        from bbq.errors import ConfigurationError

        # Taken for a path it would be a file with the password in its name.
        raise ConfigurationError(
            "[journal] connection is neither a path nor a URL",
            hint="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE",
        )
    return Path("/" + rest.lstrip("/")) if separator else Path(connection).expanduser()


def open_secrets(directory: str | os.PathLike[str], deployment_id: str) -> SecretStore:
    """The secrets of one deployment, in the file `<directory>/<deployment id>.json`."""
    from bbq.journal.secrets import FileSecretStore

    return FileSecretStore(directory, deployment_id)
