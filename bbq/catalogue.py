"""All diagnostic codes: what they mean, which are strict, and their pages. Gathered from the front ends' tables.

A code's page is its entry in the table and the file `explanations/<code>.md`: more text, if there is any, and examples as
blocks of code. A block's title is a file's name, of a file in an archive as findings have it (`service.csar!/types.yaml`);
`(wrong)` or `(right)` behind it says which of the two examples it belongs to, none that it belongs to both. Blocks with the
title `wrong` or `right` alone are command lines; without them it is `validate`, of the archive where there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

FRONT_ENDS: Final = (
    ("YAML", "bbq.yamlreader.codes"),
    ("TOSCA", "bbq.tosca.codes"),
    ("HOT and CFN", "bbq.hot.codes"),
    ("Murano packages", "bbq.murano.codes"),
    ("The graph", "bbq.topology.codes"),
    ("Rendering", "bbq.render.hot.codes"),
)
"""Title -> module with `CODES` (code -> title, explanation) and, where it has any, `STRICT_CODES`."""
_INSIDE: Final = "!/"
_FOLDER = Path(__file__).parent / "explanations"
_BLOCK = re.compile(r'^```(\w+) title="([^"]*)"\n(.*?)^```$\n?', re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"(?P<name>.*?)(?: ?\((?P<variant>wrong|right)(?P<shortened>, shortened)?\))?")


@dataclass(frozen=True, slots=True)
class Block:
    """A file of an example, or (without a `name`) its command line. `variant` is wrong, right or, in both, empty. A
    shortened one is not shown whole: it is too long, or no text."""

    language: str
    name: str
    variant: str
    shortened: bool
    text: str

    @property
    def title(self) -> str:
        shown = f"{self.variant}{', shortened' * self.shortened}"
        return f"{self.name} ({shown})" if self.name and shown else self.name or shown


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say of a code."""

    code: str
    title: str
    explanation: str
    text: str
    blocks: tuple[Block, ...]

    def example(self, variant: str) -> tuple[Block, ...]:
        """The blocks of the wrong or the right example that the other has not."""
        return tuple(block for block in self.blocks if block.variant == variant)

    @property
    def common(self) -> tuple[Block, ...]:
        return self.example("")

    def command(self, variant: str) -> str:
        """The command line of the wrong or the right example."""
        blocks = (*self.common, *self.example(variant))
        files = [block.name.partition(_INSIDE)[0] for block in blocks if block.name]
        validate = next((file for file in files if file.endswith(".csar")), "service.yaml")
        return next((block.text for block in blocks if not block.name), f"bbq-deploy validate {validate}")

    def write(self, variant: str, folder: Path, whole: bytes = b"") -> None:
        """Makes the files of the wrong or the right example below a folder. `whole` is what a shortened one is short for."""
        from zipfile import ZIP_DEFLATED, ZipFile

        archives: dict[Path, list[tuple[str, bytes]]] = {}
        for block in (*self.common, *self.example(variant)):
            content = whole if block.shortened else block.text.encode()
            file, inside, member = block.name.partition(_INSIDE)
            if inside:
                archives.setdefault(folder / file, []).append((member, content))
            elif file:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(content)
        for path, members in archives.items():
            with ZipFile(path, "w", ZIP_DEFLATED) as archive:
                for name, content in members:
                    archive.writestr(name, content)


@cache
def codes() -> dict[str, tuple[str, str]]:
    """Code -> (title, explanation), in order."""
    return {code: entry for _, module in FRONT_ENDS for code, entry in sorted(import_module(module).CODES.items())}


@cache
def strict() -> frozenset[str]:
    """Codes whose warnings are errors with `--strict`: the specification forbids what they report."""
    return frozenset(code for _, module in FRONT_ENDS for code in getattr(import_module(module), "STRICT_CODES", ()))


@cache
def page(code: str) -> Page:
    """The page of a code of `codes()`."""
    title, explanation = codes()[code]
    file = _FOLDER / f"{code}.md"
    content = file.read_text(encoding="utf-8") if file.is_file() else ""
    blocks = tuple(_block(match[1], match[2], match[3]) for match in _BLOCK.finditer(content))
    return Page(code, title, explanation, _BLOCK.sub("", content).strip(), blocks)


def _block(language: str, title: str, text: str) -> Block:
    match = _TITLE.fullmatch(title)
    assert match is not None  # the expression takes any title
    if title in ("wrong", "right"):
        return Block(language, "", title, False, text)
    return Block(language, match["name"], match["variant"] or "", match["shortened"] is not None, text)
