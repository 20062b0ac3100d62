"""The tables that follow from the events: records by node, and how long things took. Kept up as events are appended."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Final

from bbq.journal import codec
from bbq.journal.fold import fold
from bbq.journal.model import Event, Record
from bbq.journal.transaction import Transaction, event_range, events_after

RING: Final = 64
"""Durations kept for each provider and type."""


def project(tx: Transaction, key: int, provider: str, events: Iterable[tuple[int, Event]]) -> None:
    """Take in events, each with its id, of the deployment with that key. `ValueError` for an event that no journal may hold."""
    records: dict[str, Record | None] = {}
    known: set[str] = set()
    begun: dict[str, int] = {}
    durations: dict[tuple[str, int], float] = {}
    for number, event in events:
        node = event.node
        if node is None:
            fold(None, event)
            continue
        if node not in records:
            rows = tx.execute("SELECT data FROM records WHERE deployment = ? AND node = ?", (key, node))
            records[node] = codec.from_text(rows[0][0], Record) if rows else None
            if rows:
                known.add(node)
        before = records[node]
        after = records[node] = fold(before, event)
        if before is None and after is not None:
            begun[node] = number
        if after is not None and (seconds := _took(before, after)) is not None:
            durations[after.type, number % RING] = seconds
    _write(tx, key, records, known, begun)
    if durations:
        tx.executemany(
            "INSERT INTO durations (provider, type, slot, seconds) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (provider, type, slot) DO UPDATE SET seconds = excluded.seconds",
            # in one order everywhere: two transactions that lock the same rows must not wait for each other
            [(provider, type_, slot, seconds) for (type_, slot), seconds in sorted(durations.items())],
        )


def _took(before: Record | None, after: Record) -> float | None:
    """Seconds from the intent to ready, where the event between the two made the thing ready for the first time."""
    if before is None or before.ready_at is not None or after.ready_at is None or after.action != "create":
        return None
    if after.started_at is None or after.ready_at < after.started_at:  # the clock was set back meanwhile
        return None
    return after.ready_at - after.started_at


def _write(tx: Transaction, key: int, records: dict[str, Record | None], known: set[str], begun: dict[str, int]) -> None:
    # a record that ended and began again moves to the end of the order
    if ended := [(key, node) for node in known if records[node] is None or node in begun]:
        tx.executemany("DELETE FROM records WHERE deployment = ? AND node = ?", ended)
    kept = {node: record for node, record in records.items() if record is not None}
    if changed := [(codec.to_text(record), key, node) for node, record in kept.items() if node not in begun]:
        tx.executemany("UPDATE records SET data = ? WHERE deployment = ? AND node = ?", changed)
    if new := [(begun[node], key, node, codec.to_text(record)) for node, record in kept.items() if node in begun]:
        tx.executemany("INSERT INTO records (id, deployment, node, data) VALUES (?, ?, ?, ?)", new)


def records(tx: Transaction, key: int) -> dict[str, Record]:
    """By node, in the order in which they began. Strings that recur in thousands of records are held once."""
    low, high = event_range(key)
    lines: dict[tuple[str, ...], tuple[str, ...]] = {}
    found: dict[str, Record] = {}
    for (data,) in tx.execute("SELECT data FROM records WHERE id > ? AND id <= ? ORDER BY id", (low, high)):
        record = codec.from_text(data, Record)
        record.node = sys.intern(record.node)
        record.type = sys.intern(record.type)
        record.status = sys.intern(record.status)
        record.ancestry = lines.setdefault(record.ancestry, record.ancestry)
        record.depends_on = tuple(map(sys.intern, record.depends_on))
        found[record.node] = record
    return found


def durations(tx: Transaction, types: Iterable[str], provider: str | None) -> dict[str, float]:
    """The median by type; types without any are absent."""
    found = {}
    for type_ in dict.fromkeys(types):
        where, parameters = ("type = ?", (type_,)) if provider is None else ("type = ? AND provider = ?", (type_, provider))
        rows = tx.execute(f"SELECT seconds FROM durations WHERE {where}", parameters)
        if rows:
            found[type_] = median(seconds for (seconds,) in rows)
    return found


def rebuild(tx: Transaction) -> None:
    """Make everything here anew from the events."""
    tx.execute("DELETE FROM records")
    tx.execute("DELETE FROM durations")
    for key, data in tx.execute("SELECT key, data FROM deployments ORDER BY key"):
        project(tx, key, codec.from_text(data, dict)["provider"], _all(tx, key))


def _all(tx: Transaction, key: int) -> Iterator[tuple[int, Event]]:
    last = 0
    while events := events_after(tx, key, last):
        yield from events
        last = events[-1][1].seq
