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
