"""What is known to be missing before anything is made, all of it at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from random import Random

from bbq.engine.clock import Clock, VirtualClock
from bbq.engine.contract import NoRoom, Provider, ProviderFault, QuotaFault, TransientFault
from bbq.engine.options import EngineOptions
from bbq.engine.retry import Backoff
from bbq.errors import BbqError, ConfigurationError, QuotaError, UnreachableError
from bbq.topology.model import Node

_TRIES = 4


def missing(provider: Provider, nodes: Iterable[Node], scrub: Callable[[str], str], clock: Clock) -> BbqError | None:
    """The error that refuses to make `nodes`, or None: `QuotaError` where room is all that lacks, `UnreachableError` where the
    provider does not answer, else `ConfigurationError`. `scrub` takes secrets out of texts."""
    nodes, backoff = list(nodes), Backoff(EngineOptions(retries=_TRIES), Random(0))
    while True:
        try:
            problems = provider.preflight(nodes)
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
