"""A network, port, volume, container or load balancer of the template: a stack makes it, with everything else in one call.

Its attributes are what the stack's output of its name says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from bbq.engine.contract import DeploymentContext, Handle, State, Tag, Wanted
from bbq.providers.openstack.arrange import MADE_BY
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.session import Cloud
from bbq.topology.model import Node
from bbq.topology.values import references


class Anything(frozenset[str]):
    """The set of all names: whatever changes in a node that a stack makes, the stack has changed before."""

    def __contains__(self, item: object) -> bool:
        return True

    def __ge__(self, other: object) -> bool:
        return True

    def __or__(self, other: object) -> Anything:
        return self

    def __bool__(self) -> bool:
        return True


class StackPart(CloudResource):
    """What all nodes that a stack makes have in common: no call makes, changes or deletes them."""

    service: ClassVar = "orchestration"
    updatable: ClassVar = Anything()
    repairable: ClassVar = True
    timeouts: ClassVar = {"create": 60.0, "ready": 600.0, "delete": 60.0}

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self._released: set[str] = set()
        """Names of nodes that were deleted."""

    def find(self, tag: Tag) -> Handle | None:
        return None  # to make it again costs nothing

    def mended_by(self, node: Node) -> list[str]:
        return sorted(references(node.properties.get(MADE_BY)))

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        return self.create(wanted)

    def delete(self, handle: Handle, tag: Tag) -> None:
        """The stack takes it away, after this. Asked for once more, it was left behind, and goes."""
        if tag.node in self._released:
            self._take_away(tag)
        else:
            self._released.add(tag.node)

    def _take_away(self, tag: Tag) -> None:
        """What of the node is there although its stack is gone, by its tag."""
        return


class Part(StackPart):
    type: ClassVar = "tosca.nodes.Root"
    poll_group: ClassVar = "part"

    def create(self, wanted: Wanted) -> Handle:
        self._released.discard(wanted.node.name)
        found: Any = wanted.properties[MADE_BY]
        known = {key: value for key, value in found.items() if value is not None} if isinstance(found, Mapping) else {}
        return Handle(wanted.node.name, known)

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        """It is as its stack is, which is asked for by itself."""
        return {one: State("made", ready=True) for one in ids if one not in self._released}

    def tagged(self, deployment_id: str | None) -> Iterable[tuple[Tag, Handle]]:
        return ()
