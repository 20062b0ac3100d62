"""Which types a service template uses, directly or through other types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bbq.tosca.model import InterfaceDef, ParameterDef, Schema, ServiceTemplate, TypeDef

Name = tuple[str, str]
"""(kind, full name)."""


def used_types(service: ServiceTemplate) -> set[Name]:
    """Every type that the template or one of its used types names."""
    return closure(service, _of_service(service))


def closure(service: ServiceTemplate, names: Iterable[Name]) -> set[Name]:
    """These types with all that they name, directly or through others."""
    found: set[Name] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        type_def = service.types.get(name)
        if type_def is not None:
            waiting.extend(_of_type(type_def))
    return found


def _of_service(service: ServiceTemplate) -> Iterator[Name]:
    yield from of_parameters([*service.inputs.values(), *service.outputs.values()])
    for node in service.node_templates.values():
        yield "node", node.type.name
        yield from _of_interfaces(node.interfaces.values())
        yield from (("artifact", item.type) for item in node.artifacts.values())
        for item in node.requirements:
            if item.node_type is not None:
                yield "node", item.node_type
            if item.relationship is not None:
                yield "relationship", item.relationship
            yield from _of_interfaces(item.interfaces.values())
    yield from (("group", item.type) for item in service.groups.values())
    yield from (("policy", item.type) for item in service.policies.values())
    if service.substitution is not None:
        yield "node", service.substitution.node_type


def _of_type(found: TypeDef) -> Iterator[Name]:
    yield from ((found.kind, name) for name in found.ancestry)
    yield from of_parameters([*found.properties.values(), *found.attributes.values()])
    yield from _of_schema(found.schema)
    yield from _of_interfaces(found.interfaces.values())
    yield from (("artifact", item.type) for item in found.artifacts.values())
    for capability in found.capabilities.values():
        yield "capability", capability.type
        yield from of_parameters([*capability.properties.values(), *capability.attributes.values()])
    for requirement in found.requirements.values():
        for kind, name in (
            ("capability", requirement.capability),
            ("node", requirement.node),
            ("relationship", requirement.relationship),
        ):
            if name is not None:
                yield kind, name


def of_parameters(definitions: Iterable[Any]) -> Iterator[Name]:
    for item in definitions:
        if isinstance(item, ParameterDef):
            yield from _of_schema(item.schema)


def _of_schema(schema: Schema | None) -> Iterator[Name]:
    while schema is not None:
        yield "data", schema.type
        if schema.key is not None:
            yield "data", schema.key.type
        schema = schema.entry


def _of_interfaces(interfaces: Iterable[InterfaceDef]) -> Iterator[Name]:
    for interface in interfaces:
        yield "interface", interface.type
        yield from of_parameters(interface.inputs.values())
        for operation in (*interface.operations.values(), *interface.notifications.values()):
            yield from of_parameters(operation.inputs.values())
            if operation.implementation_type is not None:
                yield "artifact", operation.implementation_type
