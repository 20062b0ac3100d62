"""What a stack has lost behind Heat's back: servers, volumes and addresses that somebody deleted, servers in ERROR.

Heat takes them for what they were when it made them, and changes nothing about them in an update. Once they are marked as
unhealthy it makes them anew in the next one, and whatever depends on them follows. To mark one again does no harm. A server
in ERROR has to be gone before that: nova takes no port from it, which the one in its place is to have.
https://docs.openstack.org/api-ref/orchestration/v1/#mark-a-resource-as-unhealthy
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bbq.engine.contract import TransientFault
from bbq.providers.openstack.faults import NotFound
from bbq.providers.openstack.session import Cloud
from bbq.providers.openstack.stack_failure import addressed, own_path, resources_of

_LEAVING: Final = 2.0
"""Seconds until the next look at a server that is being deleted."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where things of a resource type are listed; `key` names them in the list. In the states `lost` they are of no use. (Of a
    volume there is none: in a state of error it may hold data.)"""

    service: str
    path: str
    details: str
    key: str
    lost: frozenset[str] = frozenset()


KINDS: Final[Mapping[str, Kind]] = {
    "OS::Nova::Server": Kind("compute", "/servers", "/detail", "servers", frozenset({"ERROR", "DELETED", "SOFT_DELETED"})),
    "OS::Cinder::Volume": Kind("block-storage", "/volumes", "/detail", "volumes"),
    "OS::Neutron::Port": Kind("network", "/ports", "", "ports"),
    "OS::Neutron::FloatingIP": Kind("network", "/floatingips", "", "floatingips"),
}


def mark_lost(cloud: Cloud, path: str) -> list[str]:
    """Have Heat make what is lost anew with its next update of the stack at `path`; the addresses (`workers.0.server`) of that.
    A list call for each kind of thing that the stack has, and two calls for each that is lost. `TransientFault` while what is
    of no use is on its way out."""
    by_type: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for address, item in addressed(resources_of(cloud, path)):
        at_work = item["resource_status"].endswith("_IN_PROGRESS")
        if item["resource_type"] in KINDS and item.get("physical_resource_id") and not at_work:
            by_type.setdefault(item["resource_type"], []).append((address, item))
    marked, leaving = [], []
    for type_name, items in by_type.items():
        kind = KINDS[type_name]
        listed = cloud.pages(kind.service, kind.path + kind.details, kind.key, f"list the {kind.key}", limit=1000)
        there = {item["id"]: item.get("status") for item in listed}
        for address, item in items:
            id = item["physical_resource_id"]
            if there.get(id) in kind.lost:
                with suppress(NotFound):
                    cloud.delete(kind.service, f"{kind.path}/{id}", f"delete {address}")
                leaving.append(f"{address}, which is in the state {there[id]}")
            elif id not in there and _gone(cloud, kind, id):
                body = {"mark_unhealthy": True, "resource_status_reason": "bbq: it is gone"}
                cloud.patch("orchestration", own_path(item), f"have {address} made anew", body)
                marked.append(address)
    if leaving:
        raise TransientFault(f"deleting {', '.join(leaving)}", _LEAVING)
    return marked


def _gone(cloud: Cloud, kind: Kind, id: str) -> bool:
    """A list may be short of what it could not ask for (a cell of nova's that does not answer)."""
    try:
        cloud.get(kind.service, f"{kind.path}/{id}", f"look for {id} of the {kind.key}")
    except NotFound:
        return True
    return False
