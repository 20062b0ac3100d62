"""What goes on in a stack is told as it goes on, nested ones included; signals reach it; what is stuck is ended on request."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from bbq.engine.contract import DeploymentContext, Tag
from bbq.providers.openstack import tags
from bbq.providers.openstack.provider import OpenStackProvider
from bbq.providers.openstack.session import Cloud
from tests.openstack.tools import Cli, stacks

NESTED = """\
heat_template_version: 2018-08-31
resources:
  group:
    type: OS::Heat::ResourceGroup
    properties: { count: 2, resource_def: { type: member.yaml } }
"""
MEMBER = """\
heat_template_version: 2018-08-31
resources:
  word: { type: OS::Heat::RandomString }
  pause: { type: OS::Heat::TestResource, depends_on: word, properties: { action_wait_secs: { create: 2 } } }
"""
WAITING = """\
heat_template_version: 2018-08-31
parameters:
  timeout: { type: number, default: 600 }
  text: { type: string, default: first }
resources:
  handle: { type: OS::Heat::WaitConditionHandle }
  condition:
    type: OS::Heat::WaitCondition
    properties: { handle: { get_resource: handle }, timeout: { get_param: timeout }, count: 1 }
  word: { type: OS::Heat::Value, depends_on: condition, properties: { value: { get_param: text } } }
outputs:
  said: { value: { get_attr: [ condition, data ] } }
  text: { value: { get_attr: [ word, value ] } }
"""
SLOW = """\
heat_template_version: 2018-08-31
parameters: { text: { type: string } }
resources:
  word: { type: OS::Heat::TestResource, properties: { value: { get_param: text }, action_wait_secs: { update: 5 } } }
outputs: { text: { value: { get_attr: [ word, output ] } } }
"""


@pytest.fixture
def template(cli: Cli) -> Cli:
    (cli.directory / "nested.yaml").write_text(NESTED)
    (cli.directory / "member.yaml").write_text(MEMBER)
    (cli.directory / "waiting.yaml").write_text(WAITING)
    return cli


def test_each_event_is_fetched_once(cloud: Cloud, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By marker, of nested stacks, too; two requests a tick for two stacks as for one, each of which is told of."""
    context = DeploymentContext(name, uuid.uuid4().hex[:16], "/nonexistent", None)
    provider, ids = OpenStackProvider(context, cloud), []
    for node in ("a", "b"):
        tag = Tag(name, context.id, node, 1)
        body = {"stack_name": tags.name_of(tag), "tags": ",".join(tags.words(tag)), "files": {"member.yaml": MEMBER}}
        made = cloud.post("orchestration", "/stacks", "make one", {**body, "template": NESTED})
        ids.append(made["stack"]["id"])
    requests: list[str] = []
    fetched: list[str] = []
    real = Cloud.get

    def counted(self: Cloud, service: str, path: str, what: str, **more: Any) -> Any:
        requests.append(path)
        answer = real(self, service, path, what, **more)
        if path.endswith("/events"):
            fetched.extend(event["id"] for event in answer["events"])
        return answer

    monkeypatch.setattr(Cloud, "get", counted)
    ticks, told = 0, dict[str, tuple[str, ...]].fromkeys(ids, ())
    details: set[str] = set()
    while True:
        states = provider.list_states("stack", ids)
        ticks += 1
        for id in ids:
            assert tuple(states[id].progress)[: len(told[id])] == told[id], "what was told stays told"
            told[id] = tuple(states[id].progress)
            details.add(states[id].detail)
        if all(state.ready for state in states.values()):
            break
        assert not any(state.failed for state in states.values()), states
    assert len(requests) <= 2 * ticks
    assert len(fetched) == len(set(fetched)), "no event twice"
    everything = {f"group.{number}.{part}: made" for number in (0, 1) for part in ("word", "pause")}
    everything |= {"group.0: made", "group.1: made", "group: made"}
    assert everything in [set(lines) for lines in told.values()], told
    assert all("group.0.word: made" in lines for lines in told.values())
    assert any("at work: " in detail and "group.0" in detail for detail in details)


def test_a_user_sees_what_goes_on_and_the_journal_has_it(template: Cli, name: str) -> None:
    said = template("up", "nested.yaml", "--name", name)
    assert "stack: group.1.pause: made" in said
    assert said.count("group.1.pause: made") == 1
    assert "stack: group.0.word: made" in template("events", name)
    (template.directory / "member.yaml").write_text(
        MEMBER.replace("{ type: OS::Heat::RandomString }", "{ type: OS::Heat::None }")
    )
    said = template("up", "nested.yaml", "--name", name)
    assert "group.0.word: made" in said and "group.0.pause: made" not in said, "of the update only what it did"
    template("destroy", name, "--yes")


def in_progress(cloud: Cloud, name: str, action: str) -> None:
    """Until the condition itself is waited for."""
    while True:
        (stack,) = stacks(cloud, name)
        found = cloud.get("orchestration", f"/stacks/{stack['stack_name']}/{stack['id']}/resources", "look")["resources"]
        status = next((item["resource_status"] for item in found if item["resource_name"] == "condition"), "none yet")
        assert not status.endswith("FAILED"), found
        if status == f"{action}_IN_PROGRESS":
            return


def until_there(cloud: Cloud, name: str) -> None:
    while not stacks(cloud, name):
        pass


def test_a_signal_lets_a_waiting_stack_go_on(template: Cli, cloud: Cloud, name: str) -> None:
    """While `up` waits, in another process, and holds the lease."""
    waits = template.start("up", "waiting.yaml", "--name", name)
    until_there(cloud, name)
    in_progress(cloud, name, "CREATE")
    assert "did you mean handle?" in template("signal", name, "handel", code=2)
    template("signal", name, "handle", "--data", "{'status'}", code=2)
    said = template("signal", name, "handle", "--data", '{"status": "SUCCESS", "id": "1", "data": "by hand"}')
    assert "handle (OS::Heat::WaitConditionHandle) was signalled" in said
    out, _ = waits.communicate(timeout=120)
    assert waits.returncode == 0, out
    assert "waiting: 1 done, at work: condition" in out
    assert template.json("outputs", name)["outputs"]["said"] == '{"1": "by hand"}'
    assert "word" in template("signal", name, "word", code=7), "which takes none"
    template("destroy", name, "--yes")


def test_a_stuck_creation_is_stopped(template: Cli, cloud: Cloud, name: str) -> None:
    waits = template.start("up", "waiting.yaml", "--name", name)
    until_there(cloud, name)
    in_progress(cloud, name, "CREATE")
    assert "cannot be rolled back" in template("cancel", name, "--rollback", code=7)
    assert f"the create of the stack {name}-stack" in template("cancel", name)
    out, _ = waits.communicate(timeout=120)
    assert waits.returncode == 7, out
    assert "CREATE_FAILED" in out
    assert "nothing is under way" in template("cancel", name)
    template("destroy", name, "--yes")
    assert stacks(cloud, name) == []


def test_an_update_is_rolled_back_when_its_client_is_gone(template: Cli, cloud: Cloud, name: str) -> None:
    (template.directory / "slow.yaml").write_text(SLOW)
    given = ("up", "slow.yaml", "--name", name, "--input")
    template(*given, "text=first")
    (stack,) = stacks(cloud, name)
    waits = template.start(*given, "text=second")
    while stacks(cloud, name)[0]["stack_status"] != "UPDATE_IN_PROGRESS":
        assert waits.poll() is None, waits.communicate()[0]
    waits.kill()
    waits.communicate()
    assert "is being rolled back" in template("cancel", name, "--rollback")
    while (now := stacks(cloud, name)[0]["stack_status"]) in ("UPDATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
        pass
    assert now == "ROLLBACK_COMPLETE" and stacks(cloud, name)[0]["id"] == stack["id"]
    read = cloud.get("orchestration", f"/stacks/{stack['stack_name']}/{stack['id']}", "look")["stack"]
    assert read["outputs"][0]["output_value"] == "first"
    template("destroy", name, "--yes")


def test_a_client_waits_no_longer_than_it_was_told(template: Cli, cloud: Cloud, name: str) -> None:
    """And then says how to end what goes on without it."""
    template.environment["BBQ_ENGINE__READY_TIMEOUT"] = "3"
    began = time.monotonic()
    said = template("up", "waiting.yaml", "--name", name, code=8)
    assert "was not ready within 3 s" in said and "at work: condition" in said
    assert f"bbq-deploy cancel {name}" in said
    assert time.monotonic() - began < 600, "which is the condition's own time"
    template("cancel", name)
    template("destroy", name, "--yes")


LAN = """\
tosca_definitions_version: tosca_simple_yaml_1_3
topology_template:
  node_templates:
    lan: { type: tosca.nodes.network.Network, properties: { cidr: 10.219.5.0/24 } }
"""


def test_a_stack_is_abandoned_and_what_it_leaves_goes_with_destroy(template: Cli, cloud: Cloud, name: str) -> None:
    """Or the cloud lets nobody abandon, and then that is said."""
    (template.directory / "lan.yaml").write_text(LAN)
    template("up", "lan.yaml", "--provider", "openstack", "--name", name)
    id = template.json("list")["deployments"][0]["id"]

    def networks() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = cloud.get("network", "/networks", "look", tags=tags.deployment_word(id))["networks"]
        return found

    (network,) = networks()
    process = template.start("cancel", name, "--abandon")
    out, _ = process.communicate(timeout=60)
    if process.returncode == 7:
        assert "enable_stack_abandon" in out
        assert len(stacks(cloud, name)) == 1
    else:
        assert process.returncode == 0, out
        assert "Heat has forgotten the stack" in out and f"OS::Neutron::Net {network['id']})" in out
        while stacks(cloud, name):
            pass
        assert [one["id"] for one in networks()] == [network["id"]]
    template("destroy", name, "--yes")
    assert networks() == [] and stacks(cloud, name) == []
