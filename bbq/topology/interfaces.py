"""Operations of nodes and relationships: what templates say of them over what types do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bbq.topology.instances import Instance, Link
from bbq.tosca.model import InterfaceDef, OperationDef, ParameterDef


def operations(instance: Instance) -> dict[tuple[str, str], OperationDef]:
    """(interface's last name, operation) -> its definition with the interface's inputs, the template's over the type's."""
    return _operations(instance.template.type.interfaces, instance.template.interfaces)


def link_operations(link: Link) -> dict[tuple[str, str], OperationDef]:
    """The same of a relationship: its type's, over them what the requirement's definition and its assignment say."""
    return _operations(*link_interfaces(link), link.assignment.interfaces)


def link_interfaces(link: Link) -> tuple[Mapping[str, InterfaceDef], ...]:
    """The definitions of a relationship's interfaces: its type's, then the requirement's."""
    type_ = link.source.stack.service.types.get(("relationship", link.relationship))
    definition = link.source.template.type.requirements.get(link.assignment.name)
    return type_.interfaces if type_ else {}, definition.interfaces if definition else {}


def declared_input(
    layers: Sequence[Mapping[str, InterfaceDef]], interface: str, operation: str, name: str
) -> ParameterDef | None:
    """The definition of an operation's input, in the last of the layers that has one."""
    for interfaces in reversed(layers):
        for found in interfaces.values():
            if definition_interface(found.name) == interface:
                own = found.operations[operation].inputs.get(name) if operation in found.operations else None
                declared = own if own is not None else found.inputs.get(name)
                if isinstance(declared, ParameterDef):
                    return declared
    return None


def _operations(*layers: Mapping[str, InterfaceDef]) -> dict[tuple[str, str], OperationDef]:
    found: dict[tuple[str, str], OperationDef] = {}
    for interfaces in layers:
        for interface in interfaces.values():
            for name, operation in interface.operations.items():
                if interface.inputs:
                    operation = replace(operation, inputs=interface.inputs | operation.inputs)
                found[definition_interface(interface.name), name] = operation
    return found


def definition_interface(name: str) -> str:
    """`Standard` of `tosca.interfaces.node.lifecycle.Standard`."""
    return name.rpartition(".")[2]
