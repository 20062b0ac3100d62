"""Requirements are matched with capabilities: named targets are checked, dangling ones are searched for.

TOSCA 1.3 section 3.8.2, 2.0 section 8.5. Candidates come from an index by type, so that a template of ten thousand nodes
is matched in one pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from bbq.diagnostics import SourceRange
from bbq.topology import codes
from bbq.topology.allocation import Allocations
from bbq.topology.candidates import Candidates
from bbq.topology.filters import passes, unmet
from bbq.topology.instances import MAX_EDGES, Broken, Instance, Link, Pending, Stack, Where, members
from bbq.topology.mapped import carried, numbered, selected
from bbq.topology.offers import Offers, is_hosted
from bbq.topology.phrases import suggestion
from bbq.topology.unmet import SHOWN, Unmet, filters_of, is_implied, shown
from bbq.tosca.model import RequirementAssignment, RequirementDef

if TYPE_CHECKING:
    from bbq.topology.evaluate import Evaluator

DEPENDS_ON: Final = "tosca.relationships.DependsOn"


class Matcher:
    """Finds what meets each instance's requirements; answers are remembered."""

    def __init__(self, evaluator: Evaluator, elsewhere: bool = False) -> None:
        self._evaluator = evaluator
        self._unmet = Unmet(evaluator, elsewhere)
        self._edges = 0
        self._candidates = Candidates()
        self.allocations = Allocations(evaluator)
        self._incoming: dict[int, dict[str, list[Link]]] = {}
        self._offers = Offers()
        self._met: dict[str, dict[int, list[Link]]] = {}

    def links(self, instance: Instance) -> list[Link]:
        """The requirements of an instance that were met, by assignment order; problems are reported once."""
        if isinstance(instance.links, list):
            return instance.links
        if instance.links is Pending:
            text = f"the requirements of {instance.address!r} depend on themselves, through a node_filter or a value"
            raise self._evaluator.fail(codes.CIRCULAR_VALUE, text, instance.template.at)
        if instance.template.name in instance.stack.service.flaws.requirements:
            raise Broken
        instance.links = Pending
        mapped = carried(instance)
        found = [link for name, outer in mapped.items() for link in self._carried(instance, name, outer)]
        assignments = [item for item in self._assignments(instance) if item.name not in mapped or item.node is not None]
        met = self._certain(instance, assignments)
        if any(item.optional and item.allocation for item in assignments):
            self._leave_the_rest(instance.stack)
        self._meet(instance, (item for item in assignments if item.optional), met)
        found.extend(link for assignment in assignments for link in met.get(id(assignment), ()))
        numbers: dict[str, int] = {}
        for link in found:
            link.index = numbers.get(link.assignment.name, 0)
            numbers[link.assignment.name] = link.index + 1
        instance.links = found
        return found

    def _certain(self, instance: Instance, assignments: list[RequirementAssignment]) -> dict[int, list[Link]]:
        """The links of what must be met, by assignment."""
        if instance.address not in self._met:
            self._met[instance.address] = {}
            self._meet(instance, (item for item in assignments if not item.optional), self._met[instance.address])
        return self._met[instance.address]

    def _leave_the_rest(self, stack: Stack) -> None:
        """What must be met takes its shares, of all nodes, before anything optional does (2.0 section 8.5.1)."""
        for each in members(stack):
            if each.links is None:
                each.links = Pending
                mapped = carried(each)
                self._certain(each, [item for item in each.template.requirements if item.name not in mapped or item.node])
                each.links = None

    def _meet(self, instance: Instance, assignments: Iterable[RequirementAssignment], met: dict[int, list[Link]]) -> None:
        for assignment in assignments:
            number = sum(len(links) for links in met.values() for link in links[:1] if link.assignment.name == assignment.name)
            try:
                met[id(assignment)] = self._match(instance, assignment, number)
            except Broken:
                instance.unknown.add(assignment.name)

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

    def _match(self, instance: Instance, assignment: RequirementAssignment, number: int) -> list[Link]:
        """The links of one assignment; `number` of the requirement's links there are already."""
        if assignment.count[1] == 0:
            return []
        if assignment.directives == ("external",):
            return self._external(instance, assignment)
        if assignment.node is not None:
            return self._named(instance, assignment, number)
        if not assignment.assigned and (assignment.optional or assignment.count[0] == 0):
            return []
        return self._search(instance, assignment)

    def _external(self, instance: Instance, assignment: RequirementAssignment) -> list[Link]:
        """A target outside of the template (2.0 section 8.5.2); there is no inventory of them to look in."""
        if not assignment.optional:
            text = f"requirement {assignment.name!r} of {instance.address!r} wants a node of another deployment"
            hint = "nodes that exist already cannot be selected yet: take the directive away, or make it optional"
            warn = self._unmet.may_be_elsewhere(assignment)
            self._unmet.report(instance, assignment, codes.UNSUPPORTED_DIRECTIVE, text, hint, warn=warn)
            raise Broken
        return []

    def _wanted(self, instance: Instance, assignment: RequirementAssignment) -> int | None:
        """How many relationships the assignment makes: as many as it says, else one where it picks its targets; None: one with
        each node of its target."""
        value = assignment.wanted
        if value is None:
            return 1 if assignment.allocation or assignment.index is not None else None
        count = self._evaluator.evaluate(value, Where(instance.stack, instance))
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            text = f"the count of {assignment.name!r} of {instance.address!r} must be a whole number that is known before"
            raise self._evaluator.fail(codes.BAD_COUNT, f"{text} anything is made", assignment.at)
        return count

    def selected(self, stack: Stack) -> dict[str, list[Instance]]:
        """Selected node templates of a substitution that a requirement of the composite is mapped to -> its targets."""
        owner = stack.owner
        try:
            return selected(stack.service, self.links(owner)) if owner is not None else {}
        except Broken:
            return {}

    def _carried(self, instance: Instance, name: str, outer: dict[str, list[range]]) -> list[Link]:
        """The composite's links, as the member's own requirement `name`."""
        assignments = (item for item in instance.template.requirements if item.name == name and item.node is None)
        assignment = next(assignments, None) or RequirementAssignment(name, instance.template.at)
        relationship = assignment.relationship or self._definition(instance, assignment).relationship
        owner = instance.stack.owner
        return [
            Link(assignment, instance, link.target, link.capability, relationship or link.relationship, base=link)
            for number, link in (numbered(self.links(owner)) if owner is not None else ())
            if any(number in each for each in outer.get(link.assignment.name, ()))
        ]

    # Named targets

    def _named(self, instance: Instance, assignment: RequirementAssignment, number: int) -> list[Link]:
        groups = instance.stack.groups
        name = assignment.node or ""
        if name in instance.stack.service.flaws.missing:
            raise Broken
        if name not in groups:
            hint = suggestion(name, groups)
            text = f"requirement {assignment.name!r} of {instance.address!r}: there is no node template {name!r}"
            raise self._evaluator.fail(codes.UNKNOWN_NODE, text, assignment.at, hint)
        if not groups[name] and instance.stack.uncertain:
            raise Broken
        definition = self._definition(instance, assignment)
        wanted = self._wanted(instance, assignment)
        group = groups[name] if assignment.index is None else self._indexed(instance, assignment, wanted or 1, number)
        self.reserve(len(group) if wanted is None else min(wanted, len(group)), assignment.at)
        found: list[Link] = []
        for target in group:
            if wanted is not None and len(found) == wanted:
                break
            capability = self._offers.find(instance, assignment, definition, target, strict=False)
            if instance.stack.service.version.startswith("tosca_2"):
                self._check_pair(instance, assignment, definition, target, capability)
            link = self._link(instance, assignment, definition, target, capability)
            if not self._passes(link, definition):
                if wanted is not None and len(group) > 1:
                    continue
                text = f"{target.address!r} does not meet the node_filter of {assignment.name!r} of {instance.address!r}"
                hint = unmet(self._evaluator, filters_of(assignment, definition), link)
                raise self._evaluator.fail(codes.NODE_FILTER, text, assignment.at, hint)
            if self.allocations.take(link):
                found.append(link)
        if wanted is not None and len(found) < wanted and not assignment.optional:
            text = (
                f"requirement {assignment.name!r} of {instance.address!r} needs {wanted} of {name!r}; {len(found)} can be had"
            )
            hint = "each has a share left for so many" if assignment.allocation else None
            self._unmet.report(instance, assignment, codes.MISSING_TARGET, text, hint)
            raise Broken
        return found

    def _indexed(self, instance: Instance, assignment: RequirementAssignment, wanted: int, number: int) -> list[Instance]:
        """The instances that `[ node template, index ]` means; the index may depend on the relationship's number."""
        group = instance.stack.groups[assignment.node or ""]
        found = []
        for each in range(wanted):
            where = Where(instance.stack, instance, relationship=number + each)
            index = self._evaluator.evaluate(assignment.index, where)
            if isinstance(index, bool) or not isinstance(index, int):
                text = f"the index of {assignment.name!r} of {instance.address!r} must be a whole number that is known before"
                raise self._evaluator.fail(codes.BAD_COUNT, f"{text} anything is made", assignment.at)
            if 0 <= index < len(group):
                found.append(group[index])
        return found

    def _passes(self, link: Link, definition: RequirementDef) -> bool:
        return all(passes(self._evaluator, item, link) for item in filters_of(link.assignment, definition))

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
        if instance.stack.uncertain:
            raise Broken
        definition = self._definition(instance, assignment)
        lower, upper = (0 if assignment.optional else max(1, assignment.count[0])), assignment.count[1]
        if assignment.wanted is not None or assignment.allocation:
            upper = self._wanted(instance, assignment)
            lower = 0 if assignment.optional else upper or 0
        filters = filters_of(assignment, definition)
        found: list[tuple[Instance, str | None]] = []
        rejected: list[Link] = []
        for candidate in self._candidates.of(instance, assignment, definition):
            capability = self._offers.find(instance, assignment, definition, candidate)
            if capability is None and (assignment.capability or definition.capability) is not None:
                continue
            link = self._link(instance, assignment, definition, candidate, capability)
            if not all(passes(self._evaluator, item, link) for item in filters):
                rejected.append(link)
            elif self.allocations.fits(link):
                found.append((candidate, capability))
                if upper is not None and len(found) > upper + SHOWN:
                    break
        if len(found) < lower:
            implied = is_implied(instance, assignment)
            warn = implied or self._unmet.may_be_elsewhere(assignment)
            self._unmet.missing(instance, assignment, definition, found, rejected, warn=warn)
            return self._left_open(implied)
        if upper is not None and len(found) > upper:
            alike = not filters and len({candidate.template.name for candidate, _ in found}) == 1
            if alike and not assignment.allocation:
                group = [each for each in instance.stack.groups[found[0][0].template.name] if each is not instance]
                first = (instance.index or 0) * upper
                found = [(group[(first + number) % len(group)], found[0][1]) for number in range(upper)]
            elif assignment.allocation or assignment.wanted is not None:  # it says how many: the first of them are as good
                found = found[:upper]
            else:
                names = shown(candidate for candidate, _ in found)
                text = f"requirement {assignment.name!r} of {instance.address!r} can be met by several nodes: {names}"
                hint = "name one of them: node: <name>"
                implied = is_implied(instance, assignment)
                self._unmet.report(instance, assignment, codes.AMBIGUOUS_TARGET, text, hint, warn=implied)
                return self._left_open(implied)
        links = [self._link(instance, assignment, definition, *candidate) for candidate in found]
        return [link for link in links if self.allocations.take(link)]

    def _left_open(self, implied: bool) -> list[Link]:
        """No links where nobody but a normative type asks for any; else `Broken`: what they would lead to is not known."""
        if not implied:
            raise Broken
        return []

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


__all__ = ["DEPENDS_ON", "Matcher"]
