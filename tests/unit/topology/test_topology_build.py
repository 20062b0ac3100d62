"""Values, requirements, counts and cycles of the graph."""

from __future__ import annotations

from typing import Any

import pytest

from bbq.topology import codes
from bbq.topology.values import Attribute, Call, GeneratedSecret, Secret


def codes_of(found: list[Any]) -> list[str]:
    return [item.code for item in found]


def server(workshop: Any, **more: Any) -> None:
    """A type with the usual things."""
    workshop.type_(
        "node",
        "Server",
        properties={
            "port": {"type_": "integer", "default": 80},
            "name": {},
            "workers": {
                "type_": "integer",
                "default": 2,
                "metadata": {"bbq_scale": True},
                "constraints": {"in_range": [1, 5]},
            },
            "password": {"type_": "bbq.datatypes.Secret", "required": False, "metadata": {"generate": True}},
        },
        attributes=("url",),
        secret_attributes=("token",),
        capabilities={"endpoint": "Endpoint"},
        requirements={"peer": {"capability": "Endpoint", "occurrences": (0, None)}},
        **more,
    )


def test_inputs_and_literals_are_answered_at_once(workshop: Any) -> None:
    server(workshop)
    workshop.input("n", "integer", default=3)
    workshop.input("secret", "bbq.datatypes.Secret")
    workshop.node(
        "a",
        "Server",
        properties={
            "port": workshop.call("get_input", "n"),
            "name": workshop.call("concat", "x-", workshop.call("get_property", "b", "name")),
            "password": workshop.call("get_input", "secret"),
        },
    )
    workshop.node("b", "Server", properties={"name": workshop.call("token", "p:q", ":", 1)})
    topology = workshop.topology(inputs={"secret": "hush"})
    assert topology.nodes["a"].properties["port"] == 3
    assert topology.nodes["a"].properties["name"] == "x-q"
    assert topology.nodes["a"].properties["password"] == Secret("hush")
    assert topology.inputs["secret"] == Secret("hush")
    assert topology.nodes["b"].properties["password"] == GeneratedSecret("b.password")
    assert topology.nodes["b"].secrets == {"password"}
    assert topology.nodes["b"].scale_property == "workers"


def test_attributes_become_expressions_and_dependencies(workshop: Any) -> None:
    server(workshop)
    workshop.node("a", "Server", properties={"name": workshop.call("concat", workshop.call("get_attribute", "b", "url"), "/x")})
    workshop.node("b", "Server")
    workshop.output("url", workshop.call("get_attribute", "a", "url"))
    workshop.output("token", workshop.call("concat", "t=", workshop.call("get_attribute", "a", "token")))
    workshop.output("port", workshop.call("get_attribute", "a", "port"))
    topology = workshop.topology()
    assert topology.nodes["a"].properties["name"] == Call("concat", (Attribute("b", ("url",)), "/x"))
    assert topology.dependencies() == {"a": {"b"}, "b": set()}
    assert topology.outputs["url"].value == Attribute("a", ("url",))
    assert not topology.outputs["url"].secret
    assert topology.outputs["token"].secret
    assert topology.outputs["port"].value == 80


def test_paths_through_requirements_capabilities_and_hosts(workshop: Any) -> None:
    from bbq.tosca.model import CapabilityDef

    endpoint = CapabilityDef("endpoint", "Endpoint", workshop.at())
    endpoint.properties["protocol"] = workshop.parameter("protocol", default="http")
    endpoint.attributes["ip"] = workshop.parameter("ip")
    workshop.type_("node", "Box", properties={"zone": {"default": "z1"}}, capabilities={"endpoint": endpoint})
    workshop.type_(
        "node",
        "App",
        properties={name: {} for name in "abcdefgh"},
        requirements={"on": {"capability": "Endpoint", "relationship": "tosca.relationships.HostedOn"}},
    )
    call = workshop.call
    workshop.node("box", "Box", capabilities={"endpoint": {"protocol": "https"}})
    workshop.node(
        "app",
        "App",
        requirements=(("on", "box"),),
        properties={
            "a": call("get_property", "SELF", "on", "protocol"),
            "b": call("get_property", "SELF", "on", "zone"),
            "c": call("get_property", "HOST", "zone"),
            "d": call("get_property", "SELF", "RELATIONSHIP", "on", 0, "TARGET", "zone"),
            "e": call("get_property", "SELF", "RELATIONSHIP", "on", "CAPABILITY", "protocol"),
            "f": call("get_property", "box", "CAPABILITY", "endpoint", "protocol"),
            "g": call("get_attribute", "SELF", "on", "ip"),
            "h": call("get_property", "box", "CAPABILITY", "endpoint", "RELATIONSHIP", 0, "SOURCE", "a"),
        },
    )
    topology = workshop.topology()
    values = topology.nodes["app"].properties
    assert [values[key] for key in "abcdef"] == ["https", "z1", "z1", "z1", "https", "https"]
    assert values["g"] == Attribute("box", ("endpoint", "ip"))
    assert values["h"] == "https"
    edge = topology.nodes["app"].edges[0]
    assert (edge.requirement, edge.target, edge.capability, edge.hosted) == ("on", "box", "endpoint", True)


def test_source_and_target_in_a_relationship(workshop: Any) -> None:
    server(workshop)
    call = workshop.call
    properties = {
        "from": call("get_property", "SOURCE", "port"),
        "to": call("get_attribute", "TARGET", "url"),
        "alias": "X",
    }
    workshop.node("a", "Server", requirements=(("peer", {"node": "b", "properties": properties}),), properties={"port": 1})
    workshop.node("b", "Server", properties={"name": call("concat", "x")})
    edge = workshop.topology().nodes["a"].edges[0]
    assert edge.properties == {"from": 1, "to": Attribute("b", ("url",)), "alias": "X"}


def test_unknown_names_are_reported_together_with_suggestions(workshop: Any) -> None:
    server(workshop)
    call = workshop.call
    workshop.node(
        "alpha",
        "Server",
        properties={
            "name": call("get_property", "SELF", "prot"),
            "port": call("get_attribute", "alpa", "url"),
            "workers": call("get_input", "none"),
            "password": call("frobnicate", 1),
        },
        requirements=(("peer", "beta"),),
    )
    workshop.output("o", call("token", "a:b", ":", 7))
    workshop.output("p", call("get_attribute", "alpha", "uri"))
    found = workshop.problems()
    assert sorted(codes_of(found)) == sorted(
        [
            codes.UNKNOWN_PROPERTY,
            codes.UNKNOWN_NODE,
            codes.UNKNOWN_INPUT,
            codes.UNKNOWN_FUNCTION,
            codes.UNKNOWN_NODE,
            codes.BAD_FUNCTION,
            codes.UNKNOWN_ATTRIBUTE,
        ]
    )
    hints = {item.message: item.hint for item in found}
    assert hints["'alpha' has no property 'prot'"] == "did you mean 'port'?"
    assert hints["there is no node template 'alpa'"] == "did you mean 'alpha'?"
    assert hints["'alpha' has no attribute 'uri'"] == "did you mean 'url'?"
    assert all(item.line > 1 for item in found)


def test_circular_values_are_found(workshop: Any) -> None:
    server(workshop)
    workshop.node("a", "Server", properties={"name": workshop.call("get_property", "b", "name")})
    workshop.node("b", "Server", properties={"name": workshop.call("get_property", "a", "name")})
    assert codes_of(workshop.problems()) == [codes.CIRCULAR_VALUE]


def test_a_property_cannot_need_its_own_nodes_attribute(workshop: Any) -> None:
    server(workshop)
    workshop.node("a", "Server", properties={"name": workshop.call("get_attribute", "SELF", "url")})
    assert codes_of(workshop.problems()) == [codes.OWN_ATTRIBUTE]


def test_very_long_chains_of_properties_end_in_a_diagnostic_or_a_value(workshop: Any) -> None:
    server(workshop)
    for number in range(2000):
        workshop.node(f"n{number}", "Server", properties={"name": workshop.call("get_property", f"n{number + 1}", "name")})
    workshop.node("n2000", "Server", properties={"name": "end"})
    topology, found = workshop.build()
    assert topology is not None or codes.CIRCULAR_VALUE in codes_of(found)


def test_a_cycle_is_told_whole_with_every_place(workshop: Any) -> None:
    server(workshop)
    workshop.node("a", "Server", requirements=(("peer", "b"),))
    workshop.node("b", "Server", properties={"name": workshop.call("get_attribute", "c", "url")})
    workshop.node("c", "Server", requirements=(("peer", "a"),))
    workshop.node("d", "Server", requirements=(("peer", "a"),))
    (found,) = workshop.problems()
    assert found.code == codes.CYCLE
    assert "a -> b -> c -> a" in found.message
    assert [text for _, text in found.related] == [
        "'a' requires 'b' (peer)",
        "'b' needs an attribute of 'c' for its property 'name'",
        "'c' requires 'a' (peer)",
    ]


def test_requirement_checks(workshop: Any) -> None:
    server(workshop)
    workshop.type_("node", "Plain")
    workshop.type_("node", "One", requirements={"peer": {"capability": "Endpoint", "node": "Server"}})
    workshop.node("plain", "Plain")
    workshop.node("server", "Server")
    workshop.node("a", "Server", requirements=(("peer", "plain"),))
    workshop.node("b", "One", requirements=(("peer", "plain"),))
    workshop.node("c", "One", requirements=(("peer", "server"), ("peer", "server")))
    assert codes_of(workshop.problems()) == [codes.NO_CAPABILITY, codes.WRONG_TARGET_TYPE, codes.REQUIREMENT_COUNT]


def test_valid_source_types(workshop: Any) -> None:
    from bbq.tosca.model import CapabilityDef

    picky = CapabilityDef("in", "Endpoint", workshop.at(), valid_source_types=("Friend",))
    workshop.type_("node", "Target", capabilities={"in": picky})
    workshop.type_("node", "Friend", requirements={"to": {"capability": "Endpoint"}})
    workshop.type_("node", "Stranger", requirements={"to": {"capability": "Endpoint"}})
    workshop.node("t", "Target")
    workshop.node("f", "Friend", requirements=(("to", "t"),))
    assert workshop.topology().nodes["f"].edges[0].target == "t"
    workshop.node("s", "Stranger", requirements=(("to", "t"),))
    assert workshop.topology().nodes["s"].edges[0].capability == "in"  # named by the user: the reader warns, no more
    workshop.node("s", "Stranger", requirements=(("to", {"node": None}),))
    assert codes_of(workshop.problems()) == [codes.MISSING_TARGET]


def test_dangling_requirements(workshop: Any) -> None:
    server(workshop)
    workshop.type_("node", "Client", requirements={"to": {"capability": "Endpoint"}})
    workshop.node("client", "Client", requirements=(("to", {"node_type": "Server"}),))
    assert codes_of(workshop.problems()) == [codes.MISSING_TARGET]
    workshop.node("s1", "Server", properties={"port": 1})
    assert workshop.topology().nodes["client"].edges[0].target == "s1"
    workshop.node("s2", "Server", properties={"port": 2})
    (found,) = workshop.problems()
    assert found.code == codes.AMBIGUOUS_TARGET
    assert "s1, s2" in found.message
    node_filter = {"properties": [{"port": {"equal": 2}}]}
    workshop.node("client", "Client", requirements=(("to", {"node_type": "Server", "node_filter": node_filter}),))
    assert workshop.topology().nodes["client"].edges[0].target == "s2"
    node_filter = {"properties": [{"port": [{"greater_or_equal": 1}, {"in_range": [3, 9]}]}]}
    workshop.node("client", "Client", requirements=(("to", {"node_type": "Server", "node_filter": node_filter}),))
    (found,) = workshop.problems()
    assert found.message == "requirement 'to' of 'client' is not met: s1, s2 would do, but for the node_filter"
    assert found.hint == "s1: property `port` must be in the range 3 to 9; s2: property `port` must be in the range 3 to 9"
    node_filter = {"capabilities": [{"in": {"properties": [{"secure": {"equal": True}}]}}]}
    workshop.node("client", "Client", requirements=(("to", {"node_type": "Server", "node_filter": node_filter}),))
    (found,) = workshop.problems()
    assert found.hint == "s1: it has no capability `in`; s2: it has no capability `in`"
    condition = workshop.call("equal", workshop.call("get_property", "SELF", "port"), 1)
    workshop.node("client", "Client", requirements=(("to", {"node_type": "Server", "node_filter": condition}),))
    assert workshop.topology().nodes["client"].edges[0].target == "s1"


def test_instances_of_one_template_are_shared_out(workshop: Any) -> None:
    workshop.type_("node", "Right", capabilities={"in": "Endpoint"})
    workshop.type_("node", "Left", requirements={"uses": {"capability": "Endpoint"}})
    workshop.node("right", "Right", count=3)
    workshop.node("left", "Left", count=2, requirements=(("uses", {"node_type": "Right", "count": (2, 2)}),))
    nodes = workshop.topology().nodes
    assert [edge.target for edge in nodes["left[0]"].edges] == ["right[0]", "right[1]"]
    assert [edge.target for edge in nodes["left[1]"].edges] == ["right[2]", "right[0]"]


def test_an_implied_host_that_is_not_there_is_a_warning(workshop: Any) -> None:
    workshop.type_("node", "tosca.nodes.SoftwareComponent", requirements={"host": {"capability": "Endpoint"}})
    workshop.type_("node", "Mine", "tosca.nodes.SoftwareComponent")
    workshop.type_("node", "Other", requirements={"host": {"capability": "Endpoint"}})
    workshop.node("a", "Mine")
    topology, found = workshop.build()
    assert topology is not None
    assert [(item.severity, item.code) for item in found] == [("warning", codes.MISSING_TARGET)]
    workshop.node("b", "Other")
    assert codes.MISSING_TARGET in codes_of([item for item in workshop.problems() if item.severity == "error"])


def test_counts_make_instances_and_lists(workshop: Any) -> None:
    server(workshop)
    workshop.input("n", "integer", default=3)
    workshop.node("w", "Server", count=workshop.call("get_input", "n"), properties={"port": workshop.call("node_index")})
    workshop.node("app", "Server", requirements=(("peer", "w"),))
    call = workshop.call
    workshop.output("all", call("get_attribute", "w", "url"))
    workshop.output("second", call("get_attribute", "w", "url", 1))
    workshop.output("third", call("get_attribute", "w", 2, "url"))
    topology = workshop.topology()
    assert list(topology.nodes) == ["w[0]", "w[1]", "w[2]", "app"]
    assert [topology.nodes[f"w[{i}]"].properties["port"] for i in range(3)] == [0, 1, 2]
    assert topology.outputs["all"].value == [Attribute(f"w[{i}]", ("url",)) for i in range(3)]
    assert topology.outputs["second"].value == Attribute("w[1]", ("url",))
    assert topology.outputs["third"].value == Attribute("w[2]", ("url",))
    assert [edge.target for edge in topology.nodes["app"].edges] == ["w[0]", "w[1]", "w[2]"]
    assert topology.nodes["w[1]"].template == "w"
    assert topology.nodes["w[1]"].index == 1
    codes_found = codes_of(workshop.problems(inputs={"n": 0}))
    assert codes_found == [codes.BAD_FUNCTION, codes.BAD_FUNCTION]  # elements 1 and 2 of none
    del workshop.service.outputs["second"], workshop.service.outputs["third"]
    assert list(workshop.topology(inputs={"n": 0}).nodes) == ["app"]


def test_impossible_counts(workshop: Any) -> None:
    server(workshop)
    workshop.node("w", "Server", count=-1)
    assert codes_of(workshop.problems()) == [codes.BAD_COUNT]
    workshop.node("w", "Server", count=10**9)
    assert codes_of(workshop.problems()) == [codes.TOO_LARGE]


def test_overrides(workshop: Any) -> None:
    server(workshop)
    workshop.type_("node", "Plain")
    workshop.node("s", "Server")
    workshop.node("plain", "Plain")
    workshop.node("many", "Plain", count=2)
    topology = workshop.topology(overrides={"s": 4, "many": 3})
    assert topology.nodes["s"].properties["workers"] == 4
    assert "many[2]" in topology.nodes
    for wrong in ({"s": 9}, {"x": 1}, {"plain": 2}, {"s": -1}):
        (found,) = workshop.problems(overrides=wrong)
        assert found.code == codes.BAD_OVERRIDE
    (found,) = workshop.problems(overrides={"s": 9})
    assert "range 1 to 5" in found.message
    (found,) = workshop.problems(overrides={"plain": 9})
    assert found.hint == "these scale: s, many"


def test_readiness_and_timeouts(workshop: Any) -> None:
    workshop.type_(
        "node",
        "bbq.nodes.Root",
        properties={"readiness": {"type_": "list"}, "timeouts": {"type_": "map"}},
        attributes=("host",),
    )
    target = workshop.call("concat", workshop.call("get_attribute", "SELF", "host"), ":80")
    readiness = [
        {"kind": "tcp", "target": target},
        {"kind": "command", "target": "test -e 'a b'", "interval": 2},
        {"kind": "http", "target": "http://x/", "status": 204, "timeout": 1},
    ]
    workshop.node("a", "bbq.nodes.Root", properties={"readiness": readiness, "timeouts": {"ready": 5}})
    node = workshop.topology().nodes["a"]
    assert [probe.kind for probe in node.readiness] == ["tcp", "command", "http"]
    assert node.readiness[0].target == Call("concat", (Attribute("a", ("host",)), ":80"))
    assert node.readiness[1].target == ["test", "-e", "a b"]
    assert node.readiness[1].interval == 2.0
    assert node.readiness[2].status == 204
    assert node.timeouts == {"ready": 5.0}
    assert node.properties == {}
    assert node.dependencies() == set()
    later = workshop.call("get_attribute", "SELF", "host")
    workshop.node("a", "bbq.nodes.Root", properties={"readiness": [{"kind": "udp"}], "timeouts": {"ready": later}})
    assert codes_of(workshop.problems()) == [codes.BAD_READINESS, codes.BAD_TIMEOUT]
    workshop.node("a", "bbq.nodes.Root", properties={"timeouts": later})
    assert codes_of(workshop.problems()) == ["BBQ-T046", codes.BAD_TIMEOUT]


def test_ten_thousand_nodes_are_built_in_one_pass(workshop: Any) -> None:
    server(workshop)
    workshop.type_("node", "Hub", capabilities={"hub": "Root"})
    workshop.type_("node", "Leaf", properties={"name": {}}, requirements={"to": {"node": "Hub"}})
    workshop.node("hub", "Hub")
    for number in range(5000):
        workshop.node(f"leaf{number}", "Leaf", requirements=(("to", {"node_type": "Hub"}),), properties={"name": "x"})
        peers = (("peer", f"s{number - 1}"),) if number else ()
        workshop.node(f"s{number}", "Server", requirements=peers)
    topology = workshop.topology()
    assert len(topology.nodes) == 10001
    assert topology.nodes["s4999"].edges[0].target == "s4998"


def test_every_code_is_explained() -> None:
    names = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str)}
    assert names == set(codes.CODES)
    assert list(codes.CODES) == sorted(codes.CODES)


def test_nodes_that_exist_already_cannot_be_selected(workshop: Any) -> None:
    server(workshop)
    workshop.node("a", "Server", directives=("select",))
    assert codes_of(workshop.problems(provider="some")) == [codes.UNSUPPORTED_DIRECTIVE]
    topology, found = workshop.build(provider="simulator")
    assert topology is not None
    assert [item.severity for item in found] == ["warning"]
    workshop.node("a", "Server", directives=("select", "create"))
    assert workshop.build(provider="some")[1] == []


def test_too_many_edges_are_refused_before_they_are_made(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bbq.topology.requirements.MAX_EDGES", 1000)
    server(workshop)
    workshop.node("left", "Server", count=20, requirements=(("peer", "right"),))
    workshop.node("right", "Server", count=50)
    assert len(workshop.topology().nodes) == 70
    workshop.node("one_more", "Server", requirements=(("peer", "right"),))
    assert codes_of(workshop.problems()) == [codes.TOO_LARGE]
