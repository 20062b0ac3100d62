"""What a cloud offers, what the account may do there, and what of its quotas is left. Nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from bbq.conf.loader import Config
from bbq.engine.contract import PermanentFault, ProviderFault
from bbq.engine.retry import error_of
from bbq.errors import ConfigurationError
from bbq.providers.finding import Finding
from bbq.providers.openstack import check_installed, quota
from bbq.providers.openstack.quota import Quota
from bbq.providers.openstack.session import SERVICES, Cloud

MOST_SKEW: Final = 30.0
"""Seconds by which clocks may differ before signatures and tokens of some services are refused."""
_NEEDED_BY: Final = {
    "orchestration": "Stack, and with it everything that is made of servers",
    "compute": "every server",
    "network": "every server",
    "image": "every server",
    "block-storage": "volumes, databases of Trove",
    "database": "Database with implementation trove",
    "message": "MessageQueue with implementation zaqar",
    "data-processing": "SparkCluster with implementation sahara",
    "container-infrastructure-management": "KubernetesCluster with implementation magnum",
    "application-catalog": "MuranoApp",
}
_LISTS: Final = {
    "orchestration": ("/stacks?limit=1", "list stacks"),
    "compute": ("/servers?limit=1", "list servers"),
    "network": ("/networks?limit=1", "list networks"),
    "image": ("/images?limit=1", "list images"),
    "block-storage": ("/volumes?limit=1", "list volumes"),
}
"""A call for each service that every account of a project may make."""


def examine(config: Config) -> Iterator[Finding]:
    """One finding a check; after a failed one there are no more."""
    try:
        check_installed()
        yield from _examine(Cloud(config))
    except ConfigurationError as error:
        yield Finding("openstacksdk", "failed", f"{error}; {error.hint}")
    except ProviderFault as fault:  # at the login, or where it ends in the middle
        hint = getattr(fault, "hint", None)
        yield Finding("Login", "failed", f"{fault}" + (f"; {hint}" if hint else ""), error_of(fault, str(fault)).exit_code)


def _examine(cloud: Cloud) -> Iterator[Finding]:
    access = cloud.access
    cloud.require("identity")  # says so where the region is unknown
    where = f"project {access.project_name} ({access.project_domain_name})" if access.project_id else "no project"
    until = f"{access.expires:%Y-%m-%d %H:%M} UTC"
    yield Finding(
        "Login",
        "ok" if access.project_id else "missing",
        f"{access.username} in {where} at {cloud.endpoint('identity')}; the token ends {until}",
    )
    roles = sorted(access.role_names or ())
    yield Finding("Roles", "ok" if roles else "missing", ", ".join(roles) or "none")
    regions = cloud.regions()
    others = f"; there are {', '.join(regions)}" if len(regions) > 1 else ""
    yield Finding("Region", "ok", (cloud.region or "none is chosen") + others)
    yield _tried("Clock", lambda: _clock(cloud))
    for service, name in SERVICES.items():
        if service in _NEEDED_BY or cloud.has(service):
            yield _service(cloud, service, name[0].upper() + name[1:])
    for check, service, ask in (
        ("Compute quota", "compute", quota.compute),
        ("Network quota", "network", quota.network),
        ("Volume quota", "block-storage", quota.volume),
    ):
        if cloud.has(service):
            yield _tried(check, lambda ask=ask, check=check: Finding(check, *_left(ask(cloud))))  # type: ignore[misc]


def _tried(check: str, ask: Callable[[], Finding]) -> Finding:
    try:
        return ask()
    except ProviderFault as fault:
        return Finding(check, "missing", str(fault))


def _clock(cloud: Cloud) -> Finding:
    with cloud.faults("ask for the time"):
        answer = cloud.connection.session.get(cloud.endpoint("identity") or "", authenticated=False, raise_exc=False)
    said = answer.headers.get("Date")
    if not said:
        return Finding("Clock", "ok", "the cloud does not say what time it is")
    skew = time.time() - parsedate_to_datetime(said).timestamp()
    if abs(skew) <= MOST_SKEW:
        return Finding("Clock", "ok", f"within {max(1, round(abs(skew)))} s of the cloud's")
    return Finding("Clock", "missing", f"this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the cloud")


def _service(cloud: Cloud, service: str, name: str) -> Finding:
    """Its version, and whether the account may ask it at all."""
    if not cloud.has(service):
        return Finding(name, "missing", f"not in the catalogue; needed by {_NEEDED_BY[service]}")
    try:
        with cloud.faults("ask for its versions"):
            data = cloud._client(service).get_endpoint_data()
        if service in _LISTS:
            cloud.get(service, *_LISTS[service])
    except ProviderFault as fault:
        refused = isinstance(fault, PermanentFault)
        return Finding(name, "missing", f"{'the account may not use it: ' if refused else ''}{fault}")
    version = ".".join(map(str, data.api_version)) if data is not None and data.api_version else "unknown"
    more = ""
    if data is not None and data.max_microversion:
        low, high = (".".join(map(str, one)) for one in (data.min_microversion, data.max_microversion))
        more = f", microversions {low} to {high}"
    return Finding(name, "ok", f"version {version}{more}")


def _left(quotas: Mapping[str, Quota]) -> tuple[Any, str]:
    """`missing` where one of them is used up."""
    told = [
        f"{name}: {one.used} used, no limit" if one.left is None else f"{name}: {one.left} of {one.limit} left"
        for name, one in quotas.items()
    ]
    return "missing" if any(one.left == 0 for one in quotas.values()) else "ok", "; ".join(told)
