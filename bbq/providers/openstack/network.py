"""Networks that a stack makes for a Network node; one that its stack has left behind goes by its tag.

https://docs.openstack.org/api-ref/network/v2/#networks
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

from bbq.engine.contract import Handle, Tag
from bbq.providers.openstack import tags
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.part import Part


class Network(Part):
    type: ClassVar = "tosca.nodes.network.Network"
    service: ClassVar = "network"
    poll_group: ClassVar = "network"

    def _take_away(self, tag: Tag) -> None:
        """As soon as no server is on it."""
        for own, item in self._tagged(tag.deployment_id):
            if own.node == tag.node:
                with suppress(NotFound, Conflict):  # gone, or servers are on it still
                    self._empty(item["id"])
                    self.cloud.delete(self.service, f"/networks/{item['id']}", f"delete the network {item['name']}")

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        return ((tag, Handle(tag.node)) for tag, _ in self._tagged(deployment_id))

    def _tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, dict[str, Any]]]:
        """Of the project: an administrator sees others'."""
        words = {} if deployment_id is None else {"tags": tags.deployment_word(deployment_id)}
        for item in self.cloud.pages(self.service, "/networks", "networks", "list the networks", **words):
            tag = tags.of_words(item.get("tags") or ())
            project = item.get("project_id", item.get("tenant_id"))
            if tag is not None and project == self.cloud.access.project_id:
                yield tag, item

    def _empty(self, network: str) -> None:
        """Take off what nobody uses: routers' interfaces, ports of no server."""
        for port in self.cloud.get(self.service, "/ports", "list the network's ports", network_id=network)["ports"]:
            owner = port["device_owner"] or ""
            if owner.startswith("network:router_interface"):
                path, what = f"/routers/{port['device_id']}/remove_router_interface", "take the network off its router"
                self.cloud.put(self.service, path, what, {"port_id": port["id"]})
            elif not owner:
                self.cloud.delete(self.service, f"/ports/{port['id']}", "delete a port of the network")
