"""bbq's verdicts beside those of a real Heat, which runs in a process of its own, without a server.

`BBQ_HEAT_PYTHON` names an interpreter with Heat in it (by default Debian's, with the package python3-heat); without one there
is nothing to compare with. Where the two differ, and why, is told in docs/explanation/heat.md.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from hot_mutations import MUTATIONS, mutated, section

import bbq.hot
from bbq.hot.types import index, resource_type

ROOT = Path(__file__).resolve().parents[3]
CORPORA = ROOT.parent / "shared" / "corpora"
SAMPLES = Path(__file__).parent / "samples"
PYTHON = os.environ.get("BBQ_HEAT_PYTHON", "/usr/bin/python3")
AGREEMENT = 0.94

# Reasons of Heat's that no reader can know, or that are its own trouble with one of these samples.
NOT_OURS = re.compile(
    "Expiration time is out of date"  # a date in a sample
    "|Could not fetch remote template"  # a member's template that the samples lack, which is a warning
    r"|The Resource Type \(abcdef\)"  # a type that a parameter names, given here as any text
    "|EllipsisType takes no arguments"  # Zed stumbles over an `if` without a value for false
)
STAND_INS = {**index().aliases, "Heat::InstallConfigAgent": "OS::Heat::None", "AWS::CloudWatch::Alarm": "OS::Heat::None"}
"""Types that Heat has by configuration, and one that a sample leaves to its environment."""

pytestmark = pytest.mark.soak


class _Loader(yaml.SafeLoader):
    """Keeps the dates of versions as text."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


@dataclass
class Case:
    source: Path
    what: str
    document: dict[str, Any]
    parameters: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        return yaml.safe_dump(self.document, sort_keys=False)


@pytest.fixture(scope="module")
def heat() -> str:
    found = subprocess.run([PYTHON, "-c", "import heat.engine.stack"], capture_output=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"no Heat in {PYTHON}")
    return PYTHON


def ask(heat: str, cases: list[Case]) -> list[str | None]:
    """Heat's error for each case; None where it takes the template."""
    lines = [
        json.dumps(
            {
                "template": case.text(),
                "files": case.files,
                "parameters": case.parameters,
                "environment": {"resource_registry": STAND_INS},
            }
        )
        for case in cases
    ]
    command = [heat, str(ROOT / "tools/heat_verdict.py")]
    done = subprocess.run(command, input="\n".join(lines) + "\n", text=True, capture_output=True, check=True)
    return [json.loads(line)["error"] for line in done.stdout.splitlines()]


def errors_of(case: Case, directory: Path) -> list[str]:
    """bbq's errors: code and text."""
    for name, text in case.files.items():
        if name.endswith((".yaml", ".template")) and "/" not in name:
            (directory / name).write_text(text)
    path = directory / "the-template.yaml"
    path.write_text(case.text())
    _, found = bbq.hot.load(path, parameters=case.parameters)
    return [f"{item.code} {item.message}" for item in found if item.severity == "error"]


def sources() -> list[Path]:
    found = sorted(SAMPLES.glob("*.yaml"))
    if (CORPORA / "MANIFEST.csv").exists():
        with (CORPORA / "MANIFEST.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["kind"] in ("hot", "cfn") and row["expected"] == "accept"]
        found += [CORPORA / row["path"] for row in rows]
    return found


def values(document: dict[str, Any]) -> dict[str, Any]:
    """A value for each parameter that has no default."""
    found = {}
    for name, body in section(document, "parameters").items():
        if "default" in body or "Default" in body:
            continue
        kind = str(body.get("type") or body.get("Type")).lower()
        found[name] = {"string": "abcdef", "number": 5, "json": {"a": "b"}, "boolean": True}.get(kind, "a,b")
        limits = [item for item in body.get("constraints") or [] if isinstance(item, dict)]
        allowed = body.get("AllowedValues") or next(
            (item["allowed_values"] for item in limits if "allowed_values" in item), None
        )
        found[name] = allowed[0] if allowed else found[name]
    return found


def files_named(value: Any) -> Iterator[str]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key == "get_file" and isinstance(item, str):
            yield item
        yield from files_named(item)


def cases(count: int, seed: int) -> list[Case]:
    documents = [(path, yaml.load(path.read_text(), _Loader)) for path in sources()]
    found = []
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        mutation = MUTATIONS[number % len(MUTATIONS)]
        for _ in range(30):
            path, document = rng.choice(documents)
            broken = mutated(document, mutation, rng)
            if broken is not None:
                files = dict.fromkeys(files_named(broken), "x")
                beside = [other for other in path.parent.iterdir() if other.suffix in (".yaml", ".template")]
                files |= {other.name: other.read_text() for other in beside}
                found.append(Case(path, mutation.__name__, broken, values(document), files))
                break
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_broken_templates(heat, tmp_path, capsys, seed):
    broken = cases(540, seed)
    told, missed, stricter = Counter[str](), [], []
    for number, (case, error) in enumerate(zip(broken, ask(heat, broken), strict=True)):
        directory = tmp_path / str(number)
        (directory / ".git").mkdir(parents=True)
        mine = errors_of(case, directory)
        told["both refuse" if error and mine else "both take" if not error and not mine else "differ"] += 1
        if error and not mine and not NOT_OURS.search(error):
            missed.append(f"{case.what} of {case.source.name}: {error}")
        elif mine and not error:
            stricter.append(f"{case.what} of {case.source.name}: {mine[0]}")
    with capsys.disabled():
        print(f"\nagainst Heat, seed {seed}: {dict(told)}")
    print(*stricter, sep="\n")
    assert missed == []
    assert told["differ"] / len(broken) <= 1 - AGREEMENT


def test_right_templates(heat, tmp_path):
    documents = [(path, yaml.load(path.read_text(), _Loader)) for path in sorted(SAMPLES.glob("*.yaml"))]
    files = {path.name: path.read_text() for path in SAMPLES.glob("*.yaml")}
    right = [Case(path, "", document, values(document), files) for path, document in documents]
    (tmp_path / ".git").mkdir()
    assert [error for error in ask(heat, right) if error and not NOT_OURS.search(error)] == []
    assert [errors_of(case, tmp_path) for case in right] == [[]] * len(right)


@pytest.mark.skipif(not CORPORA.exists(), reason="no sample templates beside the repository")
def test_disputed_samples_are_refused_by_heat(heat):
    from test_hot_corpora import DISPUTED

    paths = [CORPORA / name for name in DISPUTED]
    found = []
    for path in paths:
        document = yaml.load(path.read_text(), _Loader)
        files = {other.name: other.read_text() for other in path.parent.glob("*.yaml")}
        found.append(Case(path, "", document, values(document), files))
    reasons = ask(heat, found)
    for path, reason in zip(paths, reasons, strict=True):
        assert reason and re.search("not assigned|Unknown Property|must be a string", reason), (path.name, reason)


def test_the_table_has_everything_that_this_heat_has(heat):
    done = subprocess.run([heat, str(ROOT / "tools/heat_schema.py")], stdout=subprocess.PIPE, check=True)
    schema = json.loads(done.stdout)
    assert set(schema["types"]) <= index().types
    assert set(schema["constraints"]) <= index().constraints
    for name, body in schema["types"].items():
        found = resource_type(name)
        assert set(body["attributes"]) <= set(found.attributes) or body.get("any_attribute")
        assert set(body["properties"]) <= set(found.properties)
        for key, item in body["properties"].items():
            assert item["type"] == found.properties[key].type, (name, key)
            assert item.get("required", False) or not found.properties[key].required, (name, key)
    tables = json.loads((ROOT / "templates/hot/versions.json").read_text())
    assert schema["versions"] == tables
