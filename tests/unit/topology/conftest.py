"""A small workshop for service templates, so that the graph is tested without the reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bbq.diagnostics import Diagnostic, SourceRange
from bbq.topology import build
from bbq.topology.model import Topology
from bbq.tosca.model import (
    CapabilityAssignment,
    CapabilityDef,
    Constraint,
    Function,
    NodeTemplate,
    ParameterDef,
    RequirementAssignment,
    RequirementDef,
    Schema,
    ServiceTemplate,
    TypeDef,
)

DEPENDS_ON = "tosca.relationships.DependsOn"
HOSTED_ON = "tosca.relationships.HostedOn"


class Workshop:
    """Makes one service template, line by line: every call stands on a line of its own."""

    def __init__(self, path: str = "service.yaml") -> None:
        self._line = 0
        self.service = ServiceTemplate(path, "tosca_2_0", self.at(path), files=())
        self.type_("relationship", DEPENDS_ON)
        self.type_("relationship", HOSTED_ON, DEPENDS_ON)
        self.type_("capability", "Root")
        self.type_("capability", "Endpoint", "Root")
        self.type_("data", "string")
        self.type_("data", "bbq.datatypes.Secret", "string").schema = Schema("string")

    def at(self, file: str | None = None) -> SourceRange:
        self._line += 1
        return SourceRange(file or self.service.path, self._line, 1)

    def call(self, name: str, *args: Any) -> Function:
        return Function(name, args, self.at())

    def parameter(self, name: str, type_: str = "string", **given: Any) -> ParameterDef:
        constraints = tuple(Constraint(op, arg, self.at()) for op, arg in given.pop("constraints", {}).items())
        entry = given.pop("entry", None)
        secret = given.pop("secret", type_ == "bbq.datatypes.Secret")
        found = ParameterDef(name, Schema(type_, constraints, Schema(entry) if entry else None), self.at(), secret=secret)
        for key, value in given.items():
            setattr(found, key, value)
            if key in ("default", "value"):
                setattr(found, f"has_{key}", True)
        return found

    def type_(
        self,
        kind: str,
        name: str,
        parent: str | None = None,
        *,
        properties: Mapping[str, ParameterDef | dict[str, Any]] | None = None,
        attributes: tuple[str, ...] = (),
        capabilities: Mapping[str, str | CapabilityDef] | None = None,
        requirements: Mapping[str, dict[str, Any]] | None = None,
        secret_attributes: tuple[str, ...] = (),
    ) -> TypeDef:
        base = self.service.types.get((kind, parent)) if parent else None
        found = TypeDef(kind, name, self.at(), ancestry=(name, *(base.ancestry if base else ())))
        if base is not None:
            found.properties = dict(base.properties)
            found.attributes = dict(base.attributes)
            found.capabilities = dict(base.capabilities)
            found.requirements = dict(base.requirements)
        for key, value in (properties or {}).items():
            found.properties[key] = value if isinstance(value, ParameterDef) else self.parameter(key, **value)
        for key in attributes:
            found.attributes[key] = self.parameter(key)
        for key in secret_attributes:
            found.attributes[key] = self.parameter(key, "bbq.datatypes.Secret")
        for key, value in (capabilities or {}).items():
            found.capabilities[key] = value if isinstance(value, CapabilityDef) else CapabilityDef(key, value, self.at())
        for key, given in (requirements or {}).items():
            found.requirements[key] = RequirementDef(key, self.at(), **given)
        self.service.types[kind, name] = found
        return found

    def node(
        self,
        name: str,
        type_: str,
        *,
        requirements: tuple[tuple[str, Any], ...] = (),
        capabilities: Mapping[str, Mapping[str, Any]] | None = None,
        **given: Any,
    ) -> NodeTemplate:
        definition = self.service.types["node", type_]
        found = NodeTemplate(name, definition, self.at())
        found.properties = {key: item.default for key, item in definition.properties.items() if item.has_default}
        found.properties |= given.pop("properties", {})
        found.property_at = {key: self.at() for key in found.properties}
        for key, values in (capabilities or {}).items():
            found.capabilities[key] = CapabilityAssignment(
                key, definition.capabilities[key].type, self.at(), properties=dict(values)
            )
        for key, target in requirements:
            fields = target if isinstance(target, dict) else {"node": target}
            found.requirements.append(RequirementAssignment(key, self.at(), **fields))
        assigned = {key for key, _ in requirements}
        for key, item in definition.requirements.items():
            if key not in assigned:
                found.requirements.append(
                    RequirementAssignment(
                        key, item.at, optional=item.occurrences[0] == 0, assigned=False, count=item.occurrences
                    )
                )
        for key, value in given.items():
            setattr(found, key, value)
        self.service.node_templates[name] = found
        return found

    def input(self, name: str, type_: str = "string", **given: Any) -> None:
        self.service.inputs[name] = self.parameter(name, type_, **given)

    def output(self, name: str, value: Any) -> None:
        self.service.outputs[name] = self.parameter(name, "any", value=value)

    def build(self, **given: Any) -> tuple[Topology | None, list[Diagnostic]]:
        given.setdefault("provider", "simulator")
        given.setdefault("inputs", {})
        return build(self.service, **given)

    def topology(self, **given: Any) -> Topology:
        topology, found = self.build(**given)
        assert topology is not None, "\n".join(map(str, found))
        return topology

    def problems(self, **given: Any) -> list[Diagnostic]:
        topology, found = self.build(**given)
        assert topology is None
        assert found
        return found


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()
