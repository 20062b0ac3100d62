"""Does a login to an instance work, as the application's? And what only its owner can do there: run the schema, set its own
password where Trove does not."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Final

from bbq.engine.contract import Check, ConfigurationFault, PermanentFault, Wanted
from bbq.errors import BbqError
from bbq.handles import schema
from bbq.providers.openstack import engines
from bbq.topology.values import revealed

_SECONDS: Final = 5


def login(attributes: Mapping[str, Any], wanted: Wanted) -> Check:
    """One login as the application's, where there is a client for the engine; else an open port has to do."""
    host, port, engine = str(attributes["host"]), int(attributes["port"]), str(attributes["engine"])
    where = f"{host}:{port}"
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        return Check(False, f"no connection to {where}: {reason} (`login_check: false` where it cannot be reached from here)")
    driver = {"postgresql": _postgresql, "mariadb": _mysql, "mysql": _mysql}.get(engine)
    if driver is None:
        return Check(True, f"{where} is open")
    try:
        text = _schema(wanted)
        return driver(attributes, text)
    except ImportError:
        if wanted.properties.get("schema_file"):
            return Check(
                False, f"running {wanted.properties['schema_file']} needs a client: pip install 'bbq[local]'", failed=True
            )
        return Check(True, f"{where} is open")


def _schema(wanted: Wanted) -> tuple[str, str] | None:
    name = wanted.properties.get("schema_file")
    if not name:
        return None
    try:
        return str(name), schema.read(wanted.template_dir, str(name))
    except BbqError as error:
        raise ConfigurationFault(str(error), error.hint) from None


def _postgresql(attributes: Mapping[str, Any], text: tuple[str, str] | None) -> Check:
    import psycopg

    try:
        with _psycopg(attributes) as connection:
            if text is not None and (problem := schema.apply_postgresql(connection, *text)):
                return Check(False, problem, failed=True)
            return Check(True, f"login works, PostgreSQL {connection.info.parameter_status('server_version')}")
    except psycopg.OperationalError as error:
        return Check(False, f"login: {str(error).strip().splitlines()[-1]}")


def _psycopg(attributes: Mapping[str, Any]) -> Any:
    import psycopg

    return psycopg.connect(str(revealed(attributes["url"])), connect_timeout=_SECONDS, application_name="bbq")


def _mysql(attributes: Mapping[str, Any], text: tuple[str, str] | None) -> Check:
    import pymysql

    database = str(attributes["database"])
    try:
        connection: Any = pymysql.connect(
            host=str(attributes["host"]),
            port=int(attributes["port"]),
            user=str(attributes["user"]),
            password=str(revealed(attributes["password"])),
            database=database,
            charset="utf8mb4",
            connect_timeout=_SECONDS,
        )
        try:
            if text is not None and (problem := schema.apply_mariadb(connection, database, *text)):
                return Check(False, problem, failed=True)
            return Check(True, f"login works, {connection.get_server_info()}")
        finally:
            connection.close()
    except pymysql.err.MySQLError as error:
        return Check(False, f"login: {error.args[-1]}")


def change_own_password(attributes: Mapping[str, Any], new: Any) -> None:
    """Trove changes no password in PostgreSQL; its owner can. The new one is tried, too: it may have been changed before a
    crash."""
    import psycopg
    from psycopg import sql

    for password in (attributes["password"], new):
        engine = engines.engine_of("postgresql")
        login = engines.attributes(
            engine, str(attributes["host"]), int(attributes["port"]), {**attributes, "password": password}
        )
        try:
            with _psycopg(login) as connection:
                user = sql.Identifier(str(attributes["user"]))
                connection.execute(sql.SQL("alter role {} password {}").format(user, sql.Literal(str(revealed(new)))))
                return
        except psycopg.OperationalError:
            continue
    raise PermanentFault(
        "the password cannot be changed: the server does not accept the old one, or cannot be reached from here"
    )
