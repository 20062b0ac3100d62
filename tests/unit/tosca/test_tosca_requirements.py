"""Node templates and their requirements."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

TYPES = (
    HEAD_2
    + """\
capability_types: { Host: {}, Big: { derived_from: Host }, Other: {} }
relationship_types: { HostedOn: { properties: { path: { type: string, default: / } } }, Uses: {} }
node_types:
  Server: { capabilities: { host: Big } }
  Disk: { capabilities: { other: Other } }
  App:
    requirements:
      - host: { capability: Host, node: Server, relationship: HostedOn, count_range: [ 1, 1 ] }
      - uses: { capability: Other, relationship: Uses, count_range: [ 0, 2 ] }
service_template:
  node_templates:
    server: { type: Server }
    disk: { type: Disk }
"""
)


def app(requirements, extra=""):
    return TYPES + f"    §app: {{ type: App, requirements: {requirements} }}\n{extra}"


def good(templates, requirements, extra=""):
    return templates.good(app(requirements, extra).replace("§", "")).node_templates["app"].requirements


def bad(templates, requirements, *codes, extra=""):
    text = app(requirements, extra)
    return templates.bad(text.replace("§app", "app", 1), *codes)


def test_short_and_long_forms(templates):
    for form in ("server", "{ node: server }", "{ node: server, capability: host }", "{ node: server, capability: Host }"):
        (found,) = good(templates, f"[ {{ host: {form} }} ]")
        assert (found.node, found.relationship, found.assigned) == ("server", "HostedOn", True)
        assert found.properties == {"path": "/"}


def test_relationships(templates):
    (found,) = good(templates, "[ { host: { node: server, relationship: { type: HostedOn, properties: { path: /x } } } } ]")
    assert found.properties == {"path": "/x"}
    templates_text = "  relationship_templates: { mine: { type: HostedOn, properties: { path: /y } } }\n"
    (found,) = good(templates, "[ { host: { node: server, relationship: mine } } ]", templates_text)
    assert (found.relationship, found.relationship_template, found.properties) == ("HostedOn", "mine", {"path": "/y"})
    bad(templates, "[ { host: { node: server, relationship: §HostedOm } } ]", "BBQ-T030")
    bad(templates, "[ { host: { node: server, relationship: { type: HostedOn, properties: { §x: 1 } } } } ]", "BBQ-T041")


def test_a_type_as_target_is_found_later(templates):
    (found,) = good(templates, "[ { host: { node: Server } } ]")
    assert (found.node, found.node_type) == (None, "Server")
    (found,) = good(templates, "[ { host: { node_filter: { $equal: [ 1, 1 ] } } } ]")
    assert (found.node, found.node_type, found.node_filter.name) == (None, "Server", "equal")


def test_open_requirements(templates):
    (found,) = good(templates, "[]")
    assert (found.name, found.assigned, found.node, found.node_type, found.capability) == (
        "host",
        False,
        None,
        "Server",
        "Host",
    )
    text = app("[]").replace("    server: { type: Server }\n", "")
    found = templates.bad(text, "BBQ-T062")
    assert found[0].severity == "warning"


def test_targets_that_do_not_fit(templates):
    bad(templates, "[ { host: §srver } ]", "BBQ-T053")
    found = bad(templates, "[ { host: §disk } ]", "BBQ-T063")
    assert found[0].hint == "offered by: `server`"
    bad(templates, "[ { host: { node: server, capability: §other } } ]", "BBQ-T060")
    assert bad(templates, "[ { host: server }, { §usse: disk } ]", "BBQ-T061")[0].hint == "did you mean `uses`?"


def test_how_often(templates):
    good(templates, "[ { host: server }, { uses: disk }, { uses: disk } ]")
    bad(templates, "[ { host: server }, { uses: disk }, { uses: disk }, { §uses: disk } ]", "BBQ-T064")
    text = app("[ { host: server }, { uses: disk } ]").replace("[ 0, 2 ]", "[ 2, 3 ]")
    templates.bad(text, "BBQ-T064")


def test_cycles(templates):
    text = (
        HEAD_2
        + """\
capability_types: { C: {} }
relationship_types: { L: {} }
node_types:
  N: { capabilities: { c: C }, requirements: [ { r: { capability: C, relationship: L, count_range: [ 0, 2 ] } } ] }
service_template:
  node_templates:
    a: { type: N, requirements: [ { §r: b } ] }
    b: { type: N, requirements: [ { r: c } ] }
    c: { type: N, requirements: [ { r: a } ] }
"""
    )
    found = templates.bad(text, "BBQ-T065")
    assert found[0].message == "node templates require each other, so there is no order: `a` -> `b` -> `c` -> `a`"
    alone = text.split("    b:")[0].replace("§r: b", "§r: a")
    assert templates.bad(alone, "BBQ-T065")[0].message == "node template `a` requires itself"


def test_count_directives_and_copy(templates):
    service = templates.good(
        HEAD_2
        + """\
node_types: { N: { properties: { p: { type: map, entry_schema: any, required: false }, q: { type: integer, default: 1 } } } }
service_template:
  inputs: { n: { type: integer } }
  node_templates:
    a: { type: N, count: { $get_input: n }, directives: [ substitute ], properties: { p: { x: 1, y: [ 1 ] } } }
    b: { copy: a, count: 3, properties: { p: { y: [ 2 ] }, q: 5 } }
"""
    )
    a, b = service.node_templates.values()
    assert a.count.name == "get_input" and a.directives == ("substitute",)
    assert (b.count, b.properties) == (3, {"p": {"x": 1, "y": [2]}, "q": 5})


def test_a_copy_is_not_copied(templates):
    text = """\
node_types: { N: { properties: { p: { type: integer, default: 1 } } } }
service_template:
  node_templates:
    a: { type: N }
    b: { copy: a, properties: { p: 2 } }
    c: { copy: §b }
    d: { copy: §d }
    e: { copy: §nobody }
"""
    found = templates.bad(HEAD_2 + text, "BBQ-T212", "BBQ-T053", "BBQ-T053")
    assert found[0].severity == "warning"
    text = text.split("    d:")[0].replace("service_template", "topology_template")
    service, found, _ = templates.read(HEAD_1 + text)
    assert [(item.severity, item.code) for item in found] == [("warning", "BBQ-T212")]
    assert service.node_templates["c"].properties == {"p": 2}


def test_bad_copies_and_counts(templates):
    templates.bad(
        HEAD_2
        + """\
node_types: { N: {} }
service_template:
  node_templates:
    a: { type: N, copy: §a }
    c: { type: N, copy: §x }
    d: { type: N, count: §-1 }
    e: { type: N, directives: [ §sellect ] }
""",
        "BBQ-T053",
        "BBQ-T053",
        "BBQ-T040",
        "BBQ-T015",
    )


def test_capabilities_of_a_node(templates):
    service = templates.good(
        HEAD_1
        + """\
topology_template:
  node_templates:
    s: { type: tosca.nodes.Compute, capabilities: { host: { properties: { num_cpus: 2, mem_size: 4gb } } } }
"""
    )
    found = service.node_templates["s"].capabilities
    assert found["host"].properties == {"num_cpus": 2, "mem_size": "4 GB"}
    assert found["endpoint"].properties["secure"] is True
    templates.bad(
        HEAD_1
        + """\
topology_template:
  node_templates:
    s: { type: tosca.nodes.Compute, capabilities: { §hots: {}, host: { properties: { num_cpus: §0, §cpus: 1 } } } }
""",
        "BBQ-T060",
        "BBQ-T043",
        "BBQ-T041",
    )


def test_property_places(templates):
    service = templates.good(
        HEAD_2
        + "node_types: { N: { properties: { p: { type: integer }, q: { type: integer, default: 1 } } } }\n"
        + "service_template: { node_templates: { a: { type: N, properties: { p: 5 } } } }\n"
    )
    places = service.node_templates["a"].property_at
    assert (places["p"].line, places["p"].column) == (3, 70)
    assert places["q"].line == 2


def test_interfaces_and_artifacts(templates):
    (templates.directory / "run.sh").write_text("")
    service = templates.good(
        HEAD_1
        + """\
topology_template:
  inputs: { n: { type: integer } }
  node_templates:
    a:
      type: tosca.nodes.SoftwareComponent
      requirements: [ { host: s } ]
      artifacts: { script: { type: tosca.artifacts.Implementation.Bash, file: run.sh } }
      interfaces:
        Standard:
          inputs: { x: 1 }
          create: run.sh
          start: { implementation: { primary: run.sh, dependencies: [ run.sh ], timeout: 5 }, inputs: { n: { get_input: n } } }
          stop: { implementation: script }
    s: { type: tosca.nodes.Compute }
"""
    )
    operations = service.node_templates["a"].interfaces["Standard"].operations
    script = str(templates.directory / "run.sh")
    assert operations["create"].implementation == script
    assert operations["create"].implementation_type == "tosca.artifacts.Implementation.Bash"
    assert operations["start"].dependencies == (script,) and operations["start"].timeout == 5.0
    assert operations["start"].inputs["n"].args == ("n",)
    assert service.node_templates["a"].interfaces["Standard"].inputs == {"x": 1}
    assert operations["stop"].implementation == script
    assert (
        service.types["node", "tosca.nodes.SoftwareComponent"].interfaces["Standard"].operations["stop"].implementation is None
    )


def test_bad_interfaces(templates):
    text = (
        HEAD_1
        + """\
topology_template:
  node_templates:
    s: { type: tosca.nodes.Compute, interfaces: { INTERFACES } }
"""
    )
    templates.bad(text.replace("INTERFACES", "§Standrad: {}"), "BBQ-T070")
    found = templates.bad(text.replace("INTERFACES", "Standard: { operations: { §strat: service.yaml } }"), "BBQ-T071")
    assert found[0].hint == "did you mean `start`?"
    found = templates.bad(text.replace("INTERFACES", "Standard: { operations: { start: §nothing.sh } }"), "BBQ-T110")
    assert found[0].severity == "warning"


def test_a_node_with_an_error_of_its_own_is_still_the_one_that_is_meant(templates):
    found = templates.bad(
        HEAD_1
        + """\
topology_template:
  node_templates:
    server: { type: §tosca.nodes.Compte }
    app: { type: tosca.nodes.SoftwareComponent, requirements: [ { host: §servr } ] }
  outputs:
    address: { value: { get_attribute: [ §srver, private_address ] } }
""",
        "BBQ-T030",
        "BBQ-T053",
        "BBQ-T053",
    )
    assert [item.hint for item in found[1:]] == ["did you mean `server`?"] * 2


def test_what_published_1x_archives_do(templates):
    """A word for an artifact's type, one dependency that is no list, a requirement of an abstract node that names itself."""
    text = (
        HEAD_1
        + """\
node_types:
  N:
    derived_from: tosca.nodes.Root
    requirements: [ { link: { capability: tosca.capabilities.Endpoint } } ]
topology_template:
  node_templates:
    n:
      type: N
      artifacts: { run: { type: §shell, file: run.sh } }
      requirements: [ { link: §n } ]
      interfaces: { Standard: { create: { implementation: { primary: run.sh, dependencies: §more.sh } } } }
"""
    )
    for name in ("run.sh", "more.sh"):
        templates.write(name, "")
    found = templates.bad(text, "BBQ-T030", "BBQ-T063", "BBQ-T012")
    assert {item.severity for item in found} == {"warning"}
    service, _, _ = templates.read(text)
    node = service.node_templates["n"]
    assert node.artifacts["run"].type == "tosca.artifacts.Implementation.Bash"
    assert node.interfaces["Standard"].operations["create"].dependencies == (str(templates.directory / "more.sh"),)
    assert [(item.node, item.optional) for item in node.requirements if item.name == "link"] == [(None, True)]
    met = text.replace("link: §n", "dependency: §n").replace("tosca.capabilities.Endpoint", "tosca.capabilities.Node")
    errors = [item.code for item in templates.read(met)[1] if item.severity == "error"]
    assert errors == ["BBQ-T065"], "one that could be met is a cycle"


RANGES = (
    HEAD_1
    + """\
capability_types: { C: { derived_from: tosca.capabilities.Root } }
node_types:
  S: { derived_from: tosca.nodes.Root, capabilities: { c: { type: C, occurrences: [ 1, 3 ] } } }
  N: { derived_from: tosca.nodes.Root, requirements: [ { r: { capability: C } } ] }
topology_template:
  node_templates:
"""
)


@pytest.mark.parametrize(
    ("node", "code", "severity"),
    [
        ("n: { type: N, requirements: [ { r: { node: s, occurrences: [ 1, 1 ] } } ] }", None, ""),
        ("n: { type: N, requirements: [ { r: { node: s, occurrences: §[ 1, 2 ] } } ] }", "BBQ-T064", "warning"),
        ("n: { type: N, requirements: [ { r: { node: s, occurrences: §[ 1, UNBOUNDED ] } } ] }", "BBQ-T064", "warning"),
        ("t: { type: S, capabilities: { c: { occurrences: [ 1, 2 ] } } }", None, ""),
        ("t: { type: S, capabilities: { c: { occurrences: §[ 2, 1 ] } } }", "BBQ-T014", "error"),
        ("t: { type: S, capabilities: { c: { occurrences: §[ 0, 2 ] } } }", "BBQ-T064", "warning"),
        ("t: { type: S, capabilities: { c: { occurrences: §[ 1, UNBOUNDED ] } } }", "BBQ-T064", "warning"),
    ],
)
def test_ranges_of_1_3_are_within_those_of_the_types(templates, node, code, severity):
    """1.3 sections 3.8.1 and 3.8.2."""
    text = RANGES + f"    s: {{ type: S }}\n    {node}\n"
    if code is None:
        templates.good(text)
    else:
        assert templates.bad(text, code)[0].severity == severity


def test_items_of_lists_have_one_entry(templates):
    """TOSCA 1.3 section 3.8.3, 2.0 section 8.7 and 16.4: practice of 1.x."""
    one = RANGES.replace("[ { r: { capability: C } } ]", "[ { r: { capability: C }, §q: { capability: C } } ]")
    one += "    s: { type: S }\n    n: { type: N, requirements: [ { r: s, §q: s } ] }\n"
    one += "  policies: [ { a: { type: tosca.policies.Scaling }, §b: { type: tosca.policies.Scaling } } ]\n"
    found = templates.bad(one, *["BBQ-T012"] * 3)
    assert {item.severity for item in found} == {"warning"} and all(item.hint for item in found)
    two = """\
capability_types: { C: {} }
relationship_types: { R: {} }
policy_types: { P: {} }
node_types:
  S: { capabilities: { c: C } }
  N: { requirements: [ { r: { capability: C, relationship: R }, §q: { capability: C, relationship: R } } ] }
service_template:
  node_templates: { s: { type: S }, n: { type: N, requirements: [ { r: s, §q: s } ] } }
  policies: [ { a: { type: P }, §b: { type: P } } ]
"""
    assert {item.severity for item in templates.bad(HEAD_2 + two, *["BBQ-T012"] * 3)} == {"error"}
