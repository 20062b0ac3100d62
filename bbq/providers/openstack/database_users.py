"""Users and databases of an instance: what a node wants, and bringing a running MySQL or MariaDB there, in place.

https://docs.openstack.org/api-ref/database/#users-put-post-delete-get
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bbq.engine.contract import PermanentFault
from bbq.providers.openstack import engines
from bbq.providers.openstack.engines import Engine
from bbq.providers.openstack.faults import NotFound
from bbq.providers.openstack.session import Cloud
from bbq.providers.openstack.trove import SERVICE
from bbq.topology.values import Secret, revealed

ANYWHERE: Final = "%"


@dataclass(frozen=True, slots=True)
class User:
    name: str
    host: str
    password: Secret
    databases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WantedUsers:
    """`users` begins with the owner of `databases[0]`."""

    databases: tuple[str, ...]
    users: tuple[User, ...]

    def bodies(self) -> list[dict[str, Any]]:
        """As creating an instance or users takes them."""
        return [
            {
                "name": user.name,
                "host": user.host,
                "password": user.password.reveal(),
                "databases": [{"name": name} for name in user.databases],
            }
            for user in self.users
        ]

    def attributes(self, engine: Engine, host: str, port: int) -> dict[str, Any]:
        """`databases`, and `users` by name, without the owner, who stands in the node's own attributes."""
        found = {
            user.name: {
                "host": user.host,
                "password": user.password,
                "databases": list(user.databases),
                "url": engines.url(engine, host, port, user.databases[0] if user.databases else "", user.name, user.password),
            }
            for user in self.users[1:]
        }
        return {"databases": list(self.databases), "users": found}


def wanted_users(given: Mapping[str, Any]) -> WantedUsers:
    """Of a node's properties. `PermanentFault` where a user is to use a database that is not there."""
    main, owner = str(given["database"]), str(given["user"])
    databases = tuple(dict.fromkeys([main, *map(str, given.get("databases") or ())]))
    users = [User(owner, ANYWHERE, Secret(str(revealed(given["password"]))), databases)]
    for name, each in (given.get("users") or {}).items():
        if name == owner:
            raise PermanentFault(f"the user {name} is the owner of the database already", "leave it out of `users`")
        own = tuple(map(str, each.get("databases") or [main]))
        if lacking := [database for database in own if database not in databases]:
            raise PermanentFault(f"the user {name} is to use {', '.join(lacking)}, which `databases` does not name")
        users.append(User(str(name), str(each.get("host") or ANYWHERE), Secret(str(revealed(each["password"]))), own))
    return WantedUsers(databases, tuple(users))


class Users:
    """Those of one running instance; `path` is its own in Trove's API. Each call can be made again after a crash."""

    def __init__(self, cloud: Cloud, path: str, name: str) -> None:
        self._cloud = cloud
        self._path = path
        self._name = name

    def bring(self, wanted: WantedUsers, before: Mapping[str, Any]) -> None:
        """Make what is missing, set passwords and access, and take away what `before` (the node's attributes) has and
        `wanted` has not. What somebody else has made in the instance is left alone."""
        there = {item["name"] for item in self._list("databases")}
        if missing := [name for name in wanted.databases if name not in there]:
            body = {"databases": [{"name": name} for name in missing]}
            self._cloud.post(SERVICE, f"{self._path}/databases", self._what("make", *missing), body, creates=False)
        known = {(item["name"], item.get("host") or ANYWHERE): item for item in self._list("users")}
        for user, body in zip(wanted.users, wanted.bodies(), strict=True):
            if (user.name, user.host) in known:
                self._change(user, [item["name"] for item in known[user.name, user.host].get("databases") or ()])
            else:
                self._cloud.post(
                    SERVICE, f"{self._path}/users", self._what("make the user", user.name), {"users": [body]}, creates=False
                )
        self._remove(wanted, before)

    def _change(self, user: User, has: list[str]) -> None:
        password = {"name": user.name, "host": user.host, "password": user.password.reveal()}
        what = self._what("set the password of", user.name)
        self._cloud.put(SERVICE, f"{self._path}/users", what, {"users": [password]})
        access = f"{self._path}/users/{_address(user.name, user.host)}/databases"
        if more := [name for name in user.databases if name not in has]:
            what = self._what(f"let {user.name} use", *more)
            self._cloud.put(SERVICE, access, what, {"databases": [{"name": name} for name in more]})
        for name in has:
            if name not in user.databases:
                with suppress(NotFound):
                    self._cloud.delete(SERVICE, f"{access}/{quote(name, safe='')}", self._what(f"take from {user.name}", name))

    def _remove(self, wanted: WantedUsers, before: Mapping[str, Any]) -> None:
        kept = {(user.name, user.host) for user in wanted.users}
        for name, each in (before.get("users") or {}).items():
            host = str(each.get("host") or ANYWHERE)
            if (name, host) not in kept:
                with suppress(NotFound):
                    path = f"{self._path}/users/{_address(str(name), host)}"
                    self._cloud.delete(SERVICE, path, self._what("delete the user", str(name)))
        for name in before.get("databases") or ():
            if name not in wanted.databases:
                with suppress(NotFound):
                    path = f"{self._path}/databases/{quote(str(name), safe='')}"
                    self._cloud.delete(SERVICE, path, self._what("delete the database", str(name)))

    def _list(self, kind: str) -> Iterator[dict[str, Any]]:
        return self._cloud.pages(SERVICE, f"{self._path}/{kind}", kind, self._what("list", kind), limit=1000)

    def _what(self, doing: str, *names: str) -> str:
        return f"{doing} {', '.join(names)} of {self._name}"


def _address(user: str, host: str) -> str:
    """A user in a path; Trove takes a name without a host for one of any host."""
    return quote(user if host == ANYWHERE else f"{user}@{host}", safe="")
