"""Whether what a requirement is given fits. TOSCA 2.0 sections 7.3, 8.1, 8.4 and 8.5."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

TYPES = """\
data_types: { Size: { derived_from: scalar, units: { B: 1, kB: 1000 }, canonical_unit: B } }
capability_types:
  Place:
    properties:
      slots: { type: integer, default: 4 }
      memory: { type: Size, default: 8 kB }
      name: { type: string, default: a }
  Better: { derived_from: Place }
  Other: {}
relationship_types:
  On: { properties: { weight: { type: integer, default: 1 } } }
  Fast: { derived_from: On }
  Picky: { derived_from: On, valid_capability_types: [ Better ] }
  Chosen: { derived_from: On, valid_source_node_types: [ Other ], valid_target_node_types: [ Fine ] }
  Alien: {}
node_types:
  Server: { capabilities: { place: { type: Place, valid_relationship_types: [ On ] } } }
  Fine: { derived_from: Server, capabilities: { place: Better, %s: Place } }
  Strict: { derived_from: Server, capabilities: { place: { type: Place, valid_relationship_types: [ Fast ] } } }
  Bare: {}
  App:
    requirements:
      - on: { capability: Place, relationship: On, node: Server, count_range: [ 0, 4 ] }
      - named: { capability: place, relationship: On, node: Server, count_range: [ 0, 4 ] }
  Other: { derived_from: App }
service_template:
  inputs: { many: { type: integer, default: 2 } }
  node_templates:
    server: { type: Server, count: 3 }
    fine: { type: Fine }
    strict: { type: Strict }
    bare: { type: Bare }
"""


def app(assignment, name="on"):
    return HEAD_2 + TYPES % "more" + f"    app: {{ type: App, requirements: [ {{ {name}: {assignment} }} ] }}\n"


@pytest.mark.parametrize(
    "assignment",
    [
        "server",
        "[ server, 2 ]",
        "[ server, { $node_index: [] } ]",
        "{ node: [ server, { $relationship_index: [] } ], count: 3 }",
        "{ node: server, count: { $get_input: many } }",
        "{ node: Fine }",
        "{ node: fine, capability: Better, relationship: Picky }",
        "{ node: fine, capability: more }",
        "{ node: server, relationship: Fast }",
        "{ node: server, relationship: { type: Fast, properties: { weight: 2 } } }",
        "{ node: server, allocation: { slots: 2, memory: 1 kB } }",
        "{ node: Server, allocation: { slots: 2 } }",
        "{ node: server, directives: [ internal ], optional: true, count: 2 }",
        "{ capability: Place }",
    ],
)
def test_what_fits(templates, assignment):
    templates.good(app(assignment))


@pytest.mark.parametrize(
    ("assignment", "code", "words"),
    [
        ("§[ server ]", "BBQ-T213", "or [ name, index ]"),
        ("[ server, §3 ]", "BBQ-T213", "no `server` number 3; the template makes 3, counted from 0"),
        ("[ server, §-1 ]", "BBQ-T213", "whole number from 0 on"),
        ("[ server, §1.5 ]", "BBQ-T213", "whole number from 0 on"),
        ("{ node: §bare }", "BBQ-T063", "needs a capability `Place`; `bare` has none"),
        ("{ node: §Bare }", "BBQ-T215", "takes a node of type `Server`; `Bare` does not derive from it"),
        ("{ node: fine, capability: §Other }", "BBQ-T215", "takes a capability of type `Place`"),
        ("{ node: fine, relationship: §Alien }", "BBQ-T215", "takes a relationship of type `On`"),
        ("{ node: server, relationship: §Picky }", "BBQ-T215", "leads to `Better`, not to `Place`"),
        ("{ node: §strict }", "BBQ-T215", "none that capability `place` allows: `Fast`"),
        ("{ node: fine, relationship: §Chosen }", "BBQ-T215", "`Chosen` leads from `Other`, not `App`"),
        ("{ node: server, allocation: { §colour: 1 } }", "BBQ-T214", "allocates `colour`, which capability `place`"),
        ("{ node: server, allocation: { §name: b } }", "BBQ-T214", "only numbers and scalars have shares"),
        ("{ node: server, allocation: { slots: §many } }", "BBQ-T040", "allocation `slots`"),
        ("{ node: server, allocation: { memory: §3 km } }", "BBQ-T040", "allocation `memory`"),
        ("{ node: server, directives: [ §elsewhere ] }", "BBQ-T015", "elsewhere"),
        ("{ node: server, count: §-1 }", "BBQ-T014", "count"),
        ("{ node: server, optional: §perhaps }", "BBQ-T012", "optional"),
    ],
)
def test_what_does_not(templates, assignment, code, words):
    (found,) = templates.bad(app(assignment), code)
    assert words in found.message and "`on`" in found.message


def test_a_capability_that_a_definition_names_is_the_one(templates):
    templates.good(app("{ node: fine, capability: place }", "named"))
    (found,) = templates.bad(app("{ node: fine, capability: §more }", "named"), "BBQ-T215")
    assert "is defined for capability `place`" in found.message


def test_a_template_that_has_a_type_s_name_comes_second(templates):
    text = app("{ node: server, relationship: Fast }").replace(
        "service_template:\n", "service_template:\n  relationship_templates: { Fast: { type: Picky } }\n"
    )
    found = templates.good(text).node_templates["app"].requirements[0]
    assert (found.relationship, found.relationship_template) == ("Fast", None)


def test_how_many(templates):
    base = HEAD_2 + TYPES % "more"
    assert templates.good(base + "    app: { type: App, requirements: [ { on: server }, { on: fine } ] }\n")
    (found,) = templates.bad(
        base
        + "    app: { type: App, requirements: [ { on: { node: server, count: 3 } }, { §on: { node: fine, count: 2 } } ] }\n",
        "BBQ-T064",
    )
    assert "has 5 of requirement `on`; at most 4 allowed" in found.message
    text = base.replace("count_range: [ 0, 4 ] }\n      - named", "count_range: [ 2, 4 ] }\n      - named")
    assert text != base
    templates.good(text + "    app: { type: App, requirements: [ { on: { node: server, count: 2 } } ] }\n")
    (found,) = templates.bad(
        text + "    §app: { type: App, requirements: [ { on: server }, { on: { node: fine, optional: true } } ] }\n", "BBQ-T064"
    )
    assert "has 1 of requirement `on`; at least 2 needed" in found.message


def test_practice_of_1_x_gets_warnings(templates):
    text = f"""{HEAD_1}
node_types:
  App:
    derived_from: tosca.nodes.Root
    requirements:
      - host: {{ capability: tosca.capabilities.Compute, relationship: tosca.relationships.HostedOn }}
topology_template:
  node_templates:
    db: {{ type: tosca.nodes.DBMS }}
    server: {{ type: tosca.nodes.Compute }}
    app: {{ type: App, requirements: [ {{ host: {{ node: server, relationship: tosca.relationships.ConnectsTo }} }} ] }}
"""
    _, found, _ = templates.read(text)
    assert [(item.severity, item.code) for item in found if "ConnectsTo" in item.message] == [("warning", "BBQ-T215")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("directives: [ §never ]", "BBQ-T015"),
        ("capabilities: { place: { directives: [ §never ] } }", "BBQ-T015"),
        ("capabilities: { §plaice: {} }", "BBQ-T060"),
        ("capabilities: { place: { properties: { §slot: 1 } } }", "BBQ-T041"),
        ("count: §-2", "BBQ-T040"),
    ],
)
def test_node_templates(templates, line, code):
    templates.bad(HEAD_2 + TYPES % "more" + f"    last: {{ type: Server, {line} }}\n", code)
