"""Templates of public projects, with the answer that a correct reader gives. They lie beside the repository, where present."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import bbq.tosca

CORPORA = Path(__file__).resolve().parents[3].parent / "shared" / "corpora"
pytestmark = pytest.mark.skipif(not (CORPORA / "MANIFEST.csv").exists(), reason="no sample templates beside the repository")
# The share of right verdicts; what is missing is listed when the test runs with -s.
FLOOR = 0.93
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


def manifest():
    if not (CORPORA / "MANIFEST.csv").exists():
        return []
    with (CORPORA / "MANIFEST.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in ("tosca_1x", "tosca_2")]


def import_map():
    entries = yaml.safe_load((CORPORA / "import-map.yaml").read_text())
    return {entry["prefix"]: CORPORA / entry["path"] for entry in entries}


def test_verdicts(capsys):
    mapping, right, wrong = import_map(), 0, []
    rows = manifest()
    for row in rows:
        _, found = bbq.tosca.load(CORPORA / row["path"], import_map=mapping)  # never raises
        errors = [item for item in found if item.severity == "error"]
        assert all(str(item).isprintable() for item in found)
        if not row["expected"]:
            continue
        if (not errors) == (row["expected"] == "accept"):
            right += 1
        else:
            wrong.append(f"{row['path']}: {errors[0] if errors else 'accepted'}")
    with capsys.disabled():
        print(f"\nright verdicts: {right} of {right + len(wrong)}")
    print(*wrong, sep="\n")
    assert right / (right + len(wrong)) >= FLOOR


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
