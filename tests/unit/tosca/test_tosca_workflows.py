"""Workflows, triggers, groups. TOSCA 2.0 section 13.2 and chapter 16; TOSCA 1.3 sections 3.6.22 to 3.6.27."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

TYPES = (
    HEAD_2
    + """\
interface_types:
  Life:
    operations: { go: { inputs: { speed: { type: integer } } }, stop: {} }
    notifications: { died: {} }
capability_types: { C: {} }
relationship_types: { R: { interfaces: { wire: { type: Life } } } }
node_types:
  N:
    attributes: { a: { type: string }, s: { type: string } }
    capabilities: { c: C }
    requirements: [ { r: { capability: C, relationship: R, count_range: [ 0, 1 ] } } ]
    interfaces: { i: { type: Life } }
  Other: {}
group_types:
  G: { members: [ N ], properties: { p: { type: integer, default: 1 } }, attributes: { a: { type: integer } } }
  Any: {}
policy_types:
  P: { targets: [ N, G ] }
  T: { triggers: { first: { event: i.died, action: [ { inline: small } ] } } }
service_template:
  inputs: { all: { type: integer, default: 2 } }
  node_templates:
    x: { type: N, requirements: [ { r: y } ] }
    y: { type: N, interfaces: { i: { operations: { go: { inputs: { speed: 5 } } } } } }
    o: { type: Other }
  groups:
    g: { type: G, members: [ x, y ] }
"""
)
SMALL = "    small: { inputs: { n: { type: integer }, m: { type: integer, default: 1 } } }\n"


def workflow(step="", rest=""):
    step = step or "target: x, activities: [ { set_state: started } ]"
    text = f"  workflows:\n{SMALL}    w:\n      inputs: {{ n: {{ type: integer }}, t: {{ type: string, required: false }} }}\n"
    return (
        TYPES
        + text
        + f"      steps: {{ one: {{ {step} }}, two: {{ target: g, activities: [ {{ delegate: deploy }} ] }} }}\n{rest}"
    )


@pytest.mark.parametrize(
    "step",
    [
        "target: x, activities: [ { set_state: started } ], on_success: two, on_failure: [ two ]",
        "target: x, activities: [ { call_operation: i.stop }, { delegate: { workflow: deploy, inputs: { a: 1 } } } ]",
        "target: x, activities: [ { call_operation: { operation: i.go, inputs: { speed: { $get_input: n } } } } ]",
        "target: x, activities: [ { call_operation: { operation: i.go, inputs: { speed: { $get_input: all }, more: 1 } } } ]",
        "target: y, activities: [ { call_operation: i.go } ]",
        "target: x, target_relationship: r, activities: [ { call_operation: wire.stop } ]",
        "target: x, activities: [ { inline: { workflow: small, inputs: { n: 1 } } } ]",
        "target: x, filter: [ { $equal: [ { $get_attribute: [ x, s ] }, a ] } ], activities: [ { set_state: a } ]",
    ],
)
def test_steps(templates, step):
    templates.good(workflow(step))


def test_the_model_of_a_workflow(templates):
    rest = "      precondition: { $equal: [ { $get_attribute: [ x, s ] }, a ] }\n      outputs: { done: [ x, s ] }\n"
    step = "target: x, target_relationship: r, on_success: two, activities: [ { call_operation: wire.stop } ]"
    found = templates.good(workflow(step, rest)).workflows["w"]
    assert found.preconditions[0].value.name == "equal" and found.outputs == {"done": ("x", "s")}
    one = found.steps["one"]
    assert (one.target, one.relationship, one.on_success, one.on_failure) == ("x", "r", ("two",), ())
    assert [(item.kind, item.name, item.inputs) for item in one.activities] == [("call_operation", "wire.stop", {})]
    text = TYPES + "  workflows: { w: { implementation: run } }\n"
    assert templates.good(text).workflows["w"].implementation.implementation.endswith("run")


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        ("target: §z, activities: [ { set_state: started } ]", ["BBQ-T053"]),
        ("target: x, activities: [ { §set: started } ]", ["BBQ-T010"]),
        ("target: x, activities: [ §{ set_state: a, delegate: b } ]", ["BBQ-T012"]),
        ("target: x, activities: [ §stop ]", ["BBQ-T012"]),
        ("target: x, activities: §{ set_state: a }", ["BBQ-T012"]),
        ("target: x, activities: [ { set_state: §[ a ] } ]", ["BBQ-T012"]),
        ("target: x, activities: [ { call_operation: §j.go } ]", ["BBQ-T070"]),
        ("target: x, activities: [ { call_operation: §i.walk } ]", ["BBQ-T071"]),
        ("target: x, activities: [ { call_operation: §i.go } ]", ["BBQ-T042"]),
        ("target: x, activities: [ { §call_operation: { inputs: {} } } ]", ["BBQ-T011"]),
        ("target: x, activities: [ { call_operation: { operation: i.go, inputs: { speed: §a } } } ]", ["BBQ-T040"]),
        ("target: x, activities: [ {call_operation: {operation: i.go, inputs: {speed: §{$get_input: t}}}} ]", ["BBQ-T040"]),
        ("target: x, activities: [ {call_operation: {operation: i.stop, inputs: {a: {§$get_input: b}}}} ]", ["BBQ-T052"]),
        ("target: x, target_relationship: §s, activities: [ { set_state: a } ]", ["BBQ-T061"]),
        ("target: x, target_relationship: r, activities: [ { call_operation: §i.stop } ]", ["BBQ-T070"]),
        ("target: x, activities: [ { inline: §other } ]", ["BBQ-T085"]),
        ("target: x, activities: [ { inline: §small } ]", ["BBQ-T042"]),
        ("target: x, activities: [ { inline: { workflow: small, inputs: { n: §a } } } ]", ["BBQ-T040"]),
        ("target: x, activities: [ { inline: { workflow: small, inputs: { n: 1, §o: 1 } } } ]", ["BBQ-T041"]),
        ("target: x, activities: [ { set_state: a } ], on_success: §three", ["BBQ-T085"]),
        ("target: x, activities: [ { set_state: a } ], §on_succes: two", ["BBQ-T010"]),
        ("target: x, filter: [ §yes ], activities: [ { set_state: a } ]", ["BBQ-T044"]),
    ],
)  # fmt: skip
def test_wrong_steps(templates, step, codes):
    templates.bad(workflow(step), *codes)


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("      implementation: §run\n", "BBQ-T211"),
        ("      outputs: { done: §x }\n", "BBQ-T012"),
        ("      outputs: { done: §[ x, nothing ] }\n", "BBQ-T054"),
        ("      outputs: { done: §[ z, s ] }\n", "BBQ-T053"),
        ("      precondition: §[ 1 ]\n", "BBQ-T044"),
        ("      §preconditions: []\n", "BBQ-T013"),
        ("      §steps_: []\n", "BBQ-T010"),
    ],
)
def test_wrong_workflows(templates, rest, code):
    templates.bad(workflow(rest=rest), code)


def test_steps_need_a_target_and_activities(templates):
    text = TYPES + "  workflows: { w: { steps: { §one: { target: x }, §two: { activities: [] } } } }\n"
    templates.bad(text, "BBQ-T011", "BBQ-T011")


def test_steps_do_not_wait_for_each_other(templates):
    step = "{ target: x, activities: [ { set_state: a } ], on_%s }"
    steps = {"§a": "success: [ c, b ]", "b": "success: a", "c": "failure: a", "d": "success: d"}
    text = TYPES + "  workflows:\n    w:\n      steps:\n"
    text += "".join(f"        {name}: {step % rest}\n" for name, rest in steps.items())
    (found,) = templates.bad(text, "BBQ-T085")
    assert "`a` -> `b` -> `a`" in found.message
    text = text.replace("b: { target: x, activities: [ { set_state: a } ], on_success: a }", "b: { target: x, activities: [] }")
    assert "`d` -> `d`" in templates.bad(text.replace("§a:", "a:").replace(" d:", " §d:"), "BBQ-T085")[0].message
    templates.good(text.replace("§a:", "a:").replace("on_success: d", "on_failure: d"))


def test_workflows_do_not_inline_each_other(templates):
    step = "{ target: x, activities: [ { inline: %s } ] }"
    text = f"  workflows:\n    §a: {{ steps: {{ s: {step % 'b'} }} }}\n    b: {{ steps: {{ s: {step % 'a'} }} }}\n"
    (found,) = templates.bad(TYPES + text, "BBQ-T085")
    assert "`a` -> `b` -> `a`" in found.message


ONE_3 = (
    HEAD_1
    + """\
topology_template:
  node_templates:
    server: { type: tosca.nodes.Compute }
    store: { type: tosca.nodes.Storage.BlockStorage, properties: { size: 1 GB } }
"""
)


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("[ { assert: [ { state: [ { equal: a } ] } ] } ]", None),
        ("[ { or: [ { state: [ { equal: a } ] }, { not: [ { state: [ { equal: b } ] } ] } ] } ]", None),
        ("[ { state: { equal: a } } ]", None),
        ("[ { state: [ { §equals: a } ] } ]", "BBQ-T044"),
        ("[ { state: [ { in_range: §3 } ] } ]", "BBQ-T044"),
        ("[ { §size: [ { equal: 1 } ] } ]", "BBQ-T054"),
    ],
)
def test_preconditions_of_1_3(templates, condition, code):
    text = f"  workflows: {{ w: {{ preconditions: [ {{ target: server, condition: {condition} }} ], steps: {{}} }} }}\n"
    if code is None:
        found = templates.good(ONE_3 + text).workflows["w"].preconditions
        assert [item.target for item in found] == ["server"]
    else:
        templates.bad(ONE_3 + text, code)


def policy(trigger, type_="P", targets="[ g ]"):
    types = f"  policies: [ {{ p: {{ type: {type_}, targets: {targets}, triggers: {{ t: {trigger} }} }} }} ]\n"
    return TYPES + types + f"  workflows:\n{SMALL}"


def test_triggers(templates):
    text = "{ event: i.died, condition: { $equal: [ 1, 1 ] }, description: d, action: [ { call_operation: i.stop } ] }"
    (found,) = templates.good(policy(text)).policies["p"].triggers.values()
    assert (found.name, found.event, found.description, found.condition.value.name) == ("t", "i.died", "d", "equal")
    assert [(item.kind, item.name) for item in found.actions] == [("call_operation", "i.stop")]
    both = templates.good(policy(text, "T", "[ x ]")).policies["p"].triggers
    assert list(both) == ["first", "t"]


@pytest.mark.parametrize(
    ("trigger", "code", "words"),
    [
        ("{ action: [] }", "BBQ-T011", "`event`"),
        ("{ event: i.died }", "BBQ-T011", "`action`"),
        ("{ event: §[ a ], action: [] }", "BBQ-T012", "event of trigger `t`"),
        ("{ event: a, action: §{ delegate: b } }", "BBQ-T012", "list of activities"),
        ("{ event: a, action: [ { call_operation: §i.run } ] }", "BBQ-T071", "`run`"),
        ("{ event: a, action: [ { call_operation: §k.go } ] }", "BBQ-T070", "`k`"),
        ("{ event: a, action: [ { inline: §none } ] }", "BBQ-T085", "`none`"),
        ("{ event: a, condition: §yes, action: [] }", "BBQ-T044", "the condition of trigger `t`"),
        ("{ event: a, §schedule: b, action: [] }", "BBQ-T010", "`schedule`"),
        ("{ event: a, §when: b, action: [] }", "BBQ-T010", "`when`"),
    ],
)
def test_wrong_triggers(templates, trigger, code, words):
    text = policy(trigger)
    (found,) = templates.bad(text if "§" in trigger else text.replace(" t:", " §t:"), code)
    assert words in found.message


def test_triggers_of_types_are_not_changed(templates):
    (found,) = templates.bad(policy("{ event: a, action: [] }", "T").replace(" t:", " §first:"), "BBQ-T033")
    assert "is one of its type's, which cannot be changed" in found.message
    text = TYPES.replace(
        "service_template:", "  T2: { derived_from: T, triggers: { §first: { event: a, action: [] } } }\nservice_template:"
    )
    templates.bad(text, "BBQ-T033")
    text = text.replace("§first", "more")
    assert list(templates.good(text).types["policy", "T2"].triggers) == ["first", "more"]


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("condition: [ { state: [ { equal: a } ] } ]", None),
        ("condition: { constraint: [ { state: [ { equal: a } ] } ], period: 60 s, evaluations: 2, method: average }", None),
        ("condition: { constraint: [ { state: [ { equal: a } ] } ], evaluations: { get_input: §i } }", "BBQ-T052"),
        ("condition: { constraint: [ { state: [ { equal: a } ] } ], evaluations: §many }", "BBQ-T040"),
        ("condition: { constraint: [ { state: [ { equal: a } ] } ], evaluations: §-1 }", "BBQ-T043"),
        ("condition: { constraint: [ { state: [ { equal: a } ] } ], period: §60 sc }", "BBQ-T040"),
        ("condition: { constraint: [ { state: [ { equal: a } ] } ], period: §60 sec }", "BBQ-T040"),
        ("condition: [ { state: [ { §is: a } ] } ]", "BBQ-T044"),
        ("condition: { constraint: §utilization greater_than 50%, evaluations: 2 }", "BBQ-T012"),
        ("condition: { constraint: §{ greater_than: 50 } }", "BBQ-T012"),
        ("condition: { constraint: §[ { greater_than: 50 } ] }", "BBQ-T012"),
        ("target_filter: { node: server, capability: host }", None),
        ("target_filter: { node: tosca.nodes.Compute, requirement: local_storage }", None),
        ("target_filter: { node: §servers }", "BBQ-T053"),
        ("target_filter: { node: server, capability: §hosts }", "BBQ-T060"),
        ("target_filter: { node: server, requirement: §disk }", "BBQ-T061"),
        ("schedule: { start_time: 2020-01-01, end_time: 2020-01-02 }", None),
        ("schedule: §{ start_time: 2020-01-01 }", "BBQ-T042"),
        ("schedule: { start_time: §xx, end_time: 2020-01-02 }", "BBQ-T040"),
        ("schedule: { start_time: 2020-01-01, end_time: 2020-01-02, §foo: 1 }", "BBQ-T041"),
    ],
)
def test_triggers_of_1_3(templates, rest, code):
    action = "action: [ { call_operation: Standard.stop } ]"
    text = (
        "  policies: [ { p: { type: tosca.policies.Scaling, targets: [ server ],"
        f" triggers: {{ t: {{ event: up, {action}, {rest} }} }} }} }} ]\n"
    )
    if code is None:
        templates.good(ONE_3 + text)
    else:
        (found,) = templates.bad(ONE_3 + text, code)
        assert code != "BBQ-T012" or found.severity == "warning"  # practice


@pytest.mark.parametrize(
    ("rest", "codes"),
    [
        ("condition: { constraint: { greater_than: 50 }, period: 60 s, evaluations: 2 }", []),
        ("condition: { constraint: { greater_than: 50 }, period: §60 }", ["BBQ-T040"]),
        ("condition: { constraint: utilization greater_than 60%, evaluations: 2 }", []),
        ("condition: { constraint: { §greater_thn: 5 }, evaluations: §x }", ["BBQ-T044", "BBQ-T040"]),
        ("constraint: { §greater_thn: 5 }, evaluations: §x, period: §soon", ["BBQ-T044", "BBQ-T040", "BBQ-T040"]),
        ("target_filter: { node: §zz }", ["BBQ-T053"]),
        ("target_filter: { §nod: server }", ["BBQ-T010", "BBQ-T011"]),
        ("schedule: §{ start_time: §xx, §foo: 1 }", ["BBQ-T042", "BBQ-T040", "BBQ-T041"]),
    ],
)
@pytest.mark.parametrize("version", ["_1_1", "_1_2"])
def test_triggers_of_1_1(templates, rest, codes, version):
    text = (
        f"  policies: [ {{ p: {{ type: tosca.policies.Scaling, triggers: {{ t: {{ event_type: foo.bar, {rest} }} }} }} }} ]\n"
    )
    templates.bad(ONE_3.replace("_1_3", version) + text.replace("{ §nod", "§{ §nod"), *sorted_codes(codes))


def sorted_codes(codes):
    return codes if codes != ["BBQ-T010", "BBQ-T011"] else codes[::-1]


def test_triggers_of_policy_types_are_checked_as_well(templates):
    text = """policy_types:
  P:
    derived_from: tosca.policies.Scaling
    triggers:
      t:
        event: up
        schedule: { start_time: §xx, end_time: 2020-01-02 }
        target_filter: { node: a, §capabilty: b }
        condition: { constraint: [ { state: [ { equal: a } ] } ], period: §60 sc }
        action: []
"""
    templates.bad(HEAD_1 + text, "BBQ-T040", "BBQ-T010", "BBQ-T040")


def test_triggers_before_1_3_are_kept_as_they_are(templates):
    """Tacker and others wrote their own keynames there."""
    text = (
        ONE_3.replace("_1_3", "_1_0")
        + """\
  policies:
    - p:
        type: tosca.policies.Scaling
        triggers:
          t: { metric: cpu, event_type: { implementation: ceilometer }, condition: { threshold: 50 }, action: [ respawn ] }
"""
    )
    service, found, _ = templates.read(text)
    assert {item.severity for item in found} == {"warning"}
    assert service.policies["p"].triggers["t"].data["metric"] == "cpu"


def groups(text):
    return TYPES.replace("    g: { type: G, members: [ x, y ] }\n", text)


def test_groups(templates):
    text = groups("    g: { type: G, members: [ x ], attributes: { a: 3 } }\n    h: { type: Any, members: [ g, o ] }\n")
    found = templates.good(text).groups
    assert (found["g"].attributes, found["h"].members) == ({"a": 3}, ("g", "o"))
    templates.bad(groups("    g: { type: G, attributes: { a: §x } }\n"), "BBQ-T040")
    templates.bad(groups("    g: { type: G, attributes: { §b: 1 } }\n"), "BBQ-T041")
    templates.bad(groups("    g: { type: G, members: [ x, §o ] }\n"), "BBQ-T080")
    templates.bad(groups("    g: { type: G, §interfaces: {} }\n"), "BBQ-T010")
    (found,) = templates.bad(
        groups("    §a: { type: Any, members: [ b ] }\n    b: { type: Any, members: [ a ] }\n"), "BBQ-T065"
    )
    assert "`a` -> `b` -> `a`" in found.message


def test_groups_in_groups_are_practice_in_1_x(templates):
    text = (
        ONE_3
        + "  groups: { a: { type: tosca.groups.Root, members: [ server ] }, b: { type: tosca.groups.Root, members: [ a ] } }\n"
    )
    _, found, _ = templates.read(text)
    assert [(item.code, item.severity) for item in found] == [("BBQ-T080", "warning")]
