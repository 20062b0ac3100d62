"""One mistake is one finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbq.validation.findings import findings

HEAD = """\
tosca_definitions_version: tosca_simple_yaml_1_3
data_types:
  Small: { derived_from: integer, constraints: [ less_than: 10 ] }
  Even: { derived_from: Small, constraints: [ valid_values: [ 2, 4 ] ] }
node_types:
  N:
    derived_from: tosca.nodes.Root
    properties:
      i: { type: integer, required: false }
      s: { type: string, required: false, constraints: [ valid_values: [ 7, abc ] ] }
      e: { type: Even, required: false }
topology_template:
  inputs:
    t: { type: string, default: abc }
    m: { type: integer, default: 7 }
    e: { type: Even, required: false }
    OTHER
  node_templates:
    n: { type: N, properties: { VALUE } }
  outputs: { o: { value: 1 } }
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("VALUE", "i: { get_input: t }", "19:38 error BBQ-T040"),  # and not the types that the function gives and wants
        ("VALUE", "s: { get_input: m }", "19:38 warning BBQ-T045"),
        ("VALUE", "e: x", "19:36 error BBQ-T040"),  # and not what cannot be compared with 10, with 2 and with 4
        ("VALUE", "e: 20", "19:36 error BBQ-T043"),
        ("OTHER", "bad: 5", "17:10 error BBQ-T012"),  # and not the keynames that it does not have
        ("o: { value: 1 }", "o: 5", "20:17 error BBQ-T012"),
        ("VALUE", "", None),
    ],
)
def test_one_finding(tmp_path: Path, old: str, new: str, told: str | None) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(HEAD.replace(old, new).replace("VALUE", "").replace("OTHER", ""))
    found = findings(str(path), inputs=None, import_map=None, offline=True)
    assert [f"{item.line}:{item.column} {item.severity} {item.code}" for item in found] == ([told] if told else [])


def test_one_finding_for_an_input_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(HEAD.replace("VALUE", "").replace("OTHER", ""))
    (found,) = findings(str(path), inputs={"e": "x"}, import_map=None, offline=True)
    assert (found.code, found.message) == ("BBQ-T102", "input `e` must be an integer, not the string `x`")


def test_one_finding_for_a_chain_that_is_too_long(tmp_path: Path) -> None:
    values = [f"    n{i}: {{ type: N, properties: {{ s: {{ get_property: [ n{i + 1}, s ] }} }} }}\n" for i in range(1200)]
    path = tmp_path / "t.yaml"
    path.write_text(
        HEAD.replace(
            "    n: { type: N, properties: { VALUE } }\n", "".join(values) + "    n1200: { type: N, properties: { s: abc } }\n"
        ).replace("OTHER", "")
    )
    (found,) = findings(str(path), inputs=None, import_map=None, offline=True)
    assert found.code == "BBQ-G007" and "nested too deeply" in found.message


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ("s: { type: string", "r: { type: range, default: [ 2, 1 ] }\n      s: { type: string", "BBQ-T040"),
        (
            "  N:\n",
            "  M: { derived_from: tosca.nodes.Root, requirements: [ r: { node: N, occurrences: [ 2, 1 ] } ] }\n  N:\n",
            "BBQ-T014",
        ),
    ],
)
def test_bounds_in_the_wrong_order(tmp_path: Path, place: str, value: str, code: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(HEAD.replace(place, value).replace("VALUE", "").replace("OTHER", ""))
    (found,) = findings(str(path), inputs=None, import_map=None, offline=True)
    assert (found.code, found.hint) == (code, "write [ 1, 2 ]") and "lower bound first, not [ 2, 1 ]" in found.message


def test_values_are_not_held_against_bounds_in_the_wrong_order(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    text = HEAD.replace(
        "i: { type: integer, required: false }", "i: { type: integer, required: false, constraints: [ in_range: [ 9, 1 ] ] }"
    )
    path.write_text(text.replace("VALUE", "i: 5").replace("OTHER", ""))
    (found,) = findings(str(path), inputs=None, import_map=None, offline=True)
    assert found.code == "BBQ-T044"


COPIED = """\
tosca_definitions_version: tosca_2_0
node_types:
  N:
    properties: { a: { type: integer }, b: { type: integer, default: 1 } }
    requirements: [ r: { capability: C, relationship: R, count_range: [ 0, 1 ] } ]
capability_types: { C: {} }
relationship_types: { R: {} }
service_template:
  node_templates:
    first: { copy: n }
    n: { type: N, properties: { VALUE } }
    third: { copy: first, properties: { b: 2 } }
    fourth: { copy: n, count: 2 }
"""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("a: x", ["11:36 BBQ-T040 property `a` of node template `n` must be an integer, not the string `x`"]),
        ("a: 1, z: 1", ["11:39 BBQ-T041 node template `n` has no property `z`"]),
        ("", ["11:5 BBQ-T042 node template `n` lacks the required property `a`"]),
        (
            "a: 1 }, requirements: [ r: { capability: C } ], metadata: { m: x",
            ["11:57 BBQ-G010 requirement 'r' of 'n' is not met: no node template offers C"],
        ),
    ],
)
def test_a_mistake_that_is_copied_is_told_once(tmp_path: Path, value: str, told: list[str]) -> None:
    """Of the template that it is written in, though a copy may come first."""
    path = tmp_path / "t.yaml"
    path.write_text(COPIED.replace("VALUE", value))
    found = findings(str(path), inputs=None, import_map=None, offline=True)
    found = [item for item in found if item.code != "BBQ-T212"]
    assert [f"{item.line}:{item.column} {item.code} {item.message}" for item in found] == told


def test_what_only_copies_have_wrong_is_told_of_each(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    text = COPIED.replace("VALUE", "a: 1").replace("b: 2", "b: x")
    path.write_text(text.replace("count: 2", "properties: { b: y }"))
    found = [item for item in findings(str(path), inputs=None, import_map=None, offline=True) if item.severity == "error"]
    assert [(item.line, item.message.split("`")[3]) for item in found] == [(12, "third"), (13, "fourth")]
