"""What is wrong with stacks before they are created: names that mean nothing, what Heat says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bbq.engine.contract import PermanentFault
from bbq.providers.openstack.lookup import Unknown, named
from bbq.providers.openstack.session import Cloud
from bbq.providers.openstack.stack_needs import Needs


def unknown(cloud: Cloud, needs: Needs) -> Iterator[str]:
    """Every name that this cloud has nothing of, or several."""
    lookup = cloud.lookup
    checks: dict[str, tuple[str, Callable[[str], object]]] = {
        "flavor": ("compute", lambda name: named(lookup.flavors, name, "flavor")),
        "image": ("image", lookup.image),
        "keypair": ("compute", lookup.keypair),
        "network": ("network", lambda name: named(lookup.networks, name, "network")),
    }
    for kind, (service, check) in checks.items():
        wanted = needs.names.get(kind, {})
        if wanted and not cloud.has(service):
            continue  # Heat says what it lacks
        for name, where in wanted.items():
            try:
                check(name)
            except Unknown as fault:
                yield f"{where}: {fault.told()}"


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
