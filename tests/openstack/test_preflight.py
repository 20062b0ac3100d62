"""What is wrong is said before anything is made, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bbq.conf import load
from bbq.engine.contract import DeploymentContext
from bbq.providers.openstack.provider import OpenStackProvider
from bbq.providers.openstack.session import Cloud
from tests.openstack.test_data_processing_cluster import primitives
from tests.openstack.tools import Cli, stacks, topology_of

TEMPLATE = """\
heat_template_version: 2018-08-31
parameters:
  key: { type: string, constraints: [ { custom_constraint: nova.keypair } ] }
  flavor: { type: string, default: m1.tiny }
  image: { type: string, default: cirros }
  net: { type: string, default: private }
  servers: { type: number, default: 2 }
resources:
  group:
    type: OS::Heat::ResourceGroup
    properties:
      count: { get_param: servers }
      resource_def:
        type: member.yaml
        properties: { flavor: { get_param: flavor }, image: { get_param: image }, net: { get_param: net } }
  own: { type: OS::Neutron::Net }
"""
MEMBER = """\
heat_template_version: 2018-08-31
parameters: { flavor: { type: string }, image: { type: string }, net: { type: string } }
resources:
  server:
    type: OS::Nova::Server
    properties:
      flavor: { get_param: flavor }
      image: { get_param: image }
      networks: [ { network: { get_param: net } } ]
      metadata: { devcloud_guest: fake }
"""


@pytest.fixture
def template(cli: Cli) -> Cli:
    (cli.directory / "stack.yaml").write_text(TEMPLATE)
    (cli.directory / "member.yaml").write_text(MEMBER)
    return cli


def test_all_names_that_mean_nothing(template: Cli, cloud: Cloud, name: str) -> None:
    wrong = {"key": "devclod", "flavor": "m1.tinny", "image": "ciros", "net": "privat"}
    given = [part for key, value in wrong.items() for part in ("--input", f"{key}={value}")]
    said = template("up", "stack.yaml", "--name", name, *given, code=5)
    assert "4 things are in the way" in said
    assert "stack, parameter key: this cloud has no key pair devclod of yours (did you mean `devcloud`?)" in said
    assert "stack.group.server: this cloud has no flavor m1.tinny (did you mean `m1.tiny`?)" in said
    assert "this cloud has no image ciros (did you mean `cirros`?)" in said
    assert "this cloud has no network privat (did you mean `private" in said
    assert stacks(cloud, name) == []
    assert name not in template("list")


def test_an_image_that_two_are_called(template: Cli, cloud: Cloud, name: str) -> None:
    body = {"name": name, "disk_format": "raw", "container_format": "bare"}
    ids = [cloud.post("image", "/images", "make an image", body)["id"] for _ in range(2)]
    try:
        said = template("up", "stack.yaml", "--name", name, "--input", "key=devcloud", "--input", f"image={name}", code=5)
        assert f"2 images are called {name} (give the id of one: " in said and ids[0] in said
    finally:
        for id in ids:
            cloud.delete("image", f"/images/{id}", "clean up")


PORT = "  port: {{ type: OS::Neutron::Port, properties: {{ network: {}, fixed_ips: [ {{ subnet: no-such-subnet }} ] }} }}\n"


def test_what_heat_itself_refuses(template: Cli, cloud: Cloud, name: str) -> None:
    (template.directory / "stack.yaml").write_text(TEMPLATE + PORT.format("nowhere-at-all"))
    said = template("up", "stack.yaml", "--name", name, "--input", "key=devcloud", code=5)
    assert "stack.port: this cloud has no network nowhere-at-all (" in said
    (template.directory / "stack.yaml").write_text(TEMPLATE + PORT.format("private"))
    said = template("up", "stack.yaml", "--name", name, "--input", "key=devcloud", code=5)
    assert "stack: Heat refuses the template: " in said and "no-such-subnet" in said
    assert stacks(cloud, name) == []


def test_a_quota_that_does_not_suffice(template: Cli, cloud: Cloud, name: str, project: dict[str, str]) -> None:
    """Servers, cores and networks at once, exit code 6; what was asked for is said, and what is left."""
    id = project.pop("project")
    cloud.put("compute", f"/os-quota-sets/{id}", "set a quota", {"quota_set": {"instances": 3, "cores": 2}})
    cloud.put("network", f"/quotas/{id}", "set a quota", {"quota": {"network": 0}})
    network = cloud.get("network", "/networks", "find the network", name="public")["networks"][0]["id"]
    template.environment.pop("OS_CLOUD")
    template.environment.pop("OS_CLIENT_CONFIG_FILE")
    template.environment.update(project)
    body = TEMPLATE.replace("  key: { type: string, constraints: [ { custom_constraint: nova.keypair } ] }\n", "")
    (template.directory / "stack.yaml").write_text(body)
    said = template("up", "stack.yaml", "--name", name, "--input", "servers=4", "--input", f"net={network}", code=6)
    assert "the quota lacks servers: 4 wanted, 3 of 3 left" in said
    assert "the quota lacks cores: 4 wanted, 2 of 2 left" in said
    assert "the quota lacks networks: 1 wanted, 0 of 0 left" in said
    said = template("doctor", "--provider", "openstack")
    assert "servers: 3 of 3 left; cores: 2 of 2 left" in said


ALONE = """\
heat_template_version: 2018-08-31
parameters: { servers: { type: number, default: 2 }, flavor: { type: string, default: m1.tiny } }
resources:
  net: { type: OS::Neutron::Net }
  subnet: { type: OS::Neutron::Subnet, properties: { network: { get_resource: net }, cidr: 10.213.7.0/24 } }
  group:
    type: OS::Heat::ResourceGroup
    depends_on: subnet
    properties:
      count: { get_param: servers }
      resource_def:
        type: OS::Nova::Server
        properties:
          flavor: { get_param: flavor }
          image: cirros
          networks: [ { network: { get_resource: net } } ]
          metadata: { devcloud_guest: fake }
"""


def test_an_update_takes_no_more_of_a_quota_than_the_difference(
    template: Cli, cloud: Cloud, name: str, project: dict[str, str]
) -> None:
    """And the plan says what it takes."""
    id = project.pop("project")
    cloud.put("compute", f"/os-quota-sets/{id}", "set a quota", {"quota_set": {"instances": 3, "cores": -1}})
    template.environment.pop("OS_CLOUD")
    template.environment.pop("OS_CLIENT_CONFIG_FILE")
    template.environment.update(project)
    (template.directory / "stack.yaml").write_text(ALONE)
    said = template("up", "stack.yaml", "--name", name)
    assert "Quota: +2 servers (3 of 3 left), +2 cores (no limit), +1024 MiB of memory (" in said
    said = template("scale", name, "group=3")
    assert "Quota: +1 servers (1 of 3 left)" in said
    said = template("scale", name, "group=5", code=6)
    assert "+2 servers (0 of 3 left: not enough)" in said
    assert "the quota lacks servers: 2 wanted, 0 of 3 left" in said
    assert "stays scaled to 3" in template("plan", "stack.yaml", "--name", name), "what was refused is forgotten"
    assert "active" in template("status", name)
    (cost,) = (
        one for one in template.json("plan", "stack.yaml", "--name", name, "-i", "servers=1")["costs"] if "serv" in one["what"]
    )
    assert cost == {"what": "servers", "more": 0 - 2, "left": 0, "limit": 3}
    said = template("scale", name, "group=1")
    assert "-2 servers" in said
    template("destroy", name, "--yes")


def test_an_update_is_checked_as_a_creation_is(template: Cli, cloud: Cloud, name: str) -> None:
    """Names, and what Heat says, before anything is changed."""
    template("up", "stack.yaml", "--name", name, "--input", "key=devcloud", "--input", "servers=0")
    (stack,) = stacks(cloud, name)
    said = template("up", "stack.yaml", "--name", name, "--input", "servers=1", "-i", "image=ciros", "-i", "net=privat", code=5)
    assert "2 things are in the way" in said and "this cloud has no image ciros (did you mean `cirros`?)" in said
    (template.directory / "stack.yaml").write_text(TEMPLATE + PORT.format("private"))
    said = template("up", "stack.yaml", "--name", name, code=5)
    assert "stack: Heat refuses the template: " in said and "no-such-subnet" in said
    (again,) = stacks(cloud, name)
    assert (again["id"], again["stack_status"]) == (stack["id"], "CREATE_COMPLETE")
    (template.directory / "stack.yaml").write_text(TEMPLATE)
    assert "nothing to do" in template("plan", "stack.yaml", "--name", name), "what was refused is forgotten"
    template("destroy", name, "--yes")


def test_what_it_costs_an_hour(template: Cli, name: str) -> None:
    (template.directory / "stack.yaml").write_text(ALONE)
    (template.directory / "prices.yaml").write_text("currency: EUR\nflavors: { m1.tiny: 0.02 }\n")
    given = ("stack.yaml", "--name", name, "--prices", "prices.yaml")
    assert "Price: +0.04 EUR an hour, 0.04 EUR in all\n" in template("up", *given)
    assert "Price: +0.02 EUR an hour, 0.06 EUR in all\n" in template("scale", name, "group=3", "--prices", "prices.yaml")
    price = template.json("plan", *given, "-i", "servers=1", "-i", "flavor=m1.small")["price"]
    assert price == {"currency": "EUR", "more": -0.06, "all": 0, "unpriced": ["1 server of flavor m1.small"]}
    (template.directory / "prices.yaml").write_text("curency: EUR\nflavors: { m1.tiny: cheap }\ncores: -1\n")
    said = template("plan", *given, "-i", "servers=1", code=5)
    assert "prices.yaml:1:1: there is no key curency (did you mean `currency`?)" in said
    assert "prices.yaml:2:21: the price of flavor m1.tiny is a number" in said and "prices.yaml:3:8: the price of cores" in said
    template("destroy", name, "--yes")


NODES = """\
tosca_definitions_version: tosca_simple_yaml_1_3
topology_template:
  node_templates:
    net: { type: tosca.nodes.network.Network, properties: { cidr: 10.9.0.0/24 } }
    server:
      type: tosca.nodes.Compute
      capabilities:
        os: { properties: { distribution: ubuntu } }
        scalable: { properties: { min_instances: 2, max_instances: 2 } }
"""


def test_a_quota_that_would_do_for_each_type_alone(
    services: Callable[..., None],
    cloud: Cloud,
    project: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services("magnum")
    cloud.put("compute", f"/os-quota-sets/{project.pop('project')}", "set a quota", {"quota_set": {"instances": 3}})
    for name in ("OS_CLOUD", "OS_CLIENT_CONFIG_FILE"):
        monkeypatch.delenv(name)
    for name, value in project.items():
        monkeypatch.setenv(name, value)
    own = Cloud(load(environment={"BBQ_OPENSTACK__KEY_NAME": "one", "BBQ_OPENSTACK__NETWORK": "net"}))
    topology = topology_of(tmp_path / "servers.yaml", NODES)
    provider = OpenStackProvider(DeploymentContext("t", "feedfeedfeedfeed", "/nonexistent", None), own)
    cluster = "    k8s: { type: bbq.nodes.openstack.ContainerCluster, properties: { workers: 1, masters: 1 } }\n"
    nodes = [*provider.arrange(topology).primitives(), *primitives(tmp_path, cluster)]
    assert "the quota lacks servers: 4 wanted, 3 of 3 left" in provider.preflight(nodes)
    for alone in ("bbq.nodes.openstack.Stack", "bbq.nodes.openstack.ContainerCluster"):
        said = provider.preflight([node for node in nodes if node.type == alone])
        assert not any("the quota lacks" in problem for problem in said), said
