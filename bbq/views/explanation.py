"""The page of a diagnostic code as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from bbq.catalogue import Block, Page


def text(page: Page) -> str:
    """Title, explanation, the wrong example and the right one; lines that the two do not share are marked with `>`."""
    parts = [f"{page.code}: {page.title}", _wrapped(page.explanation)]
    if page.text:
        parts += [_wrapped(paragraph) for paragraph in page.text.split("\n\n")]
    for title, blocks, other in (
        ("", page.common, ()),
        ("wrong", page.example("wrong"), page.example("right")),
        ("right", page.example("right"), page.example("wrong")),
    ):
        others = {block.name: block for block in other}
        for block in blocks:
            head = f"{title}: {block.name}" if title and block.name else title or block.name
            lines = _lines(block, others.get(block.name))
            parts.append(f"{head}{' (shortened)' * block.shortened}\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(" ".join(paragraph.split()), 100, break_long_words=False, break_on_hyphens=False)


def _lines(block: Block, other: Block | None) -> Iterator[str]:
    shared = set(other.text.splitlines()) if other is not None else None
    for line in block.text.splitlines():
        mark = ">" if shared is not None and line.strip() and line not in shared else " "
        yield f"  {mark} {line}".rstrip()
