"""Requirements are matched with capabilities: named targets are checked, dangling ones are searched for.

TOSCA 1.3 section 3.8.2, 2.0 section 8.5. Candidates come from an index by type, so that a template of ten thousand nodes
is matched in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from bbq.diagnostics import SourceRange
from bbq.topology import codes
from bbq.topology.evaluate import suggestion
from bbq.topology.filters import ancestry, passes
from bbq.topology.instances import MAX_EDGES, Broken, Instance, Link, Pending, Stack, members
from bbq.tosca.model import RequirementAssignment, RequirementDef, ServiceTemplate

if TYPE_CHECKING:
    from bbq.topology.evaluate import Evaluator

DEPENDS_ON: Final = "tosca.relationships.DependsOn"
_SHOWN: Final = 5


class Matcher:
    """Finds what meets each instance's requirements; answers are remembered."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._edges = 0
        self._indices: dict[int, dict[str, list[Instance]]] = {}
        self._incoming: dict[int, dict[str, list[Link]]] = {}
        self._capabilities: dict[tuple[str, str, str, str, str, bool], str | None] = {}

    def links(self, instance: Instance) -> list[Link]:
        """The requirements of an instance that were met, by assignment order; problems are reported once."""
        if isinstance(instance.links, list):
            return instance.links
        if instance.links is Pending:
            text = f"the requirements of {instance.address!r} depend on themselves, through a node_filter or a value"
            raise self._evaluator.fail(codes.CIRCULAR_VALUE, text, instance.template.at)
        instance.links = Pending
        mapped = self._mapped(instance)
        found = [link for name, outer in mapped.items() for link in self._carried(instance, name, outer)]
        for assignment in self._assignments(instance):
            if assignment.name in mapped and assignment.node is None:
                continue
            try:
                found.extend(self._match(instance, assignment))
            except Broken:
                continue
        instance.links = found
        return found

    def reserve(self, edges: int, at: SourceRange) -> None:
        """Count edges; `Broken` beyond what one deployment may have, reported once."""
        fits, self._edges = self._edges <= MAX_EDGES, self._edges + edges
        if self._edges > MAX_EDGES:
            if fits:
                raise self._evaluator.fail(codes.TOO_LARGE, f"the requirements make more than {MAX_EDGES} edges", at)
            raise Broken

    def incoming(self, instance: Instance) -> list[Link]:
        """Links of the same stack that end at `instance`."""
        stack = instance.stack
        if id(stack) not in self._incoming:
            found: dict[str, list[Link]] = {}
            for each in members(stack):
                for link in self.links(each):
                    found.setdefault(link.target.address, []).append(link)
            self._incoming[id(stack)] = found
        return self._incoming[id(stack)].get(instance.address, [])

    def is_hosting(self, link: Link) -> bool:
        return is_hosted(link.source.stack.service, link.relationship)

    # Which assignments count

    def _assignments(self, instance: Instance) -> list[RequirementAssignment]:
        """The assignments, checked against how many the type allows of each."""
        assignments = instance.template.requirements
        counts: dict[str, int] = {}
        for assignment in assignments:
            if assignment.assigned:
                counts[assignment.name] = counts.get(assignment.name, 0) + 1
        if instance.index in (None, 0):
            for name, count in counts.items():
                definition = instance.template.type.requirements.get(name)
                lower, upper = definition.occurrences if definition else (0, None)
                if (upper is not None and count > upper) or (1 < count < lower):
                    at = [item.at for item in assignments if item.name == name][-1]
                    limit = f"at most {upper}" if upper is not None and count > upper else f"at least {lower}"
                    text = f"{instance.address!r} has the requirement {name!r} {count} times, its type allows {limit}"
                    self._evaluator.bag.error(codes.REQUIREMENT_COUNT, text, at)
        return assignments

    def _match(self, instance: Instance, assignment: RequirementAssignment) -> list[Link]:
        if assignment.count[1] == 0:
            return []
        if assignment.node is not None:
            return self._named(instance, assignment)
        if not assignment.assigned and (assignment.optional or assignment.count[0] == 0):
            return []
        return self._search(instance, assignment)

    @staticmethod
    def _mapped(instance: Instance) -> dict[str, dict[str, list[range]]]:
        """Requirements that the mappings expose: name -> the composite's name for it -> which of its assignments, counted from
        0. In a template that is deployed for itself nothing meets them."""
        stack = instance.stack
        if stack.service.substitution is None:
            return {}
        found: dict[str, dict[str, list[range]]] = {}
        taken: dict[str, int] = {}
        for mapping in stack.service.substitution.requirements:
            start = taken.get(mapping.name, 0)
            stop = MAX_EDGES if mapping.count is None else start + mapping.count
            taken[mapping.name] = stop
            for template, requirement in mapping.targets:
                if template == instance.template.name and requirement:
                    found.setdefault(requirement, {}).setdefault(mapping.name, []).append(range(start, stop))
        return found

    def _carried(self, instance: Instance, name: str, outer: dict[str, list[range]]) -> list[Link]:
        """The composite's links, as the member's own requirement `name`."""
        assignments = (item for item in instance.template.requirements if item.name == name and item.node is None)
        assignment = next(assignments, None) or RequirementAssignment(name, instance.template.at)
        relationship = assignment.relationship or self._definition(instance, assignment).relationship
        owner = instance.stack.owner
        return [
            Link(assignment, instance, link.target, link.capability, relationship or link.relationship, base=link)
            for number, link in (_numbered(self.links(owner)) if owner is not None else ())
            if any(number in each for each in outer.get(link.assignment.name, ()))
        ]

    # Named targets

    def _named(self, instance: Instance, assignment: RequirementAssignment) -> list[Link]:
        groups = instance.stack.groups
        name = assignment.node or ""
        if name not in groups:
            hint = suggestion(name, groups)
            text = f"requirement {assignment.name!r} of {instance.address!r}: there is no node template {name!r}"
            raise self._evaluator.fail(codes.UNKNOWN_NODE, text, assignment.at, hint)
        self.reserve(len(groups[name]), assignment.at)
        definition = self._definition(instance, assignment)
        found = []
        for target in groups[name]:
            capability = self._capability(instance, assignment, definition, target, strict=False)
            if instance.stack.service.version.startswith("tosca_2"):
                self._check_pair(instance, assignment, definition, target, capability)
            if not all(passes(self._evaluator, item, target) for item in self._filters(assignment, definition)):
                text = f"{target.address!r} does not meet the node_filter of {assignment.name!r} of {instance.address!r}"
                raise self._evaluator.fail(codes.NODE_FILTER, text, assignment.at)
            found.append(self._link(instance, assignment, definition, target, capability))
        return found

    def _check_pair(
        self,
        instance: Instance,
        assignment: RequirementAssignment,
        definition: RequirementDef,
        target: Instance,
        capability: str | None,
    ) -> None:
        """Types fit. Templates of 1.x often take a node of another type, of which the reader has warned."""
        what = f"requirement {assignment.name!r} of {instance.address!r}"
        node_type = assignment.node_type or definition.node
        if node_type is not None and node_type not in target.template.type.ancestry:
            text = f"{what} needs a {node_type}, and {target.address!r} is a {target.template.type.name}"
            raise self._evaluator.fail(codes.WRONG_TARGET_TYPE, text, assignment.at)
        wanted = assignment.capability or definition.capability
        if capability is None and wanted is not None:
            have = [f"{item.name} ({item.type})" for item in target.template.type.capabilities.values()]
            text = f"{what} needs the capability {wanted}, and {target.address!r} has none"
            hint = f"it has: {', '.join(have)}" if have else "it has no capabilities"
            raise self._evaluator.fail(codes.NO_CAPABILITY, text, assignment.at, hint)

    # Dangling ones

    def _search(self, instance: Instance, assignment: RequirementAssignment) -> list[Link]:
        """All candidates where their number lies in the requirement's count range, a diagnostic otherwise. Instances of one
        template are alike: of too many of them each source takes its share in turn."""
        definition = self._definition(instance, assignment)
        lower, upper = (0 if assignment.optional else max(1, assignment.count[0])), assignment.count[1]
        filters = self._filters(assignment, definition)
        found: list[tuple[Instance, str | None]] = []
        for candidate in self._candidates(instance, assignment, definition):
            capability = self._capability(instance, assignment, definition, candidate)
            if capability is None and (assignment.capability or definition.capability) is not None:
                continue
            if all(passes(self._evaluator, item, candidate) for item in filters):
                found.append((candidate, capability))
                if upper is not None and len(found) > upper + _SHOWN:
                    break
        if len(found) < lower:
            self._report_missing(instance, assignment, definition, found)
        elif upper is not None and len(found) > upper and not filters and len({c.template.name for c, _ in found}) == 1:
            group = [each for each in instance.stack.groups[found[0][0].template.name] if each is not instance]
            first = (instance.index or 0) * upper
            chosen = [group[(first + number) % len(group)] for number in range(upper)]
            return [self._link(instance, assignment, definition, each, found[0][1]) for each in chosen]
        elif upper is not None and len(found) > upper:
            shown = ", ".join(candidate.address for candidate, _ in found[:_SHOWN])
            more = ", ..." if len(found) > _SHOWN else ""
            text = f"requirement {assignment.name!r} of {instance.address!r} can be met by several nodes: {shown}{more}"
            self._report(instance, assignment, codes.AMBIGUOUS_TARGET, text, "name one of them: node: <name>")
        else:
            return [self._link(instance, assignment, definition, *candidate) for candidate in found]
        return []

    def _candidates(
        self, instance: Instance, assignment: RequirementAssignment, definition: RequirementDef
    ) -> Iterator[Instance]:
        index = self._index(instance.stack)
        node_type = assignment.node_type or definition.node
        wanted = definition.capability or assignment.capability
        by_node = index.get(node_type) if node_type else None
        by_capability = index.get(wanted) if wanted else None
        if node_type is not None and by_node is None:
            return
        lists = [found for found in (by_node, by_capability) if found is not None]
        smallest = min(lists, key=len, default=None)
        if smallest is None:
            smallest = members(instance.stack) if wanted and "." not in wanted else []
        for each in smallest:
            if each is not instance and (node_type is None or node_type in each.template.type.ancestry):
                yield each

    def _index(self, stack: Stack) -> dict[str, list[Instance]]:
        """Type name (of the node, or of one of its capabilities) -> instances, each once."""
        if id(stack) not in self._indices:
            keys_by_type: dict[str, tuple[str, ...]] = {}
            index: dict[str, list[Instance]] = {}
            for each in members(stack):
                type_ = each.template.type
                keys = keys_by_type.get(type_.name)
                if keys is None:
                    capabilities = [ancestry(stack.service, "capability", c.type) for c in type_.capabilities.values()]
                    keys = tuple(dict.fromkeys([*type_.ancestry, *(name for names in capabilities for name in names)]))
                    keys_by_type[type_.name] = keys
                for key in keys:
                    index.setdefault(key, []).append(each)
            self._indices[id(stack)] = index
        return self._indices[id(stack)]

    def _report_missing(
        self,
        instance: Instance,
        assignment: RequirementAssignment,
        definition: RequirementDef,
        found: list[tuple[Instance, str | None]],
    ) -> None:
        wanted = [
            text
            for text in (assignment.node_type or definition.node, assignment.capability or definition.capability)
            if text is not None
        ]
        need = " with ".join(wanted) or "a node"
        text = f"requirement {assignment.name!r} of {instance.address!r} is not met: no node template offers {need}"
        if found:
            shown = ", ".join(candidate.address for candidate, _ in found)
            text = (
                f"requirement {assignment.name!r} of {instance.address!r} needs {assignment.count[0]} nodes, there are: {shown}"
            )
        hint = f"add a node that offers {need}, or name one: requirements: [{assignment.name}: <node>]"
        self._report(instance, assignment, codes.MISSING_TARGET, text, hint)

    def _report(self, instance: Instance, assignment: RequirementAssignment, code: str, text: str, hint: str) -> None:
        """A warning where only a normative type asks for a host: many templates leave that to the orchestrator."""
        if instance.index not in (None, 0):
            return
        implied = not assignment.assigned and assignment.name == "host" and self._is_normative(instance, assignment)
        report = self._evaluator.bag.warning if implied else self._evaluator.bag.error
        report(code, text, assignment.at if assignment.assigned else instance.template.at, hint)

    def _is_normative(self, instance: Instance, assignment: RequirementAssignment) -> bool:
        """Whether the requirement was introduced by one of TOSCA's own types."""
        types = instance.stack.service.types
        for name in reversed(instance.template.type.ancestry):
            type_ = types.get(("node", name))
            if type_ is not None and assignment.name in type_.requirements:
                return name.rpartition(":")[2].startswith("tosca.nodes.")
        return False

    # One pair

    def _definition(self, instance: Instance, assignment: RequirementAssignment) -> RequirementDef:
        found = instance.template.type.requirements.get(assignment.name)
        return found or RequirementDef(assignment.name, assignment.at)

    def _link(
        self,
        instance: Instance,
        assignment: RequirementAssignment,
        definition: RequirementDef,
        target: Instance,
        capability: str | None,
    ) -> Link:
        return Link(assignment, instance, target, capability, assignment.relationship or definition.relationship or DEPENDS_ON)

    def _capability(
        self,
        instance: Instance,
        assignment: RequirementAssignment,
        definition: RequirementDef,
        target: Instance,
        strict: bool = True,
    ) -> str | None:
        """The name of the target's capability that meets the requirement. A capability meant for other types of sources is
        not found by search, and taken, if need be, where the template names its node: the reader has warned of that."""
        wanted, required = assignment.capability or "", definition.capability or ""
        source, offered = instance.template.type, target.template.type
        key = (instance.stack.service.path, source.name, offered.name, wanted, required, strict)
        if key not in self._capabilities:
            service = instance.stack.service
            found = self._find_capability(service, source.ancestry, target, wanted, required)
            if found is None and not strict:
                found = self._find_capability(service, None, target, wanted, required)
            self._capabilities[key] = found
        return self._capabilities[key]

    def _find_capability(
        self, service: ServiceTemplate, source: tuple[str, ...] | None, target: Instance, wanted: str, required: str
    ) -> str | None:
        """By name, else by type: the exact type first, then the nearest derived one. `source` is the ancestry of the type
        that asks, None for any."""
        ranked: list[tuple[int, str]] = []
        for name, item in target.template.type.capabilities.items():
            names = ancestry(service, "capability", item.type)
            sources = item.valid_source_types if source is not None else ()
            if sources and not any(each in (source or ()) for each in sources):
                continue
            if wanted and name != wanted and wanted not in names:
                continue
            if required and required not in names and name != required and not (wanted and name == wanted):
                continue
            kind = required or wanted
            ranked.append((names.index(kind) if kind in names else 0, name))
        return min(ranked)[1] if ranked and (wanted or required) else None

    def _filters(self, assignment: RequirementAssignment, definition: RequirementDef) -> list[Any]:
        same = assignment.node_filter is definition.node_filter or assignment.node_filter == definition.node_filter
        found = [assignment.node_filter] if same else [assignment.node_filter, definition.node_filter]
        return [item for item in found if item]


def _numbered(links: list[Link]) -> Iterator[tuple[int, Link]]:
    """Each link with the number of its assignment among those of its name. What a type asks for and the template does not
    mention counts as one assignment each time (2.0 section 8.5.4)."""
    numbers: dict[str, int] = {}
    last: dict[str, RequirementAssignment] = {}
    for link in links:
        name = link.assignment.name
        if last.get(name) is not link.assignment or not link.assignment.assigned:
            numbers[name] = numbers.get(name, -1) + 1
        last[name] = link.assignment
        yield numbers[name], link


def is_hosted(service: ServiceTemplate, relationship: str) -> bool:
    """True where the relationship derives from HostedOn."""
    names = ancestry(service, "relationship", relationship)
    return any(name.replace(":", ".").rpartition(".")[2] == "HostedOn" for name in names)


__all__ = ["DEPENDS_ON", "Matcher", "is_hosted"]
