"""Nodes that operations make, and `tosca.nodes.Compute`: this machine, or a server that is reached by SSH."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from bbq.conf.ansible import pairs
from bbq.engine.contract import Wanted
from bbq.providers.ansible import servers
from bbq.providers.ansible.servers import Server
from bbq.providers.ansible.software import Software


class LocalSoftware(Software):
    """A node of the type tosca.nodes.Compute is the server that `[ansible] hosts` names for it, or the one at the address that
    the template gives; else this machine."""

    def server_of(self, node: str, attributes: Mapping[str, Any]) -> Server:
        mapped = pairs(self.options.get("hosts") or [])
        if node in mapped:
            return servers.parse(node, mapped[node], self.options)
        address = next((str(attributes[name]) for name in ("public_address", "private_address") if attributes.get(name)), "")
        if not address or address in servers.HERE or address == socket.gethostname():
            return Server(node, local=True)
        return servers.parse(node, address, self.options)

    def compute_attributes(self, wanted: Wanted) -> Mapping[str, Any]:
        server = self.server_of(wanted.node.name, wanted.attributes or wanted.node.attributes)
        address = "127.0.0.1" if server.local else server.address
        given = wanted.attributes or wanted.node.attributes
        return {name: given.get(name) or address for name in ("private_address", "public_address")}
