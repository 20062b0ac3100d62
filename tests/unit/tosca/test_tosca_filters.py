"""Node filters. TOSCA 2.0 sections 7.3 and 8.6; TOSCA 1.3 section 3.6.5."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

TYPES = (
    HEAD_2
    + """\
capability_types: { Host: { properties: { cpus: { type: integer, default: 1 } } } }
relationship_types: { On: {} }
node_types:
  Server: { properties: { size: { type: integer, default: 1 } }, capabilities: { host: Host } }
  App: { requirements: [ { on: { capability: Host, relationship: On, node: Server } } ] }
  Strict:
    requirements: [ { on: { capability: Host, relationship: On, node_filter: %s, count_range: [ 1, 1 ] } } ]
service_template:
  node_templates:
    server: { type: Server }
"""
)
EQUAL = "{ $equal: [ { $get_property: [ SELF, TARGET, size ] }, 1 ] }"


def test_a_filter_is_a_condition(templates):
    text = TYPES % EQUAL + f"    app: {{ type: App, requirements: [ {{ on: {{ node: Server, node_filter: {EQUAL} }} }} ] }}\n"
    found = templates.good(text).node_templates["app"].requirements[0]
    assert found.node_filter.name == "equal"


@pytest.mark.parametrize("value", ["§{ properties: [ { size: { equal: 1 } } ] }", "§[ 1 ]", "§yes", "§3"])
def test_it_is_nothing_else(templates, value):
    plain = TYPES % EQUAL + f"    app: {{ type: App, requirements: [ {{ on: {{ node: Server, node_filter: {value} }} }} ] }}\n"
    (found,) = templates.bad(plain, "BBQ-T044")
    assert "node_filter of requirement `on` of node template `app`" in found.message
    (found,) = templates.bad(TYPES % value, "BBQ-T044")
    assert "node_filter of requirement `on` of node type `Strict`" in found.message


def test_selected_nodes(templates):
    text = TYPES % EQUAL + "    app: { type: Strict, directives: [ select ], node_filter: { $equal: [ 1, 1 ] } }\n"
    assert templates.good(text).node_templates["app"].requirements == []
    text = TYPES % EQUAL + "    other: { type: Server, §node_filter: { $equal: [ 1, 1 ] } }\n"
    _, found, marks = templates.read(text.replace("§node_filter: {", "node_filter: §{"))
    assert [(item.code, item.severity, (item.line, item.column)) for item in found] == [("BBQ-T216", "warning", marks[0])]


ONE = (
    HEAD_1
    + """\
node_types:
  App: { derived_from: tosca.nodes.Root, requirements: [ { on: { capability: tosca.capabilities.Compute } } ] }
topology_template:
  node_templates:
    server: { type: tosca.nodes.Compute }
    app:
      type: App
      requirements: [ { on: { node: tosca.nodes.Compute, node_filter: %s } } ]
"""
)


@pytest.mark.parametrize(
    ("value", "code", "severity"),
    [
        ("{ capabilities: [ { host: { properties: [ { num_cpus: { in_range: [ 1, 4 ] } } ] } } ] }", None, None),
        ("{ capabilities: [ { host: { properties: [ { num_cpus: [ { equal: 1 } ] }, { disk_size: 1 GB } ] } } ] }", None, None),
        ("{ capabilities: [ { tosca.capabilities.Compute: { properties: [ { num_cpus: { equal: 1 } } ] } } ] }", None, None),
        ("{ properties: [ { §size: { equal: 1 } } ] }", "BBQ-T041", "warning"),
        ("{ capabilities: [ { §hosts: { properties: [] } } ] }", "BBQ-T060", "warning"),
        ("{ capabilities: [ { host: { properties: [ { §cpus: { equal: 1 } } ] } } ] }", "BBQ-T041", "warning"),
        ("{ capabilities: [ { host: { properties: [ { num_cpus: { §is: 1 } } ] } } ] }", "BBQ-T044", "error"),
        ("{ capabilities: [ { host: { properties: [ { num_cpus: { in_range: §1 } } ] } } ] }", "BBQ-T044", "error"),
        ("{ §capability: [] }", "BBQ-T010", "error"),
    ],
)
def test_filters_of_1_x(templates, value, code, severity):
    _, found, marks = templates.read(ONE % value)
    wanted = [(code, severity, marks[0])] if code else []
    assert [(item.code, item.severity, (item.line, item.column)) for item in found] == wanted
