"""Claims on Zaqar: renewed while a message of theirs is held, given back when a message's own time has passed."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bbq.errors import BbqError
from bbq.handles.zaqar_connection import Connection

SHORTEST: Final = 60
"""Seconds that a claim of Zaqar's lasts, at least."""
LASTING: Final = b'{"ttl": %d, "grace": %d}' % (SHORTEST, SHORTEST)
"""What a new claim and a renewed one ask for."""
_RENEWED: Final = 20.0  # seconds from one renewal to the next: two may fail
_NOT_HELD: Final = (400, 403, 404)


@dataclass(slots=True, eq=False)
class _Claim:
    """One of Zaqar's claims. `ends` is the monotonic time until which Zaqar keeps it; `held` are its messages by id."""

    name: str
    ends: float
    held: dict[str, Held] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Held:
    """A received message, as `queue.Claim` wants it."""

    claims: Claims
    claim: _Claim
    name: str
    body: Any
    sent_at: float
    deadline: float
    again: bool = True
    """False where nobody has worked on it: it was handed out before its time."""

    def ack(self) -> bool:
        return self.claims.ack(self)

    def release(self, delay: float) -> bool:
        return self.claims.release(self, delay)

    def extend(self, seconds: float) -> bool:
        return self.claims.extend(self, seconds)


class Claims:
    """Those of one queue. `copy(held, delay)` sends a message again."""

    def __init__(self, connection: Connection, copy: Callable[[Held, float], None]) -> None:
        self._connection = connection
        self._copy = copy
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._claims: dict[str, _Claim] = {}  # guarded by _changed, with all that is in them
        self._keeper: threading.Thread | None = None

    def begin(self, name: str, messages: Sequence[tuple[str, Any, float]], seconds: float | None) -> list[Held]:
        """Note a claim that was made just now, of messages as (id, body, sent at). `seconds` None holds them as long as this
        process lives."""
        if self._pid != os.getpid():  # a forked child: it holds nothing, and has no thread of ours
            self._reset()
        now = time.monotonic()
        claim = _Claim(name, now + SHORTEST)
        deadline = math.inf if seconds is None else now + seconds
        with self._changed:
            claim.held = {each: Held(self, claim, each, body, sent, deadline) for each, body, sent in messages}
            self._claims[name] = claim
            self._changed.notify()
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="bbq-zaqar-claims", daemon=True)
                self._keeper.start()
        return list(claim.held.values())

    def ack(self, held: Held) -> bool:
        if not self._let_go(held):
            return False
        return self._delete(held)

    def ack_many(self, helds: Sequence[Held]) -> int:
        mine = [held for held in helds if self._let_go(held)]
        self._connection.delete_messages([held.name for held in mine])
        return len(mine)

    def release(self, held: Held, delay: float) -> bool:
        if not self._let_go(held):
            return False
        self._copy(held, delay)
        return self._delete(held)

    def extend(self, held: Held, seconds: float) -> bool:
        with self._changed:
            if not self._alive(held):
                return False
            held.deadline = time.monotonic() + seconds
            self._changed.notify()
            return True

    def postpone(self, held: Held, seconds: float) -> None:
        """Nobody works on it; give it back in so many seconds."""
        with self._changed:
            held.deadline, held.again = time.monotonic() + seconds, False
            self._changed.notify()

    def close(self) -> None:
        """Give everything back."""
        if self._pid != os.getpid():
            return
        with self._changed:
            names = list(self._claims)
            self._claims.clear()
            self._changed.notify()
        for name in names:
            with contextlib.suppress(BbqError):
                self._connection.call("DELETE", f"/claims/{name}", accepted=_NOT_HELD)

    def _alive(self, held: Held, late: bool = False) -> bool:
        """Is it held? `late`: its own time may have passed, as long as Zaqar's claim has not."""
        now = time.monotonic()
        known = self._claims.get(held.claim.name)
        return known is held.claim and held.name in known.held and (late or now < held.deadline) and now < known.ends

    def _let_go(self, held: Held, late: bool = False) -> bool:
        """It is not held any more; False where it was not by now."""
        with self._changed:
            alive = self._alive(held, late)
            held.claim.held.pop(held.name, None)
            if not held.claim.held:
                self._claims.pop(held.claim.name, None)
            return alive

    def _delete(self, held: Held) -> bool:
        path = f"/messages/{held.name}"
        status, _ = self._connection.call("DELETE", path, accepted=_NOT_HELD, claim_id=held.claim.name)
        return status not in _NOT_HELD

    # The keeper's thread

    def _keep(self) -> None:
        while True:
            with self._changed:
                if not self._claims:
                    self._changed.wait(5.0)
                    if not self._claims:
                        self._keeper = None
                        return
                now = time.monotonic()
                due = min(self._due(claim) for claim in self._claims.values())
                if due > now:
                    self._changed.wait(due - now)
                    continue
                late = [claim for claim in self._claims.values() if self._due(claim) <= now]
            for claim in late:
                try:
                    self._settle(claim)
                except BbqError:  # it does not answer: once more in a while, until the claim has ended by itself
                    time.sleep(1.0)
                    with self._changed:
                        if time.monotonic() >= claim.ends:
                            self._claims.pop(claim.name, None)

    def _due(self, claim: _Claim) -> float:
        return min([claim.ends - SHORTEST + _RENEWED, *(held.deadline for held in claim.held.values())])

    def _settle(self, claim: _Claim) -> None:
        """Give back what is not held any more, or renew the claim for the rest."""
        now = time.monotonic()
        with self._changed:
            over = [held for held in claim.held.values() if held.deadline <= now]
        for held in over:
            if self._let_go(held, late=True):
                self._copy(held, 0.0)
                self._delete(held)
        if claim.held and now >= claim.ends - SHORTEST + _RENEWED:
            status, _ = self._connection.call("PATCH", f"/claims/{claim.name}", LASTING, accepted=(404,))
            with self._changed:
                if status == 404:
                    self._claims.pop(claim.name, None)
                else:
                    claim.ends = now + SHORTEST
