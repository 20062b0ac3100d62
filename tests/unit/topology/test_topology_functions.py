"""The pure functions."""

from __future__ import annotations

from typing import Any

import pytest

from bbq.topology.functions import FunctionError, call, satisfies
from bbq.topology.values import UNKNOWN, Attribute, Call, Secret


@pytest.mark.parametrize(
    ("name", "args", "answer"),
    [
        ("concat", ["a", 1, True, 2.5], "a1true2.5"),
        ("concat", [[1], [2, 3]], [1, 2, 3]),
        ("join", [["a", "b"], ","], "a,b"),
        ("join", [["a", 1]], "a1"),
        ("token", ["a:b.c", ":.", 2], "c"),
        ("length", ["abc"], 3),
        ("length", [{"a": 1}], 1),
        ("matches", ["v12", "v[0-9]+"], True),
        ("matches", ["v12x", "v[0-9]+"], True),
        ("matches", ["v12x", "^v[0-9]+$"], False),
        ("matches", ["v12\n", "^v[0-9]+$"], False),
        ("matches", ["v12$", "^v[0-9]+\\$"], True),
        ("and", [True, False], False),
        ("or", [False, True], True),
        ("not", [False], True),
        ("xor", [True, False], True),
        ("equal", ["1 GB", "1000 MB"], True),
        ("equal", [1, True], False),
        ("equal", [[1, 2], [1, 2]], True),
        ("greater_than", ["1100 MB", "1 GB"], True),
        ("greater_than", ["1 GiB", "1 GB"], True),
        ("greater_than", ["1 MBps", "1 Mbps"], True),
        ("less_than", ["1.9.0", "1.10.0"], True),
        ("less_or_equal", [2, 2.0], True),
        ("in_range", [3, [1, "UNBOUNDED"]], True),
        ("in_range", [0, [1, 3]], False),
        ("valid_values", ["b", ["a", "b"]], True),
        ("sum", [1, 2, 3.5], 6.5),
        ("sum", ["1 GB", "500 MB"], "1.5 GB"),
        ("difference", ["2 h", "30 m"], "1.5 h"),
        ("product", [2, 3], 6),
        ("product", [2, "10 MB"], "20 MB"),
        ("quotient", [7, 2], 3.5),
        ("quotient", ["3 GB", "1 GB"], 3.0),
        ("quotient", ["3 GB", 2], "1.5 GB"),
        ("remainder", [7, 3], 1),
        ("round", [2.5], 2),
        ("floor", [2.7], 2),
        ("ceil", [2.1], 3),
        ("union", [[1, 2], [2, 3]], [1, 2, 3]),
        ("intersection", [[1, 2, 2], [2, 3]], [2]),
        ("has_entry", [{"a": 1}, 1], True),
        ("has_key", [{"a": 1}, "b"], False),
        ("has_all_entries", [[1, 2, 3], [1, 3]], True),
        ("has_any_entry", [[1, 2, 3], [7, 3]], True),
        ("has_all_keys", [{"a": 1, "b": 2}, ["a", "b"]], True),
        ("has_any_key", [{"a": 1}, ["x", "a"]], True),
        ("contains", ["hello", "ell"], True),
        ("contains", [[1, 2, 3], [2, 3]], True),
        ("contains", [[1, 2, 3], [3, 2]], False),
        ("has_prefix", ["hello", "he"], True),
        ("has_suffix", [[1, 2, 3], [2, 3]], True),
        ("has_suffix", [[1], []], True),
        ("select", [{"a": [5, 6]}, "a", 1], 6),
        ("argv", ["run 'a b' c"], ["run", "a b", "c"]),
    ],
)
def test_answers(name: str, args: list[Any], answer: Any) -> None:
    found = call(name, args)
    assert found == answer
    assert type(found) is type(answer)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("frobnicate", []),
        ("concat", [{"a": 1}]),
        ("token", ["a", ":", 1]),
        ("token", ["a", ":", -1]),
        ("token", ["a", "", 0]),
        ("greater_than", [1, "x"]),
        ("greater_than", ["1 GB", "1 s"]),
        ("in_range", [1, [1]]),
        ("in_range", [1, 7]),
        ("and", [1]),
        ("sum", ["a", "b"]),
        ("sum", [True]),
        ("quotient", [1, 0]),
        ("product", ["1 GB", "1 GB"]),
        ("round", ["x"]),
        ("has_key", [[1], 1]),
        ("union", [1]),
        ("has_suffix", ["abc", 5]),
        ("has_prefix", ["abc", 5]),
        ("has_suffix", [[1, 5], 5]),
        ("contains", [5, 5]),
        ("matches", ["a", "("]),
        ("matches", ["a" * 40 + "!", "^(a+)+$"]),
        ("length", []),
        ("select", [{"a": 1}, "b"]),
        ("argv", ["'open"]),
    ],
)
def test_misfits_are_errors_with_a_sentence(name: str, args: list[Any]) -> None:
    with pytest.raises(FunctionError) as caught:
        call(name, args)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["has_prefix", "has_suffix", "contains"])
def test_parts_say_what_they_are_parts_of(name: str) -> None:
    for args, reason in (
        (["abc", 5], "a string has strings for parts"),
        ([[1, 5], 5], "a list is needed"),
        ([5, "5"], "a string or a list is needed first"),
    ):
        with pytest.raises(FunctionError, match=f"{name} cannot be applied to .*: {reason}"):
            call(name, args)


def test_what_touches_a_secret_is_secret() -> None:
    assert call("concat", ["a", Secret("b")]) == Secret("ab")
    assert call("concat", [["a"], [Secret("b")]]) == Secret(["a", "b"])
    with pytest.raises(FunctionError) as caught:
        call("token", [Secret("hush"), ":", 9])
    assert "hush" not in str(caught.value)
    assert "pieces" not in str(caught.value)


def test_clauses() -> None:
    assert satisfies("pattern", "abc", "[a-c]+")
    assert satisfies("length", "abc", 3)
    assert satisfies("min_length", [1, 2], 2)
    assert not satisfies("max_length", "abc", 2)
    assert satisfies("in_range", 2, [1, 4])
    assert not satisfies("valid_values", "x", ["a"])


def test_calls_are_answered_late() -> None:
    class Scope:
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def attribute(self, node: str, path: tuple[str | int, ...]) -> Any:
            return self.answer

        def secret(self, name: str) -> Secret:
            raise AssertionError

    late = Call("concat", ("x", Call("join", ([Attribute("a", ("b",)), "y"], "-"))))
    assert late.evaluate(Scope("1")) == "x1-y"
    assert late.evaluate(Scope(Secret("1"))) == Secret("x1-y")
    assert late.evaluate(Scope(UNKNOWN)) is UNKNOWN
