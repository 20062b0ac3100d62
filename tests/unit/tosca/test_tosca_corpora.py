"""Templates of public projects, with the answer that a correct reader gives. They lie beside the repository, where present."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bbq.tosca
from benchmarks import conformance

CORPORA = conformance.CORPORA
HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(not (CORPORA / "MANIFEST.csv").exists(), reason="no sample templates beside the repository")
# Peak memory of a process that reads every hostile file.
MEGABYTES = 200

MEASURE = """
import re, sys
import bbq.tosca
for path in sys.argv[1:]:
    bbq.tosca.load(path)
print(int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) / 1024)
"""
# not ru_maxrss: that of a parent is handed down through fork and exec


ASSERTIONS = "oasis-tosca/tests/tosca_simple_yaml_1_0"
ERRORS = {
    "ImplementationArtifactInvalidOnInterfaceType": {"BBQ-T072"},
    "InvalidNativeTypeExtend": {"BBQ-T032"},
    "InvalidParentType": {"BBQ-T030"},
    "InvalidSyntax": {"BBQ-T011", "BBQ-T012"},
    "InvalidTOSCAVersion": {"BBQ-T001"},
    "InvalidType": {"BBQ-T012"},
    "MissingArtifactType": {"BBQ-T030"},
    "MissingImportFile": {"BBQ-T020", "BBQ-T021", "BBQ-T025"},
    "MissingRequiredKeyname": {"BBQ-T011"},
    "MissingTOSCAVersion": {"BBQ-T001"},
    "TOSCAVersionMustBeFirstLine": {"BBQ-T003"},
    "UnknownCapabilityType": {"BBQ-T030"},
    "UnknownDataType": {"BBQ-T030"},
    "UnknownDslDefinition": {"BBQ-Y020"},
    "UnknownRepository": {"BBQ-T025"},
    "ValueTypeMismatch": {"BBQ-T040"},
}
"""OASIS's name of an error -> codes."""


def manifest():
    return [row for row in conformance.manifest() if row["kind"] not in ("hot", "cfn")]


def errors_of(path):
    _, found = bbq.tosca.load(CORPORA / path, import_map=conformance.import_map())
    return [item for item in found if item.severity == "error"]


def test_verdicts():
    found = list(conformance.verdicts())
    assert len(found) > 400
    wrong = {item.path: item.expected for item in found if not item.right}
    assert wrong == conformance.argued(), "the documentation argues each difference, and no other"
    for name, (right, total) in conformance.shares(found).items():
        assert right >= conformance.FLOORS[name] * total > 0, name


def test_every_file_is_read_without_an_exception_and_without_control_characters():
    for row in manifest():
        _, found = bbq.tosca.load(CORPORA / row["path"], import_map=conformance.import_map())
        assert all(str(item).isprintable() for item in found)


def rejects():
    with (HERE / "corpora_rejects.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_reject_has_its_reason():
    expected = {row["path"] for row in manifest() if row["expected"] == "reject"}
    assert expected - set(conformance.argued()) == {row["path"] for row in rejects()}


@pytest.mark.parametrize("row", rejects(), ids=lambda row: row["path"])
def test_what_is_rejected_is_rejected_for_the_right_reason(row):
    """The line is the broken value's own, the code is that of the mistake, and the message names the thing."""
    found = [
        item
        for item in errors_of(row["path"])
        if (item.line, item.code) == (int(row["line"]), row["code"]) and item.file.endswith(row["file"] or row["path"])
    ]
    assert any(row["named"] in item.message for item in found), list(map(str, errors_of(row["path"])))


def assertions():
    """(file, error names, lines) of each of OASIS's assertions for 1.0 that expects errors."""
    found = []
    for path in sorted((CORPORA / ASSERTIONS).glob("*.yml")):
        text = path.read_text()
        names = re.search(r"testAssertion\.tags\.(?:errors|warnings): (.*)", text)
        lines = re.search(r"testAssertion\.tags\.(?:errors|warnings)_lines: (.*)", text)
        if names and lines and "WarnNotInheritFromRoot" not in names[1]:
            found.append((path.name, names[1].split(", "), [int(line) for line in lines[1].split(", ")]))
    return found


def told_more_exactly():
    """Assertion -> (its line, ours): the second table of the documentation."""
    rows = re.findall(r"^\| `([^`]+)` \| (\d+) \| (\d+) \|", conformance.ARGUED.read_text(), re.MULTILINE)
    return {name: (int(theirs), int(ours)) for name, theirs, ours in rows}


@pytest.mark.parametrize(("name", "errors", "lines"), assertions(), ids=lambda value: value if isinstance(value, str) else "")
def test_assertions_of_oasis_for_1_0(name, errors, lines):
    found = errors_of(f"{ASSERTIONS}/{name}")
    theirs, ours = told_more_exactly().get(name, (None, None))
    places = {(code, line) for item in found for code, line in [(item.code, item.line), *related(item)]}
    for error, line in zip(errors, lines, strict=True):
        wanted = ours if line == theirs else line
        assert any((code, wanted) in places for code in ERRORS[error]), list(map(str, found))


def related(item):
    return [(item.code, place.line) for place, _ in item.related]


def test_every_assertion_was_met():
    names = {name for name, _, _ in assertions()}
    assert len(names) == 25 and set(told_more_exactly()) <= names


def test_lines_that_the_manifest_names():
    for row in manifest():
        line = re.search(r"\(line (\d+)\)", row["reason"])
        if line and "duplicate key" not in row["reason"]:  # these lines are counted from 0 there
            assert errors_of(row["path"])[0].line == int(line[1]), row["path"]


MALICIOUS = [row for row in manifest() if row["path"].startswith("malicious/")]


@pytest.mark.parametrize("row", MALICIOUS, ids=lambda row: row["path"])
def test_hostile_files(row):
    start = time.process_time()
    _, found = bbq.tosca.load(CORPORA / row["path"])
    assert time.process_time() - start < 10  # a hang, not a benchmark
    assert any(item.severity == "error" for item in found) == (row["expected"] == "reject"), found
    assert not any("root:" in str(item) for item in found), "the content of another file is shown"


def test_hostile_files_take_little_memory():
    paths = [str(CORPORA / row["path"]) for row in MALICIOUS]
    done = subprocess.run([sys.executable, "-c", MEASURE, *paths], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < MEGABYTES
