"""What the parts of the translator share: the topology, the catalogue, names, parameters, findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.render.hot import codes
from bbq.render.hot.catalogue import Catalogue, CloudNetwork
from bbq.render.hot.model import NO_DEFAULT, Fn, Parameter, Resource, get_attr, get_param, get_resource
from bbq.topology.model import Edge, Node, Topology
from bbq.topology.values import Expr, Secret, contains
from bbq.wording import nearest, one_of, quoted

Kind = Literal["compute", "network", "port", "volume", "container", "balancer", "software", "other"]

_KINDS: Final[Mapping[str, Kind]] = {
    "tosca.nodes.Compute": "compute",
    "tosca.nodes.network.Network": "network",
    "tosca.nodes.network.Port": "port",
    "tosca.nodes.Storage.BlockStorage": "volume",
    "tosca.nodes.BlockStorage": "volume",
    "tosca.nodes.Storage.ObjectStorage": "container",
    "tosca.nodes.ObjectStorage": "container",
    "tosca.nodes.LoadBalancer": "balancer",
    "tosca.nodes.SoftwareComponent": "software",
    "tosca.nodes.WebApplication": "software",
    "tosca.nodes.Database": "software",
    "tosca.nodes.Container.Application": "software",
    # TOSCA 2.0's profile of simple types has no prefix.
    "Compute": "compute",
    "Network": "network",
    "Port": "port",
    "Storage.BlockStorage": "volume",
    "Storage.ObjectStorage": "container",
    "LoadBalancer": "balancer",
    "SoftwareComponent": "software",
    "WebApplication": "software",
    "Database": "software",
    "Container.Application": "software",
}
_PUBLIC_WORDS: Final = frozenset({"public", "PUBLIC"})


@dataclass(slots=True)
class Server:
    """One instance of a Compute node. `private` and `public` are its addresses, as values of the template."""

    name: str
    index: int
    ports: list[str] = field(default_factory=list)
    private: list[Any] = field(default_factory=list)
    public: list[Any] = field(default_factory=list)
    subnets: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Network:
    """A network as servers use it: `value` its ID or name, `subnet` where the template makes one, `router` the resource that
    leads out of it; `outside` where floating IPs come from, so that a port in it means one."""

    value: Any
    subnet: str = ""
    node: str = ""
    outside: bool = False


def kind_of(node: Node) -> Kind:
    for name in node.ancestry or (node.type,):
        found = _KINDS.get(name.rpartition(":")[2])
        if found is not None:
            return found
    return "other"


class Context:
    """Collects the template. Findings go to `bag`, with the places of the topology's nodes."""

    def __init__(self, topology: Topology, catalogue: Catalogue | None, bag: DiagnosticBag, prefix: str | None = None) -> None:
        self.topology = topology
        self.catalogue = catalogue if catalogue is not None else Catalogue()
        self.bag = bag
        self.prefix: Any = prefix if prefix is not None else get_param("OS::stack_name")
        """What names of things begin with."""
        self.notices: list[str] = []
        self.parameters: dict[str, Parameter] = {}
        self.resources: dict[str, Resource] = {}
        self.files: dict[str, Any] = {}
        self.attributes: dict[str, dict[str, Any]] = {}
        self.servers: dict[str, list[Server]] = {}
        self.groups: set[str] = set()
        """Compute nodes that are autoscaling groups."""
        self.networks: dict[str, Network] = {}
        self.volumes: dict[str, dict[int | None, Any]] = {}
        self.kinds: dict[str, Kind] = {name: kind_of(node) for name, node in topology.nodes.items()}
        self.users: dict[str, list[tuple[Node, Edge]]] = {}
        for node in topology.nodes.values():
            for edge in node.edges:
                self.users.setdefault(edge.target, []).append((node, edge))
        self._taken: set[str] = set()
        self._asked: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        for name, kind in self.kinds.items():
            if kind not in ("software", "other"):
                self._labels[name] = self.unique(slug(name))

    def of_kind(self, *kinds: Kind) -> Iterable[Node]:
        return (node for name, node in self.topology.nodes.items() if self.kinds[name] in kinds)

    # Names

    def label(self, node: Node) -> str:
        """The node's name as a resource has it, unique in the template. Nodes' own names come first, so that a number of
        instances never changes another's name."""
        return self._labels.setdefault(node.name, slug(node.name))

    def unique(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    # What the template is made of

    def add(self, name: str, type_: str, properties: Mapping[str, Any], node: Node | None = None, unit: str = "") -> Resource:
        """A resource of that name (`unique`), without properties that are None."""
        given = {key: value for key, value in properties.items() if value is not None}
        made = self.resources[name] = Resource(name, type_, given, unit=unit, node=node.name if node else "")
        return made

    def parameter(
        self,
        name: str,
        description: str,
        *,
        label: str = "",
        default: Any = NO_DEFAULT,
        constraint: str | None = None,
        node: Node | None = None,
    ) -> Fn:
        """The parameter of that name, made at the first call; of another one where a resource has it. The catalogue's
        `defaults` win."""
        if name not in self._asked:
            own = self._asked[name] = self.unique(name)
            default = self.catalogue.defaults.get(name, default)
            self.parameters[own] = Parameter(
                own, description, label, default=default, constraint=constraint, node=node.name if node else ""
            )
        return get_param(self._asked[name])

    def asked(self, name: str) -> Fn | None:
        """The parameter of that name, if it was made."""
        return get_param(self._asked[name]) if name in self._asked else None

    # Values

    def literal(self, node: Node, value: Any, what: str, *, capability: str = "", key: str = "") -> Any:
        """The value, or None with a finding where it is an expression or a secret."""
        if contains(value, lambda item: isinstance(item, Expr)):
            text = f"{what} of {quoted(node.name)} is known only when other nodes exist"
            self.error(codes.VALUE, text, node, capability=capability, key=key)
            return None
        if contains(value, lambda item: isinstance(item, Secret)):
            text = f"{what} of {quoted(node.name)} is a secret, and everybody who may see the stack could read it there"
            self.error(codes.VALUE, text, node, capability=capability, key=key)
            return None
        return value

    def property(self, node: Node, name: str) -> Any:
        """A property as plain data; None where it is unset or not usable."""
        return self.literal(node, node.properties.get(name), f"property {quoted(name)}", key=name)

    def capability(self, node: Node, capability: str) -> dict[str, Any]:
        """The capability's properties that are plain data."""
        found = {}
        for name, value in node.capabilities.get(capability, {}).items():
            plain = self.literal(node, value, f"{capability} property {quoted(name)}", capability=capability)
            if plain is not None:
                found[name] = plain
        return found

    # Findings

    def place(self, node: Node, *, capability: str = "", key: str = "") -> SourceRange:
        places = node.places
        return (
            places.get(f"capabilities.{capability}")
            or places.get(key)
            or node.source
            or SourceRange(self.topology.template, 1, 1)
        )

    def error(self, code: str, text: str, node: Node, hint: str | None = None, *, capability: str = "", key: str = "") -> None:
        self.bag.error(code, text, self.place(node, capability=capability, key=key), hint)

    def warning(
        self, code: str, text: str, node: Node, hint: str | None = None, *, capability: str = "", key: str = ""
    ) -> None:
        self.bag.warning(code, text, self.place(node, capability=capability, key=key), hint)

    def left_out(self, node: Node, what: str, hint: str | None = None, *, capability: str = "", key: str = "") -> None:
        self.warning(
            codes.NOT_EXPRESSED, f"{what} of {quoted(node.name)} is left out", node, hint, capability=capability, key=key
        )

    # The cloud's networks

    def cloud_network(self, name: str, node: Node, *, capability: str = "", key: str = "") -> Network:
        """A network that exists: of that name or ID, or, where that is "", the one that servers are put on by default."""
        known = self.catalogue.networks
        if name:
            found = [item for item in known or () if name in (item.name, item.id)]
            self._check_found(name, found, known, "network", node, capability, key)
            outside = bool(found) and found[0].external
            parameter = f"network_{slug(name)}" if not outside else f"public_network_{slug(name)}"
            value = self.parameter(
                parameter,
                f"The existing network {name}",
                label="External network" if outside else "Network",
                default=name,
                constraint="neutron.network",
                node=node,
            )
            return Network(value, outside=outside)
        default = self._only(
            "network", [item for item in known or () if not (item.external or item.owned)], node, capability, key
        )
        value = self.parameter(
            "network",
            "The existing network for servers that the template gives none",
            label="Network",
            default=default,
            constraint="neutron.network",
            node=node,
        )
        return Network(value)

    def pool(self, name: str, node: Node, *, capability: str = "", key: str = "") -> Fn:
        """The external network of that name that floating IPs come from; of any name where that is ""."""
        known = self.catalogue.networks
        if name:
            found = [item for item in known or () if name in (item.name, item.id)]
            self._check_found(name, found, known, "external network", node, capability, key)
            if found and not found[0].external:
                text = f"floating IPs cannot come from the network {quoted(name)}: it is not external"
                hint = one_of(item.name for item in known or () if item.external)
                self.error(codes.NETWORK, text, node, hint, capability=capability, key=key)
            return self.parameter(
                f"public_network_{slug(name)}",
                f"The external network {name}, which floating IPs come from",
                label="External network",
                default=name,
                constraint="neutron.network",
                node=node,
            )
        default = self._only("public_network", [item for item in known or () if item.external], node, capability, key)
        return self.parameter(
            "public_network",
            "The external network that floating IPs come from",
            label="External network",
            default=default,
            constraint="neutron.network",
            node=node,
        )

    def _only(self, name: str, fit: list[CloudNetwork], node: Node, capability: str, key: str) -> Any:
        """The name of the only network that fits; a finding where that is not decided."""
        if self.catalogue.networks is None or name in self.catalogue.defaults or name in self._asked:
            return NO_DEFAULT
        if len(fit) == 1:
            return fit[0].name
        what = "external network" if name.startswith("public") else "network for servers"
        names = ", ".join(item.name for item in fit[:8])
        text = f"{quoted(node.name)} needs the cloud's {what}, and there {f'are {len(fit)}: {names}' if fit else 'is none'}"
        hint = f"say which as `{name}` ([openstack] {name}, or `defaults` of a catalogue), or name it in the template"
        self.error(codes.UNDECIDED, text, node, hint, capability=capability, key=key)
        return NO_DEFAULT

    def _check_found(
        self, name: str, found: list[Any], known: tuple[Any, ...] | None, what: str, node: Node, capability: str, key: str
    ) -> None:
        if known is None:
            return
        if not found:
            names = [item.name for item in known]
            text = f"this cloud has no {what} {quoted(name)}"
            self.error(codes.NETWORK, text, node, nearest(name, names) or one_of(names), capability=capability, key=key)
        elif len(found) > 1 and not any(item.id == name for item in found):
            ids = ", ".join(item.id or "?" for item in found)
            text = f"this cloud has {len(found)} networks with the name {quoted(name)}"
            self.error(codes.AMBIGUOUS, text, node, f"give the ID of one: {ids}", capability=capability, key=key)


def slug(name: str) -> str:
    """A name as resources and parameters have it: letters, digits and underscores."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "node"


def is_public(word: Any) -> bool:
    return isinstance(word, str) and word in _PUBLIC_WORDS


__all__ = [
    "Context",
    "Kind",
    "Network",
    "Server",
    "get_attr",
    "get_param",
    "get_resource",
    "is_public",
    "kind_of",
    "slug",
]
