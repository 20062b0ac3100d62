"""What loses all that is on it in a plan: things that are made anew, under whatever name, and what is hosted on those.

A broken thing may be one that others make (a server of a stack): they are updated to bring it back. What is hosted on a thing
that is made anew is gone, although it has a record of its own; it is made again in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from bbq.diagnostics import listed
from bbq.plan.model import Action, Step
from bbq.topology.model import Edge, Node

if TYPE_CHECKING:
    from bbq.engine.contract import Resource, State
    from bbq.journal.model import Record


class Renewal:
    """Of one plan; `step` is told of each step, dependencies first."""

    def __init__(self, records: Mapping[str, Record], resource_of: Callable[[Node], Resource | None]) -> None:
        self._records = records
        self._resource_of = resource_of
        self._broken: dict[str, str] = {}
        self._mends: dict[str, list[str]] = {}
        self.anew: set[str] = set()
        """Nodes whose things are other ones after the plan, or as empty as other ones."""

    def observe(self, nodes: Iterable[Node], observed: Mapping[str, State | None]) -> None:
        """Which of these are broken so that others have to bring them back."""
        for node in nodes:
            if node.name in self._records and node.name in observed:
                state, resource = observed[node.name], self._resource_of(node)
                if resource is not None and (state is None or state.failed):
                    for maker in resource.mended_by(node):
                        self._mends.setdefault(maker, []).append(node.name)
                        self._broken[node.name] = "it is gone" if state is None else state.detail or state.name

    def mending(self, node: Node) -> str:
        """Why it has to be updated for the sake of what it makes, a phrase; "" where it has not."""
        broken = self._mends.get(node.name, ())
        return f"to make anew: {listed([f'{name} ({self._broken[name]})' for name in broken], 3)}" if broken else ""

    def host(self, node: Node) -> str:
        """The node that it is on and that is made anew, "" where that is none."""
        return next((edge.target for edge in node.edges if edge.hosted and edge.target in self.anew), "")

    def step(self, node: Node, step: Step) -> None:
        resource = self._resource_of(node)
        if node.name not in self._records or resource is None:
            return
        changed = {change.path.partition(".")[0] for change in step.changes}
        if (
            step.action in (Action.CREATE, Action.REPLACE)
            or node.name in self._broken
            or not changed.isdisjoint(resource.renewing)
            or any(edge.hosted and edge.target in self.anew and follows(resource, edge) for edge in node.edges)
        ):
            self.anew.add(node.name)


def follows(resource: Resource, edge: Edge) -> bool:
    """Does an update take over what the target tells of itself?"""
    return edge.requirement in resource.updatable or edge.requirement in resource.follows
