"""A Magnum cluster: Kubernetes that the cloud sets up. https://docs.openstack.org/api-ref/container-infrastructure-management/

The tag is in the labels, of the cluster and of the cluster template that is made for it. Neither's name is unique for Magnum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bbq.engine.contract import (
    Check,
    DeploymentContext,
    Handle,
    PermanentFault,
    ProviderFault,
    State,
    Tag,
    TransientFault,
    Wanted,
)
from bbq.providers.openstack import tags
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.kubeconfig import kubeconfig
from bbq.providers.openstack.lookup import Unknown, known, named, problems
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.session import Cloud
from bbq.providers.openstack.stack_failure import root_cause
from bbq.topology.model import Node
from bbq.topology.values import revealed
from bbq.wording import one_of

if TYPE_CHECKING:
    from bbq.providers.openstack.stack_needs import Needs

SERVICE: Final = "container-infrastructure-management"
_LONGEST_NAME: Final = 63  # of a server's name, that is of a host, Magnum makes a part
_DISTRIBUTIONS: Final = frozenset({"fedora-coreos", "fedora-atomic", "coreos"})
"""Values of an image's property os_distro for which Magnum has a Kubernetes driver of its own."""
_NO_NODES: Final = {"OpenStack-API-Version": "container-infra 1.10"}
"""Asks for the first version that knows clusters without workers."""
_PAGE: Final = 1000
_BUSY: Final = 1.0
_OPTIONS: Final = {
    "docker_volume_size": "docker_volume_size",
    "docker_storage_driver": "docker_storage_driver",
    "dns_nameserver": "dns_nameserver",
    "network_driver": "network_driver",
    "volume_driver": "volume_driver",
    "network": "fixed_network",
    "subnet": "fixed_subnet",
    "master_load_balancer": "master_lb_enabled",
    "floating_ips": "floating_ip_enabled",
}
"""Property -> Magnum's name of it in a cluster template."""


class ContainerCluster(CloudResource):
    type: ClassVar = "bbq.nodes.openstack.ContainerCluster"
    service: ClassVar = SERVICE
    instead: ClassVar = "use `implementation: heat`"
    updatable: ClassVar = frozenset({"workers"})
    ignored: ClassVar = frozenset({"timeout"})
    repairable: ClassVar = True  # what runs in it must not go because a change of its size failed; see `_revive`
    poll_group: ClassVar = "container-cluster"
    timeouts: ClassVar = {"create": 120.0, "ready": 3600.0, "delete": 1800.0}

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self._given_up: set[str] = set()  # ids of clusters that are on their way out, to be made anew
        self._going: dict[str, str] = {}  # id of a cluster -> node whose templates have to go after it

    def find(self, tag: Tag) -> Handle | None:
        for own, item in self._clusters("find the cluster of " + tag.node):
            if _same(own, tag) and item["uuid"] not in self._given_up:
                return _handle(item)
        return None

    def create(self, wanted: Wanted) -> Handle:
        """Two calls: the cluster template, unless the cloud's own is named, and the cluster."""
        given, name, own = wanted.properties, name_of(wanted.tag), tags.pairs(wanted.tag)
        workers = int(given["workers"])
        body: dict[str, Any] = {
            "name": name,
            "node_count": workers,
            "master_count": int(given["masters"]),
            "labels": {**_labels(given), **own},
            "create_timeout": int(given["timeout"]),
        }
        if given.get("cluster_template"):
            body |= {"cluster_template_id": self._template(str(given["cluster_template"])), "merge_labels": True}
            for key in ("flavor", "master_flavor"):
                if given.get(key):
                    body[f"{key}_id"] = self.cloud.lookup.flavor({"flavor": given[key]})
        else:
            body["cluster_template_id"] = self._make_template(given, name, own)
        if given.get("keypair"):
            body["keypair"] = self.cloud.lookup.keypair(str(given["keypair"]))
        headers = {} if workers else _NO_NODES
        made = self.cloud.post(SERVICE, "/clusters", f"create the cluster {name}", body, headers=headers)
        return Handle(made["uuid"], {"id": made["uuid"], "name": name})

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        item = self._read(handle)
        self._revive(handle, item)
        self._scale(item, wanted)
        return handle

    def delete(self, handle: Handle, tag: Tag) -> None:
        """The cluster first; once none of the node's is there (the engine asks again as long as something is) its templates."""
        self._going[handle.id] = tag.node
        there = {item["uuid"]: item for own, item in self._clusters("list the clusters") if _same(own, tag)}
        if handle.id in there:
            item = there[handle.id]
            # without its stack's id, Magnum would delete the cluster alone, and the stack would come up all the same
            too_early = item["status"] == "CREATE_IN_PROGRESS" and not item.get("stack_id")
            if item["status"] != "DELETE_IN_PROGRESS" and not too_early:
                with suppress(NotFound):
                    self.cloud.delete(SERVICE, f"/clusters/{handle.id}", f"delete the cluster {_name(handle)}")
        elif not there:
            for own, item in self._templates():
                if _same(own, tag):
                    with suppress(NotFound):
                        what = f"delete the cluster template {item['name']}"
                        self.cloud.delete(SERVICE, f"/clustertemplates/{item['uuid']}", what)

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        clusters = list(self._clusters("list the clusters"))
        found = {item["uuid"]: state_of(item) for _, item in clusters}
        if waiting := {id: node for id, node in self._going.items() if id in ids and id not in found}:
            alive = {own.node for own, _ in clusters if own is not None and own.deployment_id == self.context.id}
            left = {own.node for own, _ in self._templates() if own is not None and own.deployment_id == self.context.id}
            found |= {id: State("template left") for id, node in waiting.items() if node in left - alive}
        return found

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        """Every cluster, both of a node that has two (an answer was lost); then a cluster template of each node without one."""
        nodes = set()
        for own, item in self._ours(self._clusters("list the clusters"), deployment_id):
            nodes.add((own.deployment_id, own.node))
            yield own, _handle(item)
        for own, item in self._ours(self._templates(), deployment_id):
            if (own.deployment_id, own.node) not in nodes:
                nodes.add((own.deployment_id, own.node))
                yield own, _handle(item)

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """The kubeconfig is made once, and then kept: its key is nowhere else."""
        item = self._read(handle)
        if pending := self._scale(item, wanted):
            return Check(False, pending)
        found: dict[str, Any] = {
            "id": item["uuid"],
            "name": item["name"],
            "status": item["status"],
            "api_address": item.get("api_address"),
            "coe_version": item.get("coe_version"),
            "master_addresses": list(item.get("master_addresses") or ()),
            "node_addresses": list(item.get("node_addresses") or ()),
        }
        if not found["api_address"]:
            return Check(False, "the address of its API")
        if len(found["node_addresses"]) != item["node_count"]:  # asked for, and its status does not tell of it yet
            return Check(False, f"the addresses of {item['node_count']} workers")
        before = handle.attributes
        kept = before.get("kubeconfig") if before.get("api_address") == found["api_address"] else None
        found["kubeconfig"] = kept or kubeconfig(self.cloud, item["uuid"], item["name"], found["api_address"])
        return Check(True, attributes=found)

    def explain(self, handle: Handle, state: State) -> str:
        """Magnum's reason, its faults by node group, and what Heat and nova say of the servers."""
        try:
            item = self._read(handle)
        except NotFound:
            return state.detail or state.name
        said = []
        if item.get("stack_id") and self.cloud.has("orchestration"):
            with suppress(ProviderFault):
                said += root_cause(self.cloud, f"/stacks/{item['stack_id']}", "").splitlines()
        said.append(" ".join((item.get("status_reason") or "").split()))
        said += [f"{group}: {' '.join(str(text).split())}" for group, text in (item.get("faults") or {}).items() if text]
        return "\n".join(dict.fromkeys(line for line in said if line)) or state.name

    def preflight(self, nodes: Sequence[Node], needs: Needs) -> list[str]:
        found: list[str] = []
        for node in nodes:
            given = known(node.properties)
            found += problems(node, self._checks(given))
        self.add_needs(nodes, needs)
        return found

    def add_needs(self, nodes: Sequence[Node], needs: Needs) -> None:
        for node in nodes:
            given = known(node.properties)
            for flavor, count in () if given.get("cluster_template") else (("flavor", "workers"), ("master_flavor", "masters")):
                with suppress(Unknown):  # is told already
                    needs.servers[self._flavor(given, flavor)] += int(given.get(count) or 0)

    # -- pieces

    def _checks(self, given: Mapping[str, Any]) -> Iterator[Callable[[], object]]:
        """What may raise `Unknown`."""
        if given.get("cluster_template"):
            yield partial(self._template, str(given["cluster_template"]))
        else:
            yield partial(self._image, given)
            yield partial(self.cloud.lookup.external_network, given.get("external_network"))
            if given.get("network"):
                yield partial(self.cloud.lookup.network, given["network"])
        for key in ("flavor", "master_flavor"):
            if given.get(key) or not given.get("cluster_template"):
                yield partial(self._flavor, given, key)
        if given.get("keypair"):
            yield partial(self.cloud.lookup.keypair, str(given["keypair"]))

    def _clusters(self, what: str) -> Iterator[tuple[Tag | None, dict[str, Any]]]:
        """(tag, cluster)."""
        return ((tags.of_pairs(item.get("labels") or {}), item) for item in self._pages("/clusters", "clusters", what))

    def _templates(self) -> Iterator[tuple[Tag | None, dict[str, Any]]]:
        found = self._pages("/clustertemplates", "clustertemplates", "list the cluster templates")
        return ((tags.of_pairs(item.get("labels") or {}), item) for item in found)

    def _ours(
        self, listed: Iterator[tuple[Tag | None, dict[str, Any]]], deployment_id: str | None
    ) -> Iterator[tuple[Tag, dict[str, Any]]]:
        """Those of the deployment (None: of any) in the project: an administrator sees other projects', too."""
        for own, item in listed:
            mine = item.get("project_id") in (None, self.cloud.access.project_id)
            if own is not None and mine and deployment_id in (None, own.deployment_id):
                yield own, item

    def _pages(self, path: str, key: str, what: str) -> Iterator[dict[str, Any]]:
        try:
            yield from self.cloud.pages(SERVICE, path, key, what, limit=_PAGE)
        except PermanentFault as fault:
            if type(fault) is not PermanentFault:
                raise
            # 400: Magnum refuses its own answer as long as any cluster, whosever, has no node groups yet
            raise TransientFault(str(fault), _BUSY) from None

    def _read(self, handle: Handle) -> dict[str, Any]:
        item: dict[str, Any] = self.cloud.get(SERVICE, f"/clusters/{handle.id}", f"look at the cluster {_name(handle)}")
        return item

    def _revive(self, handle: Handle, item: Mapping[str, Any]) -> None:
        """A cluster that was never made whole is taken away (then the engine finds nothing, and makes it anew); one that was
        stays, whatever happened to it later."""
        if item["status"] == "CREATE_FAILED":
            self._given_up.add(handle.id)
            self.cloud.delete(SERVICE, f"/clusters/{handle.id}", f"delete the failed cluster {_name(handle)}")
            raise PermanentFault(f"{_name(handle)} was never made whole")

    def _scale(self, item: Mapping[str, Any], wanted: Wanted) -> str | None:
        """Ask for another number of workers where it is another; what is being waited for then, None where all is well."""
        count = int(wanted.properties["workers"])
        if int(item["node_count"]) == count:
            return None
        if not item["status"].endswith("_IN_PROGRESS"):
            what, patch = f"scale the cluster {item['name']} to {count} workers", [_replace("/node_count", count)]
            with suppress(Conflict):  # busy with something that its status does not tell yet
                self.cloud.patch(SERVICE, f"/clusters/{item['uuid']}", what, patch, headers={} if count else _NO_NODES)
        return f"{count} workers in place of {item['node_count']} ({item['status']})"

    def _template(self, name: str) -> str:
        items = [item for own, item in self._templates() if own is None]
        return str(named(items, name, "cluster template", "uuid")["uuid"])

    def _make_template(self, given: Mapping[str, Any], name: str, own: Mapping[str, str]) -> str:
        body: dict[str, Any] = {
            "name": name,
            "coe": given["coe"],
            "image_id": self._image(given),
            "flavor_id": self._flavor(given, "flavor"),
            "master_flavor_id": self._flavor(given, "master_flavor"),
            "external_network_id": self.cloud.lookup.external_network(given.get("external_network")),
            "labels": {**_labels(given), **own},
        }
        if given.get("keypair"):
            body["keypair_id"] = self.cloud.lookup.keypair(str(given["keypair"]))
        body |= {theirs: given[key] for key, theirs in _OPTIONS.items() if given.get(key) is not None}
        made = self.cloud.post(SERVICE, "/clustertemplates", f"create the cluster template {name}", body)
        return str(made["uuid"])

    def _flavor(self, given: Mapping[str, Any], key: str) -> str:
        """The id of the named flavor, else of the smallest that has `cpus` and `memory`."""
        chosen = {"flavor": given[key]} if given.get(key) else {"cpus": given.get("cpus"), "memory": given.get("memory")}
        return self.cloud.lookup.flavor(chosen)

    def _image(self, given: Mapping[str, Any]) -> str:
        """The id of the named image, else of the newest of a distribution that Magnum knows."""
        images = self.cloud.lookup.images
        if wanted := given.get("image"):
            found = named(images, str(wanted), "image")
            if not found.get("os_distro"):
                raise Unknown(f"the image {wanted} has no property os_distro, by which Magnum chooses how to set it up")
            return str(found["id"])
        able = [item for item in images if item.get("os_distro") in _DISTRIBUTIONS and item.get("status") == "active"]
        if not able:
            text = f"this cloud has no image with the property os_distro for Magnum ({', '.join(sorted(_DISTRIBUTIONS))})"
            raise Unknown(f"{text}: say which by `image`", one_of([item["name"] for item in images]))
        return str(max(able, key=lambda item: str(item.get("created_at") or ""))["id"])


def name_of(tag: Tag) -> str:
    return tags.host_name_of(tag, _LONGEST_NAME)


def state_of(item: Mapping[str, Any]) -> State:
    """A cluster's state from its entry in a list; its statuses are those of its Heat stack."""
    status = str(item["status"] or "CREATE_IN_PROGRESS")
    action, _, result = status.rpartition("_")
    if action == "DELETE":
        return State(status, detail=status)
    if result == "FAILED":
        return State(status, failed=True, detail=status)
    return State(
        status, ready=result == "COMPLETE" and action != "ROLLBACK", failed=status == "ROLLBACK_COMPLETE", detail=status
    )


def _labels(given: Mapping[str, Any]) -> dict[str, str]:
    found = {str(key): str(revealed(value)) for key, value in (given.get("labels") or {}).items()}
    if version := given.get("version"):
        found.setdefault("kube_tag", f"v{str(version).removeprefix('v')}")
    return found


def _same(own: Tag | None, tag: Tag) -> bool:
    return own is not None and (own.deployment_id, own.node) == (tag.deployment_id, tag.node)


def _replace(path: str, value: int) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def _handle(item: Mapping[str, Any]) -> Handle:
    return Handle(item["uuid"], {"id": item["uuid"], "name": item["name"]})


def _name(handle: Handle) -> str:
    return str(handle.attributes.get("name") or handle.id)
