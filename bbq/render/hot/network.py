"""Networks, subnets, routers, security groups."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from bbq.render.hot import codes
from bbq.render.hot.context import Context, Network, get_attr, get_resource, is_public, slug
from bbq.render.hot.model import Fn, joined
from bbq.topology.model import Node
from bbq.wording import quoted

_PROVIDER_TYPES: Final = frozenset({"local", "flat", "vlan", "vxlan", "gre", "geneve"})
_MAKES_ONE: Final = ("cidr", "start_ip", "end_ip", "gateway_ip", "segmentation_id", "physical_network")
"""Properties that a network has that is made; one that exists is named without them (TOSCA 1.3 section 8.5.1)."""

_IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Networks:
    """The topology's Network nodes, made or found, and the routers that lead out of them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._addresses: dict[str, _IPNetwork] = {}
        self._routers: dict[str, str] = {}
        self._interfaces: dict[tuple[str, str], str] = {}
        self._free = self._unused()

    def translate(self) -> None:
        for node in self._context.of_kind("network"):
            self._context.networks[node.name] = self._network(node)
        self._check_overlaps()

    def _network(self, node: Node) -> Network:
        context = self._context
        given = {name: context.property(node, name) for name in ("network_id", "network_name", "network_type")}
        name, kind = given["network_id"] or given["network_name"], given["network_type"]
        makes = any(node.properties.get(key) is not None for key in _MAKES_ONE)
        if (is_public(kind) and not makes) or (is_public(name) and not makes):
            named = None if is_public(name) else name
            value = context.pool(str(named or ""), node, key="network_name")
            found = Network(value, node=node.name, outside=True)
        elif name and (given["network_id"] or not makes):
            found = context.cloud_network(str(name), node, key="network_id" if given["network_id"] else "network_name")
            found.node = node.name
        else:
            return self._made(node, given["network_name"], kind)
        context.attributes[node.name] = {"network_id": found.value, "network_name": given["network_name"] or found.value}
        if isinstance(node.properties.get("proxy_host"), (dict, str)):
            context.left_out(node, "the proxy", key="proxy_host")
        return found

    def _made(self, node: Node, name: str | None, kind: str | None) -> Network:
        context, label = self._context, self._context.label(node)
        properties: dict[str, Any] = {"name": name or joined("-", context.prefix, slug(node.name))}
        type_ = "OS::Neutron::Net"
        segment, physical = context.property(node, "segmentation_id"), context.property(node, "physical_network")
        if kind in _PROVIDER_TYPES or segment or physical:
            type_ = "OS::Neutron::ProviderNet"
            properties |= {
                "network_type": kind if kind in _PROVIDER_TYPES else "vlan",
                "physical_network": physical,
                "segmentation_id": segment,
            }
        context.add(label, type_, properties, node)
        subnet = context.unique(f"{label}_subnet")
        context.add(
            subnet,
            "OS::Neutron::Subnet",
            {
                "network": get_resource(label),
                "ip_version": context.property(node, "ip_version") or 4,
                "cidr": self._cidr(node),
                "allocation_pools": self._pool(node),
                "gateway_ip": self._gateway(node),
                "enable_dhcp": False if context.property(node, "dhcp_enabled") is False else None,
            },
            node,
        )
        context.attributes[node.name] = {
            "network_id": get_resource(label),
            "network_name": get_attr(label, "name"),
            "segmentation_id": get_attr(label, "segmentation_id") if type_.endswith("ProviderNet") else segment,
        }
        return Network(get_resource(label), subnet, node.name)

    def _cidr(self, node: Node) -> Any:
        context = self._context
        text = context.property(node, "cidr")
        if text is None:
            if node.properties.get("cidr") is not None:
                return None  # told already
            if context.property(node, "ip_version") == 6:
                context.error(codes.VALUE, f"the network {quoted(node.name)} needs a `cidr`: it is an IPv6 network", node)
                return None
            found = next(self._free, None)
            if found is None:
                context.error(
                    codes.ADDRESS, f"the network {quoted(node.name)} needs a `cidr`: all of 192.168.0.0/16 is taken", node
                )
                return None
            self._addresses[node.name] = found
            text = str(found)
            return context.parameter(
                f"{context.label(node)}_cidr",
                f"Addresses of the network {node.name}, which the template does not give any",
                label="Addresses",
                default=text,
                constraint="net_cidr",
                node=node,
            )
        try:
            self._addresses[node.name] = ipaddress.ip_network(str(text))
        except ValueError as error:
            context.error(codes.ADDRESS, f"`cidr` of {quoted(node.name)}: {error}", node, "for example 10.0.0.0/24", key="cidr")
        return str(text)

    def _unused(self) -> Iterator[_IPNetwork]:
        """Networks of 192.168.0.0/16 that have no address in common with one that the template gives, each once."""
        given = []
        for node in self._context.of_kind("network"):
            with suppress(ValueError):
                given.append(ipaddress.ip_network(str(node.properties.get("cidr"))))
        for number in range(100, 356):
            one = ipaddress.ip_network(f"192.168.{number % 256}.0/24")
            if not any(other.version == 4 and one.overlaps(other) for other in given):
                yield one

    def _pool(self, node: Node) -> Any:
        start, end = self._inside(node, "start_ip"), self._inside(node, "end_ip")
        if start is None and end is None:
            return None
        network = self._addresses.get(node.name)
        if network is None:
            return None
        if start is not None and end is not None and int(ipaddress.ip_address(start)) > int(ipaddress.ip_address(end)):
            text = f"`start_ip` {start} of {quoted(node.name)} comes after `end_ip` {end}"
            self._context.error(codes.ADDRESS, text, node, key="start_ip")
        return [{"start": start or str(network[2]), "end": end or str(network[-2])}]

    def _gateway(self, node: Node) -> Any:
        value = self._context.property(node, "gateway_ip")
        if isinstance(value, str) and "," in value:
            # In the templates of the INDIGO family: addresses that are reached through a node of the template.
            self._context.left_out(
                node,
                f"the route {quoted(value)}",
                "software on that node has to be a router, which `bbq-deploy up` installs over SSH",
                key="gateway_ip",
            )
            return None
        return self._inside(node, "gateway_ip")

    def _inside(self, node: Node, name: str) -> str | None:
        """An address of the network; a finding where it is not."""
        value = self._context.property(node, name)
        network = self._addresses.get(node.name)
        if value is None or network is None:
            return None
        try:
            address = ipaddress.ip_address(str(value))
        except ValueError as error:
            self._context.error(codes.ADDRESS, f"{quoted(name)} of {quoted(node.name)}: {error}", node, key=name)
            return None
        if address not in network:
            text = f"{quoted(name)} {value} of {quoted(node.name)} is not in its network {network}"
            self._context.error(codes.ADDRESS, text, node, key=name)
        return str(address)

    def address(self, node: Node, port: Node, value: str) -> None:
        """Check a port's address against its network."""
        network = self._addresses.get(node.name)
        try:
            address = ipaddress.ip_address(value)
        except ValueError as error:
            self._context.error(codes.ADDRESS, f"`ip_address` of {quoted(port.name)}: {error}", port, key="ip_address")
            return
        if network is not None and address not in network:
            text = f"`ip_address` {value} of {quoted(port.name)} is not in the network {quoted(node.name)} ({network})"
            self._context.error(codes.ADDRESS, text, port, key="ip_address")

    def _check_overlaps(self) -> None:
        """Networks that one router joins must not have addresses in common; nothing says yet which those are."""
        known = sorted(self._addresses.items(), key=lambda item: (item[1].version, int(item[1][0]), item[1].prefixlen))
        widest: tuple[str, _IPNetwork] | None = None
        for name, network in known:
            if widest is not None and widest[1].version == network.version and int(network[0]) <= int(widest[1][-1]):
                node = self._context.topology.nodes[name]
                text = f"the networks {quoted(widest[0])} ({widest[1]}) and {quoted(name)} ({network}) have addresses in common"
                self._context.error(codes.ADDRESS, text, node, key="cidr")
            if widest is None or widest[1].version != network.version or int(network[-1]) > int(widest[1][-1]):
                widest = name, network

    def way_out(self, network: Network, pool: Fn) -> str | None:
        """The router interface that a floating IP of a server in that network needs; None where the network exists."""
        if not network.subnet:
            return None
        context, key = self._context, str(pool["get_param"])
        if key not in self._routers:
            label = "router" if not self._routers else f"router_{slug(key.removeprefix('public_network_'))}"
            self._routers[key] = context.unique(label)
            context.add(self._routers[key], "OS::Neutron::Router", {"external_gateway_info": {"network": pool}})
        router = self._routers[key]
        if (router, network.subnet) not in self._interfaces:
            name = context.unique(f"{router}_{network.subnet.removesuffix('_subnet')}")
            self._interfaces[router, network.subnet] = name
            context.add(
                name,
                "OS::Neutron::RouterInterface",
                {"router": get_resource(router), "subnet": get_resource(network.subnet)},
            )
        return self._interfaces[router, network.subnet]


class Groups:
    """Security groups: one in which all servers reach each other, and one for each set of open ports."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._members = ""
        self._open: dict[str, str] = {}

    def of(self, node: Node) -> list[Fn]:
        """The groups of a node's servers."""
        context = self._context
        if not self._members:
            self._members = context.unique("members")
            rules: list[dict[str, Any]] = [{"remote_mode": "remote_group_id"}]
            if any(context.property(other, "ip_version") == 6 for other in context.of_kind("network")):
                rules.append({"remote_mode": "remote_group_id", "ethertype": "IPv6"})
            context.add(
                self._members,
                "OS::Neutron::SecurityGroup",
                {
                    "description": "Servers of this stack reach each other",
                    "rules": rules,
                },
            )
        rules = self._rules(node)
        key = repr(rules)
        if key not in self._open:
            ssh_only = len(rules) == 1 and rules[0]["remote_ip_prefix"] == Fn(get_param="ssh_cidr")
            name = context.unique("ssh" if ssh_only else f"{slug(node.template or node.name)}_ports")
            self._open[key] = name
            what = "SSH" if ssh_only else f"What {node.template or node.name} offers, and SSH"
            context.add(name, "OS::Neutron::SecurityGroup", {"description": what, "rules": rules})
        return [get_resource(self._members), get_resource(self._open[key])]

    def _rules(self, node: Node) -> list[dict[str, Any]]:
        context = self._context
        endpoint = context.capability(node, "endpoint")
        rules = self._open_ports(node, endpoint, "endpoint")
        for other in self._hosted(node):
            for name, capability in other.capabilities.items():
                if is_public(capability.get("network_name")):
                    rules += self._open_ports(other, context.capability(other, name), name)
        if not any(rule.get("protocol") == "tcp" and rule["port_range_min"] <= 22 <= rule["port_range_max"] for rule in rules):
            cidr = context.parameter(
                "ssh_cidr",
                "Who may reach the servers by SSH",
                label="SSH from",
                default="0.0.0.0/0",
                constraint="net_cidr",
            )
            rules.insert(0, {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": cidr})
        return [rule for number, rule in enumerate(rules) if rule not in rules[:number]]

    def _hosted(self, node: Node) -> list[Node]:
        """What runs on the node's servers, directly or on what does."""
        found, waiting, seen = [], [node.name], {node.name}
        while waiting:
            for other, edge in self._context.users.get(waiting.pop(), ()):
                if edge.hosted and other.name not in seen:
                    seen.add(other.name)
                    found.append(other)
                    waiting.append(other.name)
        return found

    def _open_ports(self, node: Node, endpoint: dict[str, Any], capability: str) -> list[dict[str, Any]]:
        context, rules = self._context, []
        specs = endpoint.get("ports")
        if isinstance(specs, dict):
            for name, spec in specs.items():
                rule = self._rule(node, name, spec, capability) if isinstance(spec, dict) else None
                if rule is not None:
                    rules.append(rule)
        port = endpoint.get("port")
        if isinstance(port, int) and not isinstance(port, bool):
            protocol = str(endpoint.get("protocol", "tcp")).lower()
            rules.append(
                {
                    "protocol": protocol if protocol in ("tcp", "udp") else "tcp",
                    "port_range_min": port,
                    "port_range_max": port,
                    "remote_ip_prefix": "0.0.0.0/0",
                }
            )
        if endpoint.get("private_ip") is False:
            context.left_out(
                node, "`private_ip: false`", "a server with a floating IP has a private address, too", capability=capability
            )
        return rules

    def _rule(self, node: Node, name: str, spec: dict[str, Any], capability: str) -> dict[str, Any] | None:
        """What a PortSpec (TOSCA 1.3 section 5.3.9; with `remote_cidr` in the INDIGO family) opens. Many templates give the
        port as its `source`, which here is the server's: there is no other that it could mean."""
        context = self._context
        what = f"the port {quoted(name)}"
        target, source = spec.get("target"), spec.get("source")
        bounds: Any = spec.get("target_range") or (None if target is not None else spec.get("source_range"))
        if bounds is None:
            port = target if target is not None else source
            bounds = [port, port]
        if target is not None and source is not None and target != source:
            text = f"the translation of port {source} to {target} ({quoted(name)})"
            context.left_out(node, text, f"port {target} is open", capability=capability)
        numbers = list(bounds) if isinstance(bounds, (list, tuple)) else []
        protocol = str(spec.get("protocol", "tcp")).lower()
        remote = str(spec.get("remote_cidr") or "0.0.0.0/0")
        if numbers == [None, None]:
            if protocol in ("tcp", "udp"):
                context.error(codes.VALUE, f"{what} of {quoted(node.name)} has no number", node, capability=capability)
                return None
            return {"protocol": protocol, "remote_ip_prefix": remote, **_family(remote)}
        if len(numbers) != 2 or not all(isinstance(n, int) and 0 < n < 65536 for n in numbers) or numbers[0] > numbers[1]:
            text = f"{what} of {quoted(node.name)} is no port and no range of ports"
            context.error(codes.VALUE, text, node, capability=capability)
            return None
        try:
            ipaddress.ip_network(remote, strict=False)
        except ValueError as error:
            text = f"`remote_cidr` of {what} of {quoted(node.name)}: {error}"
            context.error(codes.ADDRESS, text, node, capability=capability)
            return None
        return {
            "protocol": protocol,
            "port_range_min": numbers[0],
            "port_range_max": numbers[1],
            "remote_ip_prefix": remote,
            **_family(remote),
        }


def _family(cidr: str) -> dict[str, str]:
    return {"ethertype": "IPv6"} if ":" in cidr else {}
