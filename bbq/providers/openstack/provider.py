"""The OpenStack provider: one file per resource type, all of them on one shared session (`session.py`)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar

from bbq.engine.contract import Changed, DeploymentContext, Handle, Provider, Resource, State, Tag
from bbq.providers.ansible.directory import POLL_GROUP, PREFIX, NodeDirectory, root_of
from bbq.providers.openstack import lease, tags
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.session import SERVICES, Cloud, shared
from bbq.topology.model import Node, Topology

if TYPE_CHECKING:
    from bbq.plan.model import Cost, Price
    from bbq.providers.openstack.software import ServerSoftware
    from bbq.providers.openstack.stack_needs import Needs

OURS = "bbq.nodes.Root"

RESOURCES: dict[str, str] = {
    "Compute": "compute:Compute",
    "LoadBalancer": "part:Part",
    "Network": "network:Network",
    "Port": "part:Part",
    "Storage.BlockStorage": "volume:Volume",
    "Storage.ObjectStorage": "part:Part",
    "bbq.nodes.openstack.ContainerCluster": "container_cluster:ContainerCluster",
    "bbq.nodes.openstack.DataProcessingCluster": "data_processing_cluster:DataProcessingCluster",
    "bbq.nodes.openstack.DataProcessingJob": "data_processing_job:DataProcessingJob",
    "bbq.nodes.openstack.DatabaseInstance": "database_instance:DatabaseInstance",
    "bbq.nodes.openstack.MuranoApp": "murano_app:MuranoApp",
    "bbq.nodes.openstack.Queue": "queue:Queue",
    "bbq.nodes.openstack.Stack": "stack:Stack",
    "tosca.nodes.BlockStorage": "volume:Volume",
    "tosca.nodes.Compute": "compute:Compute",
    "tosca.nodes.LoadBalancer": "part:Part",
    "tosca.nodes.ObjectStorage": "part:Part",
    "tosca.nodes.Storage.BlockStorage": "volume:Volume",
    "tosca.nodes.Storage.ObjectStorage": "part:Part",
    "tosca.nodes.network.Network": "network:Network",
    "tosca.nodes.network.Port": "part:Part",
}
"""Node type -> module and class; a module is imported when a node of its type occurs. Keep in order of names."""

SOFTWARE = "software:ServerSoftware"
ON_SERVERS: dict[str, str] = {
    "bbq.nodes.openstack.DatabaseServer": "data_server:DatabaseServer",
    "bbq.nodes.openstack.Program": "program:Program",
    "bbq.nodes.openstack.QueueServer": "data_server:QueueServer",
    "bbq.nodes.openstack.Software": SOFTWARE,
    "bbq.nodes.openstack.SparkProgram": "program:SparkProgram",
}
"""The same of what operations make on servers; nodes of types that are not ours are made so, too."""

T = TypeVar("T")
LEASE = "expiry"
"""What a listing of everything calls the note of a deployment's expiry."""
_MURANO_APP: Final = "bbq.nodes.openstack.MuranoApp"


class OpenStackProvider(Provider):
    name = "openstack"
    expiry_notice = (
        "nothing in a cloud destroys a deployment by itself when its time is over: `bbq-deploy sweep --yes` does, from any "
        "machine with this login; `bbq-deploy sweep --schedule cron` (or github, gitlab, heat) prints what runs that"
    )

    def __init__(self, context: DeploymentContext, cloud: Cloud | None = None) -> None:
        self.context = context
        self.cloud = cloud or shared(context.options["config"])
        self._resources: dict[str, CloudResource] = {}
        self._operated: dict[str, ServerSoftware] = {}
        self._expires_at: float | None = None

    def resource(self, ancestry: Sequence[str]) -> Resource | None:
        for name in ancestry:
            if name in RESOURCES:
                return self._resource(name)
            if name in ON_SERVERS:
                return self._software(ON_SERVERS[name])
        made_by_operations = len(ancestry) > 0 and OURS not in ancestry
        return self._software(SOFTWARE) if made_by_operations else None

    def arrange(self, topology: Topology) -> Topology:
        """Servers, networks and volumes become stacks (`arrange.py`). One list call for each kind of thing that is chosen."""
        from bbq.providers.openstack import arrange
        from bbq.providers.openstack.catalogue import catalogue_of

        if any(_MURANO_APP in node.ancestry for node in topology.nodes.values()):
            from bbq.providers.openstack.murano_app import with_digests

            topology = with_digests(topology)
        if not arrange.needs_stack(topology):
            return topology
        return arrange.arrange(topology, catalogue_of(self.cloud), self.context.name, self.context.id)

    def _resource(self, type_name: str) -> CloudResource:
        place = RESOURCES[type_name]
        if place not in self._resources:
            module, _, cls = place.partition(":")
            made: CloudResource = getattr(import_module(f"bbq.providers.openstack.{module}"), cls)(self.cloud, self.context)
            self._resources[place] = made
        return self._resources[place]

    def _software(self, place: str) -> ServerSoftware:
        if place not in self._operated:
            module, _, cls = place.partition(":")
            found: ServerSoftware = getattr(import_module(f"bbq.providers.openstack.{module}"), cls)(self.context)
            self._operated[place] = found
        return self._operated[place]

    def _all(self) -> Iterator[tuple[str, CloudResource]]:
        """Each resource once, with a type that it makes."""
        for type_name in {place: name for name, place in RESOURCES.items()}.values():
            yield type_name, self._resource(type_name)

    def list_states(self, group: str, ids: Sequence[str]) -> Mapping[str, State]:
        if group == POLL_GROUP:
            return self._software(SOFTWARE).states(ids)
        return next(found.states(ids) for _, found in self._all() if found.poll_group == group)

    def list_tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle, str]]:
        """Over all services that the cloud has, and what operations have made on its servers."""
        if any(NodeDirectory.all(root_of(self.context.state_dir))):  # else none of what carries them out is imported
            yield from self._software(SOFTWARE).tagged()
        for type_name, resource in self._all():
            if self.cloud.has(resource.service):
                for tag, handle in resource.tagged(deployment_id):
                    yield tag, handle, type_name

    def list_every(self) -> Iterator[tuple[Tag, Handle, str]]:
        """In the project. Of a name that has only the beginning of an id the rest is found among the others' tags."""
        known: dict[str, Tag] = {}
        short: list[tuple[Tag, Handle, str]] = []
        if self.cloud.has(lease.SERVICE):
            for item in self.cloud.get(lease.SERVICE, "/stacks", "list the stacks")["stacks"]:
                tag = tags.of_words(item.get("tags") or ())
                if tag is not None and lease.is_lease(tag):
                    known[tag.deployment_id[:8]] = tag
                    yield tag, Handle(item["id"]), LEASE
        for tag, handle, kind in self.list_tagged(None):
            if len(tag.deployment_id) > 8:
                known[tag.deployment_id[:8]] = tag
                yield tag, handle, kind
            else:
                short.append((tag, handle, kind))
        for tag, handle, kind in short:
            whole = known.get(tag.deployment_id)
            if whole is None:
                yield tag, handle, kind
            else:
                node = tag.node.removeprefix(f"{whole.deployment}-")
                yield replace(tag, deployment=whole.deployment, deployment_id=whole.deployment_id, node=node), handle, kind

    def expire_at(self, at: float, *, move: bool) -> None:
        """Nothing there acts by itself: this notes from when on `sweep`, on whatever machine, may. A note is not lost."""
        if move and at != self._expires_at and self.cloud.has(lease.SERVICE):
            lease.extend(self.cloud, self.context.name, self.context.id, at)
            self._expires_at = at

    def preflight(self, nodes: Iterable[Node], changed: Sequence[Changed] = ()) -> list[str]:
        from bbq.providers.openstack.quota import lacking
        from bbq.providers.openstack.stack_needs import Needs

        nodes = list(nodes)
        by_type = _by_type(nodes, lambda node: node)
        operated: dict[str, list[Node]] = {}
        for node in nodes:
            kind = next((name for name in node.ancestry if name in RESOURCES or name in ON_SERVERS), None)
            if kind not in RESOURCES and (kind is not None or OURS not in node.ancestry):
                operated.setdefault(ON_SERVERS.get(kind or "", SOFTWARE), []).append(node)
        servers = {node.name: node for found in by_type.values() for node in found}
        problems: list[str] = []
        needs = Needs()
        for place, found_on in operated.items():
            problems += self._software(place).preflight(found_on) + self._software(place).problems_of_hosts(found_on, servers)
        for kind, found in by_type.items():
            resource = self._resource(kind)
            if self.cloud.has(resource.service):
                problems += resource.preflight(found, needs)
            else:
                who = ", ".join(node.name for node in found[:5]) + (", ..." if len(found) > 5 else "")
                instead = f"; {resource.instead}" if resource.instead else ""
                problems.append(f"this cloud has no {SERVICES[resource.service]} service, which makes {who}{instead}")
        before = Needs()
        for kind, those in _by_type(changed, lambda one: one.node).items():
            resource = self._resource(kind)
            problems += resource.preflight_changes(those)
            resource.add_needs([one.before for one in those], before)
            resource.add_needs([one.node for one in those], needs)
        return list(dict.fromkeys([*problems, *lacking(self.cloud, before, needs)]))

    def costs(self, before: Sequence[Node], after: Sequence[Node]) -> tuple[list[Cost], Price | None]:
        """With the quotas of nova, neutron and cinder; Trove and Magnum have some of their own. The price needs a file."""
        from bbq.providers.openstack import costs, prices

        file = self.cloud.settings.prices
        known = prices.read(file) if file else None
        was, will = self._needs(before), self._needs(after)
        price = costs.price(self.cloud, was, will, known) if known is not None else None
        return list(costs.costs(self.cloud, was, will)), price

    def _needs(self, nodes: Sequence[Node]) -> Needs:
        from bbq.providers.openstack.stack_needs import Needs

        needs = Needs()
        for kind, found in _by_type(nodes, lambda node: node).items():
            if self.cloud.has(self._resource(kind).service):
                self._resource(kind).add_needs(found, needs)
        return needs

    def logs(self, handle: Handle) -> Sequence[str]:
        """Only of operations: what Ansible has said."""
        return self._software(SOFTWARE).logs(handle) if handle.id.startswith(PREFIX) else ()

    def finish_destroy(self, deployment_id: str) -> None:
        if self.context.expires_at is not None and self.cloud.has(lease.SERVICE):
            lease.end(self.cloud, deployment_id)
        shutil.rmtree(self.context.state_dir, ignore_errors=True)  # files of an archive that the deployment was made from


def _by_type(items: Iterable[T], node_of: Callable[[T], Node]) -> dict[str, list[T]]:
    """By the type in `RESOURCES` that makes it; what none makes is left out."""
    found: dict[str, list[T]] = {}
    for item in items:
        kind = next((name for name in node_of(item).ancestry if name in RESOURCES or name in ON_SERVERS), None)
        if kind in RESOURCES:
            found.setdefault(kind, []).append(item)
    return found
