"""What depends on itself: resources on resources, conditions on conditions. Nothing recurses, however long the chains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def components(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The strongly connected components with a cycle in them (Tarjan's), in the order of the graph."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            target = next(targets, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[str] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    if len(component) > 1 or node in graph[node]:
                        found.append(sorted(component, key=index.__getitem__))
            elif target not in index and target in graph:
                index[target] = low[target] = len(index)
                stack.append(target)
                on_stack.add(target)
                work.append((target, iter(graph[target])))
            elif target in on_stack:
                low[node] = min(low[node], index[target])
    return found


def order(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """The nodes, each after those that it leads to (of a cycle, some before)."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    for root in graph:
        work = [(root, iter(graph[root]))] if root not in seen else []
        seen.add(root)
        while work:
            node, targets = work[-1]
            target = next((item for item in targets if item not in seen and item in graph), None)
            if target is None:
                work.pop()
                found[node] = None
            else:
                seen.add(target)
                work.append((target, iter(graph[target])))
    return list(found)


def loop(graph: Mapping[str, Iterable[str]], component: list[str]) -> list[str]:
    """A shortest cycle through the component's first member: [a, b, a]."""
    start, inside = component[0], set(component)
    before: dict[str, str] = {}
    queue = [start]
    for node in queue:
        for target in graph[node]:
            if target == start:
                path = [start]
                while node != start:
                    path.append(node)
                    node = before[node]
                return [start, *reversed(path[1:]), start]
            if target in inside and target not in before:
                before[target] = node
                queue.append(target)
    raise AssertionError("a component without a cycle")
