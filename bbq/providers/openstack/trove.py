"""What a Trove offers, looked up once: datastores, flavors, limits. Names become ids, or are told with the nearest.

https://docs.openstack.org/api-ref/database/
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from bbq.providers.openstack.lookup import Unknown, chosen_flavor, named
from bbq.providers.openstack.session import Cloud
from bbq.wording import one_of

SERVICE: Final = "database"


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
        """Those that Trove makes servers of, which need not be the account's own."""
        found: list[dict[str, Any]] = self._cloud.get(SERVICE, "/flavors", "list the database flavors")["flavors"]
        return found

    @cached_property
    def limits(self) -> Mapping[str, int]:
        """`max_instances`, `max_volumes` (GiB in all), `max_ram` (MiB) ...; what has none is absent."""
        answer = self._cloud.get(SERVICE, "/limits", "read the database limits")["limits"]
        absolute: Mapping[str, int] = next((item for item in answer if item.get("verb") == "ABSOLUTE"), {})
        return {key: value for key, value in absolute.items() if isinstance(value, int) and value >= 0}

    def datastore(self, name: str, version: str | None) -> tuple[str, str]:
        """(datastore, version), by the names (or ids) of Trove's; the datastore's default version where none is given."""
        found = named(self.datastores, name, "datastore")
        versions = [item for item in found.get("versions") or () if item.get("active", 1)]
        if version:
            return found["name"], str(named(versions, version, f"version of {found['name']}")["name"])
        default = [item for item in versions if item["id"] == found.get("default_version")] or versions
        if len(default) != 1:
            has = "several versions" if default else "no active version"
            text = f"the datastore {found['name']} has {has} and no default one"
            raise Unknown(text, one_of([item["name"] for item in default]))
        return found["name"], str(default[0]["name"])

    def flavor(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The one that is named, else the smallest that satisfies `cpus` and `memory`."""
        return chosen_flavor(self.flavors, properties, "database flavor", "str_id")


def flavor_id(flavor: Mapping[str, Any]) -> str:
    return str(flavor.get("str_id") or flavor["id"])
