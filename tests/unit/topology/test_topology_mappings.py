"""Requirement and property mappings of TOSCA 2.0 (chapter 15), from real templates to the graph."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from bbq.topology import build
from bbq.topology.model import Topology
from bbq.tosca import check_inputs, load

TYPES = """
tosca_definitions_version: tosca_2_0
capability_types: { Service: { properties: { size: { type: integer, default: 7 } } } }
relationship_types: { ServedBy: { properties: { weight: { type: integer, default: 1 } } } }
node_types:
  Server: { capabilities: { service: { type: Service } } }
  Client:
    capabilities: { front: { type: Service } }
    requirements: [ { service: { capability: Service, relationship: ServedBy, node: Server, count_range: [ 0, UNBOUNDED ] } } ]
  Software:
    properties:
      size: { type: integer, required: false }
      first: { type: integer, required: false }
      weights: { type: list, entry_schema: integer, required: false }
    requirements: [ { service: { capability: Service, relationship: ServedBy, count_range: [ 0, UNBOUNDED ] } } ]
"""

SERVICE = """
tosca_definitions_version: tosca_2_0
imports: [ types.yaml ]
service_template:
  node_templates:
    a: { type: Server }
    b: { type: Server }
    c: { type: Server }
    client:
      type: Client
      directives: [ substitute ]
      capabilities: { front: { properties: { size: 3 } } }
      requirements:
        - service: { node: a, relationship: { type: ServedBy, properties: { weight: 5 } } }
        - service: b
        - service: { node: c, relationship: { type: ServedBy, properties: { weight: 2 } } }
"""


def own(requirements: str, properties: str = "", inputs: str = "", one: str = "") -> str:
    return f"""
tosca_definitions_version: tosca_2_0
imports: [ types.yaml ]
service_template:
  inputs: {{ {inputs} }}
  substitution_mappings:
    node_type: Client
    properties: {{ {properties} }}
    requirements: {requirements}
  node_templates:
    one: {{ type: Software, properties: {{ {one} }} }}
    two: {{ type: Software }}
"""


@pytest.fixture
def built(tmp_path: Path):
    def build_it(template: str) -> Topology:
        for name, text in (
            ("types.yaml", TYPES),
            ("service.yaml", SERVICE),
            ("made/types.yaml", TYPES),
            ("made/client.yaml", template),
        ):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip())
        service, found = load(tmp_path / "service.yaml")
        assert service is not None and not found, list(map(str, found))
        inputs, found = check_inputs(service, {})
        topology, found = build(service, inputs=inputs, provider="made", template_dirs=[tmp_path])
        assert topology is not None, list(map(str, found))
        return topology

    return build_it


def targets(topology: Topology, node: str) -> list[str]:
    return [edge.target for edge in topology.nodes[node].edges if edge.requirement == "service"]


def test_one_mapping_carries_every_assignment(built) -> None:
    topology = built(own("[ { service: [ one, service ] } ]"))
    assert targets(topology, "client.one") == ["a", "b", "c"]


def test_each_of_several_mappings_carries_its_share(built) -> None:
    topology = built(
        own("[ { service: [ one, service ] }, { service: [ two, service ] }, { [ service, UNBOUNDED ]: [ one, service ] } ]")
    )
    assert targets(topology, "client.one")[:2] == ["a", "c"]
    assert targets(topology, "client.two")[0] == "b"
    assert topology.nodes["client.one"].edges[0].properties == {"weight": 5}


def test_counts_and_several_targets_of_one_mapping(built) -> None:
    topology = built(own("[ { [ service, 2 ]: [ [ one, service ], [ two, service ] ] }, { service: [ two, service ] } ]"))
    assert targets(topology, "client.one")[:2] == ["a", "b"]
    assert targets(topology, "client.two")[:3] == ["a", "b", "c"]


def test_properties_of_capabilities_and_relationships_become_inputs(built) -> None:
    topology = built(
        own(
            "[]",
            "[ CAPABILITY, front, size ]: size, [ RELATIONSHIP, service, 0, weight ]: first, "
            "[ RELATIONSHIP, service, ALL, weight ]: weights",
            "size: { type: integer }, first: { type: integer }, weights: { type: list, entry_schema: integer }",
            "size: { $get_input: size }, first: { $get_input: first }, weights: { $get_input: weights }",
        )
    )
    assert topology.nodes["client.one"].properties == {"size": 3, "first": 5, "weights": [5, 1, 2]}


THERE = """\
    there: { type: Server, directives: [ select ] }
    two: { type: Software, requirements: [ { service: there } ] }
    three: { type: Software, requirements: [ { service: there } ] }
"""


def with_selected(mapping: str) -> str:
    text = own(mapping)
    line = "    two: { type: Software }\n"
    assert line in text
    return text.replace(line, THERE)


def test_a_selected_node_stands_for_the_target(built) -> None:
    """Section 15.5.3: several members are to use the same node of the outer template."""
    topology = built(with_selected("[ { service: there } ]"))
    assert targets(topology, "client.two") == targets(topology, "client.three") == ["a", "b", "c"]
    topology = built(with_selected("[ { service: there }, { service: [ one, service ] } ]"))
    assert (targets(topology, "client.two")[0], targets(topology, "client.one")[0]) == ("a", "b")
    assert topology.nodes["client"].members == ("client.one", "client.two", "client.three")
    assert "client.there" not in topology.nodes


def test_what_must_be_met_is_mapped_first(built) -> None:
    template = own("[ { service: [ one, service ] }, { service: [ two, service ] } ]").replace(
        "two: { type: Software }", "two: { type: Software, requirements: [ { service: { optional: false } } ] }"
    )
    topology = built(template)
    assert (targets(topology, "client.two")[0], targets(topology, "client.one")[0]) == ("a", "b")
