"""Values against types: every built-in type, constraints of both versions, positions of the very value."""

from __future__ import annotations

import textwrap

import pytest
from tosca_heads import HEAD_1, HEAD_2


def one(schema, value, head=HEAD_2):
    block = "service_template" if head == HEAD_2 else "topology_template"
    return f"""{head}node_types: {{ A: {{ properties: {{ p: {schema} }} }} }}
{block}:
  node_templates:
    a:
      type: A
      properties:
        p: {value}
"""


GOOD = [
    ("string", "text", "text"),
    ("string", "'1'", "1"),
    ("integer", "7", 7),
    ("float", "7", 7.0),
    ("float", "7.5", 7.5),
    ("boolean", "true", True),
    ("version", "1.10", "1.10"),
    ("version", "2.1.0.beta-4", "2.1.0.beta-4"),
    ("timestamp", "2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z"),
    ("timestamp", "2026-01-31", "2026-01-31"),
    ("range", "[ 1, UNBOUNDED ]", [1, "UNBOUNDED"]),
    ("scalar-unit.size", "512mb", "512 MB"),
    ("scalar-unit.time", "1.5 h", "1.5 h"),
    ("scalar-unit.frequency", "2.4 ghz", "2.4 GHz"),
    ("scalar-unit.bitrate", "10 Mbps", "10 Mbps"),
    ("list, entry_schema: any", "[ 1, a ]", [1, "a"]),
    ("map, entry_schema: integer", "{ a: 1 }", {"a": 1}),
    ("bytes", "aGVsbG8=", "aGVsbG8="),
    ("nil", "null", None),
]
BAD = [
    ("string", "7"),
    ("string", "[ a ]"),
    ("string", "null"),
    ("integer", "7.5"),
    ("integer", "true"),
    ("integer", "'7'"),
    ("float", "x"),
    ("boolean", "yes"),
    ("boolean", "0"),
    ("version", "one"),
    ("timestamp", "2026-13-01"),
    ("range", "[ 4, 1 ]"),
    ("range", "[ 1 ]"),
    ("scalar-unit.size", "12"),
    ("scalar-unit.size", "12 apples"),
    ("scalar-unit.size", "-1 MB"),
    ("scalar-unit.time", "1 MB"),
    ("list, entry_schema: any", "{ a: 1 }"),
    ("map, entry_schema: any", "[ a ]"),
    ("nil", "x"),
]


@pytest.mark.parametrize(("name", "text", "expected"), GOOD)
def test_good_values(templates, name, text, expected):
    found = templates.good(one(f"{{ type: {name} }}", text)).node_templates["a"].properties["p"]
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(("name", "text"), BAD)
def test_bad_values(templates, name, text):
    found = templates.bad(one(f"{{ type: {name} }}", f"§{text}"), "BBQ-T040")
    assert found[0].message.startswith("property `p` of node template `a` must be ")


def test_1x_takes_scalars_for_each_other_with_a_warning(templates):
    for name, text, expected in (("string", "1.10", "1.10"), ("integer", "'8080'", 8080), ("boolean", "'True'", True)):
        service, found, marks = templates.read(one(f"{{ type: {name} }}", f"§{text}", HEAD_1))
        assert service.node_templates["a"].properties["p"] == expected
        assert [(item.severity, item.code, (item.line, item.column)) for item in found] == [("warning", "BBQ-T045", marks[0])]
    templates.bad(one("{ type: integer }", "§x", HEAD_1), "BBQ-T040")
    assert templates.good(one("{ type: boolean }", "yes", HEAD_1)).node_templates["a"].properties["p"] is True


def test_places_inside_values(templates):
    templates.bad(
        HEAD_2
        + """\
data_types: { D: { properties: { n: { type: integer }, s: { type: string, required: false } } } }
node_types:
  A: { properties: { p: { type: map, entry_schema: { type: list, entry_schema: D } } } }
service_template:
  node_templates:
    a:
      type: A
      properties:
        p:
          one: [ { n: 1 }, { n: §x }, §{ s: y } ]
          two: §3
          three: [ { n: 1, §m: 2 } ]
""",
        "BBQ-T040",
        "BBQ-T042",
        "BBQ-T040",
        "BBQ-T041",
    )


def test_map_keys(templates):
    keys = "{ type: string, validation: { $matches: [ $value, '^[0-9]+$' ] } }"
    schema = f"{{ type: map, key_schema: {keys}, entry_schema: string }}"
    assert templates.good(one(schema, "{ 1: a, 2: b }")).node_templates["a"].properties["p"] == {"1": "a", "2": "b"}
    templates.bad(one(schema, "{ 1: a, §b: c }"), "BBQ-T043")


CLAUSES = [
    ("integer", "equal: 3", "3", "4"),
    ("integer", "greater_than: 3", "4", "3"),
    ("integer", "greater_or_equal: 3", "3", "2"),
    ("float", "less_than: 3", "2.9", "3"),
    ("float", "less_or_equal: 3", "3", "3.1"),
    ("integer", "in_range: [ 1, 4 ]", "4", "5"),
    ("integer", "in_range: [ 1, UNBOUNDED ]", "1000", "0"),
    ("string", "valid_values: [ a, b ]", "a", "c"),
    ("string", "length: 2", "ab", "abc"),
    ("list", "min_length: 2", "[ 1, 2 ]", "[ 1 ]"),
    ("map", "max_length: 1", "{ a: 1 }", "{ a: 1, b: 2 }"),
    ("string", "pattern: '[a-z]+'", "abc", "abc1"),
    ("scalar-unit.size", "greater_or_equal: 1 GB", "1000 MB", "999 MB"),
    ("scalar-unit.time", "in_range: [ 1 s, 1 m ]", "60 s", "61 s"),
    ("version", "greater_than: 1.9", "1.10", "1.8"),
    ("timestamp", "less_than: 2026-01-01", "2025-12-31T23:59:59Z", "2026-01-01T00:00:01Z"),
    ("range", "in_range: [ 1, 100 ]", "[ 2, 50 ]", "[ 2, 101 ]"),
]


@pytest.mark.parametrize(("name", "clause", "good", "bad"), CLAUSES)
def test_clauses_of_1x(templates, name, clause, good, bad):
    schema = f"{{ type: {name}, constraints: [ {{ {clause} }} ] }}"
    templates.good(one(schema, good, HEAD_1))
    templates.bad(one(schema, f"§{bad}", HEAD_1), "BBQ-T043")


VALIDATIONS = [
    ("integer", "$equal: [ $value, 3 ]", "3", "4"),
    ("integer", "$and: [ { $greater_or_equal: [ $value, 1 ] }, { $less_or_equal: [ $value, 4 ] } ]", "4", "5"),
    ("integer", "$or: [ { $equal: [ $value, 1 ] }, { $greater_than: [ $value, 4 ] } ]", "1", "3"),
    ("integer", "$not: [ { $equal: [ $value, 3 ] } ]", "4", "3"),
    ("integer", "$xor: [ { $greater_than: [ $value, 3 ] }, { $less_than: [ $value, 9 ] } ]", "9", "5"),
    ("string", "$valid_values: [ $value, [ a, b ] ]", "a", "c"),
    ("string", "$matches: [ $value, '^[a-z]+$' ]", "abc", "abc1"),
    ("string", "$has_prefix: [ $value, ab ]", "abc", "bc"),
    ("string", "$has_suffix: [ $value, bc ]", "abc", "ab"),
    ("string", "$contains: [ $value, b ]", "abc", "ac"),
    ("list, entry_schema: integer", "$has_entry: [ $value, 1 ]", "[ 1, 2 ]", "[ 2 ]"),
    ("list, entry_schema: integer", "$has_all_entries: [ $value, [ 1, 2 ] ]", "[ 1, 2, 3 ]", "[ 1 ]"),
    ("list, entry_schema: integer", "$has_any_entry: [ $value, [ 1, 2 ] ]", "[ 2 ]", "[ 3 ]"),
    ("map, entry_schema: integer", "$has_key: [ $value, a ]", "{ a: 1 }", "{ b: 1 }"),
    ("map, entry_schema: integer", "$has_all_keys: [ $value, [ a, b ] ]", "{ a: 1, b: 1 }", "{ a: 1 }"),
    ("map, entry_schema: integer", "$has_any_key: [ $value, [ a, b ] ]", "{ b: 1 }", "{ c: 1 }"),
    ("list, entry_schema: integer", "$less_than: [ { $length: [ $value ] }, 2 ]", "[ 1 ]", "[ 1, 2 ]"),
    ("integer", "$equal: [ { $remainder: [ $value, 2 ] }, 0 ]", "4", "5"),
    ("integer", "$greater_than: [ { $sum: [ $value, 1 ] }, { $product: [ 2, 2 ] } ]", "4", "3"),
    ("scalar-unit.size", "$greater_or_equal: [ $value, 1 GB ]", "1000 MB", "999 MB"),
]


@pytest.mark.parametrize(("name", "function", "good", "bad"), VALIDATIONS)
def test_validations_of_2_0(templates, name, function, good, bad):
    schema = f"{{ type: {name}, validation: {{ {function} }} }}"
    templates.good(one(schema, good))
    templates.bad(one(schema, f"§{bad}"), "BBQ-T043")


def test_messages_say_what_is_expected(templates):
    found = templates.bad(one("{ type: integer, constraints: [ { in_range: [ 1, 4 ] } ] }", "§5", HEAD_1), "BBQ-T043")
    assert found[0].message == "property `p` of node template `a` must be in the range 1 to 4, not `5`"
    found = templates.bad(one("{ type: integer, validation: { $less_or_equal: [ $value, 4 ] } }", "§5"), "BBQ-T043")
    assert found[0].message == "property `p` of node template `a` must be at most `4`, not `5`"


def test_bad_constraints(templates):
    for clause in ("in_rang: [ 1, 2 ]",):
        templates.bad(one(f"{{ type: integer, constraints: [ {{ §{clause} }} ] }}", "1", HEAD_1), "BBQ-T044")
    for clause in ("in_range: §4", "valid_values: §a", "min_length: §-1", "pattern: §'['"):
        templates.bad(one(f"{{ type: string, constraints: [ {{ {clause} }} ] }}", "x", HEAD_1), "BBQ-T044")
    templates.bad(one("{ type: integer, validation: §5 }", "1"), "BBQ-T044")


def test_in_range_is_not_a_function_of_2_0(templates):
    found = templates.bad(one("{ type: integer, validation: { §$in_range: [ $value, [ 1, 2 ] ] } }", "1"), "BBQ-T050")
    assert "$greater_or_equal" in found[0].hint


def test_a_pattern_that_never_ends_is_answered(templates):
    text = one("{ type: string, constraints: [ { pattern: '^(a+)+$' } ] }", "§" + "a" * 40 + "!", HEAD_1)
    found = templates.bad(text, "BBQ-T203")
    assert "takes too long" in found[0].message
    templates.good(one("{ type: string, constraints: [ { pattern: '^(a+)+$' } ] }", "aaaa", HEAD_1))


def test_unknown_and_missing_properties(templates):
    found = templates.bad(
        HEAD_2
        + """\
node_types: { A: { properties: { port: { type: integer }, host: { type: string, default: h } } } }
service_template:
  node_templates:
    §a: { type: A, properties: { §prt: 1 } }
""",
        "BBQ-T042",
        "BBQ-T041",
    )
    assert found[1].hint == "did you mean `port`?"


def test_secret_values_are_not_told(templates):
    found = templates.bad(
        HEAD_2
        + """\
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    db: { type: bbq.nodes.Database, properties: { password: §12345 } }
""",
        "BBQ-T040",
    )
    assert "12345" not in found[0].message


BUNDLED = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    a:
      type: bbq.nodes.%s
      properties:
"""
COMMAND = BUNDLED % "ScheduledJob" + "        command: [ x ]\n        "


@pytest.mark.parametrize(
    ("text", "codes", "said"),
    [
        (COMMAND + 'schedule: §"61 * * * *"\n', ["BBQ-T047"], "minute: 61 is not within 0 to 59"),
        (COMMAND + 'schedule: §"0 0 30 2 *"\n', ["BBQ-T047"], "never comes true"),
        (COMMAND + "schedule: §hourly\n", ["BBQ-T047"], "has 1 field instead of 5"),
        (COMMAND + "schedule: §5\n", ["BBQ-T040"], "must be a string"),
        (COMMAND + "schedule: '@daily'\n        timeouts: { §raedy: 2 }\n", ["BBQ-T041"], "no property `raedy`"),
        (COMMAND + "schedule: '@daily'\n        timeouts: { ready: §0 }\n", ["BBQ-T043"], "must be greater than `0`"),
        (BUNDLED % "ObjectStore" + "        buckets: [ §a, §x..y, §Upper ]\n", ["BBQ-T043"] * 3, "must match"),
        (BUNDLED % "MessageQueue" + "        queues: [ tasks, §a b ]\n", ["BBQ-T043"], "must match"),
        (
            BUNDLED % "MessageQueue" + "        readiness: [ { kind: http, target: x, status: §99, interval: §0 } ]\n",
            ["BBQ-T043"] * 2,
            "at least `100`",
        ),
    ],
)
def test_values_that_the_bundled_types_refuse(templates, text, codes, said):
    found = templates.bad(text, *codes)
    assert said in found[0].message


def test_a_data_type_says_what_its_values_are(templates):
    (found,) = templates.bad(BUNDLED % "ObjectStore" + "        buckets: [ §a ]\n", "BBQ-T043")
    assert found.hint == "3 to 63 lower-case letters, digits, dots and dashes, by the rules of S3."


@pytest.mark.parametrize("name", ["data", "a.b-c", "a" * 63, "0-9"])
def test_names_of_buckets(templates, name):
    templates.good(BUNDLED % "ObjectStore" + f"        buckets: [ {name} ]\n")


@pytest.mark.parametrize(("capabilities", "severity"), [("", "warning"), ("capabilities: { §c: {} }", "error")])
def test_what_a_capability_needs(templates, capabilities, severity):
    """TOSCA 1.x templates often leave a capability unmentioned."""
    types = """\
    capability_types: { C: { derived_from: tosca.capabilities.Root, properties: { a: { type: integer } } } }
    node_types: { N: { derived_from: tosca.nodes.Root, capabilities: { c: C } } }
    """
    node = f"n: {{ type: N, {capabilities} }}" if capabilities else "§n: { type: N }"
    head, body = textwrap.dedent(types), f"node_templates: {{ {node} }}\n"
    found = templates.bad(HEAD_1 + head + f"topology_template: {{ {body} }}\n", "BBQ-T042")
    assert found[0].severity == severity
    assert found[0].message == "capability `c` of node template `n` lacks the required property `a`"
    head = head.replace("derived_from: tosca.capabilities.Root, ", "").replace("derived_from: tosca.nodes.Root, ", "")
    found = templates.bad(HEAD_2 + head + f"service_template: {{ {body} }}\n", "BBQ-T042")
    assert found[0].severity == "error"
    templates.good(HEAD_2 + head + "service_template: { node_templates: { n: { type: N, directives: [ select ] } } }\n")


BOMB = '<!DOCTYPE a [ <!ENTITY b "b"> ' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 20}"> ' for old, new in zip("bcdefghijk", "cdefghijkl", strict=True)
) + "]><a>&l;</a>"  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("json", '{ "a": [ 1, null ] }', None),
        ("json", "{ a: 1 }", "double quotes"),
        ("json", "[" * 100_000, "recursion"),
        ("json", "", "Expecting value"),
        ("xml", "<a><b/></a>", None),
        ("xml", BOMB, None),
        ("xml", "<a><b></a>", "mismatched tag"),
        ("xml", "a", "syntax error"),
    ],
)
def test_text_in_json_and_xml(templates, name, text, problem):
    """1.3 section 5.3; types that derive from them are, too, and so are values inside of others."""
    head = f"{HEAD_1}data_types: {{ T: {{ derived_from: tosca.datatypes.{name} }} }}\n"
    types = "node_types: { A: { derived_from: tosca.nodes.Root, properties: { p: { type: map, entry_schema: T } } } }\n"
    value = "'" + text.replace("'", "''") + "'"
    nodes = f"topology_template: {{ node_templates: {{ a: {{ type: A, properties: {{ p: {{ x: §{value} }} }} }} }} }}\n"
    if problem is None:
        templates.good((head + types + nodes).replace("§", ""))
    else:
        found = templates.bad(head + types + nodes, "BBQ-T040")
        assert problem in found[0].message and name.upper() in found[0].message


@pytest.mark.parametrize(
    ("numbers", "codes"),
    [
        ("min_instances: 1, max_instances: 3, default_instances: 2", []),
        ("max_instances: 3", []),
        ("max_instances: 2, default_instances: §5", ["BBQ-T043"]),
        ("min_instances: 2, max_instances: 4, default_instances: §1", ["BBQ-T043"]),
        ("min_instances: 3, max_instances: §2", ["BBQ-T043"]),
        ("max_instances: { get_input: n }, default_instances: 5", []),
    ],
)
def test_the_default_number_of_instances_lies_between_the_others(templates, numbers, codes):
    """1.3 section 5.5, tosca.capabilities.Scalable; 2.0's profile has validations."""
    text = "topology_template:\n  inputs: { n: { type: integer } }\n  node_templates:\n    server:\n"
    text += f"      type: tosca.nodes.Compute\n      capabilities: {{ scalable: {{ properties: {{ {numbers} }} }} }}\n"
    templates.bad(HEAD_1 + text, *codes)
