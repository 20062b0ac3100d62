"""Plans: what would be done to each node, why, and in which order. `diff` for a wanted topology, `destroy` for none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.engine.contract import Resource, State
    from bbq.journal.model import Record, SecretStore
    from bbq.plan.model import Plan
    from bbq.topology.model import Topology

__all__ = ["destroy", "diff"]


def diff(
    topology: Topology,
    records: Mapping[str, Record],
    *,
    deployment: str,
    provider: str,
    resource_of: Callable[[Sequence[str]], Resource | None],
    salt: str,
    observed: Mapping[str, State | None] | None = None,
    targets: Iterable[str] = (),
    secrets: SecretStore | None = None,
) -> Plan:
    """See `bbq.plan.compare.diff`, which is imported at the first call."""
    from bbq.plan.compare import diff as implementation

    return implementation(
        topology,
        records,
        deployment=deployment,
        provider=provider,
        resource_of=resource_of,
        salt=salt,
        observed=observed,
        targets=targets,
        secrets=secrets,
    )


def destroy(records: Mapping[str, Record], *, deployment: str, provider: str, targets: Iterable[str] = ()) -> Plan:
    """See `bbq.plan.removal.destroy`, which is imported at the first call."""
    from bbq.plan.removal import destroy as implementation

    return implementation(records, deployment=deployment, provider=provider, targets=targets)
