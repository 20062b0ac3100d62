"""Orders of a graph."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbq.plan.order import critical_path, topological


@st.composite
def acyclic(draw: Any) -> dict[str, list[str]]:
    size = draw(st.integers(0, 8))
    names = draw(st.permutations([f"n{i}" for i in range(size)]))
    edges = {name: draw(st.lists(st.sampled_from(names[:at]), unique=True)) if at else [] for at, name in enumerate(names)}
    return {name: edges[name] for name in draw(st.permutations(names))}


@given(acyclic())
def test_topological_agrees_with_the_edges(after: dict[str, list[str]]) -> None:
    order = topological(after)
    assert sorted(order) == sorted(after)
    assert all(order.index(other) < order.index(name) for name in after for other in after[name])


@given(acyclic(), st.data())
def test_the_critical_path_is_a_longest_chain(after: dict[str, list[str]], data: Any) -> None:
    seconds = {name: data.draw(st.integers(0, 9)) for name in after}
    path, total = critical_path(after, seconds)
    assert total == sum(seconds[name] for name in path)
    assert all(first in after[second] for first, second in pairwise(path))
    longest: dict[str, float] = {}
    for name in topological(after):
        longest[name] = seconds[name] + max((longest[other] for other in after[name]), default=0)
    assert total == max(longest.values(), default=0)


def test_the_order_is_that_of_the_names_not_of_what_they_come_after() -> None:
    """Which is a set, and another one in each process."""
    for before in (["w0", "w1", "w2"], ["w2", "w0", "w1"]):
        assert topological({"all": before, "w0": [], "w1": [], "w2": []}) == ["w0", "w1", "w2", "all"]


def test_cycles() -> None:
    with pytest.raises(ValueError, match="after each other"):
        topological({"a": ["b"], "b": ["a"]})
    assert sorted(topological({"a": ["b"], "b": ["a"]}, tolerant=True)) == ["a", "b"]


def test_long_chains_need_no_stack() -> None:
    size = 50_000
    after = {f"n{i}": [f"n{i + 1}"] for i in range(size - 1)} | {f"n{size - 1}": []}
    assert topological(after)[-1] == "n0"
    assert critical_path(after, dict.fromkeys(after, 1.0))[1] == size
