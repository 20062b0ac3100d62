"""Nodes that operations make on servers of a stack, over SSH: to the floating IP where a server has one, else to its address
in its network."""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bbq.engine.contract import Handle, Target, Wanted
from bbq.providers.ansible.lifecycle import planned_names
from bbq.providers.ansible.servers import Server
from bbq.providers.ansible.software import Software
from bbq.providers.openstack.arrange import SYSTEM
from bbq.providers.openstack.reach import SEVERAL, home_of, server_of
from bbq.topology.model import Node, Operation

SETTINGS: Final = ("program_packages", "program_python", "spark_home")


class ServerSoftware(Software):
    """Besides TOSCA's software, nodes of types that derive from `bbq.nodes.openstack.Software`. An input that begins with `~/`
    is below the home of who logs in, and an empty one of the names `SETTINGS` is what `[openstack]` says."""

    def server_of(self, node: str, attributes: Mapping[str, Any]) -> Server:
        return server_of(node, attributes, self.options)

    def machine_of(self, host: Target) -> str:
        """Its server's id, and what that boots."""
        system = json.dumps(host.attributes.get(SYSTEM, {}), sort_keys=True)
        return f"{host.handle} {hashlib.sha256(system.encode()).hexdigest()[:12]}"

    def _make(self, wanted: Wanted) -> Handle:
        return super()._make(replace(wanted, operations=self.operations(wanted)))

    def operations(self, wanted: Wanted) -> dict[str, Operation]:
        """What is carried out for the node."""
        host = wanted.hosts.get(wanted.node.name)
        login = None if host is None else self.server_of(host.node, {**host.properties, **host.attributes}).user
        home, settings = home_of(login or getpass.getuser()), self.context.options["config"].openstack

        def given(name: str, value: Any) -> Any:
            return (getattr(settings, name) or value) if name in SETTINGS and not value else _below(home, value)

        return {
            name: replace(operation, inputs={key: given(key, value) for key, value in operation.inputs.items()})
            for name, operation in wanted.operations.items()
        }

    def problems_of_hosts(self, nodes: Sequence[Node], others: Mapping[str, Node]) -> list[str]:
        """Nodes with operations on servers that Heat scales. `others` are the nodes that the cloud makes."""
        problems = []
        for node in nodes:
            for host in (others[edge.target] for edge in node.edges if edge.hosted and edge.target in others):
                if planned_names(node) and host.properties.get("scaled"):
                    problems.append(f"{node.name} is hosted on {host.name}, whose servers Heat scales: {SEVERAL}")
        return problems


def _below(home: str, value: Any) -> Any:
    return f"{home}/{value[2:]}" if isinstance(value, str) and value.startswith("~/") else value
