"""Types: derivation, refinement, data types, definitions."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2


def test_derivation_is_flattened(templates):
    service = templates.good(
        """\
        tosca_definitions_version: tosca_2_0
        capability_types: { C: { properties: { c: { type: integer, default: 1 } } } }
        relationship_types: { R: {} }
        interface_types: { I: { operations: { go: {}, stop: {} } } }
        node_types:
          A:
            properties: { a: { type: string, default: x } }
            attributes: { s: { type: string } }
            capabilities: { cap: C }
            requirements: [ { r: { capability: C, relationship: R, count_range: [ 0, 2 ] } } ]
            interfaces: { i: { type: I, operations: { go: { implementation: { primary: run.sh } } } } }
          B:
            derived_from: A
            properties: { b: { type: integer } }
          C:
            derived_from: B
        """.replace("primary: run.sh", "timeout: 5")
    )
    found = service.types["node", "C"]
    assert found.ancestry == ("C", "B", "A")
    assert list(found.properties) == ["a", "b"] and list(found.attributes) == ["s"]
    assert found.capabilities["cap"].properties["c"].default == 1
    assert found.requirements["r"].occurrences == (0, 2)
    assert found.interfaces["i"].operations["go"].timeout == 5.0
    assert set(found.interfaces["i"].operations) == {"go", "stop"}


def test_cycles_are_reported_once(templates):
    found = templates.bad(
        """\
        tosca_definitions_version: tosca_2_0
        node_types:
          A: { derived_from: B }
          B: { derived_from: C }
          C: { derived_from: §A }
          D: { derived_from: §D }
        """,
        "BBQ-T031",
        "BBQ-T031",
    )
    assert found[0].message == "types derive from each other: `A` -> `B` -> `C` -> `A`"


def test_unknown_types_everywhere(templates):
    found = templates.bad(
        """\
        tosca_definitions_version: tosca_2_0
        node_types:
          A:
            derived_from: §X
            properties:
              p: { type: §strng }
              l: { type: list, entry_schema: { type: §X } }
              m: { type: map, key_schema: §X, entry_schema: { type: list, entry_schema: §X } }
            capabilities: { c: §X }
            requirements: [ { r: { capability: §X, node: §Y, relationship: §Z } } ]
            interfaces: { i: { type: §X } }
            artifacts: { a: { type: §X, file: service.yaml } }
        """,
        *["BBQ-T030"] * 11,
    )
    assert found[1].hint == "did you mean `string`?"


def test_refinement(templates):
    service = templates.good("""\
        tosca_definitions_version: tosca_2_0
        data_types:
          Small: { derived_from: integer, validation: { $less_than: [ $value, 10 ] } }
        node_types:
          A:
            properties:
              p: { type: integer, description: d, validation: { $greater_than: [ $value, 0 ] } }
          B:
            derived_from: A
            properties:
              p: { type: Small, default: 3 }
          C:
            derived_from: B
            properties:
              p: { value: 4 }
        """)
    found = service.types["node", "B"].properties["p"]
    assert (found.schema.type, found.default, found.description, len(found.schema.constraints)) == ("Small", 3, "d", 1)
    assert service.types["node", "C"].properties["p"].value == 4
    templates.bad(
        HEAD_2
        + """\
node_types:
  A:
    properties: { p: { type: integer, value: 1 } }
    capabilities: { c: C }
  B:
    derived_from: A
    properties: { p: { type: §string, value: §x } }
    capabilities: { c: { type: §D } }
capability_types: { C: {}, D: {} }
""",
        "BBQ-T033",
        "BBQ-T033",
        "BBQ-T033",
    )


def test_a_fixed_value_is_not_assigned_again(templates):
    templates.bad(
        HEAD_2
        + """\
node_types: { A: { properties: { p: { type: integer, value: 1 } } } }
service_template: { node_templates: { a: { type: A, properties: { §p: 2 } } } }
""",
        "BBQ-T033",
    )


def test_defaults_are_checked(templates):
    templates.bad(
        HEAD_2
        + """\
data_types:
  D: { properties: { x: { type: integer }, y: { type: integer, default: 2 } } }
node_types:
  A:
    properties:
      p: { type: integer, default: §x }
      d: { type: D, default: { x: §z } }
      e: { type: D, default: §{ y: 1 } }
""",
        "BBQ-T040",
        "BBQ-T040",
        "BBQ-T042",
    )


def test_data_types(templates):
    service = templates.good(
        HEAD_2
        + """\
data_types:
  Base: { properties: { x: { type: integer } } }
  Derived: { derived_from: Base, properties: { y: { type: Base, required: false } } }
  Tree: { properties: { name: { type: string }, children: { type: list, entry_schema: Tree, required: false } } }
  Names: { derived_from: list, entry_schema: string }
node_types:
  A: { properties: { d: { type: Derived }, t: { type: Tree }, n: { type: Names } } }
service_template:
  node_templates:
    a:
      type: A
      properties:
        d: { x: 1, y: { x: 2 } }
        t: { name: r, children: [ { name: c } ] }
        n: [ a, b ]
"""
    )
    assert service.node_templates["a"].properties["t"]["children"] == [{"name": "c"}]
    assert service.types["data", "Names"].ancestry == ("Names", "list")


def test_a_built_in_type_takes_no_properties(templates):
    templates.bad(HEAD_2 + "data_types:\n  D: { derived_from: §string, properties: { x: { type: string } } }\n", "BBQ-T032")


def test_scalar_types(templates):
    service = templates.good(
        HEAD_2
        + """\
data_types:
  Length: { derived_from: scalar, units: { m: 1 }, prefixes: { "": 1, k: 1000 } }
node_types: { A: { properties: { l: { type: Length, validation: { $less_than: [ $value, 2 km ] } } } } }
service_template: { node_templates: { a: { type: A, properties: { l: 1.5km } } } }
"""
    )
    assert service.types["data", "Length"].units == {"m": 1.0, "km": 1000.0}
    assert service.node_templates["a"].properties["l"] == "1.5 km"
    templates.bad(
        HEAD_2
        + """\
data_types:
  Length: { derived_from: scalar, units: { m: 1, km: 1000 }, data_type: integer }
node_types: { A: { properties: { l: { type: Length, validation: { $less_than: [ $value, 2 km ] } } } } }
service_template:
  node_templates:
    a: { type: A, properties: { l: §3 km } }
    b: { type: A, properties: { l: §1 KM } }
    c: { type: A, properties: { l: §1.5 km } }
    d: { type: A, properties: { l: §m } }
""",
        "BBQ-T043",
        "BBQ-T040",
        "BBQ-T040",
        "BBQ-T040",
    )
    templates.bad(HEAD_2 + "data_types:\n  §A: { derived_from: scalar }\n", "BBQ-T011")


def test_interface_types(templates):
    templates.bad(
        HEAD_1
        + """\
interface_types:
  I:
    derived_from: tosca.interfaces.Root
    operations: { go: §service.yaml, stop: { implementation: §service.yaml } }
""",
        "BBQ-T072",
        "BBQ-T072",
    )


def test_recursion_in_a_required_property_ends(templates):
    templates.bad(
        HEAD_2
        + """\
data_types: { T: { properties: { t: { type: T } } } }
node_types: { A: { properties: { p: { type: T } } } }
service_template: { node_templates: { a: { type: A, properties: { p: { t: { t: §{} } } } } } }
""",
        "BBQ-T042",
    )


def test_secrets_are_marked(templates):
    service = templates.good(
        HEAD_2
        + """\
imports: [ { profile: "bbq:1.0" } ]
data_types: { Token: { derived_from: bbq.datatypes.Secret } }
node_types:
  A:
    properties:
      token: { type: Token, required: false }
      other: { type: string, required: false, metadata: { secret: true } }
      plain: { type: string, required: false }
"""
    )
    found = service.types["node", "A"].properties
    assert [name for name, item in found.items() if item.secret] == ["token", "other"]


@pytest.mark.parametrize(
    "where", ["node_types: { N: { properties: { p: %s } } }", "service_template: { inputs: { p: %s }, node_templates: {} }"]
)
def test_a_default_is_for_what_is_required(templates, where):
    text = HEAD_2 + where % "{ type: integer, required: false, default: §1 }" + "\n"
    _, found, marks = templates.read(text)
    assert [(item.severity, item.code, (item.line, item.column)) for item in found] == [("warning", "BBQ-T211", marks[0])]
    templates.good(text.replace(", required: false", "").replace("§", ""))


def test_a_value_and_a_mapping_exclude_each_other(templates):
    value = "{ value: { $get_attribute: [ n, a ] }, mapping: §[ n, a ] }"
    nodes = "node_types: { N: { attributes: { a: { type: string } } } }\n"
    text = HEAD_2 + nodes + f"service_template: {{ node_templates: {{ n: {{ type: N }} }}, inputs: {{ o: {value} }} }}\n"
    templates.bad(text, "BBQ-T211")


@pytest.mark.parametrize(("head", "severity"), [(HEAD_1, "warning"), (HEAD_2, "error")])
@pytest.mark.parametrize("name", ["5", "1.2", "true"])
def test_the_name_of_a_type_is_a_string(templates, head, severity, name):
    found = templates.bad(head + f"node_types: {{ §{name}: {{}}, '{name}0': {{}} }}\n", "BBQ-T012")
    assert found[0].severity == severity and found[0].hint
