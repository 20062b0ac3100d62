"""What is known to be missing before anything is made, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bbq.engine.contract import NoRoom, Provider, ProviderFault, QuotaFault
from bbq.errors import BbqError, ConfigurationError, QuotaError
from bbq.topology.model import Node


def missing(provider: Provider, nodes: Iterable[Node], scrub: Callable[[str], str]) -> BbqError | None:
    """The error that refuses to make `nodes`, or None: `QuotaError` where room is all that lacks, else
    `ConfigurationError`. `scrub` takes secrets out of texts."""
    try:
        problems = provider.preflight(nodes)
    except QuotaFault as fault:
        problems = [NoRoom(str(fault))]
    except ProviderFault as fault:
        problems = [str(fault)]
    if not problems:
        return None
    told = scrub("\n- ".join(problems))
    text = f"this cannot be made here: {told}" if len(problems) == 1 else f"{len(problems)} things are in the way:\n- {told}"
    if all(isinstance(problem, NoRoom) for problem in problems):
        return QuotaError(text, hint="nothing was made; ask for less, or have the quota raised")
    return ConfigurationError(text, hint="nothing was made; `bbq-deploy doctor` shows what is missing")
