"""What a client needs to know of a datastore's engine: its URL's scheme, its port, whether Trove makes users in it.

Datastores are named by who runs the cloud, mostly after their engines (`mysql`, `percona-8`, `postgresql`).
https://docs.openstack.org/trove/latest/admin/building_guest_images.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bbq.topology.values import Secret, revealed


@dataclass(frozen=True, slots=True)
class Engine:
    """`name` as in the attribute `engine`; `users`: Trove makes databases and users in it at creation; `managed`: and later."""

    name: str
    scheme: str
    port: int
    users: bool = True
    managed: bool = False


_ENGINES: Final[tuple[tuple[str, Engine], ...]] = (
    ("mariadb", Engine("mariadb", "mysql", 3306, managed=True)),
    ("mysql", Engine("mysql", "mysql", 3306, managed=True)),
    ("percona", Engine("mysql", "mysql", 3306)),
    ("pxc", Engine("mysql", "mysql", 3306)),
    ("postgres", Engine("postgresql", "postgresql", 5432)),
    ("mongo", Engine("mongodb", "mongodb", 27017)),
    ("redis", Engine("redis", "redis", 6379, users=False)),
    ("cassandra", Engine("cassandra", "cassandra", 9042)),
    ("couchbase", Engine("couchbase", "couchbase", 8091, users=False)),
    ("couchdb", Engine("couchdb", "http", 5984)),
    ("vertica", Engine("vertica", "vertica", 5433, users=False)),
    ("db2", Engine("db2", "db2", 50000)),
)
"""How a datastore's name begins -> its engine. `managed` as trove/extensions/common/models.py `load_and_verify` has it."""


def engine_of(datastore: str) -> Engine:
    """The engine of a datastore of that name; for a name that says nothing, one of that name with port 0."""
    name = datastore.lower()
    return next((engine for start, engine in _ENGINES if name.startswith(start)), Engine(datastore, datastore, 0))


def url(engine: Engine, host: str, port: int, database: str = "", user: str = "", password: Any = None) -> Secret:
    """`scheme://user:password@host:port/database`; without a login, and for Redis without a database, where there is none."""
    known = str(revealed(password) or "")
    login = f"{quote(user, safe='')}:{quote(known, safe='')}@" if engine.users and user else ""
    path = f"/{quote(database, safe='')}" if engine.users and database else ""
    return Secret(f"{engine.scheme}://{login}{host}:{port}{path}")


def attributes(engine: Engine, host: str, port: int, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a Database node, spelt as the local provider's are."""
    user, database, password = str(properties["user"]), str(properties["database"]), properties.get("password")
    found: dict[str, Any] = {
        "url": url(engine, host, port, database, user, password),
        "host": host,
        "port": port,
        "engine": engine.name,
    }
    if engine.users:
        found |= {"user": user, "password": Secret(revealed(password)), "database": database}
    return found
