"""The YAML reader: what it reads, what it refuses and where."""

from __future__ import annotations

import os
import sys
import textwrap

import pytest
import yaml

from bbq.diagnostics import DiagnosticBag
from bbq.yamlreader import Limits, at, data, printable, read_bytes, read_file
from bbq.yamlreader.codes import CODES


def read(text, limits=None, **options):
    """(value or None, diagnostics)."""
    bag = DiagnosticBag()
    content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    document = read_bytes(content, "t.yaml", bag, limits or Limits(), **options)
    return document, bag.sorted()


def refused(text, limits=None):
    document, found = read(text, limits)
    assert document is None
    assert len(found) == 1, found
    assert found[0].code in CODES
    return found[0].code, found[0].line, found[0].column


def value(text, dialect="1.1"):
    document, found = read(text)
    assert not found
    return data(document.root, dialect)


def test_values_of_both_dialects():
    text = "{a: yes, b: 0o14, c: 0644, d: 1_000, e: 1.5e3, f: ~, g: '1', h: 22:22, i: 2026-01-31, j: 0x1F, k: .inf, l: -3}"
    assert value(text) == {
        "a": True,
        "b": 12,
        "c": 420,
        "d": 1000,
        "e": 1500.0,
        "f": None,
        "g": "1",
        "h": "22:22",
        "i": "2026-01-31",
        "j": 31,
        "k": float("inf"),
        "l": -3,
    }
    newer = value(text, "1.2")
    assert newer["a"] == "yes" and newer["c"] == 644


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+", "+"),
        ("-x", "-x"),
        ("...x", "...x"),
        ("1e3", 1000.0),
        ("1e", "1e"),
        ("08", "08"),
        ("1.2.3", "1.2.3"),
        ("0b101", 5),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float '5'", 5.0),
        ("!!bool 'yes'", True),
        ("!!null x", None),
        ('"\\0"', "\0"),
    ],
)
def test_scalars(text, expected):
    found = value(f"v: {text}\n")["v"]
    assert found == expected and type(found) is type(expected)


def test_every_node_knows_its_place():
    document, _ = read("a:\n  - b: c\n    d: |\n      e\n")
    inner = document.root.value[0][1].value[0]
    assert str(at(inner)) == "t.yaml:2:5"
    key, text = inner.value[1]
    assert (at(key).line, at(key).column, at(text).line, at(text).column) == (3, 5, 3, 8)


def test_crlf_and_byte_order_mark_leave_the_places_right():
    document, found = read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert not found
    assert (at(document.root.value[1][0]).line, at(document.root.value[1][0]).column) == (2, 1)
    assert refused(b"\xef\xbb\xbfa: 1\r\nb: 2\r\na: 3\r\n") == ("BBQ-Y009", 3, 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", ("BBQ-Y008", 1, 1)),
        (b"# only a comment\n", ("BBQ-Y008", 1, 1)),
        (b"a: 1\nb: \xff\n", ("BBQ-Y003", 2, 4)),
        ("a: ü\nb: ".encode() + b"\xe4x\n", ("BBQ-Y003", 2, 4)),
        (b"a: 1\nb: x\x00y\n", ("BBQ-Y004", 2, 5)),
        (b"a: 1\nb: \x1b[31m\n", ("BBQ-Y004", 2, 4)),
        (b"a:\n\tb: 1\n", ("BBQ-Y006", 2, 1)),
        (b"a: [1\nb: 2\n", ("BBQ-Y005", 2, 2)),
        (b"a: 1\n---\nb: 2\n", ("BBQ-Y007", 2, 1)),
        (b"a: 1\nb: 2\na: 3\n", ("BBQ-Y009", 3, 1)),
        (b"a: {b: 1, 'b': 2}\n", ("BBQ-Y009", 1, 11)),
        (b"a: !!python/object/apply:os.system [x]\n", ("BBQ-Y010", 1, 4)),
        (b"a: !mine x\n", ("BBQ-Y010", 1, 4)),
        (b"!mine a: x\n", ("BBQ-Y010", 1, 1)),
        (b"a: *b\n", ("BBQ-Y020", 1, 4)),
        (b"a: &a [*a]\n", ("BBQ-Y015", 1, 4)),
        (b"a: &a {<<: *a}\n", ("BBQ-Y015", 1, 4)),
        (b"[a, b]: c\n", ("BBQ-Y018", 1, 1)),
        (b"?\n: c\n", ("BBQ-Y018", 1, 2)),
        (b"a: {<<: [1]}\n", ("BBQ-Y019", 1, 10)),
        (b"a: " + b"9" * 5000 + b"\n", ("BBQ-Y017", 1, 4)),
        (b"a: 0x" + b"f" * 5000 + b"\n", ("BBQ-Y017", 1, 4)),
    ],
)
def test_refused_at_its_place(text, place):
    assert refused(text) == place


def test_duplicate_key_names_both_places():
    _, found = read("a: 1\nb: 2\na: 3\n")
    assert (found[0].line, found[0].related[0][0].line) == (3, 1)


def test_duplicate_keys_are_left_to_a_front_end_that_judges_them_and_the_last_wins():
    document, found = read("a: 1\nb: { x: 1 }\na: 2\na: 3\n", judge=True)
    assert data(document.root) == {"a": 3, "b": {"x": 1}} and not found
    (duplicates,) = document.duplicates.values()
    assert [(at(item.key).line, at(item.first).line, item.lost.value) for item in duplicates] == [(3, 1, "1"), (4, 3, "2")]
    assert list(document.duplicates) == [id(document.root)]


def test_what_a_duplicate_key_loses_is_bounded_all_the_same():
    deep = "x: " + "[" * 50 + "]" * 50
    document, found = read(f"{deep}\nx: 1\n", Limits(depth=10), judge=True)
    assert document is None and found[0].code == "BBQ-Y011"
    document, found = read("x: !evil 1\nx: 1\n", judge=True)
    assert document is None and found[0].code == "BBQ-Y010"


def test_list_keys_are_left_to_a_front_end_that_judges_them():
    document, found = read("[ a, B ]: 1\n[ a, 'c d' ]: 2\nplain: 3\n", judge=True)
    assert not found and document.list_keys
    keys = [key for key, _ in document.root.value]
    assert [key.value for key in keys] == ["[a, B]", "[a, c d]", "plain"]
    assert [tuple(item.value for item in key.items) for key in keys[:2]] == [("a", "B"), ("a", "c d")]
    assert (at(keys[1]).line, at(keys[1]).column) == (2, 1)


@pytest.mark.parametrize("text", ["[ [ a ] ]: 1", "[]: 1", "{ a: b }: 1", "[ { a: b } ]: 1"])
def test_other_keys_that_are_no_scalars_are_refused(text):
    document, found = read(text, judge=True)
    assert document is None and found[0].code == "BBQ-Y018"
    document, found = read("[ a ]: 1")
    assert document is None and found[0].code == "BBQ-Y018"


def test_every_problem_in_one_run():
    _, found = read("a: 1\na: 2\nb: !x 1\nc: {d: 1, d: 2}\n")
    assert [(item.code, item.line) for item in found] == [("BBQ-Y009", 2), ("BBQ-Y010", 3), ("BBQ-Y009", 4)]


def test_merge_keys():
    text = """
    base: &base {x: 1, y: 2}
    more: &more {y: 3, z: 4}
    a: {<<: *base, y: 5}
    b: {<<: [*base, *more]}
    c: {"<<": text}
    """
    found = value(text)
    assert found["a"] == {"x": 1, "y": 5}
    assert found["b"] == {"x": 1, "y": 2, "z": 4}
    assert found["c"] == {"<<": "text"}


def bomb(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return ("\n".join(lines) + "\n").encode()


def test_caps_one_code_each():
    assert refused(bomb(10))[0] == "BBQ-Y014"
    assert refused(b"[" * 200 + b"]" * 200) == ("BBQ-Y011", 1, 100)
    assert refused(b"a:\n  - " + b"[" * 100_000) == ("BBQ-Y011", 2, 102)  # two levels are there already
    assert refused(b"- a\n" * 100_000 + b"- " + b"[" * 100_000)[:2] == ("BBQ-Y011", 100_001)
    assert refused(b"[1, 2, 3, 4]", Limits(nodes=4))[0] == "BBQ-Y012"
    assert "data into a file of its own" in read(b"[1, 2, 3, 4]", Limits(nodes=4))[1][0].hint
    assert refused(b"a: &a [1]\nb: [*a, *a, *a]\n", Limits(aliases=2))[0] == "BBQ-Y013"
    assert refused(b"a: aaaaaaaaaa\n", Limits(scalar_chars=9, integer_digits=5)) == ("BBQ-Y016", 1, 4)
    assert refused(b"a: 1\n", Limits(file_bytes=4)) == ("BBQ-Y002", 1, 1)


def test_aliases_do_not_get_round_the_depth():
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200)]
    assert refused("\n".join(lines).encode())[0] == "BBQ-Y011"


def test_a_merge_key_bomb_stays_small():
    lines = ["m0: &m0 {a: 1}"]
    lines += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 9)]
    assert len(value("\n".join(lines))["m8"]) == 9


def test_a_huge_file_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        os.ftruncate(file.fileno(), 100_000_000)
    bag = DiagnosticBag()
    assert read_file(path, bag) is None
    assert [item.code for item in bag.items] == ["BBQ-Y002"]


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "device"])
def test_only_regular_files_are_read(tmp_path, kind):
    path = tmp_path / "x"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    bag = DiagnosticBag()
    assert read_file(path, bag) is None
    assert [item.code for item in bag.items] == ["BBQ-Y001"]


def test_a_file_that_is_not_there_has_a_near_one(tmp_path):
    for name in ("service.yml", "unlike.yaml"):
        (tmp_path / name).touch()
    for wanted, hint in (("servce.yaml", "did you mean service.yml?"), ("none.yaml", None)):
        bag = DiagnosticBag()
        assert read_file(tmp_path / wanted, bag) is None
        assert bag.items[0].hint == hint


def test_the_garbage_collector_is_left_as_it_was():
    import gc

    assert gc.isenabled()
    read("a: [")
    assert gc.isenabled()
    gc.disable()
    try:
        read("a: 1")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_nothing_is_executed():
    before = set(sys.modules)
    refused(b"a: !!python/module:antigravity x\n")
    assert "antigravity" not in set(sys.modules) - before


def test_printable():
    assert printable("a\x1b[31mb\n") == "a\\x1b[31mb\\x0a"
    assert printable("x" * 500) == "x" * 120 + "..."


def test_agrees_with_pyyaml_on_plain_documents():
    text = """
    a: {b: [1, two, 3.5, true, null], c: "q\\n", d: 'single ''quoted'''}
    e: >
      folded
      text
    f: |-
      literal
    g: &anchor [1]
    h: *anchor
    """
    assert value(text) == yaml.safe_load(textwrap.dedent(text))
