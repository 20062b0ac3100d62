"""Which nodes a requirement leads to. TOSCA 2.0 sections 8.5, 8.6 and 8.7, from real templates to the graph."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from bbq.diagnostics import Diagnostic
from bbq.topology import build
from bbq.topology.model import Topology
from bbq.tosca import check_inputs, load

TYPES = """
tosca_definitions_version: tosca_2_0
data_types: { Size: { derived_from: scalar, units: { B: 1, kB: 1000 }, canonical_unit: B } }
capability_types:
  Place:
    properties:
      slots: { type: integer, default: 4 }
      memory: { type: Size, default: 8 kB }
      name: { type: string, default: host }
relationship_types:
  On: { properties: { weight: { type: integer, default: 1 } } }
node_types:
  Server:
    properties: { size: { type: integer, default: 1 } }
    capabilities: { place: Place }
  Small: { derived_from: Server }
  App:
    properties: { number: { type: integer, default: 0 } }
    requirements: [ { on: { capability: Place, relationship: On, node: Server, count_range: [ 0, UNBOUNDED ] } } ]
service_template:
  inputs: { many: { type: integer, default: 2 } }
  node_templates:
"""

Built = Callable[..., tuple[Topology | None, list[Diagnostic]]]


@pytest.fixture
def built(tmp_path: Path) -> Built:
    def build_it(nodes: str, **given: object) -> tuple[Topology | None, list[Diagnostic]]:
        path = tmp_path / "service.yaml"
        path.write_text(TYPES.lstrip() + textwrap.indent(textwrap.dedent(nodes).strip(), "    "))
        service, found = load(path)
        assert service is not None and not found, list(map(str, found))
        inputs, found = check_inputs(service, given)
        assert not found, list(map(str, found))
        return build(service, inputs=inputs, provider="simulator")

    return build_it


@pytest.fixture
def targets(built: Built) -> Callable[..., dict[str, list[str]]]:
    """Node -> the nodes its requirements lead to, for nodes with any."""

    def of(nodes: str, **given: object) -> dict[str, list[str]]:
        topology, found = built(nodes, **given)
        assert topology is not None, list(map(str, found))
        return {name: [edge.target for edge in node.edges] for name, node in topology.nodes.items() if node.edges}

    return of


@pytest.fixture
def problem(built: Built) -> Callable[..., Diagnostic]:
    def of(nodes: str, **given: object) -> Diagnostic:
        topology, found = built(nodes, **given)
        assert topology is None and len(found) == 1, list(map(str, found))
        return found[0]

    return of


SERVERS = "server: { type: Server, count: 3 }\n"


def test_a_template_s_name_means_all_of_its_nodes(targets) -> None:
    assert targets(SERVERS + "app: { type: App, requirements: [ { on: server } ] }") == {
        "app": ["server[0]", "server[1]", "server[2]"]
    }


@pytest.mark.parametrize(
    ("node", "wanted"),
    [
        ("[ server, 1 ]", ["server[1]", "server[1]"]),
        ("[ server, $node_index ]", ["server[0]", "server[1]"]),
        ("[ server, { $difference: [ 2, $node_index: [] ] } ]", ["server[2]", "server[1]"]),
    ],
)
def test_an_index_means_one_node(targets, node, wanted) -> None:
    found = targets(
        SERVERS
        + f"app: {{ type: App, count: 2, requirements: [ {{ on: {node} }} ] }}".replace(
            "$node_index ]", "{ $node_index: [] } ]"
        )
    )
    assert found == {"app[0]": wanted[:1], "app[1]": wanted[1:]}


def test_the_index_can_follow_the_relationship(targets) -> None:
    requirement = "on: { node: [ server, { $sum: [ 1, $relationship_index: [] ] } ], count: 2 }"
    assert targets(SERVERS + f"app: {{ type: App, requirements: [ {{ {requirement} }} ] }}") == {
        "app": ["server[1]", "server[2]"]
    }
    again = "[ { on: [ server, $relationship_index: [] ] }, { on: [ server, $relationship_index: [] ] } ]"
    assert targets(SERVERS + f"app: {{ type: App, requirements: {again} }}") == {"app": ["server[0]", "server[1]"]}


def test_an_index_beyond_the_last_node_is_not_met(problem) -> None:
    found = problem(SERVERS + "app: { type: App, count: 4, requirements: [ { on: [ server, $node_index: [] ] } ] }")
    assert (found.code, found.line) == ("BBQ-G010", 23)
    assert "app[3]" in found.message and "needs 1 of 'server'; 0 can be had" in found.message


@pytest.mark.parametrize(("count", "wanted"), [("0", 0), ("1", 1), ("3", 3), ("{ $get_input: many }", 2)])
def test_count_is_the_number_of_relationships(targets, count, wanted) -> None:
    servers = [f"server[{each}]" for each in range(3)]
    found = targets(SERVERS + f"app: {{ type: App, requirements: [ {{ on: {{ node: server, count: {count} }} }} ] }}")
    assert found.get("app", []) == servers[:wanted]


def test_more_than_there_are_is_an_error_and_less_if_optional(problem, targets) -> None:
    nodes = SERVERS + "app: { type: App, requirements: [ { on: { node: server, count: 4%s } } ] }"
    found = problem(nodes % "")
    assert found.code == "BBQ-G010" and "needs 4 of 'server'; 3 can be had" in found.message
    assert targets(nodes % ", optional: true") == {"app": ["server[0]", "server[1]", "server[2]"]}


@pytest.mark.parametrize("count", ["{ $get_input: many }"])
def test_a_count_that_is_no_number_of_nodes(problem, count) -> None:
    nodes = SERVERS + f"app: {{ type: App, requirements: [ {{ on: {{ node: server, count: {count} }} }} ] }}"
    assert problem(nodes, many=-1).code == "BBQ-G040"


def test_shares_fill_a_node_before_the_next(targets) -> None:
    found = targets(
        "one: { type: Server }\n"
        "two: { type: Small }\n"
        "app: { type: App, count: 3, requirements: [ { on: { node: Server, count: 1, allocation: { slots: 2 } } } ] }"
    )
    assert list(found.values()) == [["one"], ["one"], ["two"]]


def test_shares_of_a_named_node_s_instances(targets) -> None:
    app = "app: { type: App, count: 5, requirements: [ { on: { node: server, allocation: { memory: 4000 B } } } ] }"
    assert list(targets(SERVERS + app).values()) == [
        ["server[0]"], ["server[0]"], ["server[1]"], ["server[1]"], ["server[2]"]
    ]  # fmt: skip


def test_what_must_be_met_takes_its_share_first(targets) -> None:
    requirements = (
        "[ { on: { node: a, optional: true, allocation: { slots: 3 } } }, { on: { node: a, allocation: { slots: 3 } } } ]"
    )
    found = targets(f"a: {{ type: Server }}\napp: {{ type: App, requirements: {requirements} }}")
    assert found == {"app": ["a"]}


def test_a_share_that_nobody_has_left(problem) -> None:
    app = "app: { type: App, count: 7, requirements: [ { on: { node: server, allocation: { memory: 3 kB } } } ] }"
    found = problem(SERVERS + app)
    assert found.code == "BBQ-G010" and "app[6]" in found.message
    found = problem("one: { type: Server }\napp: { type: App, requirements: [ { on: { allocation: { slots: 5 } } } ] }")
    assert found.code == "BBQ-G010"


def test_what_is_left_can_be_asked_for(built) -> None:
    left = "{ $available_allocation: [ SELF, RELATIONSHIP, on, CAPABILITY, %s ] }"
    topology, found = built(
        "one: { type: Server }\n"
        "app: { type: App, requirements: [ { on: { node: one, allocation: { slots: 3, memory: 500 B } } } ] }\n"
        f"other:\n  type: App\n  properties: {{ number: {left % 'slots'} }}\n"
        "  requirements: [ { on: one } ]\n"
    )
    assert topology is not None, list(map(str, found))
    assert topology.nodes["other"].properties["number"] == 1


def test_filters_of_relationship_target_and_capability(targets) -> None:
    nodes = """
    one: { type: Server, properties: { size: 3 }, capabilities: { place: { properties: { slots: 9 } } } }
    two: { type: Server, properties: { size: 5 } }
    app: { type: App, requirements: [ { on: { node: Server, count: 1, node_filter: %s } } ] }
    """
    for path, value, wanted in (
        ("[ SELF, TARGET, size ]", 5, "two"),
        ("[ SELF, size ]", 3, "one"),
        ("[ SELF, CAPABILITY, slots ]", 9, "one"),
        ("[ SELF, CAPABILITY, place, slots ]", 4, "two"),
    ):
        assert targets(nodes % f"{{ $equal: [ {{ $get_property: {path} }}, {value} ] }}") == {"app": [wanted]}, path


def test_a_named_node_must_pass_the_filter(problem) -> None:
    found = problem(
        "one: { type: Server }\n"
        "app:\n  type: App\n  requirements:\n"
        "    - on: { node: one, node_filter: { $equal: [ { $get_property: [ SELF, size ] }, 2 ] } }"
    )
    assert found.code == "BBQ-G014" and "does not meet the node_filter of 'on'" in found.message
    assert found.hint == "`$equal: [$get_property: [SELF, size], 2]` does not hold"


def test_where_only_a_filter_fails_the_filter_is_named(problem) -> None:
    condition = "{ $and: [ { $less_than: [ { $get_property: [ SELF, TARGET, size ] }, 9 ] }, { $equal: [ %s, 2 ] } ] }"
    condition %= "{ $get_property: [ SELF, TARGET, size ] }"
    nodes = "one: { type: Server, properties: { size: 3 } }\ntwo: { type: Server, properties: { size: 5 } }\n"
    app = "app:\n  type: App\n  requirements: [ { on: { node: Server, count: %s, node_filter: %s } } ]"
    found = problem(nodes + app % (1, condition))
    assert found.code == "BBQ-G010"
    assert found.message == "requirement 'on' of 'app' is not met: one, two would do, but for the node_filter"
    reason = "`$equal: [$get_property: [SELF, TARGET, size], 2]` does not hold"
    assert found.hint == f"one: {reason}; two: {reason}"
    found = problem(nodes + app % (2, "{ $equal: [ { $get_property: [ SELF, TARGET, size ] }, 3 ] }"))
    assert found.message.endswith("nodes, there are: one, and two but for the node_filter")


def test_a_node_of_another_deployment(problem, targets) -> None:
    nodes = "one: { type: Server }\napp: { type: App, requirements: [ { on: { directives: [ external ]%s } } ] }"
    found = problem(nodes % "")
    assert "wants a node of another deployment" in found.message and found.hint is not None
    assert targets(nodes % ", optional: true") == {}
