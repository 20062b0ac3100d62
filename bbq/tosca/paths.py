"""Paths of `get_property`, `get_attribute`, `get_artifact` and `available_allocation`: every step names something.

TOSCA 1.3 section 4.4: `[ node | SELF | SOURCE | TARGET | HOST, optional requirement or capability, name, nested... ]`.
TOSCA 2.0 section 10.3: `[ node | SELF, index, (RELATIONSHIP requirement index | CAPABILITY name | SOURCE | TARGET)..., name,
nested... ]`. What cannot be told before the graph is made - a target that is searched for - is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from yaml import Node

from bbq.diagnostics import DiagnosticBag
from bbq.tosca.checker import Checker
from bbq.tosca.functions import Owner, place_of
from bbq.tosca.model import (
    CapabilityDef,
    Function,
    NodeTemplate,
    ParameterDef,
    RequirementAssignment,
    ServiceTemplate,
    TypeDef,
)
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.units import SCALAR_UNITS

_KEYWORDS: Final = ("SELF", "HOST", "SOURCE", "TARGET", "ORCHESTRATOR")
_STEPS: Final = ("CAPABILITY", "RELATIONSHIP", "SOURCE", "TARGET", "NODE")
_IMPLICIT: Final = frozenset(
    ("tosca_id", "tosca_name", "state", "public_address", "private_address", "endpoint", "networks", "ports")
)
_COUNTABLE: Final = frozenset(("integer", "float", "scalar")) | frozenset(SCALAR_UNITS)


@dataclass(frozen=True, slots=True)
class _Node:
    template: NodeTemplate


@dataclass(frozen=True, slots=True)
class _Relationship:
    """`source` and `target` are None where they are not known."""

    type: TypeDef | None
    source: NodeTemplate | None
    target: NodeTemplate | None
    capability: str | None = None


@dataclass(frozen=True, slots=True)
class _Capability:
    definition: CapabilityDef
    node: NodeTemplate


@dataclass(frozen=True, slots=True)
class _Some:
    """A node or capability of which the type is known, and whatever derives from that type."""

    type: TypeDef
    """With the properties and attributes that any of these types has."""


_Place = _Node | _Relationship | _Capability | _Some


class Stop(Exception):
    pass


class Paths:
    """Follows the paths of one service template. `broken` are nodes that exist but could not be read."""

    def __init__(self, service: ServiceTemplate, bag: DiagnosticBag, broken: set[str]) -> None:
        self._service = service
        self._nodes = service.node_templates
        self._two = service.version == "tosca_2_0"
        self._bag = bag
        self._broken = broken
        self.argument: Node | None = None
        """Of the call that is checked next."""
        self._types = Checker(service.types)
        self._derived: dict[tuple[str, str], _Some] = {}
        self._names_of_capabilities = {
            name for (kind, _), found in service.types.items() if kind == "node" for name in found.capabilities
        }

    def check(self, function: Function, owner: Owner) -> None:
        args = list(function.args)
        if args and isinstance(args[0], list):
            args = [*args[0], *args[1:]]
        if not args or not isinstance(args[0], str):
            return
        try:
            place = self.start(args.pop(0), function, owner)
            while args and isinstance(args[0], (str, int)):
                following = self._follow(place, args, function, owner)
                if following is None:
                    break
                place = following
            if args and isinstance(args[0], str):
                self._end(place, args[0], args[1:], function)
        except Stop:
            return

    def start(self, name: str, function: Function, owner: Owner) -> _Place:
        """What the first argument means."""
        kind = owner.kind
        if name in self._nodes and (name not in _KEYWORDS or kind not in ("node", "relationship")):
            return _Node(self._nodes[name])
        if name in ("SELF", "SOURCE", "TARGET") and kind in ("relationship", "filter"):
            place = self._relationship_of(owner)
            if name == "SELF":
                return place
            if self._two:
                text = f"a path does not begin with {name}"
                self._bag.warning("BBQ-T218", text, function.at, f"TOSCA 2.0 has [ SELF, {name}, ... ]")
            return self._end_of(place, name, owner)
        if name == "SELF" and kind == "node" and owner.name in self._nodes:
            return _Node(self._nodes[owner.name])
        if name in ("SELF", "HOST") and kind in ("output", "policy", "group", "substitution"):
            text = f"{name} means nothing in {_shown(owner)}"
            self._bag.error("BBQ-T055", text, function.at, "name the node template")
        elif name in ("SOURCE", "TARGET"):
            text = f"{name} means something in relationships only, not in {_shown(owner)}"
            self._bag.error("BBQ-T055", text, function.at, "name the node template")
        elif name in self._service.relationships:
            return _Relationship(self._type("relationship", self._service.relationships[name]), None, None)
        elif name not in _KEYWORDS and name not in self._broken:
            self._error("BBQ-T053", f"unknown node template {quoted(name)}", function, name, [*self._nodes, *self._broken])
        raise Stop

    def _relationship_of(self, owner: Owner) -> _Relationship:
        source, target = self._nodes.get(owner.name), self._nodes.get(owner.target or "")
        assigned = source.requirements if source is not None and target is not None else []
        wanted = {item.capability for item in assigned if item.node == owner.target and item.relationship == owner.type}
        capability = wanted.pop() if len(wanted) == 1 else None
        return _Relationship(self._type("relationship", owner.type), source, target, capability)

    def _type(self, kind: str, name: str | None) -> TypeDef | None:
        return self._service.types.get((kind, name)) if name is not None else None

    def _error(self, code: str, message: str, function: Function, name: Any, known: Iterable[str]) -> None:
        names = list(known)
        place = place_of(function, name, self.argument)
        self._bag.error(code, message, place, nearest(str(name), names) or one_of(names))

    # Steps

    def _follow(self, place: _Place, args: list[Any], function: Function, owner: Owner) -> _Place | None:
        """One step, taken off `args`; None where the path has ended, before the name of a property."""
        head = args[0]
        if isinstance(place, _Node):
            return self._from_node(place.template, args, function)
        if isinstance(place, _Relationship):
            if head in ("SOURCE", "TARGET"):
                args.pop(0)
                return self._end_of(place, head, owner)
            if head == "CAPABILITY":
                return self._target_capability(place, args, owner)
            own = (place.type.properties, place.type.attributes) if place.type is not None else ()
            if owner.kind == "filter" and not any(head in fields for fields in own):
                if place.type is None:
                    raise Stop
                return self._end_of(place, "TARGET", owner)  # in a filter, the target's properties are understood, too
        elif isinstance(place, _Some) and (head in _STEPS or not isinstance(head, str)):
            raise Stop
        return None

    def _some(self, kind: str, name: str | None) -> _Some:
        found = self._type(kind, name)
        if found is None:
            raise Stop
        key = kind, found.name
        if key not in self._derived:
            types = [item for (each, _), item in self._service.types.items() if each == kind and found.name in item.ancestry]
            properties = {name: item for each in types for name, item in each.properties.items()}
            attributes = {name: item for each in types for name, item in each.attributes.items()}
            self._derived[key] = _Some(replace(found, properties=properties, attributes=attributes))
        return self._derived[key]

    def _from_node(self, node: NodeTemplate, args: list[Any], function: Function) -> _Place | None:
        head = args[0]
        if isinstance(head, int) or head == "ALL":  # which of the nodes that are made from the template
            args.pop(0)
            return _Node(node)
        if head == "RELATIONSHIP" and len(args) > 1:
            return self._requirement(node, args, function, step=2)
        if head == "CAPABILITY" and len(args) > 1:
            capability = self._capability(node, str(args[1]), function)
            del args[:2]
            if args and args[0] == "RELATIONSHIP":  # whatever leads here
                raise Stop
            return capability
        if head in _STEPS:
            if self._two and head in ("SOURCE", "TARGET"):
                text = f"{head} follows a relationship, and {quoted(node.name)} is a node"
                self._bag.error("BBQ-T055", text, function.at, "[ SELF, RELATIONSHIP, <requirement>, TARGET, ... ]")
            raise Stop
        fields = node.type.properties, node.type.attributes
        if len(args) == 1 or any(head in block for block in fields):
            return None
        if head in node.type.requirements:
            self._form(function, f"RELATIONSHIP, {head}")
            return self._short(node, args, function)
        if head in node.type.capabilities:
            self._form(function, f"CAPABILITY, {head}")
            args.pop(0)
            return self._capability(node, str(head), function)
        return None

    def _form(self, function: Function, step: str) -> None:
        """1.3 names a requirement or capability alone; in 2.0 that would be a property."""
        if self._two:
            text = f"a path of {quoted('$' + function.name)} names what it goes through"
            self._bag.warning("BBQ-T218", text, function.at, f"TOSCA 2.0 has [ ..., {step}, ... ]")

    def _requirement(self, node: NodeTemplate, args: list[Any], function: Function, step: int) -> _Relationship:
        name = args[step - 1]
        if name not in node.type.requirements and not any(item.name == name for item in node.requirements):
            text = f"{quoted(node.name)} has no requirement {quoted(name)}"
            self._error("BBQ-T061", text, function, name, node.type.requirements)
            raise Stop
        del args[:step]
        number: Any = 0
        if args and (isinstance(args[0], int) or args[0] == "ALL"):
            number = args.pop(0)
        assignments = [item for item in node.requirements if item.name == name]
        certain = all(item.assigned and item.count == (1, 1) for item in assignments)
        if isinstance(number, int) and certain and number < len(assignments):
            assignments = assignments[number : number + 1]
        elif isinstance(number, int) and certain and number > 0:
            text = f"{quoted(node.name)} has no relationship {number} of requirement {quoted(name)}, counted from 0"
            self._bag.error("BBQ-T061", text, function.at)
            raise Stop
        return self._relationship(node, assignments)

    def _relationship(self, node: NodeTemplate, assignments: list[RequirementAssignment]) -> _Relationship:
        types = {item.relationship for item in assignments}
        targets = {item.node for item in assignments}
        capabilities = {item.capability for item in assignments}
        return _Relationship(
            self._type("relationship", types.pop()) if len(types) == 1 else None,
            node,
            self._nodes.get(targets.pop() or "") if len(targets) == 1 else None,
            capabilities.pop() if len(capabilities) == 1 else None,
        )

    def _short(self, node: NodeTemplate, args: list[Any], function: Function) -> _Place | None:
        """1.3: the path goes on in the requirement's target, in one of its capabilities or its own properties."""
        found = self._requirement(node, args, function, step=1)
        target = found.target
        if target is None or not args or not isinstance(args[0], str):
            raise Stop
        if args[0] in ("SOURCE", "TARGET", "CAPABILITY") or (found.type is not None and args[0] in found.type.properties):
            return found
        known: set[str] = {
            *target.type.properties,
            *target.type.attributes,
            *target.type.capabilities,
            *target.type.requirements,
        }
        for capability in target.type.capabilities.values():
            type_def = self._type("capability", capability.type)
            wanted = found.capability
            if wanted is None or wanted == capability.name or (type_def is not None and wanted in type_def.ancestry):
                known |= {*capability.properties, *capability.attributes}
        if args[0] not in known and args[0] not in _IMPLICIT:
            text = f"{quoted(target.name)}, which the requirement leads to, has no property {quoted(args[0])}"
            self._error("BBQ-T054", text, function, args[0], known)
        raise Stop

    def _end_of(self, place: _Relationship, name: str, owner: Owner) -> _Node | _Some:
        node = place.source if name == "SOURCE" else place.target
        if node is not None:
            return _Node(node)
        if name == "TARGET" and owner.kind == "filter":
            return self._some("node", owner.node)
        raise Stop

    def _target_capability(self, place: _Relationship, args: list[Any], owner: Owner) -> _Place:
        args.pop(0)
        if args and args[0] == "RELATIONSHIP":
            raise Stop
        if owner.kind == "filter":
            if args and args[0] in self._names_of_capabilities:  # in a filter, those of the target are understood, too
                raise Stop
            return self._some("capability", owner.capability)
        target, wanted = place.target, place.capability
        if target is None:
            raise Stop
        fitting = []
        for item in target.type.capabilities.values():
            type_def = self._type("capability", item.type)
            if wanted == item.name or (wanted is not None and type_def is not None and wanted in type_def.ancestry):
                fitting.append(item)
        if len(fitting) != 1:
            raise Stop
        return _Capability(fitting[0], target)

    def _capability(self, node: NodeTemplate, name: str, function: Function) -> _Capability:
        capability = node.type.capabilities.get(name)
        if capability is None:
            text = f"{quoted(node.name)} has no capability {quoted(name)}"
            self._error("BBQ-T060", text, function, name, node.type.capabilities)
            raise Stop
        return _Capability(capability, node)

    # The end

    def _end(self, place: _Place, name: str, nested: list[Any], function: Function) -> None:
        if function.name == "get_artifact":
            if isinstance(place, _Node) and name not in place.template.artifacts:
                text = f"{quoted(place.template.name)} has no artifact {quoted(name)}"
                self._error("BBQ-T054", text, function, name, place.template.artifacts)
            return
        if function.name == "available_allocation" and not isinstance(place, _Capability):
            text = "the path of `$available_allocation` leads to a capability"
            self._bag.error("BBQ-T051", text, function.at, "[ SELF, CAPABILITY, <name>, <property> ]")
            return
        attribute = function.name == "get_attribute"
        owner, title = self._fields(place)
        known: Mapping[str, ParameterDef] = {**owner.properties, **owner.attributes} if attribute else owner.properties
        if isinstance(place, _Capability) and not self._two:  # 1.x templates ask for attributes of capabilities so
            known = {**owner.properties, **owner.attributes}
        if name not in known:
            if not (attribute and name in _IMPLICIT):
                word = "property or attribute" if attribute and not isinstance(place, _Capability) else "property"
                self._error("BBQ-T054", f"{title} has no {word} {quoted(name)}", function, name, known)
            return
        if function.name == "available_allocation":
            if self._types.base(known[name].schema.type) not in _COUNTABLE:
                text = f"{quoted(name)} is a {known[name].schema.type}; only numbers and scalars have shares"
                self._bag.error("BBQ-T214", text, function.at)
            return
        self._inside(known[name], nested, function)

    def _fields(self, place: _Place) -> tuple[TypeDef | CapabilityDef, str]:
        if isinstance(place, _Node):
            return place.template.type, quoted(place.template.name)
        if isinstance(place, _Some):
            return place.type, f"no type that derives from {quoted(place.type.name)}, nor itself,"
        if isinstance(place, _Capability):
            return place.definition, f"capability {quoted(place.definition.name)} of {quoted(place.node.name)}"
        if place.type is None:
            raise Stop
        return place.type, f"the relationship, a {quoted(place.type.name)},"

    def _inside(self, definition: ParameterDef, args: list[Any], function: Function) -> None:
        """Nested names in a value of a data type."""
        schema = definition.schema
        for step in args:
            found = self._service.types.get(("data", schema.type))
            if found is not None and found.properties and isinstance(step, str):
                inner = found.properties.get(step)
                if inner is None:
                    text = f"{quoted(found.name)} has no property {quoted(step)}"
                    self._error("BBQ-T054", text, function, step, found.properties)
                    return
                schema = inner.schema
            elif schema.entry is not None:
                if self._types.base(schema.type) == "list" and isinstance(step, str):
                    text = f"{quoted(definition.name)} is a list: its entries have numbers, not names such as {quoted(step)}"
                    self._bag.error("BBQ-T054", text, function.at)
                    return
                schema = schema.entry
            else:
                return


def _shown(owner: Owner) -> str:
    return f"{owner.kind} {quoted(owner.name)}" if owner.name else f"a {owner.kind}"


__all__ = ["Paths", "Stop"]
