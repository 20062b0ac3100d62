"""`python -m benchmarks.conformance`: the samples of other projects, each with the answer that a correct reader gives; how many
answers of `bbq-deploy validate` are right, by source and by kind. Exit 1 where a floor is missed or a difference is not argued
in the documentation.

The samples lie in `shared/corpora` beside the checkout: MANIFEST.csv has path, kind, expected verdict and reason.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from bbq.validation.findings import findings

ROOT = Path(__file__).resolve().parents[1]
CORPORA = ROOT.parent / "shared" / "corpora"
ARGUED = ROOT / "docs" / "explanation" / "conformance.md"

KINDS = frozenset(("cfn", "csar", "hot", "tosca_1x", "tosca_2"))
"""The kinds of samples that are templates, or archives of them."""

FLOORS: dict[str, float] = {
    "all": 0.98,
    "oasis-tosca/tests/tosca_2_0": 0.95,
    "oasis-tosca/tests/tosca_simple_yaml_1_0": 1.0,
    "malicious": 1.0,
}
"""Least share of right verdicts, of all samples and of some sources."""


@dataclass(frozen=True)
class Verdict:
    """`errors` are the texts of what was found; empty for a template that was accepted."""

    path: str
    kind: str
    expected: str
    errors: tuple[str, ...]
    corrected: bool = False
    """The manifest expects the opposite, and the language's own processor contradicts it."""

    @property
    def right(self) -> bool:
        return (not self.errors) == (self.expected == "accept")

    @property
    def source(self) -> str:
        return self.path.split("/", 1)[0]


def import_map(corpora: Path = CORPORA) -> dict[str, Path]:
    entries = yaml.safe_load((corpora / "import-map.yaml").read_text())
    return {entry["prefix"]: corpora / entry["path"] for entry in entries}


def manifest(corpora: Path = CORPORA) -> list[dict[str, str]]:
    """The rows of templates; none where the samples are not there."""
    path = corpora / "MANIFEST.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in KINDS]


def verdicts(corpora: Path = CORPORA) -> Iterator[Verdict]:
    mapping, by_heat = {prefix: str(path) for prefix, path in import_map(corpora).items()}, corrected()
    for row in manifest(corpora):
        if not row["expected"]:  # a part of others
            continue
        found = findings(str(corpora / row["path"]), inputs=None, import_map=mapping, offline=True)
        errors = tuple(str(item) for item in found if item.severity == "error")
        expected = by_heat.get(row["path"], row["expected"])
        yield Verdict(row["path"], row["kind"], expected, errors, corrected=expected != row["expected"])


def argued(page: Path = ARGUED) -> dict[str, str]:
    """Template -> expected verdict, of the differences that the documentation argues."""
    return _rows(page, "What is left, and why")


def corrected(page: Path = ARGUED) -> dict[str, str]:
    """Template -> verdict of a real Heat, where the manifest lists another."""
    return _rows(page, "Verdicts that Heat corrects")


def _rows(page: Path, section: str) -> dict[str, str]:
    text = page.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (accept|reject) \|", text, re.MULTILINE))


def shares(found: list[Verdict]) -> dict[str, tuple[int, int]]:
    """(right, total) of what has a floor."""
    parts = {name: found if name == "all" else [item for item in found if item.path.startswith(name + "/")] for name in FLOORS}
    return {name: (sum(item.right for item in items), len(items)) for name, items in parts.items()}


def _table(title: str, found: list[Verdict], key: Callable[[Verdict], str], known: Mapping[str, str]) -> None:
    print(f"\n{title:<28} {'right':>6} {'total':>6} {'share':>8} {'argued':>7}")
    groups: dict[str, list[Verdict]] = {}
    for item in found:
        groups.setdefault(key(item), []).append(item)
    for name, items in [*sorted(groups.items()), ("all", found)]:
        right = sum(item.right for item in items)
        wrong = sum(not item.right and item.path in known for item in items)
        print(f"{name:<28} {right:>6} {len(items):>6} {right / len(items):>8.1%} {wrong:>7}")


def main() -> int:
    if not (CORPORA / "MANIFEST.csv").exists():
        print(f"no samples in {CORPORA}", file=sys.stderr)
        return 1
    found, known = list(verdicts()), argued()
    _table("kind", found, lambda item: item.kind, known)
    _table("source", found, lambda item: item.source, known)
    missed = 0
    print()
    for name, (right, total) in shares(found).items():
        reached = right >= FLOORS[name] * total
        missed += not reached
        print(f"{'ok  ' if reached else 'MISS'} {name}: {right} of {total}, at least {FLOORS[name]:.0%}")
    wrong = {item.path: item for item in found if not item.right}
    print(f"\n{sum(item.corrected for item in found)} listed verdicts count the other way, as Heat decides (the page below)")
    print("\nDifferences, argued in docs/explanation/conformance.md:")
    for path, item in wrong.items():
        mark = "    " if path in known else "NEW "
        missed += path not in known
        print(f"{mark} {path}: {item.errors[0] if item.errors else 'accepted'}".replace(f"{CORPORA}/", ""))
    for path in known.keys() - wrong.keys() & {item.path for item in found}:
        missed += 1
        print(f"GONE {path}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
