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


NAMED = [
    ("SELF, TARGET, §siz", "BBQ-T054", "`Server`"),
    ("SELF, §siz", "BBQ-T054", "`Server`"),
    ("SELF, CAPABILITY, §cpu", "BBQ-T054", "`Host`"),
    ("SELF, TARGET, size", None, ""),
    ("SELF, size", None, ""),
    ("SELF, weight", None, ""),
    ("SELF, CAPABILITY, cpus", None, ""),
    ("SELF, CAPABILITY, disks", None, ""),
    ("SELF, CAPABILITY, host, cpus", None, ""),
    ("SELF, TARGET, CAPABILITY, host, cpus", None, ""),
]
DERIVED = """\
  Large: { derived_from: Server, properties: { racks: { type: integer, default: 1 } } }
  Other: { properties: { siz: { type: integer, default: 1 } } }
"""
CAPABILITIES = """\
  Wide: { derived_from: Host, properties: { disks: { type: integer, default: 1 } } }
relationship_types: { On: { properties: { weight: { type: integer, default: 1 } } } }
"""


WHERE = ["definition", "type", "template"]


def filtering(path, where):
    """A template with a filter on the value at `path`, whose function is marked where the path has a mark."""
    host = "Host: { properties: { cpus: { type: integer, default: 1 } } }"
    text = (TYPES % EQUAL).replace(f"capability_types: {{ {host} }}", f"capability_types:\n  {host}")
    text = text.replace("relationship_types: { On: {} }\n", CAPABILITIES)
    text = text.replace("service_template:", DERIVED + "service_template:")
    mark = "§" if "§" in path else ""
    value = f"{{ $equal: [ {{ $get_property: [ {path} ] }}, 1 ] }}"
    if where == "definition":  # of which the call's place is kept
        value = f"{{ $equal: [ {{ {mark}$get_property: [ {path.replace('§', '')} ] }}, 1 ] }}"
        return text.replace("On, node: Server }", f"On, node: Server, node_filter: {value} }}")
    target = "server" if where == "template" else "Server"
    return text + f"    app: {{ type: App, requirements: [ {{ on: {{ node: {target}, node_filter: {value} }} }} ] }}\n"


@pytest.mark.parametrize(("path", "code", "words"), NAMED)
@pytest.mark.parametrize("where", WHERE)
def test_what_a_filter_names_is_there(templates, path, code, words, where):
    """Of a target that is found later, the type is known; a type that derives from it may have what it lacks."""
    found = templates.bad(filtering(path, where), code) if code is not None else templates.good(filtering(path, where))
    assert code is None or words in found[0].message or where == "template"


@pytest.mark.parametrize("where", WHERE)
def test_what_only_a_derived_type_has(templates, where):
    if where == "template":  # the very node is known, and is none of that type
        templates.bad(filtering("SELF, TARGET, §racks", where), "BBQ-T054")
    else:
        templates.good(filtering("SELF, TARGET, racks", where))


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


FILTERED = ONE.replace(
    "topology_template:\n",
    "  Server:\n    derived_from: tosca.nodes.Compute\n    properties:\n      n: { type: integer, default: 1 }\n"
    "      v: { type: version, default: 1.0 }\n      s: { type: string, default: x }\n"
    "topology_template:\n  inputs: { low: { type: integer, default: 2 } }\n",
).replace("type: tosca.nodes.Compute }", "type: Server }")
PROPERTY = "{ properties: [ %s ] }"
CAPABILITY = "{ capabilities: [ host: { properties: [ %s ] } ] }"


@pytest.mark.parametrize(
    ("target", "clause", "hint"),
    [
        ("Server", PROPERTY % "n: { in_range: §[ 5, 1 ] }", "write [ 1, 5 ]"),
        ("Server", PROPERTY % "n: [ { greater_than: 0 }, { in_range: §[ 5, 1 ] } ]", "write [ 1, 5 ]"),
        ("Server", PROPERTY % "v: { in_range: §[ 1.10, 1.2 ] }", "write [ 1.2, 1.10 ]"),
        ("Server", CAPABILITY % "mem_size: { in_range: §[ 4 GB, 1 GB ] }", "write [ 1 GB, 4 GB ]"),
        ("", PROPERTY % "n: { in_range: §[ 5, 1 ] }", "write [ 1, 5 ]"),
        ("Server", PROPERTY % "n: { greater_than: §abc }", "give a value of type `integer`"),
        ("Server", PROPERTY % "n: { in_range: [ 1, 5 ] }", None),
        ("Server", PROPERTY % "v: { in_range: [ 1.2, 1.10 ] }", None),
        ("Server", PROPERTY % "s: { min_length: { get_input: low } }", None),
        ("Server", PROPERTY % "n: [ { in_range: [ { get_input: low }, 1 ] }, { greater_than: { get_input: low } } ]", None),
    ],
)
def test_what_properties_are_compared_with(templates, target, clause, hint):
    """It is told where the filter stands, whether or not a candidate meets it."""
    text = FILTERED.replace("node: tosca.nodes.Compute, ", f"node: {target}, " if target else "") % clause
    if hint is None:
        templates.good(text)
    else:
        (found,) = templates.bad(text, "BBQ-T044")
        assert found.hint == hint
