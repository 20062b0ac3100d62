"""Servers that are deleted, broken or rebuilt, and what else of a stack is lost: the stack makes it anew, and what was on such
servers is made again from the start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from bbq.engine.contract import DeploymentContext, Handle
from bbq.providers.openstack.faults import NotFound
from bbq.providers.openstack.provider import OpenStackProvider
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.guests import shell_on, use_guests
from tests.openstack.tools import Cli, servers, stacks

pytestmark = pytest.mark.timeout(900)

COMPUTE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
node_types:
  my.Compute:
    derived_from: tosca.nodes.Compute
    properties: { tags: { type: map, entry_schema: string, default: { devcloud_guest: fake } } }
service_template:
  node_templates:
"""
"""Of fake servers: the beginning of a template with the node template `store`."""
SERVERS = (
    COMPUTE
    + """\
    store:
      type: my.Compute
      count: 2
      capabilities: { os: { properties: { distribution: cirros } } }
  outputs:
    all: { value: { $get_attribute: [ store, ALL, private_address ] } }
"""
)


@pytest.fixture
def up(cli: Cli, name: str) -> tuple[str, ...]:
    (cli.directory / "servers.yaml").write_text(SERVERS)
    cli.environment |= {"BBQ_OPENSTACK__KEY_NAME": "devcloud", "BBQ_OPENSTACK__NETWORK": "private"}
    return ("up", "servers.yaml", "--provider", "openstack", "--name", name)


def delete(cloud: Cloud, server: dict[str, Any]) -> None:
    cloud.delete("compute", f"/servers/{server['id']}", "delete the server")

    def gone() -> bool:
        try:
            cloud.get("compute", f"/servers/{server['id']}", "look for the server")
        except NotFound:
            return True
        return False

    _until(gone)


def by_node(cloud: Cloud, name: str) -> dict[str, str]:
    found = servers(cloud, name)
    made = {server["metadata"]["bbq_node"]: server["id"] for server in found}
    assert len(made) == len(found), "no node has two"
    return made


def test_servers_come_back(cli: Cli, up: tuple[str, ...], cloud: Cloud, name: str) -> None:
    cli(*up)
    before, addresses = by_node(cloud, name), cli.json("outputs", name)["outputs"]["all"]
    delete(cloud, next(one for one in servers(cloud, name) if one["id"] == before["store[1]"]))
    assert "store[1]" in cli("drift", name, code=3)
    plan = cli.json("plan", *up[1:])
    steps = {step["node"]: step for step in plan["steps"]}
    assert steps["stack"]["action"] == "update" and "store[1] (the server is gone)" in steps["stack"]["reason"]
    assert not steps["stack"]["changes"], "nothing of it is another"
    assert steps["store[1]"]["action"] == "update" and steps["store[0]"]["action"] == "no-op"
    cli(*up)
    after = by_node(cloud, name)
    assert after["store[0]"] == before["store[0]"] and after["store[1]"] != before["store[1]"]
    assert cli.json("outputs", name)["outputs"]["all"] == addresses, "ports stay, and so do addresses"
    assert "nothing differs" in cli("drift", name) and "nothing to do" in cli("plan", *up[1:])

    state = {"os-resetState": {"state": "error"}}
    cloud.post("compute", f"/servers/{after['store[0]']}/action", "break the server", state, creates=False)
    assert "to make anew: store[0] (server" in cli("plan", *up[1:])
    cli(*up)
    last = by_node(cloud, name)
    assert last["store[0]"] != after["store[0]"] and last["store[1]"] == after["store[1]"]
    assert "nothing differs" in cli("drift", name)
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


PARTS = (
    COMPUTE
    + """\
    store:
      type: my.Compute
      capabilities:
        os: { properties: { distribution: cirros } }
        endpoint: { properties: { network_name: PUBLIC } }
      requirements:
        - local_storage: { node: disk, relationship: { type: tosca.relationships.AttachesTo, properties: { location: /data } } }
    disk: { type: tosca.nodes.Storage.BlockStorage, properties: { size: 1 GB } }
  outputs:
    private: { value: { $get_attribute: [ store, private_address ] } }
    public: { value: { $get_attribute: [ store, public_address ] } }
    volume: { value: { $get_attribute: [ disk, volume_id ] } }
"""
)


def test_what_is_lost_of_a_server_that_lives_comes_back(
    cli: Cli, up: tuple[str, ...], cloud: Cloud, services: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A floating IP, a port, a volume, one after the other, then all of them at once; the server stays, and is told."""
    services("cinder")
    (cli.directory / "servers.yaml").write_text(PARTS)
    cli(*up)
    first, (server,), (stack,) = cli.json("outputs", name)["outputs"], servers(cloud, name), stacks(cloud, name)
    asked: list[str] = []
    ask = Cloud.get
    with monkeypatch.context() as patch:
        patch.setattr(Cloud, "get", lambda self, *args, **more: asked.append(args[1]) or ask(self, *args, **more))
        provider = OpenStackProvider(DeploymentContext(name, "-", "/nonexistent", None), cloud)
        resource = provider.resource(("bbq.nodes.openstack.Stack",))
        assert resource is not None
        handles = [Handle(stack["id"], {"name": stack["stack_name"]})] * 3
        assert resource.lost(handles) == {stack["id"]: []}
    lists = ["/floatingips", "/ports", "/servers/detail", "/volumes/detail"]
    assert sorted(path for path in asked if "/resources" not in path) == lists, "each kind once, however many stacks"

    for kinds in (["floating IP"], ["port"], ["volume"], ["floating IP", "port", "volume"]):
        before = cli.json("outputs", name)["outputs"]
        for kind in kinds:
            take_away(cloud, kind, server["id"], before)
        said = cli("drift", name, code=3)
        for kind in ("server", "floating IP", "port", "volume"):
            assert said.count(f"the {kind} ") == (kind in kinds), said
        cli("status", name, code=7)
        plan = {step["node"]: step for step in cli.json("plan", *up[1:])["steps"]}
        assert plan["stack"]["action"] == "update" and all(f"the {kind} " in plan["stack"]["reason"] for kind in kinds)
        assert plan["store"]["action"] == "no-op"
        cli(*up)
        assert "nothing differs" in cli("drift", name) and "nothing to do" in cli("plan", *up[1:])
        after = cli.json("outputs", name)["outputs"]
        assert [one["id"] for one in servers(cloud, name)] == [server["id"]]
        assert (after["volume"] != before["volume"]) == ("volume" in kinds)
        _settled(cloud, server["id"], after)
    assert len({first["volume"], before["volume"], after["volume"]}) == 3
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


def take_away(cloud: Cloud, kind: str, server: str, known: dict[str, str]) -> None:
    if kind == "volume":
        cloud.delete("compute", f"/servers/{server}/os-volume_attachments/{known['volume']}", "detach the volume")
        _until(lambda: cloud.get("block-storage", f"/volumes/{known['volume']}", "look")["volume"]["status"] == "available")
        cloud.delete("block-storage", f"/volumes/{known['volume']}", "delete the volume")
        volumes = lambda: cloud.get("block-storage", "/volumes", "list the volumes")["volumes"]  # noqa: E731
        _until(lambda: known["volume"] not in {one["id"] for one in volumes()})
    elif kind == "port":
        (port,) = cloud.get("network", "/ports", "list the ports", device_id=server)["ports"]
        cloud.delete("network", f"/ports/{port['id']}", "delete the port")
    else:
        query = {"floating_ip_address": known["public"]}
        (found,) = cloud.get("network", "/floatingips", "list the floating IPs", **query)["floatingips"]
        cloud.delete("network", f"/floatingips/{found['id']}", "delete the floating IP")


def _settled(cloud: Cloud, server: str, known: dict[str, str]) -> None:
    """The server really has what the outputs say."""
    (port,) = cloud.get("network", "/ports", "list the ports", device_id=server)["ports"]
    assert port["fixed_ips"][0]["ip_address"] == known["private"]
    found = cloud.get("network", "/floatingips", "list the floating IPs", port_id=port["id"])["floatingips"]
    assert [one["floating_ip_address"] for one in found] == [known["public"]]
    attached = cloud.get("compute", f"/servers/{server}/os-volume_attachments", "list its volumes")["volumeAttachments"]
    assert [one["volumeId"] for one in attached] == [known["volume"]]


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.3)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_killed_while_servers_come_back(seed: int, cli: Cli, up: tuple[str, ...], cloud: Cloud, name: str) -> None:
    """bbq is killed wherever it is then: going on leads to the same servers, of each node one."""
    cli(*up)
    before = by_node(cloud, name)
    delete(cloud, next(one for one in servers(cloud, name) if one["id"] == before["store[0]"]))
    cli.killed(Random(seed).uniform(0.8, 8), *up)
    cli(*up)
    after = by_node(cloud, name)
    assert after.keys() == before.keys() and after["store[1]"] == before["store[1]"] and after["store[0]"] != before["store[0]"]
    assert "nothing differs" in cli("drift", name) and "nothing to do" in cli("plan", *up[1:])


SOFTWARE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
node_types:
  my.Base:
    derived_from: tosca.nodes.WebServer
    properties: { name: { type: string } }
    interfaces: &notes
      Standard:
        type: tosca.interfaces.node.lifecycle.Standard
        inputs: { name: { type: string, value: { $get_property: [ SELF, name ] } } }
        operations: { create: create.sh, start: start.sh, stop: stop.sh }
  my.Upper: { derived_from: tosca.nodes.WebApplication, properties: { name: { type: string } }, interfaces: *notes }
  my.Beside:
    derived_from: tosca.nodes.SoftwareComponent
    properties: { name: { type: string } }
    interfaces: *notes
    requirements:
      - other: { capability: tosca.capabilities.Endpoint, relationship: tosca.relationships.ConnectsTo, count_range: [ 0, 1 ] }
service_template:
  inputs:
    memory: { type: scalar-unit.size, default: 512 MB }
  node_templates:
    main: { type: tosca.nodes.Compute, capabilities: { host: { properties: { mem_size: { $get_input: memory } } } } }
    side: { type: tosca.nodes.Compute }
    base: { type: my.Base, properties: { name: base }, requirements: [ { host: main } ] }
    upper: { type: my.Upper, properties: { name: upper }, requirements: [ { host: base } ] }
    guest: { type: my.Beside, properties: { name: guest }, requirements: [ { host: side }, { other: base } ] }
    alone: { type: my.Beside, properties: { name: alone }, requirements: [ { host: side } ] }
  outputs:
    main: { value: { $get_attribute: [ main, private_address ] } }
    side: { value: { $get_attribute: [ side, private_address ] } }
"""


@pytest.fixture
def other_image(cloud: Cloud, name: str) -> Iterator[str]:
    """Boots as `ubuntu` does."""
    values = {"disk_format": "raw", "container_format": "bare", "visibility": "public", "os_distro": "ubuntu"}
    image = cloud.connection.create_image(f"{name}-image", data=b"-", wait=True, **values)
    yield f"{name}-image"
    cloud.delete("image", f"/images/{image.id}", "clean up")


def test_software_is_made_again_on_servers_that_are_new(
    cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str, other_image: str
) -> None:
    use_guests(cli, testcloud)
    (cli.directory / "software.yaml").write_text(SOFTWARE)
    for operation in ("create", "start", "stop"):
        (cli.directory / f"{operation}.sh").write_text(f'#!/bin/sh\necho "$name {operation}" >> ~/notes\n')
    up = ("up", "software.yaml", "--provider", "openstack", "--name", name)

    def notes(place: str) -> list[str]:
        return shell_on(testcloud, cli.json("outputs", name)["outputs"][place])("cat notes").splitlines()

    def planned() -> dict[str, tuple[str, str]]:
        return {step["node"]: (step["action"], step["reason"]) for step in cli.json("plan", *up[1:])["steps"]}

    cli(*up)
    first = by_node(cloud, name)
    made = ["base create", "base start", "upper create", "upper start"]
    assert notes("main") == made and len(notes("side")) == 4
    assert "nothing to do" in cli("plan", *up[1:])

    delete(cloud, next(one for one in servers(cloud, name) if one["id"] == first["main"]))
    steps = planned()
    assert steps["base"] == ("update", "it is made again: main, which it is on, is made anew")
    assert steps["upper"] == ("update", "it is made again: base, which it is on, is made anew")
    assert steps["guest"][0] == "update" and steps["alone"][0] == steps["side"][0] == "no-op"
    cli(*up)
    assert by_node(cloud, name)["main"] != first["main"] and by_node(cloud, name)["side"] == first["side"]
    assert notes("main") == made, "from the start, and nothing was undone"
    assert notes("side")[4:] == ["guest stop", "guest start"], "who is connected to it connects again"
    assert "nothing to do" in cli("plan", *up[1:])

    second = by_node(cloud, name)
    reboot = {"reboot": {"type": "HARD"}}
    cloud.post("compute", f"/servers/{second['main']}/action", "reboot the server", reboot, creates=False)
    cli(*up, "--input", "memory=1 GB")
    assert notes("main") == made, "what was on a server that is rebooted and resized is there"

    cli.environment["BBQ_OPENSTACK__IMAGE"] = other_image
    assert planned()["base"] == ("update", "it is made again: main, which it is on, is made anew")
    cli(*up)
    assert by_node(cloud, name) == second, "rebuilt under their old ids"
    assert notes("main") == made and len(notes("side")) == 4
    assert "nothing to do" in cli("plan", *up[1:])
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)
