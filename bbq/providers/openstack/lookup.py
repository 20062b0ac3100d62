"""What the cloud has, each kind listed once, at its first use; names become ids, or are told with the nearest one.

The choice for stacks (`catalogue.py`), the check before they are made (`stack_preflight.py`), clusters and databases all look
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from bbq.engine.contract import PermanentFault
from bbq.providers.openstack import tags
from bbq.topology.model import Node
from bbq.topology.values import Expr, contains
from bbq.tosca.units import to_bytes
from bbq.wording import nearest, one_of

if TYPE_CHECKING:
    from bbq.providers.openstack.session import Cloud

_Item = TypeVar("_Item", bound=Mapping[str, Any])
_MIB: Final = 1024**2
_PAGE: Final = 1000
_KINDS: Final = ("flavors", "images", "networks", "keypairs", "zones")


class Unknown(PermanentFault):
    """The cloud has nothing of that name, or several; `str` says what, `hint` the nearest name."""

    def told(self) -> str:
        return f"{self} ({self.hint})" if self.hint else str(self)


class Lookup:
    """Of one cloud (`Cloud.lookup`); used by several threads at once. Entries are as the services' lists have them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._known: dict[str, Any] = {}
        self._locks = {kind: Lock() for kind in _KINDS}

    def _once(self, kind: str, ask: Callable[[], Any]) -> Any:
        with self._locks[kind]:
            if kind not in self._known:
                self._known[kind] = ask()
            return self._known[kind]

    @property
    def flavors(self) -> Sequence[dict[str, Any]]:
        """With `extra_specs`, from 2.61 on. https://docs.openstack.org/api-ref/compute/#list-flavors-with-details"""

        def ask() -> list[dict[str, Any]]:
            version = self._cloud.microversion("compute", "2.61")
            path, what = "/flavors/detail", "list the flavors"
            return list(self._cloud.pages("compute", path, "flavors", what, microversion=version, limit=_PAGE))

        found: Sequence[dict[str, Any]] = self._once("flavors", ask)
        return found

    @property
    def images(self) -> Sequence[dict[str, Any]]:
        """In every state. https://docs.openstack.org/api-ref/image/v2/#list-images"""
        ask = self._cloud.pages
        found: Sequence[dict[str, Any]] = self._once(
            "images", lambda: list(ask("image", "/images", "images", "list the images", limit=_PAGE))
        )
        return found

    @property
    def networks(self) -> Sequence[dict[str, Any]]:
        """All that the account sees: an administrator sees others' networks, too."""
        ask = self._cloud.pages
        found: Sequence[dict[str, Any]] = self._once(
            "networks", lambda: list(ask("network", "/networks", "networks", "list the networks"))
        )
        return found

    @property
    def usable_networks(self) -> list[dict[str, Any]]:
        """The project's own, shared and external ones."""
        project = self._cloud.access.project_id
        return [
            item
            for item in self.networks
            if item.get("shared") or item.get("router:external") or item.get("project_id", item.get("tenant_id")) == project
        ]

    @property
    def _own_networks(self) -> list[dict[str, Any]]:
        """Those that a server of the project can be on."""
        return [item for item in self.usable_networks if not item.get("router:external")]

    @property
    def keypairs(self) -> Sequence[str]:
        ask = self._cloud.pages
        found: Sequence[dict[str, Any]] = self._once(
            "keypairs", lambda: list(ask("compute", "/os-keypairs", "keypairs", "list the key pairs"))
        )
        return [item["keypair"]["name"] for item in found]

    @property
    def zones(self) -> Sequence[str] | None:
        """Availability zones of Nova's; None where the account may not look."""

        def ask() -> list[str] | None:
            with suppress(PermanentFault):
                found = self._cloud.get("compute", "/os-availability-zone", "list the availability zones")
                return [item["zoneName"] for item in found["availabilityZoneInfo"]]
            return None

        found: Sequence[str] | None = self._once("zones", ask)
        return found

    # Names

    def flavor(self, given: Mapping[str, Any]) -> str:
        """The id of the one that `flavor` names, else of the smallest that satisfies `cpus` and `memory`."""
        return str(chosen_flavor(self.flavors, given, "flavor")["id"])

    def image(self, name: str) -> str:
        """An image's id. One that the list does not show, which others share or hide, may be named by that."""
        try:
            return str(named(self.images, name, "image")["id"])
        except Unknown:
            if any(item["name"] == name for item in self.images):
                raise
            with suppress(PermanentFault):  # there is none, or it is not the form of an id
                path = f"/images/{quote(name, safe='')}"
                return str(self._cloud.get("image", path, "look for it by its id")["id"])
            raise

    def network(self, name: str | None) -> str:
        """The id of the network that servers are on: the named one, else that of `[openstack] network`, else the only one that
        no deployment has made."""
        if wanted := name or self._cloud.settings.network:
            return str(named(self._own_networks, wanted, "network")["id"])
        free = [item for item in self._own_networks if not owned(item)]
        if len(free) != 1:
            text = "several networks" if free else "no network"
            text += " for the servers to be on: say which by `network`, or in bbq.conf by [openstack] network"
            raise Unknown(text, one_of([item["name"] for item in free]))
        return str(free[0]["id"])

    def external_network(self, name: str | None) -> str:
        """The id of the named external network, else of the only one."""
        external = [item for item in self.networks if item.get("router:external")]
        if name:
            return str(named(external, name, "external network")["id"])
        if len(external) != 1:
            text = "several external networks" if external else "no external network"
            raise Unknown(f"this cloud has {text}: say which", one_of([item["name"] for item in external]))
        return str(external[0]["id"])

    def keypair(self, name: str) -> str:
        known = self.keypairs
        if name not in known:
            raise Unknown(f"this cloud has no key pair {name} of yours", nearest(name, known) or one_of(known))
        return name


def owned(network: Mapping[str, Any]) -> bool:
    """A deployment has made it."""
    return tags.of_words(network.get("tags") or ()) is not None


def named(items: Sequence[_Item], name: str, kind: str, id_key: str = "id") -> _Item:
    """The one with that name, else with that id; `Unknown` where there is none or are several."""
    found = [item for item in items if item["name"] == name] or [item for item in items if str(item.get(id_key)) == name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(item[id_key]) for item in found)
        raise Unknown(f"{len(found)} {kind}s are called {name}", f"give the id of one: {ids}")
    known = [str(item["name"]) for item in items if item["name"]]
    raise Unknown(f"this cloud has no {kind} {name}", nearest(name, known) or one_of(known))


def by_id_and_name(items: Iterable[_Item]) -> dict[str, _Item]:
    return {item[key]: item for key in ("id", "name") for item in items}


def chosen_flavor(flavors: Sequence[_Item], given: Mapping[str, Any], kind: str, id_key: str = "id") -> _Item:
    """The one that `flavor` names, else the smallest (memory, then CPUs, then disk) that satisfies `cpus` and `memory`."""
    if name := given.get("flavor"):
        return named(flavors, str(name), kind, id_key)
    cpus, memory = int(given.get("cpus") or 1), given.get("memory") or 0
    needed = (memory if isinstance(memory, (int, float)) else to_bytes(str(memory))) / _MIB
    ordered = sorted(flavors, key=lambda one: (one["ram"], one.get("vcpus") or 0, one.get("disk") or 0, one["name"]))
    for item in ordered:
        if item["ram"] >= needed and (item.get("vcpus") or cpus) >= cpus:  # older Troves do not tell the CPUs
            return item
    largest = ordered[-1] if ordered else None
    had = f"the largest is {largest['name']}: {largest['ram']} MiB, {largest.get('vcpus')} CPUs" if largest else None
    raise Unknown(f"no {kind} has {cpus} CPUs and {needed:.0f} MiB of memory", had)


def known(value: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that are known before anything runs."""
    return {key: one for key, one in value.items() if not contains(one, lambda item: isinstance(item, Expr))}


def place(node: Node) -> str:
    """Where the node stands in the user's template, for the beginning of a text; a member's would be in bbq's own."""
    return f"{node.source}: " if node.source is not None and node.parent is None else ""


def problems(node: Node, checks: Iterable[Callable[[], object]]) -> list[str]:
    """What the checks raise as `Unknown`, each with the node's place."""
    found = []
    for check in checks:
        try:
            check()
        except Unknown as fault:
            found.append(f"{place(node)}{node.name}: {fault.told()}")
    return found
