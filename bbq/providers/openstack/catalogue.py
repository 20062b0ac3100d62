"""What the cloud has to choose from, as `bbq.render.hot` takes it: the lists of `lookup.py`."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bbq.providers.openstack.lookup import owned
from bbq.render.hot.catalogue import Catalogue, CloudNetwork, Flavor, Image

if TYPE_CHECKING:
    from bbq.providers.openstack.session import Cloud

_PARAMETERS = ("network", "public_network", "key_name", "ssh_cidr")


def catalogue_of(cloud: Cloud) -> Catalogue:
    """The cloud's catalogue; what was not asked for before is asked for at once."""
    cloud.require("compute")
    lookup, settings, config = cloud.lookup, cloud.settings, cloud.connection.config
    kinds = ["flavors", "keypairs", "zones"]
    kinds += ["images"] if cloud.has("image") else []
    kinds += ["networks"] if cloud.has("network") else []
    with ThreadPoolExecutor(len(kinds)) as pool:
        found = dict(zip(kinds, pool.map(lambda kind: getattr(lookup, kind), kinds), strict=True))
    return Catalogue(
        flavors=tuple(map(_flavor, found["flavors"])),
        images=tuple(_image(item) for item in found["images"] if item["status"] == "active") if "images" in found else None,
        networks=tuple(map(_network, lookup.usable_networks)) if "networks" in found else None,
        keypairs=tuple(sorted(found["keypairs"])),
        availability_zones=None if found["zones"] is None else tuple(found["zones"]),
        hosts=(urlsplit(str(config.auth.get("auth_url") or "")).hostname or "",),
        defaults={name: value for name in _PARAMETERS if (value := getattr(settings, name))},
        max_resources_per_stack=settings.max_resources_per_stack,
        usual_image=settings.image or "",
        floating_ips=settings.floating_ips,
        source=config.name or "the cloud",
    )


def _network(item: Mapping[str, Any]) -> CloudNetwork:
    return CloudNetwork(item["name"], item["id"], bool(item.get("router:external")), owned=owned(item))


def _flavor(item: Mapping[str, Any]) -> Flavor:
    gpus = gpus_of(item.get("extra_specs") or {})
    return Flavor(item["name"], item["id"], item["vcpus"], item["ram"], item["disk"], gpus)


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


def _image(item: Mapping[str, Any]) -> Image:
    return Image(
        item.get("name") or item["id"],
        item["id"],
        os_type=item.get("os_type") or "",
        os_distro=item.get("os_distro") or "",
        os_version=str(item.get("os_version") or ""),
        os_admin_user=item.get("os_admin_user") or "",
        architecture=item.get("architecture") or "",
        min_ram=item.get("min_ram") or 0,
        min_disk=item.get("min_disk") or 0,
        created_at=item.get("created_at") or "",
    )
