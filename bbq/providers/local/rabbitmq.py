"""RabbitMQ, where it is installed: a broker for the node's queues, with a name service (epmd) of its own.

https://www.rabbitmq.com/docs/configure, https://www.rabbitmq.com/docs/definitions
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from bbq.engine.contract import Check, ConfigurationFault, Handle, Wanted
from bbq.providers.local.clients import missing_client
from bbq.providers.local.process import NodeDir, ProcessResource, Restart, Unit, tcp_check
from bbq.providers.local.queues import HOST, broker_attributes
from bbq.providers.queues import declare_queues
from bbq.topology.model import Node
from bbq.topology.values import Secret

_INSTALLED = (
    ("/usr/lib/rabbitmq/lib", "rabbitmq_server-*/sbin/rabbitmq-server"),  # Debian, Fedora
    ("/opt", "rabbitmq*/sbin/rabbitmq-server"),
)
_HINT = "install rabbitmq-server (its system service need not run), or use engine: nats"


class RabbitMQ(ProcessResource):
    type = "bbq.nodes.local.RabbitMQ"
    updatable = frozenset({"port", "queues"})
    timeouts: ClassVar[Mapping[str, float]] = {"create": 30.0, "ready": 120.0, "delete": 60.0}

    def preflight(self, node: Node) -> list[str]:
        problems = [] if programs() else [f"{node.name} needs RabbitMQ: {_HINT}"]
        return problems + missing_client(node, "pika", "pika")

    def prepare(self, node: NodeDir, wanted: Wanted) -> None:
        if programs() is None:
            raise ConfigurationFault("RabbitMQ is not installed", hint=_HINT)
        node.directory("data")
        if not (node.directory("home") / ".erlang.cookie").exists():
            node.write("home/.erlang.cookie", secrets.token_hex(20))

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        found = programs()
        if found is None:
            raise ConfigurationFault("RabbitMQ is not installed", hint=_HINT)
        server, epmd = found
        ports = {name: node.port(name) for name in ("names", "distribution", "management")}
        ports["client"] = node.port("client", wanted.properties.get("port") or 0)
        names = {"ERL_EPMD_PORT": str(ports["names"]), "ERL_EPMD_ADDRESS": HOST}
        identity = hashlib.sha256(f"{node.deployment_id}/{node.id}".encode()).hexdigest()[:12]
        restart = Restart("always", limit=5)
        return {
            # First: else the Erlang runtime starts one that goes into the background.
            "epmd": Unit([str(epmd), "-port", str(ports["names"]), "-address", HOST], restart=restart),
            "main": Unit(
                [str(server)],
                env={
                    **names,
                    "HOME": str(node.path / "home"),
                    "LC_ALL": "C.UTF-8",
                    "RABBITMQ_NODENAME": f"bbq-{identity}@localhost",
                    "RABBITMQ_DIST_PORT": str(ports["distribution"]),
                    "RABBITMQ_BASE": str(node.path / "data"),
                    "RABBITMQ_MNESIA_BASE": str(node.path / "data" / "mnesia"),
                    "RABBITMQ_LOG_BASE": str(node.path / "data" / "log"),
                    "RABBITMQ_PID_FILE": str(node.path / "data" / "pid"),
                    "RABBITMQ_ENABLED_PLUGINS_FILE": str(node.path / "enabled_plugins"),
                    "RABBITMQ_CONFIG_FILE": str(node.path / "rabbitmq"),
                    "RABBITMQ_CONF_ENV_FILE": os.devnull,
                    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                        "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
                    ),
                    # The start script then becomes the server, which takes SIGTERM itself, and does not wait beside it.
                    "RUNNING_UNDER_SYSTEMD": "true",
                },
                files={
                    "enabled_plugins": "[rabbitmq_management].\n",
                    "rabbitmq.conf": _configuration(node, ports),
                    "definitions.json": _definitions(wanted),
                },
                restart=restart,
                grace=30.0,
            ),
        }

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        ports = node.ports()
        return {
            **broker_attributes("rabbitmq", "amqp", ports["client"], wanted),
            "monitoring_url": f"http://{HOST}:{ports['management']}",
        }

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        for port in (int(handle.attributes["port"]), int(handle.attributes["monitoring_url"].rpartition(":")[2])):
            open_port = tcp_check(HOST, port)
            if not open_port.ok:
                return open_port
        return declare_queues(handle.attributes)

    def cause(self, lines: Sequence[str]) -> Sequence[str]:
        said = [line for line in lines if "[error]" in line or "BOOT FAILED" in line]
        return said[-5:] or super().cause(lines)


def programs() -> tuple[Path, Path] | None:
    """`rabbitmq-server` itself (not a distribution's wrapper, which insists on an account of its own) and `epmd`."""
    epmd = shutil.which("epmd")
    if epmd is None:
        return None
    for root, pattern in _INSTALLED:
        if found := sorted(Path(root).glob(pattern)):
            return found[-1], Path(epmd)
    if found_on_path := shutil.which("rabbitmq-server"):
        server = Path(found_on_path).resolve()
        if (server.parent / "rabbitmq-env").exists():
            return server, Path(epmd)
    return None


def _configuration(node: NodeDir, ports: Mapping[str, int]) -> str:
    return (
        f"listeners.tcp.1 = {HOST}:{ports['client']}\n"
        f"management.tcp.ip = {HOST}\n"
        f"management.tcp.port = {ports['management']}\n"
        f"load_definitions = {node.path}/definitions.json\n"
        "collect_statistics_interval = 1000\n"
        "log.console = true\n"
        "log.console.level = info\n"
        "log.file = false\n"
    )


def _definitions(wanted: Wanted) -> Secret:
    """Read at every start: the one user, with all rights."""
    user = str(wanted.properties["user"])
    everything = ".*"
    return Secret(
        json.dumps(
            {
                "vhosts": [{"name": "/"}],
                "users": [{"name": user, "password": wanted.properties["password"].reveal(), "tags": ["administrator"]}],
                "permissions": [{"user": user, "vhost": "/", "configure": everything, "write": everything, "read": everything}],
            }
        )
    )
