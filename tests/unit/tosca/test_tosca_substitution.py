"""Substitution mappings of TOSCA 2.0: paths as keys, requirements mapped several times. Chapter 15."""

from __future__ import annotations

from tosca_heads import HEAD_2

TYPES = """\
capability_types: { Service: { properties: { size: { type: integer, required: false } } } }
relationship_types: { ServedBy: { properties: { weight: { type: integer, required: false } } } }
node_types:
  Server: { capabilities: { service: { type: Service } }, attributes: { a: { type: string } } }
  Client:
    properties: { p: { type: integer } }
    attributes: { a: { type: string } }
    capabilities: { front: { type: Service } }
    requirements: [ { service: { capability: Service, relationship: ServedBy, node: Server, count_range: [ 0, 4 ] } } ]
  Software:
    requirements: [ { service: { capability: Service, relationship: ServedBy, count_range: [ 0, UNBOUNDED ] } } ]
"""


def text(mapping, extra=""):
    return (
        HEAD_2
        + TYPES
        + f"""\
service_template:
  inputs: {{ i: {{ type: integer, default: 1 }}, all: {{ type: list, entry_schema: integer, default: [] }} }}
  node_templates:
    one: {{ type: Software }}
    two: {{ type: Software }}
    picked: {{ type: Server, directives: [ select ] }}
    other: {{ type: Server, directives: [ select ] }}
{extra}  outputs: {{ o: {{ value: x }} }}
  substitution_mappings:
    node_type: Client
"""
        + mapping
    )


def mappings(service):
    return [(item.name, item.count, item.targets) for item in service.substitution.requirements]


def test_one_mapping_takes_every_assignment(templates):
    service = templates.good(text("    requirements: [ { service: [ one, service ] } ]\n"))
    assert mappings(service) == [("service", None, (("one", "service"),))]


def test_each_of_several_mappings_takes_one_and_the_last_the_rest(templates):
    service = templates.good(
        text("""\
    requirements:
      - service: [ one, service ]
      - service: [ [ one, service ], [ two, service ] ]
      - [ service, UNBOUNDED ]: [ two, service ]
""")
    )
    assert mappings(service) == [
        ("service", 1, (("one", "service"),)),
        ("service", 1, (("one", "service"), ("two", "service"))),
        ("service", None, (("two", "service"),)),
    ]


def test_counts_and_selected_nodes(templates):
    service = templates.good(
        text(
            "    requirements: [ { [ service, 2 ]: [ one, service ] }, { service: [ picked, other ] }, { service: picked } ]\n"
        )
    )
    assert mappings(service) == [
        ("service", 2, (("one", "service"),)),
        ("service", 1, (("picked", ""), ("other", ""))),
        ("service", 1, (("picked", ""),)),
    ]


def test_bad_requirement_mappings(templates):
    templates.bad(
        text("""\
    requirements:
      - §[ service, many ]: [ one, service ]
      - [ service, 2 ]: §[ one, servce ]
      - service: §one
      - service: [ §[ nobody, service ] ]
      - §servce: [ one, service ]
      - [ service, 4 ]: [ one, service ]
"""),
        "BBQ-T091",
        "BBQ-T061",
        "BBQ-T091",
        "BBQ-T053",
        "BBQ-T061",
    )


def test_too_many_mappings_and_one_after_the_rest(templates):
    found = templates.bad(
        text("    requirements: [ { [ service, 3 ]: [ one, service ] }, { §[ service, 2 ]: [ two, service ] } ]\n"), "BBQ-T064"
    )
    assert "5 times" in found[0].message and "at most 4" in found[0].message
    templates.bad(
        text("    requirements: [ { [ service, UNBOUNDED ]: [ one, service ] }, { §service: [ two, service ] } ]\n"), "BBQ-T064"
    )


def test_a_requirement_with_a_target_is_not_open(templates):
    extra = "    busy: { type: Software, requirements: [ { service: other } ] }\n"
    found = templates.bad(text("    requirements: [ { service: §[ busy, service ] } ]\n", extra), "BBQ-T205")
    assert found[0].severity == "error"


def test_paths_to_capabilities_and_relationships(templates):
    service = templates.good(
        text("""\
    properties:
      p: i
      [ CAPABILITY, front, size ]: i
      [ RELATIONSHIP, service, 1, weight ]: i
      [ RELATIONSHIP, service, ALL, weight ]: all
    attributes:
      a: o
      [ CAPABILITY, front, size ]: o
""")
    )
    assert service.substitution.properties == {
        ("p",): "i",
        ("CAPABILITY", "front", "size"): "i",
        ("RELATIONSHIP", "service", 1, "weight"): "i",
        ("RELATIONSHIP", "service", "ALL", "weight"): "all",
    }
    assert service.substitution.attributes == {("a",): "o", ("CAPABILITY", "front", "size"): "o"}


def test_bad_paths(templates):
    templates.bad(
        text("""\
    properties:
      §q: i
      §[ CAPABILITY, back, size ]: i
      §[ CAPABILITY, front, sise ]: i
      §[ RELATIONSHIP, servis, weight ]: i
      §[ RELATIONSHIP, service, wait ]: i
      §[ TARGET, service ]: i
    attributes: { a: §nothing }
"""),
        "BBQ-T041",
        "BBQ-T060",
        "BBQ-T041",
        "BBQ-T061",
        "BBQ-T041",
        "BBQ-T091",
        "BBQ-T206",
    )


def test_list_keys_belong_in_mappings_only(templates):
    templates.bad(HEAD_2 + "node_types: { §[ a, b ]: {} }\n", "BBQ-Y018")
    templates.bad(
        HEAD_2 + "node_types: { A: { properties: { p: { type: map, entry_schema: integer, default: { §[ a, b ]: 1 } } } } }\n",
        "BBQ-Y018",
    )


def test_mappings_are_of_the_same_type(templates):
    for mapping, what in (
        ("properties: { p: §all }", "property `p` is a integer, and mapped to a list"),
        ("properties: { p: i, [ RELATIONSHIP, service, ALL, weight ]: §i }", "is a list, and mapped to a integer"),
        ("attributes: { a: §n }", "output `n` is a integer, and mapped to a string"),
    ):
        body = text(f"    {mapping}\n").replace("outputs: { o: { value: x } }", "outputs: { n: { type: integer, value: 1 } }")
        (found,) = templates.bad(body, "BBQ-T091")
        assert what in found.message
    more = "    ware: { type: Ware }\n"
    body = text("    capabilities: { front: §[ ware, other ] }\n", more).replace(
        "capability_types: {", "capability_types: { Other: {},"
    )
    body = body.replace("node_types:\n", "node_types:\n  Ware: { capabilities: { other: Other } }\n")
    _, found, marks = templates.read(body)
    assert [(item.severity, item.code, (item.line, item.column)) for item in found] == [("warning", "BBQ-T091", marks[0])]


def test_no_more_requirements_that_must_be_met_than_there_are_in_any_case(templates):
    """Section 15.5.4, rule 2."""
    more = "    must: { type: Software, requirements: [ { service: { optional: false } } ] }\n"
    mapping = "    requirements: [ { §service: [ must, service ] } ]\n"
    _, found, marks = templates.read(text(mapping, more))
    assert [(item.severity, item.code, (item.line, item.column)) for item in found] == [("warning", "BBQ-T219", marks[0])]
    templates.good(text(mapping.replace("§", ""), more).replace("count_range: [ 0, 4 ]", "count_range: [ 1, 4 ]"))
    mapping = "    requirements: [ { service: [ one, service ] }, { service: [ must, service ] } ]\n"
    service = templates.good(text(mapping, more).replace("count_range: [ 0, 4 ]", "count_range: [ 1, 4 ]"))
    assert [item.targets[0][0] for item in service.substitution.requirements] == ["must", "one"]
