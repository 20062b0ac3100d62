"""The journal over any SQL database: what it does, in statements that SQLite and PostgreSQL both know.

A backend adds the connection, transactions that exclude other writers of the same deployment, and the translation of the
driver's errors.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from bbq.errors import JournalError, LockedError, UsageError
from bbq.journal import codec, owner, projection
from bbq.journal.model import SCHEMA_VERSION, DeploymentRow, Event, Lease, Record
from bbq.journal.schema import PROJECTED_SINCE, statements
from bbq.journal.transaction import CHUNK, Transaction, event_range, events_after

T = TypeVar("T")

_CHANGEABLE: Final = frozenset({"status", "expires_at", "inputs", "overrides", "outputs", "error", "options", "template"})
_ENDS: Final = "wait until it ends, or end it (kill {}): then nothing is locked"


class SqlJournal(ABC):
    """See `bbq.journal.model.Journal`, which this implements. `place` names the journal in messages, without a password."""

    place: str
    lock_row = ""
    """What a SELECT needs at its end to keep others from changing the row meanwhile."""
    one_machine = False
    """True where processes of two machines, or of one machine before and after a boot, cannot both have it open."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._keys: dict[str, int] = {}
        self._providers: dict[int, str] = {}
        self._seen: dict[int, tuple[tuple[int, int], float]] = {}

    @abstractmethod
    def _run(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        """`work` in one transaction: durable when this returns, without a trace when it raises."""

    @abstractmethod
    def _now(self, tx: Transaction) -> float:
        """Epoch seconds on the clock that all users of this journal share as far as they share one."""

    @abstractmethod
    def _damaged(self, what: str) -> NoReturn:
        """Raise the `JournalError` for content that cannot be read."""

    # Deployments

    def create(self, row: DeploymentRow) -> None:
        live = int(row.status != "destroyed")

        def work(tx: Transaction) -> None:
            tx.execute(
                "INSERT INTO deployments (id, name, live, created_at, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (row.id, row.name, live, row.created_at, data),
            )
            found = tx.execute("SELECT key, data FROM deployments WHERE id = ?", (row.id,))
            if not found:
                raise UsageError(
                    f"there is a deployment named {row.name!r} already",
                    hint=f"take another --name, or remove it first: bbq-deploy destroy {row.name}",
                )
            key, stored = found[0]
            if stored != data or tx.execute("SELECT 1 FROM leases WHERE deployment = ?", (key,)):
                raise UsageError(f"there is a deployment with the id {row.id!r} already")
            tx.execute(
                "INSERT INTO leases (deployment, fence, owner, beats, beat_at, beat_kernel) VALUES (?, 0, NULL, 0, 0, 0)",
                (key,),
            )

        data = codec.to_text(row)
        self._run(work, write=True)

    def get(self, name: str) -> DeploymentRow | None:
        rows = self._query("SELECT data FROM deployments WHERE name = ? AND live = 1", (name,))
        return self._row(rows[0][0]) if rows else None

    def deployments(self, *, include_destroyed: bool = False) -> list[DeploymentRow]:
        least = 0 if include_destroyed else 1
        rows = self._query("SELECT data FROM deployments WHERE live >= ? ORDER BY created_at DESC, key DESC", (least,))
        return [self._row(data) for (data,) in rows]

    def update(self, lease: Lease, **changes: Any) -> None:
        if wrong := changes.keys() - _CHANGEABLE:
            raise ValueError(f"these fields of a deployment do not change: {', '.join(sorted(wrong))}")

        def work(tx: Transaction) -> None:
            key = self._fenced(tx, lease)
            row = replace(self._row(tx.execute("SELECT data FROM deployments WHERE key = ?", (key,))[0][0]), **changes)
            tx.execute(
                "UPDATE deployments SET live = ?, data = ? WHERE key = ?",
                (int(row.status != "destroyed"), codec.to_text(row), key),
            )

        self._run(work, write=True)

    # Leases

    def acquire(self, deployment_id: str) -> Lease:
        key = self._key(deployment_id)

        def work(tx: Transaction) -> Lease:
            fence, text, beats, beat_at, beat_kernel = tx.execute(
                f"SELECT fence, owner, beats, beat_at, beat_kernel FROM leases WHERE deployment = ?{self.lock_row}", (key,)
            )[0]
            now = self._now(tx)
            if text is not None:
                holder = self._owner(text)
                age = self._age(key, holder, (fence, beats), now - beat_at, owner.kernel_clock() - beat_kernel)
                self._require_dead(holder, age, self._name(tx, key))
            me = owner.this_process()
            tx.execute(
                "UPDATE leases SET fence = ?, owner = ?, beats = 0, beat_at = ?, beat_kernel = ? WHERE deployment = ?",
                (fence + 1, owner.to_text(me), now, owner.kernel_clock(), key),
            )
            return Lease(deployment_id, str(me), fence + 1)

        return self._run(work, write=True)

    def heartbeat(self, lease: Lease) -> None:
        def work(tx: Transaction) -> None:
            key = self._fenced(tx, lease)
            tx.execute(
                "UPDATE leases SET beats = beats + 1, beat_at = ?, beat_kernel = ? WHERE deployment = ?",
                (self._now(tx), owner.kernel_clock(), key),
            )

        self._run(work, write=True)

    def release(self, lease: Lease) -> None:
        """Gives the lease back; a lease that was lost meanwhile is not ours to give, and left alone."""
        key = self._key(lease.deployment_id)
        self._run(
            lambda tx: tx.execute("UPDATE leases SET owner = NULL WHERE deployment = ? AND fence = ?", (key, lease.fence)),
            write=True,
        )

    def break_lease(self, deployment_id: str, *, force: bool = False) -> str | None:
        key = self._key(deployment_id)

        def work(tx: Transaction) -> str | None:
            text = tx.execute(f"SELECT owner FROM leases WHERE deployment = ?{self.lock_row}", (key,))[0][0]
            if text is None:
                return None
            holder = self._owner(text)
            if not force and owner.is_local(holder) and owner.lives(holder):
                name = self._name(tx, key)
                raise LockedError(
                    f"{name} is being changed by {holder}, and that process runs",
                    hint=f"{_ENDS.format(holder.pid)}; bbq-deploy unlock {name} --force takes its lock away all the same",
                )
            tx.execute("UPDATE leases SET owner = NULL, fence = fence + 1 WHERE deployment = ?", (key,))
            return str(holder)

        return self._run(work, write=True)

    def _age(self, key: int, holder: owner.Owner, beat: tuple[int, int], by_clock: float, by_kernel: float) -> float:
        """Seconds since the holder's last sign of life, as far as we can know.

        On one kernel both sides read one clock that nobody sets. Else we have the wall clocks' difference (with PostgreSQL
        both readings are the server's), which a jump makes wrong: too small or negative, then what this process itself has
        seen counts (the same beat for longer than that, by its own monotonic clock); too large, then a living owner may lose
        its lease, and the fence keeps it from writing on.
        """
        if owner.same_kernel(holder):
            return by_kernel
        seen, since = self._seen.get(key, (None, 0.0))
        if seen != beat:
            self._seen[key] = (beat, since := time.monotonic())
        return max(by_clock, time.monotonic() - since)

    def _name(self, tx: Transaction, key: int) -> str:
        return self._row(tx.execute("SELECT data FROM deployments WHERE key = ?", (key,))[0][0]).name

    def _require_dead(self, holder: owner.Owner, age: float, name: str) -> None:
        if owner.is_local(holder):
            dead = not owner.lives(holder)
        elif self.one_machine and holder.host == owner.this_process().host and not owner.same_kernel(holder):
            dead = True  # the machine was booted since
        else:
            dead = age > owner.LEASE_SECONDS
        if not dead:
            silent = f"wait until it ends; it is given up when silent for {owner.LEASE_SECONDS:.0f} s"
            unsure = f"{silent}; if you are sure that it is dead: bbq-deploy unlock {name}"
            raise LockedError(
                f"{name} is being changed by {holder} (last sign of life {max(0.0, age):.0f} s ago)",
                hint=_ENDS.format(holder.pid) if owner.is_local(holder) else unsure,
            )

    # Events

    def append(self, lease: Lease, events: Sequence[Event]) -> None:
        if not events:
            return
        data = [codec.to_text(event.data) if event.data else None for event in events]

        def work(tx: Transaction) -> None:
            key = self._fenced(tx, lease)
            low, high = event_range(key)
            last = tx.execute("SELECT max(id) FROM events WHERE id > ? AND id <= ?", (low, high))[0][0] or low
            tx.executemany(
                "INSERT INTO events (id, kind, at, node, action, stage, attempt, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (last + number, event.kind, event.at, event.node, event.action, event.stage, event.attempt, text)
                    for number, (event, text) in enumerate(zip(events, data, strict=True), 1)
                ],
            )
            projection.project(tx, key, self._providers[key], enumerate(events, last + 1))

        self._run(work, write=True)

    def records(self, deployment_id: str) -> dict[str, Record]:
        key = self._key(deployment_id)
        return self._run(lambda tx: projection.records(tx, key), write=False)

    def events(self, deployment_id: str, *, after: int = 0) -> Iterator[Event]:
        key, last = self._key(deployment_id), after
        while True:
            found = self._run(partial(events_after, key=key, seq=last), write=False)
            yield from (event for _, event in found)
            if len(found) < CHUNK:
                return
            last = found[-1][1].seq

    def durations(self, types: Iterable[str], *, provider: str | None = None) -> Mapping[str, float]:
        return self._run(lambda tx: projection.durations(tx, types, provider), write=False)

    # Parts

    def _query(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._run(lambda tx: tx.execute(sql, parameters), write=False)

    def _key(self, deployment_id: str) -> int:
        key = self._keys.get(deployment_id)
        if key is None:
            rows = self._query("SELECT key, data FROM deployments WHERE id = ?", (deployment_id,))
            if not rows:
                raise UsageError(f"the journal knows no deployment with the id {deployment_id!r}")
            key = self._keys[deployment_id] = int(rows[0][0])
            self._providers[key] = self._row(rows[0][1]).provider
        return key

    def _migrate(self, tx: Transaction, version: int, *, integer: str, auto: str) -> None:
        """Inside a transaction that excludes all others: every step from `version` on, or none."""
        if version:
            # a process of an older bbq that is at work knows nothing of the newer tables, and would leave them behind
            for key, text, beat_at, beat_kernel in tx.execute(
                "SELECT deployment, owner, beat_at, beat_kernel FROM leases WHERE owner IS NOT NULL"
            ):
                holder = self._owner(text)
                age = owner.kernel_clock() - beat_kernel if owner.same_kernel(holder) else self._now(tx) - beat_at
                self._require_dead(holder, age, self._name(tx, key))
                tx.execute("UPDATE leases SET owner = NULL, fence = fence + 1 WHERE deployment = ?", (key,))
        for step in range(version, SCHEMA_VERSION):
            for statement in statements(step, integer=integer, auto=auto):
                tx.execute(statement)
        if 0 < version < PROJECTED_SINCE:
            projection.rebuild(tx)

    def _require_known(self, version: int) -> None:
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"the journal {self.place} is of version {version}; this bbq knows versions up to {SCHEMA_VERSION}",
                hint="upgrade bbq on this machine, or give another journal in [journal] connection; nothing was changed",
            )

    def _fenced(self, tx: Transaction, lease: Lease) -> int:
        """The deployment's key; `LockedError` where the lease is no longer ours."""
        key = self._key(lease.deployment_id)
        fence, text = tx.execute(f"SELECT fence, owner FROM leases WHERE deployment = ?{self.lock_row}", (key,))[0]
        if fence != lease.fence or text is None:
            whom = f"taken over by {self._owner(text)}" if text is not None else "given up or broken (bbq-deploy unlock)"
            raise LockedError(
                f"this process no longer may change the deployment: its lease was {whom}",
                hint="nothing was written; see bbq-deploy status, then bbq-deploy resume",
            )
        return key

    def _row(self, text: str) -> DeploymentRow:
        return self._read(text, DeploymentRow)

    def _owner(self, text: str) -> owner.Owner:
        return self._read(text, owner.Owner)

    def _read(self, text: str, type_: type[T]) -> T:
        try:
            return codec.from_text(text, type_)
        except msgspec.MsgspecError as error:
            self._damaged(f"a row cannot be read ({error})")
