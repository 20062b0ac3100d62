"""What a Trove offers, looked up once: datastores, flavors, networks, limits. Names become ids, or are told with the nearest.

https://docs.openstack.org/api-ref/database/
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from bbq.engine.contract import PermanentFault
from bbq.providers.openstack import tags
from bbq.providers.openstack.session import Cloud
from bbq.tosca.units import to_bytes
from bbq.wording import nearest, one_of

SERVICE: Final = "database"
_GIB: Final = 1024**3


class Unknown(PermanentFault):
    """The cloud has nothing of that name, or several; `str` says what, `hint` the nearest name."""

    def told(self) -> str:
        return f"{self} ({self.hint})" if self.hint else str(self)


def gibibytes(size: Any) -> int:
    """A scalar-unit.size in whole GiB, rounded up."""
    return max(1, math.ceil((size if isinstance(size, (int, float)) else to_bytes(str(size))) / _GIB))


class Catalogue:
    """One call for each kind of thing, at its first use."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    @cached_property
    def datastores(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._cloud.get(SERVICE, "/datastores", "list the datastores")["datastores"]
        return found

    @cached_property
    def flavors(self) -> list[dict[str, Any]]:
        """The smallest first: memory, then CPUs, then disk."""
        found = self._cloud.get(SERVICE, "/flavors", "list the database flavors")["flavors"]
        return sorted(found, key=lambda item: (item["ram"], item.get("vcpus") or 0, item.get("disk") or 0, item["name"]))

    @cached_property
    def networks(self) -> list[dict[str, Any]]:
        """Those that a server of the project can be on: its own and shared ones, no external ones."""
        project = self._cloud.access.project_id
        found = self._cloud.get("network", "/networks", "list the networks")["networks"]
        mine = [item for item in found if item.get("project_id", item.get("tenant_id")) == project or item.get("shared")]
        return [item for item in mine if not item.get("router:external")]

    @cached_property
    def limits(self) -> Mapping[str, int]:
        """`max_instances`, `max_volumes` (GiB in all), `max_ram` (MiB) ...; what has none is absent."""
        answer = self._cloud.get(SERVICE, "/limits", "read the database limits")["limits"]
        absolute: Mapping[str, int] = next((item for item in answer if item.get("verb") == "ABSOLUTE"), {})
        return {key: value for key, value in absolute.items() if isinstance(value, int) and value >= 0}

    def datastore(self, name: str, version: str | None) -> tuple[str, str]:
        """(datastore, version), by the names (or ids) of Trove's; the datastore's default version where none is given."""
        found = _named(self.datastores, name, "datastore")
        versions = [item for item in found.get("versions") or () if item.get("active", 1)]
        if version:
            return found["name"], str(_named(versions, version, f"version of {found['name']}")["name"])
        default = [item for item in versions if item["id"] == found.get("default_version")] or versions
        if len(default) != 1:
            has = "several versions" if default else "no active version"
            text = f"the datastore {found['name']} has {has} and no default one"
            raise Unknown(text, one_of([item["name"] for item in default]))
        return found["name"], str(default[0]["name"])

    def flavor(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The one that is named, else the smallest that satisfies `cpus` and `memory`."""
        if name := properties.get("flavor"):
            return _named(self.flavors, str(name), "database flavor", "str_id")
        cpus, memory = int(properties.get("cpus") or 1), properties.get("memory") or 0
        needed = (memory if isinstance(memory, (int, float)) else to_bytes(str(memory))) / 1024**2
        for item in self.flavors:
            if item["ram"] >= needed and (item.get("vcpus") or cpus) >= cpus:
                return item
        largest = self.flavors[-1] if self.flavors else None
        had = f"the largest is {largest['name']}: {largest['ram']} MiB, {largest.get('vcpus')} CPUs" if largest else None
        raise Unknown(f"no database flavor has {cpus} CPUs and {needed:.0f} MiB of memory", had)

    def network(self, name: str | None) -> str:
        """The id of the network of that name or id; where none is named, that of the configuration, else the project's only."""
        if wanted := name or self._cloud.settings.network:
            return str(_named(self.networks, wanted, "network")["id"])
        free = [item for item in self.networks if tags.of_words(item.get("tags") or ()) is None]  # no deployment's own
        if len(free) != 1:
            has = "several networks" if free else "no network"
            text = f"{has} for the instance to be on: say which by `network`, or in bbq.conf by [openstack] network"
            raise Unknown(text, one_of([item["name"] for item in free]))
        return str(free[0]["id"])


def flavor_id(flavor: Mapping[str, Any]) -> str:
    return str(flavor.get("str_id") or flavor["id"])


def _named(items: Sequence[dict[str, Any]], name: str, kind: str, id_key: str = "id") -> dict[str, Any]:
    found = [item for item in items if item["name"] == name] or [item for item in items if str(item.get(id_key)) == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise Unknown(f"{len(found)} {kind}s are called {name}", "give the id of one: " + ", ".join(i["id"] for i in found))
    known = [item["name"] for item in items]
    raise Unknown(f"this cloud has no {kind} {name}", nearest(name, known) or one_of(known))
