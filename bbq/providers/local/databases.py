"""What the databases have in common: attributes, names that are taken, the schema file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from bbq.engine.contract import ConfigurationFault, PermanentFault, Wanted
from bbq.errors import ConfigurationError
from bbq.handles import schema
from bbq.topology.values import Secret

HOST = "127.0.0.1"


def connection_attributes(engine: str, scheme: str, port: int, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a Database node for a server on this machine."""
    user, database, password = str(properties["user"]), str(properties["database"]), properties["password"]
    known = str(password.reveal() if isinstance(password, Secret) else password)
    return {
        "url": Secret(f"{scheme}://{quote(user, safe='')}:{quote(known, safe='')}@{HOST}:{port}/{quote(database, safe='')}"),
        "host": HOST,
        "port": port,
        "user": user,
        "password": Secret(known),
        "database": database,
        "engine": engine,
    }


def refuse_reserved(wanted: Wanted, *, users: Sequence[str], databases: Sequence[str], prefix: str | None = None) -> None:
    """`PermanentFault` where the user or the database has a name that the server keeps for itself."""
    for kind, reserved in (("user", users), ("database", databases)):
        name = str(wanted.properties[kind])
        if not name.isprintable():  # statements are told by their lines
            raise PermanentFault(f"the name of the {kind} has a character that cannot be printed")
        if name in reserved or (prefix and name.startswith(prefix)):
            raise PermanentFault(f"the {kind} cannot be called {name!r}: the server keeps that name for itself")


def schema_text(wanted: Wanted) -> tuple[str, str] | None:
    """The schema file as (its name in the template, its text), or None where there is none wanted."""
    name = wanted.properties.get("schema_file")
    if not name:
        return None
    try:
        return str(name), schema.read(wanted.template_dir, str(name))
    except ConfigurationError as error:
        raise ConfigurationFault(str(error), hint=error.hint) from None
