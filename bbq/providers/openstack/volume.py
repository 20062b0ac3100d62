"""Volumes that a stack makes for a BlockStorage node; one that its stack has left behind goes by its tag.

https://docs.openstack.org/api-ref/block-storage/v3/#volumes-volumes
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from bbq.engine.contract import Handle, Tag
from bbq.providers.openstack import tags
from bbq.providers.openstack.faults import NotFound
from bbq.providers.openstack.part import Part


class Volume(Part):
    type: ClassVar = "tosca.nodes.BlockStorage"
    service: ClassVar = "block-storage"
    poll_group: ClassVar = "volume"

    def _take_away(self, tag: Tag) -> None:
        """From servers first, which are asked to go, too."""
        for own, item in self._tagged(tag.deployment_id):
            if own.node == tag.node and item["status"] in ("available", "error", "error_deleting"):
                try:
                    self.cloud.delete(self.service, f"/volumes/{item['id']}", f"delete the volume {item['name']}")
                except NotFound:
                    continue

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        seen = set()
        for tag, _ in self._tagged(deployment_id):
            if (tag.deployment_id, tag.node) not in seen:
                seen.add((tag.deployment_id, tag.node))
                yield tag, Handle(tag.node)

    def _tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, dict[str, Any]]]:
        for item in self.cloud.pages(self.service, "/volumes/detail", "volumes", "list the volumes", limit=1000):
            tag = tags.of_pairs(item.get("metadata") or {})
            if tag is not None and deployment_id in (None, tag.deployment_id):
                yield tag, item
