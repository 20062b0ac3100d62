"""The pages of the documentation and README, and the code blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(
    r"^(?:<!-- (?P<marker>[^\n]*) -->\n)?```(?P<language>\w+)?[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """`marker` is the comment on the line before the block, if there is one."""

    page: Path
    line: int
    language: str
    marker: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for page in PAGES:
        content = page.read_text(encoding="utf-8")
        for match in _FENCE.finditer(content):
            if match["language"] in languages:
                line = content.count("\n", 0, match.start("text"))
                found.append(Block(page, line, match["language"], match["marker"] or "", match["text"]))
    return found


def prose(page: Path) -> str:
    """Without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def inline_code() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for match in re.finditer(r"`([^`\n]+)`", prose(page)):
            yield page, match[1]
