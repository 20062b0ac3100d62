"""What is known to be missing before anything is made, all of it at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from bbq.engine.clock import Clock, VirtualClock
from bbq.engine.contract import Changed, Handle, NoRoom, Provider, ProviderFault, QuotaFault, TransientFault
from bbq.engine.options import EngineOptions
from bbq.engine.retry import Backoff
from bbq.errors import BbqError, ConfigurationError, QuotaError, UnreachableError
from bbq.journal.fold import UNSURE
from bbq.journal.model import Record
from bbq.plan.model import Action, Plan
from bbq.topology.model import Node

_TRIES = 4


def missing(
    provider: Provider, nodes: Iterable[Node], changed: Sequence[Changed], scrub: Callable[[str], str], clock: Clock
) -> BbqError | None:
    """The error that refuses to make `nodes` and to change what is `changed`, or None: `QuotaError` where room is all that
    lacks, `UnreachableError` where the provider does not answer, else `ConfigurationError`. `scrub` takes secrets out of
    texts."""
    nodes, backoff = list(nodes), Backoff(EngineOptions(retries=_TRIES), Random(0))
    while True:
        try:
            problems = provider.preflight(nodes, changed)
            break
        except QuotaFault as fault:
            problems = [NoRoom(str(fault))]
            break
        except ProviderFault as fault:
            pause = backoff.pause(fault)
            if pause is not None:
                clock.spend(pause) if isinstance(clock, VirtualClock) else time.sleep(pause)
                continue
            if isinstance(fault, TransientFault):
                return UnreachableError(scrub(str(fault)), hint="nothing was made; try again in a moment")
            problems = [str(fault)]
            break
    if not problems:
        return None
    told = scrub("\n- ".join(problems))
    text = f"this cannot be made here: {told}" if len(problems) == 1 else f"{len(problems)} things are in the way:\n- {told}"
    if all(isinstance(problem, NoRoom) for problem in problems):
        return QuotaError(text, hint="nothing was made; ask for less, or have the quota raised")
    return ConfigurationError(text, hint="nothing was made; `bbq-deploy doctor` shows what is missing")


def changed_by(plan: Plan, nodes: Mapping[str, Node], records: Mapping[str, Record]) -> list[Changed]:
    """What exists, and the plan changes."""
    found = []
    for step in plan.steps.values():
        node, record = nodes.get(step.node), records.get(step.node)
        if step.action not in (Action.UPDATE, Action.REPLACE) or node is None or record is None or record.handle is None:
            continue
        if node.primitive:
            found.append(Changed(node, as_made(record), Handle(record.handle, record.attributes)))
    return found


def as_made(record: Record) -> Node:
    """The node as the journal remembers it: without what an interrupted update has left unsure, and with references in the
    place of secrets."""
    properties = {key: value for key, value in (record.wanted.get("properties") or {}).items() if value != UNSURE}
    return Node(record.node, record.type, record.ancestry or (record.type,), properties=properties)
