"""One node of a template for several servers becomes a node for each, with what is on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bbq.providers.openstack.arrange import MADE_BY, arrange
from bbq.providers.openstack.spread import spread
from bbq.topology.model import Edge, Node, Operation, Relationship, Topology
from bbq.topology.values import Attribute, Call
from tests.unit.render.hot_tools import CLOUD, topology_of
from tests.unit.render.test_render_hot import COUNT, indigo

COMPUTE = ("tosca.nodes.Compute", "tosca.nodes.Root")


def software(name: str, host: str, **given: Any) -> Node:
    create = Operation("Standard", "create", "/x.sh", inputs=given.pop("inputs", {}))
    edges = [Edge("host", host, "tosca.relationships.HostedOn", hosted=True), *given.pop("edges", [])]
    return Node(name, "my.Software", ("my.Software", "tosca.nodes.Root"), edges=edges, operations={"create": create}, **given)


def graph(*nodes: Node) -> Topology:
    return Topology({node.name: node for node in nodes})


def compute(name: str) -> Node:
    return Node(name, COMPUTE[0], COMPUTE, capabilities={"scalable": {"count": 2}, "endpoint": {"port": 22}})


def test_each_server_and_what_is_on_it_is_a_node() -> None:
    own = {"own": Attribute("server", ("private_address",)), "first": Attribute("server", ("private_address", 0))}
    below = {"below": Call("concat", ("x", Attribute("app", ("url",))))}
    before = graph(
        compute("server"), software("app", "server", inputs=own), software("tool", "app", inputs=below), compute("other")
    )
    after = spread(before, {"server": [0, 2], "other": [0]})
    assert [*after.nodes] == [
        "server",
        "server[0]",
        "server[2]",
        "app",
        "app[0]",
        "app[2]",
        "tool",
        "tool[0]",
        "tool[2]",
        "other",
    ]
    assert after.nodes["server"].members == ("server[0]", "server[2]") and not after.nodes["server"].primitive
    assert "scalable" not in after.nodes["server[2]"].capabilities and after.nodes["server[2]"].capabilities["endpoint"]
    inputs = after.nodes["app[2]"].operations["create"].inputs
    assert inputs == {"own": Attribute("server[2]", ("private_address",)), "first": Attribute("server", ("private_address", 0))}
    assert after.nodes["app[2]"].edges[0].target == "server[2]" and after.nodes["tool[2]"].edges[0].target == "app[2]"
    assert after.nodes["tool[2]"].operations["create"].inputs == {"below": Call("concat", ("x", Attribute("app[2]", ("url",))))}
    assert not after.nodes["app"].operations and after.nodes["app"].parent is None and after.nodes["app[2]"].parent == "app"
    assert after.nodes["server"].attributes["private_address"] == [
        Attribute("server[0]", ("private_address",)),
        Attribute("server[2]", ("private_address",)),
    ]
    assert after.nodes["app"].attributes["url"] == [Attribute("app[0]", ("url",)), Attribute("app[2]", ("url",))]
    assert before.nodes["app"].edges[0].target == "server", "the argument stays as it is"


def test_of_one_server_what_its_software_tells_is_no_list() -> None:
    reader = Node("reader", "my.Reader", ("my.Reader",), properties={"url": Attribute("app", ("url",))})
    after = spread(graph(compute("server"), software("app", "server"), reader), {"server": [0]})
    assert after.nodes["app"].attributes == {"url": Attribute("app[0]", ("url",))}
    assert after.nodes["server"].attributes["public_address"] == [Attribute("server[0]", ("public_address",))]
    assert after.nodes["reader"].properties == {"url": Attribute("app", ("url",))}


def test_relationships_lead_to_what_is_on_the_same_server_and_to_all_others() -> None:
    link = {"pre_configure_source": Operation("Configure", "pre_configure_source", "/x.sh")}
    near = software(
        "near", "server", edges=[Edge("peer", "app", "R")], relationships=[Relationship("peer", "near", "app", link)]
    )
    far = software("far", "alone", edges=[Edge("peer", "app", "R")], relationships=[Relationship("peer", "far", "app", link)])
    alone = Node("alone", COMPUTE[0], COMPUTE)
    after = spread(graph(compute("server"), software("app", "server"), near, alone, far), {"server": [0, 1]})
    assert [edge.target for edge in after.nodes["near[1]"].edges] == ["server[1]", "app[1]"]
    assert [(item.source, item.target) for item in after.nodes["near[1]"].relationships] == [("near[1]", "app[1]")]
    assert [edge.target for edge in after.nodes["far"].edges] == ["alone", "app[0]", "app[1]"]
    assert [(item.source, item.target) for item in after.nodes["far"].relationships] == [("far", "app[0]"), ("far", "app[1]")]
    assert "far[0]" not in after.nodes


def test_servers_without_operations_stay_one_node() -> None:
    plain = Node("app", "my.Plain", ("my.Plain",), edges=[Edge("host", "server", "H", hosted=True)])
    before = graph(compute("server"), plain)
    assert spread(before, {"server": [0, 1]}) is before


def test_none_are_waited_for_all_the_same() -> None:
    other = Node("other", "my.Other", ("my.Other",), edges=[Edge("dependency", "app", "D")])
    after = spread(graph(compute("server"), software("app", "server"), other), {"server": []})
    assert [*after.nodes] == ["server", "app", "other"] and after.dependencies()["other"] == {"app"}
    assert after.nodes["server"].attributes == {"private_address": [], "public_address": []}
    assert not after.nodes["app"].primitive


APP = """\
    app:
      type: tosca.nodes.SoftwareComponent
      requirements: [ { host: worker } ]
      interfaces: { Standard: { create: service.yaml } }
"""


@pytest.mark.parametrize("number", [0, 1, 3])
def test_the_stack_says_what_each_of_them_is(tmp_path: Path, number: int) -> None:
    after = arrange(topology_of(indigo(COUNT, APP), tmp_path, number=number), CLOUD, "exp1", "0123456789abcdef")
    names = [f"worker[{index}]" for index in range(number)]
    assert [*after.nodes] == ["stack", "worker", *names, "app", *(f"app[{index}]" for index in range(number))]
    template = after.nodes["stack"].properties["template"]
    assert [*template.get("outputs", {})] == names
    for index, name in enumerate(names):
        assert after.nodes[name].properties[MADE_BY] == [Attribute("stack", ("outputs", name))]
        assert template["outputs"][name]["value"]["ids"] == [{"get_resource": f"worker_{index}"}]
        assert template["resources"][f"worker_{index}"]["properties"]["metadata"]["bbq_node"] == name
        assert after.nodes[name].metadata["ssh"] is True and after.nodes[f"app[{index}]"].edges[0].target == name


def test_another_number_concerns_no_other_server(tmp_path: Path) -> None:
    few, many = (
        arrange(topology_of(indigo(COUNT, APP), tmp_path, number=number), CLOUD, "exp1", "0123456789abcdef")
        for number in (2, 9)
    )
    for name in ("worker[0]", "worker[1]", "app[0]", "app[1]"):
        assert few.nodes[name] == many.nodes[name]
