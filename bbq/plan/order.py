"""Orders of a dependency graph: `after` maps a name to the names that come before it. Without recursion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def topological(after: Mapping[str, Iterable[str]], *, tolerant: bool = False) -> list[str]:
    """All names, each behind what it comes after, else as given, in whatever order sets name them. Names that are no keys are
    left out.

    On a cycle `ValueError`; a tolerant order ignores the edge that closes it (records of different runs may contradict).
    """
    position = {name: number for number, name in enumerate(after)}

    def before(name: str) -> Iterator[str]:
        return iter(sorted((other for other in after[name] if other in position), key=position.__getitem__))

    done: dict[str, bool] = {}  # False while what it comes after is walked
    order: list[str] = []
    for start in after:
        if start in done:
            continue
        done[start] = False
        stack = [(start, before(start))]
        while stack:
            name, rest = stack[-1]
            for other in rest:
                if done.get(other):
                    continue
                if other in done:
                    if not tolerant and other != name:
                        raise ValueError(f"{name} and {other} come after each other")
                    continue
                done[other] = False
                stack.append((other, before(other)))
                break
            else:
                stack.pop()
                done[name] = True
                order.append(name)
    return order


def critical_path(after: Mapping[str, Iterable[str]], seconds: Mapping[str, float]) -> tuple[list[str], float]:
    """The chain that takes longest, in order, and its seconds; a name without seconds takes none. `ValueError` on a cycle."""
    ends: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for name in topological(after):
        latest = max((other for other in after[name] if other in ends), key=ends.__getitem__, default=None)
        before[name] = latest
        ends[name] = seconds.get(name, 0.0) + (ends[latest] if latest is not None else 0.0)
    current = max(ends, key=ends.__getitem__, default=None)
    if current is None:
        return [], 0.0
    total, path = ends[current], []
    while current is not None:
        path.append(current)
        current = before[current]
    return path[::-1], total
