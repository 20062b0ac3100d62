"""Outputs, groups, policies, workflows, substitution mappings."""

from __future__ import annotations

import gc
from pathlib import Path

import yaml
from tosca_heads import HEAD_1, HEAD_2

from bbq.tosca import load
from bbq.tosca.model import Function

TYPES = (
    HEAD_2
    + """\
group_types: { G: { members: [ N ], properties: { p: { type: integer, default: 1 } } } }
policy_types: { P: { targets: [ N, G ], properties: { q: { type: string } } } }
relationship_types: { L: {} }
capability_types: { C: { properties: { size: { type: integer, default: 1 } } } }
interface_types: { I: { operations: { go: { inputs: { name: { type: string } } } } } }
node_types:
  N:
    properties: { p: { type: integer, default: 1 }, s: { type: string, required: false } }
    attributes: { a: { type: string } }
    capabilities: { c: C }
    requirements: [ { r: { capability: C, relationship: L, count_range: [ 0, 1 ] } } ]
    interfaces: { i: { type: I } }
  Other: {}
service_template:
  inputs: { n: { type: integer, default: 1 } }
"""
)


def test_outputs(templates):
    service = templates.good(
        TYPES
        + """\
  node_templates: { x: { type: N } }
  outputs:
    plain: { value: 5, description: d }
    typed: { type: integer, value: { $get_input: n } }
    secret: { value: { $get_attribute: [ x, a ] }, metadata: { secret: true } }
"""
    )
    plain, typed, secret = service.outputs.values()
    assert (plain.value, plain.description, plain.secret) == (5, "d", False)
    assert isinstance(typed.value, Function) and secret.secret
    templates.bad(
        TYPES + "  node_templates: {}\n  outputs: { o: { type: integer, value: §x }, p: { type: §X, value: 1 } }\n",
        "BBQ-T040",
        "BBQ-T030",
    )


def test_groups_and_policies(templates):
    service = templates.good(
        TYPES
        + """\
  node_templates: { x: { type: N }, y: { type: N } }
  groups: { g: { type: G, members: [ x, y ], properties: { p: 2 }, metadata: { m: 1 } } }
  policies: [ { p: { type: P, targets: [ g, x ], properties: { q: z } } } ]
"""
    )
    assert (service.groups["g"].members, service.groups["g"].properties) == (("x", "y"), {"p": 2})
    assert (service.policies["p"].targets, service.policies["p"].properties) == (("g", "x"), {"q": "z"})
    found = templates.bad(
        TYPES
        + """\
  node_templates: { x: { type: N }, o: { type: Other } }
  groups: { g: { type: G, members: [ §xx ] }, h: { type: G, members: [ §o ] } }
  policies:
    - §p: { type: P, targets: [ §y ] }
    - q: { type: §Q }
""",
        "BBQ-T053",
        "BBQ-T080",
        "BBQ-T042",
        "BBQ-T053",
        "BBQ-T030",
    )
    assert found[0].hint == "did you mean `x`?"


def test_workflows_are_kept_and_checked(templates):
    text = (
        TYPES
        + """\
  node_templates: { x: { type: N } }
  workflows:
    w:
      inputs: { name: { type: string } }
      steps:
        one:
          target: TARGET
          activities: [ { call_operation: CALL } ]
          on_success: NEXT
        two: { target: x, activities: [ { inline: { workflow: v, inputs: { name: x } } } ] }
    v: { inputs: { name: { type: string } }, steps: { only: { target: x, activities: [ { set_state: ready } ] } } }
"""
    )

    def fill(target="x", call="{ operation: i.go, inputs: { name: { $get_input: name } } }", following="[ two ]"):
        return text.replace("TARGET", target).replace("CALL", call).replace("NEXT", following)

    assert set(templates.good(fill()).workflows["w"].steps) == {"one", "two"}
    templates.bad(fill(target="§y"), "BBQ-T053")
    templates.bad(fill(following="[ §three ]"), "BBQ-T085")
    templates.bad(fill(call="§i.stop"), "BBQ-T071")
    templates.bad(fill(call="§j.go"), "BBQ-T070")
    templates.bad(fill(call="{ operation: §i.go }"), "BBQ-T042")


def substitution(body):
    return TYPES + "  node_templates: { x: { type: N } }\n  substitution_mappings:\n    node_type: N\n" + body


def test_substitution_mappings(templates):
    service = templates.good(
        substitution("""\
    properties: { p: n }
    attributes: { a: [ x, a ] }
    capabilities: { c: [ x, c ] }
    requirements: { r: [ x, r ] }
    substitution_filter:
      properties: [ { s: { $equal: [ $value, y ] } }, { p: 5 } ]
      capabilities: [ { c: { properties: [ { size: 1 } ] } } ]
""")
    )
    found = service.substitution
    assert found.node_type == "N" and found.properties == {("p",): "n"}
    assert (found.attributes["a",].name, found.attributes["a",].args) == ("get_attribute", ("x", "a"))
    assert found.capabilities == {"c": ("x", "c")}
    assert [(item.name, item.count, item.targets) for item in found.requirements] == [("r", None, (("x", "r"),))]
    assert [(path, item.operator) for path, item in found.filter] == [
        (("s",), "validation"),
        (("p",), "equal"),
        (("c", "size"), "equal"),
    ]


def test_filters_of_1x(templates):
    service = templates.good(
        HEAD_1
        + """\
topology_template:
  node_templates: { s: { type: tosca.nodes.Compute } }
  substitution_mappings:
    node_type: tosca.nodes.DBMS
    substitution_filter:
      properties:
        - port: { in_range: [ 1, 1024 ] }
        - root_password: [ { min_length: 8 }, { max_length: 16 } ]
"""
    )
    assert [(path, item.operator, item.argument) for path, item in service.substitution.filter] == [
        (("port",), "in_range", [1, 1024]),
        (("root_password",), "min_length", 8),
        (("root_password",), "max_length", 16),
    ]


def test_a_function_as_filter(templates):
    service = templates.good(substitution("    substitution_filter: { $equal: [ { $get_property: [ SELF, s ] }, y ] }\n"))
    ((path, constraint),) = service.substitution.filter
    assert path == () and constraint.operator == "validation" and constraint.argument.name == "equal"


def test_bad_mappings(templates):
    templates.bad(
        substitution("""\
    properties: { §pp: n, s: §m }
    attributes: { §b: [ x, a ], a: §[ y, a ] }
    capabilities: { §d: [ x, c ], c: §[ x, d ] }
    requirements: { §q: [ x, r ], r: §[ y, r ] }
"""),
        *["BBQ-T041", "BBQ-T052", "BBQ-T041", "BBQ-T053", "BBQ-T060", "BBQ-T060", "BBQ-T061", "BBQ-T053"],
    )
    templates.bad(TYPES + "  node_templates: {}\n  substitution_mappings: { node_type: §M }\n", "BBQ-T030")


def test_required_inputs_that_nothing_maps(templates):
    text = substitution("    properties: { p: n }\n").replace(
        "default: 1 } }\n  node", "default: 1 }, §m: { type: string } }\n  node"
    )
    assert templates.bad(text, "BBQ-T092")[0].severity == "warning"


def test_what_was_read_is_let_go_of_without_the_collector(tmp_path: Path) -> None:
    """Most of what a large template takes is its YAML nodes, and the graph is built beside them if they stay."""
    path = tmp_path / "service.yaml"
    path.write_text(TYPES + "  node_templates:\n    a: { type: N, properties: { p: { $get_input: n } } }\n")
    gc.disable()
    try:
        service, found = load(path)
        kept = [item for item in gc.get_objects() if isinstance(item, yaml.ScalarNode) and item.start_mark.name == str(path)]
    finally:
        gc.enable()
    assert service is not None and not found
    assert not kept
