"""A Compute node: servers that a stack has made. https://docs.openstack.org/api-ref/compute/#servers-servers

Making it takes IDs and addresses from the stack's outputs. Its states come from one list of the project's servers, in which
their metadata say whose they are.
"""

from __future__ import annotations

import hashlib
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from bbq.diagnostics import listed
from bbq.engine.contract import (
    Check,
    ConfigurationFault,
    DeploymentContext,
    Handle,
    State,
    Tag,
    UnreachableFault,
    Wanted,
)
from bbq.providers.ansible.directory import known_hosts, root_of
from bbq.providers.ansible.servers import Server, log_in
from bbq.providers.openstack import tags
from bbq.providers.openstack.arrange import MADE_BY, SYSTEM
from bbq.providers.openstack.faults import NotFound
from bbq.providers.openstack.part import StackPart
from bbq.providers.openstack.reach import addresses_of, forget, reached
from bbq.providers.openstack.session import Cloud
from bbq.render.hot.compute import is_several

_SSH: Final = 22
_ANY: Final = "any"
"""In place of the number of servers that an autoscaling group has: it is Heat's to say."""
_PATIENCE: Final = 120.0
"""Seconds that a server which answers by SSH may take until it lets us in."""
_ATTEMPT: Final = 3.0
"""Seconds that one look at all servers' ports may take."""


class Compute(StackPart):
    type: ClassVar = "tosca.nodes.Compute"
    service: ClassVar = "compute"
    renewing: ClassVar = frozenset({SYSTEM})
    poll_group: ClassVar = "compute"

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self._refused: dict[str, float] = {}
        """Node -> since when one of its servers answers by SSH and does not let us in."""

    def create(self, wanted: Wanted) -> Handle:
        self._released.discard(wanted.node.name)
        found: dict[str, list[Any]] = {"ids": [], "private_address": [], "public_address": []}
        for part in wanted.properties[MADE_BY]:
            for key, values in found.items():
                values += part.get(key) or []
        several = is_several(wanted.node) or len(found["ids"]) != 1
        attributes: dict[str, Any] = {"ids": found["ids"], SYSTEM: wanted.properties.get(SYSTEM, {})}
        for key in ("private_address", "public_address"):
            known = [value for value in found[key] if value is not None]
            attributes[key] = known if several else known[0] if known else ""
        first = next((value for value in [*found["public_address"], *found["private_address"]] if value), None)
        if first is not None:
            attributes["endpoint"] = {**wanted.capabilities.get("endpoint", {}), "ip_address": first}
        scaled = wanted.properties.get("scaled") is True
        return Handle(f"{_ANY}::{wanted.node.name}" if scaled else identity(wanted.node.name, found["ids"]), attributes)

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        made = self.create(wanted)
        if made.id != handle.id or "definition" in changed:
            # Other servers, maybe with the addresses of those before them, or the same ones, rebuilt from another image.
            forget(self.context, [*addresses_of(handle.attributes), *addresses_of(made.attributes)])
        return made

    def delete(self, handle: Handle, tag: Tag) -> None:
        if tag.node not in self._released:
            forget(self.context, addresses_of(handle.attributes))
        super().delete(handle, tag)

    def _take_away(self, tag: Tag) -> None:
        for server in self._servers(tag.deployment_id).get(tag.node, ()):
            try:
                self.cloud.delete("compute", f"/servers/{server['id']}", f"delete the server {server['name']}")
            except NotFound:
                continue

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        there = self._servers(self.context.id)
        return {one: state_of(one, there.get(node_of(one), ())) for one in ids if node_of(one) not in self._released}

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """Servers that software is put on answer by SSH. One connection each, all at once."""
        if not wanted.node.metadata.get("ssh"):
            return Check(True)
        addresses, options = addresses_of(handle.attributes), self.context.options["config"].group("ansible")
        given = [reached(wanted.node.name, one, wanted.properties, options) for one in addresses]
        closed = unreachable(addresses, given[0].port if given else _SSH, _ATTEMPT)
        if not closed:
            return self._let_in(given)
        self._refused.pop(wanted.node.name, None)
        return Check(False, f"no answer on port {_SSH} of {listed(closed, 3)}")

    def _let_in(self, given: Sequence[Server]) -> Check:
        """Each lets us log in. A server that has just booted may not have our key yet."""
        for server in given:
            try:
                log_in(server, known_hosts(root_of(self.context.state_dir)))
            except UnreachableFault as fault:
                return Check(False, str(fault))
            except ConfigurationFault as fault:
                since = self._refused.setdefault(server.name, time.monotonic())
                if time.monotonic() - since > _PATIENCE:
                    raise
                return Check(False, str(fault))
        return Check(True, f"SSH lets us in on {len(given)} server{'s' * (len(given) != 1)}")

    def explain(self, handle: Handle, state: State) -> str:
        return state.detail or state.name

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        for tag, servers in self._tagged(deployment_id):
            yield tag, Handle(identity(tag.node, [server["id"] for server in servers]))

    def _servers(self, deployment_id: str) -> dict[str, list[dict[str, Any]]]:
        """Node -> its servers."""
        return {tag.node: servers for tag, servers in self._tagged(deployment_id)}

    def _tagged(self, deployment_id: str | None) -> Iterable[tuple[Tag, list[dict[str, Any]]]]:
        """A node's tag with its servers. Nova cannot look for metadata, so it lists the project's; 1000 a page."""
        found: dict[tuple[str, str], tuple[Tag, list[dict[str, Any]]]] = {}
        for server in self.cloud.pages("compute", "/servers/detail", "servers", "list the servers", limit=1000):
            tag = tags.of_pairs(server.get("metadata") or {})
            if tag is not None and deployment_id in (None, tag.deployment_id):
                found.setdefault((tag.deployment_id, tag.node), (tag, []))[1].append(server)
        return found.values()


def identity(node: str, servers: Iterable[str]) -> str:
    """What tells one set of a node's servers from another: its name, their number, a digest of their IDs."""
    ids = sorted(servers)
    return f"{len(ids)}:{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:12]}:{node}"


def node_of(identity: str) -> str:
    return identity.split(":", 2)[2]


def state_of(handle: str, servers: Sequence[Mapping[str, Any]]) -> State:
    """Of all servers of a node together; `handle` says which ones there should be."""
    count = handle.split(":", 1)[0]
    number = len(servers) if count == _ANY else int(count)
    broken = [server for server in servers if server["status"] in ("ERROR", "DELETED", "SOFT_DELETED")]
    if broken:
        fault = (broken[0].get("fault") or {}).get("message", "")
        return State("ERROR", failed=True, detail=f"server {broken[0]['name']}: {fault or broken[0]['status']}")
    if len(servers) < number:
        gone = "the server is gone" if number == 1 else f"{number - len(servers)} of {number} servers are gone"
        return State("INCOMPLETE", failed=True, detail=gone)
    if count != _ANY and handle != identity(node_of(handle), [server["id"] for server in servers]):
        return State("CHANGED", failed=len(servers) == number, detail="there are other servers than the stack has told of")
    waiting = [server for server in servers if server["status"] != "ACTIVE"]
    if waiting:
        return State(waiting[0]["status"], detail=f"server {waiting[0]['name']} is {waiting[0]['status']}", stage="created")
    return State("ACTIVE", ready=True, stage="booted")


def unreachable(addresses: Sequence[str], port: int, seconds: float) -> list[str]:
    """The addresses on which nothing takes a connection within that time, in all."""
    waiting: dict[socket.socket, str] = {}
    closed: list[str] = []
    with selectors.DefaultSelector() as selector:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            one = socket.socket(family, socket.SOCK_STREAM)
            one.setblocking(False)
            one.connect_ex((address, port))
            waiting[one] = address
            selector.register(one, selectors.EVENT_WRITE)
        end = time.monotonic() + seconds
        while waiting and (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                done = key.fileobj
                assert isinstance(done, socket.socket)
                address = waiting.pop(done)
                if done.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    closed.append(address)
                selector.unregister(done)
                done.close()
        for one, address in waiting.items():
            closed.append(address)
            one.close()
    return sorted(closed, key=addresses.index)
