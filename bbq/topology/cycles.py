"""Cycles in a dependency graph. No recursion: a chain may be as long as the template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def find_cycles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """One cycle for each knot of nodes that depend on each other, as `[a, b, c]` for a -> b -> c -> a; [] if acyclic.

    The first node of a cycle is the first of its knot by the graph's order. Linear in nodes and edges.
    """
    knotted = _knotted(graph)
    order = {name: position for position, name in enumerate(graph)}
    cycles = []
    done: set[str] = set()
    for name in graph:
        if name not in knotted or name in done:
            continue
        component = _component(name, graph, knotted)
        done |= component
        if len(component) > 1 or name in graph[name]:
            cycles.append(_cycle(min(component, key=order.__getitem__), graph, component))
    return cycles


def _knotted(graph: Mapping[str, Iterable[str]]) -> set[str]:
    """What is left when nodes without dependencies, and then nodes without dependents, are taken away again and again."""
    left = set(graph)
    for edges in (graph, _reversed(graph, left)):
        inverse = _reversed(edges, left)
        open_edges = {name: sum(1 for target in set(edges.get(name, ())) if target in left) for name in left}
        free = [name for name, count in open_edges.items() if count == 0]
        while free:
            name = free.pop()
            left.discard(name)
            for dependent in inverse.get(name, ()):
                if dependent in left:
                    open_edges[dependent] -= 1
                    if open_edges[dependent] == 0:
                        free.append(dependent)
    return left


def _reversed(graph: Mapping[str, Iterable[str]], among: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in graph:
        if name in among:
            for target in set(graph[name]):
                if target in among:
                    found.setdefault(target, []).append(name)
    return found


def _component(start: str, graph: Mapping[str, Iterable[str]], among: set[str]) -> set[str]:
    """The strongly connected component of `start`: what it reaches and what reaches it."""
    return _reach(start, graph, among) & _reach(start, _reversed(graph, among), among)


def _reach(start: str, graph: Mapping[str, Iterable[str]], among: set[str]) -> set[str]:
    seen = {start}
    stack = [start]
    while stack:
        for target in graph.get(stack.pop(), ()):
            if target in among and target not in seen:
                seen.add(target)
                stack.append(target)
    return seen


def _cycle(start: str, graph: Mapping[str, Iterable[str]], component: set[str]) -> list[str]:
    """A shortest way from `start` back to itself."""
    came_from: dict[str, str] = {}
    queue = [start]
    for name in queue:
        for target in sorted(set(graph[name]) & component):
            if target == start:
                path = [name]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if target not in came_from:
                came_from[target] = name
                queue.append(target)
    raise AssertionError("a component has a cycle")
