"""Servers: how many, of which flavor and image, in which networks."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from bbq.render.hot import codes
from bbq.render.hot.choice import Need, Wish, fitting, image_reference, smallest
from bbq.render.hot.context import Context, Network, Server, get_attr, get_resource, slug
from bbq.render.hot.model import NO_DEFAULT, Fn, joined
from bbq.render.hot.network import Groups, Networks
from bbq.topology.model import Node
from bbq.tosca.units import to_bytes
from bbq.wording import nearest, one_of, quoted

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_UNUSED: Final = {
    "cpu_frequency": "flavors do not tell the frequency of their processors",
    "gpu_vendor": "flavors tell the number of GPUs only",
    "gpu_model": "flavors tell the number of GPUs only",
    "disk_type": "flavors do not tell the kind of their disks",
    "sgx": "flavors do not tell what their processors can do",
    "preemtible_instance": "Nova has no servers that it may take away",
}


@dataclass(slots=True)
class Link:
    """A server's interface. `address` is a fixed one; `port` the Port node that it comes from."""

    network: Network
    port: Node | None = None
    address: str | None = None
    order: int = 0


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
        self._networks = networks
        self._groups = Groups(context)
        self._nodes = list(context.of_kind("compute"))
        self._needs = {node.name: self._need(node) for node in self._nodes}
        self._wishes = {node.name: self._wish(node) for node in self._nodes}
        self._alike: dict[Need | Wish, list[Node]] = {}
        for node in self._nodes:
            self._alike.setdefault(self._needs[node.name], []).append(node)
            self._alike.setdefault(self._wishes[node.name], []).append(node)
        kinds = {(node.parent, node.template, self._needs[node.name], self._wishes[node.name]) for node in self._nodes}
        self._templates = Counter((parent, template) for parent, template, _, _ in kinds)
        """How many kinds of servers each node template has: more than one where properties depend on the number."""

    def plans(self) -> list[Plan]:
        return [self._plan(node) for node in self._nodes]

    def _plan(self, node: Node) -> Plan:
        context = self._context
        indices, numbered = self._instances(node)
        links, pools = self._links(node)
        for link in links:
            if link.address is not None and len(indices) > 1:
                text = f"{quoted(node.name)} has {len(indices)} instances, which cannot all have the address {link.address}"
                context.error(codes.ADDRESS, text, link.port or node, key="ip_address")
        flavor, image = self._flavor(node), self._image(node)
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

    # Flavor

    def _need(self, node: Node) -> Need:
        context = self._context
        given = context.capability(node, "host")
        for name, why in _UNUSED.items():
            if given.get(name):
                context.left_out(node, f"{quoted(name)}", why, capability="host")
        name = given.get("instance_type") or context.property(node, "flavor") or ""
        return Need(
            str(name),
            self._number(node, given, "num_cpus"),
            self._size(node, given, "mem_size"),
            self._size(node, given, "disk_size"),
            self._number(node, given, "num_gpus"),
        )

    def _number(self, node: Node, given: dict[str, Any], name: str) -> int:
        value = given.get(name) or 0
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int):
            return value
        self._context.error(codes.VALUE, f"{quoted(name)} of {quoted(node.name)} is no whole number", node, capability="host")
        return 0

    def _size(self, node: Node, given: dict[str, Any], name: str) -> int:
        value = given.get(name)
        if value is None:
            return 0
        try:
            return to_bytes(str(value))
        except ValueError:
            text = f"{quoted(name)} of {quoted(node.name)} is no size: {quoted(value)}"
            self._context.error(codes.VALUE, text, node, "for example 4 GB", capability="host")
            return 0

    def _flavor(self, node: Node) -> Fn:
        context, need = self._context, self._needs[node.name]
        users = self._alike[need]
        name = self._parameter_name(users, "flavor")
        if (known := context.asked(name)) is not None:
            return known
        default: Any = need.name or NO_DEFAULT
        flavors = context.catalogue.flavors
        if flavors is not None:
            default = self._chosen(node, need)
        what = f"at least {need}" if str(need) and not need.name else f"the template asks for {need.name}" if need.name else ""
        about = f"Flavor of {_listed(node, users)}"
        return context.parameter(
            name,
            f"{about}: {what}" if what else about,
            label="Flavor",
            default=default,
            constraint="nova.flavor",
            node=node,
        )

    def _chosen(self, node: Node, need: Need) -> Any:
        context, flavors = self._context, self._context.catalogue.flavors or ()
        if need.name:
            named = [flavor for flavor in flavors if need.name in (flavor.name, flavor.id)]
            if not named:
                names = [flavor.name for flavor in flavors]
                text = f"this cloud has no flavor {quoted(need.name)}, which {quoted(node.name)} asks for"
                context.error(codes.FLAVOR, text, node, nearest(need.name, names) or one_of(names), capability="host")
            return need.name
        image = self._known_image(node)
        found = smallest(need, flavors, image)
        if found is None:
            most = max(flavors, key=lambda one: (one.vcpus, one.ram, one.disk), default=None)
            hint = (
                f"the largest is {most.name}: {most.vcpus} vCPUs, {most.ram} MiB of memory, {most.disk} GiB of disk"
                if most
                else None
            )
            text = f"this cloud has no flavor for {quoted(node.name)}, which needs {need or 'one'}"
            if image is not None and smallest(need, flavors) is not None:
                text += f", and the image {image.name} needs {image.min_ram} MiB of memory and {image.min_disk} GiB of disk"
            context.error(codes.FLAVOR, text, node, hint, capability="host")
            return NO_DEFAULT
        twins = sum(flavor.name == found.name for flavor in flavors)
        return found.id if twins > 1 and found.id else found.name

    # Image

    def _wish(self, node: Node) -> Wish:
        context = self._context
        given = context.capability(node, "os")
        reference = given.get("image") or context.property(node, "image")
        if reference:
            wish, other = image_reference(str(reference))
            if wish is not None:
                return wish
            text = f"{quoted(node.name)} asks for an image of another kind of cloud ({other}): {quoted(reference)}"
            hint = "give one of this cloud in an input, or as the parameter of the stack"
            report = context.error if context.catalogue.images is not None else context.warning
            report(codes.IMAGE, text, node, hint, capability="os")
            return Wish(foreign=str(reference))
        return Wish(**{key: str(given.get(key) or "") for key in ("architecture", "type", "distribution", "version")})

    def _known_image(self, node: Node) -> Any:
        """The image where the catalogue has exactly one that fits."""
        images = self._context.catalogue.images
        if images is None:
            return None
        found = fitting(self._wishes[node.name], images)
        return found[0] if len(found) == 1 else None

    def _image(self, node: Node) -> Fn:
        context, wish = self._context, self._wishes[node.name]
        users = self._alike[wish]
        name = self._parameter_name(users, "image")
        if (known := context.asked(name)) is not None:
            return known
        default: Any = wish.name or NO_DEFAULT
        if context.catalogue.images is not None:
            default = self._chosen_image(node, wish, name)
        about = f"Image (name or ID) of {_listed(node, users)}"
        return context.parameter(
            name,
            f"{about}: {wish}" if str(wish) else about,
            label="Image",
            default=default,
            constraint="glance.image",
            node=node,
        )

    def _chosen_image(self, node: Node, wish: Wish, parameter: str) -> Any:
        context, images = self._context, self._context.catalogue.images or ()
        hosts = context.catalogue.hosts
        if wish.foreign:
            return NO_DEFAULT
        if not (wish.name or str(wish)):
            if len(images) == 1 or parameter in context.catalogue.defaults:
                return images[0].name if images else NO_DEFAULT
            names = ", ".join(image.name for image in images[:8])
            text = f"{quoted(node.name)} says nothing of its image, and this cloud has {len(images)}: {names}"
            hint = f"say in its capability `os` what it is, or which as `{parameter}` (`defaults` of a catalogue)"
            context.error(codes.UNDECIDED, text, node, hint, capability="os")
            return NO_DEFAULT
        found = fitting(wish, images)
        if not found:
            text = f"this cloud has no image {quoted(wish)}, which {quoted(node.name)} asks for"
            there = [image.name for image in images]
            known = (nearest(wish.name, there) if wish.name else None) or one_of(there)
            foreign = wish.host and wish.host not in (hosts or ())
            context.error(codes.IMAGE, text, node, f"it is of {wish.host}; {known}" if foreign else known, capability="os")
            return NO_DEFAULT
        if len(found) > 1:
            text = f"this cloud has {len(found)} images that are {quoted(wish)}, which {quoted(node.name)} asks for"
            listed = ", ".join(f"{image.name} ({image.id})" if image.id else image.name for image in found[:8])
            context.error(codes.AMBIGUOUS, text, node, f"give the name or ID of one: {listed}", capability="os")
            return NO_DEFAULT
        twins = sum(image.name == found[0].name for image in images)
        return found[0].id if (twins > 1 or wish.name == found[0].id) and found[0].id else found[0].name

    def _parameter_name(self, users: list[Node], what: str) -> str:
        """One for all servers that need the same: named after the first of them, or nothing where it is for all there are."""
        if len(users) == len(self._nodes):
            return what
        first = users[0]
        if first.index is None or self._templates[first.parent, first.template] > 1:
            return f"{self._context.label(first)}_{what}"
        return f"{slug(f'{first.parent or str()} {first.template}')}_{what}"

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

    # Networks

    def _links(self, node: Node) -> tuple[list[Link], list[Fn]]:
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
        text = str(context.capability(node, "endpoint").get("network_name") or "PRIVATE").strip()
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
    context.add(
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


def _listed(node: Node, users: list[Node]) -> str:
    names = list(dict.fromkeys(other.template or other.name for other in users))
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
