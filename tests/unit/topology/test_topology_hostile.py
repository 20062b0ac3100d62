"""A template is not trusted: planning it ends soon, in bounded memory, whatever it names and however its values grow."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

import bbq.topology
import bbq.tosca
from bbq.patterns import PatternTimeout, matches
from bbq.topology import sources
from bbq.topology.functions import FunctionError, call

HEAD = "tosca_definitions_version: tosca_2_0\nimports:\n  - profile: bbq:1.0\n"


def build(path: Path, text: str) -> tuple[bbq.topology.Topology | None, list[str]]:
    path.write_text(HEAD + text)
    service, found = bbq.tosca.load(str(path))
    assert service is not None, found
    topology, found = bbq.topology.build(service, inputs={}, provider="local")
    return topology, [one.message for one in found]


def worker(properties: str) -> str:
    return f"service_template:\n  node_templates:\n    w: {{ type: bbq.nodes.Worker, properties: {{ {properties} }} }}\n"


def test_fifos_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    topology, found = build(
        tmp_path / "s.yaml", worker("command: [ sh, fifo, zero, /dev/zero, /proc/kmsg ], sources: [ fifo, zero, '*' ]")
    )
    assert topology is not None, found
    digests = topology.nodes["w.instance[0]"].properties["source_digests"]
    assert {"fifo", "zero", "/dev/zero"}.isdisjoint(digests) and "s.yaml" in digests


def test_a_file_that_claims_to_be_empty_is_not_read_on(tmp_path: Path) -> None:
    """The pseudo-files of /proc have no size; some of them never end."""
    tree = sources.Tree(tmp_path)
    assert tree.digest(Path("/proc/self/status"), [1000]) == tree.digest(Path("/proc/self/comm"), [1000])


@pytest.mark.parametrize("pattern", ["**/*", "**/nothing", "**/**/**/nothing", "*/*/*/*"])
def test_patterns_do_not_walk_the_file_system(tmp_path: Path, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MOST_VISITED", 500)
    (tmp_path / "root").symlink_to("/")
    topology, found = build(
        tmp_path / "s.yaml", worker(f"command: [ sh ], directory: /, sources: [ '{pattern}', 'root/{pattern}', '.', '**' ]")
    )
    assert topology is not None, found
    assert len(topology.nodes["w.instance[0]"].properties.get("source_digests", {})) <= 500


def test_patterns_find_what_paths_glob_finds(tmp_path: Path) -> None:
    for name in ("a.py", "lib/b.py", "lib/deep/c.py", "lib/deep/c.txt", ".hidden.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for pattern in ("*.py", "**/*.py", "lib/**/*.py", "lib/*/c.*", "lib/b.py", "**/deep/*", "./a.py"):
        wanted = sorted(path for path in tmp_path.glob(pattern) if path.is_file())
        found = sources.matching([pattern], tmp_path, sources.Tree(tmp_path))
        assert sorted(path for path in found if path.is_file()) == wanted, pattern


def test_values_that_double_are_an_error_not_the_end_of_memory(tmp_path: Path) -> None:
    first = "    n0: { type: bbq.nodes.Worker, properties: { command: [ sh, xxxxxxxx ] } }\n"
    more = "".join(
        f"    n{i}: {{ type: bbq.nodes.Worker, properties: {{ command: [ sh, {{ $concat: ["
        f" {{ $get_property: [ n{i - 1}, command, 1 ] }}, {{ $get_property: [ n{i - 1}, command, 1 ] }} ] }} ] }} }}\n"
        for i in range(1, 45)
    )
    topology, found = build(tmp_path / "s.yaml", "service_template:\n  node_templates:\n" + first + more)
    assert topology is None and any("larger than" in message for message in found)


def test_values_that_share_themselves_are_an_error(tmp_path: Path) -> None:
    """Lists of lists of lists: small in memory, endless for whoever walks over them."""
    types = "data_types:\n  t0: { derived_from: string }\n" + "".join(
        f"  t{i}: {{ properties: {{ a: {{ type: t{i - 1} }}, b: {{ type: t{i - 1} }} }} }}\n" for i in range(1, 40)
    )
    nodes = "node_types:\n" + "".join(
        f"  k{i}: {{ derived_from: bbq.nodes.Root, properties: {{ p: {{ type: t{i} }} }} }}\n" for i in range(40)
    )
    templates = "service_template:\n  node_templates:\n    n0: { type: k0, properties: { p: x } }\n" + "".join(
        f"    n{i}: {{ type: k{i}, properties: {{ p: {{ a: {{ $get_property: [ n{i - 1}, p ] }},"
        f" b: {{ $get_property: [ n{i - 1}, p ] }} }} }} }}\n"
        for i in range(1, 40)
    )
    topology, found = build(tmp_path / "s.yaml", types + nodes + templates)
    assert topology is None and any("too large" in message for message in found)


def test_products_do_not_grow_without_bound() -> None:
    with pytest.raises(FunctionError, match="too large"):
        call("product", [10**300] * 20)
    assert call("product", [3, 4, 2]) == 24


@pytest.mark.parametrize("pattern", ["(a|a|a?)" * 30 + "b", "a?" * 40 + "a" * 40 + "b", "(a|a){40}b", "(?:(?:a?){9}){9}b"])
def test_patterns_that_explode_without_a_star_end(pattern: str) -> None:
    with contextlib.suppress(PatternTimeout):
        assert not matches(pattern, "a" * 40)


def test_a_pattern_too_deep_for_the_compiler_is_a_broken_pattern(tmp_path: Path) -> None:
    deep = "(" * 3000 + ")" * 3000
    with pytest.raises(FunctionError, match="too large"):
        call("matches", ["a", deep])
    given = f"    a: {{ type: string, default: x, validation: {{ $matches: [ $value, '{deep}' ] }} }}\n"
    (tmp_path / "s.yaml").write_text(f"{HEAD}service_template:\n  inputs:\n{given}")
    _, found = bbq.tosca.load(str(tmp_path / "s.yaml"))
    assert any(one.severity == "error" for one in found)
