"""What a user does to single things while they are being made or changed, by whomever: signals, and an end to what is stuck.

Neither takes the deployment's lease: the run that holds it may be the one that waits for the signal, or that is stuck.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from bbq.engine.contract import Handle, Part, Resource
from bbq.errors import BbqError, UsageError
from bbq.operations.observe import asked

if TYPE_CHECKING:
    from bbq.engine.clock import Clock
    from bbq.engine.contract import Ending
    from bbq.journal.model import DeploymentRow
    from bbq.operations.workspace import Workspace

Thing = tuple[str, Resource, Handle]


def signal(workspace: Workspace, row: DeploymentRow, name: str, data: Any) -> Part:
    """Send a signal to the one part of the deployment's things of that name: an address (`workers.0.policy`), one after its
    node's (`stack.workers.0.policy`), or the last name of one where that is unambiguous. Returns which it was.

    `UsageError` where there is none or are several, `ResourceFailed` where it takes no signal.
    """
    with _things(workspace, row, ()) as (things, clock):
        found = [
            (node, resource, handle, part)
            for node, resource, handle in things
            for part in asked(partial(resource.parts, handle), clock, f"the parts of {node} cannot be listed")
        ]
        if not found:
            raise UsageError(f"nothing of {row.name} has parts that take signals", hint="stacks of Heat have")
        matching: Sequence[Callable[[str, Part], bool]] = (
            lambda node, part: name in (part.address, f"{node}.{part.address}"),
            lambda node, part: part.address.rpartition(".")[2] == name,
        )
        for is_it in matching:
            called: list[tuple[str, Resource, Handle, Part]] = [one for one in found if is_it(one[0], one[3])]
            if len(called) > 1:
                names = ", ".join(f"{node}.{part.address}" for node, _, _, part in called[:10])
                raise UsageError(f"{len(called)} resources of {row.name} are called {name}", hint=f"one of {names}")
            if called:
                _, resource, handle, part = called[0]
                asked(partial(resource.signal, handle, part, data), clock, f"{part.address} was not signalled")
                return part
        known = [part.address for *_, part in found]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known[:10])}"
        raise UsageError(f"{row.name} has no resource {name!r}", hint=hint)


def cancel(workspace: Workspace, row: DeploymentRow, ending: Ending, nodes: Sequence[str] = ()) -> Iterator[str | BbqError]:
    """End what is under way in the deployment's things, or in these nodes' only; what was done, and what could not be."""
    with _things(workspace, row, nodes) as (things, clock):
        for node, resource, handle in things:
            try:
                said = asked(partial(resource.cancel, handle, ending), clock, f"{node} was not cancelled")
            except BbqError as error:
                yield error
            else:
                if said is not None:
                    yield f"{node}: {said}"


@contextmanager
def _things(workspace: Workspace, row: DeploymentRow, nodes: Sequence[str]) -> Iterator[tuple[list[Thing], Clock]]:
    """The things that are recorded; of one whose create was never answered for, what `find` finds."""
    from bbq.engine.contract import Tag
    from bbq.journal.secrets import decode

    records = workspace.journal.records(row.id)
    if unknown := [node for node in nodes if node not in records]:
        raise UsageError(f"{row.name} has no node {unknown[0]!r}", hint=f"nodes: {', '.join(records)}")
    clock, store = workspace.clock(row, records), workspace.secrets(row.id)
    provider = workspace.open_provider(row, clock)
    try:
        things: list[Thing] = []
        for record in records.values():
            resource = None if record.members else provider.resource(record.ancestry or (record.type,))
            if resource is None or (nodes and record.node not in nodes) or not _is_open(resource):
                continue
            handle = Handle(record.handle, decode(record.attributes, store)) if record.handle is not None else None
            if handle is None:
                tag = Tag(row.name, row.id, record.node, record.attempt)
                handle = asked(partial(resource.find, tag), clock, f"{record.node} cannot be looked for")
            if handle is not None:
                things.append((record.node, resource, handle))
        yield things, clock
    finally:
        provider.close()


def _is_open(resource: Resource) -> bool:
    """Its type has parts, or can be cancelled: the others are not asked for."""
    kind = type(resource)
    return kind.parts is not Resource.parts or kind.cancel is not Resource.cancel
