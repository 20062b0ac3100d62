"""The account's quotas: what is left of them, and whether that suffices. One call for each service."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bbq.engine.contract import NoRoom
from bbq.providers.openstack.lookup import by_id_and_name

if TYPE_CHECKING:
    from bbq.providers.openstack.session import Cloud
    from bbq.providers.openstack.stack_needs import Needs

_NETWORK: Final = {
    "network": "networks",
    "port": "ports",
    "router": "routers",
    "floatingip": "floating IPs",
    "security_group": "security groups",
}
"""Neutron's names for what it counts -> people's."""


@dataclass(frozen=True, slots=True)
class Quota:
    limit: int
    used: int

    @property
    def left(self) -> int | None:
        """None where there is no limit, which services say by -1."""
        return None if self.limit < 0 else max(0, self.limit - self.used)


def compute(cloud: Cloud) -> dict[str, Quota]:
    """https://docs.openstack.org/api-ref/compute/#limits-limits"""
    limits = _limits(cloud, "compute")
    return {
        "servers": Quota(limits["maxTotalInstances"], limits["totalInstancesUsed"]),
        "cores": Quota(limits["maxTotalCores"], limits["totalCoresUsed"]),
        "MiB of memory": Quota(limits["maxTotalRAMSize"], limits["totalRAMUsed"]),
    }


def network(cloud: Cloud) -> dict[str, Quota]:
    """https://docs.openstack.org/api-ref/network/v2/#show-quota-details-for-a-tenant"""
    found = cloud.get("network", f"/quotas/{cloud.access.project_id}/details.json", "read the quotas")["quota"]
    return {
        name: Quota(found[key]["limit"], found[key]["used"] + found[key]["reserved"])
        for key, name in _NETWORK.items()
        if key in found
    }


def volume(cloud: Cloud) -> dict[str, Quota]:
    """https://docs.openstack.org/api-ref/block-storage/v3/#limits-limits"""
    limits = _limits(cloud, "block-storage")
    return {
        "volumes": Quota(limits["maxTotalVolumes"], limits["totalVolumesUsed"]),
        "GiB of volumes": Quota(limits["maxTotalVolumeGigabytes"], limits["totalGigabytesUsed"]),
    }


_SOURCES: Final[Sequence[tuple[str, frozenset[str], Callable[[Cloud], dict[str, Quota]]]]] = (
    ("compute", frozenset({"servers", "cores", "MiB of memory"}), compute),
    ("network", frozenset(_NETWORK.values()), network),
    ("block-storage", frozenset({"volumes", "GiB of volumes"}), volume),
)
"""Service, what its quotas are called, and what asks for them."""


def lacking(cloud: Cloud, before: Needs, after: Needs) -> Iterator[NoRoom]:
    """What there is no room for, of what is needed more; quotas of services that the cloud lacks are left out."""
    wanted = {name: number for name, number in difference(cloud, before, after).items() if number > 0}
    yield from exceeded(wanted, quotas(cloud, wanted))


def quotas(cloud: Cloud, names: Collection[str]) -> dict[str, Quota]:
    """Those of that name and what comes with them, as far as the cloud has the services. One request for each service, all at
    once."""
    asked = [ask for service, own, ask in _SOURCES if own.intersection(names) and cloud.has(service)]
    if not asked:
        return {}
    with ThreadPoolExecutor(len(asked)) as pool:
        return {name: one for found in pool.map(lambda ask: ask(cloud), asked) for name, one in found.items()}


def difference(cloud: Cloud, before: Needs, after: Needs) -> dict[str, int]:
    """How much more of each quota is needed, by the quota's name; less is negative."""
    was, will = _amounts(cloud, before), _amounts(cloud, after)
    return {name: will[name] - was[name] for name in will}


def _amounts(cloud: Cloud, needs: Needs) -> dict[str, int]:
    known: list[tuple[Mapping[str, Any], int]] = []
    if needs.servers and cloud.has("compute"):
        flavors = by_id_and_name(cloud.lookup.flavors)
        known = [(flavors[name], count) for name, count in needs.servers.items() if name in flavors]
    return {
        "servers": sum(needs.servers.values()),
        "cores": sum(flavor["vcpus"] * count for flavor, count in known),
        "MiB of memory": sum(flavor["ram"] * count for flavor, count in known),
        **{name: needs.things[key] for key, name in _NETWORK.items()},
        "volumes": needs.things["volume"],
        "GiB of volumes": needs.gigabytes,
    }


def exceeded(wanted: Mapping[str, int], quotas: Mapping[str, Quota]) -> Iterator[NoRoom]:
    for name, number in wanted.items():
        quota = quotas.get(name)
        if quota is not None and quota.left is not None and quota.limit < quota.used + number:
            yield NoRoom(f"the quota lacks {name}: {number} wanted, {quota.left} of {quota.limit} left")


def _limits(cloud: Cloud, service: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.get(service, "/limits", "read the limits")["limits"]["absolute"]
    return found
