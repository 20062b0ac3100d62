"""MariaDB, where it is installed: a server of its own for one database with one owner.

It listens on 127.0.0.1, and on a socket in a private directory that no account can use: root, the only one besides the owner,
is locked at every start.

https://mariadb.com/kb/en/mariadb-install-db/, https://mariadb.com/kb/en/mariadbd-options/
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from bbq.engine.contract import Check, ConfigurationFault, Handle, PermanentFault, Wanted
from bbq.errors import BbqError
from bbq.handles import database_of
from bbq.handles.schema import apply_mariadb
from bbq.providers.local.clients import missing_client
from bbq.providers.local.databases import HOST, connection_attributes, refuse_reserved, schema_text
from bbq.providers.local.privilege import account
from bbq.providers.local.process import NodeDir, ProcessResource, Restart, Unit
from bbq.topology.model import Node
from bbq.topology.values import Secret

_HINT = "install mariadb-server (its system service need not run), or use engine: postgresql"
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/libexec", "/usr/local/sbin"))


class MariaDB(ProcessResource):
    type = "bbq.nodes.local.MariaDB"
    updatable = frozenset({"port", "password", "schema_file"})
    timeouts: ClassVar[Mapping[str, float]] = {"create": 120.0, "ready": 60.0, "delete": 60.0}

    def preflight(self, node: Node) -> list[str]:
        problems = [] if programs() else [f"{node.name} needs MariaDB: {_HINT}"]
        return problems + missing_client(node, "PyMySQL", "pymysql")

    def prepare(self, node: NodeDir, wanted: Wanted) -> None:
        refuse_reserved(
            wanted,
            users=("root", "mariadb.sys", "mysql"),
            databases=("mysql", "sys", "information_schema", "performance_schema"),
        )
        schema_text(wanted)
        _, install = _programs()
        who = account(node)
        if (who.directory / "data").is_dir():
            return
        fresh = who.directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        who.own(fresh)
        node.run(
            # Root by its Unix account only: "normal" would let it in from 127.0.0.1 without a password.
            who.argv(
                install,
                *("--no-defaults", "--auth-root-authentication-method=socket", "--auth-root-socket-user=nobody"),
                *("--skip-test-db", f"--datadir={fresh}", "--innodb-log-file-size=8M"),
            ),
            timeout=100.0,
            **who.options,
        )
        fresh.rename(who.directory / "data")

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        server, _ = _programs()
        who = account(node)
        port = node.port("client", wanted.properties.get("port") or 0)
        short = node.temporary() if who.user is None else who.directory  # the path of a socket has 107 bytes at most
        statements = Secret(_statements(wanted))
        if who.user is not None:  # a unit's files are root's
            who.own(node.write(str(who.directory / "start.sql"), statements))
        argv = who.argv(
            server,
            *("--no-defaults", f"--datadir={who.directory / 'data'}", f"--port={port}", f"--bind-address={HOST}"),
            *(
                f"--socket={short / 'mariadb.sock'}",
                f"--pid-file={who.directory / 'data' / 'pid'}",
                f"--init-file={who.directory / 'start.sql'}",
            ),
            *("--skip-name-resolve", "--skip-log-bin", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=8M"),
            *("--character-set-server=utf8mb4", "--local-infile=OFF"),
        )
        return {
            "main": Unit(
                argv,
                env=who.environment,
                cwd=str(who.directory),
                user=who.user,
                restart=Restart("always", limit=5),
                files={"start.sql": statements},
                grace=30.0,
            )
        }

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        return connection_attributes("mariadb", "mysql", node.ports()["client"], wanted.properties)

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """A login as the application does it; the first one that succeeds runs the schema."""
        import pymysql

        schema = schema_text(wanted)
        try:
            connection = database_of(handle.attributes).connect()
        except BbqError as error:
            return Check(False, str(error))
        try:
            if schema is not None and (problem := apply_mariadb(connection, str(handle.attributes["database"]), *schema)):
                return Check(False, problem, failed=True)
            return Check(True, f"login works, MariaDB {connection.get_server_info()}")
        except pymysql.err.MySQLError as error:
            return Check(False, f"login: {error.args[-1]}")
        finally:
            connection.close()

    def cause(self, lines: Sequence[str]) -> Sequence[str]:
        return [line for line in lines if "[ERROR]" in line][-5:] or super().cause(lines)


def programs() -> tuple[Path, Path] | None:
    """`mariadbd` and `mariadb-install-db`, by their new or their old names."""
    server = shutil.which("mariadbd", path=_PATH) or shutil.which("mysqld", path=_PATH)
    install = shutil.which("mariadb-install-db", path=_PATH) or shutil.which("mysql_install_db", path=_PATH)
    return (Path(server), Path(install)) if server and install else None


def _programs() -> tuple[Path, Path]:
    found = programs()
    if found is None:
        raise ConfigurationFault("MariaDB is not installed", hint=_HINT)
    return found


def _statements(wanted: Wanted) -> str:
    """Run by the server at every start, before anybody can log in: one statement a line, all of them repeatable."""
    properties = wanted.properties
    password = str(properties["password"].reveal())
    if "\n" in password or "\0" in password:
        raise PermanentFault("a password cannot have a line break")
    owner = f"{_text(str(properties['user']))}@{_text(HOST)}"
    database = "`" + str(properties["database"]).replace("`", "``") + "`"
    return (
        f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4;\n"
        f"CREATE USER IF NOT EXISTS {owner};\n"
        f"ALTER USER {owner} IDENTIFIED BY {_text(password)};\n"
        f"GRANT ALL PRIVILEGES ON {database}.* TO {owner};\n"
        "ALTER USER root@localhost ACCOUNT LOCK;\n"
    )


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
