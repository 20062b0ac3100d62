"""Volumes with their attachments, and object storage."""

from __future__ import annotations

from typing import Any

from bbq.render.hot import codes
from bbq.render.hot.context import Context, Server, get_attr, get_resource, slug
from bbq.topology.model import Edge, Node
from bbq.tosca.units import gibibytes, to_bytes
from bbq.wording import quoted


class Volumes:
    """BlockStorage: a volume for each instance that it is attached to, one volume for several nodes that share it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shared: set[str] = set()
        self._nodes: dict[str, Node] = {}
        for node in context.of_kind("volume"):
            if self._is_device(node):
                self._nodes[node.name] = node
        for name in self._nodes:
            users = [user for user, _ in self._users(name)]
            if len(users) != 1:
                self._shared.add(name)
            if len(users) > 1:
                text = f"{quoted(name)} is attached to {len(users)} nodes: its volume type has to allow that (multiattach)"
                context.warning(codes.NOT_EXPRESSED, text, self._nodes[name])

    def _users(self, name: str) -> list[tuple[Node, Edge]]:
        return [pair for pair in self._context.users.get(name, ()) if self._context.kinds[pair[0].name] == "compute"]

    def _is_device(self, node: Node) -> bool:
        """What software makes (a file system over the network) derives from BlockStorage, too, and has no size. One of size 0
        is the choice to have none, as templates in use offer it."""
        context = self._context
        if self._is_none(node):
            context.notices.append(f"{node.name} is left out: its size is 0")
            context.attributes[node.name] = {"volume_id": None}
            return False
        if any(node.properties.get(key) is not None for key in ("size", "volume_id", "snapshot_id")):
            return True
        if len(node.ancestry) > 1 and not any(name.endswith("BlockStorage") for name in node.ancestry[:1]):
            context.notices.append(f"{node.name} ({node.type}) is left out: software makes it, over SSH")
            return False
        text = f"{quoted(node.name)} needs a `size`, a `snapshot_id` or the `volume_id` of a volume that exists"
        context.error(codes.VALUE, text, node)
        return False

    def translate_shared(self) -> None:
        """Those that no server has for itself."""
        for name, node in self._nodes.items():
            if name in self._shared:
                self._made(node, None, "")
            else:
                self._context.attributes[name] = {"volume_id": None}

    def attach(self, node: Node, server: Server, number: int | None) -> None:
        """The volumes of one instance."""
        context = self._context
        for edge in node.edges:
            storage = self._nodes.get(edge.target)
            if storage is None:
                continue
            index = number if storage.name not in self._shared else None
            volume = self._made(storage, index, server.name if storage.name not in self._shared else "")
            what = f"{server.name}_{context.label(storage)}"
            device = context.literal(node, edge.properties.get("device"), "the device")
            location = edge.properties.get("location")
            if isinstance(location, str) and location.startswith("/dev/") and not device:
                device, location = location, None
            context.add(
                context.unique(what),
                "OS::Cinder::VolumeAttachment",
                {
                    "instance_uuid": get_resource(server.name),
                    "volume_id": volume,
                    "mountpoint": f"/dev/{str(device).removeprefix('/dev/')}" if device else None,
                },
                node,
                server.name,
            )
            if location is not None:
                text = f"{storage.name} is attached to {node.name}, as it is: an operation has to mount it at {location}"
                if text not in context.notices:
                    context.notices.append(text)

    def _made(self, node: Node, index: int | None, unit: str) -> Any:
        context = self._context
        known = context.volumes.setdefault(node.name, {})
        if index in known:
            return known[index]
        existing = context.property(node, "volume_id")
        if existing:
            if known:
                text = (
                    f"the volume {quoted(existing)} exists once, and {quoted(node.name)} would be attached to several servers"
                )
                context.error(codes.VALUE, text, node, key="volume_id")
            value: Any = context.parameter(
                f"{context.label(node)}_volume",
                f"The existing volume of {node.name}",
                label="Volume",
                default=str(existing),
                constraint="cinder.volume",
                node=node,
            )
        else:
            label = context.label(node)
            name = label if index is None else context.unique(f"{label}_{index}")
            context.add(
                name,
                "OS::Cinder::Volume",
                {
                    "size": self._size(node),
                    "snapshot_id": context.property(node, "snapshot_id"),
                    "volume_type": context.property(node, "type"),
                },
                node,
                unit,
            )
            value = get_resource(name)
        known[index] = value
        found = list(known.values())
        context.attributes[node.name] = {"volume_id": found if index is not None or len(found) > 1 else value}
        return value

    def _is_none(self, node: Node) -> bool:
        size = node.properties.get("size")
        if not isinstance(size, str) or node.properties.get("volume_id") or node.properties.get("snapshot_id"):
            return False
        try:
            return to_bytes(size) == 0
        except ValueError:  # reported where it is used
            return False

    def _size(self, node: Node) -> int | None:
        value = self._context.property(node, "size")
        if value is None:
            return None
        try:
            return gibibytes(int(value) * 1024**3 if isinstance(value, int) else str(value))
        except ValueError:
            text = f"`size` of {quoted(node.name)} is no size: {quoted(value)}"
            self._context.error(codes.VALUE, text, node, "for example 10 GB", key="size")
            return None


def containers(context: Context) -> None:
    """ObjectStorage: a Swift container of that name. The size is a quota."""
    for node in context.of_kind("container"):
        label = context.label(node)
        size = context.property(node, "maxsize") or context.property(node, "size")
        metadata = None
        if size is not None:
            try:
                metadata = {"quota-bytes": str(to_bytes(str(size)))}
            except ValueError:
                context.error(codes.VALUE, f"the size of {quoted(node.name)} is no size: {quoted(size)}", node)
        name = context.property(node, "name") or slug(node.name).replace("_", "-")
        context.add(label, "OS::Swift::Container", {"name": name, "X-Container-Meta": metadata}, node)
        context.attributes[node.name] = {"name": get_resource(label), "storage_endpoint": {"url": get_attr(label, "RootURL")}}
