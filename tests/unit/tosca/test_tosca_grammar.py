"""Shapes and keynames, by version."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2


def test_smallest_templates(templates):
    assert templates.good("tosca_definitions_version: tosca_2_0\n").version == "tosca_2_0"
    assert templates.good("tosca_definitions_version: tosca_simple_yaml_1_3\n").node_templates == {}


def test_namespace_uri_stands_for_the_version(templates):
    templates.good("tosca_definitions_version: http://docs.oasis-open.org/tosca/ns/simple/yaml/1.0\n")


def test_unknown_version(templates):
    found = templates.bad("tosca_definitions_version: §tosca_simple_yaml_1_4\n", "BBQ-T001")
    assert found[0].hint == "did you mean `tosca_simple_yaml_1_3`?"


def test_version_missing_or_late(templates):
    templates.bad("§description: x\n", "BBQ-T001")
    templates.bad("description: x\n§tosca_definitions_version: tosca_2_0\n", "BBQ-T003")


def test_not_a_map(templates):
    templates.bad("§- a\n", "BBQ-T002")
    templates.bad("§text\n", "BBQ-T002")


def test_unknown_keynames_at_every_level(templates):
    found = templates.bad(
        """\
        tosca_definitions_version: tosca_2_0
        §node_type: {}
        node_types:
          T:
            §derived: x
            properties:
              p: { type: string, required: false, §defualt: a }
        service_template:
          node_templates:
            n:
              type: T
              §propertys: {}
        """,
        "BBQ-T010",
        "BBQ-T010",
        "BBQ-T010",
        "BBQ-T010",
    )
    assert [item.hint for item in found] == [
        "did you mean `node_types`?",
        "did you mean `derived_from`?",
        "did you mean `default`?",
        "did you mean `properties`?",
    ]


def test_required_keynames(templates):
    templates.bad(
        """\
        tosca_definitions_version: tosca_2_0
        service_template:
          node_templates:
            §n: {}
        """,
        "BBQ-T011",
    )
    templates.bad("tosca_definitions_version: tosca_2_0\n§service_template: {}\n", "BBQ-T011")


def test_wrong_shapes(templates):
    templates.bad(
        """\
        tosca_definitions_version: tosca_2_0
        description: §[ a ]
        node_types: §[ a ]
        data_types: §5
        service_template:
          inputs: §[ a ]
          node_templates: §x
        """,
        "BBQ-T012",
        "BBQ-T012",
        "BBQ-T012",
        "BBQ-T012",
        "BBQ-T012",
    )


def test_keynames_of_the_other_version_are_understood_with_a_warning(templates):
    service, found, marks = templates.read("""\
        tosca_definitions_version: tosca_2_0
        data_types:
          Port:
            derived_from: integer
            §constraints: [ { in_range: [ 1, 10 ] } ]
        """)
    assert [(item.severity, item.code, (item.line, item.column)) for item in found] == [("warning", "BBQ-T013", marks[0])]
    assert service.types["data", "Port"].schema.constraints[0].operator == "in_range"


def test_control_characters_never_reach_a_message(templates):
    found = templates.bad(
        """\
        tosca_definitions_version: tosca_2_0
        service_template:
          node_templates:
            n: { type: §"x\\e[31m\\0" }
        """,
        "BBQ-T030",
    )
    assert "\\x1b" in found[0].message and "\x1b" not in found[0].message


def test_all_problems_in_one_run(templates):
    templates.bad(
        """\
        tosca_definitions_version: tosca_2_0
        imports:
          - §missing.yaml
        node_types:
          T:
            properties: { p: { type: integer } }
        service_template:
          inputs:
            i: { type: integer, default: §x }
          node_templates:
            a: { type: T, properties: { p: §x, §q: 1 } }
            §b: { type: T }
          outputs:
            o: { value: { $get_attribute: [ §c, x ] } }
        """,
        "BBQ-T020",
        "BBQ-T040",
        "BBQ-T040",
        "BBQ-T041",
        "BBQ-T042",
        "BBQ-T053",
    )


def test_metadata(templates):
    head = "tosca_definitions_version: tosca_simple_yaml_1_3\nmetadata:\n"
    templates.bad(head + "  template_name: §[ a ]\n", "BBQ-T012")
    templates.bad(head + "  template_version: §one\n", "BBQ-T040")
    assert templates.good(head + "  template_version: 1.0\n  anything: x\n").metadata["anything"] == "x"
    newer = templates.good("tosca_definitions_version: tosca_2_0\nmetadata: { deep: { list: [ 1 ] } }\n")
    assert newer.metadata == {"deep": {"list": [1]}}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.3", "tosca_simple_yaml_1_3"),
        ("tosca_1_0", "tosca_simple_yaml_1_0"),
        ("tosca_simple_yaml_2_0", "tosca_2_0"),
        ("2", "tosca_2_0"),
        ("tosca_simple_yml_1_1", "tosca_simple_yaml_1_1"),
    ],
)
def test_the_version_that_is_meant(templates, text, version):
    assert templates.bad(f"tosca_definitions_version: §{text}\n", "BBQ-T001")[0].hint == f"did you mean `{version}`?"


@pytest.mark.parametrize(
    ("head", "text", "name"),
    [
        (HEAD_2, "§topology_template: {}\n", "service_template"),
        (HEAD_1, "§service_template: {}\n", "topology_template"),
        (HEAD_1, "node_types: { A: { properties: { a: { type: string, §validation: {} } } } }\n", "constraints"),
        (HEAD_1, "node_types: { A: { requirements: [ { r: { capability: C, §count_range: [ 1, 2 ] } } ] } }\n", "occurrences"),
    ],
)
def test_keynames_that_another_version_calls_otherwise(templates, head, text, name):
    types = "capability_types: { C: { derived_from: tosca.capabilities.Root } }\n" if head == HEAD_1 else ""
    assert templates.bad(head + types + text, "BBQ-T010")[0].hint == f"this version calls it `{name}`"


@pytest.mark.parametrize("head", [HEAD_1, HEAD_2])
def test_an_import_of_another_shape_is_told_once(templates, head):
    templates.bad(head + "imports: [ §[ a ] ]\n", "BBQ-T012")
