"""A Trove instance: a database server of the cloud's own making. https://docs.openstack.org/api-ref/database/

Trove has no tags: what is bbq's is known by its name, `<deployment>-<node>-<beginning of the deployment's id>`. Names are not
unique for Trove, so a creation whose answer was lost is looked for before it is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bbq.engine.contract import (
    Changed,
    Check,
    ConfigurationFault,
    DeploymentContext,
    Handle,
    NoRoom,
    PermanentFault,
    ProviderFault,
    State,
    Tag,
    TransientFault,
    Wanted,
)
from bbq.providers.openstack import engines, tags
from bbq.providers.openstack.database_login import change_own_password, login
from bbq.providers.openstack.database_users import Users, wanted_users
from bbq.providers.openstack.faults import NotFound, Unprocessable
from bbq.providers.openstack.lookup import Unknown, known, problems
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.session import Cloud
from bbq.providers.openstack.stack_failure import server_fault
from bbq.providers.openstack.trove import SERVICE, Catalogue, flavor_id
from bbq.topology.model import Node
from bbq.topology.values import GeneratedSecret
from bbq.tosca.units import gibibytes

if TYPE_CHECKING:
    from bbq.providers.openstack.stack_needs import Needs

_READY: Final = frozenset({"ACTIVE", "HEALTHY", "RESTART_REQUIRED", "BACKUP"})
_WORKS: Final = frozenset({"HEALTHY", "ACTIVE", "RUNNING"})
_DOWN: Final = frozenset({"SHUTDOWN", "CRASHED", "ERROR", "FAILED"})
_FAILED: Final = frozenset({"ERROR", "FAILED"})
_BUSY: Final = 3.0
_ENDING: Final = re.compile(r"-([0-9a-f]{8})$")  # of a name that bbq has given
_EVERYBODY: Final = ("0.0.0.0/0",)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.\[\]-]+")
_LOGINS: Final = frozenset({"users", "databases", "password"})


class DatabaseInstance(CloudResource):
    type: ClassVar = "bbq.nodes.openstack.DatabaseInstance"
    service: ClassVar = SERVICE
    instead: ClassVar = "a bbq.nodes.Database with `implementation: server` is made without it"
    updatable: ClassVar = frozenset(
        {"flavor", "cpus", "memory", "volume_size", "databases", "users", "password", "access", "schema_file"}
    )
    ignored: ClassVar = frozenset({"login_check"})
    repairable: ClassVar = True  # what it holds must not go because a login failed; see `_revive`
    poll_group: ClassVar = "database"
    timeouts: ClassVar = {"create": 120.0, "ready": 1800.0, "delete": 900.0}

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self._given_up: set[str] = set()  # ids that are on their way out, to be made anew

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.cloud)

    def find(self, tag: Tag) -> Handle | None:
        name = name_of(tag)
        found = self._list("find the database instance of " + tag.node)
        return next((_handle(item) for item in found if item["name"] == name and item["id"] not in self._given_up), None)

    def create(self, wanted: Wanted) -> Handle:
        name = name_of(wanted.tag)
        body = self._replica(wanted) if wanted.properties.get("replica_of") else self._primary(wanted)
        made = self.cloud.post(
            SERVICE, "/instances", f"create the database instance {name}", {"instance": {"name": name, **body}}
        )
        return _handle(made["instance"])

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        """Users, databases and access here; another flavor or a larger volume is begun here and seen through by `probe`."""
        attributes, item = dict(handle.attributes), self._read(handle)
        self._revive(handle, item)
        try:
            if changed & _LOGINS:
                attributes |= self._logins(handle, wanted, changed)
            if "access" in changed:
                what = f"change who may connect to {_name(handle)}"
                access = _access(wanted.properties) or {"is_public": False, "allowed_cidrs": list(_EVERYBODY)}
                self.cloud.put(SERVICE, _path(handle), what, {"instance": {"access": access}})
            self._resize(handle, wanted, item)
        except Unprocessable as fault:
            raise _sooner_or_later(fault) from None
        return Handle(handle.id, attributes)

    def delete(self, handle: Handle, tag: Tag) -> None:
        """Trove refuses while it builds or changes the instance, and while that has replicas: the engine asks again as long as
        it is there."""
        try:
            self.cloud.delete(SERVICE, _path(handle), f"delete the database instance {_name(handle)}")
        except (NotFound, Unprocessable):
            return
        except ConfigurationFault as fault:  # 403
            if "eplica" not in str(fault):
                raise

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        return {item["id"]: state_of(item) for item in self._list("list the database instances")}

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        """Replicas first: a source of replicas cannot be deleted before them. A name has no more than the beginning of the
        deployment's id: where every deployment's are asked for, that is the id."""
        found = self._list("list the database instances")
        for item in sorted(found, key=lambda item: "replica_of" not in item):
            ending = _ENDING.search(item["name"])
            id = deployment_id or (ending[1] if ending else None)
            tag = tag_of(item["name"], self.context.name, id) if id else None
            if tag is not None:
                yield tag, _handle(item)

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """Is it as large as it should be, and does a login as the application's work? The first one runs the schema."""
        item = self._read(handle)
        try:
            if pending := self._resize(handle, wanted, item):
                return Check(False, pending)
        except Unprocessable as fault:
            raise _sooner_or_later(fault) from None
        host = address(item)
        if host is None:
            return Check(False, "it has no IPv4 address yet")
        found = self._attributes(item, host, wanted)
        if wanted.properties.get("login_check", True) is False:
            return Check(True, "Trove says that it works", attributes=found)
        answer = login(found, wanted)
        return Check(answer.ok, answer.detail, found if answer.ok else {}, answer.failed)

    def explain(self, handle: Handle, state: State) -> str:
        item = self._read(handle)
        fault = item.get("fault") or {}
        server = item.get("server_id")  # administrators see it
        causes = [" ".join(str(fault.get("message") or "").split()), server_fault(self.cloud, server) if server else ""]
        said = [cause for cause in dict.fromkeys(causes) if cause]
        guest = item.get("operating_status") or ""
        if not said:
            said = [f"Trove gives no reason; its guest says {guest}" if guest else "Trove gives no reason (its logs have it)"]
        return f"{item['status']}: " + "; nova says: ".join(said)

    def preflight(self, nodes: Sequence[Node], needs: Needs) -> list[str]:
        found = [problem for node in nodes for problem in problems(node, self._checks(node))]
        self.add_needs(nodes, needs)
        return found + self._quota([], nodes)

    def preflight_changes(self, changed: Sequence[Changed]) -> list[str]:
        return self._quota([one.before for one in changed], [one.node for one in changed])

    def add_needs(self, nodes: Sequence[Node], needs: Needs) -> None:
        for node in nodes:
            with suppress(Unknown):  # is told already
                needs.databases[str(self.catalogue.flavor(known(node.properties))["name"])] += 1
                needs.database_gigabytes += _gibibytes_of(node)

    def _checks(self, node: Node) -> Iterator[Callable[[], object]]:
        """What may raise `Unknown`. A value that only the running deployment has is not checked."""
        given, certain = node.properties, known(node.properties)
        yield partial(_consistent, node)
        if not given.get("replica_of"):
            if "datastore" in certain:
                yield partial(self.catalogue.datastore, str(certain["datastore"]), certain.get("datastore_version"))
            yield partial(self.catalogue.flavor, certain)
        if "network" in certain or "network" not in given:
            yield partial(self.cloud.lookup.network, certain.get("network"))

    # -- pieces

    def _list(self, what: str) -> list[dict[str, Any]]:
        return list(self.cloud.pages(SERVICE, "/instances", "instances", what, limit=1000))

    def _read(self, handle: Handle) -> dict[str, Any]:
        item: dict[str, Any] = self.cloud.get(SERVICE, _path(handle), f"look at the database instance {_name(handle)}")[
            "instance"
        ]
        return item

    def _revive(self, handle: Handle, item: Mapping[str, Any]) -> None:
        """A database that stopped is started again. An instance that Trove has given up is taken away where it never worked
        (then the engine finds nothing, and makes it anew); one that did may hold data, and stays."""
        status, guest = item["status"], item.get("operating_status")
        if status in _FAILED:
            if "host" in handle.attributes:
                raise PermanentFault(
                    f"Trove has given up {_name(handle)} ({status}): {self.explain(handle, state_of(item))}",
                    "what can be saved is the cloud's operator's to save; bbq-deploy destroy --target takes it away",
                )
            self._given_up.add(handle.id)
            self.cloud.delete(SERVICE, _path(handle), f"delete the failed database instance {_name(handle)}")
            raise PermanentFault(f"{_name(handle)} was never made whole ({status})")
        if status in _READY and guest in _DOWN:
            what = f"start the database of {_name(handle)} again"
            self.cloud.post(SERVICE, f"{_path(handle)}/action", what, {"restart": {}}, creates=False)

    def _primary(self, wanted: Wanted) -> dict[str, Any]:
        given = wanted.properties
        datastore, version = self.catalogue.datastore(str(given["datastore"]), given.get("datastore_version"))
        volume: dict[str, Any] = {"size": gibibytes(given["volume_size"])}
        if given.get("volume_type"):
            volume["type"] = given["volume_type"]
        body = {
            "datastore": {"type": datastore, "version": version},
            "flavorRef": flavor_id(self.catalogue.flavor(given)),
            "volume": volume,
            **self._placement(given),
        }
        if engines.engine_of(datastore).users:
            users = wanted_users(given)
            body["databases"] = [{"name": name} for name in users.databases]
            body["users"] = users.bodies()
        return body

    def _replica(self, wanted: Wanted) -> dict[str, Any]:
        """Everything but its place is its source's."""
        return {"replica_of": str(wanted.properties["replica_of"]), **self._placement(wanted.properties)}

    def _placement(self, given: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"nics": [{"net-id": self.cloud.lookup.network(given.get("network"))}]}
        if (access := _access(given)) is not None:
            body["access"] = access
        if given.get("availability_zone"):
            body["availability_zone"] = given["availability_zone"]
        return body

    def _logins(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> dict[str, Any]:
        given, before = wanted.properties, handle.attributes
        engine = engines.engine_of(str(given["datastore"]))
        if engine.managed:
            Users(self.cloud, _path(handle), _name(handle)).bring(wanted_users(given), before)
        elif changed == {"password"} and engine.name == "postgresql":
            change_own_password(before, given["password"])
        else:
            raise PermanentFault(
                f"Trove cannot change users and databases of a {engine.name} instance once it runs",
                "do it in SQL and leave them out of the template, or give the node another name: it is made anew",
            )
        host, port = str(before.get("host") or ""), int(before.get("port") or 0)
        return {**engines.attributes(engine, host, port, given), **wanted_users(given).attributes(engine, host, port)}

    def _resize(self, handle: Handle, wanted: Wanted, item: Mapping[str, Any]) -> str | None:
        """Ask for the next thing that is not as it should be; what is being waited for then, None where all is well."""
        given = wanted.properties
        if given.get("replica_of"):
            return None
        action = f"{_path(handle)}/action"
        size, has = gibibytes(given["volume_size"]), (item.get("volume") or {}).get("size")
        if has is not None and size < has:
            raise PermanentFault(f"the volume of {_name(handle)} has {has} GiB and cannot be made smaller ({size} GiB)")
        if has is not None and size > has:
            what = f"make the volume of {_name(handle)} larger"
            self.cloud.post(SERVICE, action, what, {"resize": {"volume": {"size": size}}}, creates=False)
            return f"its volume to grow from {has} to {size} GiB"
        flavor = self.catalogue.flavor(given)
        if str(item["flavor"]["id"]) != flavor_id(flavor):
            what = f"give {_name(handle)} the flavor {flavor['name']}"
            self.cloud.post(SERVICE, action, what, {"resize": {"flavorRef": flavor_id(flavor)}}, creates=False)
            return f"its new flavor, {flavor['name']}"
        return None

    def _attributes(self, item: Mapping[str, Any], host: str, wanted: Wanted) -> dict[str, Any]:
        given = wanted.properties
        engine = engines.engine_of(str(item["datastore"]["type"]))
        port = int(given.get("port") or 0) or engine.port
        users = wanted_users(given).attributes(engine, host, port) if engine.users else {}
        return {
            "id": item["id"],
            "name": item["name"],
            "datastore_version": str(item["datastore"].get("version") or ""),
            "addresses": [entry["address"] for entry in item.get("addresses") or ()] or list(item.get("ip") or ()),
            **engines.attributes(engine, host, port, given),
            **users,
        }

    def _quota(self, before: Sequence[Node], after: Sequence[Node]) -> list[str]:
        """Trove tells its limits, not what is used: that is counted over the project's instances."""
        limits = self.catalogue.limits
        if not limits:
            return []
        there = self._list("list the database instances")
        memory = {flavor_id(item): item["ram"] for item in self.catalogue.flavors}
        used = {
            "max_instances": len(there),
            "max_volumes": sum((item.get("volume") or {}).get("size") or 0 for item in there),
            "max_ram": sum(memory.get(str(item["flavor"]["id"]), 0) for item in there),
        }
        was, will = self._amounts(before), self._amounts(after)
        more = {key: will[key] - was[key] for key in will}
        words = {"max_instances": "instances", "max_volumes": "GiB of volumes", "max_ram": "MiB of memory"}
        return [
            NoRoom(
                f"the database quota has room for {max(0, limits[key] - used[key])} more {words[key]}, and {more[key]} are"
                f" wanted ({used[key]} of {limits[key]} are in use)"
            )
            for key in words
            if key in limits and more[key] > 0 and used[key] + more[key] > limits[key]
        ]

    def _amounts(self, nodes: Sequence[Node]) -> dict[str, int]:
        found = {"max_instances": len(nodes), "max_volumes": sum(map(_gibibytes_of, nodes)), "max_ram": 0}
        for node in nodes:
            with suppress(Unknown):  # is told already
                found["max_ram"] += self.catalogue.flavor(known(node.properties))["ram"]
        return found


def _gibibytes_of(node: Node) -> int:
    """Of its volume; a replica has its source's size."""
    size = known(node.properties).get("volume_size")
    return 0 if size is None or node.properties.get("replica_of") else gibibytes(size)


def name_of(tag: Tag) -> str:
    """The name that is the tag. A node's address stands in it as it is; only an odd or overlong one is changed."""
    name = f"{tag.deployment}-{tag.node}-{tag.deployment_id[:8]}"
    return name if len(name) <= 255 and _PLAIN.fullmatch(tag.node) else tags.name_of(tag)


def tag_of(name: str, deployment: str, deployment_id: str) -> Tag | None:
    """The tag of an instance of that name, None where it is not the deployment's."""
    beginning, ending = f"{deployment}-", f"-{deployment_id[:8]}"
    if not name.endswith(ending):
        return None
    node = name.removesuffix(ending).removeprefix(beginning)
    return Tag(deployment, deployment_id, node, 0)


def state_of(item: Mapping[str, Any]) -> State:
    """An instance's state from its entry in a list. Newer Troves tell the server's (`status`) and the database's
    (`operating_status`) apart; older ones have the first only."""
    status, guest = str(item["status"]), item.get("operating_status")
    shown = f"{status}, {guest}" if guest and guest != status else status
    if status in _FAILED:
        return State(status, failed=True, detail=shown)
    ready = status in _READY and (guest is None or guest in _WORKS)
    return State(status, ready=ready, detail="" if ready else shown)


def address(item: Mapping[str, Any]) -> str | None:
    """The IPv4 address to connect to: the public one where there is one."""
    entries = [(entry.get("type"), str(entry["address"])) for entry in item.get("addresses") or ()]
    entries += [(None, str(one)) for one in item.get("ip") or ()]
    found = sorted((kind != "public", index, one) for index, (kind, one) in enumerate(entries) if ":" not in one)
    return found[0][2] if found else None


def _sooner_or_later(fault: Unprocessable) -> ProviderFault:
    """422 is Trove's word for what it is too busy for, and for what it never does."""
    text = str(fault)
    busy = "not ready" in text or "not currently available" in text
    return TransientFault(text, _BUSY) if busy else PermanentFault(text, fault.hint)


def _access(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """None where the template says nothing. Who may connect is always said: a change without it lets nobody in."""
    access = given.get("access")
    if not access:
        return None
    return {"is_public": bool(access.get("public", False)), "allowed_cidrs": list(access.get("allowed_cidrs") or _EVERYBODY)}


def _handle(item: Mapping[str, Any]) -> Handle:
    return Handle(item["id"], {"id": item["id"], "name": item["name"]})


def _name(handle: Handle) -> str:
    return str(handle.attributes.get("name") or handle.id)


def _path(handle: Handle) -> str:
    return f"/instances/{handle.id}"


def _consistent(node: Node) -> None:
    """What the template alone tells."""
    given = node.properties
    if given.get("replica_of") and isinstance(given.get("password"), GeneratedSecret):
        raise Unknown(
            "a replica has the users of its source", "give user, database and password: { get_attribute: [ SOURCE, password ] }"
        )
    engine = engines.engine_of(str(given.get("datastore")))
    if not engine.port and not given.get("port"):
        raise Unknown(f"the port of a {engine.name} is not known", "give `port`")
