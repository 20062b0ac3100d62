"""`--target`: names of nodes, of counted templates (all instances), checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bbq.errors import UsageError


def named(targets: Iterable[str], known: Iterable[str]) -> set[str]:
    """The nodes that the targets name. `UsageError` for a name that there is not."""
    names = dict.fromkeys(known)
    families: dict[str, list[str]] = {}
    for name in names:
        if name.endswith("]"):
            families.setdefault(name.rpartition("[")[0], []).append(name)
    found: set[str] = set()
    for target in targets:
        if target in names:
            found.add(target)
        elif target in families:
            found.update(families[target])
        else:
            from difflib import get_close_matches

            near = get_close_matches(target, names, n=3) or list(names)[:10]
            hint = f"nodes: {', '.join(near)}" if near else "there are no nodes"
            raise UsageError(f"there is no node {target!r} to aim at", hint=hint)
    return found


def closure(start: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """`start` and everything that its edges lead to."""
    found = set(start)
    stack = list(found)
    while stack:
        for name in edges.get(stack.pop(), ()):
            if name not in found:
                found.add(name)
                stack.append(name)
    return found
