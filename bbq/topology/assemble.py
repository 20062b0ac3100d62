"""Instances become the topology's nodes: everything about a node in one place, edges and operations included."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bbq.diagnostics import SourceRange
from bbq.topology import codes
from bbq.topology.evaluate import Evaluator, is_flawed
from bbq.topology.instances import BASE_TYPE, Broken, Instance, Link, Where, members
from bbq.topology.interfaces import declared_input, link_interfaces, link_operations, operations
from bbq.topology.model import Artifact, Edge, Node, Operation, Probe, Relationship
from bbq.topology.offers import is_hosted
from bbq.topology.requirements import Matcher
from bbq.topology.sources import PROPERTY, Tree, source_digests
from bbq.topology.values import Attribute, Call, Expr, Secret, references
from bbq.tosca.model import ArtifactDef, InterfaceDef, OperationDef, ParameterDef

_KINDS: Final = ("tcp", "http", "command")


class Assembler:
    """Makes nodes. Edges of a composite are inherited by its members, so a composite is assembled before them. Without a `tree`
    no file is looked at."""

    def __init__(self, evaluator: Evaluator, matcher: Matcher, tree: Tree | None) -> None:
        self._evaluator = evaluator
        self._tree = tree
        self._matcher = matcher
        self._edges: dict[str, list[tuple[Link, Edge]]] = {}
        self._timeouts: dict[str, dict[str, float]] = {}
        self._hosting: dict[tuple[str, str], bool] = {}
        self._places: dict[int, dict[str, SourceRange]] = {}

    def node(self, instance: Instance) -> Node:
        """The node of an instance; problems are reported, and the node then lacks what was broken."""
        template, owner = instance.template, instance.stack.owner
        type_ = template.type
        properties = self._properties(instance)
        readiness: tuple[Probe, ...] = ()
        timeouts = dict(self._timeouts.get(owner.address, {})) if owner else {}
        if BASE_TYPE in type_.ancestry:
            at = template.property_at
            readiness = self._probes(instance, properties.pop("readiness", None), at.get("readiness", template.at))
            timeouts |= self._seconds(instance, properties.pop("timeouts", None), at.get("timeouts", template.at))
        self._timeouts[instance.address] = timeouts
        self._check_own_attributes(instance, properties)
        tree = self._tree if instance.child is None else None
        if tree is not None and (digests := source_digests(type_.properties, properties, tree)):
            properties[PROPERTY] = digests
        return Node(
            name=instance.address,
            type=type_.name,
            ancestry=type_.ancestry or (type_.name,),
            properties=properties,
            capabilities=self._capabilities(instance),
            attributes=self._attributes(instance),
            edges=[edge for _, edge in self._edges_of(instance)],
            operations=self._operations(instance),
            relationships=self._relationships(instance),
            artifacts={name: _artifact(item) for name, item in (type_.artifacts | template.artifacts).items()},
            readiness=readiness,
            timeouts=timeouts,
            secrets=self._secrets(instance, properties),
            metadata=type_.metadata | template.metadata,
            members=tuple(each.address for each in members(instance.child)) if instance.child else (),
            parent=owner.address if owner else None,
            template=template.name,
            index=instance.index,
            scale_property=self._evaluator.scale_property(instance),
            source=template.at,
            places=self._places_of(instance),
            composite=instance.child is not None,
            declared={
                name: "bbq.datatypes.Secret" if item.secret else item.schema.type for name, item in type_.attributes.items()
            },
        )

    def _places_of(self, instance: Instance) -> dict[str, SourceRange]:
        """One map for all instances of a template."""
        template = instance.template
        found = self._places.get(id(template))
        if found is None:
            found = {f"capabilities.{name}": item.at for name, item in template.capabilities.items()}
            self._places[id(template)] = found = found | template.property_at
        return found

    def _value(self, compute: Callable[[], Any]) -> Any:
        try:
            return compute()
        except Broken:
            return None

    def _properties(self, instance: Instance) -> dict[str, Any]:
        found = {}
        template = instance.template
        for name in template.type.properties | template.properties:
            value = self._value(lambda name=name: self._evaluator.property(instance, name))  # type: ignore[misc]
            if value is not None:
                found[name] = value
        return found

    def _check_own_attributes(self, instance: Instance, properties: dict[str, Any]) -> None:
        for name, value in properties.items():
            if instance.address in references(value):
                text = (
                    f"property {name!r} of {instance.address!r} needs an attribute of the node itself, "
                    "which is known only after the node was made"
                )
                at = instance.template.property_at.get(name, instance.template.at)
                self._evaluator.bag.error(codes.OWN_ATTRIBUTE, text, at)

    def _secrets(self, instance: Instance, properties: dict[str, Any]) -> frozenset[str]:
        definitions, service = instance.template.type.properties, instance.stack.service
        secrecy = self._evaluator.secrecy
        return frozenset(n for n in properties if n in definitions and secrecy.is_secret(definitions[n], service))

    def _capabilities(self, instance: Instance) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        template = instance.template
        for name, declared in template.type.capabilities.items():
            assignment = template.capabilities.get(name)
            names = [*declared.properties, *(assignment.properties if assignment else ())]
            values: dict[str, Any] = {}
            for key in names:
                value = self._value(
                    lambda name=name, key=key: self._evaluator.capability_property(instance, name, key)  # type: ignore[misc]
                )
                if value is not None:
                    values[key] = value
            found[name] = values
        if instance.child is not None:
            for name, end in self._mapped_capabilities(instance).items():
                inner, inner_name = end
                found[name] = self._capabilities(inner).get(inner_name, {}) | found.get(name, {})
        return found

    def _mapped_capabilities(self, instance: Instance) -> dict[str, tuple[Instance, str]]:
        """Capability of the composite -> (member, its capability); the first instance where the member has a count."""
        child = instance.child
        if child is None or child.service.substitution is None:
            return {}
        mappings = child.service.substitution.capabilities.items()
        return {name: (child.groups[node][0], inner) for name, (node, inner) in mappings if child.groups.get(node)}

    # Attributes

    def _attributes(self, instance: Instance) -> dict[str, Any]:
        template = instance.template
        where = Where(instance.stack, instance)
        found = {}
        for name, value in template.attributes.items() if not is_flawed(instance) else ():
            answer, definition = self._evaluator.attempt(value, where), template.type.attributes.get(name)
            if definition is not None:
                what = ("attribute", name, "of", instance.address)
                with suppress(Broken):
                    answer = self._evaluator.conformity.checked(answer, value, definition, where, what, template.at)
            if answer is not None:
                found[name] = answer
        for name, capability in template.type.capabilities.items():
            assigned = template.capabilities.get(name)
            values = {key: item.default for key, item in capability.attributes.items() if item.has_default}
            values |= assigned.attributes if assigned is not None else {}
            if values and name not in found:
                found[name] = {key: self._evaluator.attempt(value, where) for key, value in values.items()}
        if found.get("state") == "initial":
            found["state"] = "started"  # nobody can ask before the node is ready (1.3 section 3.4.1, node states)
        child = instance.child
        if child is None or child.service.substitution is None:
            return found
        for name, (inner, inner_name) in self._mapped_capabilities(instance).items():
            declared = inner.template.type.capabilities.get(inner_name)
            if declared is not None and declared.attributes:
                found[name] = {key: Attribute(inner.address, (inner_name, key)) for key in declared.attributes}
        inside = Where(child)
        for path, value in child.service.substitution.attributes.items():
            output = child.service.outputs.get(value) if isinstance(value, str) else None
            answer = self._evaluator.attempt(output.value if output else value, inside)
            if len(path) == 1:
                found[str(path[0])] = answer
            elif path[0] == "CAPABILITY":
                found[str(path[1])] = {**found.get(str(path[1]), {}), str(path[2]): answer}
        for name in template.type.attributes:
            if name not in found and name in template.type.properties:
                found[name] = self._value(lambda name=name: self._evaluator.property(instance, name))  # type: ignore[misc]
        return found

    # Edges

    def _edges_of(self, instance: Instance) -> list[tuple[Link, Edge]]:
        """Its own, and those of its composite to whatever it does not depend on itself."""
        known = self._edges.get(instance.address)
        if known is not None:
            return known
        found = []
        for link in self._value(lambda: self._matcher.links(instance)) or ():
            properties = self._value(lambda link=link: self._evaluator.link_properties(link)) or {}  # type: ignore[misc]
            found.append((link, self._edge(link, properties)))
        owner = instance.stack.owner
        if owner is not None:
            outer = self._edges_of(owner)
            with suppress(Broken):
                self._matcher.reserve(len(outer), instance.template.at)
                targets = {link.target.address for link, _ in found}
                found.extend((link, edge) for link, edge in outer if edge.target not in targets)
        self._edges[instance.address] = found
        return found

    def _edge(self, link: Link, properties: dict[str, Any]) -> Edge:
        service = link.source.stack.service
        key = (service.path, link.relationship)
        if key not in self._hosting:
            self._hosting[key] = is_hosted(service, link.relationship)
        target, name = link.target.address, link.assignment.name
        return Edge(name, target, link.relationship, link.capability, properties, self._hosting[key])

    # Operations and artifacts

    def _operations(self, instance: Instance) -> dict[str, Operation]:
        found = {}
        template, where = instance.template, Where(instance.stack, instance)
        for (interface, name), definition in operations(instance).items():
            if definition.implementation and not is_flawed(instance):
                types = (template.type.interfaces,)
                found[f"{interface}.{name}"] = self._operation(interface, definition, where, instance, types)
        return found

    def _relationships(self, instance: Instance) -> list[Relationship]:
        """The operations of the relationships that start here; those of a composite's are its members' affair no more."""
        found = []
        for link in [] if instance.child else self._value(lambda: self._matcher.links(instance)) or ():
            where = Where(instance.stack, None, link)
            implemented = {
                name: self._operation(interface, definition, where, instance, link_interfaces(link))
                for (interface, name), definition in link_operations(link).items()
                if definition.implementation
            }
            if implemented:
                found.append(Relationship(link.assignment.name, instance.address, link.target.address, implemented))
        return found

    def _operation(
        self,
        interface: str,
        definition: OperationDef,
        where: Where,
        owner: Instance,
        types: Sequence[Mapping[str, InterfaceDef]],
    ) -> Operation:
        """`types` have the definitions of its inputs."""
        inputs = {}
        for name, value in definition.inputs.items():
            if isinstance(value, ParameterDef):
                value = value.value if value.has_value else value.default
            declared = declared_input(types, interface, definition.name, name)
            with suppress(Broken):
                answer = self._evaluator.evaluate(value, where)
                if declared is not None:
                    what = ("input", name, "of operation", f"{interface}.{definition.name}", "of", owner.address)
                    answer = self._evaluator.conformity.checked(answer, value, declared, where, what, definition.at)
                if answer is not None:
                    inputs[name] = answer
        artifacts = owner.template.type.artifacts | owner.template.artifacts
        program, kind = self._program(definition.implementation or "", artifacts, owner)
        return Operation(
            interface,
            definition.name,
            program,
            inputs,
            tuple(self._program(file, artifacts, owner)[0] for file in definition.dependencies),
            definition.host,
            definition.timeout,
            kind or definition.implementation_type or "",
            {name: tuple(item.mapping) for name, item in definition.outputs.items()},
        )

    def _program(self, file: str, artifacts: dict[str, ArtifactDef], owner: Instance) -> tuple[str, str]:
        """(path, URL or role, artifact type) of what is named: an artifact's name comes as a path beside the template."""
        named = artifacts.get(file) or artifacts.get(Path(file).name)
        if named is not None and not Path(file).suffix:
            file, kind = named.file, named.type
            if "role" in kind.lower() and not Path(file).exists():
                return Path(file).name if Path(file).is_absolute() else file, kind  # a role's name, not a file's
        else:
            kind = ""
        service = owner.stack.service
        for prefix in sorted(service.import_map, key=len, reverse=True):
            if file.startswith(prefix):
                below = Path(service.import_map[prefix], file.removeprefix(prefix).lstrip("/"))
                return str(below), kind
        return file, kind

    # What speaks to the engine

    def _probes(self, instance: Instance, value: Any, at: SourceRange) -> tuple[Probe, ...]:
        if value is None:
            return ()
        probes = []
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict) or item.get("kind") not in _KINDS or item.get("target") is None:
                text = f"a readiness predicate of {instance.address!r} needs a kind ({', '.join(_KINDS)}) and a target"
                self._evaluator.bag.error(codes.BAD_READINESS, text, at)
                continue
            target = item["target"]
            if item["kind"] == "command":
                try:
                    target = Call("argv", (target,)) if isinstance(target, Expr) else _arguments(target)
                except ValueError as error:
                    text = f"the command of a readiness predicate of {instance.address!r} cannot be split: {error}"
                    self._evaluator.bag.error(codes.BAD_READINESS, text, at)
                    continue
            status, interval, timeout = item.get("status") or 200, item.get("interval"), item.get("timeout")
            probes.append(Probe(item["kind"], target, int(status), float(interval or 1.0), float(timeout or 5.0)))
        return tuple(probes)

    def _seconds(self, instance: Instance, value: Any, at: SourceRange) -> dict[str, float]:
        """The type has checked what is known; what only the deployment knows is too late."""
        found: dict[str, float] = {}
        for stage, seconds in value.items() if isinstance(value, dict) else [("", value)] if value is not None else ():
            if isinstance(seconds, (int, float)):
                found[stage] = float(seconds)
                continue
            what = f"timeout {stage!r}" if stage else "timeouts"
            text = f"{what} of {instance.address!r} must be known before anything is made"
            self._evaluator.bag.error(codes.BAD_TIMEOUT, text, at, "give a number of seconds, or an input")
        return found


def _arguments(target: Any) -> list[Any]:
    if isinstance(target, Secret):
        return [target]  # for the builder to refuse
    return list(target) if isinstance(target, list) else shlex.split(str(target))


def _artifact(item: ArtifactDef) -> Artifact:
    return Artifact(item.name, item.type, item.file, item.deploy_path, dict(item.properties))
