"""Whatever the numbers: every instance is there once, every reference leads somewhere, and work grows with the size alone."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbq.render.hot import translate
from bbq.render.hot.model import Document, calls
from bbq.render.hot.parts import split
from tests.unit.render.hot_tools import CLOUD, check, topology_of
from tests.unit.render.test_render_hot import INDIGO

NAMES = st.sampled_from(["a", "a_0", "a-0", "a_0_port", "members", "ssh", "network", "image", "lan_subnet", "b.c"])


@st.composite
def templates(draw: Any) -> tuple[str, dict[str, int]]:
    """A template with servers, networks, ports and volumes, and how many instances each node has."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    numbers = {name: draw(st.integers(0, 3)) for name in names}
    own = draw(st.booleans())
    lines = [INDIGO, "topology_template:", "  node_templates:"]
    for name in names:
        access = draw(st.sampled_from(["PRIVATE", "PUBLIC", "private", "'private,public'"] + (["lan"] if own else [])))
        number = draw(st.sampled_from([f"count: {numbers[name]}", f"default_instances: {numbers[name]}, max_instances: 9"]))
        kind = "tosca.nodes.indigo.Compute" if number.startswith("count") else "tosca.nodes.Compute"
        host = draw(st.sampled_from(["num_cpus: 1", "mem_size: 4 GB", "num_cpus: 4"]))
        lines += [
            f"    {name}:",
            f"      type: {kind}",
            "      capabilities:",
            f"        scalable: {{ properties: {{ {number} }} }}",
            f"        endpoint: {{ properties: {{ network_name: {access} }} }}",
            f"        host: {{ properties: {{ {host} }} }}",
            "        os: { properties: { distribution: Debian } }",
        ]
        if draw(st.booleans()):
            relationship = "{ type: tosca.relationships.AttachesTo, properties: { location: /data } }"
            lines.append(f"      requirements: [ {{ local_storage: {{ node: disk_{name}, relationship: {relationship} }} }} ]")
            lines.append(f"    disk_{name}: {{ type: tosca.nodes.BlockStorage, properties: {{ size: 1 GB }} }}")
        if own and draw(st.booleans()):
            lines.append(f"    port_{name}:")
            lines.append("      type: tosca.nodes.network.Port")
            lines.append(f"      requirements: [ {{ binding: {name} }}, {{ link: lan }} ]")
    if own:
        lines.append("    lan: { type: tosca.nodes.network.Network, properties: { cidr: 10.7.0.0/24 } }")
    lines.append("  outputs:")
    lines += [f"    {name}: {{ value: {{ get_attribute: [ {name}, private_address ] }} }}" for name in names]
    return "\n".join(lines), numbers


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(templates(), st.sampled_from([-1, 1, 3, 7]))
def test_every_instance_once_and_every_reference_resolves(
    tmp_path: Path, template: tuple[str, dict[str, int]], most: int
) -> None:
    text, numbers = template
    result = translate(topology_of(text, tmp_path), CLOUD)
    assert not result.failed, result.found
    pieces = check(result, tmp_path, most)  # bbq's reader reports what leads nowhere
    there = Counter(name for piece in pieces for name, one in piece.resources.items() if one.type == "OS::Nova::Server")
    assert there == Counter(server.name for servers in result.servers.values() for server in servers)
    assert {node: len(servers) for node, servers in result.servers.items()} == numbers
    assert set().union(*(piece.outputs for piece in pieces)) >= set(result.document.outputs)
    _hands_over(pieces)


def _hands_over(pieces: list[Document]) -> None:
    """What a piece takes from others is an output of an earlier one."""
    for number, piece in enumerate(pieces):
        for parameter in piece.parameters.values():
            assert not parameter.of or any(parameter.of in earlier.outputs for earlier in pieces[:number])


def many(number: int) -> str:
    """One node with so many instances."""
    return f"""{INDIGO}
topology_template:
  node_templates:
    worker:
      type: tosca.nodes.indigo.Compute
      capabilities:
        scalable: {{ properties: {{ count: {number} }} }}
        endpoint: {{ properties: {{ network_name: PUBLIC }} }}
        os: {{ properties: {{ distribution: Debian }} }}
"""


def test_a_large_one_is_split_servers_whole(tmp_path: Path) -> None:
    result = translate(topology_of(many(400), tmp_path), CLOUD)
    pieces = check(result, tmp_path, 500)
    assert len(result.document.resources) == 400 * 3 + 2 and len(pieces) == 3
    assert all(len(piece.resources) <= 500 for piece in pieces)
    assert {"members", "ssh"} < pieces[0].resources.keys()
    assert pieces[1].parameters["members"].of == "members" and pieces[0].outputs["members"][0] == {"get_resource": "members"}
    for piece in pieces:
        for name, resource in piece.resources.items():
            assert resource.unit == "" or {one.unit for one in piece.resources.values()} >= {resource.unit}
            if resource.type == "OS::Nova::Server":
                assert f"{name}_port" in piece.resources and f"{name}_floating_ip" in piece.resources


def nodes(number: int) -> str:
    """So many nodes of several kinds."""
    lines = ["topology_template:", "  node_templates:"]
    for index in range(number):
        host = f"{{ properties: {{ num_cpus: 1, disk_size: {index % 19 + 1} GB }} }}"
        lines.append(f"    s{index}:")
        lines.append("      type: Compute")
        lines.append(f"      capabilities: {{ host: {host}, os: {{ properties: {{ distribution: Debian }} }} }}")
    return "\n".join(lines)


def networks(number: int) -> str:
    """So many networks that are given no addresses."""
    lines = ["topology_template:", "  node_templates:"]
    return "\n".join([*lines, *(f"    n{index}: {{ type: tosca.nodes.network.Network }}" for index in range(number))])


@pytest.mark.parametrize("template", [many, nodes, networks], ids=["one node", "many nodes", "many networks"])
def test_work_grows_with_the_number_of_servers(template: Any, tmp_path: Path) -> None:
    """Calls of functions, which the machine's load does not change."""
    small, large = topology_of(template(50), tmp_path), topology_of(template(200), tmp_path)
    few, more = (
        _calls(lambda topology=topology: split(translate(topology, CLOUD).document, 30)) for topology in (small, large)
    )
    assert more < few * 4.6


def _calls(work: Any) -> int:
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_no_call_is_of_an_unknown_function(tmp_path: Path) -> None:
    result = translate(topology_of(many(2), tmp_path), CLOUD)
    names = {key for one in result.document.resources.values() for call in calls(one.properties) for key in call}
    assert names <= {"get_param", "get_resource", "get_attr", "list_join", "str_split", "str_replace"}
