"""TOSCA paths: every step names something. TOSCA 2.0 section 10.3; TOSCA 1.3 section 4.4."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

TEXT = (
    HEAD_2
    + """\
data_types:
  D: { properties: { x: { type: string }, l: { type: list, entry_schema: D2 } } }
  D2: { properties: { y: { type: string } } }
artifact_types: { File: {} }
capability_types:
  C:
    properties: { port: { type: string, default: a }, size: { type: integer, default: 1 } }
    attributes: { ip: { type: string } }
relationship_types: { R: { properties: { w: { type: string, default: x } } } }
node_types:
  N:
    properties: { s: { type: string, required: false }, d: { type: D, required: false }, i: { type: integer, required: false } }
    attributes: { a: { type: string } }
    capabilities: { c: C, e: C }
    requirements: [ { r: { capability: C, relationship: R, count_range: [ 0, 3 ] } } ]
    artifacts: { file: { type: File, file: f.txt } }
service_template:
  relationship_templates: { named: { type: R } }
  node_templates:
    one: { type: N, requirements: [ { r: { node: two, capability: c } }, { r: { node: three, capability: e } } ] }
    two: { type: N, count: 2 }
    three: { type: N }
    open:
      type: N
      requirements: [ { r: { node: N, node_filter: { $equal: [ { $get_property: [ SELF, TARGET, s ] }, a ] } } } ]
    it:
      type: N
      properties: { %s: %s }
      requirements: [ { r: { node: one, capability: c, relationship: { type: R, properties: { w: %s } } } } ]
"""
)


def text(value, name="s", weight="x"):
    return TEXT % (name, value, weight)


@pytest.fixture(autouse=True)
def artifact(templates):
    templates.write("f.txt", "")


@pytest.mark.parametrize(
    "path",
    [
        "one, s",
        "SELF, d, x",
        "SELF, d, l, 0, y",
        "two, 1, s",
        "two, ALL, s",
        "[ two, 1 ], s",
        "SELF, CAPABILITY, c, port",
        "SELF, CAPABILITY, c, RELATIONSHIP, 0, SOURCE, anything",
        "SELF, RELATIONSHIP, r, w",
        "SELF, RELATIONSHIP, r, 0, TARGET, s",
        "SELF, RELATIONSHIP, r, TARGET, RELATIONSHIP, r, 1, TARGET, d, x",
        "SELF, RELATIONSHIP, r, 0, CAPABILITY, port",
        "SELF, RELATIONSHIP, r, TARGET, RELATIONSHIP, r, ALL, TARGET, s",
        "one, RELATIONSHIP, r, 1, SOURCE, s",
        "open, RELATIONSHIP, r, TARGET, anything",
        "named, w",
    ],
)
def test_good_paths(templates, path):
    templates.good(text(f"{{ $get_property: [ {path} ] }}"))


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("§four, s", "BBQ-T053", "unknown node template `four`"),
        ("one, §t", "BBQ-T054", "`one` has no property `t`"),
        ("SELF, §a", "BBQ-T054", "`it` has no property `a`"),
        ("SELF, d, §z", "BBQ-T054", "`D` has no property `z`"),
        ("SELF, d, l, 0, §z", "BBQ-T054", "`D2` has no property `z`"),
        ("SELF, d, l, first", "BBQ-T054", "its entries have numbers"),
        ("two, 1, §t", "BBQ-T054", "`two` has no property `t`"),
        ("SELF, CAPABILITY, §f, port", "BBQ-T060", "`it` has no capability `f`"),
        ("SELF, CAPABILITY, c, §ip", "BBQ-T054", "capability `c` of `it` has no property `ip`"),
        ("SELF, RELATIONSHIP, §q, w", "BBQ-T061", "`it` has no requirement `q`"),
        ("SELF, RELATIONSHIP, r, §v", "BBQ-T054", "the relationship, a `R`, has no property `v`"),
        ("SELF, RELATIONSHIP, r, 1, w", "BBQ-T061", "`it` has no relationship 1 of requirement `r`"),
        ("SELF, RELATIONSHIP, r, 0, TARGET, §t", "BBQ-T054", "`one` has no property `t`"),
        ("SELF, RELATIONSHIP, r, TARGET, RELATIONSHIP, r, 1, TARGET, §t", "BBQ-T054", "`three` has no property `t`"),
        ("SELF, RELATIONSHIP, r, CAPABILITY, §prt", "BBQ-T054", "capability `c` of `one` has no property `prt`"),
        ("SELF, TARGET, s", "BBQ-T055", "TARGET follows a relationship, and `it` is a node"),
        ("SOURCE, s", "BBQ-T055", "SOURCE means something in relationships only"),
        ("named, §v", "BBQ-T054", "the relationship, a `R`, has no property `v`"),
    ],
)
def test_bad_paths(templates, path, code, words):
    mark = "" if "§" in path else "§"
    (found,) = templates.bad(text(f"{{ {mark}$get_property: [ {path} ] }}"), code)
    assert words in found.message


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("SELF, TARGET, s", None),
        ("SELF, SOURCE, s", None),
        ("SELF, w", None),
        ("SELF, CAPABILITY, port", None),
        ("SELF, SOURCE, RELATIONSHIP, r, TARGET, s", None),
        ("SELF, TARGET, §t", "BBQ-T054"),
        ("SELF, §v", "BBQ-T054"),
        ("SELF, CAPABILITY, §prt", "BBQ-T054"),
    ],
)
def test_paths_of_relationships(templates, path, code):
    value = f"{{ $get_property: [ {path} ] }}"
    if code is None:
        templates.good(text("x", weight=value))
    else:
        templates.bad(text("x", weight=value), code)


@pytest.mark.parametrize(
    ("path", "name"),
    [("SELF, r, s", "it"), ("SELF, c, port", "it"), ("one, c, port", "it"), ("TARGET, s", "w"), ("SOURCE, s", "w")],
)
def test_paths_of_1_x_are_understood(templates, path, name):
    value = f"{{ §$get_property: [ {path} ] }}"
    _, found, marks = templates.read(text("x", weight=value) if name == "w" else text(value))
    assert [(item.code, item.severity, (item.line, item.column)) for item in found] == [("BBQ-T218", "warning", marks[0])]
    assert found[0].hint is not None and found[0].hint.startswith("TOSCA 2.0 has [ ")


@pytest.mark.parametrize(
    ("value", "name", "code"),
    [
        ("{ $get_attribute: [ SELF, a ] }", "s", None),
        ("{ $get_attribute: [ one, CAPABILITY, c, ip ] }", "s", None),
        ("{ $get_attribute: [ one, §b ] }", "s", "BBQ-T054"),
        ("{ $get_artifact: [ SELF, file ] }", "s", None),
        ("{ $get_artifact: [ SELF, RELATIONSHIP, r, TARGET, file ] }", "s", None),
        ("{ $get_artifact: [ SELF, §other ] }", "s", "BBQ-T054"),
        ("{ $available_allocation: [ one, CAPABILITY, c, size ] }", "i", None),
        ("{ §$available_allocation: [ one, i ] }", "i", "BBQ-T051"),
        ("{ §$available_allocation: [ one, CAPABILITY, c, port ] }", "i", "BBQ-T214"),
        ("{ $available_allocation: [ one, CAPABILITY, c, §sizes ] }", "i", "BBQ-T054"),
        ("$node_index", "i", None),
        ("§$relationship_index", "i", "BBQ-T055"),
    ],
)
def test_other_functions(templates, value, name, code):
    if code is None:
        templates.good(text(value, name))
    else:
        templates.bad(text(value, name), code)


@pytest.mark.parametrize("value", ["§$node_index", "§$relationship_index", "{ §$get_property: [ SELF, s ] }"])
def test_outputs_have_no_self(templates, value):
    templates.bad(text("x") + f"  outputs: {{ o: {{ value: {value} }} }}\n", "BBQ-T055")


def test_1_3(templates):
    base = f"""{HEAD_1}
topology_template:
  node_templates:
    server: {{ type: tosca.nodes.Compute, capabilities: {{ host: {{ properties: {{ num_cpus: 2 }} }} }} }}
    db: {{ type: tosca.nodes.DBMS, requirements: [ {{ host: server }} ], properties: {{ port: VALUE }} }}
"""
    for value, code in (
        ("{ get_property: [ server, host, num_cpus ] }", None),
        ("{ get_property: [ SELF, host, num_cpus ] }", None),
        ("{ get_property: [ HOST, port ] }", None),
        ("{ get_property: [ server, §hosts, num_cpus ] }", "BBQ-T054"),
        ("{ get_property: [ server, host, §num_cpu ] }", "BBQ-T054"),
        ("{ get_property: [ SELF, host, §num_cpu ] }", "BBQ-T054"),
    ):
        body = base.replace("VALUE", value)
        if code is None:
            templates.good(body)
        else:
            templates.bad(body, code)
