"""The tables, as steps from each version to the next; the same for every backend but for the names of two types.

deployments   one row a deployment; `data` is the `DeploymentRow` as JSON, the other columns are for look-ups
leases        one row a deployment, never removed, so that the fence only grows
events        append-only; `id` is the deployment's key and the event's number in one integer, so that one B-tree does
              both the appending and the reading in order
"""

from __future__ import annotations

from typing import Final

SEQ_BITS: Final = 40
"""An event's `id` is `deployment key << SEQ_BITS | seq`: a million million events each for eight million deployments."""

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE deployments (
            key {auto} PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            live {integer} NOT NULL,
            created_at DOUBLE PRECISION NOT NULL,
            data TEXT NOT NULL
        )""",
        "CREATE UNIQUE INDEX one_live_deployment_a_name ON deployments (name) WHERE live = 1",
        """CREATE TABLE leases (
            deployment {integer} PRIMARY KEY REFERENCES deployments (key),
            fence {integer} NOT NULL,
            owner TEXT,
            beats {integer} NOT NULL,
            beat_at DOUBLE PRECISION NOT NULL,
            beat_kernel DOUBLE PRECISION NOT NULL
        )""",
        """CREATE TABLE events (
            id {integer} PRIMARY KEY,
            kind TEXT NOT NULL,
            at DOUBLE PRECISION NOT NULL,
            node TEXT,
            action TEXT,
            stage TEXT,
            attempt {integer} NOT NULL,
            data TEXT
        )""",
    ),
    (
        """CREATE TABLE records (
            id {integer} PRIMARY KEY,
            deployment {integer} NOT NULL REFERENCES deployments (key),
            node TEXT NOT NULL,
            data TEXT NOT NULL
        )""",
        "CREATE UNIQUE INDEX one_record_a_node ON records (deployment, node)",
        """CREATE TABLE durations (
            provider TEXT NOT NULL,
            type TEXT NOT NULL,
            slot {integer} NOT NULL,
            seconds DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (provider, type, slot)
        )""",
    ),
)
"""`STEPS[n]` leads from version n to n + 1. A released step is never edited: journals of that version exist."""

PROJECTED_SINCE: Final = 2
"""The version that last changed what `records` and `durations` hold: for an older journal they are made from the events."""


def statements(step: int, *, integer: str, auto: str) -> list[str]:
    return [text.format(integer=integer, auto=auto) for text in STEPS[step]]
