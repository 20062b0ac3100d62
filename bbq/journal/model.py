"""What the journal keeps, and the promises that every backend makes.

The journal is append-only: one row an event, folded into the state of a deployment. It never holds a secret's value: a
`Secret` is stored as `{"$secret": name, "digest": salted}` and its value in the `SecretStore` beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

SCHEMA_VERSION = 2
EVENT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; the unit of the journal, of `events --follow` and of `on_event` callbacks.

    kind      deployment.created | deployment.changed | run.started | run.finished | step.intent | step.outcome |
              step.stage | step.waiting (told to listeners, never journalled) | secret.created | record.removed
    at        seconds since the epoch, by the engine's clock
    data      JSON-able, secrets already replaced by references (`step.intent`: action, attempt, wanted, edges;
              `step.outcome`: result ok|failed|unknown, id, attributes, error, cause; `step.waiting`: awaited, elapsed, eta)
    seq       the journal's number, 0 before it is written
    """

    kind: str
    at: float
    node: str | None = None
    action: str | None = None
    stage: str | None = None
    attempt: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    seq: int = 0


@dataclass(slots=True)
class Record:
    """What the journal knows of one node: the fold of its events.

    status      absent | intended (an intent without an outcome: it may or may not exist) | created (made, not ready yet) |
                ready | failed (it exists or may exist; `error` says what is wrong) | deleting (intent to delete)
    handle      the provider's id of the thing, None before it is known
    wanted      the snapshot of properties and capabilities that it was made with, secrets as references with digests
    pending     the snapshot that an update under way will leave; None when none is
    depends_on  the nodes it was made after, so that a delete needs no template
    members     of a composite node
    """

    node: str
    type: str
    status: str = "absent"
    handle: str | None = None
    attempt: int = 0
    action: str | None = None
    wanted: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    parent: str | None = None
    stage: str | None = None
    error: str | None = None
    started_at: float | None = None
    ready_at: float | None = None
    ancestry: tuple[str, ...] = ()
    pending: dict[str, Any] | None = None


@dataclass(slots=True)
class DeploymentRow:
    """A deployment. `status`: new | changing | active | failed | interrupted | destroying | destroyed. `inputs` and
    `overrides` (node -> scale count) are what the user gave; a secret input is a reference. `salt` salts digests."""

    id: str
    name: str
    provider: str
    template: str
    created_at: float
    status: str = "new"
    expires_at: float | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    salt: str = ""
    error: str | None = None
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to change a deployment. `fence` grows with every take-over; a write with an old fence is refused."""

    deployment_id: str
    owner: str
    fence: int


class Journal(Protocol):
    """A backend. All methods are safe between processes; a method that returns has made its change durable."""

    def create(self, row: DeploymentRow) -> None:
        """Add a deployment; `UsageError` where a live one has its name."""

    def get(self, name: str) -> DeploymentRow | None:
        """The live deployment of that name (status is not `destroyed`), or None."""

    def deployments(self, *, include_destroyed: bool = False) -> list[DeploymentRow]:
        """All, newest first."""

    def acquire(self, deployment_id: str) -> Lease:
        """Take the lease; `LockedError` (naming the owner's host, pid, since when) while its owner lives. An owner on this
        host whose process is gone, or whose heartbeat is older than the lease's time, is dead: its lease is taken over."""

    def heartbeat(self, lease: Lease) -> None:
        """`LockedError` where the lease was taken over."""

    def release(self, lease: Lease) -> None: ...

    def break_lease(self, deployment_id: str, *, force: bool = False) -> str | None:
        """`unlock`: the user says that the owner is dead. Whose lease it was, None where nobody had one. `LockedError` where
        the owner is a process of this machine that runs, unless `force`."""

    def append(self, lease: Lease, events: Sequence[Event]) -> None:
        """All events in one durable transaction, or none; `LockedError` where the fence is old."""

    def update(self, lease: Lease, **changes: Any) -> None:
        """Change fields of the `DeploymentRow` (status, expires_at, inputs, overrides, outputs, error, options, template)."""

    def records(self, deployment_id: str) -> dict[str, Record]:
        """The fold of all events; nodes that were deleted are absent."""

    def events(self, deployment_id: str, *, after: int = 0) -> Iterator[Event]:
        """In order, from the first with `seq > after`."""

    def durations(self, types: Iterable[str], *, provider: str | None = None) -> Mapping[str, float]:
        """Median seconds from the intent to create to ready of earlier runs, by node type, for the ETA; with that provider
        only, where one is given. A type that was never ready is absent."""

    def close(self) -> None: ...


class SecretStore(Protocol):
    """Keeps secret values of one deployment, outside the journal (a 0600 file beside it)."""

    def get(self, name: str) -> str | None: ...

    def put(self, name: str, value: str) -> None:
        """Durable when it returns."""

    def put_all(self, values: Mapping[str, str]) -> None:
        """Several in one durable step."""

    def forget(self) -> None:
        """Remove all; at the end of `destroy`."""
