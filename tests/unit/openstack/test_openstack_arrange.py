"""Infrastructure becomes stacks: what the graph is then, and what no cloud is needed for to know of servers."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bbq.engine.contract import Tag
from bbq.errors import TemplateError
from bbq.plan import diff
from bbq.plan.model import Action
from bbq.providers.openstack import tags
from bbq.providers.openstack.arrange import MADE_BY, STACK, SYSTEM, arrange, needs_stack
from bbq.providers.openstack.catalogue import gpus_of
from bbq.providers.openstack.compute import identity, node_of, state_of, unreachable
from bbq.providers.openstack.part import Anything
from bbq.render.hot import Catalogue
from bbq.render.hot.catalogue import CloudNetwork
from bbq.topology.model import Node, Topology
from bbq.topology.values import Attribute, references
from tests.unit.render.hot_tools import CLOUD, topology_of
from tests.unit.render.test_render_hot import COUNT, DISK, indigo

MORE = (
    """\
      requirements:
        - local_storage:
            node: disk
            relationship: { type: tosca.relationships.AttachesTo, properties: { location: /data } }
"""
    + DISK
    + """\
    app: { type: tosca.nodes.SoftwareComponent, requirements: [ { host: worker } ] }
"""
)


def arranged(text: str, tmp_path: Path, catalogue: Catalogue = CLOUD, **inputs: Any) -> Topology:
    return arrange(topology_of(text, tmp_path, **inputs), catalogue, "exp1", "0123456789abcdef")


def test_servers_and_volumes_are_made_by_a_stack(tmp_path: Path) -> None:
    before = topology_of(indigo(COUNT, MORE), tmp_path)
    after = arrange(before, CLOUD, "exp1", "0123456789abcdef")
    assert list(after.nodes) == ["stack", "worker", "disk", "app"]
    assert MADE_BY not in before.nodes["worker"].properties, "the argument stays as it is"
    stack = after.nodes["stack"]
    assert stack.type == STACK and not stack.dependencies()
    assert after.nodes["worker"].properties[MADE_BY] == [Attribute("stack", ("outputs", "worker"))]
    assert after.nodes["disk"].properties[MADE_BY] == Attribute("stack", ("outputs", "disk"))
    assert after.dependencies()["worker"] == {"stack", "disk"} and after.dependencies()["app"] == {"worker"}
    assert after.nodes["worker"].metadata["ssh"] is True
    template = stack.properties["template"]
    output = template["outputs"]["worker"]["value"]
    assert output["ids"] == [{"get_resource": "worker_0"}, {"get_resource": "worker_1"}]
    assert len(output["private_address"]) == 2 and output["public_address"] == [None, None]
    assert template["resources"]["worker_0"]["properties"]["metadata"] == {
        "bbq_deployment": "exp1",
        "bbq_deployment_id": "0123456789abcdef",
        "bbq_node": "worker",
    }
    assert stack.properties["parameters"] == {
        "image": "debian-12",
        "flavor": "m1.tiny",
        "key_name": "mine",
        "network": "private",
        "ssh_cidr": "0.0.0.0/0",
    }
    assert set(template["parameters"]) == set(stack.properties["parameters"])


def test_what_servers_boot_is_told_from_what_leaves_them_as_they_are(tmp_path: Path) -> None:
    def system(text: str, **inputs: Any) -> Any:
        return arranged(text, tmp_path, **inputs).nodes["worker"].properties[SYSTEM]

    plain = system(indigo(COUNT))
    assert plain == {"image": "debian-12", "key_name": "mine"}
    assert system(indigo(COUNT), number=1) == system(indigo("host: { properties: { mem_size: 2 GB } }")) == plain
    assert system(indigo(COUNT).replace("image: debian-12", "image: Ubuntu 22.04 LTS")) == {
        **plain,
        "image": "Ubuntu 22.04 LTS",
    }


def test_networks_that_deployments_made_are_no_choice(tmp_path: Path) -> None:
    more = "    lan: { type: tosca.nodes.network.Network, properties: { cidr: 10.7.0.0/24 } }\n"
    template = arranged(indigo(COUNT, more), tmp_path).nodes["stack"].properties["template"]
    words = template["resources"]["lan"]["properties"]["tags"]
    assert words == ["bbq:name=exp1", "bbq:id=0123456789abcdef", "bbq:node=lan"]
    assert tags.of_words(words) == Tag("exp1", "0123456789abcdef", "lan", 0)
    cloud = replace(CLOUD, networks=(*(CLOUD.networks or ()), CloudNetwork("exp2-lan", owned=True)))
    assert arranged(indigo(COUNT, more), tmp_path, cloud).nodes["stack"].properties["parameters"]["network"] == "private"


def test_without_infrastructure_nothing_is_arranged(tmp_path: Path) -> None:
    topology = topology_of("topology_template: { node_templates: { app: { type: tosca.nodes.Root } } }", tmp_path)
    assert not needs_stack(topology)


def test_a_name_that_is_taken_is_not_the_stacks(tmp_path: Path) -> None:
    assert list(arranged(indigo(COUNT, name="stack"), tmp_path).nodes) == ["stack_", "stack"]


def test_more_than_one_stack_may_have_is_several(tmp_path: Path) -> None:
    after = arranged(indigo(COUNT), tmp_path, replace(CLOUD, max_resources_per_stack=6), number=5)
    stacks = [node for node in after.nodes.values() if node.type == STACK]
    assert [node.name for node in stacks] == ["stack", "stack-2"]
    assert all(len(node.properties["template"]["resources"]) <= 6 for node in stacks)
    assert stacks[1].properties["parameters"]["members"] == Attribute("stack", ("outputs", "members"))
    parts = after.nodes["worker"].properties[MADE_BY]
    assert parts == [Attribute("stack", ("outputs", "worker")), Attribute("stack-2", ("outputs", "worker"))]
    ids = [one for node in stacks for one in node.properties["template"]["outputs"]["worker"]["value"]["ids"]]
    assert [one["get_resource"] for one in ids] == [f"worker_{index}" for index in range(5)]


@pytest.mark.parametrize("most", [-1, 6])
def test_every_attribute_is_an_output_of_its_stack(most: int, tmp_path: Path) -> None:
    after = arranged(indigo(COUNT, MORE), tmp_path, replace(CLOUD, max_resources_per_stack=most), number=4)
    asked = 0
    for node in after.nodes.values():
        for value in node.properties.values():
            for attribute in _attributes(value):
                asked += 1
                assert attribute.path[1] in after.nodes[attribute.node].properties["template"]["outputs"], attribute
    assert asked >= 2
    assert all(name in after.nodes for node in after.nodes.values() for name in references(node.properties))


def test_more_servers_move_none_to_another_stack(tmp_path: Path) -> None:
    """Servers that are there are made anew in another stack; so the ones that are added come last."""
    more = "    front: { type: tosca.nodes.Compute, capabilities: { os: { properties: { distribution: Debian } } } }\n"
    cloud = replace(CLOUD, max_resources_per_stack=8)
    few, many = (arranged(indigo(COUNT, more), tmp_path, cloud, number=number) for number in (4, 9))
    for name in [name for name, node in few.nodes.items() if node.type == STACK]:
        before, after = (one.nodes[name].properties["template"]["resources"] for one in (few, many))
        assert before.items() <= after.items()


def test_what_stacks_hand_over_is_not_what_nodes_are_told(tmp_path: Path) -> None:
    """A network's own output has the node's name, as its resource has."""
    more = """\
    lan: { type: tosca.nodes.network.Network, properties: { cidr: 10.7.0.0/24 } }
    port: { type: tosca.nodes.network.Port, requirements: [ { binding: worker }, { link: lan } ] }
"""
    after = arranged(indigo(COUNT, more), tmp_path, replace(CLOUD, max_resources_per_stack=6), number=3)
    handed = _attributes(after.nodes["stack-2"].properties["parameters"])
    outputs = after.nodes["stack"].properties["template"]["outputs"]
    assert {repr(outputs[item.path[1]]["value"]) for item in handed} >= {repr({"get_resource": "lan"})}
    assert all(set(outputs[item.path[1]]["value"]) <= {"get_resource", "get_attr"} for item in handed)


def _attributes(value: Any) -> list[Attribute]:
    from bbq.topology.values import walk

    return [item for item in walk(value) if isinstance(item, Attribute)]


def test_another_number_of_servers_updates_the_stack_and_that_node_alone(tmp_path: Path) -> None:
    more = "    other: { type: tosca.nodes.Compute, capabilities: { os: { properties: { distribution: Debian } } } }\n"
    few, many = (arranged(indigo(COUNT, more), tmp_path, number=number) for number in (2, 3))
    assert few.nodes["other"].properties == many.nodes["other"].properties
    assert few.nodes["worker"].properties["definition"] != many.nodes["worker"].properties["definition"]
    before, after = (one.nodes["stack"].properties["template"]["resources"] for one in (few, many))
    assert {name: after[name] for name in before} == before


def test_what_nothing_decides_is_said_with_its_place(tmp_path: Path) -> None:
    cloud = replace(CLOUD, keypairs=("one", "two"))
    with pytest.raises(TemplateError) as caught:
        arranged(indigo(f"{COUNT}, host: {{ properties: {{ num_cpus: 64 }} }}"), tmp_path, cloud)
    assert [item.code for item in caught.value.diagnostics] == ["BBQ-R001", "BBQ-R010"]
    assert all(item.line > 40 for item in caught.value.diagnostics)
    assert arranged(indigo(COUNT), tmp_path, replace(cloud, defaults={"key_name": "two"}))


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    after = arranged(indigo(f"{COUNT}, host: {{ properties: {{ cpu_frequency: 2 GHz }} }}", MORE), tmp_path)
    assert [(item.code, item.severity) for item in after.found] == [("BBQ-R008", "warning")]
    assert any("/data" in text for text in after.notices)


def test_planned_twice_nothing_is_to_do(tmp_path: Path) -> None:
    first, second = (arranged(indigo(COUNT, MORE.split("    app")[0]), tmp_path) for _ in range(2))
    assert first.nodes["stack"].properties == second.nodes["stack"].properties
    plan = diff(first, {}, deployment="d", provider="openstack", resource_of=lambda _: _Any(), salt="s")
    assert {step.action for step in plan.steps.values()} == {Action.CREATE}


class _Any:
    updatable = Anything()
    ignored: frozenset[str] = frozenset()
    repairable = True

    def notices(self, node: Node) -> list[str]:
        return []


def test_the_set_of_all_names() -> None:
    everything = Anything()
    assert "x" in everything and frozenset({"a", "b"}) <= everything and everything
    assert "y" in (everything | frozenset({"z"}))


# Servers


def server(number: int, status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {"id": f"u{number}", "name": f"worker-{number}", "status": status, "metadata": {}, **more}


HANDLE = identity("spark.worker[1]", ["u2", "u1"])


@pytest.mark.parametrize(
    ("servers", "name", "ready", "failed"),
    [
        ([server(1), server(2)], "ACTIVE", True, False),
        ([server(1), server(2, "BUILD")], "BUILD", False, False),
        ([server(1), server(2, "SHUTOFF")], "SHUTOFF", False, False),
        ([server(1)], "INCOMPLETE", False, True),
        ([server(1), server(2, "ERROR", fault={"message": "no host"})], "ERROR", False, True),
        ([server(1), server(3)], "CHANGED", False, True),
        ([server(1), server(2), server(3)], "CHANGED", False, False),
    ],
)
def test_the_state_of_several_servers(servers: list[Any], name: str, ready: bool, failed: bool) -> None:
    state = state_of(HANDLE, servers)
    assert (state.name, state.ready, state.failed) == (name, ready, failed)
    assert ready or state.detail


def test_an_autoscaling_group_has_as_many_as_heat_says() -> None:
    assert state_of("any::group", [server(1)]).ready and state_of("any::group", [server(1), server(2), server(3)]).ready


def test_the_identity_holds_the_node() -> None:
    assert node_of(HANDLE) == "spark.worker[1]" and identity("spark.worker[1]", ["u1", "u2"]) == HANDLE
    assert node_of(identity("a:b:c", [])) == "a:b:c"


def test_closed_ports_are_told_from_open_ones() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert unreachable(["127.0.0.1", "127.0.0.2"], port, 2.0) == ["127.0.0.2"]
    assert unreachable([], 22, 1.0) == []


@pytest.mark.parametrize(
    ("specs", "number"),
    [
        ({}, 0),
        ({"resources:VGPU": "2"}, 2),
        ({"pci_passthrough:alias": "gpu-a100:4"}, 4),
        ({"pci_passthrough:alias": "nic:1,gpu:1"}, 1),
        ({"hw:cpu_policy": "dedicated"}, 0),
    ],
)
def test_gpus_of_a_flavor(specs: dict[str, str], number: int) -> None:
    assert gpus_of(specs) == number
