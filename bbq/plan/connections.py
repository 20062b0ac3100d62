"""What nodes were told of those that they are connected to, against what they would be told now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bbq.plan.fields import Answers, shown
from bbq.plan.model import AS_GIVEN, CHANGED_SINCE, FieldChange
from bbq.plan.renewal import follows
from bbq.plan.snapshot import hands_over, unheard
from bbq.topology.model import Node
from bbq.topology.values import UNKNOWN

if TYPE_CHECKING:
    from bbq.engine.contract import Resource
    from bbq.journal.model import Record, SecretStore


def given(node: Node, record: Record, resource: Resource, answers: Answers) -> Iterable[FieldChange]:
    """What it was told of a target is not what it would be told now, or when the target has been made anew; only where the
    resource can take that over. A record without it (of an earlier version) is taken to be right."""
    recorded, told = record.wanted.get("requirements"), record.wanted.get("given")
    heard = [edge for edge in node.edges if hands_over(edge) and follows(resource, edge)]
    but = unheard(resource, node)
    for requirement, target in dict.fromkeys((edge.requirement, edge.target) for edge in heard):
        before = recorded.get(requirement, ()) if isinstance(recorded, dict) else record.depends_on
        if target not in before:  # another target is a change of its own
            continue
        now, path = answers.told(target, but), f"{requirement} {target}"
        if now is UNKNOWN:
            yield FieldChange(path, AS_GIVEN, shown(UNKNOWN))
        elif now is not None and told is not None and now != (told.get(path) if isinstance(told, dict) else None):
            yield FieldChange(path, AS_GIVEN, CHANGED_SINCE)


def outdated(
    nodes: Mapping[str, Node],
    records: Mapping[str, Record],
    *,
    resource_of: Callable[[Sequence[str]], Resource | None],
    salt: str,
    secrets: SecretStore | None = None,
) -> Iterator[tuple[str, str, str]]:
    """(node, requirement, target) where the node was told something else of the target than the journal has of it by now: it
    was left out when the target was changed."""
    answers = Answers(nodes, records, salt, secrets)
    for name, record in records.items():
        node = nodes.get(name)
        resource = resource_of(node.ancestry) if node is not None and node.primitive else None
        if node is None or resource is None or any(edge.target not in nodes for edge in node.edges):
            continue
        for change in given(node, record, resource, answers):
            if change.after == CHANGED_SINCE:
                requirement, _, target = change.path.partition(" ")
                yield name, requirement, target
