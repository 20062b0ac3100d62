"""`translate`: a topology's infrastructure as one Heat template, whatever its size. Nothing is read, no cloud is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from bbq.collection import paused
from bbq.diagnostics import Diagnostic, DiagnosticBag, SourceRange, listed
from bbq.render.hot import codes
from bbq.render.hot.balancer import balancers
from bbq.render.hot.catalogue import Catalogue
from bbq.render.hot.compute import Servers, is_several, make
from bbq.render.hot.context import Context, Server
from bbq.render.hot.model import Document
from bbq.render.hot.network import Networks
from bbq.render.hot.policies import Policies
from bbq.render.hot.storage import Volumes, containers
from bbq.render.hot.values import NotExpressed, hot_value
from bbq.topology.model import Node, Topology
from bbq.wording import quoted

_PARAMETERS: Final = ("glance.image", "nova.flavor", "nova.keypair", "neutron.network", "cinder.volume", "net_cidr", "")
"""The order of parameters, by their constraints."""


@dataclass(slots=True)
class Translation:
    """What came out, and every finding; with an error among them the template is not fit for use.

    files       templates that it nests, by name
    attributes  node -> attribute -> value of the template, of every node that it makes
    servers     Compute node -> its instances, in order
    notices     what was left out as a matter of course, for people
    """

    document: Document
    files: dict[str, Document] = field(default_factory=dict)
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    servers: dict[str, list[Server]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(item.severity == "error" for item in self.found)


@paused()
def translate(topology: Topology, catalogue: Catalogue | None = None, *, deployment: str | None = None) -> Translation:
    """The template of the topology's infrastructure. With a catalogue, flavors, images and networks are chosen from it.

    Where it is a part of a `deployment`, that makes the rest, and what the template makes is named after it. Else nodes that
    are neither infrastructure nor software on it are errors, and the topology's outputs become the template's.
    """
    bag = DiagnosticBag()
    context = Context(topology, catalogue, bag, deployment)
    networks = Networks(context)
    networks.translate()
    servers = Servers(context, networks)
    plans = {plan.node.name: plan for plan in servers.plans()}
    policies = Policies(context, plans)
    volumes = Volumes(context)
    volumes.translate_shared()
    containers(context)
    for plan in plans.values():
        if plan.node.name in policies.scaled:
            policies.group(networks, plan, volumes)
        else:
            make(context, networks, plan, volumes)
    for node in context.of_kind("port"):
        _tidy_port(context, node)
    balancers(context, networks)
    parameters = dict(sorted(context.parameters.items(), key=lambda item: _PARAMETERS.index(item[1].constraint or "")))
    document = Document(topology.description, parameters, _in_order(context))
    if deployment is None:
        _others(context)
        _outputs(context, document)
    return Translation(document, context.files, context.attributes, context.servers, context.notices, bag.sorted())


def _tidy_port(context: Context, node: Node) -> None:
    """One value where the port is one, a list where its server may have several instances."""
    found = context.attributes.get(node.name)
    if found is None:
        bound = any(context.kinds.get(edge.target) == "compute" for edge in node.edges)
        if not bound:
            context.left_out(node, "the port", "it is bound to no server")
        return
    if any(is_several(context.topology.nodes[edge.target]) for edge in node.edges):
        return
    for name, values in found.items():
        if isinstance(values, list) and len(values) == 1:
            found[name] = values[0]


def _in_order(context: Context) -> dict[str, Any]:
    """What is shared first, then each server with what belongs to it, then what needs them."""
    networks = ("OS::Neutron::Net", "OS::Neutron::ProviderNet", "OS::Neutron::Subnet", "OS::Neutron::Router")
    first = (
        *networks,
        "OS::Neutron::RouterInterface",
        "OS::Neutron::SecurityGroup",
        "OS::Nova::KeyPair",
        "OS::Nova::ServerGroup",
    )
    rank = {name: number for number, name in enumerate(first)}
    rank["OS::Neutron::Subnet"] = rank["OS::Neutron::Net"] = rank["OS::Neutron::ProviderNet"]
    resources = context.resources
    return {name: resources[name] for name in sorted(resources, key=lambda name: rank.get(resources[name].type, len(first)))}


def _others(context: Context) -> None:
    """Nodes that are no infrastructure."""
    software = []
    for name, node in context.topology.nodes.items():
        kind = context.kinds[name]
        if kind == "software" or (kind == "other" and _is_software(context, node)):
            software.append(name)
        elif kind == "other" and node.primitive:
            text = f"{quoted(name)} ({node.type}) has no place in a Heat template"
            hint = "`bbq-deploy up` makes it; Heat makes servers, networks, storage and load balancers"
            context.error(codes.NO_PLACE, text, node, hint)
    if software:
        context.notices.append(f"software is left out, bbq-deploy up installs it over SSH: {listed(software, 8)}")
    if not context.resources and not context.bag.has_errors:
        at = SourceRange(context.topology.template, 1, 1)
        context.bag.error(codes.NO_PLACE, "the template has no infrastructure that Heat could make", at)


def _is_software(context: Context, node: Node) -> bool:
    """Of a type of the template's own: hosted on something, or with operations, or nothing but a name for others."""
    hosted = any(edge.hosted for edge in node.edges)
    return hosted or bool(node.operations) or not any(name.startswith("bbq.") for name in node.ancestry)


def _outputs(context: Context, document: Document) -> None:
    for name, output in context.topology.outputs.items():
        try:
            document.outputs[name] = (hot_value(output.value, context.attributes), output.description)
        except NotExpressed as error:
            at = SourceRange(context.topology.template, 1, 1)
            text = f"the output {quoted(name)} is left out: {error}"
            context.bag.warning(codes.NOT_EXPRESSED, text, output.source or at)
