"""What functions give is held against the definitions, from real templates to the graph."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from bbq.topology import build
from bbq.topology.values import Secret
from bbq.tosca import check_inputs, load

TWO = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
data_types:
  Point: { properties: { x: { type: integer }, y: { type: integer, default: 7 } } }
  Small: { derived_from: integer, validation: { $less_than: [ $value, 4 ] } }
capability_types: { C: { properties: { n: { type: integer, default: 1 } } } }
interface_types: { I: { operations: { go: { inputs: { k: { type: integer, required: false } } } } } }
relationship_types: { R: { properties: { w: { type: integer, required: false } } } }
policy_types: { P: { properties: { n: { type: integer, required: false } } } }
node_types:
  N:
    properties:
      a: { type: integer, required: false }
      b: { type: string, required: false }
      f: { type: float, required: false }
      list: { type: list, entry_schema: integer, required: false }
      point: { type: Point, required: false }
      choice: { type: string, required: false, validation: { $valid_values: [ $value, [ x, y ] ] } }
      small: { type: Small, required: false }
      size: { type: scalar-unit.size, required: false }
      secret: { type: bbq.datatypes.Secret, required: false }
    attributes:
      text: { type: string }
      number: { type: integer }
      texts: { type: list, entry_schema: string }
      points: { type: map, entry_schema: Point }
    capabilities: { c: C }
    interfaces: { i: { type: I, operations: { go: { implementation: go.sh } } } }
    requirements: [ r: { capability: C, relationship: R, count_range: [ 0, 1 ] } ]
service_template:
  inputs:
    number: { type: integer, default: 3 }
    text: { type: string, default: abc }
    texts: { type: list, entry_schema: string, default: [ q ] }
    hidden: { type: bbq.datatypes.Secret, default: hush }
  node_templates:
    other: { type: N, properties: { b: text } }
"""

ONE = """
tosca_definitions_version: tosca_simple_yaml_1_3
capability_types:
  C: { derived_from: tosca.capabilities.Root, properties: { n: { type: integer, default: 1 } } }
node_types:
  N:
    derived_from: tosca.nodes.Root
    properties:
      a: { type: integer, required: false }
      b: { type: string, required: false }
      size: { type: scalar-unit.size, required: false, constraints: [ less_than: 1 GB ] }
      truth: { type: boolean, required: false }
    attributes: { text: { type: string } }
    capabilities: { c: { type: C } }
topology_template:
  inputs:
    digits: { type: string, default: "42" }
    text: { type: string, default: abc }
    number: { type: integer, default: 3 }
    size: { type: scalar-unit.size, default: 4 GB }
  node_templates:
    other: { type: N, properties: { b: text } }
"""


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "go.sh").write_text("")

    def write(self, text: str, more: str = "", name: str = "service.yaml") -> Path:
        """`§` in the first line of `more` says where the finding is to be."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip() + more.replace("§", ""))
        return path

    def build(self, text: str, more: str, provider: str = "simulator", **given):
        path = self.write(text, more)
        service, found = load(path)
        assert service is not None and not [item for item in found if item.severity == "error"], list(map(str, found))
        inputs, wrong = check_inputs(service, given)
        assert not wrong, list(map(str, wrong))
        return build(service, inputs=inputs, provider=provider, template_dirs=[self.folder / "own"])

    def value(self, text: str, more: str, name: str, **given):
        topology, found = self.build(text, more, **given)
        assert topology is not None, list(map(str, found))
        return topology.nodes["n"].properties[name]

    def bad(self, text: str, more: str, code: str, provider: str = "simulator", **given):
        """The one finding, which is where `§` stands."""
        topology, found = self.build(text, more, provider, **given)
        assert [item.code for item in found] == [code], list(map(str, found))
        before = (textwrap.dedent(text).lstrip() + more.partition("§")[0]).splitlines()
        assert (Path(found[0].file).name, found[0].line, found[0].column) == (
            "service.yaml",
            len(before),
            len(before[-1]) + 1,
        ), str(found[0])
        assert (topology is None) == (found[0].severity == "error")
        return found[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def node(properties: str) -> str:
    return f"    n: {{ type: N, properties: {{ {properties} }} }}\n"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("a: { §$concat: [ x, y ] }", "property `a` of `n` must be an integer, not the string `xy`"),
        ("a: { §$get_property: [ other, b ] }", "property `a` of `n` must be an integer, not the string `text`"),
        ("b: { §$union: [ [ 1 ], [ 2 ] ] }", "property `b` of `n` must be a string, not a list"),
        ("b: { §$floor: 2.5 }", "property `b` of `n` must be a string, not the number `2`"),
        ("b: { §$sum: [ 1, 2 ] }", "property `b` of `n` must be a string, not the number `3`"),
        ("list: { §$union: [ [ 1 ], [ x ] ] }", "property `list` of `n` at `1` must be an integer, not the string `x`"),
        ("list: { §$difference: [ 1, 2 ] }", "property `list` of `n` must be a list, not the number `-1`"),
        ("list: { §$get_input: texts }", "property `list` of `n` at `0` must be an integer, not the string `q`"),
        ("list: [ 1, { §$get_input: text } ]", "property `list` of `n` at `1` must be an integer, not the string `abc`"),
        ("point: { x: { §$get_input: text } }", "property `point` of `n` at `x` must be an integer, not the string `abc`"),
        ("size: { §$get_input: text }", "property `size` of `n` must be a number with a unit (B, kB, MB, GB"),
    ],
)
def test_what_functions_give_is_of_the_type(bench: Bench, properties: str, message: str) -> None:
    found = bench.bad(TWO, node(properties), "BBQ-T040")
    assert found.message.startswith(message)
    call = properties.partition("§")[2]
    if "get_property" in call:
        assert found.hint == "it comes from `$get_property: [other, b]`"
    elif "get_input" in call:
        assert found.hint == f"it comes from the input `{call.split()[1]}`"
    else:
        assert found.hint == f"it comes from `{call.partition(':')[0]}`"


@pytest.mark.parametrize(
    ("properties", "given", "message"),
    [
        ("choice: { §$get_input: text }", {}, "property `choice` of `n` must be one of `x`, `y`, not `abc`"),
        ("choice: { §$concat: [ x, y ] }", {}, "property `choice` of `n` must be one of `x`, `y`, not `xy`"),
        ("small: { §$get_input: number }", {"number": "5"}, "property `small` of `n` must be less than `4`, not `5`"),
    ],
)
def test_what_functions_give_meets_the_constraints(bench: Bench, properties: str, given: dict, message: str) -> None:
    assert bench.bad(TWO, node(properties), "BBQ-T043", **given).message == message


def test_capabilities_relationships_operations_outputs_and_policies(bench: Bench) -> None:
    capability = "    n: { type: N, capabilities: { c: { properties: { n: { §$concat: [ a ] } } } } }\n"
    message = "property `n` of capability `c` of `n` must be an integer, not the string `a`"
    assert bench.bad(TWO, capability, "BBQ-T040").message == message
    relationship = "{ node: other, relationship: { type: R, properties: { w: { §$concat: [ a ] } } } }"
    found = bench.bad(TWO, f"    n: {{ type: N, requirements: [ r: {relationship} ] }}\n", "BBQ-T040")
    assert found.message == "property `w` of requirement `r` of `n` must be an integer, not the string `a`"
    operation = "    n: { type: N, interfaces: { i: { operations: { go: { inputs: { k: { §$concat: [ a ] } } } } } } }\n"
    message = "input `k` of operation `i.go` of `n` must be an integer, not the string `a`"
    assert bench.bad(TWO, operation, "BBQ-T040").message == message
    output = "  outputs: { o: { type: integer, value: { §$get_property: [ other, b ] } } }\n"
    assert bench.bad(TWO, output, "BBQ-T040").message == "output `o` must be an integer, not the string `text`"
    attribute = "    n: { type: N, attributes: { number: { §$concat: [ a ] } } }\n"
    message = "attribute `number` of `n` must be an integer, not the string `a`"
    assert bench.bad(TWO, attribute, "BBQ-T040").message == message
    policy = "  policies: [ p: { type: P, targets: [ other ], properties: { n: { §$get_property: [ other, b ] } } } ]\n"
    assert bench.bad(TWO, policy, "BBQ-T040").message == "property `n` of policy `p` must be an integer, not the string `text`"
    default = "  outputs: {}\n"
    text = TWO.replace("number: { type: integer, default: 3 }", "number: { type: integer, default: { $concat: [ a ] } }")
    topology, found = bench.build(text, default)
    assert topology is None and [item.code for item in found] == ["BBQ-T040"]
    assert found[0].message == "input `number` must be an integer, not the string `a`"


LOOKING = """
tosca_definitions_version: tosca_2_0
capability_types:
  C: { properties: { low: { type: integer, default: 3 }, high: { type: integer, validation: { $greater_than: [ $value,
    { $get_property: [ SELF, CAPABILITY, c, low ] } ] } } } }
data_types: { D: { properties: { low: { type: integer, validation: { $less_than: [ $value, { $get_input: number } ] } } } } }
node_types:
  N:
    properties:
      a: { type: integer, default: 3 }
      b: { type: integer, required: false, validation: { $less_than: [ $value, { $get_property: [ SELF, a ] } ] } }
      d: { type: D, required: false }
      later: { type: integer, required: false, validation: { $less_than: [ $value, { $get_attribute: [ SELF, x ] } ] } }
    attributes: { x: { type: integer } }
    capabilities: { c: C }
service_template:
  inputs:
    number: { type: integer, default: 3 }
"""


@pytest.mark.parametrize(
    ("more", "message", "looks"),
    [
        ("{ properties: { b: §7 }", "property `b` of `n` must be less than `3`, not `7`", "get_property: [SELF, a]"),
        (
            "{ properties: { d: §{ low: 5 } }",
            "property `d` of `n` at `low` must be less than `3`, not `5`",
            "get_input: number",
        ),
        (
            "{ capabilities: { c: { properties: { high: §2 } } }",
            "property `high` of capability `c` of `n` must be greater than `3`, not `2`",
            "get_property: [SELF, CAPABILITY, c, low]",
        ),
    ],
)
def test_validations_may_look_at_other_values(bench: Bench, more: str, message: str, looks: str) -> None:
    more = f"  node_templates:\n    n: {more}, type: N }}\n"
    if "high" not in more:
        more = more.replace(", type", ", capabilities: { c: { properties: { high: 9 } } }, type")
    found = bench.bad(LOOKING, more, "BBQ-T043")
    assert (found.message, found.hint) == (message, f"the validation looks at `${looks}`")
    topology, problems = bench.build(LOOKING, more.replace("7", "1").replace("5", "1").replace("2", "4"))
    assert topology is not None and not problems, list(map(str, problems))


def test_a_validation_of_an_input_may_look_at_others_in_any_order(bench: Bench) -> None:
    more = "    §i: { type: integer, validation: { $less_than: [ $value, { $get_input: last } ] }, default: 5 }\n"
    more += "    last: { type: integer, default: 2 }\n  node_templates: {}\n"
    assert bench.bad(LOOKING, more, "BBQ-T043").message == "input `i` must be less than `2`, not `5`"
    assert bench.build(LOOKING, more, last="6")[1] == []
    _, found = bench.build(LOOKING, more, i="9", last="6")
    assert [(item.file, item.message) for item in found] == [("<input>", "input `i` must be less than `6`, not `9`")]


def test_what_a_validation_looks_at_may_be_known_to_the_deployment_only(bench: Bench) -> None:
    capability = "capabilities: { c: { properties: { high: 9 } } }"
    more = f"  node_templates: {{ n: {{ type: N, properties: {{ later: 7 }}, {capability} }} }}\n"
    topology, found = bench.build(LOOKING, more)
    assert topology is not None and not found


def test_values_are_converted_as_literals_are(bench: Bench) -> None:
    value = bench.value(TWO, node("f: { $get_input: number }"), "f")
    assert value == 3.0 and isinstance(value, float)
    assert bench.value(TWO, node("point: { x: { $get_input: number } }"), "point") == {"x": 3, "y": 7}
    assert bench.value(TWO, node("size: { $concat: [ '1', MB ] }"), "size") == "1 MB"


def test_the_practice_of_1x_is_a_warning(bench: Bench) -> None:
    found = bench.bad(ONE, node("a: { §get_input: digits }"), "BBQ-T045")
    assert found.message == "property `a` of `n` should be an integer, and is the string `42`: converted"
    assert bench.value(ONE, node("a: { get_input: digits }"), "a") == 42
    assert bench.value(ONE, node("b: { get_input: number }"), "b") == "3"
    assert bench.value(ONE, node("truth: { concat: [ tr, ue ] }"), "truth") is True
    assert bench.bad(ONE, node("a: { §get_input: text }"), "BBQ-T040").severity == "error"
    assert bench.bad(ONE, node("a: { §concat: [ x, y ] }"), "BBQ-T040")
    assert bench.bad(ONE, node("a: { §get_nodes_of_type: N }"), "BBQ-T040")
    message = "property `size` of `n` must be less than `1 GB`, not `4 GB`"
    assert bench.bad(ONE, node("size: { §get_input: size }"), "BBQ-T043").message == message
    assert bench.bad(ONE, node("a: { §get_attribute: [ other, text ] }"), "BBQ-T046").severity == "warning"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("a: { §$get_attribute: [ other, text ] }", "property `a` of `n` must be an integer; `other.text` is a string"),
        (
            "a: { §$concat: [ x, { $get_attribute: [ other, text ] } ] }",
            "property `a` of `n` must be an integer; `concat(x, other.text)` is a string",
        ),
        (
            "list: { §$get_attribute: [ other, texts ] }",
            "property `list` of `n` must be a list of integer; `other.texts` is a list of string",
        ),
        ("list: [ { §$get_attribute: [ other, texts, 0 ] } ]", "property `list` of `n` at `0` must be an integer; "),
        ("b: { §$get_attribute: [ other, points, p, x ] }", "property `b` of `n` must be a string; "),
        ("b: { §$get_attribute: [ other, points, p ] }", "property `b` of `n` must be a string; `other.points.p` is a Point"),
    ],
)
def test_what_only_the_deployment_knows_is_of_the_declared_type(bench: Bench, properties: str, message: str) -> None:
    assert bench.bad(TWO, node(properties), "BBQ-T046").message.startswith(message)


def test_what_may_fit_is_taken(bench: Bench) -> None:
    for properties in (
        "a: { $get_attribute: [ other, number ] }",
        "f: { $get_attribute: [ other, number ] }",
        "size: { $get_attribute: [ other, text ] }",
        "point: { $get_attribute: [ other, points, p ] }",
        "a: { $get_attribute: [ other, points, p, x ] }",
        "list: [ { $get_attribute: [ other, number ] } ]",
        "b: { $join: [ { $get_attribute: [ other, texts ] }, x ] }",
        "a: { $sum: [ 1, { $get_attribute: [ other, number ] } ] }",
    ):
        topology, found = bench.build(TWO, node(properties))
        assert topology is not None and not found, (properties, list(map(str, found)))


def test_secrets_are_checked_and_never_shown(bench: Bench) -> None:
    found = bench.bad(TWO, node("list: [ { §$get_input: hidden } ]"), "BBQ-T040")
    assert found.message == "property `list` of `n` does not have the form that its type asks for"
    assert bench.value(TWO, node("secret: { $get_input: hidden }"), "secret") == Secret("hush")


def test_one_message_for_all_instances_and_nothing_follows(bench: Bench) -> None:
    more = "    n: { type: N, count: 50, properties: { a: { §$get_property: [ other, b ] } } }\n"
    more += "    m: { type: N, properties: { a: { $get_property: [ n, 3, a ] } } }\n"
    bench.bad(TWO, more, "BBQ-T040")


INNER = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
node_types: { Part: { properties: { port: { type: integer, validation: { $greater_or_equal: [ $value, 0 ] } } } } }
service_template:
  substitution_mappings: { node_type: bbq.nodes.SparkCluster, properties: { workers: many } }
  inputs: { many: { type: integer, validation: { $less_than: [ $value, 8 ] } } }
  node_templates:
    w: { type: Part, properties: { port: %s } }
"""
OUTER = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  inputs: { n: { type: integer, default: 3 } }
  node_templates:
"""


def test_the_abstract_type_comes_before_what_stands_for_it(bench: Bench) -> None:
    more = "    spark: { type: bbq.nodes.SparkCluster, properties: { workers: { §$get_input: n } } }\n"
    found = bench.bad(OUTER, more, "BBQ-T043", provider="local", n="-5")
    assert found.message == "property `workers` of `spark` must be at least `1`, not `-5`"
    bench.bad(OUTER, more, "BBQ-T043", provider="kubernetes", n="20000")


def test_what_a_substitution_template_asks_for_more_is_told_where_the_user_said_it(bench: Bench) -> None:
    bench.write(INNER % 0, name="own/inner.yaml")
    more = "    spark: { type: bbq.nodes.SparkCluster, properties: { workers: { §$get_input: n } } }\n"
    found = bench.bad(OUTER, more, "BBQ-T043", provider="local", n="9")
    assert found.message == "input `many` of `inner.yaml` for `spark` must be less than `8`, not `9`"
    bench.write(INNER % "{ $concat: [ p, { $token: [ 'a:b', ':', 0 ] } ] }", name="own/inner.yaml")
    topology, problems = bench.build(OUTER, more, provider="local")
    assert topology is None and [Path(item.file).name for item in problems] == ["inner.yaml"]  # nothing of the user's is in it
    bench.write(INNER % "{ $difference: [ 0, { $get_input: many } ] }", name="own/inner.yaml")
    found = bench.bad(OUTER, more, "BBQ-T043", provider="local")
    assert found.message == "property `port` of `spark.w` must be at least `0`, not `-3`"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{ $get_property: [ n, ports, 0, target ] }", None),
        ("{ $get_attribute: [ n, ports, 0, target ] }", None),
        ("{ $get_property: [ n, one, target ] }", None),
        ("{ $get_property: [ n, CAPABILITY, c, port, target ] }", None),
        ("{ $get_property: [ n, ports, 1, target ] }", "property 'ports' of 'n' has nothing at 1"),
        ("{ $get_property: [ n, words, beta ] }", "property 'words' of 'n' has nothing at beta"),
    ],
)
def test_a_field_that_is_declared_may_be_unset(tmp_path: Path, value: str, problem: str | None) -> None:
    """As a property may be; what a map does not have is a mistake."""
    (tmp_path / "s.yaml").write_text(
        f"""\
tosca_definitions_version: tosca_2_0
data_types: {{ Port: {{ properties: {{ source: {{ type: integer }}, target: {{ type: integer, required: false }} }} }} }}
capability_types: {{ C: {{ properties: {{ port: {{ type: Port, default: {{ source: 8 }} }} }} }} }}
node_types:
  N:
    properties:
      ports: {{ type: list, entry_schema: Port }}
      one: {{ type: Port, required: false }}
      words: {{ type: map, entry_schema: integer }}
    capabilities: {{ c: C }}
service_template:
  node_templates:
    n: {{ type: N, properties: {{ ports: [ {{ source: 80 }} ], words: {{ alpha: 1 }} }} }}
  outputs: {{ o: {{ value: {value} }} }}
"""
    )
    service, found = load(str(tmp_path / "s.yaml"))
    assert service is not None and not found, found
    topology, found = build(service, inputs={}, provider="simulator")
    assert [item.message for item in found] == ([problem] if problem else [])
    if topology is not None:
        assert topology.outputs["o"].value is None
    elif "beta" in value:
        assert "alpha" in str(found[0].hint)
