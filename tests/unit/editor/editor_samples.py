"""The sample templates beside the repository, where present, with the verdict that a correct reader gives."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from bbq.diagnostics import DiagnosticBag
from bbq.yamlreader import Document, read_bytes

ROOT = Path(__file__).resolve().parents[3]
CORPORA = ROOT.parent / "shared" / "corpora"
PRESENT = (CORPORA / "MANIFEST.csv").exists()


@dataclass(frozen=True)
class Sample:
    path: Path
    name: str
    kind: str
    expected: str

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()

    def document(self) -> Document | None:
        """What the reader makes of it, duplicate keys forgiven."""
        return read_bytes(self.content, self.name, DiagnosticBag(), judge=True)


def samples(*kinds: str, expected: str | None = None) -> Iterator[Sample]:
    if not PRESENT:
        return
    with (CORPORA / "MANIFEST.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] in (kinds or ("tosca_1x", "tosca_2")) and expected in (None, row["expected"]):
                yield Sample(CORPORA / row["path"], row["path"], row["kind"], row["expected"])


def import_map() -> dict[str, Path]:
    entries = yaml.safe_load((CORPORA / "import-map.yaml").read_text())
    return {entry["prefix"]: CORPORA / entry["path"] for entry in entries}


def own_templates() -> list[Path]:
    """The project's own TOSCA files."""
    return sorted([*ROOT.glob("examples/*/*.yaml"), *ROOT.glob("templates/**/*.yaml")])
