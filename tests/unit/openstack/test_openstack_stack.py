"""Stacks, as far as no cloud is needed: what their templates ask for, what their states mean, which resource is the root."""

from __future__ import annotations

from typing import Any

import pytest

from bbq.engine.contract import PermanentFault
from bbq.providers.openstack.quota import Quota, exceeded
from bbq.providers.openstack.stack import state_of
from bbq.providers.openstack.stack_failure import root_cause
from bbq.providers.openstack.stack_needs import Needs, needs_of
from bbq.topology.values import Attribute, Secret

SERVER = {"type": "OS::Nova::Server", "properties": {"flavor": "small", "image": "debian", "networks": [{"network": "net"}]}}


def needs(template: dict[str, Any], **properties: Any) -> Needs:
    found = Needs()
    needs_of("stack", {"template": {"heat_template_version": "2018-08-31", **template}, **properties}, found)
    return found


def test_names_counts_and_sizes() -> None:
    found = needs(
        {
            "parameters": {"n": {"type": "number", "default": 2}, "size": {"type": "number", "default": 10}},
            "resources": {
                "one": SERVER,
                "many": {
                    "type": "OS::Heat::ResourceGroup",
                    "properties": {"count": {"get_param": "n"}, "resource_def": SERVER},
                },
                "auto": {"type": "OS::Heat::AutoScalingGroup", "properties": {"min_size": 1, "resource": SERVER}},
                "disk": {"type": "OS::Cinder::Volume", "properties": {"size": {"get_param": "size"}}},
                "none": {**SERVER, "condition": "never"},
                "other": {**SERVER, "external_id": "x"},
            },
        },
        parameters={"n": 5},
    )
    assert found.names == {"flavor": {"small": "stack.one"}, "image": {"debian": "stack.one"}, "network": {"net": "stack.one"}}
    assert found.servers == {"small": 7}
    assert (found.things["volume"], found.gigabytes) == (1, 10)


def test_nested_templates_and_registries() -> None:
    member = """
heat_template_version: 2018-08-31
parameters: { flavor: { type: string }, image: { type: string, default: nested } }
resources:
  server: { type: OS::Nova::Server, properties: { flavor: { get_param: flavor }, image: { get_param: image } } }
"""
    group = {"count": 3, "resource_def": {"type": "member.yaml", "properties": {"flavor": {"get_param": "f"}}}}
    found = needs(
        {
            "parameters": {"f": {"type": "string"}},
            "resources": {"g": {"type": "OS::Heat::ResourceGroup", "properties": group}, "m": {"type": "My::Server"}},
        },
        parameters={"f": "large"},
        files={"member.yaml": member, "hidden.yaml": Secret("not looked into")},
        environment={"resource_registry": {"My::Server": "member.yaml"}},
    )
    assert found.names == {"flavor": {"large": "stack.g.server"}, "image": {"nested": "stack.g.server"}}
    assert found.servers == {"large": 3, "": 1}


def test_a_template_that_nests_itself_ends() -> None:
    found = needs({"resources": {"a": {"type": "a.yaml"}}}, files={"a.yaml": "resources: { a: { type: a.yaml } }"})
    assert found.names == {}


def test_what_is_not_known_is_left_to_heat() -> None:
    found = needs(
        {
            "parameters": {
                "later": {"type": "string"},
                "hidden": {"type": "string", "constraints": [{"custom_constraint": "nova.keypair"}]},
            },
            "resources": {
                "a": {"type": "OS::Nova::Server", "properties": {"flavor": {"get_param": "later"}, "image": {"get_file": "x"}}},
                "b": {
                    "type": "OS::Heat::ResourceGroup",
                    "properties": {"count": {"get_param": "later"}, "resource_def": SERVER},
                },
            },
        },
        parameters={"later": Attribute("other", ("id",)), "hidden": Secret("hunter2")},
    )
    assert found.names == {}
    assert found.servers == {"": 1}


def test_constraints_of_parameters() -> None:
    constraint = [{"custom_constraint": "neutron.network"}, {"length": {"max": 3}}]
    found = needs({"parameters": {"net": {"type": "string", "default": "n", "constraints": constraint}}})
    assert found.names == {"network": {"n": "stack, parameter net"}}


@pytest.mark.parametrize(
    "template", [{}, {"resources": []}, {"resources": {"a": 1, "b": {"type": 3}, "c": {"type": "OS::Nova::Server"}}}]
)
def test_odd_templates_do_no_harm(template: dict[str, Any]) -> None:
    needs(template)


def test_quota() -> None:
    quotas = {"servers": Quota(10, 7), "cores": Quota(-1, 5), "ports": Quota(5, 5)}
    assert list(exceeded({"servers": 3, "cores": 9, "ports": 0, "not counted": 7}, quotas)) == []
    assert list(exceeded({"servers": 4}, quotas)) == ["the quota lacks servers: 4 wanted, 3 of 10 left"]
    assert list(exceeded({"servers": 1}, {"servers": Quota(10, 12)})) == ["the quota lacks servers: 1 wanted, 0 of 10 left"]


@pytest.mark.parametrize(
    ("status", "ready", "failed"),
    [
        ("CREATE_IN_PROGRESS", False, False),
        ("CREATE_COMPLETE", True, False),
        ("CREATE_FAILED", False, True),
        ("UPDATE_COMPLETE", True, False),
        ("UPDATE_FAILED", False, True),
        ("ROLLBACK_IN_PROGRESS", False, False),
        ("ROLLBACK_COMPLETE", False, True),
        ("ROLLBACK_FAILED", False, True),
        ("DELETE_IN_PROGRESS", False, False),
        ("DELETE_FAILED", False, False),
        ("SUSPEND_COMPLETE", False, False),
        ("RESUME_COMPLETE", True, False),
        ("CHECK_COMPLETE", True, False),
        ("CHECK_FAILED", False, True),
        ("SNAPSHOT_FAILED", True, False),
        ("ADOPT_COMPLETE", True, False),
    ],
)
def test_states(status: str, ready: bool, failed: bool) -> None:
    state = state_of({"stack_status": status, "stack_status_reason": " why\n not "})
    assert (state.name, state.ready, state.failed) == (status, ready, failed)
    assert "why not" in state.detail


class FakeHeat:
    """Answers as Heat lists resources; nova has the fault of one server."""

    def __init__(self, *resources: dict[str, Any], faults: dict[str, str] | None = None) -> None:
        self.resources = resources
        self.faults = faults or {}

    def get(self, service: str, path: str, what: str, **_: Any) -> Any:
        if service == "orchestration":
            return {"resources": list(self.resources)}
        fault = self.faults.get(path.rpartition("/")[2])
        if fault is None:
            raise PermanentFault("it is gone")
        return {"server": {"fault": {"message": fault}}}


def resource(name: str, stack: str, status: str = "CREATE_FAILED", reason: str = "", **more: Any) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{stack}/{name}"}, {"rel": "stack", "href": stack}]
    links += [{"rel": "nested", "href": more.pop("nested")}] if "nested" in more else []
    return {
        "resource_name": name,
        "resource_type": more.pop("type", "OS::Nova::Server"),
        "resource_status": status,
        "resource_status_reason": reason,
        "links": links,
        **more,
    }


def cause(*resources: dict[str, Any], faults: dict[str, str] | None = None) -> str:
    return root_cause(FakeHeat(*resources, faults=faults), "/stacks/s/1", "Create timed out")  # type: ignore[arg-type]


def test_the_deepest_resource_is_the_root() -> None:
    group = resource("workers", "top", reason="group failed", type="OS::Heat::ResourceGroup", nested="n1")
    member = resource("2", "n1", reason="member failed", type="member.yaml", nested="n2")
    server = resource("server", "n2", reason="went to ERROR", physical_resource_id="id-1")
    good = resource("0", "n1", "CREATE_COMPLETE", "state changed", type="member.yaml", nested="n3")
    said = cause(group, good, member, server, faults={"id-1": "No valid host was found."})
    assert said == "workers.2.server (OS::Nova::Server): went to ERROR; nova says: No valid host was found."
    assert cause(group, member, server) == "workers.2.server (OS::Nova::Server): went to ERROR"


def test_what_was_stopped_because_of_another_is_no_cause() -> None:
    first = resource("a", "top", reason="CREATE aborted (user triggered cancel)", updated_time="1")
    second = resource("b", "top", reason="no such image", updated_time="2")
    assert cause(first, second) == "b (OS::Nova::Server): no such image"
    assert cause(first).startswith("a (OS::Nova::Server): CREATE aborted")


def test_many_that_failed() -> None:
    said = cause(
        *(resource(f"r{number}", "top", reason="no room", updated_time=str(number)) for number in range(5))
    ).splitlines()
    assert said[0] == "r0 (OS::Nova::Server): no room (and 4 more resources failed)"
    assert len(said) == 3


def test_a_stack_that_timed_out_names_what_it_waits_for() -> None:
    assert cause(resource("slow", "top", "CREATE_IN_PROGRESS")) == "Create timed out; still at work: slow"
    assert cause() == "Create timed out"
