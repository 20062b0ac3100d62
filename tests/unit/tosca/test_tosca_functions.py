"""Functions: both spellings, arguments, what they name."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

from bbq.tosca.model import Function

TYPES = """\
relationship_types: { To: { properties: { p: { type: string, required: false } } } }
capability_types: { E: { properties: { port: { type: integer, default: 1 } }, attributes: { ip: { type: string } } } }
data_types: { D: { properties: { x: { type: integer }, l: { type: list, entry_schema: string, required: false } } } }
interface_types: { I: { operations: { go: {} } } }
node_types:
  A:
    properties:
      s: { type: string, required: false }
      n: { type: integer, required: false }
      d: { type: D, required: false }
      any: { type: list, entry_schema: any, required: false }
    attributes: { state: { type: string } }
    capabilities: { e: E }
    requirements: [ { to: { capability: E, relationship: To, COUNT: [ 0, 1 ] } } ]
    interfaces: { i: { type: I } }
"""
TWO = HEAD_2 + TYPES.replace("COUNT", "count_range")
ONE = HEAD_1 + TYPES.replace("COUNT", "occurrences")


def two(value, prop="s"):
    return (
        TWO
        + f"""\
service_template:
  inputs: {{ text: {{ type: string }}, number: {{ type: integer }}, deep: {{ type: D }} }}
  node_templates:
    a: {{ type: A, properties: {{ {prop}: {value} }}, requirements: [ {{ to: b }} ] }}
    b: {{ type: A }}
"""
    )


def one(value, prop="s"):
    return ONE + two(value, prop).removeprefix(TWO).replace("service_template", "topology_template")


def function(templates, text, prop="s"):
    found = templates.good(text).node_templates["a"].properties[prop]
    assert isinstance(found, Function)
    return found


def test_both_spellings_mean_the_same(templates):
    new = function(templates, two("{ $get_input: text }"))
    old = function(templates, one("{ get_input: text }"))
    assert (new.name, new.args) == (old.name, old.args) == ("get_input", ("text",))
    assert (new.at.line, new.at.column) == (20, 38)


def test_nested_calls(templates):
    found = function(
        templates, two("{ $concat: [ a, { $get_input: text }, { $join: [ [ x, { $get_property: [ b, s ] } ], '-' ] } ] }")
    )
    assert found.name == "concat" and found.args[0] == "a"
    assert found.args[2].args[0][1].args == ("b", "s")


@pytest.mark.parametrize(
    "value",
    [
        "{ $get_property: [ SELF, n ] }",
        "{ $get_property: [ b, CAPABILITY, e, port ] }",
        "{ $get_property: [ SELF, CAPABILITY, e, port ] }",
        "{ $get_property: [ SELF, RELATIONSHIP, to, CAPABILITY, port ] }",
        "{ $get_property: [ b, d, x ] }",
        "{ $get_property: [ b, d, l, 0 ] }",
        "{ $get_attribute: [ b, state ] }",
        "{ $get_attribute: [ b, n ] }",
        "{ $get_attribute: [ b, CAPABILITY, e, ip ] }",
        "{ $token: [ 'a:b', ':', 1 ] }",
        "{ $get_input: [ deep, x ] }",
        "{ $concat: [ a, $node_index ] }",
    ],
)
def test_good_calls(templates, value):
    function(templates, two(value))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("{ §$get_inputs: text }", "BBQ-T050"),
        ("§$nothing", "BBQ-T050"),
        ("{ $get_input: §txt }", "BBQ-T052"),
        ("{ $get_property: [ §c, s ] }", "BBQ-T053"),
        ("{ $get_property: [ b, §t ] }", "BBQ-T054"),
        ("{ $get_property: [ b, §state ] }", "BBQ-T054"),
        ("{ $get_property: [ b, CAPABILITY, e, §prt ] }", "BBQ-T054"),
        ("{ $get_property: [ b, d, §y ] }", "BBQ-T054"),
        ("§$5", "BBQ-T050"),
        ("§$node_index", "BBQ-T046"),
        ("{ $get_property: [ SELF, CAPABILITY, §f, port ] }", "BBQ-T060"),
        ("{ §$get_property: [ SOURCE, s ] }", "BBQ-T055"),
        ("{ §$get_property: b }", "BBQ-T051"),
        ("{ §$token: [ a, b ] }", "BBQ-T051"),
        ("{ $concat: [ a, { $get_input: §txt } ] }", "BBQ-T052"),
        ("{ a: 1, §$get_input: text }", "BBQ-T051"),
    ],
)
def test_bad_calls(templates, value, code):
    codes = [code, "BBQ-T040"] if value.startswith("{ a") else [code]
    text = two(value) if len(codes) == 1 else two("§" + value)
    templates.bad(text, *reversed(codes))


def test_nearest_names(templates):
    assert templates.bad(two("{ §$get_inputs: text }"), "BBQ-T050")[0].hint == "did you mean `$get_input`?"
    assert templates.bad(two("{ $get_input: §txt }"), "BBQ-T052")[0].hint == "did you mean `text`?"
    assert templates.bad(one("{ §get_inptu: text }"), "BBQ-T050")[0].hint == "did you mean `get_input`?"


def test_a_name_that_is_also_a_key(templates):
    service = templates.good(one("[ { token: abc }, { concat: abc }, { other: [ 1 ] } ]", "any"))
    assert service.node_templates["a"].properties["any"] == [{"token": "abc"}, {"concat": "abc"}, {"other": [1]}]
    service = templates.good(two("[ { get_input: text } ]", "any"))
    assert service.node_templates["a"].properties["any"] == [{"get_input": "text"}]


def test_dollars(templates):
    service = templates.good(two("[ $$HOME, $$5, { $$get_input: x }, 'a $b' ]", "any"))
    assert service.node_templates["a"].properties["any"] == ["$HOME", "$5", {"$get_input": "x"}, "a $b"]


def test_what_a_function_gives_must_fit(templates):
    found = templates.bad(two("{ §$get_input: text }", "n"), "BBQ-T046")
    assert found[0].message == "property `n` of node template `a` must be an integer; $get_input gives a string"
    templates.bad(two("{ §$equal: [ 1, 2 ] }", "n"), "BBQ-T046")
    templates.good(two("{ $get_input: number }", "n"))


def test_the_place_of_what_names_nothing(templates):
    """Is its own line, not that of the call."""
    text = TWO + "service_template:\n  node_templates: { a: { type: A } }\n  outputs:\n    o:\n      value:\n"
    templates.bad(text + "        $get_attribute:\n          - §b\n          - s\n", "BBQ-T053")
    templates.bad(text + "        $get_attribute:\n          - a\n          - §b\n", "BBQ-T054")
    templates.bad(text + "        $get_input:\n          §b\n", "BBQ-T052")


def test_keywords_in_outputs(templates):
    templates.bad(
        TWO
        + """\
service_template:
  node_templates: { a: { type: A } }
  outputs:
    o: { value: { §$get_attribute: [ SELF, state ] } }
    p: { value: { §$get_attribute: [ HOST, state ] } }
    q: { value: { $get_attribute: [ a, state ] } }
""",
        "BBQ-T055",
        "BBQ-T055",
    )


def test_source_and_target_in_relationships(templates):
    templates.bad(
        TWO
        + """\
service_template:
  node_templates:
    b: { type: A }
    a:
      type: A
      requirements:
        - to: { node: b, relationship: { type: To, properties: { p: { $get_property: [ SELF, TARGET, §nothing ] } } } }
    c:
      type: A
      requirements:
        - to: { node: b, relationship: { type: To, properties: { p: { $get_property: [ SELF, SOURCE, s ] } } } }
""",
        "BBQ-T054",
    )


def test_cycles_of_properties(templates):
    found = templates.bad(
        TWO
        + """\
service_template:
  node_templates:
    a: { type: A, properties: { s: §{ $concat: [ x, { $get_property: [ b, s ] } ] } } }
    b: { type: A, properties: { s: { $get_property: [ a, s ] } } }
""",
        "BBQ-T056",
    )
    assert found[0].message == "properties refer to each other: `a.s` -> `b.s` -> `a.s`"


def test_operation_outputs(templates):
    text = (
        ONE
        + """\
topology_template:
  node_templates:
    a: { type: A, properties: { s: { VALUE } } }
"""
    )
    templates.good(text.replace("VALUE", "get_operation_output: [ SELF, i, go, x ]"))
    templates.bad(text.replace("VALUE", "§get_operation_output: [ SELF, j, go, x ]"), "BBQ-T070")
    templates.bad(text.replace("VALUE", "§get_operation_output: [ SELF, i, stop, x ]"), "BBQ-T071")


def test_own_functions_of_a_file(templates):
    text = two("{ $mine$1: [ 1 ] }").replace(
        "service_template:", "functions: { mine: { signatures: [ { variadic: true } ] } }\nservice_template:"
    )
    assert function(templates, text).name == "mine"


@pytest.mark.parametrize(
    ("head", "value", "hint"),
    [
        (HEAD_2, "{ get_input: i }", "write `$get_input`"),
        (HEAD_2, "{ concat: [ a, b ] }", "write `$concat`"),
        (HEAD_1, "{ $get_input: i }", "write `get_input`"),
        (HEAD_1, "{ $concat: [ a, b ] }", "write `concat`"),
        (HEAD_1, "{ concat: x }", "`concat` takes a list"),
        (HEAD_1, "{ concats: x }", None),
        (HEAD_2, "{ a: 1, get_input: i }", None),
    ],
)
def test_a_call_as_another_version_spells_it_is_told(templates, head, value, hint):
    block, root = ("service_template", "") if head == HEAD_2 else ("topology_template", "derived_from: tosca.nodes.Root, ")
    schema = "{ type: list, entry_schema: string }"
    text = f"{head}node_types: {{ A: {{ {root}properties: {{ p: {{ type: string }}, l: {schema} }} }} }}\n"
    text += f"{block}:\n  node_templates: {{ a: {{ type: A, properties: {{ p: §{value}, l: [ §{value} ] }} }} }}\n"
    for found in templates.bad(text, "BBQ-T040", "BBQ-T040"):
        assert (found.hint or "").startswith(hint or "") and (hint is not None or found.hint is None)


def test_counts_tell_of_it_too(templates):
    text = """\
capability_types: { C: {} }
relationship_types: { R: {} }
node_types:
  N: { capabilities: { c: C }, requirements: [ { r: { capability: C, relationship: R } } ] }
service_template:
  inputs: { n: { type: integer } }
  node_templates:
    a: { type: N }
    b: { type: N, count: §{ get_input: n }, requirements: [ { r: { node: a, count: §{ get_input: n } } } ] }
"""
    found = templates.bad(HEAD_2 + text, "BBQ-T040", "BBQ-T014")
    assert all(item.hint.startswith("write `$get_input`") for item in found) and "not a map" in found[0].message
