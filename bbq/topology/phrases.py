"""What messages say of names."""

from __future__ import annotations

from collections.abc import Iterable


def suggestion(name: str, names: Iterable[str]) -> str | None:
    """A hint: the nearest names, or all where they are few."""
    from difflib import get_close_matches

    known = list(names)
    near = get_close_matches(name, known, n=3)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"there are: {', '.join(sorted(known))}" if 0 < len(known) <= 10 else None
