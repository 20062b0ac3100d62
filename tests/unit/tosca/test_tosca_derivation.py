"""Derived types refine what they inherit, and no more than that. TOSCA 2.0 sections 6.4.2, 7 to 9, 11, 12 and 16."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

BASE = """\
data_types:
  Base: { properties: { x: { type: string } } }
  Derived: { derived_from: Base }
capability_types:
  C: { properties: { size: { type: integer, default: 1 } }, attributes: { ip: { type: string } } }
  D: { derived_from: C }
  Other: {}
relationship_types:
  R: { properties: { weight: { type: integer, default: 1 } } }
  S: { derived_from: R }
  Alien: {}
node_types:
  Target: { capabilities: { c: C, o: Other } }
  Near: { derived_from: Target }
  Parent:
    properties: { p: { type: integer, required: false }, b: { type: Base, required: false } }
    capabilities: { c: C }
    requirements:
      - r: { capability: C, relationship: R, node: Target, count_range: [ 1, 3 ] }
      - named: { capability: o, relationship: R, node: Target }
"""


def derived(body):
    return f"{HEAD_2}{BASE}  Child:\n    derived_from: Parent\n{body}"


@pytest.mark.parametrize(
    "body",
    [
        "    properties: { p: { type: integer, required: true, default: 3 }, b: { type: Derived } }\n",
        "    capabilities: { c: D, more: Other }\n",
        "    capabilities: { c: { properties: { size: { default: 2 } }, attributes: { ip: { type: string } } } }\n",
        "    requirements: [ { r: { capability: D, relationship: S, node: Near, count_range: [ 2, 2 ] } } ]\n",
        "    requirements: [ { r: { count_range: [ 1, 3 ] } }, { more: { capability: C, relationship: R } } ]\n",
        "    requirements: [ { named: { capability: o } } ]\n",
        "    requirements: [ { r: { relationship: { type: S, properties: { weight: { default: 4 } } } } } ]\n",
    ],
)
def test_refinements(templates, body):
    templates.good(derived(body))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("    properties: { p: { type: §string } }\n", "BBQ-T033"),
        ("    properties: { b: { type: §string } }\n", "BBQ-T033"),
        ("    capabilities: { c: §Other }\n", "BBQ-T033"),
        ("    capabilities: { c: { properties: { §colour: { type: string } } } }\n", "BBQ-T041"),
        ("    capabilities: { c: { attributes: { §colour: { type: string } } } }\n", "BBQ-T041"),
        ("    requirements: [ { r: { capability: §Other } } ]\n", "BBQ-T033"),
        ("    requirements: [ { r: { relationship: §Alien } } ]\n", "BBQ-T033"),
        ("    requirements: [ { r: { relationship: §{ type: Alien } } } ]\n", "BBQ-T033"),
        ("    requirements: [ { r: { node: §Parent } } ]\n", "BBQ-T033"),
        ("    requirements: [ { r: { count_range: §[ 0, 3 ] } } ]\n", "BBQ-T033"),
        ("    requirements: [ { r: { count_range: §[ 1, UNBOUNDED ] } } ]\n", "BBQ-T033"),
        ("    requirements: [ { named: { capability: §C } } ]\n", "BBQ-T033"),
        ("    requirements: [ { r: { relationship: { type: S, properties: { §colour: { type: string } } } } } ]\n", "BBQ-T041"),
        (
            "    requirements: [ { n: { relationship: R, capability: C } }, { §n: { relationship: R, capability: C } } ]\n",
            "BBQ-Y009",
        ),
        ("    requirements: [ { §n: { relationship: R } } ]\n", "BBQ-T011"),
        ("    requirements: [ { §n: { capability: C } } ]\n", "BBQ-T011"),
    ],
)
def test_what_is_no_refinement(templates, body, code):
    found = templates.bad(derived(body), code)
    assert found[0].severity == "error"


def test_definitions_after_refinement(templates):
    service = templates.good(
        derived("""\
    requirements: [ { r: { node: Near, relationship: { type: S, properties: { weight: { default: 4 } } } } } ]
  Grandchild: { derived_from: Child }
""")
    )
    found = service.types["node", "Grandchild"].requirements["r"]
    assert (found.node, found.capability, found.relationship, found.occurrences) == ("Near", "C", "S", (1, 3))
    assert found.properties["weight"].default == 4


def test_filters_add_up(templates):
    text = derived("    requirements: [ { r: { node_filter: { $equal: [ 1, 1 ] } } } ]\n")
    text += "  Grandchild: { derived_from: Child, requirements: [ { r: { node_filter: { $equal: [ 2, 2 ] } } } ] }\n"
    found = templates.good(text).types["node", "Grandchild"].requirements["r"].node_filter
    assert (found.name, [item.name for item in found.args]) == ("and", ["equal", "equal"])


NARROWED = {
    "relationship": ("valid_capability_types", "A", "B"),
    "capability": ("valid_source_node_types", "N", "M"),
    "group": ("members", "N", "M"),
    "policy": ("targets", "N", "M"),
}


@pytest.mark.parametrize("kind", list(NARROWED))
def test_a_list_of_what_goes_with_a_type_is_only_narrowed(templates, kind):
    keyname, good, bad = NARROWED[kind]
    types = HEAD_2 + "capability_types: { A: {}, A1: { derived_from: A }, B: {} }\n" * (kind != "capability")
    types += "node_types: { N: {}, N1: { derived_from: N }, M: {} }\n"
    text = f"{kind}_types: {{ P: {{ {keyname}: [ {good} ] }}, Q: {{ derived_from: P, {keyname}: {{0}} }} }}\n"
    assert templates.good(types + text.replace("{0}", f"[ {good}1, {good} ]"))
    found = templates.bad(types + text.replace("{0}", f"§[ {good}, {bad} ]"), "BBQ-T033")
    assert f"`{bad}`" in found[0].message and f"`{good}`" in found[0].message


def test_the_list_of_a_capability_definition_is_within_that_of_its_type(templates):
    text = """\
relationship_types: { R: {}, S: {} }
node_types:
  N: {}
  M: {}
  O: { capabilities: { c: { type: C, valid_source_node_types: §[ M ], valid_relationship_types: §[ S ] } } }
capability_types: { C: { valid_source_node_types: [ N ], valid_relationship_types: [ R ] } }
"""
    templates.bad(HEAD_2 + text, "BBQ-T033", "BBQ-T033")


def test_1x_refines_freely_with_a_warning(templates):
    text = "node_types: { N: { derived_from: Compute, capabilities: { host: { type: §tosca.capabilities.Endpoint } } } }\n"
    _, found, _ = templates.read(HEAD_1 + text)
    assert [(item.severity, item.code) for item in found] == [("warning", "BBQ-T033")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{ §D: {} }", "BBQ-T011"),
        ("{ §D: { description: x } }", "BBQ-T011"),
        ("{ §integer: { properties: { x: { type: string } } } }", "BBQ-T032"),
        ("{ D: { properties: { x: { type: string } }, entry_schema: §string } }", "BBQ-T032"),
        ("{ §D: { derived_from: list } }", "BBQ-T011"),
        ("{ §D: { derived_from: map, key_schema: string } }", "BBQ-T011"),
        ("{ D: { derived_from: map, entry_schema: string, key_schema: §integer } }", "BBQ-T032"),
        ("{ D: { derived_from: list, entry_schema: string, key_schema: §string } }", "BBQ-T032"),
        ("{ D: { derived_from: string, entry_schema: §string } }", "BBQ-T032"),
        ("{ D: { derived_from: string, units: §{ m: 1 } } }", "BBQ-T032"),
        ("{ D: { derived_from: scalar, units: §{ m: 1, n: 1 } } }", "BBQ-T011"),
        ("{ D: { derived_from: scalar, units: { m: 1, n: 1 }, canonical_unit: §o } }", "BBQ-T032"),
        ("{ D: { derived_from: scalar, units: { m: 1 } }, E: { derived_from: D, canonical_unit: §m } }", "BBQ-T033"),
    ],
)
def test_bad_data_types(templates, text, code):
    templates.bad(f"{HEAD_2}data_types: {text}\n", code)


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ("{ type: §list }", "BBQ-T011"),
        ("{ type: §map }", "BBQ-T011"),
        ("{ type: list, entry_schema: §list }", "BBQ-T030"),
        ("{ type: list, entry_schema: { type: §list } }", "BBQ-T011"),
        ("{ type: string, entry_schema: §string }", "BBQ-T032"),
        ("{ type: list, key_schema: §string, entry_schema: string }", "BBQ-T032"),
        ("{ type: map, key_schema: §integer, entry_schema: string }", "BBQ-T032"),
    ],
)
def test_bad_schemas(templates, schema, code):
    expected = "BBQ-T011" if code == "BBQ-T030" else code  # the short form names a type that needs more
    templates.bad(f"{HEAD_2}node_types: {{ N: {{ properties: {{ p: {schema} }} }} }}\n", expected)


def test_good_schemas(templates):
    service = templates.good(
        HEAD_2
        + """\
data_types:
  Key: { derived_from: string, validation: { $matches: [ $value, '^[a-z]+$' ] } }
  Names: { derived_from: list, entry_schema: string }
  Long: { derived_from: Names, validation: { $greater_than: [ { $length: [ $value ] }, 1 ] } }
  Length: { derived_from: scalar, units: { m: 1 }, prefixes: { "": 1, k: 1000 } }
  Longer: { derived_from: Length, prefixes: { M: 1000000 } }
  Width: { derived_from: Length, units: { foot: 0.3048 } }
node_types:
  N:
    properties:
      a: { type: map, key_schema: Key, entry_schema: { type: list, entry_schema: Names } }
      b: { type: Long }
      c: { type: Longer }
      d: { type: Width }
service_template:
  node_templates:
    n: { type: N, properties: { a: { x: [ [ y ] ] }, b: [ x, y ], c: 2 Mm, d: 3 foot } }
"""
    )
    assert service.types["data", "Longer"].units == {"m": 1.0, "km": 1000.0, "Mm": 1e6}
    assert service.node_templates["n"].properties["c"] == "2 Mm"


def test_validations_of_complex_data_types(templates):
    text = """\
data_types:
  Range:
    properties: { low: { type: float }, high: { type: float } }
    validation: { $greater_or_equal: [ { $value: [ high ] }, { $value: [ low ] } ] }
  Short: { derived_from: Range, validation: { $less_than: [ { $value: [ high ] }, 10 ] } }
node_types: { N: { properties: { p: { type: Range }, q: { type: Short } } } }
service_template:
  node_templates:
    good: { type: N, properties: { p: { low: 1, high: 2 }, q: { low: 1, high: 9 } } }
    bad: { type: N, properties: { p: §{ low: 3, high: 2 }, q: §{ low: 1, high: 11 } } }
    worse: { type: N, properties: { p: { low: 1, high: 20 }, q: §{ low: 3, high: 2 } } }
"""
    templates.bad(HEAD_2 + text, "BBQ-T043", "BBQ-T043", "BBQ-T043")


FIXED = """\
interface_types: { I: { operations: { go: { inputs: { p: { type: integer } } } } } }
node_types:
  A: { properties: { p: { type: integer }, m: { type: map, entry_schema: integer, default: {} } } }
  B:
    derived_from: A
    properties: { p: 5, m: { $value: [] } }
    interfaces: { i: { type: I, operations: { go: { inputs: { p: 7 } } } } }
"""


def test_the_short_form_of_a_refinement_fixes_the_value(templates):
    """2.0 section 9.4."""
    text = HEAD_2 + FIXED.replace(", m: { $value: [] }", ", m: {}")
    service = templates.good(text + "service_template: { node_templates: { b: { type: B } } }\n")
    found = service.types["node", "B"].properties
    assert (found["p"].has_value, found["p"].value, found["p"].schema.type) == (True, 5, "integer")
    assert not found["m"].has_value and service.node_templates["b"].properties == {"p": 5, "m": {}}
    assert service.node_templates["b"].interfaces["i"].operations["go"].inputs == {"p": 7}
    function = templates.good(HEAD_2 + FIXED).types["node", "B"].properties["m"]
    assert function.has_value and function.value.name == "value"
    service = templates.good(HEAD_1 + "node_types: { A: { properties: { p: { type: string } } }, B: { derived_from: A, "
                             "properties: { p: x } } }\n")  # fmt: skip
    assert service.types["node", "B"].properties["p"].has_default


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("  C: { derived_from: B, properties: { p: §6 } }\n", "BBQ-T033"),
        ("  C: { derived_from: B, properties: { p: { value: §6 } } }\n", "BBQ-T033"),
        ("  C: { derived_from: B, properties: { §p: { default: 6 } } }\n", "BBQ-T033"),
        ("  C: { derived_from: A, properties: { p: §x } }\n", "BBQ-T040"),
        ("  C: { derived_from: A, interfaces: { i: { type: I, operations: { go: { inputs: { p: §x } } } } } }\n", "BBQ-T040"),
        ("service_template: { node_templates: { b: { type: B, properties: { §p: 6 } } } }\n", "BBQ-T033"),
        (
            "service_template: { node_templates: { b: { type: B, interfaces: { i: { operations: { go: "
            "{ inputs: { §p: 6 } } } } } } } }\n",
            "BBQ-T033",
        ),
    ],
)
def test_a_fixed_value_stays(templates, text, code):
    templates.bad(HEAD_2 + FIXED + text, code)


OLD = """\
data_types:
  D: { properties: { q: { type: integer } } }
  L: { derived_from: list, entry_schema: integer }
  Small: { derived_from: integer }
node_types:
  N:
    derived_from: tosca.nodes.Root
    properties: { a: { type: integer }, l: { type: list, entry_schema: { type: list, entry_schema: integer } } }
"""
NEW = {
    "optional property": "  M: { derived_from: N, properties: { a: { required: §false } } }\n",
    "optional with a type": "  M: { derived_from: N, properties: { a: { type: integer, required: §false } } }\n",
    "entry": "  M: { derived_from: N, properties: { l: { entry_schema: §string } } }\n",
    "entry of an entry": "  M: { derived_from: N, properties: { l: { type: list, entry_schema: { type: list, "
    "entry_schema: { type: §string } } } } }\n",
}


@pytest.mark.parametrize("text", NEW.values(), ids=NEW)
def test_what_is_required_and_what_lists_hold_stays(templates, text):
    """2.0 sections 9.3 and 9.4."""
    templates.bad(HEAD_2 + OLD.replace("    derived_from: tosca.nodes.Root\n", "") + text, "BBQ-T033")
    assert templates.bad(HEAD_1 + OLD + text, "BBQ-T033")[0].severity == "warning"


@pytest.mark.parametrize(
    "text",
    [
        "  E: { derived_from: D, properties: { q: { required: §false } } }\n",
        "  M: { derived_from: L, entry_schema: §string }\n",
    ],
)
def test_data_types_refine_by_the_same_rules(templates, text):
    old = OLD.partition("node_types")[0]
    templates.bad(HEAD_2 + old + text, "BBQ-T033")
    assert templates.bad(HEAD_1 + old + text, "BBQ-T033")[0].severity == "warning"


def test_an_entry_is_validated_by_both_types(templates):
    text = (
        HEAD_2
        + """\
data_types: { Small: { derived_from: integer, validation: { $less_than: [ $value, 9 ] } } }
node_types:
  N: { properties: { l: { type: list, entry_schema: { type: integer, validation: { $greater_than: [ $value, 2 ] } } } } }
  M: { derived_from: N, properties: { l: { entry_schema: Small } } }
service_template: { node_templates: { m: { type: M, properties: { l: [ 3, §2, §9 ] } } } }
"""
    )
    templates.bad(text, "BBQ-T043", "BBQ-T043")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("units: §{ m: 2 }", "BBQ-T032"),
        ("units: §{ m: 2, n: 4 }, canonical_unit: m", "BBQ-T032"),
        ('units: §{ m: 2 }, prefixes: { "": 1 }', "BBQ-T032"),
        ("data_type: integer, units: { m: 1, n: §1.5 }", "BBQ-T032"),
        ("data_type: §string, units: { m: 1 }", "BBQ-T032"),
        ('units: { m: 1, §"square m": 3 }', "BBQ-T032"),
        ("units: §3", "BBQ-T012"),
        ("units: { m: 1 } }\n  B: { derived_from: A, prefixes: §[ 1 ]", "BBQ-T012"),
        ("units: { m: 1 } }\n  B: { derived_from: A, units: { m: §5, n: 2 }", "BBQ-T033"),
        ("units: { m: 1 }, prefixes: { '': 1, k: 1000 } }\n  B: { derived_from: A, prefixes: { k: §1024 }", "BBQ-T033"),
    ],
)
def test_units_of_scalars(templates, text, code):
    """2.0 section 9.1.2.2."""
    templates.bad(f"{HEAD_2}data_types:\n  A: {{ derived_from: scalar, {text} }}\n", code)


def test_a_derived_scalar_adds_units(templates):
    text = "data_types:\n  A: { derived_from: scalar, units: { m: 1 } }\n  B: { derived_from: A, units: { m: 1, n: 2.5 } }\n"
    assert templates.good(HEAD_2 + text).types["data", "B"].units == {"m": 1.0, "n": 2.5}
