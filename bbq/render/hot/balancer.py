"""LoadBalancer: Octavia's load balancer, with a listener and a pool for its client endpoint."""

from __future__ import annotations

from typing import Any, Final

from bbq.render.hot import codes
from bbq.render.hot.context import Context, get_attr, get_resource, is_public
from bbq.render.hot.network import Networks
from bbq.topology.model import Edge, Node
from bbq.wording import quoted

_ALGORITHMS: Final = {
    "round_robin": "ROUND_ROBIN",
    "roundrobin": "ROUND_ROBIN",
    "least_connections": "LEAST_CONNECTIONS",
    "leastconn": "LEAST_CONNECTIONS",
    "source_ip": "SOURCE_IP",
    "source": "SOURCE_IP",
}
_PROTOCOLS: Final = {"tcp": "TCP", "udp": "UDP", "http": "HTTP", "https": "HTTPS"}


def balancers(context: Context, networks: Networks) -> None:
    """After the servers, which are their members."""
    for node in context.of_kind("balancer"):
        _balancer(context, networks, node)


def _balancer(context: Context, networks: Networks, node: Node) -> None:
    label = context.label(node)
    hosts = [_host(context, context.topology.nodes[edge.target]) for edge in node.edges]
    scaled = [host for host in hosts if host is not None and host.name in context.groups]
    for host in scaled:
        text = f"the load balancer {quoted(node.name)} does not reach {quoted(host.name)}, whose number a policy changes"
        context.warning(codes.NOT_EXPRESSED, text, node, "give the number in the capability `scalable`, and scale with bbq")
    members = [member for edge in node.edges for member in _members(context, node, edge)]
    if not members and scaled:
        return
    if not members:
        text = f"the load balancer {quoted(node.name)} routes to nothing that this template makes"
        context.error(codes.VALUE, text, node, "its requirement `application` names what runs on the servers")
        return
    client = context.capability(node, "client")
    protocol = _PROTOCOLS.get(str(client.get("protocol", "tcp")).lower(), "TCP")
    port = client.get("port") or members[0][2]
    subnet = members[0][1]
    context.add(label, "OS::Octavia::LoadBalancer", {"vip_subnet": subnet}, node)
    listener, pool = context.unique(f"{label}_listener"), context.unique(f"{label}_pool")
    context.add(
        listener,
        "OS::Octavia::Listener",
        {"loadbalancer": get_resource(label), "protocol": protocol, "protocol_port": port},
        node,
    )
    context.add(
        pool,
        "OS::Octavia::Pool",
        {"listener": get_resource(listener), "lb_algorithm": _algorithm(context, node), "protocol": protocol},
        node,
    )
    context.add(
        context.unique(f"{label}_monitor"),
        "OS::Octavia::HealthMonitor",
        {
            "pool": get_resource(pool),
            "type": "TCP" if protocol != "UDP" else "UDP-CONNECT",
            "delay": 5,
            "timeout": 5,
            "max_retries": 3,
        },
        node,
    )
    for server, member_subnet, member_port, address in members:
        context.add(
            context.unique(f"{server}_{label}"),
            "OS::Octavia::PoolMember",
            {"pool": get_resource(pool), "address": address, "subnet": member_subnet, "protocol_port": member_port},
            node,
            server,
        )
    address = get_attr(label, "vip_address")
    if is_public(client.get("network_name")):
        floating = context.unique(f"{label}_floating_ip")
        source = context.pool("", node, capability="client")
        made = context.add(
            floating, "OS::Neutron::FloatingIP", {"floating_network": source, "port_id": get_attr(label, "vip_port_id")}, node
        )
        network = next((item for item in context.networks.values() if get_resource(item.subnet) == subnet), None)
        way = networks.way_out(network, source) if network is not None else None
        if way is not None:
            made.depends_on.append(way)
        address = get_attr(floating, "floating_ip_address")
    context.attributes[node.name] = {"client": {"ip_address": address}, "public_address": address, "ip_address": address}


def _algorithm(context: Context, node: Node) -> str:
    wanted = context.property(node, "algorithm")
    if wanted is None:
        return "ROUND_ROBIN"
    found = _ALGORITHMS.get(str(wanted).lower().replace("-", "_"))
    if found is None:
        text = f"Octavia has no algorithm {quoted(wanted)}, which {quoted(node.name)} asks for"
        context.error(codes.VALUE, text, node, "use round_robin, least_connections or source_ip", key="algorithm")
    return found or "ROUND_ROBIN"


def _host(context: Context, target: Node) -> Node | None:
    """The Compute node that something runs on."""
    host: Node | None = target
    while host is not None and context.kinds[host.name] != "compute":
        host = next((context.topology.nodes[one.target] for one in host.edges if one.hosted), None)
    return host


def _members(context: Context, node: Node, edge: Edge) -> list[tuple[str, Any, int, Any]]:
    """(server, subnet, port, address) of each server behind a target."""
    target = context.topology.nodes[edge.target]
    port = target.capabilities.get(edge.capability or "", {}).get("port")
    if port is None:
        ports = (given.get("port") for given in target.capabilities.values())
        port = next((one for one in ports if isinstance(one, int)), None)
    host = _host(context, target)
    if host is None or edge.requirement == "dependency":
        return []
    if not isinstance(port, int) or isinstance(port, bool):
        port = context.capability(node, "client").get("port")
    if not isinstance(port, int):
        text = f"{quoted(node.name)} routes to {quoted(target.name)}, whose endpoint has no port"
        context.error(codes.VALUE, text, node, "give the port in its endpoint capability")
        return []
    found: list[tuple[str, Any, int, Any]] = []
    for server in context.servers.get(host.name, ()):
        if server.private:
            found.append((server.name, server.subnets[0], port, server.private[0]))
    return found
