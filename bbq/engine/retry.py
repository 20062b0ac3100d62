"""When to try again, and what a fault becomes once trying has ended. Decided by the fault's class, never by its text."""

from __future__ import annotations

from random import Random

from bbq.engine.contract import (
    AmbiguousFault,
    ConfigurationFault,
    PermanentFault,
    ProviderFault,
    QuotaFault,
    TransientFault,
    UnreachableFault,
)
from bbq.engine.options import EngineOptions
from bbq.errors import BbqError, ConfigurationError, QuotaError, ResourceFailed, UnreachableError


class Backoff:
    """The pauses between the tries of one call: capped, doubling, with jitter from a seeded generator."""

    def __init__(self, options: EngineOptions, random: Random) -> None:
        self._options = options
        self._random = random
        self.tries = 0

    def pause(self, fault: ProviderFault) -> float | None:
        """Seconds until the next try after `fault`; None when it is of no use or the tries are spent."""
        if not isinstance(fault, (TransientFault, AmbiguousFault)) or self.tries >= self._options.retries:
            return None
        pause = min(self._options.retry_cap, self._options.retry_base * 2.0**self.tries) * self._random.uniform(0.5, 1.0)
        self.tries += 1
        asked = getattr(fault, "retry_after", None)
        # the service's own word is a floor; a little jitter on top, or all that were refused come back in one instant
        return pause if asked is None else asked + min(pause, self._options.retry_base)


def error_of(fault: BaseException, text: str) -> BbqError:
    """The error that a user sees for a fault that ended a node's step; `text` is the sentence for it."""
    if isinstance(fault, BbqError):
        return fault
    if isinstance(fault, QuotaFault):
        return QuotaError(text, hint=fault.hint)
    if isinstance(fault, ConfigurationFault):
        return ConfigurationError(text, hint=fault.hint)
    if isinstance(fault, PermanentFault):
        return ResourceFailed(text, hint=fault.hint)
    if isinstance(fault, UnreachableFault):
        return UnreachableError(text)
    if isinstance(fault, ProviderFault):
        return ResourceFailed(text)
    return BbqError(text)
