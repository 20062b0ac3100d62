"""What is wrong with stacks before they are created: names that mean nothing, quotas that do not suffice, what Heat says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from bbq.engine.contract import NoRoom, PermanentFault
from bbq.providers.openstack.faults import NotFound
from bbq.providers.openstack.session import Cloud
from bbq.providers.openstack.stack_needs import Needs
from bbq.wording import nearest

_NEUTRON: Final = {
    "network": "networks",
    "port": "ports",
    "router": "routers",
    "floatingip": "floating IPs",
    "security_group": "security groups",
}


def problems(cloud: Cloud, needs: Needs) -> Iterator[str]:
    """All that is known to lack: one call for each kind of thing, or each name of one."""
    flavors = _flavors(cloud) if needs.servers or "flavor" in needs.names else {}
    checks: dict[str, tuple[str, Callable[[str], str | None]]] = {
        "flavor": ("compute", lambda name: None if name in flavors else f"there is no flavor {name!r}{_hint(name, flavors)}"),
        "image": ("image", partial(_image, cloud)),
        "keypair": ("compute", partial(_keypair, cloud)),
        "network": ("network", partial(_network, cloud)),
    }
    for kind, (service, check) in checks.items():
        wanted = needs.names.get(kind, {})
        if wanted and not cloud.has(service):
            continue  # Heat says what it lacks
        for name, where in wanted.items():
            if said := check(name):
                yield f"{where}: {said}"
    yield from _compute_room(cloud, needs, flavors)
    yield from _network_room(cloud, needs)
    yield from _volume_room(cloud, needs)


def said_by_heat(cloud: Cloud, name: str, body: Mapping[str, Any]) -> str | None:
    """What Heat finds wrong with the whole, None where it would take it. It stops at the first."""
    try:
        cloud.post(
            "orchestration",
            "/stacks/preview",
            f"{name}: Heat refuses the template",
            {"stack_name": "preview", **body},
            creates=False,
        )
    except PermanentFault as fault:
        return str(fault)
    return None


def _flavors(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """By name and by id. https://docs.openstack.org/api-ref/compute/#list-flavors-with-details"""
    found: dict[str, dict[str, Any]] = {}
    marker: dict[str, str] = {}
    while page := cloud.get("compute", "/flavors/detail", "list the flavors", limit="1000", **marker)["flavors"]:
        found |= {one[key]: one for key in ("id", "name") for one in page}
        if len(page) < 1000:
            break
        marker = {"marker": page[-1]["id"]}
    return found


def _image(cloud: Cloud, name: str) -> str | None:
    images = cloud.get("image", "/images", "look for the image", name=name)["images"]
    if len(images) > 1:
        return f"{len(images)} images are called {name!r}: use the id of one ({', '.join(one['id'] for one in images[:5])})"
    if images or _exists(cloud, "image", "/images", name):
        return None
    known = [one["name"] for one in cloud.get("image", "/images", "list the images", limit="200")["images"]]
    return f"there is no image {name!r}{_hint(name, known)}"


def _network(cloud: Cloud, name: str) -> str | None:
    networks = cloud.get("network", "/networks", "look for the network", name=name, fields="id")["networks"]
    if len(networks) > 1:
        return f"{len(networks)} networks are called {name!r}: use the id of one"
    if networks or _exists(cloud, "network", "/networks", name):
        return None
    known = [one["name"] for one in cloud.get("network", "/networks", "list the networks", fields="name")["networks"]]
    return f"there is no network {name!r}{_hint(name, known)}"


def _keypair(cloud: Cloud, name: str) -> str | None:
    known = [one["keypair"]["name"] for one in cloud.get("compute", "/os-keypairs", "list the keypairs")["keypairs"]]
    return None if name in known else f"there is no keypair {name!r}{_hint(name, known)}"


def _exists(cloud: Cloud, service: str, path: str, id: str) -> bool:
    try:
        cloud.get(service, f"{path}/{quote(id, safe='')}", "look for it by its id")
    except NotFound:
        return False
    except PermanentFault:  # not the form of an id
        return False
    return True


def _compute_room(cloud: Cloud, needs: Needs, flavors: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not needs.servers or not cloud.has("compute"):
        return
    limits = cloud.get("compute", "/limits", "read the limits")["limits"]["absolute"]
    known = [(flavors[name], count) for name, count in needs.servers.items() if name in flavors]
    yield from _lacking(
        ("servers", sum(needs.servers.values()), limits["maxTotalInstances"], limits["totalInstancesUsed"]),
        ("cores", sum(flavor["vcpus"] * count for flavor, count in known), limits["maxTotalCores"], limits["totalCoresUsed"]),
        (
            "MiB of memory",
            sum(flavor["ram"] * count for flavor, count in known),
            limits["maxTotalRAMSize"],
            limits["totalRAMUsed"],
        ),
    )


def _network_room(cloud: Cloud, needs: Needs) -> Iterator[str]:
    wanted = {key: needs.things[key] for key in _NEUTRON if needs.things[key]}
    if not wanted or not cloud.has("network"):
        return
    quota = cloud.get("network", f"/quotas/{cloud.access.project_id}/details.json", "read the quotas")["quota"]
    yield from _lacking(
        *(
            (_NEUTRON[key], count, quota[key]["limit"], quota[key]["used"] + quota[key]["reserved"])
            for key, count in wanted.items()
            if key in quota
        )
    )


def _volume_room(cloud: Cloud, needs: Needs) -> Iterator[str]:
    if not needs.things["volume"] or not cloud.has("block-storage"):
        return
    limits = cloud.get("block-storage", "/limits", "read the limits")["limits"]["absolute"]
    yield from _lacking(
        ("volumes", needs.things["volume"], limits["maxTotalVolumes"], limits["totalVolumesUsed"]),
        ("GiB of volumes", needs.gigabytes, limits["maxTotalVolumeGigabytes"], limits["totalGigabytesUsed"]),
    )


def _lacking(*counts: tuple[str, int, int, int]) -> Iterator[str]:
    for name, wanted, limit, used in counts:
        if 0 <= limit < used + wanted:
            yield NoRoom(f"the quota lacks {name}: {wanted} wanted, {max(0, limit - used)} of {limit} left")


def _hint(name: str, known: Iterable[str]) -> str:
    return f"; {said}" if (said := nearest(name, list(known))) else ""
