"""Functions and scalar types that templates define, from real templates to the graph. TOSCA 2.0 sections 9.1 and 10.4."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from bbq.topology import build
from bbq.tosca import check_inputs, load

HEAD = """
tosca_definitions_version: tosca_2_0
data_types:
  Size: { derived_from: scalar, units: { B: 1, kB: 1000 }, canonical_unit: B }
  Small: { derived_from: integer, validation: { $less_than: [ $value, 4 ] } }
  Point:
    properties:
      x: { type: integer }
      name: { type: string, default: here }
      note: { type: string, required: false }
functions:
  word: { signatures: [ { arguments: [ string ], result: string } ] }
  number: { signatures: [ { result: { type: integer, validation: { $greater_or_equal: [ $value, 5000 ] } } } ] }
  small: { signatures: [ { result: Small } ] }
  choice: { signatures: [ { result: { type: string, validation: { $valid_values: [ $value, [ red, green ] ] } } } ] }
  point: { signatures: [ { result: Point } ] }
  points: { signatures: [ { result: { type: list, entry_schema: Point } } ] }
  size: { signatures: [ { result: Size } ] }
  truth: { signatures: [ { result: boolean } ] }
  parts: { signatures: [ { result: { type: map, entry_schema: float } } ] }
  when: { signatures: [ { result: timestamp } ] }
  script: { signatures: [ { result: string, implementation: give.py } ] }
capability_types: { C: {} }
relationship_types: { R: { properties: { w: { type: integer, default: 7 } } } }
node_types:
  N:
    properties:
      text: { type: string, required: false }
      number: { type: integer, required: false }
      float: { type: float, required: false }
      size: { type: Size, required: false }
      point: { type: Point, required: false }
      points: { type: list, entry_schema: Point, required: false }
      truth: { type: boolean, required: false }
      parts: { type: map, entry_schema: float, required: false }
      when: { type: timestamp, required: false }
    attributes: { state: { type: string } }
    capabilities: { c: C }
    requirements: [ { r: { capability: C, relationship: R, count_range: [ 0, 1 ] } } ]
service_template:
  relationship_templates: { named: { type: R, properties: { w: 3 } } }
  node_templates:
    other: { type: N }
"""


@pytest.fixture
def built(tmp_path: Path):
    def build_it(properties: str, provider: str = "simulator", more: str = ""):
        (tmp_path / "give.py").write_text("")
        path = tmp_path / "service.yaml"
        path.write_text(textwrap.dedent(HEAD).lstrip() + f"    n: {{ type: N, properties: {{ {properties} }}{more} }}\n")
        service, found = load(path)
        assert service is not None and not found, list(map(str, found))
        inputs, found = check_inputs(service, {})
        return build(service, inputs=inputs, provider=provider)

    return build_it


@pytest.fixture
def value(built):
    def of(properties: str):
        topology, found = built(properties)
        assert topology is not None, list(map(str, found))
        return next(iter(topology.nodes["n"].properties[name] for name in [properties.partition(":")[0].strip()]))

    return of


def test_made_up_values_are_of_the_type_of_the_result(value) -> None:
    assert value("text: { $word: [ a ] }").startswith("made-up-")
    assert value("number: $number") == 5000
    assert value("number: $small") < 4
    assert value("text: $choice") == "red"
    point = value("point: $point")
    assert isinstance(point["x"], int) and point["name"] == "here" and "note" not in point
    assert value("points: $points")[0].keys() == {"x", "name"}
    assert value("size: $size").endswith((" B", " kB"))
    assert value("truth: $truth") is True
    assert isinstance(value("parts: $parts")["key"], float)
    assert value("when: $when").startswith("2025")


def test_they_are_the_same_for_the_same_call(value) -> None:
    assert value("text: { $word: [ a ] }") == value("text: { $word: [ a ] }") != value("text: { $word: [ b ] }")
    assert value("text: { $concat: [ <, $script, '>' ] }").startswith("<made-up-")


def test_a_warning_tells_it_once(built) -> None:
    topology, found = built("text: { $concat: [ { $word: [ a ] }, { $word: [ { $get_attribute: [ other, state ] } ] } ] }")
    assert topology is not None
    assert [(item.severity, item.code) for item in found] == [("warning", "BBQ-G009")]
    assert "'word' are made up" in found[0].message


def test_no_other_provider_makes_values_up(built) -> None:
    topology, found = built("text: $script", "kubernetes")
    assert topology is None and [item.code for item in found] == ["BBQ-G005"]
    assert "bbq does not run the functions that a template defines" in found[0].message
    assert found[0].hint is not None and "give.py" in found[0].hint


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("size: { $sum: [ 2 kB, 500 B ] }", "2.5 kB"),
        ("size: { $difference: [ 2 kB, 500 B ] }", "1.5 kB"),
        ("size: { $product: [ 2 kB, 3 ] }", "6 kB"),
        ("size: { $quotient: [ 3 kB, 2 ] }", "1.5 kB"),
        ("size: { $remainder: [ 5 kB, 3000 ] }", "2 kB"),
        ("float: { $quotient: [ 3 kB, 2 B ] }", 1500.0),
        ("truth: { $greater_than: [ 2 kB, 1999 B ] }", True),
        ("truth: { $equal: [ 2 kB, 2000 B ] }", True),
        ("truth: { $valid_values: [ 2 kB, [ 1 B, 2000 B ] ] }", True),
        ("number: { $round: [ 3.5 ] }", 3),
        ("number: { $round: [ 3.53 ] }", 4),
        ("number: { $round: [ -3.5 ] }", -4),
        ("number: { $remainder: [ 7, 4 ] }", 3),
    ],
)
def test_arithmetic(value, expression, wanted) -> None:
    assert value(expression) == wanted


def test_paths_from_a_relationship_template(built) -> None:
    topology, found = built("number: 1", more=", requirements: [ { r: { node: other, relationship: named } } ]")
    assert topology is not None, found
    more = ", requirements: [ { r: { node: other, relationship: named } } ]"
    topology, found = built("number: { $get_property: [ named, w ] }", more=more)
    assert topology is not None and topology.nodes["n"].properties["number"] == 3, list(map(str, found))
    topology, found = built("number: { $get_property: [ named, w ] }")
    assert topology is None and "makes 0 relationships" in found[0].message
