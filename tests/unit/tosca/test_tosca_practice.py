"""What the specification forbids and TOSCA 1.x templates in the wild do all the same: understood, with a warning that
strictness makes an error; never in 2.0."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

from bbq.tosca.codes import ADVISORY, CODES, STRICT_CODES


def warned(templates, text, *codes):
    """The service; the warnings are of these codes, at the marked places, and strictness takes them for errors."""
    service, found, marks = templates.read(text)
    report = "\n".join(map(str, found))
    assert [(item.severity, item.code) for item in found] == [("warning", code) for code in codes], report
    assert [(item.line, item.column) for item in found] == marks, report
    assert set(codes) <= STRICT_CODES
    return service


def test_each_code_is_strict_or_advisory():
    assert STRICT_CODES - {"BBQ-Y009"} | ADVISORY == set(CODES) and not STRICT_CODES & ADVISORY


SERVER = """\
topology_template:
  node_templates:
    s:
      type: tosca.nodes.Compute
      capabilities:
        endpoint:
          properties:
            ports: { a: { protocol: tcp, target: 80 } }
            {mark}ports: { b: { protocol: tcp, target: 443 } }
"""


def test_a_property_that_is_assigned_twice(templates):
    service = warned(templates, HEAD_1 + SERVER.replace("{mark}", "§"), "BBQ-Y009")
    assert list(service.node_templates["s"].capabilities["endpoint"].properties["ports"]) == ["b"]
    _, found, _ = templates.read(HEAD_1 + SERVER.replace("{mark}", ""))
    assert "line 9 is lost" in found[0].message and found[0].related[0][0].line == 9


def test_keys_twice_inside_a_value_and_in_metadata(templates):
    service = warned(
        templates,
        HEAD_1
        + """\
metadata:
  a: 1
  §a: 2
topology_template:
  inputs: { i: { type: map, entry_schema: string, default: { k: a, §k: b } } }
""",
        "BBQ-Y009",
        "BBQ-Y009",
    )
    assert service.inputs["i"].default == {"k": "b"}


def test_the_same_definition_twice(templates):
    warned(
        templates,
        HEAD_1
        + """\
node_types:
  N:
    derived_from: tosca.nodes.Root
    properties:
      p: { type: string, required: no }
      §p: { required: false, type: string }
""",
        "BBQ-Y009",
    )


@pytest.mark.parametrize(
    "text",
    [
        "metadata: { a: 1 }\n§metadata: { a: 2 }\n",
        "topology_template: { inputs: { i: { type: string }, §i: { type: integer } } }\n",
        "topology_template: { node_templates: { s: { type: Compute }, §s: { type: Compute, description: x } } }\n",
        "node_types: { N: { derived_from: Compute, properties: { p: { type: string }, §p: { type: integer } } } }\n",
    ],
)
def test_names_and_keynames_stand_once(templates, text):
    found = templates.bad(HEAD_1 + text, "BBQ-Y009")
    assert found[0].severity == "error"


@pytest.mark.parametrize(
    "text",
    [
        "metadata: { a: 1, §a: 1 }\n",
        "node_types: { N: { properties: { p: { type: map, entry_schema: integer, default: { a: 1, §a: 2 } } } } }\n",
        "dsl_definitions: { a: { b: { c: 1, §c: 2 } } }\n",
    ],
)
def test_nothing_stands_twice_in_2_0(templates, text):
    assert templates.bad(HEAD_2 + text, "BBQ-Y009")[0].severity == "error"


def test_type_names_of_other_languages(templates):
    text = "data_types: { D: { properties: { n: { type: §%s, default: %s } } } }\n"
    for name, value, meant in (("int", "1", "integer"), ("str", "x", "string"), ("bool", "true", "boolean")):
        service = warned(templates, HEAD_1 + text % (name, value), "BBQ-T201")
        assert service.types["data", "D"].properties["n"].schema.type == meant
        templates.bad(HEAD_2 + text % (name, value), "BBQ-T030")


def test_a_default_that_breaks_its_own_constraint_is_none(templates):
    text = "inputs: { n: { type: integer, default: §1, constraints: [ { valid_values: [ 2, 4 ] } ] } }"
    service = warned(templates, HEAD_1 + "topology_template:\n  " + text + "\n", "BBQ-T043")
    found = service.inputs["n"]
    assert found.required and not found.has_default
    text = "inputs: { n: { type: integer, default: §1, validation: { $valid_values: [ $value, [ 2, 4 ] ] } } }"
    templates.bad(HEAD_2 + "service_template:\n  " + text + "\n  node_templates: {}\n", "BBQ-T043")


UNDECLARED = """\
topology_template:
  node_templates:
    s:
      type: tosca.nodes.Compute
      requirements:
        - {mark}disk: {assignment}
    d: { type: BlockStorage, properties: { size: 1 GB } }
"""


def undeclared(assignment, mark="§"):
    text = UNDECLARED.replace("{assignment}", assignment).replace("{mark}", mark)
    return HEAD_1.replace("1_3", "1_0") + text


def test_an_undeclared_requirement_that_says_everything_itself(templates):
    text = undeclared("{ node: d, relationship: { type: AttachesTo, properties: { location: /mnt } } }")
    (found,) = [item for item in warned(templates, text, "BBQ-T202").node_templates["s"].requirements if item.name == "disk"]
    assert (found.node, found.relationship) == ("d", "tosca.relationships.AttachesTo")
    assert found.properties == {"location": "/mnt"}


@pytest.mark.parametrize("assignment", ["d", "{ node: d }", "{ relationship: AttachesTo }"])
def test_an_undeclared_requirement_that_does_not(templates, assignment):
    assert templates.bad(undeclared(assignment), "BBQ-T061")[0].severity == "error"


def test_an_unknown_source_of_a_capability(templates):
    text = "node_types: { N: { derived_from: Root, capabilities: { c: { type: Root, valid_source_types: [ §X ] } } } }\n"
    warned(templates, HEAD_1 + text, "BBQ-T204")
    templates.bad(HEAD_1 + "capability_types: { C: { valid_source_types: [ §X ] } }\n", "BBQ-T030")


def test_an_unknown_type_of_a_property_does_not_take_the_property_away(templates):
    templates.bad(
        HEAD_2
        + """\
node_types: { N: { properties: { p: { type: §Nothing } } } }
service_template: { node_templates: { n: { type: N, properties: { p: [ 1 ] } } } }
""",
        "BBQ-T030",
    )


def test_a_keyname_of_an_extension_in_a_type(templates):
    warned(templates, HEAD_1 + "policy_types: { P: { derived_from: Root, §action: log } }\n", "BBQ-T207")
    templates.bad(HEAD_1 + "policy_types: { P: { derived_from: Root, §propertys: {} } }\n", "BBQ-T010")
    templates.bad(HEAD_1 + "topology_template: { node_templates: { n: { type: Compute, §action: log } } }\n", "BBQ-T010")
    templates.bad(HEAD_2 + "policy_types: { P: { §action: log } }\n", "BBQ-T010")


def test_a_type_in_the_section_of_another_kind(templates):
    text = """\
node_types:
  §Special: { derived_from: Feature }
  §Feature: { derived_from: tosca.capabilities.Root, properties: { p: { type: string, default: x } } }
  N: { derived_from: Root, capabilities: { c: { type: Special } } }
topology_template: { node_templates: { n: { type: N } } }
"""
    service = warned(templates, HEAD_1 + text, "BBQ-T208", "BBQ-T208")
    assert service.node_templates["n"].capabilities["c"].properties == {"p": "x"}
    text = "capability_types: { C: {} }\nnode_types: { N: { derived_from: §C } }\n"
    templates.bad(HEAD_2 + text, "BBQ-T030")


def test_a_required_property_that_everybody_leaves_out(templates):
    text = """\
topology_template:
  node_templates:
    §d: { type: tosca.nodes.Database, requirements: [ { host: s } ] }
    s: { type: DBMS, requirements: [ { host: c } ] }
    c: { type: Compute }
"""
    warned(templates, HEAD_1 + text, "BBQ-T042")


LIBRARY = """\
node_types:
  Used:
    derived_from: tosca.nodes.Root
    properties: {used}
  Other:
    derived_from: tosca.nodes.Root
    properties: {other}
"""


@pytest.mark.parametrize(("used", "other", "severity"), [("[]", "{}", "error"), ("{}", "[]", "warning")])
def test_a_mistake_in_a_library_counts_where_its_type_is_used(templates, used, other, severity):
    templates.write("library.yaml", HEAD_1 + LIBRARY.replace("{used}", used).replace("{other}", other))
    text = HEAD_1 + "imports: [ library.yaml ]\ntopology_template: { node_templates: { n: { type: Used } } }\n"
    _, found, _ = templates.read(text)
    assert [(item.severity, item.code) for item in found] == [(severity, "BBQ-T012")]
    assert found[0].file.endswith("library.yaml")


def test_a_mistake_in_a_library_of_2_0_counts(templates):
    templates.write("library.yaml", HEAD_2 + "node_types: { Other: { properties: [] } }\n")
    _, found, _ = templates.read(HEAD_2 + "imports: [ library.yaml ]\n")
    assert [(item.severity, item.code) for item in found] == [("error", "BBQ-T012")]


def test_a_type_is_used_through_others(templates):
    templates.write(
        "library.yaml",
        HEAD_1
        + """\
data_types: { D: { properties: [] } }
capability_types:
  C: { derived_from: tosca.capabilities.Root, properties: { p: { type: list, entry_schema: D, required: false } } }
node_types:
  Base: { derived_from: tosca.nodes.Root, capabilities: { c: C } }
  Used: { derived_from: Base }
""",
    )
    text = HEAD_1 + "imports: [ library.yaml ]\ntopology_template: { node_templates: { n: { type: Used } } }\n"
    _, found, _ = templates.read(text)
    assert [(item.severity, item.line) for item in found] == [("error", 2)]


@pytest.mark.parametrize("assigned", [False, True])
def test_a_capability_of_an_unknown_type_in_a_library_counts_where_it_is_assigned(templates, assigned):
    text = "node_types: { N: { derived_from: tosca.nodes.Root, capabilities: { c: { type: §Nothing } } } }\n"
    templates.bad(HEAD_1 + text, "BBQ-T030")
    templates.write("library.yaml", HEAD_1 + text)
    use = ", capabilities: { c: { properties: {} } }" if assigned else ""
    text = f"imports: [ library.yaml ]\ntopology_template: {{ node_templates: {{ n: {{ type: N{use} }} }} }}\n"
    _, found, _ = templates.read(HEAD_1 + text)
    assert ("warning", "BBQ-T204") in [(item.severity, item.code) for item in found]
    assert ("BBQ-T060" in [item.code for item in found if item.severity == "error"]) == assigned
