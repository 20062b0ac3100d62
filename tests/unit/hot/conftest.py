"""Templates in tests mark with `§` the place where a problem is expected; the mark is taken out before reading."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

import bbq.hot
from bbq.diagnostics import Diagnostic
from bbq.hot.codes import CODES
from bbq.hot.model import HotTemplate
from bbq.yamlreader.codes import CODES as YAML_CODES


@dataclass
class Templates:
    """Writes templates below a directory of their own and reads them."""

    directory: Path

    def write(self, name: str, text: str) -> tuple[Path, list[tuple[str, int, int]]]:
        """The file, and the (name, line, column) of each mark in it."""
        text = textwrap.dedent(text)
        marks = []
        while (index := text.find("§")) >= 0:
            marks.append((name, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)))
            text = text[:index] + text[index + 1 :]
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path, marks

    def read(self, text: str, **options: object) -> tuple[HotTemplate | None, list[Diagnostic], list[tuple[str, int, int]]]:
        path, marks = self.write("stack.yaml", text)
        template, found = bbq.hot.load(path, **options)
        for item in found:
            assert item.code in CODES or item.code in YAML_CODES
            assert str(item).isprintable(), item
        return template, found, marks

    def good(self, text: str, *warnings: str, **options: object) -> HotTemplate:
        """The model of a template without problems, but for warnings of these codes."""
        template, found, _ = self.read(text, **options)
        report = "\n".join(map(str, found))
        assert [item.code for item in found] == list(warnings), report
        assert all(item.severity == "warning" for item in found), report
        assert template is not None
        return template

    def bad(self, text: str, *codes: str, more: tuple[tuple[str, int, int], ...] = (), **options: object) -> list[Diagnostic]:
        """The problems, which must be of these codes at the marked places (and at `more`, in other files), and no others. A
        code with a `?` is a warning."""
        _, found, marks = self.read(text, **options)
        report = "\n".join(map(str, found))
        told = [item.code + ("?" if item.severity == "warning" else "") for item in found]
        assert told == list(codes), report
        places = [
            (str(Path(item.file).relative_to(self.directory)), item.line, item.column)
            for item in found
            if item.file != "<input>"
        ]
        assert places == sorted([*marks, *more]), report
        return found


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    directory = tmp_path / "project"
    (directory / ".git").mkdir(parents=True)
    return Templates(directory)
