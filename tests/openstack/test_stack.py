"""Heat stacks through `bbq-deploy`, as a user deploys a Heat template; looked at with plain calls of the API."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bbq.engine.contract import DeploymentContext, Tag
from bbq.providers.openstack import tags
from bbq.providers.openstack.provider import OpenStackProvider
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.tools import Cli, servers, stacks

MAIN = """\
heat_template_version: 2018-08-31
parameters:
  prefix: { type: string }
  flavor: { type: string, default: m1.tiny, constraints: [ { custom_constraint: nova.flavor } ] }
  servers: { type: number, default: 2, constraints: [ { range: { min: 0, max: 5 } } ] }
  password: { type: string, hidden: true, default: by-default-hidden }
resources:
  group:
    type: OS::Heat::ResourceGroup
    properties:
      count: { get_param: servers }
      resource_def:
        type: parts/member.yaml
        properties: { name: { list_join: [ "-", [ { get_param: prefix }, "%index%" ] ] }, flavor: { get_param: flavor } }
  kept: { type: OS::Heat::Value, properties: { value: { get_param: password } } }
outputs:
  names: { description: Of the servers., value: { get_attr: [ group, name ] } }
  url: { value: { str_replace: { template: "http://IP/", params: { IP: { get_attr: [ group, resource.0, address ] } } } } }
"""
MEMBER = """\
heat_template_version: 2018-08-31
parameters: { name: { type: string }, flavor: { type: string } }
resources:
  server:
    type: OS::Nova::Server
    properties:
      name: { get_param: name }
      flavor: { get_param: flavor }
      image: cirros
      networks: [ { network: private } ]
      user_data: { get_file: boot.sh }
      metadata: { devcloud_guest: fake }
outputs:
  name: { value: { get_attr: [ server, name ] } }
  address: { value: { get_attr: [ server, first_address ] } }
"""


@pytest.fixture
def template(cli: Cli) -> Cli:
    (cli.directory / "parts").mkdir()
    (cli.directory / "stack.yaml").write_text(MAIN)
    (cli.directory / "parts/member.yaml").write_text(MEMBER)
    (cli.directory / "parts/boot.sh").write_text("#!/bin/sh\necho booted\n")
    return cli


def test_the_life_of_a_stack(template: Cli, cloud: Cloud, name: str) -> None:
    """plan, up, status, outputs, drift, scale, up with another input, events, destroy: one stack all the time."""
    cli, given = template, ("--input", f"prefix={name}", "--input", "password=hunter2-hidden")
    said = cli("plan", "stack.yaml", "--name", name, *given, "--detailed-exitcode", code=3)
    assert "1 to create" in said and f"{name} on openstack" in said
    assert stacks(cloud, name) == []
    cli("up", "stack.yaml", "--name", name, *given)
    (stack,) = stacks(cloud, name)
    assert stack["stack_status"] == "CREATE_COMPLETE"
    tag = tags.of_words(stack["tags"])
    assert tag is not None and (tag.deployment, tag.node, tag.attempt) == (name, "stack", 1)
    assert sorted(server["name"] for server in servers(cloud, name)) == [f"{name}-0", f"{name}-1"]

    outputs = cli.json("outputs", name)["outputs"]
    assert outputs["names"] == [f"{name}-0", f"{name}-1"]
    assert re.fullmatch(r"http://[0-9.]+/", outputs["url"])
    assert "active" in cli("status", name)
    assert "nothing differs" in cli("drift", name)
    assert "nothing to do" in cli("plan", "stack.yaml", "--name", name)

    cli("scale", name, "group=3")
    assert len(servers(cloud, name)) == 3
    said = cli("up", "stack.yaml", "--name", name, "--input", "servers=1")
    assert "parameters.servers: 3 -> 1" in said and '~ resources.group: "OS::Heat::ResourceGroup" -> "updated"' in said
    assert [server["name"] for server in servers(cloud, name)] == [f"{name}-0"]
    (again,) = stacks(cloud, name)
    assert (again["id"], again["stack_status"]) == (stack["id"], "UPDATE_COMPLETE")
    assert "updated" in cli("events", name)

    journal = b"".join(file.read_bytes() for file in cli.directory.rglob("journal.db*"))
    assert b"hunter2-hidden" not in journal and b"by-default-hidden" not in journal
    cli("destroy", name, "--yes")
    assert stacks(cloud, name) == [] and servers(cloud, name) == []
    cli("status", name, code=2)


def test_a_failure_is_told_by_its_root_and_repaired(
    template: Cli, cloud: Cloud, name: str, testcloud: TestCloud, services: object
) -> None:
    cli = template
    said = cli("up", "stack.yaml", "--name", name, "--input", f"prefix={name}")
    before = {server["name"]: server["id"] for server in servers(cloud, name)}
    failing = MEMBER.replace("devcloud_guest: fake", "devcloud_guest: fake, devcloud_fail: '1'")
    (cli.directory / "parts/member.yaml").write_text(failing)
    said = cli("up", "stack.yaml", "--name", name, "--input", "servers=3", code=7)
    assert re.search(r"failed \(UPDATE_FAILED\): group\.2\.server \(OS::Nova::Server\): ", said)
    assert "resume" in said and "shows its log" not in said
    assert "injected spawn failure" in said
    assert "failed" in cli("drift", name, code=3)
    cli("status", name, code=7)
    (cli.directory / "parts/member.yaml").write_text(MEMBER)
    said = cli("up", "stack.yaml", "--name", name)
    assert "1 to update in place" in said
    after = {server["name"]: server["id"] for server in servers(cloud, name)}
    assert before.items() < after.items() and len(after) == 3
    cli("destroy", name, "--yes")


def test_a_server_that_nova_cannot_start(template: Cli, cloud: Cloud, name: str, testcloud: TestCloud) -> None:
    """The server's own fault is in the error, not only that a group of groups has failed."""
    member = MEMBER.replace("devcloud_guest: fake", "devcloud_guest: fake, devcloud_fail: '1'")
    (template.directory / "parts/member.yaml").write_text(member)
    said = template(
        "up", "stack.yaml", "--name", name, "--input", f"prefix={name}", "--input", "servers=1", "--timeout", "4m", code=7
    )
    assert "group.0.server (OS::Nova::Server)" in said
    assert "injected spawn failure" in said
    template("destroy", name, "--yes")
    assert servers(cloud, name) == []


def test_a_stack_that_is_gone_is_made_anew(template: Cli, cloud: Cloud, name: str) -> None:
    cli, given = template, ("--input", f"prefix={name}", "--input", "servers=0")
    cli("up", "stack.yaml", "--name", name, *given)
    (stack,) = stacks(cloud, name)
    cloud.delete("orchestration", f"/stacks/{stack['stack_name']}/{stack['id']}", "delete it behind bbq's back")
    while stacks(cloud, name):
        pass
    assert "gone" in cli("drift", name, code=3)
    cli("resume", name)
    (again,) = stacks(cloud, name)
    assert again["id"] != stack["id"]
    cli("destroy", name, "--yes")


def test_cfn_and_environments(cli: Cli, cloud: Cloud, name: str) -> None:
    (cli.directory / "app.template").write_text(
        '{"AWSTemplateFormatVersion": "2010-09-09", "Parameters": {"Length": {"Type": "Number"}},'
        ' "Resources": {"R": {"Type": "My::Random", "Properties": {"length": {"Ref": "Length"}}}},'
        ' "Outputs": {"Text": {"Value": {"Fn::GetAtt": ["R", "value"]}}}}'
    )
    (cli.directory / "env").mkdir()
    (cli.directory / "env/types.yaml").write_text(
        "resource_registry: { 'My::Random': ../random.yaml }\nparameters: { Length: 7 }\n"
    )
    (cli.directory / "random.yaml").write_text(
        "heat_template_version: 2018-08-31\nparameters: { length: { type: number } }\n"
        "resources: { r: { type: OS::Heat::RandomString, properties: { length: { get_param: length } } } }\n"
        "outputs: { value: { value: { get_attr: [ r, value ] } } }\n"
    )
    cli("up", "app.template", "--name", name, "--environment", "env/types.yaml")
    assert len(cli.json("outputs", name)["outputs"]["Text"]) == 7
    cli("up", "app.template", "--name", name, "--environment", "env/types.yaml", "--input", "Length=9")
    assert len(cli.json("outputs", name)["outputs"]["Text"]) == 9
    cli("destroy", name, "--yes")


def test_wrong_templates_and_parameters_are_refused_before_anything_is_asked(template: Cli) -> None:
    cli = template
    cli.environment["OS_CLIENT_CONFIG_FILE"] = "/nonexistent"
    said = cli("plan", "stack.yaml", "--input", "servers=9", "--input", "perfix=x", code=4)
    assert "BBQ-H070" in said and "BBQ-H071" in said and "BBQ-H072" in said
    (cli.directory / "parts/boot.sh").unlink()
    said = cli("plan", "stack.yaml", "--input", "prefix=x", code=4)
    assert "error BBQ-H051" in said


def test_one_list_call_a_tick_for_any_number_of_stacks(cloud: Cloud, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = DeploymentContext(name, "feedfeedfeedfeed", "/nonexistent", None)
    provider, asked = OpenStackProvider(context, cloud), []
    ids = []
    for number in range(3):
        tag = Tag(name, context.id, f"n{number}", 1)
        body = {"stack_name": tags.name_of(tag), "template": {"heat_template_version": "2018-08-31"}}
        made = cloud.post("orchestration", "/stacks", "make one", {**body, "tags": ",".join(tags.words(tag))})
        ids.append(made["stack"]["id"])
    real = Cloud.get
    monkeypatch.setattr(Cloud, "get", lambda *args, **more: asked.append(args) or real(*args, **more))
    assert set(provider.list_states("stack", ids)) == set(ids)
    paths = [args[2] for args in asked]
    assert paths[0] == "/stacks" and len(paths) <= 2, "and the events of one, where any is at work"
    assert {tag.node for tag, _, _ in provider.list_tagged(context.id)} == {"n0", "n1", "n2"}
    resource = provider.resource(("bbq.nodes.openstack.Stack",))
    assert resource is not None
    found = resource.find(Tag(name, context.id, "n1", 7))
    assert found is not None and found.id == ids[1]
    assert resource.find(Tag(name, context.id, "n", 1)) is None
    for index in range(3):
        stack = found if index == 1 else None
        resource.delete(stack or type(found)(ids[index]), Tag(name, context.id, f"n{index}", 1))
    while list(provider.list_tagged(context.id)):
        pass
    resource.delete(found, Tag(name, context.id, "n1", 1))  # what is gone is gone


CORPUS = Path(__file__).parents[3] / "shared/corpora/heat-templates"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs the corpus of Heat templates")
def test_templates_of_others(cli: Cli, cloud: Cloud, name: str) -> None:
    """Heat's own examples, unchanged: ports with floating IPs, CFN's networks, conditions."""
    given = {
        "key_name": "devcloud",
        "image": "cirros",
        "flavor": "m1.tiny",
        "public_net_id": "public",
        "private_net_id": "private",
    }
    subnet = cloud.get("network", "/subnets", "find it", name="private-subnet")["subnets"][0]
    template = str(CORPUS / "hot/servers_in_existing_neutron_net.yaml")
    cli("up", template, "--name", f"{name}-b", *inputs({**given, "private_subnet_id": subnet["id"]}))
    outputs = cli.json("outputs", f"{name}-b")["outputs"]
    assert outputs["server1_private_ip"] != outputs["server2_private_ip"]
    cli("up", str(CORPUS / "cfn/F17/Neutron.yaml"), "--name", f"{name}-c")
    cli("up", str(CORPUS / "hot/condition.yaml"), "--name", f"{name}-d")
    for letter in "bcd":
        cli("destroy", f"{name}-{letter}", "--yes")
    assert stacks(cloud, name) == []


@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs the corpus of Heat templates")
def test_an_instance_group_of_others(cli: Cli, testcloud: TestCloud, name: str) -> None:
    """Unchanged, and without a network: as a user whose project has one. Scaled by the group's name."""
    if not testcloud.started:
        pytest.skip("the running cloud's Heat may be configured otherwise")
    cli.environment.update(testcloud.environment("devcloud-demo"))
    given = {"key_name": "devcloud", "image_id": "cirros", "instance_type": "m1.tiny"}
    cli("up", str(CORPUS / "hot/instance_group.yaml"), "--name", name, *inputs(given))
    cli("scale", name, "server_group=2")
    assert len(cli.json("outputs", name)["outputs"]["server_group_addresses"].split(",")) == 2
    cli("destroy", name, "--yes")


def inputs(given: dict[str, str]) -> list[str]:
    return [part for key, value in given.items() for part in ("--input", f"{key}={value}")]


def test_a_hidden_parameter_is_told_by_nobody(cli: Cli, cloud: Cloud, name: str) -> None:
    """Not by Heat's words in an error, and not by an output that says it again."""
    body = MAIN[: MAIN.index("  group:")] + MAIN[MAIN.index("  kept:") : MAIN.index("outputs:")]
    (cli.directory / "stack.yaml").write_text(
        body.replace("flavor: { type: string, default: m1.tiny", "flavor: { type: string, hidden: true, default: m1.tiny")
        + "outputs: { again: { value: { list_join: [ '-', [ it is, { get_param: password } ] ] } } }\n"
    )
    given = ["--name", name, "--input", "prefix=x", "--input", "password=hunter2-hidden"]
    said = cli("up", "stack.yaml", *given, "--input", "flavor=s3cret-flavor", code=5)
    assert "********" in said and "s3cret" not in said
    said = cli("up", "stack.yaml", *given)
    assert "again = ********" in said
    assert cli.json("outputs", name, "--show-secrets")["outputs"]["again"] == "it is-hunter2-hidden"
    journal = b"".join(file.read_bytes() for file in cli.directory.rglob("journal.db*"))
    assert b"hunter2-hidden" not in journal and b"s3cret" not in journal
    cli("destroy", name, "--yes")
