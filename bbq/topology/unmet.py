"""What is said of requirements that are not met.

TOSCA 1.3 section 3.8.2, 2.0 section 8.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from bbq.topology import codes
from bbq.topology.filters import unmet
from bbq.topology.instances import Instance, Link
from bbq.tosca.model import RequirementAssignment, RequirementDef

if TYPE_CHECKING:
    from bbq.topology.evaluate import Evaluator

SHOWN: Final = 5
"""How many nodes a finding names."""


class Unmet:
    """Findings about requirements. `elsewhere`: targets may be nodes of other services."""

    def __init__(self, evaluator: Evaluator, elsewhere: bool) -> None:
        self._evaluator = evaluator
        self._elsewhere = elsewhere
        self._reported: set[tuple[int, str, int]] = set()

    def report(
        self,
        instance: Instance,
        assignment: RequirementAssignment,
        code: str,
        text: str,
        hint: str | None,
        *,
        warn: bool = False,
    ) -> None:
        """Once for all nodes of a template."""
        if (key := (id(instance.stack), instance.template.name, id(assignment))) in self._reported:
            return
        self._reported.add(key)
        report = self._evaluator.bag.warning if warn else self._evaluator.bag.error
        report(code, text, assignment.at if assignment.assigned else instance.template.at, hint)

    def may_be_elsewhere(self, assignment: RequirementAssignment) -> bool:
        """Whether the target may be a node of another service, of which the template alone tells nothing."""
        return self._elsewhere and assignment.directives != ("internal",)

    def missing(
        self,
        instance: Instance,
        assignment: RequirementAssignment,
        definition: RequirementDef,
        found: list[tuple[Instance, str | None]],
        rejected: list[Link],
        *,
        warn: bool,
    ) -> None:
        """`rejected` are those that only a filter keeps from being targets."""
        wanted = [
            text
            for text in (assignment.node_type or definition.node, assignment.capability or definition.capability)
            if text is not None
        ]
        need = " with ".join(wanted) or "a node"
        if assignment.allocation:
            need += f" with enough left of {', '.join(assignment.allocation)}"
        what = f"requirement {assignment.name!r} of {instance.address!r}"
        hint = f"add a node that offers {need}, or name one: requirements: [{assignment.name}: <node>]"
        if rejected:
            filters = filters_of(assignment, definition)
            hint = "; ".join(f"{link.target.address}: {unmet(self._evaluator, filters, link)}" for link in rejected[:SHOWN])
        if self.may_be_elsewhere(assignment):
            hint += "; it cannot be deployed as it is"
        if found:
            text = f"{what} needs {assignment.count[0]} nodes, there are: {shown(candidate for candidate, _ in found)}"
            text += f", and {shown(link.target for link in rejected)} but for the node_filter" if rejected else ""
        elif rejected:
            text = f"{what} is not met: {shown(link.target for link in rejected)} would do, but for the node_filter"
        else:
            text = f"{what} is not met: no node template offers {need}"
        self.report(instance, assignment, codes.MISSING_TARGET, text, hint, warn=warn)


def is_implied(instance: Instance, assignment: RequirementAssignment) -> bool:
    """Whether only one of TOSCA's own types asks for a host: many templates leave that to the orchestrator."""
    if assignment.assigned or assignment.name != "host":
        return False
    types = instance.stack.service.types
    for name in reversed(instance.template.type.ancestry):
        type_ = types.get(("node", name))
        if type_ is not None and assignment.name in type_.requirements:
            return name.rpartition(":")[2].startswith("tosca.nodes.")
    return False


def filters_of(assignment: RequirementAssignment, definition: RequirementDef) -> list[Any]:
    """What a target has to pass."""
    same = assignment.node_filter is definition.node_filter or assignment.node_filter == definition.node_filter
    found = [assignment.node_filter] if same else [assignment.node_filter, definition.node_filter]
    return [item for item in found if item]


def shown(instances: Iterable[Instance]) -> str:
    """The first of their names."""
    names = [each.address for each in islice(instances, SHOWN + 1)]
    return ", ".join([*names[:SHOWN], *("..." for _ in names[SHOWN:])])
