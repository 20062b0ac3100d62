"""Cycles are found, and found truly."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from bbq.topology.cycles import find_cycles

names = st.sampled_from("abcdefgh")


@given(st.dictionaries(names, st.sets(names), min_size=1))
def test_cycles_are_real_and_none_is_missed(found: dict[str, set[str]]) -> None:
    graph = {name: {target for target in targets if target in found} for name, targets in found.items()}
    cycles = find_cycles(graph)
    for cycle in cycles:
        assert len(set(cycle)) == len(cycle)
        for position, name in enumerate(cycle):
            assert cycle[(position + 1) % len(cycle)] in graph[name]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        assert cycles
    else:
        assert not cycles


def test_each_knot_gives_its_shortest_cycle_once() -> None:
    graph = {"a": ["b"], "b": ["c", "a"], "c": ["a"], "x": ["y", "a"], "y": ["x"], "z": ["z"], "end": ["a"]}
    assert find_cycles(graph) == [["a", "b"], ["x", "y"], ["z"]]


def test_a_long_cycle_needs_no_stack() -> None:
    size = 20_000
    graph = {f"n{i}": [f"n{(i + 1) % size}"] for i in range(size)}
    (cycle,) = find_cycles(graph)
    assert len(cycle) == size
