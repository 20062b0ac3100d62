"""The part of the journal's snapshot that tells what a thing was connected to.

`wanted` in an intent holds `properties` and `capabilities`, answered, secrets as references - and `requirements`, made here,
so that another target or another alias is a change like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bbq.topology.model import Edge

_ORDERING: Final = "tosca.relationships.DependsOn"


def requirements(edges: Sequence[Edge], properties: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Requirement -> target -> the relationship's answered properties, which `properties` has in the order of `edges`.

    A relationship of no more than DependsOn's type orders, and hands nothing over: it is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for edge, values in zip(edges, properties, strict=True):
        if hands_over(edge):
            found.setdefault(edge.requirement, {})[edge.target] = dict(values)
    return found


def hands_over(edge: Edge) -> bool:
    """Whether the source is given something of the target, beyond its place in the order."""
    return edge.relationship.rpartition(":")[2] != _ORDERING
