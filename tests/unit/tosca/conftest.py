"""Templates in tests mark with `§` the place where a problem is expected; the mark is taken out before reading."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

import bbq.tosca
from bbq.diagnostics import Diagnostic
from bbq.tosca.codes import CODES
from bbq.tosca.model import ServiceTemplate


@dataclass
class Templates:
    """Writes templates below a directory of their own and reads them."""

    directory: Path

    def write(self, name: str, text: str) -> tuple[Path, list[tuple[int, int]]]:
        """The file, and the (line, column) of each mark in it."""
        text = textwrap.dedent(text)
        marks = []
        while (index := text.find("§")) >= 0:
            marks.append((text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)))
            text = text[:index] + text[index + 1 :]
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path, marks

    def read(self, text: str, **options: object) -> tuple[ServiceTemplate | None, list[Diagnostic], list[tuple[int, int]]]:
        path, marks = self.write("service.yaml", text)
        service, found = bbq.tosca.load(path, **options)
        for item in found:
            assert item.code.startswith("BBQ-Y") or item.code in CODES
            assert str(item).isprintable(), item
        return service, found, marks

    def good(self, text: str, **options: object) -> ServiceTemplate:
        service, found, _ = self.read(text, **options)
        assert service is not None and not found, "\n".join(map(str, found))
        return service

    def bad(self, text: str, *codes: str, **options: object) -> list[Diagnostic]:
        """The problems, which must be of these codes at the marked places, in order, and no others."""
        _, found, marks = self.read(text, **options)
        report = "\n".join(map(str, found))
        assert [item.code for item in found] == list(codes), report
        assert [(item.line, item.column) for item in found if item.file.endswith("service.yaml")] == marks, report
        return found


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    directory = tmp_path / "project"
    (directory / ".git").mkdir(parents=True)
    return Templates(directory)
