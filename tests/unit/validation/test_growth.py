"""Twice the template is twice the work, whatever its shape: counted in calls of functions, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bbq.validation.findings import findings
from benchmarks import validate as benchmark

HEAD = "tosca_definitions_version: tosca_simple_yaml_1_3\ntopology_template:\n  node_templates:\n"
SECRET = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
"""
SHAPES: dict[str, Callable[[int], str]] = {
    "servers and what they host": benchmark.nodes,
    "hosts left open": lambda n: HEAD + "".join(f"    a{i}: {{ type: tosca.nodes.SoftwareComponent }}\n" for i in range(n)),
    "problems": lambda n: HEAD + "".join(f"    a{i}: {{ type: tosca.nodes.Compute, oops: 1 }}\n" for i in range(n)),
    "problems on one line": lambda n: (
        HEAD + "    a: { type: tosca.nodes.Compute" + "".join(f", o{i}: 1" for i in range(n)) + " }\n"
    ),
    "secrets with problems": lambda n: (
        SECRET
        + "".join(f"    d{i}: {{ type: bbq.nodes.Database, properties: {{ password: p, oops: 1 }} }}\n" for i in range(n))
    ),
    "missing scripts": lambda n: (
        HEAD
        + "".join(
            f"    a{i}: {{ type: tosca.nodes.Compute, interfaces: {{ Standard: {{ create: x{i}.sh }} }} }}\n" for i in range(n)
        )
    ),
}


def calls(path: Path) -> int:
    """How many functions one check calls."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        findings(str(path), inputs=None, import_map=None, offline=True)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_with_the_template(shape: str, tmp_path: Path) -> None:
    sizes = [100, 200, 400]  # below the number of findings that are kept
    counts = []
    for size in [sizes[0], *sizes]:  # the first time profiles are read
        path = tmp_path / f"{size}.yaml"
        path.write_text(SHAPES[shape](size))
        counts.append(calls(path))
    _, first, second, third = counts
    assert third - second < 2.3 * (second - first), counts


def test_templates_of_the_benchmark_are_valid(tmp_path: Path) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types/custom_types.yaml").write_text(benchmark.custom_types())
    (tmp_path / "service.yaml").write_text(benchmark.service())
    (tmp_path / "nodes.yaml").write_text(benchmark.nodes(100))
    import_map = {"https://example.org/types/": str(tmp_path / "types")}
    for name in ("service.yaml", "nodes.yaml"):
        assert not findings(str(tmp_path / name), inputs=None, import_map=import_map, offline=True)
    assert (
        benchmark.custom_types().count("derived_from: example") + benchmark.custom_types().count("derived_from: tosca.nodes")
        == 82
    )
