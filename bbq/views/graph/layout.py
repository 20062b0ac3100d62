"""Where boxes and arrows go: nested layered drawing, top down, in plain Python.

Each box that holds others is laid out by itself, from the inside out: layers by the longest path (what needs something
stands above it), order within a layer by barycentres, positions by isotonic regression (each box as near to the mean of what
it is tied to as its neighbours in the layer allow). Sugiyama, Tagawa and Toda 1981; Barlow et al. 1972 for the regression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from bbq.views.graph.model import Picture

GAP_X: Final = 28.0
GAP_Y: Final = 52.0
PAD: Final = 18.0
HEAD: Final = 58.0
"""Height of the caption of a box that holds others."""
BOX_HEIGHT: Final = 52.0
_LANE: Final = 14.0
"""Width kept free for an arrow that passes a layer."""
_SWEEPS: Final = 12
_MANY: Final = 1500
"""Arrows at one level from which on fewer sweeps must do: counting their crossings takes its square."""
_ROW: Final = 4
"""Boxes without arrows between them that stand in one row; more than that make a grid."""

Point = tuple[float, float]


@dataclass(slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass(slots=True)
class Layout:
    """Absolute rectangles by box id, and for each arrow of the picture (same order) the points it passes, ends included."""

    width: float
    height: float
    rects: dict[str, Rect] = field(default_factory=dict)
    paths: list[list[Point]] = field(default_factory=list)


@dataclass(slots=True)
class _Level:
    """The inside of one box: positions of its children relative to its inner corner, and lanes for long arrows."""

    width: float = 0.0
    height: float = 0.0
    rects: dict[str, Rect] = field(default_factory=dict)
    lanes: dict[tuple[str, str], list[Rect]] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)
    """Where the layer of each child ends: arrows go straight down to there, and bend only between layers."""


def arrange(picture: Picture, box_width: Callable[[str], float]) -> Layout:
    """`box_width(id)` is the width that a box's own text needs."""
    levels: dict[str | None, _Level] = {}
    sizes: dict[str, tuple[float, float]] = {}
    children: dict[str | None, list[str]] = {}
    for name, box in picture.boxes.items():
        children.setdefault(box.inside, []).append(name)
    lifted = _lifted(picture)
    order: list[str | None] = [None]
    for box_id in order:  # grows while it is walked: outer boxes before inner ones
        order += [name for name in children.get(box_id, []) if name in children]
    for box_id in reversed(order):
        for name in children.get(box_id, []):
            if name not in sizes:
                sizes[name] = (box_width(name), BOX_HEIGHT)
        level = levels[box_id] = _place(children.get(box_id, []), sizes, lifted.get(box_id, []))
        if box_id is not None:
            width = max(level.width + 2 * PAD, box_width(box_id))
            sizes[box_id] = (width, level.height + HEAD + PAD)
    return _absolute(picture, levels, children, sizes)


def _lifted(picture: Picture) -> dict[str | None, list[tuple[str, str]]]:
    """The arrows as the children of each box see them: between the two children that hold the ends."""
    found: dict[str | None, list[tuple[str, str]]] = {}
    for arrow in picture.arrows:
        level, source, target = _meeting(picture, arrow.source, arrow.target)
        pairs = found.setdefault(level, [])
        if (source, target) not in pairs:
            pairs.append((source, target))
    return found


def _meeting(picture: Picture, source: str, target: str) -> tuple[str | None, str, str]:
    """The innermost box that holds both, and its children towards each."""
    up, down = picture.chain(source), picture.chain(target)
    while up and down and up[-1] == down[-1]:
        up.pop()
        down.pop()
    return picture.boxes[up[-1]].inside, up[-1], down[-1]


def _place(names: Sequence[str], sizes: Mapping[str, tuple[float, float]], arrows: Sequence[tuple[str, str]]) -> _Level:
    if not names:
        return _Level()
    if not arrows and len(names) > 1:
        return _grid(names, sizes)
    layers, chains = _layered(names, arrows)
    width = {name: sizes[name][0] if name in sizes else _LANE for layer in layers for name in layer}
    links = [pair for chain in chains.values() for pair in pairwise(chain)]
    layers = _ordered(layers, links)
    x = _coordinates(layers, links, width)
    level = _Level()
    y = 0.0
    left = min(x[name] - width[name] / 2 for name in x)
    for layer in layers:
        height = max(sizes[name][1] if name in sizes else 0.0 for name in layer)
        for name in layer:
            own = sizes[name][1] if name in sizes else height
            level.rects[name] = Rect(x[name] - width[name] / 2 - left, y, width[name], own)
            level.floors[name] = y + height
        y += height + GAP_Y
    level.height = y - GAP_Y
    level.width = max(rect.x + rect.width for rect in level.rects.values())
    level.lanes = {pair: [level.rects[name] for name in chain[1:-1]] for pair, chain in chains.items()}
    level.rects = {name: rect for name, rect in level.rects.items() if name in sizes}
    return level


def _grid(names: Sequence[str], sizes: Mapping[str, tuple[float, float]]) -> _Level:
    """Boxes without arrows between them: rows of about the same width, the whole about twice as wide as high."""
    area = sum((sizes[name][0] + GAP_X) * (sizes[name][1] + GAP_X) for name in names)
    limit = max(math.sqrt(area * 2.2), max(sizes[name][0] for name in names)) if len(names) > _ROW else math.inf
    level = _Level()
    x = y = row = 0.0
    for name in names:
        width, height = sizes[name]
        if x and x + width > limit:
            x, y, row = 0.0, y + row + GAP_X * 0.7, 0.0
        level.rects[name] = Rect(x, y, width, height)
        x, row = x + width + GAP_X, max(row, height)
        level.width = max(level.width, x - GAP_X)
    level.height = y + row
    return level


def _layered(
    names: Sequence[str], arrows: Sequence[tuple[str, str]]
) -> tuple[list[list[str]], dict[tuple[str, str], list[str]]]:
    """Layers from the top, long arrows cut into links by lane names; the chain of each arrow from its source down."""
    below: dict[str, list[str]] = {name: [] for name in names}
    needed = set()
    for source, target in _acyclic(names, arrows):
        below[source].append(target)
        needed.add(target)
    depth = dict.fromkeys(names, 0)
    for name in _topological(below):
        for target in below[name]:
            depth[target] = max(depth[target], depth[name] + 1)
    # What nothing needs may stand lower than the top: right above the highest thing that it needs itself.
    for name in names:
        if below[name] and name not in needed:
            depth[name] = min(depth[target] for target in below[name]) - 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in names:
        layers[depth[name]].append(name)
    chains: dict[tuple[str, str], list[str]] = {}
    for source, target in arrows:
        upper, lower = (source, target) if depth[source] <= depth[target] else (target, source)
        lanes = [f"\0{source}\0{target}\0{index}" for index in range(depth[upper] + 1, depth[lower])]
        for index, lane in enumerate(lanes, depth[upper] + 1):
            layers[index].append(lane)
        chain = [upper, *lanes, lower]
        chains[source, target] = chain if upper == source else chain[::-1]
    return layers, chains


def _acyclic(names: Sequence[str], arrows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The arrows without those that close a loop (boxes may need each other's insides both ways); iterative DFS."""
    targets: dict[str, list[str]] = {name: [] for name in names}
    for source, target in arrows:
        targets[source].append(target)
    state = dict.fromkeys(names, 0)
    kept: list[tuple[str, str]] = []
    for root in names:
        stack = [(root, iter(targets[root]))] if not state[root] else []
        if stack:
            state[root] = 1
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[name] = 2
                stack.pop()
            elif state[following] != 1:
                kept.append((name, following))
                if not state[following]:
                    state[following] = 1
                    stack.append((following, iter(targets[following])))
    return kept


def _topological(below: Mapping[str, Sequence[str]]) -> list[str]:
    """From the top down; what stands above comes first."""
    from graphlib import TopologicalSorter

    return list(TopologicalSorter(below).static_order())[::-1]


def _ordered(layers: list[list[str]], links: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Fewest crossings found by barycentre sweeps down and up."""
    near: dict[str, list[str]] = {}
    for a, b in links:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, links)
    current = [list(layer) for layer in layers]
    for sweep in range(_SWEEPS if len(links) <= _MANY else 2):
        down = sweep % 2 == 0
        indices = range(1, len(current)) if down else range(len(current) - 2, -1, -1)
        for index in indices:
            fixed = {name: place for place, name in enumerate(current[index - 1 if down else index + 1])}
            places = {name: place for place, name in enumerate(current[index])}

            def weight(name: str, fixed: Mapping[str, int] = fixed, places: Mapping[str, int] = places) -> float:
                found = [fixed[other] for other in near.get(name, ()) if other in fixed]
                return sum(found) / len(found) if found else float(places[name])

            current[index].sort(key=weight)
        crossings = _crossings(current, links)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in current], crossings
    return best


def _crossings(layers: Sequence[Sequence[str]], links: Sequence[tuple[str, str]]) -> int:
    place = {name: (depth, index) for depth, layer in enumerate(layers) for index, name in enumerate(layer)}
    between: dict[int, list[tuple[int, int]]] = {}
    for a, b in links:
        (upper, at), (_, to) = sorted((place[a], place[b]))
        between.setdefault(upper, []).append((at, to))
    count = 0
    for pairs in between.values():
        for index, (at, to) in enumerate(pairs):
            count += sum((at - other) * (to - end) < 0 for other, end in pairs[index + 1 :])
    return count


def _coordinates(
    layers: Sequence[Sequence[str]], links: Sequence[tuple[str, str]], width: Mapping[str, float]
) -> dict[str, float]:
    """Centres, each near the mean of its neighbours', without overlap."""
    near: dict[str, list[str]] = {}
    for a, b in links:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    x: dict[str, float] = {}
    for layer in layers:
        total = sum(width[name] for name in layer) + GAP_X * (len(layer) - 1)
        at = -total / 2
        for name in layer:
            x[name] = at + width[name] / 2
            at += width[name] + GAP_X
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else list(reversed(layers)):
            wanted = [sum(x[n] for n in near[name]) / len(near[name]) if near.get(name) else x[name] for name in layer]
            for name, value in zip(layer, _separated(layer, wanted, width), strict=True):
                x[name] = value
    return x


def _separated(layer: Sequence[str], wanted: Sequence[float], width: Mapping[str, float]) -> list[float]:
    """The centres nearest to the wanted ones (least squares) that keep the order and the gaps: pool adjacent violators."""
    offsets = [0.0]
    for left, right in pairwise(layer):
        offsets.append(offsets[-1] + (width[left] + width[right]) / 2 + GAP_X)
    blocks: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=True):
        mean, size = value - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        blocks.append((mean, size))
    flat = [mean for mean, size in blocks for _ in range(size)]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]


def _absolute(
    picture: Picture,
    levels: Mapping[str | None, _Level],
    children: Mapping[str | None, list[str]],
    sizes: Mapping[str, tuple[float, float]],
) -> Layout:
    root = levels[None]
    layout = Layout(root.width, root.height)
    origins: dict[str | None, Point] = {None: (0.0, 0.0)}
    queue: list[str | None] = [None]
    for box_id in queue:
        left, top = origins[box_id]
        for name in children.get(box_id, []):
            rect = levels[box_id].rects[name]
            layout.rects[name] = Rect(left + rect.x, top + rect.y, rect.width, rect.height)
            if name in levels:
                spare = sizes[name][0] - levels[name].width
                origins[name] = (left + rect.x + spare / 2, top + rect.y + HEAD)
                queue.append(name)
    routes = []
    for arrow in picture.arrows:
        level, source, target = _meeting(picture, arrow.source, arrow.target)
        routes.append((level, source, target, levels[level].lanes.get((source, target), [])))
    ports = _ports(picture, layout, [[origins[level][0] + lane.centre for lane in lanes] for level, _, _, lanes in routes])
    for index, (arrow, (level, source, target, lanes)) in enumerate(zip(picture.arrows, routes, strict=True)):
        left, top = origins[level]
        points: list[Point] = [ports[index][0]]
        downwards = layout.rects[source].y <= layout.rects[target].y
        if downwards and source == arrow.source:
            points.append((points[0][0], max(points[0][1], top + levels[level].floors[source])))
        for lane in lanes:
            x, passed = left + lane.centre, [top + lane.y, top + lane.bottom]
            points += [(x, y) for y in sorted(passed, reverse=not downwards)]
        points.append(ports[index][1])
        layout.paths.append(points)
    return layout


def _ports(picture: Picture, layout: Layout, lanes: Sequence[Sequence[float]]) -> list[tuple[Point, Point]]:
    """Where each arrow leaves and arrives: spread over the sides of its boxes, in the order of the points it goes to or comes
    from. `lanes`: for each arrow, the middles of the lanes that it passes."""
    sides: dict[tuple[str, bool], list[tuple[float, int, int]]] = {}
    for index, arrow in enumerate(picture.arrows):
        source, target = layout.rects[arrow.source], layout.rects[arrow.target]
        down = source.y <= target.y
        first, last = (lanes[index][0], lanes[index][-1]) if lanes[index] else (target.centre, source.centre)
        sides.setdefault((arrow.source, down), []).append((first, index, 0))
        sides.setdefault((arrow.target, not down), []).append((last, index, 1))
    ends: list[list[Point]] = [[(0.0, 0.0), (0.0, 0.0)] for _ in picture.arrows]
    for (name, bottom), arrivals in sides.items():
        rect = layout.rects[name]
        step = min(24.0, rect.width * 0.7 / max(len(arrivals), 1))
        for place, (_, index, end) in enumerate(sorted(arrivals)):
            x = rect.centre + (place - (len(arrivals) - 1) / 2) * step
            ends[index][end] = (x, rect.bottom if bottom else rect.y)
    return [(pair[0], pair[1]) for pair in ends]
