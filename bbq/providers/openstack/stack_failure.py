"""Why a Heat stack failed: the deepest resource that did, with its reason and, for a server, nova's own word.

https://docs.openstack.org/api-ref/orchestration/v1/#list-stack-resources
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bbq.engine.contract import ProviderFault
from bbq.providers.openstack.session import Cloud

_DEEPEST: Final = 20
_MOST: Final = 3


def root_cause(cloud: Cloud, path: str, fallback: str) -> str:
    """A line for the first failed resource, and one for each of the next few that failed by themselves. `path` is the stack's
    in Heat's API, `fallback` the stack's own reason, for one that failed without any resource."""
    resources = resources_of(cloud, path)
    owner = _owners(resources)
    bad = [item for item in resources if item["resource_status"].endswith("_FAILED")]
    with_failed_members = {_link(item, "stack") for item in bad}
    leaves = [item for item in bad if _link(item, "nested") not in with_failed_members]
    if not leaves:
        waiting = [item for item in resources if item["resource_status"].endswith("_IN_PROGRESS")]
        names = ", ".join(sorted({_address(item, owner) for item in waiting if not _link(item, "nested")})[:5])
        return f"{fallback}; still at work: {names}" if names else fallback
    leaves.sort(key=lambda item: (_aborted(item), item.get("updated_time") or ""))
    own = [item for item in leaves if not _aborted(item)] or leaves[:1]
    lines = [_told(cloud, item, owner) for item in own[:_MOST]]
    if len(own) > _MOST:
        lines[0] += f" (and {len(own) - 1} more resources failed)"
    return "\n".join(dict.fromkeys(lines))


def resources_of(cloud: Cloud, path: str) -> list[dict[str, Any]]:
    """Of the stack and of all that are nested in it."""
    answer = cloud.get("orchestration", f"{path}/resources", "list the stack's resources", nested_depth=_DEEPEST)
    found: list[dict[str, Any]] = answer["resources"]
    return found


def addressed(resources: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each resource with its address, such as `workers.0.server`."""
    owner = _owners(resources)
    return ((_address(item, owner), item) for item in resources)


def own_path(item: Mapping[str, Any]) -> str:
    """A resource's path in the API: `/stacks/NAME/ID/resources/NAME`, of a nested stack for what is in one."""
    return "/" + "/".join(_link(item, "self").rstrip("/").split("/")[-5:])


def _owners(resources: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Nested stack -> the resource that it is."""
    return {nested: item for item in resources if (nested := _link(item, "nested"))}


def _told(cloud: Cloud, item: Mapping[str, Any], owner: Mapping[str, Mapping[str, Any]]) -> str:
    reason = " ".join((item.get("resource_status_reason") or "no reason given").split())
    text = f"{_address(item, owner)} ({item['resource_type']}): {reason}"
    server = item.get("physical_resource_id") if item["resource_type"] == "OS::Nova::Server" else None
    fault = server_fault(cloud, server) if server else ""
    return f"{text}; nova says: {fault}" if fault and fault not in reason else text


def server_fault(cloud: Cloud, id: str) -> str:
    """nova's fault of a server that still exists and that the account may see, "" otherwise."""
    try:
        server = cloud.get("compute", f"/servers/{id}", "look at the server")["server"]
    except ProviderFault:  # what the service that made it says has to do
        return ""
    return " ".join((server.get("fault") or {}).get("message", "").split())


def _address(item: Mapping[str, Any], owner: Mapping[str, Mapping[str, Any]]) -> str:
    """`workers.0.server`: the resource's name after those of the resources that its stack is nested in."""
    names = [item["resource_name"]]
    while (above := owner.get(_link(item, "stack"))) is not None and len(names) <= _DEEPEST:
        names.append(above["resource_name"])
        item = above
    return ".".join(reversed(names))


def _link(item: Mapping[str, Any], rel: str) -> str:
    return next((link["href"] for link in item.get("links") or () if link["rel"] == rel), "")


def _aborted(item: Mapping[str, Any]) -> bool:
    """It was stopped because another one had failed."""
    reason = (item.get("resource_status_reason") or "").lower()
    return "aborted" in reason or "cancel" in reason
