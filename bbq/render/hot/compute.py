"""Servers: how many, of which flavor and image, in which networks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from bbq.render.hot import codes
from bbq.render.hot.context import Context, Server, get_attr, get_resource, slug
from bbq.render.hot.links import Link, Links
from bbq.render.hot.model import NO_DEFAULT, Fn, joined
from bbq.render.hot.network import Groups, Networks
from bbq.render.hot.picks import Picks
from bbq.topology.model import Node
from bbq.wording import nearest, one_of, quoted

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(slots=True)
class Plan:
    """What the instances of one Compute node have in common. `pools` are the external networks of floating IPs, one each."""

    node: Node
    image: Any
    flavor: Any
    key: Any
    properties: dict[str, Any]
    links: list[Link]
    pools: list[Fn]
    groups: list[Fn]
    indices: list[int]
    numbered: bool
    names: list[Any] = field(default_factory=list)

    def number(self, index: int) -> int | None:
        """What an instance's name ends with; None for nothing."""
        return index if self.numbered or index else None


class Servers:
    def __init__(self, context: Context, networks: Networks) -> None:
        self._context = context
        self._groups = Groups(context)
        self._picks = Picks(context)
        self._links = Links(context, networks)

    def plans(self) -> list[Plan]:
        return [self._plan(node) for node in self._context.of_kind("compute")]

    def _plan(self, node: Node) -> Plan:
        context = self._context
        indices, numbered = self._instances(node)
        links, pools = self._links.of(node)
        for link in links:
            if link.address is not None and len(indices) > 1:
                text = f"{quoted(node.name)} has {len(indices)} instances, which cannot all have the address {link.address}"
                context.error(codes.ADDRESS, text, link.port or node, key="ip_address")
        flavor, image = self._picks.flavor(node), self._picks.image(node)
        metadata = context.property(node, "tags") or context.property(node, "metadata") or None
        properties = {
            "availability_zone": self._zone(node),
            "config_drive": context.property(node, "config_drive") or None,
            "metadata": {key: str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else None,
            "user_data_format": "RAW" if node.properties.get("user_data") else None,
            "user_data": context.property(node, "user_data"),
        }
        plan = Plan(node, image, flavor, self._key(node), properties, links, pools, self._groups.of(node), indices, numbered)
        plan.names = [self._name(node, plan.number(index)) for index in indices]
        return plan

    # How many

    def _instances(self, node: Node) -> tuple[list[int], bool]:
        """(numbers of the instances, whether all of them are numbered). Another number never changes a name: what has a `count`
        is numbered also where there is one of it; of others the first one has the node's own name."""
        context = self._context
        given = context.capability(node, "scalable")
        count, default, least = given.get("count"), given.get("default_instances"), given.get("min_instances", 1)
        numbered = count is not None
        wanted = default if default is not None else count
        if count is not None and default is None and count == 1 and least != 1:
            wanted = least  # `count` has a default of 1
        if wanted is None:
            wanted = least
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 0:
            text = f"the number of instances of {quoted(node.name)} must be a whole number, 0 or more"
            context.error(codes.VALUE, text, node, capability="scalable")
            return [0], numbered
        removed = self._removed(node, given.get("removal_list"))
        found: list[int] = []
        index = 0
        while len(found) < wanted:
            if index not in removed:
                found.append(index)
            index += 1
        return found, numbered

    def _removed(self, node: Node, value: Any) -> set[int]:
        """Numbers of instances that must go, by number or by the name of their server."""
        label, found = self._context.label(node), set()
        for item in value if isinstance(value, list) else ():
            match = re.fullmatch(rf"(?:{re.escape(label)}_|{re.escape(node.name)}-)?(\d+)", str(item))
            if match is None:
                text = f"`removal_list` of {quoted(node.name)} has {quoted(item)}, which is none of its servers"
                hint = f"give the numbers of servers, or their names, such as {label}_1"
                self._context.error(codes.VALUE, text, node, hint, capability="scalable")
            else:
                found.add(int(match[1]))
        return found

    # Access and placement

    def _key(self, node: Node) -> Any:
        """The key pair: made from the template's public key, or a parameter."""
        context = self._context
        credential = context.topology.nodes[node.name].capabilities.get("os", {}).get("credential")
        keys = credential.get("keys") if isinstance(credential, dict) else None
        public = keys.get("public_key") if isinstance(keys, dict) else None
        if public is None and isinstance(credential, dict) and credential.get("token_type") == "public_key":
            public = credential.get("token")
        if isinstance(credential, dict) and public is None and credential.get("token_type", "password") == "password":
            context.left_out(node, "the password of its `credential`", "servers are reached with a key pair", capability="os")
        if isinstance(public, str):
            name = f"{slug(node.template or node.name)}_key"
            if name not in context.resources:
                context.add(
                    context.unique(name),
                    "OS::Nova::KeyPair",
                    {"name": joined("-", context.prefix, slug(node.name)), "public_key": public.strip()},
                    node,
                )
            return get_resource(name)
        named, known = context.property(node, "key_name"), context.catalogue.keypairs
        if named and known is not None and named not in known:
            text = f"this cloud has no key pair {quoted(named)}, which {quoted(node.name)} asks for"
            context.error(codes.VALUE, text, node, nearest(str(named), known) or one_of(known), key="key_name")
        default: Any = named or (known[0] if known is not None and len(known) == 1 else NO_DEFAULT)
        return context.parameter(
            "key_name",
            "The key pair for SSH to the servers",
            label="Key pair",
            default=default,
            constraint="nova.keypair",
            node=node,
        )

    def _zone(self, node: Node) -> str | None:
        context = self._context
        zone = context.property(node, "availability_zone")
        known = context.catalogue.availability_zones
        if zone and known is not None and zone not in known:
            text = f"this cloud has no availability zone {quoted(zone)}"
            context.error(codes.NETWORK, text, node, nearest(str(zone), known) or one_of(known), key="availability_zone")
        return str(zone) if zone else None

    def _name(self, node: Node, index: int | None) -> Any:
        """The server's name, which becomes its host name: the one that the template gives, else the node's within the stack."""
        context = self._context
        given = context.property(node, "instance_name") or context.capability(node, "endpoint").get("dns_name")
        if isinstance(given, str) and given:
            name = given.replace("#N#", str(index or 0))
            if "#N#" not in given and index:
                name = f"{name}-{index}"
            if _HOST_NAME.fullmatch(name):
                return name
        own = re.sub(r"[^A-Za-z0-9-]+", "-", node.name).strip("-") or "server"
        return joined("-", context.prefix, own if index is None else f"{own}-{index}")


def make(context: Context, networks: Networks, plan: Plan, volumes: Any) -> None:
    """The resources of all instances of a Compute node."""
    node = plan.node
    label = context.label(node)
    made = [
        instance(context, networks, plan, number, numbered(context, label, plan.number(index)), volumes)
        for number, index in enumerate(plan.indices)
    ]
    context.servers[node.name] = made
    context.attributes[node.name] = attributes(node, made)


def numbered(context: Context, label: str, number: int | None) -> str:
    """A name of its own for what belongs to an instance: `label` itself is the node's, and taken already."""
    return label if number is None else context.unique(f"{label}_{number}")


def instance(context: Context, networks: Networks, plan: Plan, number: int, name: str, volumes: Any) -> Server:
    """One server with its ports, floating IPs and volumes."""
    node, server = plan.node, Server(name, plan.indices[number])
    for position, link in enumerate(plan.links):
        if link.port is None:
            port = context.unique(f"{name}_port" if len(plan.links) == 1 else f"{name}_port_{position}")
        else:
            own = context.label(link.port)
            port = numbered(context, own, plan.number(server.index))
        fixed: dict[str, Any] = {}
        if link.network.subnet:
            fixed["subnet"] = get_resource(link.network.subnet)
        if link.address is not None:
            fixed["ip_address"] = link.address
        context.add(
            port,
            "OS::Neutron::Port",
            {
                "network": link.network.value,
                "fixed_ips": [fixed] if fixed else None,
                "mac_address": context.property(link.port, "mac_address") if link.port else None,
                "security_groups": plan.groups,
            },
            link.port or node,
            name,
        )
        server.ports.append(port)
        server.private.append(get_attr(port, "fixed_ips", 0, "ip_address"))
        server.subnets.append(
            get_resource(link.network.subnet) if link.network.subnet else get_attr(port, "fixed_ips", 0, "subnet_id")
        )
        if link.port is not None:
            found = context.attributes.setdefault(link.port.name, {"ip_address": []})
            found["ip_address"].append(server.private[-1])
            found.setdefault("port_id", []).append(get_resource(port))
    made = context.add(
        name,
        "OS::Nova::Server",
        {
            "name": plan.names[number],
            "image": plan.image,
            "flavor": plan.flavor,
            "key_name": plan.key,
            "networks": [{"port": get_resource(port)} for port in server.ports],
            **plan.properties,
        },
        node,
        name,
    )
    made.row = server.index if node.index is None else node.index
    for position, pool in enumerate(plan.pools):
        floating = context.unique(f"{name}_floating_ip" if len(plan.pools) == 1 else f"{name}_floating_ip_{position}")
        # The first pool leads to the first port, the next to the next.
        port_at = min(position, len(server.ports) - 1)
        way = networks.way_out(plan.links[port_at].network, pool)
        resource = context.add(
            floating,
            "OS::Neutron::FloatingIP",
            {"floating_network": pool, "port_id": get_resource(server.ports[port_at])},
            node,
            name,
        )
        if way is not None:
            resource.depends_on.append(way)
        server.public.append(get_attr(floating, "floating_ip_address"))
    if not server.public and str(node.capabilities.get("endpoint", {}).get("network_name")).endswith(".PUBLIC"):
        server.public.append(server.private[0])  # of a network whose addresses are public themselves
    volumes.attach(node, server, plan.number(server.index))
    return server


def attributes(node: Node, made: list[Server]) -> dict[str, Any]:
    """Addresses: lists by instance, or one text of a server that there is one of."""
    several = is_several(node) or len(made) != 1
    private = [server.private[0] for server in made if server.private]
    public = [server.public[0] for server in made if server.public]
    found: dict[str, Any] = {
        "tosca_name": node.name,
        "tosca_id": [get_resource(server.name) for server in made] if several else get_resource(made[0].name),
        "private_address": private if several else private[0],
        "public_address": public if several else (public[0] if public else None),
    }
    first = next((server for server in made if server.private), None)
    if first is not None:
        found["endpoint"] = {"ip_address": first.public[0] if first.public else first.private[0]}
    return found


def is_several(node: Node) -> bool:
    """Are the node's addresses lists? As its type declares, or where it can be scaled; then with one instance, too."""
    return node.declared.get("private_address") == "list" or node.scale_property is not None
