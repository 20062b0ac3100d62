"""Heat templates of public projects, with the answer that a correct reader gives; they lie beside the repository, if at all."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import bbq
import bbq.hot
from benchmarks import conformance

CORPORA = Path(__file__).resolve().parents[3].parent / "shared" / "corpora"
pytestmark = pytest.mark.skipif(not (CORPORA / "MANIFEST.csv").exists(), reason="no sample templates beside the repository")

DISPUTED = {
    "heat-translator/samples/tests/data/hot_output/autoscaling/hot_cluster_autoscaling.yaml": {"BBQ-H033"},
    "heat-translator/samples/tests/data/hot_output/nfv/SP_res.yaml": {"BBQ-H032"},
    "heat-translator/samples/tests/data/hot_output/nfv/hot_tosca_nfv_autoscaling_with_param.yaml": {"BBQ-H032", "BBQ-H033"},
    "heat-translator/samples/tests/data/hot_output/storage/hot_blockstorage_with_relationship_template.yaml": {"BBQ-H034"},
}
"""Listed as right, refused by a real Heat for the same reasons (docs/explanation/conformance.md)."""


def manifest() -> list[dict[str, str]]:
    return [row for row in conformance.manifest() if row["kind"] in ("hot", "cfn")]


@pytest.mark.parametrize("row", manifest(), ids=lambda row: row["path"])
def test_verdicts(row):
    path = CORPORA / row["path"]
    start = time.process_time()
    found = bbq.validate(path)  # never raises
    assert time.process_time() - start < 10  # a hang, not a benchmark
    errors = [item for item in found if item.severity == "error"]
    assert all(str(item).isprintable() for item in found)
    if row["path"] in DISPUTED:
        assert {item.code for item in errors} == DISPUTED[row["path"]]
    elif row["expected"]:
        assert (not errors) == (row["expected"] == "accept"), errors


def test_disputed_ones_are_in_the_documentation():
    assert set(DISPUTED) == conformance.corrected().keys()


def test_rejects_name_the_line():
    cycle = bbq.validate(CORPORA / "malicious/hot-dependency-cycle.yaml")
    assert [(item.code, item.line) for item in cycle] == [("BBQ-H048", 5)]
    tag = bbq.validate(CORPORA / "malicious/python-tag-hot.yaml")
    assert [(item.code, item.line) for item in tag] == [("BBQ-Y010", 2)]


@pytest.mark.parametrize("path", sorted((CORPORA / "malicious").glob("*.yaml")), ids=lambda path: path.name)
def test_hostile_files_of_other_languages(path):
    _, found = bbq.hot.load(path)
    assert not any("root:" in str(item) for item in found)
    assert all(str(item).isprintable() for item in found)
