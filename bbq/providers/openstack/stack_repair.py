"""What a stack has lost behind Heat's back: servers, volumes, ports and addresses that somebody deleted, servers in ERROR.

Heat takes them for what they were when it made them, and changes nothing about them in an update. Once they are marked as
unhealthy it makes them anew in the next one, and whatever depends on them follows. To mark one again does no harm. A server
in ERROR has to be gone before that: nova takes no port from it, which the one in its place is to have.
https://docs.openstack.org/api-ref/orchestration/v1/#mark-a-resource-as-unhealthy
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """Where things of a resource type are listed; `key` names them in the list. In the states `useless` they are lost. (Of a
    volume there is none: in a state of error it may hold data.)"""

    called: str
    service: str
    path: str
    details: str
    key: str
    useless: frozenset[str] = frozenset()


KINDS: Final[Mapping[str, Kind]] = {
    "OS::Nova::Server": Kind(
        "server", "compute", "/servers", "/detail", "servers", frozenset({"ERROR", "DELETED", "SOFT_DELETED"})
    ),
    "OS::Cinder::Volume": Kind("volume", "block-storage", "/volumes", "/detail", "volumes"),
    "OS::Neutron::Port": Kind("port", "network", "/ports", "", "ports"),
    "OS::Neutron::FloatingIP": Kind("floating IP", "network", "/floatingips", "", "floatingips"),
}


@dataclass(frozen=True, slots=True)
class Lost:
    """A resource without a thing of any use. `address` is as `workers.0.server`, `path` the resource's in Heat's API, `id` the
    thing's, `state` None where no list has it."""

    address: str
    path: str
    kind: Kind
    id: str
    state: str | None

    def __str__(self) -> str:
        return f"the {self.kind.called} {self.address} is {'gone' if self.state is None else 'in the state ' + self.state}"


def lost_of(cloud: Cloud, paths: Sequence[str]) -> dict[str, list[Lost]]:
    """What each of the stacks at these paths has lost, as the lists say: one call for each stack, and one for each kind of
    thing that any of them has. A stack that is gone has lost nothing."""
    parts: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for path in paths:
        with suppress(NotFound):
            parts[path] = [(address, item) for address, item in addressed(resources_of(cloud, path)) if _has_thing(item)]
    there = {name: _states(cloud, KINDS[name]) for name in {one["resource_type"] for some in parts.values() for _, one in some}}
    found: dict[str, list[Lost]] = {}
    for path, some in parts.items():
        for address, item in some:
            kind, id = KINDS[item["resource_type"]], item["physical_resource_id"]
            state = there[item["resource_type"]].get(id)
            if state is None or state in kind.useless:
                found.setdefault(path, []).append(Lost(address, own_path(item), kind, id, state))
    return found


def _has_thing(item: Mapping[str, Any]) -> bool:
    """Is it of one of our kinds, made, and not at work?"""
    made = item["resource_type"] in KINDS and item.get("physical_resource_id")
    return bool(made) and not item["resource_status"].endswith("_IN_PROGRESS")


def _states(cloud: Cloud, kind: Kind) -> dict[str, str]:
    """By id, of all there are."""
    listed = cloud.pages(kind.service, kind.path + kind.details, kind.key, f"list the {kind.key}", limit=1000)
    return {item["id"]: str(item.get("status")) for item in listed}


def mark_lost(cloud: Cloud, path: str) -> list[str]:
    """Have Heat make what is lost anew with its next update of the stack at `path`; the addresses (`workers.0.server`) of that.
    Two calls for each that is lost, beside those of `lost_of`. `TransientFault` while what is of no use is on its way out."""
    marked, leaving = [], []
    for lost in lost_of(cloud, [path]).get(path, ()):
        if lost.state is not None:
            with suppress(NotFound):
                cloud.delete(lost.kind.service, f"{lost.kind.path}/{lost.id}", f"delete {lost.address}")
            leaving.append(f"{lost.address}, which is in the state {lost.state}")
        elif _gone(cloud, lost):
            body = {"mark_unhealthy": True, "resource_status_reason": "bbq: it is gone"}
            cloud.patch("orchestration", lost.path, f"have {lost.address} made anew", body)
            marked.append(lost.address)
    if leaving:
        raise TransientFault(f"deleting {', '.join(leaving)}", _LEAVING)
    return marked


def _gone(cloud: Cloud, lost: Lost) -> bool:
    """A list may be short of what it could not ask for (a cell of nova's that does not answer)."""
    try:
        cloud.get(lost.kind.service, f"{lost.kind.path}/{lost.id}", f"look for {lost.id} of the {lost.kind.key}")
    except NotFound:
        return True
    return False
