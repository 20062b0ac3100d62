"""What the cloud has to choose from: one listing of each kind, as `bbq.render.hot` takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from bbq.engine.contract import PermanentFault
from bbq.providers.openstack import tags
from bbq.render.hot.catalogue import Catalogue, CloudNetwork, Flavor, Image

if TYPE_CHECKING:
    from bbq.conf.loader import Config
    from bbq.providers.openstack.session import Cloud

_known: WeakKeyDictionary[Cloud, Catalogue] = WeakKeyDictionary()
_PARAMETERS = ("network", "public_network", "key_name", "ssh_cidr")


def catalogue_of(cloud: Cloud, config: Config) -> Catalogue:
    """The cloud's catalogue: asked for once, and then the same for the plan and the run after it."""
    found = _known.get(cloud)
    if found is None:
        found = _known[cloud] = _asked(cloud, config)
    return found


def _asked(cloud: Cloud, config: Config) -> Catalogue:
    """All listings at once."""
    cloud.require("compute")
    connection, settings = cloud.connection, config.openstack
    asks: dict[str, Callable[[Cloud], tuple[Any, ...] | None]] = {
        "flavors": _flavors,
        "keypairs": _keypairs,
        "availability_zones": _zones,
    }
    asks |= {"images": _images} if cloud.has("image") else {}
    asks |= {"networks": _networks} if cloud.has("network") else {}
    for service in ("compute", "image", "network"):
        if cloud.has(service):
            with cloud.faults("look what the cloud has"):
                getattr(connection, service)  # made here: openstacksdk does not guard that against other threads
    with ThreadPoolExecutor(len(asks)) as pool:
        answers = {name: pool.submit(ask, cloud) for name, ask in asks.items()}
    return Catalogue(
        **{name: answer.result() for name, answer in answers.items()},
        hosts=(urlsplit(str(connection.config.auth.get("auth_url") or "")).hostname or "",),
        defaults={name: value for name in _PARAMETERS if (value := getattr(settings, name))},
        max_resources_per_stack=settings.max_resources_per_stack,
        source=connection.config.name or "the cloud",
    )


def _flavors(cloud: Cloud) -> tuple[Flavor, ...]:
    with cloud.faults("list the flavors"):
        return tuple(map(_flavor, cloud.connection.compute.flavors(details=True)))


def _keypairs(cloud: Cloud) -> tuple[str, ...]:
    with cloud.faults("list the key pairs"):
        return tuple(sorted(item.name for item in cloud.connection.compute.keypairs()))


def _images(cloud: Cloud) -> tuple[Image, ...]:
    with cloud.faults("list the images"):
        return tuple(_image(item) for item in cloud.connection.image.images(status="active", limit=1000))


def _networks(cloud: Cloud) -> tuple[CloudNetwork, ...]:
    """Those that the project may use: an administrator sees others' networks, too."""
    project = cloud.access.project_id
    with cloud.faults("list the networks"):
        there = list(cloud.connection.network.networks())
    return tuple(_network(item) for item in there if item.is_router_external or item.is_shared or item.project_id == project)


def _zones(cloud: Cloud) -> tuple[str, ...] | None:
    with suppress(PermanentFault):  # not everybody may look
        found = cloud.get("compute", "/os-availability-zone", "list the availability zones")["availabilityZoneInfo"]
        return tuple(item["zoneName"] for item in found)
    return None


def _network(item: Any) -> CloudNetwork:
    return CloudNetwork(item.name, item.id, bool(item.is_router_external), owned=tags.of_words(item.tags or ()) is not None)


def _flavor(item: Any) -> Flavor:
    return Flavor(item.name, item.id, item.vcpus or 0, item.ram or 0, item.disk or 0, gpus_of(item.extra_specs or {}))


def gpus_of(specs: Mapping[str, str]) -> int:
    """GPUs by a flavor's extra specs: virtual ones, and whole devices that are passed through (`alias:number`).
    https://docs.openstack.org/nova/latest/configuration/extra-specs.html"""
    number = 0
    for key, value in specs.items():
        if key in ("resources:VGPU", "resources:PGPU") and str(value).isdigit():
            number += int(value)
        elif key == "pci_passthrough:alias":
            parts = (part.rpartition(":") for part in str(value).split(","))
            number += sum(int(count) for name, _, count in parts if "gpu" in name.lower() and count.isdigit())
    return number


def _image(item: Any) -> Image:
    return Image(
        item.name or item.id,
        item.id,
        os_type=item.os_type or "",
        os_distro=item.os_distro or "",
        os_version=str(item.os_version or ""),
        architecture=item.architecture or "",
        min_ram=item.min_ram or 0,
        min_disk=item.min_disk or 0,
        created_at=item.created_at or "",
    )
