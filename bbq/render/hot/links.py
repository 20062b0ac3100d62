"""The interfaces of servers: by the Port nodes that are bound to them, else by the endpoint's `network_name`."""

from __future__ import annotations

from dataclasses import dataclass

from bbq.render.hot import codes
from bbq.render.hot.context import Context, Network
from bbq.render.hot.model import Fn
from bbq.render.hot.network import Networks
from bbq.topology.model import Node
from bbq.wording import quoted


@dataclass(slots=True)
class Link:
    """A server's interface. `address` is a fixed one; `port` the Port node that it comes from."""

    network: Network
    port: Node | None = None
    address: str | None = None
    order: int = 0


class Links:
    def __init__(self, context: Context, networks: Networks) -> None:
        self._context = context
        self._networks = networks

    def of(self, node: Node) -> tuple[list[Link], list[Fn]]:
        """Interfaces, the first the one that floating IPs lead to; and where those come from."""
        context = self._context
        links: list[Link] = []
        pools: list[Fn] = []
        for port, edge in context.users.get(node.name, ()):
            if context.kinds[port.name] != "port" or edge.requirement not in ("binding", "virtualBinding", "virtualbinding"):
                continue
            link = self._port(port)
            if link is None or any(port is other.port for other in links):
                continue
            if link.network.outside:
                pools.append(link.network.value)
            else:
                links.append(link)
        links.sort(key=lambda link: link.order)
        if links or pools:
            own = context.capability(node, "endpoint").get("network_name")
            if own == "PUBLIC" and not pools:
                pools.append(context.pool("", node, capability="endpoint"))
            if not links:
                links.append(Link(context.cloud_network("", node)))
            return links, list({repr(pool): pool for pool in pools}.values())
        return self._by_endpoint(node)

    def _by_endpoint(self, node: Node) -> tuple[list[Link], list[Fn]]:
        """By the endpoint's `network_name`: see docs/how-to/render-heat.md."""
        context = self._context
        usual = "PUBLIC" if context.catalogue.floating_ips else "PRIVATE"
        text = str(context.capability(node, "endpoint").get("network_name") or usual).strip()
        at = {"capability": "endpoint"}
        if text == "PRIVATE":
            return [Link(context.cloud_network("", node, **at))], []
        if text == "PUBLIC":
            return [Link(context.cloud_network("", node, **at))], [context.pool("", node, **at)]
        name, comma, pool = (part.strip() for part in text.partition(","))
        if comma:
            if name.endswith((".PUBLIC", ".PRIVATE")):
                name = name.rpartition(".")[0]
            return [Link(self._named(name, node))], [context.pool(pool, node, **at)]
        if text.endswith(".PRIVATE"):
            return [Link(self._named(text.removesuffix(".PRIVATE"), node))], []
        if text.endswith(".PUBLIC"):
            name = text.removesuffix(".PUBLIC")
            known = [item for item in context.catalogue.networks or () if name in (item.name, item.id)]
            if known and not known[0].external:  # its addresses are public without a floating IP
                return [Link(context.cloud_network(name, node, **at))], []
            return [Link(context.cloud_network("", node, **at))], [context.pool(name, node, **at)]
        network = self._named(text, node)
        if network.outside:
            return [Link(context.cloud_network("", node, **at))], [network.value]
        return [Link(network)], []

    def _named(self, name: str, node: Node) -> Network:
        """The template's network of that name, else the cloud's."""
        context = self._context
        return context.networks.get(name) or context.cloud_network(name, node, capability="endpoint")

    def _port(self, port: Node) -> Link | None:
        context = self._context
        target = next((edge.target for edge in port.edges if context.kinds.get(edge.target) == "network"), None)
        if target is None:
            context.error(codes.VALUE, f"the port {quoted(port.name)} is linked to no network", port)
            return None
        for name in ("ip_range_start", "ip_range_end"):
            if port.properties.get(name):
                context.left_out(
                    port, quoted(name), "Neutron has ranges for subnets: `start_ip` and `end_ip` of the network", key=name
                )
        if port.properties.get("is_default"):
            context.left_out(port, "`is_default`", "the first port by `order` is the default", key="is_default")
        order, address = context.property(port, "order"), context.property(port, "ip_address")
        if address is not None:
            self._networks.address(context.topology.nodes[target], port, str(address))
        return Link(
            context.networks[target],
            port,
            None if address is None else str(address),
            order if isinstance(order, int) else 0,
        )
