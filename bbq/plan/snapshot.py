"""The part of the journal's snapshot that tells what a thing was connected to.

`wanted` in an intent holds `properties` and `capabilities`, answered, secrets as references - and `requirements`, made here,
so that another target or another alias is a change like any other. And `given`, made here, too: a fingerprint of what the node
was told of each target, so that a target which was made anew since, or tells something else of itself, is seen to differ.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bbq.topology.model import Edge, Node
from bbq.topology.values import UNKNOWN, Secret

if TYPE_CHECKING:
    from bbq.engine.contract import Resource

TOSCA_OWN: Final = frozenset({"state", "tosca_id", "tosca_name"})
"""Attributes that TOSCA gives to every node (1.3 section 5.9.1): about its life, not about how it is reached."""
CONTENTS: Final = frozenset({"queues"})
"""Attributes that list what a thing holds: nothing of how it is reached."""
_ORDERING: Final = "tosca.relationships.DependsOn"


def unheard(resource: Resource | None, node: Node) -> frozenset[str]:
    """Attributes of its targets that the node need not be told anew."""
    return CONTENTS if resource is not None and resource.runs_once(node) else frozenset()


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value that exists and cannot be looked at here. Without a digest it counts as unchanged."""

    digest: str | None = None


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


def given(edges: Sequence[Edge], told: Callable[[Edge], str]) -> dict[str, str]:
    """`connection packets` (a requirement and its target) -> the `fingerprint` of what was handed over, which `told` has."""
    return {f"{edge.requirement} {edge.target}": told(edge) for edge in edges if hands_over(edge)}


def fingerprint(handle: str | None, attributes: Mapping[str, Any], salt: str, but: Collection[str] = ()) -> str:
    """Tells whether what a target hands over has changed: its id and its attributes, 64 bits. The attributes are answered
    (`Secret`s, or `Opaque` by their digest) or recorded (`{"$secret": ..., "digest": ...}`): all give the same. One without a
    value is not handed over; those of the names in `but` do not count."""
    left_out = TOSCA_OWN.union(but)
    known = {name: value for name, value in attributes.items() if name not in left_out and value is not UNKNOWN}
    text = json.dumps([handle, _sealed(known, salt)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def digest(value: Any, salt: str) -> str:
    """The salted digest that the journal puts in the place of a secret (`bbq.journal.secrets.digest`)."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hmac.new(salt.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def _sealed(value: Any, salt: str) -> Any:
    if isinstance(value, Secret):
        return {"$secret": digest(value.reveal(), salt)}
    if isinstance(value, Opaque):
        return {"$secret": value.digest}
    if isinstance(value, Mapping):
        if "$secret" in value:
            return {"$secret": value.get("digest")}
        return {str(key): _sealed(item, salt) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sealed(item, salt) for item in value]
    return value
