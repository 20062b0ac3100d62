"""What a provider implements and what the engine promises to it.

A resource never sleeps, loops, retries or prints: it makes one call and says what it saw. The engine decides when to call
again, writes the intent to the journal before `create`, `update` and `delete`, and the outcome after. A call may run in a
worker thread, up to `--parallel` at once; one node has at most one call in flight.

Crash rule: the process may die before, during or after any call. So `create` leaves the tag on the thing in the same call
that makes it, `find` sees what `create` left half-done, and `delete` of what is gone is success.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bbq.errors import BbqError, ResourceFailed
from bbq.topology.model import Node, Operation, Relationship, Topology

if TYPE_CHECKING:
    from bbq.plan.model import Cost, Price


class ProviderFault(Exception):
    """A call went wrong in a way that the engine knows how to treat. The text has no secrets."""


class TransientFault(ProviderFault):
    """Nothing happened; the same call may go through later (429, 503, connection refused). `retry_after` in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AmbiguousFault(ProviderFault):
    """The call may or may not have taken effect (5xx after the commit, lost response): the engine asks `find` first."""


class PermanentFault(ProviderFault):
    """Trying again is of no use. `hint` tells the user what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class QuotaFault(PermanentFault):
    """No room: exit code 6."""


class ConfigurationFault(PermanentFault):
    """Something is missing or refused on this side (no Java, wrong password): exit code 5."""


class UnreachableFault(TransientFault):
    """The provider does not answer; after the retries, exit code 11."""


class NoRoom(str):
    """A problem that `Provider.preflight` found with quota or capacity, not with the configuration."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tag:
    """Goes onto everything created, in the mechanism that the thing has. What belongs to a deployment as a whole has no node
    (an empty one)."""

    deployment: str
    deployment_id: str
    node: str
    attempt: int
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The other end of a requirement, ready by now. `attributes` and `properties` may hold `Secret`s."""

    requirement: str
    node: str
    type: str
    ancestry: tuple[str, ...]
    handle: str | None
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any]
    relationship_properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A node with all its expressions answered. Secrets stay `Secret` until the resource reveals them."""

    node: Node
    properties: Mapping[str, Any]
    capabilities: Mapping[str, Mapping[str, Any]]
    targets: Sequence[Target]
    tag: Tag
    template_dir: str
    """Where the user's template stands: relative paths in properties are relative to it."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What the template itself says of the node's attributes; an expression is left where it needs the node itself."""
    operations: Mapping[str, Operation] = field(default_factory=dict)
    """The node's, inputs answered but for expressions that need the node itself. So in `relationships`."""
    relationships: Sequence[Relationship] = ()
    hosts: Mapping[str, Target] = field(default_factory=dict)
    """Node -> the node at the bottom of what it is hosted on, for this node and both ends of its relationships."""
    repair: bool = False
    """Of an update: what is broken in the thing is to be made anew, whatever else is changed."""

    def target(self, requirement: str) -> Target | None:
        return next((t for t in self.targets if t.requirement == requirement), None)


@dataclass(frozen=True, slots=True)
class Handle:
    """A thing that exists: the provider's id of it and the attributes known so far."""

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """What the provider says of a thing now.

    name        the provider's own word (ACTIVE, BUILD, running, exited)
    ready       the provider's side of readiness; probes come on top
    failed      a terminal state that will not get better
    detail      what exactly is awaited, or what went wrong, for the screen
    stage       created | booted | configured, where the provider can tell
    attributes  attributes that became known since `create`
    progress    what was done since the thing was made or changed, oldest first; told and journalled once each
    error       the class of the error that a failed state ends in
    stuck       it was asked to go and cannot: `delete`, asked again, says why
    """

    name: str
    ready: bool = False
    failed: bool = False
    detail: str = ""
    stage: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    progress: Sequence[str] = ()
    error: type[BbqError] = ResourceFailed
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """The answer of a readiness probe."""

    ok: bool
    detail: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Something inside a thing that can be addressed: `workers.0.server`. `id` is for the resource itself."""

    address: str
    type: str
    id: str


Ending = Literal["stop", "rollback", "abandon"]
"""Of what is under way: it stays as it is now; the change is taken back; the thing is forgotten, what it has made stays."""


class Resource(ABC):
    """One resource type; a file of its own reads like a datasheet.

    type            the TOSCA node type that this makes, nodes of derived types included
    updatable       property names (top level) that `update` can change in place; any other change replaces the thing. Also
                    names of requirements: `update` takes another target over, and what a target that was made anew or changed
                    tells of itself (its id, its attributes); without, the thing keeps what it was told when it was made
    follows         names of other requirements of which `update` takes over what the target tells of itself; another target
                    replaces the thing
    renewing        property names whose change in place leaves nothing of what is hosted on the thing
    ignored         property names that mean nothing to the thing itself (a timeout): a change is recorded, no call is made
    repairable      a thing that stopped or failed is brought back by `update` (then with nothing changed), with all that it
                    holds; so a failure never replaces it. Without, a failed thing is taken away and made anew
    takes_away      its `update` may take away what depends on it, so it comes after the deletes of nodes that did
    probe_looks     its `probe` changes nothing and needs no secret: `status`, `drift` and plans ask it, too, whether a thing
                    that runs still works; with the properties and attributes of the journal
    poll_group      things of one group are asked for with one `Provider.list_states` call per tick
    timeouts        default seconds by stage (`create`: one call, `ready`: from created to ready, `delete`: until gone)
    """

    type: ClassVar[str]
    updatable: ClassVar[frozenset[str]] = frozenset()
    follows: ClassVar[frozenset[str]] = frozenset()
    renewing: ClassVar[frozenset[str]] = frozenset()
    ignored: ClassVar[frozenset[str]] = frozenset()
    repairable: ClassVar[bool] = False
    takes_away: ClassVar[bool] = False
    probe_looks: ClassVar[bool] = False
    poll_group: ClassVar[str] = "default"
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 120.0, "delete": 60.0}

    @abstractmethod
    def find(self, tag: Tag) -> Handle | None:
        """The thing that carries the tag's deployment id and node (any attempt), half-made ones included."""

    @abstractmethod
    def create(self, wanted: Wanted) -> Handle:
        """Make it; return as soon as it exists, not when it is ready."""

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        """Change `updatable` properties in place; with none changed, or `wanted.repair`, bring a `repairable` thing back."""
        raise NotImplementedError(f"{self.type} is replaced, not updated")

    @abstractmethod
    def delete(self, handle: Handle, tag: Tag) -> None:
        """Ask for its end; success where it is gone already. The engine waits until `list_states` no longer has it."""

    def mended_by(self, node: Node) -> Sequence[str]:
        """The nodes that have to be updated to bring the node's thing back where it is broken or gone, which it is made anew
        by; none where it is brought back or made anew by itself."""
        return ()

    def lost(self, handles: Sequence[Handle]) -> Mapping[str, Sequence[str]]:
        """What things that are ready by their own state have lost inside of them, by their ids: a phrase for each loss, after
        which the thing counts as failed. Asked before a plan and for `drift`, never while something is waited for, so it may
        list what is inside; with few calls for all of them."""
        return {}

    def preview(self, handle: Handle, properties: Mapping[str, Any]) -> Sequence[tuple[str, str | None, str | None]]:
        """What an update to these properties (which may hold expressions) would do inside the thing, for the eyes of who reads
        the plan: (path, before, after), None for what is not there. Nothing is changed."""
        return ()

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """Does it truly work? Asked only after `list_states` said ready; one attempt, a few seconds at most."""
        return Check(True)

    def notices(self, node: Node) -> Sequence[str]:
        """What a user should know before the node is made, for the plan."""
        return ()

    def interruption(self, node: Node) -> str:
        """What is lost of its work when the thing is updated or replaced, for the plan; "" where it goes on as it was."""
        return ""

    def runs_once(self, node: Node) -> bool:
        """Does it end by itself, and would an update run it again? Then it is updated where what it is connected to is reached
        in another way, and not where that has got something more (`bbq.plan.snapshot.CONTENTS`)."""
        return False

    def parts(self, handle: Handle) -> Sequence[Part]:
        """What is inside of it; of a type whose parts cannot be addressed, nothing."""
        return ()

    def signal(self, handle: Handle, part: Part, data: Any) -> None:
        """Send a signal with this (JSON) to one of its parts. `PermanentFault` where that takes none."""
        raise PermanentFault(f"{self.type} takes no signals")

    def cancel(self, handle: Handle, ending: Ending) -> str | None:
        """End what is under way in it, whoever began that; what was done, in a sentence, or None where nothing is under way.
        `PermanentFault` where it cannot be ended so."""
        return None

    def explain(self, handle: Handle, state: State) -> str:
        """The root cause of a failure in a sentence or a few lines (the last lines of a log); no secrets."""
        return state.detail or state.name


@dataclass(frozen=True, slots=True)
class Changed:
    """A thing that exists and is to be changed: as it was made, and as it is wanted now."""

    node: Node
    before: Node
    handle: Handle


class Provider(ABC):
    """One world in which things are made. Opened once a run; `close` lets go of connections, never of things.

    list_grace      seconds for which a thing that was just made may be missing from `find` and from the lists; 0 where they
                    are exact. After an unknown outcome the engine looks several times over that long before it creates again
    has_logs        False where `logs` has nothing to show
    simulated       True where nothing really exists: a template's own probes (a port, a URL, a command) have nothing to ask
    expiry_notice   what a user should know who gives a deployment there a time to live
    """

    name: ClassVar[str]
    list_grace: ClassVar[float] = 5.0
    has_logs: ClassVar[bool] = True
    simulated: ClassVar[bool] = False
    expiry_notice: ClassVar[str] = ""

    def arrange(self, topology: Topology) -> Topology:
        """The topology as this provider makes it, asked for before every plan; the argument stays as it is. Nodes may be added
        that make several others at once (a stack of servers); those stay, by name, for what depends on them. It may look what
        the provider has, never change anything. Raises `TemplateError` with every finding where nothing there fits, and faults.
        """
        return topology

    @abstractmethod
    def resource(self, ancestry: Sequence[str]) -> Resource | None:
        """The resource for a node's type: the nearest of its ancestry that this provider makes, or None."""

    @abstractmethod
    def list_states(self, group: str, ids: Sequence[str]) -> Mapping[str, State]:
        """The state of each thing, with as few calls as the service allows; a thing that is gone is absent."""

    @abstractmethod
    def list_tagged(self, deployment_id: str) -> Iterable[tuple[Tag, Handle, str]]:
        """Everything that exists with this deployment's tag, by a fresh listing: (tag, handle, type). Ends a destroy:
        it exits 0 only when this is empty."""

    def list_every(self) -> Iterable[tuple[Tag, Handle, str]] | None:
        """Everything that exists with the tag of any deployment, whoever made it, by a fresh listing; None where the provider
        cannot tell. Ids may be shortened where the thing has no room for more."""
        return None

    def preflight(self, nodes: Iterable[Node], changed: Sequence[Changed] = ()) -> list[str]:
        """Problems that can be known before the first create (missing component, port taken, quota) or change of what exists
        (which takes no more of a quota than the difference); all of them.

        A `NoRoom` among them is about room: where all are, the run ends with exit code 6, otherwise with 5.
        """
        return []

    def costs(self, before: Sequence[Node], after: Sequence[Node]) -> tuple[Sequence[Cost], Price | None]:
        """What a plan takes of the account's quotas, and what it costs, for the eyes of who reads it: the nodes as they are
        there, and as they will be. `ConfigurationError` for a price file that cannot be used."""
        return (), None

    def logs(self, handle: Handle) -> Sequence[str]:
        """Paths or URLs of the thing's logs, newest last."""
        return ()

    def expire_at(self, at: float, *, move: bool) -> None:
        """See to it that the deployment is destroyed at `at` (epoch seconds), where something on the provider's side can do so
        without the client; where nothing can, note the time there for `sweep`, which needs no journal. What acts by itself asks
        the journal whether the time has come: too early is harmless.

        With `move` False only where nothing would do it at all (it was killed, the machine was booted).
        """

    def finish_destroy(self, deployment_id: str) -> None:
        """After the last delete: remove what belongs to the deployment as a whole (its state directory)."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class DeploymentContext:
    """What a provider is opened with (`bbq.providers.open_provider`). `state_dir` is private (0700) to the deployment."""

    name: str
    id: str
    state_dir: str
    expires_at: float | None
    options: Mapping[str, Any] = field(default_factory=dict)
    sleep: Callable[[float], None] | None = None
