"""What every resource type of the provider adds to the engine's contract."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from bbq.engine.contract import Changed, DeploymentContext, Handle, Resource, State, Tag
from bbq.providers.openstack.session import Cloud
from bbq.topology.model import Node

if TYPE_CHECKING:
    from bbq.providers.openstack.stack_needs import Needs


class CloudResource(Resource):
    """A resource type of one of the cloud's services; a file of its own.

    service     the service's type (see `session.SERVICES`); where the cloud lacks it, nothing of the type is made or listed
    instead     what else would do where the cloud lacks the service
    poll_group  is the type's own: `states` is the one list call of a tick for all things of the type
    """

    service: ClassVar[str]
    instead: ClassVar[str] = ""

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        self.cloud = cloud
        self.context = context

    @abstractmethod
    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        """The state of each thing, with one list call; a thing that is gone is absent."""

    @abstractmethod
    def tagged(self, deployment_id: str | None) -> Iterable[tuple[Tag, Handle]]:
        """Everything of this type that exists with the deployment's tag, by a fresh listing; with None, that of any deployment
        in the project."""

    def preflight(self, nodes: Sequence[Node], needs: Needs) -> list[str]:
        """Problems with what is to be made, all of them, with few calls. What the nodes take of the quotas of other services is
        added to `needs`; a `NoRoom` among the problems is about quota of the resource's own."""
        self.add_needs(nodes, needs)
        return []

    def preflight_changes(self, changed: Sequence[Changed]) -> list[str]:
        """The same of what exists and is to be changed, but for `needs`: there the difference counts."""
        return []

    def add_needs(self, nodes: Sequence[Node], needs: Needs) -> None:
        """Add what the nodes take of the quotas of other services, as far as it can be known."""
        return
