"""What a deployment's nodes and outputs look like to its user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bbq.api.deployment import Deployment
    from bbq.handles.database import Database
    from bbq.handles.objects import ObjectStore
    from bbq.handles.queue import Queue
    from bbq.journal.model import Record


class Outputs(Mapping[str, Any]):
    """Output values by name. A secret is its plain value when asked for by name, and masked in `repr`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        from bbq.topology.values import revealed

        return revealed(self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def masked(self) -> dict[str, Any]:
        """A copy fit for eyes."""
        from bbq.topology.values import masked

        return {name: masked(value) for name, value in self._values.items()}

    def __repr__(self) -> str:
        return repr(self.masked)


class NodeView:
    """One node of a deployment as it was when it was looked up.

    `attributes` is an `Outputs`: secrets are masked in `repr` and plain by name. `state` is one of intended, created, ready,
    failed, deleting.
    """

    def __init__(self, deployment: Deployment, record: Record) -> None:
        self._deployment = deployment
        self._record = record

    @property
    def name(self) -> str:
        return self._record.node

    @property
    def type(self) -> str:
        return self._record.type

    @property
    def state(self) -> str:
        return self._record.status

    @property
    def attributes(self) -> Outputs:
        return Outputs(self._deployment._decoded(self._record.attributes))

    @property
    def members(self) -> tuple[str, ...]:
        """The nodes that this one stands for; empty where it is one thing."""
        return self._record.members

    @property
    def queue(self) -> Queue:
        """A client for a MessageQueue node's (first) queue; `queue_named` takes a name."""
        return self.queue_named(None)

    def queue_named(self, name: str | None) -> Queue:
        from bbq.handles import queue_of

        self._refuse_simulated()
        return queue_of(self.attributes, name)

    @property
    def database(self) -> Database:
        """A client for a Database node."""
        from bbq.handles import database_of

        self._refuse_simulated()
        return database_of(self.attributes)

    def _refuse_simulated(self) -> None:
        """A simulated server's address is made up: somebody else may be there."""
        from bbq.errors import UsageError
        from bbq.operations.workspace import VIRTUAL

        if self._deployment.provider in VIRTUAL:
            raise UsageError(f"{self.name} is simulated: nothing answers there", hint="deploy it with --provider local")

    @property
    def store(self) -> ObjectStore:
        """A client for an ObjectStore node."""
        from bbq.handles import store_of

        return store_of(self.attributes)

    def logs(self, tail: int | None = 100) -> str:
        """The last `tail` lines (None: all) of each log of the node, or of its members."""
        from bbq.operations.logs import read

        return "".join(f"{line}\n" for _, line in read(self._deployment._workspace, self._deployment.row, self.name, tail))

    def __repr__(self) -> str:
        return f"<bbq node {self.name} ({self.type}): {self.state}>"
