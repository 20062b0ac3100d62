"""The OpenStack provider: one file per resource type, all of them on one shared session (`session.py`)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module

from bbq.engine.contract import DeploymentContext, Handle, Provider, Resource, State, Tag
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.session import SERVICES, Cloud, shared
from bbq.topology.model import Node

RESOURCES: dict[str, str] = {
    "bbq.nodes.openstack.Stack": "stack:Stack",
}
"""Node type -> module and class; a module is imported when a node of its type occurs. Keep in order of names."""


class OpenStackProvider(Provider):
    name = "openstack"
    has_logs = False

    def __init__(self, context: DeploymentContext, cloud: Cloud | None = None) -> None:
        self.context = context
        self.cloud = cloud or shared(context.options["config"])
        self._resources: dict[str, CloudResource] = {}

    def resource(self, ancestry: Sequence[str]) -> Resource | None:
        return next((self._resource(name) for name in ancestry if name in RESOURCES), None)

    def _resource(self, type_name: str) -> CloudResource:
        if type_name not in self._resources:
            module, _, cls = RESOURCES[type_name].partition(":")
            made: CloudResource = getattr(import_module(f"bbq.providers.openstack.{module}"), cls)(self.cloud, self.context)
            self._resources[type_name] = made
        return self._resources[type_name]

    def list_states(self, group: str, ids: Sequence[str]) -> Mapping[str, State]:
        return next(found.states(ids) for found in map(self._resource, RESOURCES) if found.poll_group == group)

    def list_tagged(self, deployment_id: str) -> Iterator[tuple[Tag, Handle, str]]:
        """Over all services that the cloud has."""
        for type_name in RESOURCES:
            resource = self._resource(type_name)
            if self.cloud.has(resource.service):
                for tag, handle in resource.tagged(deployment_id):
                    yield tag, handle, type_name

    def preflight(self, nodes: Iterable[Node]) -> list[str]:
        by_type: dict[str, list[Node]] = {}
        for node in nodes:
            kind = next((name for name in node.ancestry if name in RESOURCES), None)
            if kind is not None:
                by_type.setdefault(kind, []).append(node)
        problems: list[str] = []
        for kind, found in by_type.items():
            resource = self._resource(kind)
            if self.cloud.has(resource.service):
                problems += resource.preflight(found)
            else:
                who = ", ".join(node.name for node in found[:5]) + (", ..." if len(found) > 5 else "")
                problems.append(f"this cloud has no {SERVICES[resource.service]} service, which makes {who}")
        return list(dict.fromkeys(problems))

    def finish_destroy(self, deployment_id: str) -> None:
        shutil.rmtree(self.context.state_dir, ignore_errors=True)  # files of an archive that the deployment was made from
