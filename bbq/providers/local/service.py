"""`bbq.nodes.Service`: a long-running program that answers on a port. It is restarted whenever it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from bbq.engine.contract import Check, Handle, Wanted
from bbq.providers.local.application import CommandApplication
from bbq.providers.local.process import NodeDir, Restart, Unit, http_check, tcp_check


class Service(CommandApplication):
    type = "bbq.nodes.Service"
    probe_looks = True
    updatable = frozenset({"command", "connection", "directory", "environment", "health_path", "source_digests"})
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 120.0, "delete": 60.0}

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        port = node.port("http", wanted.properties.get("port") or 0)
        env = {"PORT": str(port), "HOST": "127.0.0.1"}
        return {"main": self.command_unit(node, wanted, env, restart=Restart("always"))}

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        port = node.ports()["http"]
        return {"url": f"http://127.0.0.1:{port}", "host": "127.0.0.1", "port": port}

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        path, port = wanted.properties.get("health_path"), handle.attributes["port"]
        listening = tcp_check("127.0.0.1", port)
        if not listening.ok:
            return Check(False, f"{listening.detail} (it is to listen on 127.0.0.1, on the port in its variable PORT)")
        return http_check(f"{handle.attributes['url']}/{str(path).lstrip('/')}") if path else listening
