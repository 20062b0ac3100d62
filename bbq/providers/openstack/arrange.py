"""Infrastructure becomes stacks: the topology's servers, networks and volumes are made by Heat, all in one call.

The nodes stay, for what depends on them and for people: they depend on the stack, take what they are from its outputs, and cost
no call when they are made (`compute.py`, `part.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bbq.diagnostics import Diagnostic, DiagnosticBag
from bbq.engine.contract import Tag
from bbq.providers.openstack import tags
from bbq.providers.openstack.spread import spread
from bbq.render.hot import Catalogue, Translation, codes, translate
from bbq.render.hot.compute import is_several
from bbq.render.hot.context import Server, kind_of
from bbq.render.hot.model import NO_DEFAULT, Document, Fn, Parameter, used_resources
from bbq.render.hot.parts import split
from bbq.topology.model import Node, Topology
from bbq.topology.values import Attribute
from bbq.wording import quoted, refuse_errors

STACK: Final = "bbq.nodes.openstack.Stack"
LOGIN: Final = "login"
"""Property of a node that a stack makes: the account that its image lets in."""
MADE_BY: Final = "made_by"
"""Property of a node that a stack makes: what the stacks' outputs say of it. Beside it, `definition` is a digest of what it is
made of, and `scaled` says that Heat changes the number of its servers."""
SYSTEM: Final = "system"
"""Property and attribute of a Compute node: what its servers boot, and what they do with it once. Another one means that they
are made anew, or rebuilt, which leaves nothing of what was on them; whatever else is changed about a server leaves it all."""
_BOOTS: Final = ("image", "user_data", "user_data_format", "key_name", "availability_zone", "config_drive")
"""Properties of OS::Nova::Server of which Heat makes a server anew, or (image) rebuilds it.
https://docs.openstack.org/heat/latest/template_guide/openstack.html#OS::Nova::Server"""
_LOGINS: Final = {
    **{name: name for name in ("debian", "ubuntu", "fedora", "rocky", "almalinux", "cirros", "arch", "opensuse", "freebsd")},
    "centos": "cloud-user",
    "rhel": "cloud-user",
    "sles": "sles",
    "fedora-coreos": "core",
    "coreos": "core",
}
"""Accounts of the distributions' cloud images, by os_distro.
https://docs.openstack.org/image-guide/obtain-images.html"""
_SHORT: Final = 64
_KINDS: Final = frozenset({"compute", "network", "port", "volume", "container", "balancer"})


def needs_stack(topology: Topology) -> bool:
    return any(kind_of(node) in _KINDS for node in topology.primitives())


def arrange(topology: Topology, catalogue: Catalogue, deployment: str, deployment_id: str) -> Topology:
    """The topology with its stacks. Raises `TemplateError` with every finding where this cloud cannot make it."""
    made = translate(topology, catalogue, deployment=deployment)
    found = [*made.found, *_undecided(topology, made)]
    refuse_errors(found, f"{topology.template}, on this cloud")
    topology = _apart(topology, made)
    _tag(made, deployment, deployment_id)
    infrastructure = [node for node in topology.primitives() if kind_of(node) in _KINDS]
    definitions, logins, systems = _definitions(made), _logins(made, catalogue), _systems(made)
    for node in infrastructure:
        if node.name not in made.servers:
            made.document.outputs[node.name] = (made.attributes.get(node.name, {}), "")
    pieces = split(made.document, catalogue.max_resources_per_stack, topology.nodes)
    names = _names(topology, len(pieces))
    servers = _server_outputs(made, pieces)
    stacks = {name: _stack(name, piece, made, pieces, names) for name, piece in zip(names, pieces, strict=True)}
    holders = {output: name for name, piece in zip(names, pieces, strict=True) for output in piece.outputs}
    nodes = {**stacks, **topology.nodes}
    for node in infrastructure:
        outputs: Any
        if node.name in servers:
            outputs = [Attribute(names[number], ("outputs", node.name)) for number in servers[node.name]]
        else:
            outputs = Attribute(holders[node.name], ("outputs", node.name))
        properties = {**node.properties, MADE_BY: outputs, "definition": definitions.get(node.name, "")}
        if node.name in logins:
            properties[LOGIN] = logins[node.name]
        if node.name in systems:
            properties[SYSTEM] = systems[node.name]
        if _is_group(made, node.name):
            properties["scaled"] = kind_of(node) == "compute" and not made.servers[node.name]
        nodes[node.name] = replace(node, properties=properties)
    _mark_software(nodes)
    return replace(topology, nodes=nodes, found=tuple(found), notices=tuple(made.notices))


def _apart(topology: Topology, made: Translation) -> Topology:
    """Servers that operations are carried out on, each a node of its own; what is made for each of them is that one's."""
    several = {
        name: [server.index for server in servers]
        for name, servers in made.servers.items()
        if is_several(topology.nodes[name]) and not _is_group(made, name)
    }
    apart = spread(topology, several)
    members: dict[tuple[str, str], str] = {}
    for name in several:
        if apart.nodes[name].composite:
            for server, address in zip(made.servers.pop(name), apart.nodes[name].members, strict=True):
                members[name, server.name] = address
                made.servers[address] = [server]
    for resource in made.document.resources.values():
        resource.node = members.get((resource.node, resource.unit), resource.node)
    return apart


def _is_group(made: Translation, name: str) -> bool:
    """Does Heat change the number of the servers?"""
    return isinstance(made.attributes.get(name, {}).get("private_address"), Fn)


def _undecided(topology: Topology, made: Translation) -> list[Diagnostic]:
    """Parameters that neither the template nor the cloud nor the configuration has a value for."""
    bag = DiagnosticBag()
    told = {(item.file, item.line) for item in made.found if item.severity == "error"}
    for parameter in made.document.parameters.values():
        node = topology.nodes.get(parameter.node)
        if parameter.default is not NO_DEFAULT or node is None or node.source is None:
            continue
        at = node.source
        if parameter.constraint == "nova.keypair":
            hint = f"[openstack] {parameter.name} names one; `openstack keypair create` makes one"
            bag.error(codes.UNDECIDED, f"{quoted(node.name)} needs a key pair, and this cloud has none or several", at, hint)
        elif not any(place[0] == at.file and place[1] >= at.line for place in told):
            bag.error(codes.UNDECIDED, f"{quoted(node.name)} needs a {parameter.label.lower()}: {parameter.description}", at)
    return bag.sorted()


def _tag(made: Translation, deployment: str, deployment_id: str) -> None:
    """bbq's tag on servers, volumes and networks; attempt and expiry, which change, are on the stack."""
    for document in (made.document, *made.files.values()):
        for resource in document.resources.values():
            tag = Tag(deployment, deployment_id, resource.node, 0)
            if resource.type in ("OS::Nova::Server", "OS::Cinder::Volume"):
                pairs = tags.pairs(tag)
                pairs.pop("bbq_attempt")
                resource.properties["metadata"] = {**(resource.properties.get("metadata") or {}), **pairs}
            elif resource.type in ("OS::Neutron::Net", "OS::Neutron::ProviderNet"):
                resource.properties["tags"] = [word for word in tags.words(tag) if not word.startswith("bbq:attempt")]


def _definitions(made: Translation) -> dict[str, str]:
    """Node -> digest of its resources and of the parameters' values: another one means other outputs, maybe."""
    bodies: dict[str, list[Any]] = {}
    for document in (made.document, *made.files.values()):
        for name, resource in document.resources.items():
            if resource.node:
                bodies.setdefault(resource.node, []).append([name, resource.body()])
    values = _values(made.document.parameters)
    return {
        node: hashlib.sha256(json.dumps([found, values], sort_keys=True).encode()).hexdigest()[:16]
        for node, found in bodies.items()
    }


def _values(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    return {name: item.default for name, item in parameters.items() if item.default is not NO_DEFAULT}


def _logins(made: Translation, catalogue: Catalogue) -> dict[str, str]:
    """Node -> the account that its image lets in: as the image says, else the usual one of its distribution."""
    images = {key: image for image in catalogue.images or () for key in (image.name, image.id) if key}
    values, found = _values(made.document.parameters), {}
    for document in (made.document, *made.files.values()):
        for resource in document.resources.values():
            image = resource.properties.get("image")
            if resource.type == "OS::Nova::Server" and isinstance(image, Fn):
                known = images.get(str(values.get(str(image.get("get_param")))))
                login = known and (known.os_admin_user or _LOGINS.get(known.os_distro.lower()))
                if login:
                    found[resource.node] = login
    return found


def _systems(made: Translation) -> dict[str, dict[str, Any]]:
    """Node -> what its servers boot: parameters by their values, what is long by a digest."""
    values, found = _values(made.document.parameters), {}
    for document in (made.document, *made.files.values()):
        for resource in document.resources.values():
            if resource.type == "OS::Nova::Server":
                given = {key: resource.properties[key] for key in _BOOTS if resource.properties.get(key) is not None}
                found[resource.node] = {key: _brief(value, values) for key, value in given.items()}
    return found


def _brief(value: Any, values: Mapping[str, Any]) -> str:
    if isinstance(value, Fn):
        value = values.get(str(value.get("get_param")), value)
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _SHORT and text.isprintable() else hashlib.sha256(text.encode()).hexdigest()[:16]


def _names(topology: Topology, number: int) -> list[str]:
    """Names of the stacks' nodes, which no other node has; the first one's is the same whatever their number."""
    name = "stack"
    while name in topology.nodes:
        name += "_"
    return [name, *(f"{name}-{count}" for count in range(2, number + 1))]


def _server_outputs(made: Translation, pieces: list[Document]) -> dict[str, list[int]]:
    """An output for each Compute node in each piece that has servers of it; node -> numbers of these pieces."""
    found: dict[str, list[int]] = {}
    piece_of = {name: number for number, piece in enumerate(pieces) for name in piece.resources}
    for node, servers in made.servers.items():
        by_piece: dict[int, list[Server]] = {}
        for server in servers:
            by_piece.setdefault(piece_of[server.name], []).append(server)
        for number, members in by_piece.items():
            value: Any = {
                "ids": [{"get_resource": server.name} for server in members],
                "private_address": [server.private[0] if server.private else None for server in members],
                "public_address": [server.public[0] if server.public else None for server in members],
            }
            pieces[number].outputs[node] = (value, "")
        if not servers:  # none at all, or an autoscaling group
            group = made.attributes[node]
            scaled = isinstance(group.get("private_address"), Fn)
            value = {"ids": group.get("tosca_id"), **{key: group.get(key) for key in ("private_address", "public_address")}}
            holder = next((piece_of[name] for name in used_resources(value)), 0)
            by_piece[holder] = []
            pieces[holder].outputs[node] = (value if scaled else {"ids": [], "private_address": [], "public_address": []}, "")
        found[node] = sorted(by_piece)
    return found


def _stack(name: str, piece: Document, made: Translation, pieces: list[Document], names: list[str]) -> Node:
    parameters: dict[str, Any] = {}
    for parameter in piece.parameters.values():
        if parameter.of:
            holder = next(number for number, other in enumerate(pieces) if parameter.of in other.outputs)
            parameters[parameter.name] = Attribute(names[holder], ("outputs", parameter.of))
        else:
            parameters[parameter.name] = parameter.default
    body = piece.body()
    for key in ("default", "constraints"):  # values are given, and were checked
        for parameter in body.get("parameters", {}).values():
            parameter.pop(key, None)
    files = {file: json.dumps(nested.body()) for file, nested in made.files.items() if _uses(piece, file)}
    properties: dict[str, Any] = {"template": body, "parameters": parameters, "disable_rollback": True}
    if files:
        properties["files"] = files
    return Node(
        name,
        STACK,
        (STACK, "bbq.nodes.Root"),
        properties=properties,
        declared={"id": "string", "name": "string", "status": "string", "outputs": "map"},
        template=name,
    )


def _uses(piece: Document, file: str) -> bool:
    return any(item.properties.get("resource", {}).get("type") == file for item in piece.resources.values())


def _mark_software(nodes: dict[str, Node]) -> None:
    """Compute nodes that software is put on have to be reached by SSH before that: `ssh` says so."""
    for node in list(nodes.values()):
        for edge in node.edges:
            host = nodes.get(edge.target)
            if edge.hosted and host is not None and kind_of(host) == "compute" and "ssh" not in host.metadata:
                nodes[host.name] = replace(host, metadata={**host.metadata, "ssh": True})
