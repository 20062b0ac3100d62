"""A plan: what would be done to each node, why, and in which order. Data only; made by `bbq.plan.diff`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

AS_GIVEN: Final = "(the details it has)"
CHANGED_SINCE: Final = "(changed since)"
PHRASES: Final = frozenset({AS_GIVEN, CHANGED_SINCE})
"""What a `FieldChange` has in the place of the details that a node was told of another: they are told, not shown."""


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    READ = "read"
    """Look the thing up after an unknown outcome, adopt it if it is there, create it if not."""
    NOTHING = "no-op"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field's change. `before` and `after` are fit for eyes (secrets masked, unknown values as their text). The `path`
    `connection packets` is what the node was told of the target `packets` of its requirement `connection`."""

    path: str
    before: Any
    after: Any
    forces_replacement: bool = False


@dataclass(slots=True)
class Step:
    """What happens to one node. `after` names the steps that must be done first (deletes run against the edges)."""

    node: str
    type: str
    action: Action
    after: set[str] = field(default_factory=set)
    changes: tuple[FieldChange, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan takes of one of the account's quotas: `more` (less is negative) of `what`, where `left` are left of `limit`;
    both None where there is no limit."""

    what: str
    more: int
    left: int | None = None
    limit: int | None = None

    @property
    def lacks(self) -> bool:
        return self.left is not None and self.more > self.left


@dataclass(frozen=True, slots=True)
class Price:
    """Money per hour: `more` than now, `all` of the deployment afterwards. `unpriced` is what no price is known of."""

    currency: str
    more: float
    all: float
    unpriced: tuple[str, ...] = ()


@dataclass(slots=True, repr=False)
class Plan:
    """Steps in a valid order. A replaced node is one step: its old thing is deleted, then the new one is made, and its
    dependents wait. Costs are known where the provider has quotas, the price where it was given prices."""

    deployment: str
    provider: str
    steps: dict[str, Step] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()
    price: Price | None = None

    @property
    def counts(self) -> dict[str, int]:
        found = {action.value: 0 for action in Action}
        for step in self.steps.values():
            found[step.action.value] += 1
        return found

    @property
    def irrevocable(self) -> list[str]:
        """The nodes whose things are taken away: another thing may come, and the old one does not come back."""
        return [name for name, step in self.steps.items() if step.action in (Action.REPLACE, Action.DELETE)]

    @property
    def has_changes(self) -> bool:
        return any(step.action is not Action.NOTHING for step in self.steps.values())

    def __repr__(self) -> str:
        """What a REPL shows: one line a change, the first hundred of them."""
        counts = ", ".join(f"{count} to {name}" for name, count in self.counts.items() if count and name != Action.NOTHING)
        lines = [f"<bbq plan for {self.deployment} on {self.provider}: {counts or 'nothing to do'}>"]
        changing = [step for step in self.steps.values() if step.action is not Action.NOTHING]
        lines += [f"  {step.action} {step.node} ({step.type})" for step in changing[:100]]
        if len(changing) > 100:
            lines.append(f"  ... and {len(changing) - 100} more")
        return "\n".join(lines)
