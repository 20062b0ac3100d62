"""Interfaces, operations, notifications and artifacts. TOSCA 2.0 chapters 11 and 12; TOSCA 1.3 sections 3.6.16 to 3.6.20."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

TYPES = (
    HEAD_2
    + """\
artifact_types:
  File: {}
  Script: { file_ext: [ sh ], properties: { mode: { type: integer, default: 7 }, shell: { type: string } } }
capability_types: { Port: { attributes: { number: { type: integer } } } }
interface_types:
  Life:
    inputs: { all: { type: integer, default: 1 }, fixed: { type: integer, value: 3 } }
    operations:
      start: { inputs: { speed: { type: integer } }, outputs: { pid: { type: integer } } }
      stop: {}
    notifications:
      died: { outputs: { code: { type: integer } } }
  More: { derived_from: Life, operations: { pause: {} } }
  Alien: {}
"""
)


def node_type(body, parent=""):
    return (
        TYPES
        + "node_types:\n"
        + parent
        + f"""\
  Thing:
    {"derived_from: Base" if parent else "description: a thing"}
    attributes: {{ pid: {{ type: integer }}, list: {{ type: list, entry_schema: integer }} }}
    capabilities: {{ port: Port }}
{body}
"""
    )


BASE = """\
  Base:
    interfaces: { life: { type: Life, operations: { start: { outputs: { pid: { mapping: [ SELF, state ] } } } } } }
    attributes: { state: { type: integer } }
"""


@pytest.mark.parametrize(
    "interfaces",
    [
        "life: { type: Life }",
        "life: { type: Life, operations: { start: start.py } }",
        "life: { type: Life, inputs: { all: { type: integer, default: 4 }, new: { type: string } } }",
        "life: { type: Life, operations: { start: { inputs: { new: { type: string } }, outputs: { pid: [ SELF, pid ] } } } }",
        "life: { type: Life, operations: { start: { outputs: { pid: { mapping: [ SELF, list, 0 ] } } } } }",
        "life: { type: Life, operations: { start: { outputs: { pid: [ SELF, CAPABILITY, port, number ] } } } }",
        "life: { type: Life, operations: { start: { outputs: { new: [ SELF, pid ] } } } }",
        "life: { type: Life, notifications: { died: { implementation: watch, outputs: { code: [ SELF, pid ] } } } }",
    ],
)
def test_of_a_type(templates, interfaces):
    templates.write("start.py", "")
    templates.good(node_type(f"    interfaces: {{ {interfaces} }}"))


@pytest.mark.parametrize(
    ("interfaces", "code", "words"),
    [
        ("§life: {}", "BBQ-T011", "lacks the required keyname `type`"),
        ("life: { type: §Life2 }", "BBQ-T030", "unknown interface type"),
        ("life: { type: Life, operations: { §begin: {} } }", "BBQ-T071", "has no operation `begin`"),
        ("life: { type: Life, notifications: { §dead: {} } }", "BBQ-T071", "has no notification `dead`"),
        ("life: { type: Life, §start: {} }", "BBQ-T010", "`start`"),
        ("life: { type: Life, inputs: { all: { type: §string } } }", "BBQ-T033", "`all`"),
        ("life: { type: Life, inputs: { fixed: { value: §4 } } }", "BBQ-T033", "`fixed`"),
        ("life: { type: Life, operations: { start: { outputs: { pid: [ SELF, §pod ] } } } }", "BBQ-T054", "`pod`"),
        ("life: { type: Life, operations: { start: { outputs: { pid: [ §other, pid ] } } } }", "BBQ-T055", "`pid`"),
        ("life: { type: Life, operations: { start: { outputs: { pid: { mapping: §pid } } } } }", "BBQ-T012", "`pid`"),
        (
            "life: { type: Life, operations: { start: { outputs: { pid: [ SELF, CAPABILITY, port, §name ] } } } }",
            "BBQ-T054",
            "capability `port` of `Thing` has no attribute `name`",
        ),
    ],
)
def test_of_a_type_wrong(templates, interfaces, code, words):
    (found,) = templates.bad(node_type(f"    interfaces: {{ {interfaces} }}"), code)
    assert words in found.message


def test_refinement(templates):
    good = "    interfaces: { life: { type: More, operations: { pause: pause, start: { outputs: { code: [ SELF, pid ] } } } } }"
    thing = templates.good(node_type(good, BASE)).types["node", "Thing"].interfaces["life"]
    assert thing.type == "More" and list(thing.operations) == ["start", "stop", "pause"]
    assert thing.operations["start"].outputs["pid"].mapping == ("SELF", "state")
    (found,) = templates.bad(node_type("    interfaces: { life: { type: §Alien } }", BASE), "BBQ-T033")
    assert "is of type `Life`; `Alien` does not derive from it" in found.message
    again = "    interfaces: { life: { type: Life, operations: { start: { outputs: { pid: §[ SELF, pid ] } } } } }"
    (found,) = templates.bad(node_type(again, BASE), "BBQ-T033")
    assert "is mapped to `[ SELF, state ]` already" in found.message


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("start: { implementation: §start.py }", "BBQ-T072"),
        ("start: §start.py", "BBQ-T072"),
        ("start: { outputs: { §pid: { mapping: [ SELF, pid ] } } }", "BBQ-T072"),
        ("start: { outputs: { §pid: [ SELF, pid ] } }", "BBQ-T072"),
        ("start: { inputs: { speed: { type: §intger } } }", "BBQ-T030"),
        ("start: { §input: {} }", "BBQ-T010"),
    ],
)
def test_interface_types_implement_nothing(templates, operation, code):
    templates.write("start.py", "")
    for block in ("operations", "notifications"):
        templates.bad(HEAD_2 + f"interface_types: {{ Life: {{ {block}: {{ {operation} }} }} }}\n", code)


def test_interface_types_refine(templates):
    text = TYPES + "  Less: { derived_from: Life, operations: { start: { inputs: { speed: { type: §string } } } } }\n"
    templates.bad(text, "BBQ-T033")
    templates.good(TYPES + "  Less: { derived_from: Life, inputs: { b: { type: string } }, notifications: { died: {} } }\n")


def template(interfaces):
    types = node_type("    interfaces: { life: { type: Life, operations: { start: { outputs: { pid: [ SELF, pid ] } } } } }")
    return f"{types}service_template:\n  node_templates:\n    thing: {{ type: Thing, interfaces: {{ {interfaces} }} }}\n"


@pytest.mark.parametrize(
    ("interfaces", "wanted"),
    [
        ("life: { inputs: { all: 2 } }", ({"all": 2, "fixed": 3}, {})),
        ("life: { inputs: { all: 2, more: [ 1 ] } }", ({"all": 2, "fixed": 3, "more": [1]}, {})),
        ("life: { operations: { start: { inputs: { speed: 9, x: y } } } }", ({"all": 1, "fixed": 3}, {"speed": 9, "x": "y"})),
        ("life: { operations: { start: { outputs: { other: [ SELF, list, 0 ] } } } }", ({"all": 1, "fixed": 3}, {})),
        ("life: { notifications: { died: { outputs: { code: [ SELF, pid ] } } } }", ({"all": 1, "fixed": 3}, {})),
    ],
)  # fmt: skip
def test_of_a_template(templates, interfaces, wanted):
    life = templates.good(template(interfaces)).node_templates["thing"].interfaces["life"]
    assert (life.inputs, life.operations["start"].inputs) == wanted


@pytest.mark.parametrize(
    ("interfaces", "code", "words"),
    [
        ("§live: {}", "BBQ-T070", "has no interface `live`"),
        ("§Life: {}", "BBQ-T070", "has no interface `Life`"),
        ("life: { §type: Life }", "BBQ-T013", "`type`"),
        ("life: { inputs: { all: §two } }", "BBQ-T040", "input `all` of interface `life`"),
        ("life: { inputs: { §fixed: 4 } }", "BBQ-T033", "has a fixed value"),
        ("life: { operations: { start: { inputs: { speed: §fast } } } }", "BBQ-T040", "input `speed` of operation `start`"),
        ("life: { operations: { §begin: {} } }", "BBQ-T071", "has no operation `begin`"),
        ("life: { notifications: { §dead: {} } }", "BBQ-T071", "has no notification `dead`"),
        ("life: { operations: { start: { outputs: { pid: §[ SELF, list, 0 ] } } } }", "BBQ-T033", "is mapped to"),
        ("life: { operations: { start: { outputs: { other: [ SELF, §pod ] } } } }", "BBQ-T054", "has no attribute `pod`"),
        ("life: { operations: { start: { outputs: { other: §{ type: integer } } } } }", "BBQ-T012", "is assigned an attribute"),
        ("life: { operations: { start: { implementation: { timeout: §long, primary: x } } } }", "BBQ-T040", "timeout"),
        ("life: { operations: { start: §missing.sh } }", "BBQ-T110", "no file `missing.sh`"),
    ],
)
def test_of_a_template_wrong(templates, interfaces, code, words):
    (found,) = templates.bad(template(interfaces), code)
    assert words in found.message


def test_practice_of_1_x(templates):
    """Operations that no interface type defines, and definitions where values are assigned."""
    text = f"""{HEAD_1}
node_types:
  Thing:
    derived_from: tosca.nodes.Root
    interfaces:
      Standard: {{ operations: {{ §begin: {{}} }} }}
topology_template:
  node_templates:
    thing:
      type: Thing
      interfaces:
        Standard: {{ start: {{ implementation: a.sh, inputs: {{ x: {{ type: string, default: y }} }} }} }}
"""
    templates.write("a.sh", "")
    service, found, marks = templates.read(text)
    assert [(item.code, item.severity, item.line) for item in found] == [("BBQ-T071", "warning", marks[0][0])]
    assert service.node_templates["thing"].interfaces["Standard"].operations["start"].inputs == {"x": "y"}
    older = text.replace("_1_3", "_1_2").replace("§", "")
    assert [item.code for item in templates.read(older)[1] if item.code == "BBQ-T071"] == []


ARTIFACT = "a: { type: Script, file: a.sh, %s }"


@pytest.mark.parametrize(
    ("rest", "codes", "words"),
    [
        ("properties: { shell: sh }", (), ""),
        ("properties: { shell: sh, mode: 5 }, checksum: ab, checksum_algorithm: MD5", (), ""),
        ("properties: { shell: sh }, checksum: §ab", ("BBQ-T011",), "lacks the `checksum_algorithm`"),
        ("properties: { shell: sh, mode: §rw }", ("BBQ-T040",), "mode"),
        ("properties: { shell: sh, §owner: me }", ("BBQ-T041",), "has no property `owner`"),
        ("properties: { shell: sh }, repository: §store", ("BBQ-T025",), "unknown repository `store`"),
        ("properties: { shell: sh }, §version: 1", ("BBQ-T010",), "`version`"),
    ],
)
def test_artifacts(templates, rest, codes, words):
    templates.write("a.sh", "")
    types = f"    artifacts: {{ {ARTIFACT % rest} }}"
    nodes = "service_template:\n  node_templates:\n    thing: { type: Thing, artifacts: { %s } }\n" % (ARTIFACT % rest)
    for text in (node_type(types), node_type("") + nodes):
        found = templates.bad(text, *codes)
        assert all(words in item.message for item in found)


def test_artifacts_have_a_type_a_file_and_what_is_required(templates):
    templates.write("a.sh", "")
    for artifact, code in (
        ("§a: { type: Script, file: a.sh }", "BBQ-T042"),
        ("§a: { type: File }", "BBQ-T011"),
        ("§a: { file: a.sh }", "BBQ-T011"),
    ):
        templates.bad(node_type(f"    artifacts: {{ {artifact} }}"), code)


def test_artifacts_are_redefined_as_a_whole(templates):
    for name in ("a.sh", "b.sh"):
        templates.write(name, "")
    types = node_type("    artifacts: { a: { type: Script, file: a.sh, properties: { shell: sh }, description: old } }")
    text = (
        types
        + "service_template:\n  node_templates:\n    thing: { type: Thing, artifacts: { a: { type: File, file: b.sh } } }\n"
    )
    artifact = templates.good(text).node_templates["thing"].artifacts["a"]
    assert (artifact.type, artifact.properties, artifact.description) == ("File", {}, "")
