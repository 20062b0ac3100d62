"""The real Murano takes what `render --to murano` makes, deploys it, and its own code builds the plans for agents."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from bbq.providers.openstack.session import Cloud
from tests.openstack.test_murano_app import things
from tests.openstack.tools import Cli, servers, stacks

SERVICE = """\
tosca_definitions_version: tosca_simple_yaml_1_3
topology_template:
  inputs:
    motto: { type: string, default: hello }
    servers: { type: integer, default: 1 }
  node_templates:
    web:
      type: tosca.nodes.Compute
      capabilities:
        host: { properties: { num_cpus: 1, mem_size: 512 MB } }
        scalable: { properties: { min_instances: 1, max_instances: 5, default_instances: { get_input: servers } } }
  outputs:
    said: { value: { concat: [ 'it says ', { get_input: motto } ] } }
    address: { value: { get_attribute: [ web, private_address ] } }
"""
SITE = """\
    site:
      type: tosca.nodes.SoftwareComponent
      requirements: [ { host: web } ]
      interfaces:
        Standard:
          operations:
            create:
              implementation: install.sh
              inputs: { MOTTO: { get_input: motto }, WHERE: { get_attribute: [ web, private_address ] } }
"""
CLOUD = {"image": "cirros", "flavor": "m1.tiny", "key_name": "devcloud", "network": "private"}
BUILD = """\
import json, sys
from murano.engine.system.agent import Agent

class Resources:
    def string(self, name, owner=None, binary=False):
        with open(sys.argv[1] + "/Resources/" + name, "rb" if binary else "r") as file:
            return file.read()

agent = Agent.__new__(Agent)
agent._last_stamp = 0
print(json.dumps(agent.build_execution_plan(json.load(sys.stdin), Resources())))
"""
"""What murano-engine does with a plan before it sends it, by its own code."""


@pytest.fixture(autouse=True)
def service(services: Callable[..., None]) -> None:
    services("murano")


@pytest.fixture
def name(name: str, cloud: Cloud) -> Iterator[str]:
    yield name
    for path in things(cloud, name):
        cloud.delete("application-catalog", path + "?abandon=true" * path.startswith("/environments"), "clean up")
    for package in cloud.get("application-catalog", "/catalog/packages", "list", owned="true")["packages"]:
        if package["name"] == name:
            cloud.delete("application-catalog", f"/catalog/packages/{package['id']}", "clean up")
    for stack in stacks(cloud, class_of(name)):
        cloud.delete("orchestration", f"/stacks/{stack['stack_name']}/{stack['id']}", "clean up")


def class_of(name: str) -> str:
    return name.replace("-", "")


def rendered(cli: Cli, name: str, text: str) -> None:
    (cli.directory / "web.yaml").write_text(text)
    (cli.directory / "install.sh").write_text('#!/bin/sh\necho "$MOTTO at $WHERE"\n')
    (cli.directory / "install.sh").chmod(0o755)
    (cli.directory / "cloud.yaml").write_text(yaml.safe_dump(CLOUD))
    cli("render", "web.yaml", "--to", "murano", "--name", name, "--output", "build")


def test_servers_of_a_template_by_murano(cli: Cli, cloud: Cloud, name: str) -> None:
    """Uploaded, deployed, an input changed in place, taken away; the servers are Heat's."""
    rendered(cli, name, SERVICE)
    cli("up", f"build/{name}.zip", "--name", name, "--inputs", "cloud.yaml", "--input", "motto=good evening")
    outputs = cli.json("outputs", name)["outputs"]["outputs"]
    assert outputs["said"] == "it says good evening"
    (server,) = servers(cloud, class_of(name))
    assert server["status"] == "ACTIVE" and outputs["address"] == [server["addresses"]["private"][0]["addr"]]
    cli("up", f"build/{name}.zip", "--name", name, "--input", "motto=good night")
    assert cli.json("outputs", name)["outputs"]["outputs"]["said"] == "it says good night"
    assert [one["id"] for one in servers(cloud, class_of(name))] == [server["id"]]
    cli("render", "web.yaml", "--to", "murano", "--name", name, "--output", "build", "--input", "servers=2")
    cli("up", f"build/{name}.zip", "--name", name)  # another package of the same name: one server more
    after = {one["id"] for one in servers(cloud, class_of(name))}
    assert len(after) == 2 and server["id"] in after
    cli("destroy", name, "--yes")
    assert servers(cloud, class_of(name)) == [] and stacks(cloud, class_of(name)) == [] and things(cloud, name) == []


def test_software_comes_as_far_as_the_agent(cli: Cli, cloud: Cloud, name: str) -> None:
    """This cloud's engine is told to use no agents. All before them is done: servers with what starts their agents, and the
    plan; what goes to the agent is built by Murano's own code and carried out here as the agent does it."""
    rendered(cli, name, SERVICE.replace("  outputs:\n", f"{SITE}  outputs:\n"))
    said = cli("up", f"build/{name}.zip", "--name", name, "--inputs", "cloud.yaml", code=7)
    assert "Use of murano-agent is disallowed by the server configuration" in said
    (server,) = servers(cloud, class_of(name))
    assert server["status"] == "ACTIVE"
    (stack,) = stacks(cloud, class_of(name))
    path = f"/stacks/{stack['stack_name']}/{stack['id']}"
    found = cloud.get("orchestration", path, "look")["stack"]
    assert "murano-agent" in found["parameters"]["web_user_data"]
    outputs = {item["output_key"]: item["output_value"] for item in found["outputs"]}
    assert outputs["1-site-create"] == {"MOTTO": "hello", "WHERE": json.dumps(outputs["address"])}

    folder = cli.directory / "build" / name
    plan = yaml.safe_load((folder / "Resources/1-site-create.template").read_text())
    script = (folder / "Resources/scripts/1-site-create.sh").read_text()
    plan["Files"]["script"]["Body"] = "#!/bin/sh\nexport MOTTO=hello WHERE=there\n" + script
    built = run_by_murano(folder, plan)
    names = {item["Name"]: item for item in built["Files"].values()}
    assert set(names) == {"run.sh", "1-site-create.tgz"} and names["1-site-create.tgz"]["BodyType"] == "Base64"
    assert built["Files"][built["Scripts"]["run"]["EntryPoint"]] == names["run.sh"]
    agent = cli.directory / "agent"
    agent.mkdir()
    (agent / "run.sh").write_text(names["run.sh"]["Body"])
    subprocess.run(
        ["base64", "-d"],
        input=names["1-site-create.tgz"]["Body"].encode(),
        stdout=(agent / "1-site-create.tgz").open("wb"),
        check=True,
    )
    done = subprocess.run(["sh", "run.sh"], cwd=agent, text=True, capture_output=True, check=True)
    assert done.stdout == "hello at there\n"
    cli("destroy", name, "--yes")
    assert servers(cloud, class_of(name)) == [] and stacks(cloud, class_of(name)) == []


def run_by_murano(folder: Path, plan: dict[str, object]) -> dict[str, dict[str, dict[str, str]]]:
    done = subprocess.run(
        ["/usr/bin/python3", "-W", "ignore", "-c", BUILD, str(folder)],
        input=json.dumps(plan),
        text=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, dict[str, str]]] = json.loads(done.stdout.splitlines()[-1])
    return found
