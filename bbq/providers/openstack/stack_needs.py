"""What a Heat template will ask of the other services, as far as its text and the parameters say it.

Values that a function other than `get_param` gives, and resources under a condition, are left to Heat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from yaml import Node as YamlNode

from bbq.diagnostics import DiagnosticBag
from bbq.hot.values import data
from bbq.topology.values import Expr, Secret
from bbq.yamlreader import read_bytes

Kind = str
"""flavor, image, keypair or network."""
NAMED: Final[Mapping[str, Mapping[str, Kind]]] = {
    "OS::Nova::Server": {"flavor": "flavor", "image": "image", "key_name": "keypair"},
    "OS::Neutron::Port": {"network": "network", "network_id": "network"},
    "OS::Neutron::Subnet": {"network": "network", "network_id": "network"},
    "OS::Neutron::FloatingIP": {"floating_network": "network", "floating_network_id": "network"},
    "OS::Sahara::NodeGroupTemplate": {"flavor": "flavor"},
    "OS::Trove::Instance": {"flavor": "flavor"},
}
"""Type -> property -> what it names."""
CONSTRAINTS: Final[Mapping[str, Kind]] = {
    "nova.flavor": "flavor",
    "glance.image": "image",
    "nova.keypair": "keypair",
    "neutron.network": "network",
}
"""Custom constraints of parameters -> what such a parameter names."""
COUNTED: Final[Mapping[str, str]] = {
    "OS::Neutron::Net": "network",
    "OS::Neutron::Port": "port",
    "OS::Neutron::Router": "router",
    "OS::Neutron::FloatingIP": "floatingip",
    "OS::Neutron::SecurityGroup": "security_group",
    "OS::Cinder::Volume": "volume",
}
"""Types -> neutron's and cinder's names for their quotas. Servers are counted by flavor."""
_UNKNOWN: Final = object()
_DEEPEST: Final = 10


@dataclass(slots=True)
class Needs:
    """`names`: kind -> name or id -> where it is asked for, first place. `servers`: how many of each flavor ("" where that is
    not known). `things`: how many of each counted type. `gigabytes`: of volumes. `databases` and `database_gigabytes`: what the
    database service makes in a project of its own, and lets the user pay."""

    names: dict[Kind, dict[str, str]] = field(default_factory=dict)
    servers: Counter[str] = field(default_factory=Counter)
    things: Counter[str] = field(default_factory=Counter)
    gigabytes: int = 0
    databases: Counter[str] = field(default_factory=Counter)
    database_gigabytes: int = 0

    def add(self, kind: Kind, name: Any, where: str) -> None:
        if isinstance(name, (str, int)) and not isinstance(name, bool) and name != "":
            self.names.setdefault(kind, {}).setdefault(str(name), where)


def needs_of(node_name: str, properties: Mapping[str, Any], needs: Needs) -> None:
    """Add what the stack with these properties asks for."""
    template = properties.get("template")
    if isinstance(template, Mapping):
        walker = _Walker(properties.get("files") or {}, _registry(properties), needs)
        given = properties.get("parameters") or {}
        walker.template(template, given if isinstance(given, Mapping) else {}, 1, node_name, 0)


def _registry(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    environment = properties.get("environment")
    found = environment.get("resource_registry") if isinstance(environment, Mapping) else None
    return found if isinstance(found, Mapping) else {}


class _Walker:
    def __init__(self, files: Any, registry: Mapping[str, Any], needs: Needs) -> None:
        self._files = files if isinstance(files, Mapping) else {}
        self._registry = registry
        self._needs = needs

    def template(self, template: Mapping[str, Any], given: Mapping[str, Any], times: int, where: str, depth: int) -> None:
        values = dict(self._parameters(template, given, where))
        resources = template.get("resources")
        if not isinstance(resources, Mapping) or depth > _DEEPEST:
            return
        for name, resource in resources.items():
            if isinstance(resource, Mapping) and "condition" not in resource and "external_id" not in resource:
                self._resource(resource, values, times, f"{where}.{name}", depth)

    def _parameters(self, template: Mapping[str, Any], given: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
        section = template.get("parameters")
        for name, definition in section.items() if isinstance(section, Mapping) else ():
            if not isinstance(definition, Mapping):
                continue
            value = _plain(given[name]) if name in given else _plain(definition.get("default", _UNKNOWN))
            yield name, value
            constraints = definition.get("constraints")
            for constraint in constraints if isinstance(constraints, list) else ():
                kind = CONSTRAINTS.get(constraint.get("custom_constraint", "")) if isinstance(constraint, Mapping) else None
                if kind and value is not _UNKNOWN:
                    self._needs.add(kind, value, f"{where}, parameter {name}")

    def _resource(self, resource: Mapping[str, Any], values: Mapping[str, Any], times: int, where: str, depth: int) -> None:
        kind = self._registry.get(resource.get("type", ""), resource.get("type"))
        properties = resource.get("properties") or {}
        if not isinstance(kind, str) or not isinstance(properties, Mapping):
            return
        if kind == "OS::Heat::ResourceGroup" and isinstance(member := properties.get("resource_def"), Mapping):
            count = _value(properties.get("count", 1), values)
            if _is_number(count) and int(count) > 0:
                self._resource(member, values, times * int(count), where, depth + 1)
            return
        if kind == "OS::Heat::AutoScalingGroup" and isinstance(member := properties.get("resource"), Mapping):
            count = _value(properties.get("desired_capacity", properties.get("min_size")), values)
            if _is_number(count) and int(count) > 0:
                self._resource(member, values, times * int(count), where, depth + 1)
            return
        if isinstance(text := self._files.get(kind), str):
            known = {name: _value(value, values) for name, value in properties.items()}
            nested = _parsed(text)
            if nested is not None:
                self.template(nested, known, times, where, depth + 1)
            return
        self._count(kind, properties, values, times)
        for name, what in NAMED.get(kind, {}).items():
            if name in properties:
                self._needs.add(what, _value(properties[name], values), where)
        networks = properties.get("networks") if kind == "OS::Nova::Server" else None
        for network in networks if isinstance(networks, list) else ():
            if isinstance(network, Mapping) and "network" in network:
                self._needs.add("network", _value(network["network"], values), where)

    def _count(self, kind: str, properties: Mapping[str, Any], values: Mapping[str, Any], times: int) -> None:
        if kind == "OS::Nova::Server":
            flavor = _value(properties.get("flavor"), values)
            self._needs.servers[str(flavor) if isinstance(flavor, (str, int)) else ""] += times
        elif kind in COUNTED:
            self._needs.things[COUNTED[kind]] += times
            size = _value(properties.get("size"), values)
            if kind == "OS::Cinder::Volume" and _is_number(size):
                self._needs.gigabytes += times * int(size)


def _value(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        name = value.get("get_param") if len(value) == 1 else None
        return values.get(name, _UNKNOWN) if isinstance(name, str) else _UNKNOWN
    return _plain(value)


def _plain(value: Any) -> Any:
    """Secrets are no names of things, and what is not known yet is left out."""
    return _UNKNOWN if isinstance(value, (Secret, Expr)) else value


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float, str)) and str(value).isdigit()


def _parsed(text: str) -> Mapping[str, Any] | None:
    document = read_bytes(text.encode(), "nested", DiagnosticBag())
    root: YamlNode | None = document.root if document is not None else None
    found = data(root) if root is not None else None
    return found if isinstance(found, Mapping) else None
