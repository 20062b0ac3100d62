"""What a backend gives to the statements that all backends share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from bbq.journal import codec
from bbq.journal.model import Event
from bbq.journal.schema import SEQ_BITS

CHUNK: Final = 1000
"""Events read at a time: a reader that follows for hours must not keep a transaction open meanwhile."""
_SEQ_MASK: Final = (1 << SEQ_BITS) - 1
_EVENTS: Final = (
    "SELECT id, kind, at, node, action, stage, attempt, data FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
)


class Transaction(Protocol):
    """Statements with `?` for parameters."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None: ...


def event_range(key: int) -> tuple[int, int]:
    """Event ids of the deployment with that key: above the first, up to the second."""
    return key << SEQ_BITS, (key << SEQ_BITS) | _SEQ_MASK


def events_after(tx: Transaction, key: int, seq: int) -> list[tuple[int, Event]]:
    """The next events, at most `CHUNK`, each with its id."""
    low, high = event_range(key)
    return [
        (
            number,
            Event(kind, at, node, action, stage, attempt, codec.from_text(data, dict) if data else {}, number & _SEQ_MASK),
        )
        for number, kind, at, node, action, stage, attempt, data in tx.execute(_EVENTS, (low + seq, high, CHUNK))
    ]
