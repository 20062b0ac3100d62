"""Servers of TOSCA templates on a real cloud: made by a stack, scaled in place, gone without a rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bbq.providers.openstack.compute import unreachable
from bbq.providers.openstack.session import Cloud
from tests.openstack.tools import Cli, PlainClient, servers, stacks
from tests.unit.render.test_render_hot import INDIGO

TEMPLATE = f"""{INDIGO}
topology_template:
  inputs:
    number: {{ type: integer, default: 2 }}
    cpus: {{ type: integer, default: 1 }}
    image: {{ type: string, default: cirros }}
  node_templates:
    front:
      type: tosca.nodes.Compute
      capabilities: {{ os: {{ properties: {{ distribution: cirros }} }} }}
    worker:
      type: tosca.nodes.indigo.Compute
      capabilities:
        scalable: {{ properties: {{ count: {{ get_input: number }} }} }}
        host: {{ properties: {{ num_cpus: {{ get_input: cpus }}, mem_size: 512 MB }} }}
        os: {{ properties: {{ image: {{ get_input: image }} }} }}
        endpoint: {{ properties: {{ network_name: PUBLIC, ports: {{ web: {{ source: 8080 }} }} }} }}
  outputs:
    front: {{ value: {{ get_attribute: [ front, private_address ] }} }}
    all: {{ value: {{ get_attribute: [ worker, private_address ] }} }}
    public: {{ value: {{ get_attribute: [ worker, public_address ] }} }}
    url: {{ value: {{ concat: [ 'http://', get_attribute: [ worker, public_address, 0 ], ':8080' ] }} }}
"""


@pytest.fixture
def template(cli: Cli) -> Path:
    path = cli.directory / "cluster.yaml"
    path.write_text(TEMPLATE)
    # Others may have made networks in the cloud by now, and then none is the only one.
    cli.environment |= {"BBQ_OPENSTACK__KEY_NAME": "devcloud", "BBQ_OPENSTACK__NETWORK": "private"}
    return path


def test_up_scale_destroy(cli: Cli, template: Path, cloud: Cloud, name: str) -> None:
    cli("up", str(template), "--provider", "openstack", "--name", name)
    outputs = cli.json("outputs", name)["outputs"]
    made = servers(cloud, name)
    assert len(made) == 3 and all(one["status"] == "ACTIVE" for one in made)
    assert len(outputs["all"]) == len(outputs["public"]) == 2
    addresses = {one["addr"] for server in made for network in server["addresses"].values() for one in network}
    assert {outputs["front"], *outputs["all"]} <= addresses
    assert outputs["url"] == f"http://{outputs['public'][0]}:8080"
    _until(lambda: not unreachable(outputs["all"], 22, 3.0))
    assert unreachable(outputs["public"], 23, 1.0) == outputs["public"]
    assert "nothing to do" in cli("plan", str(template), "--provider", "openstack", "--name", name)

    cli("scale", name, "worker=4")
    more = cli.json("outputs", name)["outputs"]
    assert more["all"][:2] == outputs["all"] and len(more["all"]) == 4
    assert {one["id"] for one in made} < {one["id"] for one in servers(cloud, name)}, "nothing was replaced"

    cli("scale", name, "worker=1")
    fewer = cli.json("outputs", name)["outputs"]
    assert fewer["all"] == outputs["all"][:1], "the last ones go"
    assert "nothing differs" in cli("drift", name)

    gone = next(one for one in servers(cloud, name) if "worker" in one["name"])
    cloud.delete("compute", f"/servers/{gone['id']}", "delete a server")
    _until(lambda: gone["id"] not in {one["id"] for one in servers(cloud, name)})
    assert "worker" in cli("drift", name, code=3)

    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)
    left = cloud.get("network", "/security-groups", "list the security groups")["security_groups"]
    assert not [one for one in left if name in one["name"]]


def test_several_stacks(cli: Cli, template: Path, cloud: Cloud, name: str) -> None:
    cli.environment["BBQ_OPENSTACK__MAX_RESOURCES_PER_STACK"] = "8"
    cli("up", str(template), "--provider", "openstack", "--name", name, "--input", "number=3")
    assert len(stacks(cloud, name)) == 2 and len(servers(cloud, name)) == 4
    assert len(cli.json("outputs", name)["outputs"]["public"]) == 3
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


STORED = """\
tosca_definitions_version: tosca_simple_yaml_1_3
node_types:
  my.Compute:
    derived_from: tosca.nodes.Compute
    properties: { tags: { type: map, entry_schema: string, default: { devcloud_guest: fake } } }
policy_types:
  my.Scaling:
    derived_from: tosca.policies.Scaling
    properties: { min_instances: { type: integer }, max_instances: { type: integer }, default_instances: { type: integer } }
topology_template:
  node_templates:
    store:
      type: my.Compute
      capabilities:
        os: { properties: { distribution: cirros } }
        scalable: { properties: { default_instances: 2, max_instances: 3 } }
      requirements:
        - local_storage: { node: disk, relationship: { type: AttachesTo, properties: { location: /data } } }
    disk: { type: tosca.nodes.Storage.BlockStorage, properties: { size: 1 GB } }
    grown:
      type: my.Compute
      capabilities: { os: { properties: { distribution: cirros } } }
  policies:
    - grow: { type: my.Scaling, targets: [ grown ], properties: { min_instances: 1, max_instances: 4, default_instances: 2 } }
  outputs:
    volumes: { value: { get_attribute: [ disk, volume_id ] } }
    grown: { value: { get_attribute: [ grown, private_address ] } }
"""


def test_volumes_and_autoscaling_groups(cli: Cli, template: Path, cloud: Cloud, services: Any, name: str) -> None:
    services("cinder")
    template.write_text(STORED)
    cli("up", str(template), "--provider", "openstack", "--name", name)
    outputs = cli.json("outputs", name)["outputs"]
    there = cloud.get("block-storage", "/volumes/detail", "list the volumes")["volumes"]
    mine = {one["id"]: one for one in there if one["metadata"].get("bbq_deployment") == name}
    assert set(outputs["volumes"]) == set(mine) and len(mine) == 2
    assert all(one["attachments"] for one in mine.values()), mine
    assert len(outputs["grown"]) == 2 and len(tagged(cloud, name)) == 4
    assert "nothing differs" in cli("drift", name)
    cli("destroy", name, "--yes")
    assert not tagged(cloud, name) and not stacks(cloud, name)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_killed_at_forty_random_moments(cli: Cli, template: Path, plain: PlainClient, name: str) -> None:
    """bbq is killed in `up`, `scale` and `destroy`, wherever it is then: going on leads to the wanted state, no second server
    and no rest, as the plain client sees it."""
    chance = Random(40)
    template.write_text(STORED.split("    disk:")[0].rpartition("      requirements:")[0])
    up = ("up", str(template), "--provider", "openstack", "--name")
    usual = dict.fromkeys(("up", "scale", "destroy"), 0.0)
    for verb, argv in (("up", (*up, name)), ("scale", ("scale", name, "store=3")), ("destroy", ("destroy", name, "--yes"))):
        begin = time.monotonic()
        cli(*argv)
        usual[verb] = time.monotonic() - begin
    moments: list[str] = []

    def killed(verb: str, *argv: str) -> None:
        seconds = chance.uniform(0.05, 1) * usual[verb]
        if cli.killed(seconds, verb, *argv):
            moments.append(f"{verb} after {seconds:.2f} s")

    for number in count():
        if len(moments) >= 40:
            break
        one = f"{name}-{number}"
        killed(*up, one)
        cli(*up, one)
        assert plain.things(one) == {"stack": 1, "server": 2, "port": 2, "security group": 2}, moments
        killed("scale", one, "store=3")
        cli("scale", one, "store=3")
        assert plain.things(one) == {"stack": 1, "server": 3, "port": 3, "security group": 2}, moments
        assert "nothing differs" in cli("drift", one)
        killed("destroy", one, "--yes")
        if one in cli("list"):
            cli("destroy", one, "--yes")
        assert plain.things(one) == {"stack": 0, "server": 0, "port": 0, "security group": 0}, moments
    print("killed:", *moments, sep="\n  ")


def tagged(cloud: Cloud, name: str) -> list[str]:
    found = cloud.get("compute", "/servers/detail", "list the servers")["servers"]
    return [server["id"] for server in found if server["metadata"].get("bbq_deployment") == name]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["cpus=99"], ["BBQ-R001", "no flavor", "m1.large"]),
        (["image=nowhere"], ["BBQ-R002", "no image"]),
        (["image=ost://other.example.org/0815", "cpus=99"], ["BBQ-R001", "BBQ-R002", "other.example.org"]),
    ],
)
def test_what_this_cloud_cannot_make(inputs: list[str], words: list[str], cli: Cli, template: Path, name: str) -> None:
    given: list[Any] = [word for one in inputs for word in ("--input", one)]
    out = cli("up", str(template), "--provider", "openstack", "--name", name, *given, code=4)
    assert all(word in out for word in words) and "cluster.yaml:" in out
    assert name not in cli("list")


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.5)
