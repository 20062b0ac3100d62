"""Databases and brokers on servers, where the cloud has no service for them or none is wanted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bbq.engine.contract import Check, Handle, Wanted
from bbq.providers.openstack import engines
from bbq.providers.openstack.database_login import login
from bbq.providers.openstack.software import ServerSoftware
from bbq.providers.queues import declare_queues, queue_names
from bbq.topology.values import Secret, revealed


class DataServer(ServerSoftware):
    """Its attributes are those of the local provider's counterpart; `host` is the server's address in its network."""

    def _make(self, wanted: Wanted) -> Handle:
        made = super()._make(wanted)
        host = str(wanted.hosts[wanted.node.name].attributes["private_address"])
        return replace(made, attributes={**made.attributes, **self.told(wanted, host)})

    @abstractmethod
    def told(self, wanted: Wanted, host: str) -> Mapping[str, Any]:
        """How applications connect to what listens at `host`."""


class DatabaseServer(DataServer):
    def told(self, wanted: Wanted, host: str) -> Mapping[str, Any]:
        engine = engines.engine_of(str(wanted.properties["engine"]))
        return engines.attributes(engine, host, int(wanted.properties["port"]), wanted.properties)

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """A login as the application's; the first one runs the schema."""
        return login(handle.attributes, wanted)


class QueueServer(DataServer):
    def told(self, wanted: Wanted, host: str) -> Mapping[str, Any]:
        user, port = str(wanted.properties["user"]), int(wanted.properties["port"])
        password = str(revealed(wanted.properties["password"]))
        url = engines.url(engines.Engine("rabbitmq", "amqp", port), host, port, "", user, password)
        return {
            "url": url,
            "host": host,
            "port": port,
            "user": user,
            "password": Secret(password),
            "engine": "rabbitmq",
            "queues": queue_names(wanted),
        }

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        return declare_queues(handle.attributes)
