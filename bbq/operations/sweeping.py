"""What dead deployments have left at a provider, found by tag, without a journal: the one that made it may be lost.

A deployment is dead where this journal has destroyed it, or where its expiry, noted beside its things, has passed. One that is
in no journal here and has not expired may be alive in somebody else's: it is told of, and goes only when it is named.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from bbq.errors import UsageError
from bbq.journal.model import DeploymentRow, Event
from bbq.operations.nowhere import no_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bbq.engine.contract import Handle, Tag
    from bbq.operations.change import Change
    from bbq.operations.workspace import Workspace

Verdict = Literal["living", "unknown", "expired", "destroyed"]
DEAD: Final[frozenset[Verdict]] = frozenset({"expired", "destroyed"})
_SHORTENED: Final = 8
"""Characters of an id that things with little room for tags have."""


@dataclass(slots=True)
class Found:
    """A deployment as the provider's tags tell of it. `things` are of single nodes, (tag, handle, type); there are none where
    only the note of its expiry is left. `expires_at` in seconds since the epoch."""

    id: str
    name: str
    verdict: Verdict = "unknown"
    expires_at: float | None = None
    things: list[tuple[Tag, Handle, str]] = field(default_factory=list)

    def is_called(self, text: str) -> bool:
        return text in (self.name, self.id)


def find(workspace: Workspace, provider_name: str) -> list[Found]:
    """Every deployment of which anything is there; the dead first. `UsageError` for a provider that cannot tell."""
    from bbq.operations.observe import asked

    row = DeploymentRow("0" * 16, "", provider_name, "", time.time())
    clock = workspace.clock(row, {})
    with no_directory() as nothing:
        provider = workspace.open_provider(row, clock, state_dir=nothing)
        try:
            tagged = asked(lambda: _listed(provider.list_every()), clock)
        finally:
            provider.close()
    if tagged is None:
        raise UsageError(
            f"the provider {provider_name} cannot list what deployments have left", hint="for example: --provider openstack"
        )
    found = _gathered(tagged)
    _judge(found, workspace.journal.deployments(include_destroyed=True))
    order = ["destroyed", "expired", "unknown", "living"]
    return sorted(found, key=lambda one: (order.index(one.verdict), one.name, one.id))


def chosen(found: Sequence[Found], names: Sequence[str]) -> list[Found]:
    """The dead ones, or those that are called by name or id. `UsageError` for a name that nothing has or several have, and for
    a living one."""
    if not names:
        return [one for one in found if one.verdict in DEAD]
    result = []
    for name in names:
        called = [one for one in found if one.is_called(name)]
        if not called:
            raise UsageError(f"nothing is left of a deployment {name!r}", hint="bbq-deploy sweep shows what there is")
        others = [one for one in called if one.verdict != "living"]
        if not others:
            raise UsageError(f"{name} is alive in this journal", hint=f"bbq-deploy destroy {called[0].name}")
        if len(others) > 1:
            ids = ", ".join(one.id for one in others)
            raise UsageError(f"{len(others)} deployments were called {name}", hint=f"name one by its id: {ids}")
        result += others
    return result


@contextmanager
def change_of(workspace: Workspace, found: Found, provider_name: str) -> Iterator[Change]:
    """A destroy of it, made of what was found, with a journal that lasts as long: the tags are the record. Dying in between
    loses nothing, the next sweep finds what is left."""
    from bbq.journal import empty_journal
    from bbq.operations.prepare import prepare_destroy
    from bbq.operations.workspace import Workspace

    row = DeploymentRow(found.id, found.name or found.id, provider_name, "", time.time(), expires_at=found.expires_at)
    journal = empty_journal()
    with Workspace(workspace.config, journal=journal) as own:
        journal.create(row)
        lease = journal.acquire(row.id)
        journal.append(lease, list(_events(found)))
        journal.release(lease)
        yield prepare_destroy(own, row.name)


def _listed(tagged: Iterable[tuple[Tag, Handle, str]] | None) -> list[tuple[Tag, Handle, str]] | None:
    return None if tagged is None else list(tagged)


def _gathered(tagged: Iterable[tuple[Tag, Handle, str]]) -> list[Found]:
    """By deployment. The note of the whole deployment's expiry counts, where there is one; else the latest of its things'."""
    found: dict[str, Found] = {}
    noted = set()
    for tag, handle, kind in tagged:
        one = found.setdefault(tag.deployment_id, Found(tag.deployment_id, tag.deployment))
        one.name = one.name or tag.deployment
        if not tag.node:
            one.expires_at = tag.expires_at
            noted.add(one.id)
            continue
        one.things.append((tag, handle, kind))
        if one.id not in noted and tag.expires_at is not None:
            one.expires_at = max(one.expires_at or 0.0, tag.expires_at)
    return list(found.values())


def _judge(found: Sequence[Found], rows: Sequence[DeploymentRow]) -> None:
    known = {row.id: row for row in rows}
    shortened = {row.id[:_SHORTENED]: row for row in rows}
    for one in found:
        row = known.get(one.id) or (shortened.get(one.id) if len(one.id) == _SHORTENED else None)
        if row is not None:
            one.id, one.name = row.id, row.name
            one.verdict = "destroyed" if row.status == "destroyed" else "living"
        elif one.expires_at is not None and one.expires_at <= time.time():
            one.verdict = "expired"


def _events(found: Found) -> Iterator[Event]:
    """What a journal would have of these things. Two of one node (an answer was lost, once) are told apart by the sweep that
    ends each destroy."""
    now, seen = time.time(), set()
    for tag, handle, kind in found.things:
        if tag.node in seen:
            continue
        seen.add(tag.node)
        data = {"type": kind, "ancestry": [kind]}
        yield Event("step.intent", now, tag.node, action="create", attempt=tag.attempt, data=data)
        outcome = {"result": "ok", "id": handle.id, "attributes": _plain(handle)}
        yield Event("step.outcome", now, tag.node, action="create", attempt=tag.attempt, data=outcome)


def _plain(handle: Handle) -> dict[str, object]:
    """What a delete may need of it: names and ids. The rest may hold secrets."""
    return {key: value for key, value in handle.attributes.items() if isinstance(value, str)}
