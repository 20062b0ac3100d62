"""What a picture shows: boxes in boxes, and arrows from what needs to what is needed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bbq.journal.model import Record
from bbq.topology.model import Topology
from bbq.views.clean import one_line

CROWD: Final = 8
"""More instances of one template than this are drawn as one box."""

STATES: Final = ("failed", "deleting", "changing", "planned", "ready")
"""From the one most worth noticing to the least; a group of instances shows the first that it has."""

_STATE_OF: Final = {
    "ready": "ready",
    "active": "ready",
    "failed": "failed",
    "deleting": "deleting",
    "intended": "changing",
    "created": "changing",
    "booted": "changing",
    "configured": "changing",
}

_KINDS: Final = (
    ("database", ("bbq.nodes.Database", "tosca.nodes.DBMS", "tosca.nodes.Database")),
    ("queue", ("bbq.nodes.MessageQueue",)),
    ("store", ("bbq.nodes.ObjectStore", "tosca.nodes.ObjectStorage", "tosca.nodes.BlockStorage")),
    (
        "cluster",
        ("bbq.nodes.SparkCluster", "bbq.nodes.KubernetesCluster", "bbq.nodes.HTCondorCluster", "bbq.nodes.SlurmCluster"),
    ),
    ("application", ("bbq.nodes.Application", "tosca.nodes.WebApplication", "tosca.nodes.SoftwareComponent")),
    ("host", ("tosca.nodes.Compute", "tosca.nodes.Container.Runtime")),
)


@dataclass(slots=True)
class Box:
    """One node, or `count` instances of one. `inside` is the id of the box around it."""

    id: str
    label: str
    type: str
    kind: str
    state: str
    inside: str | None = None
    count: int = 1
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    source: str
    target: str
    label: str = ""


@dataclass(slots=True)
class Picture:
    """Boxes by id in drawing order, arrows without repetition; the arrows between boxes that hold each other are left out."""

    title: str = ""
    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)

    def children(self, box: str | None) -> list[str]:
        return [name for name, found in self.boxes.items() if found.inside == box]

    def chain(self, box: str | None) -> list[str]:
        """The box and those around it, from the inside out."""
        found: list[str] = []
        while box is not None:
            found.append(box)
            box = self.boxes[box].inside
        return found


def from_topology(topology: Topology, states: Mapping[str, str] | None = None, title: str = "") -> Picture:
    """A picture of what is wanted. `states`: statuses of a `Record` by node, where there are any; the others are planned."""
    states = states or {}
    boxes, arrows = {}, []
    hosts = {}
    for name, node in topology.nodes.items():
        hosted = next((edge.target for edge in node.edges if edge.hosted and edge.target in topology.nodes), None)
        hosts[name] = hosted or node.parent
        boxes[name] = Box(
            name, _label(name, node.parent), node.type, _kind(node.ancestry or (node.type,)), _state(states.get(name))
        )
        required = {edge.target for edge in node.edges}
        arrows += [Arrow(name, edge.target, edge.requirement) for edge in node.edges if not edge.hosted]
        arrows += [Arrow(name, other) for other in sorted(node.dependencies() - required)]
    return finished(title or topology.description, boxes, hosts, arrows)


def from_records(records: Mapping[str, Record], title: str = "") -> Picture:
    """A picture of what there is, by the journal."""
    boxes, arrows = {}, []
    for name, record in records.items():
        boxes[name] = Box(
            name,
            _label(name, record.parent),
            record.type,
            _kind(record.ancestry or (record.type,)),
            _state(record.status),
            detail=one_line(record.error or "", 200),
        )
        arrows += [Arrow(name, other) for other in record.depends_on]
    return finished(title, boxes, {name: record.parent for name, record in records.items()}, arrows)


def finished(title: str, boxes: dict[str, Box], hosts: Mapping[str, str | None], arrows: Iterable[Arrow]) -> Picture:
    for name, box in boxes.items():
        around, seen = hosts.get(name), {name}
        while around is not None and around in boxes and around not in seen:
            seen.add(around)
            around = hosts.get(around)
        # A loop of hosts (in a damaged journal) is drawn flat rather than not at all.
        box.inside = hosts.get(name) if around is None and hosts.get(name) in boxes else None
    picture = Picture(one_line(title, 120), boxes)
    merged = _merge_crowds(picture)
    found: dict[tuple[str, str], Arrow] = {}
    for arrow in arrows:
        source, target = merged.get(arrow.source, arrow.source), merged.get(arrow.target, arrow.target)
        if source == target or source not in picture.boxes or target not in picture.boxes:
            continue
        if source in picture.chain(target) or target in picture.chain(source):
            continue
        found.setdefault((source, target), Arrow(source, target, arrow.label))
    picture.arrows = _without_repetition(picture, list(found.values()))
    return picture


def _without_repetition(picture: Picture, arrows: list[Arrow]) -> list[Arrow]:
    """An arrow between two boxes says enough; one from or to something inside them, with the same other end, says it again."""
    ends = {(arrow.source, arrow.target) for arrow in arrows}

    def implied(arrow: Arrow) -> bool:
        sources, targets = picture.chain(arrow.source), picture.chain(arrow.target)
        return any((s, t) in ends for s in sources for t in targets if (s, t) != (arrow.source, arrow.target))

    return [arrow for arrow in arrows if not implied(arrow)]


def _merge_crowds(picture: Picture) -> dict[str, str]:
    """Make one box of many instances of a template; returns the new id of each box that went."""
    groups: dict[tuple[str, str | None], list[str]] = {}
    holders = {box.inside for box in picture.boxes.values()}
    for name, box in picture.boxes.items():
        stem = re.sub(r"\[\d+\]$", "", name)
        if stem != name and name not in holders:
            groups.setdefault((stem, box.inside), []).append(name)
    merged: dict[str, str] = {}
    for (stem, inside), names in groups.items():
        if len(names) <= CROWD:
            continue
        first = picture.boxes[names[0]]
        states = [picture.boxes[name].state for name in names]
        worst = min(states, key=STATES.index)
        told = [f"{states.count(state)} {state}" for state in STATES if state in states]
        new = f"{stem}[]"
        label = re.sub(r"\[\d+\]$", "", first.label)
        group = Box(new, label, first.type, first.kind, worst, inside, len(names), ", ".join(told))
        # In the place of the first one, so that the order of the drawing stays that of the template.
        picture.boxes = {
            (new if name == names[0] else name): (group if name == names[0] else box)
            for name, box in picture.boxes.items()
            if name == names[0] or name not in set(names)
        }
        merged.update(dict.fromkeys(names, new))
    return merged


def _label(name: str, parent: str | None) -> str:
    """A member's name without that of the composite node around it."""
    return one_line(name[len(parent) + 1 :] if parent and name.startswith(parent + ".") else name)


def _kind(ancestry: Iterable[str]) -> str:
    types = set(ancestry)
    return next((kind for kind, names in _KINDS if types.intersection(names)), "node")


def _state(status: str | None) -> str:
    return _STATE_OF.get(status or "", "planned")
