"""Requirement mappings: which relationships of a composite its members carry on (TOSCA 2.0 section 15.5)."""

from __future__ import annotations

from collections.abc import Iterator

from bbq.topology.instances import MAX_EDGES, Instance, Link
from bbq.tosca.model import RequirementAssignment, RequirementMapping, ServiceTemplate


def shares(service: ServiceTemplate) -> Iterator[tuple[RequirementMapping, range]]:
    """Each mapping with the assignments of its requirement that it takes, counted from 0."""
    taken: dict[str, int] = {}
    for mapping in service.substitution.requirements if service.substitution is not None else ():
        start = taken.get(mapping.name, 0)
        stop = MAX_EDGES if mapping.count is None else start + mapping.count
        taken[mapping.name] = stop
        yield mapping, range(start, stop)


def carried(instance: Instance) -> dict[str, dict[str, list[range]]]:
    """Requirements of a member that the mappings expose: name -> the composite's name for it -> which of its assignments. In
    a template that is deployed for itself nothing meets them."""
    found: dict[str, dict[str, list[range]]] = {}
    for mapping, share in shares(instance.stack.service):
        for template, requirement in mapping.targets:
            if template == instance.template.name and requirement:
                found.setdefault(requirement, {}).setdefault(mapping.name, []).append(share)
    return found


def selected(service: ServiceTemplate, links: list[Link]) -> dict[str, list[Instance]]:
    """Selected node templates that are mapped to -> the targets of the composite's `links` that each stands for."""
    found: dict[str, list[Instance]] = {}
    for mapping, share in shares(service):
        for template, requirement in mapping.targets:
            if requirement:
                continue
            group = found.setdefault(template, [])
            for number, link in numbered([link for link in links if link.assignment.name == mapping.name]):
                if number in share and link.target not in group:
                    group.append(link.target)
    return found


def numbered(links: list[Link]) -> Iterator[tuple[int, Link]]:
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
