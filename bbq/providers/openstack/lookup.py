"""What clusters name, looked up: flavors, networks, key pairs. Names become ids, or are told with the nearest one.

One call for each kind of thing, at its first use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from bbq.engine.contract import PermanentFault
from bbq.providers.openstack.session import Cloud
from bbq.topology.model import Node
from bbq.topology.values import Expr, contains
from bbq.tosca.units import to_bytes
from bbq.wording import nearest, one_of

_MIB: Final = 1024**2
_PAGE: Final = 1000


class Unknown(PermanentFault):
    """The cloud has nothing of that name, or several; `str` says what, `hint` the nearest name."""

    def told(self) -> str:
        return f"{self} ({self.hint})" if self.hint else str(self)


class Lookup:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    @cached_property
    def flavors(self) -> list[dict[str, Any]]:
        """The smallest first: memory, then CPUs, then disk. https://docs.openstack.org/api-ref/compute/#list-flavors-with-details"""
        found: list[dict[str, Any]] = []
        marker: dict[str, str] = {}
        while page := self._cloud.get("compute", "/flavors/detail", "list the flavors", limit=_PAGE, **marker)["flavors"]:
            found += page
            if len(page) < _PAGE:
                break
            marker = {"marker": page[-1]["id"]}
        return sorted(found, key=lambda item: (item["ram"], item["vcpus"], item["disk"], item["name"]))

    @cached_property
    def networks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._cloud.get("network", "/networks", "list the networks")["networks"]
        return found

    @cached_property
    def keypairs(self) -> list[str]:
        found = self._cloud.get("compute", "/os-keypairs", "list the key pairs", limit=_PAGE)["keypairs"]
        return [item["keypair"]["name"] for item in found]

    def flavor(self, given: Mapping[str, Any]) -> str:
        """The id of the one that `flavor` names, else of the smallest that satisfies `cpus` and `memory`."""
        if name := given.get("flavor"):
            return str(named(self.flavors, str(name), "flavor")["id"])
        cpus, memory = int(given.get("cpus") or 1), given.get("memory") or 0
        needed = (memory if isinstance(memory, (int, float)) else to_bytes(str(memory))) / _MIB
        for item in self.flavors:
            if item["ram"] >= needed and item["vcpus"] >= cpus:
                return str(item["id"])
        largest = self.flavors[-1] if self.flavors else None
        had = f"the largest is {largest['name']}: {largest['ram']} MiB, {largest['vcpus']} CPUs" if largest else None
        raise Unknown(f"no flavor has {cpus} CPUs and {needed:.0f} MiB of memory", had)

    def network(self, name: str | None) -> str:
        """The id of the network that servers are on: the named one, else that of `[openstack] network`, else the only one."""
        project = self._cloud.access.project_id
        mine = [item for item in self.networks if not item.get("router:external")]
        mine = [item for item in mine if item.get("project_id", item.get("tenant_id")) == project or item.get("shared")]
        if wanted := name or self._cloud.settings.network:
            return str(named(mine, wanted, "network")["id"])
        if len(mine) != 1:
            text = "several networks" if mine else "no network"
            text += " for the servers to be on: say which by `network`, or in bbq.conf by [openstack] network"
            raise Unknown(text, one_of([item["name"] for item in mine]))
        return str(mine[0]["id"])

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
        if name not in self.keypairs:
            raise Unknown(f"this cloud has no key pair {name} of yours", nearest(name, self.keypairs) or one_of(self.keypairs))
        return name


def named(items: Sequence[Mapping[str, Any]], name: str, kind: str, id_key: str = "id") -> Mapping[str, Any]:
    """The one with that name, else with that id; `Unknown` where there is none or are several."""
    found = [item for item in items if item["name"] == name] or [item for item in items if str(item.get(id_key)) == name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(item[id_key]) for item in found)
        raise Unknown(f"{len(found)} {kind}s are called {name}", f"give the id of one: {ids}")
    known = [str(item["name"]) for item in items]
    raise Unknown(f"this cloud has no {kind} {name}", nearest(name, known) or one_of(known))


def known(value: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that are known before anything runs."""
    return {key: one for key, one in value.items() if not contains(one, lambda item: isinstance(item, Expr))}


def problems(node: Node, checks: Iterable[Callable[[], object]]) -> list[str]:
    """What the checks raise as `Unknown`, each with the node's place in the user's template (a member's would be in bbq's)."""
    place = f"{node.source}: " if node.source is not None and node.parent is None else ""
    found = []
    for check in checks:
        try:
            check()
        except Unknown as fault:
            found.append(f"{place}{node.name}: {fault.told()}")
    return found
