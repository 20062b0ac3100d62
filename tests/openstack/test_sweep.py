"""What dead deployments have left is found by tag, whoever made it, and goes; what may be alive stays."""

from __future__ import annotations

import calendar
import importlib.metadata
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import bbq
from bbq.engine.contract import Tag
from bbq.providers.openstack import tags
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.tools import Cli, servers, stacks

STACK = """\
heat_template_version: 2018-08-31
resources:
  word: { type: OS::Heat::RandomString }
"""
WITH_QUEUE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" }, { profile: "bbq.openstack:1.0" } ]
service_template:
  node_templates:
    events: { type: bbq.nodes.openstack.Queue }
    words:
      type: bbq.nodes.openstack.Stack
      properties:
        template: { heat_template_version: 2018-08-31, resources: { word: { type: OS::Heat::RandomString } } }
"""
HOUR = 3600


def left(row: dict[str, Any]) -> float:
    """Seconds until its expiry."""
    return calendar.timegm(time.strptime(row["expires"], "%Y-%m-%dT%H:%M:%SZ")) - time.time()


class Machine(Cli):
    """A user's machine: a home and a journal of its own."""

    def found(self, name: str) -> dict[str, Any]:
        done = subprocess.run(
            [*self.program, "sweep", "--format", "json"],
            cwd=self.directory,
            env=self.environment,
            text=True,
            capture_output=True,
        )
        assert done.returncode in (0, 3), done.stdout + done.stderr
        lines = map(json.loads, done.stdout.splitlines())
        rows = next(line["rows"] for line in lines if line["kind"] == "found")
        return next((row for row in rows if row["deployment"] == name), {})

    def until(self, name: str, verdict: str) -> dict[str, Any]:
        while (row := self.found(name)).get("verdict") != verdict:
            assert row, f"{name} is not found"
        return row


@pytest.fixture
def machines(tmp_path: Path, cli: Cli) -> Callable[[str], Machine]:
    def make(name: str) -> Machine:
        home = tmp_path / name
        home.mkdir()
        (home / "stack.yaml").write_text(STACK)
        (home / "both.yaml").write_text(WITH_QUEUE)
        return Machine(home, {**cli.environment, "HOME": str(home)})

    return make


@pytest.fixture
def alone(project: dict[str, str], cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A project of our own, for sweeps that name nothing; bbq's session there."""
    from bbq.conf import load

    project.pop("project")
    for name in ("OS_CLOUD", "OS_CLIENT_CONFIG_FILE"):
        cli.environment.pop(name, None)
        monkeypatch.delenv(name, raising=False)
    cli.environment.update(project)
    for name, value in project.items():
        monkeypatch.setenv(name, value)
    return Cloud(load(environment={}))


def test_what_has_expired_goes_without_the_client_that_made_it(
    machines: Callable[[str], Machine], alone: Cloud, name: str
) -> None:
    laptop, ci = machines("laptop"), machines("ci")
    said = laptop("up", "both.yaml", "--provider", "openstack", "--name", name, "--ttl", "1s")
    assert "nothing in a cloud destroys a deployment by itself" in said
    laptop("up", "stack.yaml", "--name", f"{name}-2", "--ttl", "2h")
    laptop("up", "stack.yaml", "--name", f"{name}-3")
    assert laptop.found(name)["verdict"] == "living", "in the journal: for `reap` to destroy"
    row = ci.until(name, "expired")
    assert row["things"] in ("words (Stack), events (Queue)", "events (Queue), words (Stack)")
    assert ci.found(f"{name}-2")["verdict"] == "unknown" and HOUR < left(ci.found(f"{name}-2")) < 2 * HOUR
    said = ci("sweep", code=3)
    assert f"dead: {name}; nothing was changed" in said
    assert len(stacks(alone, name)) == 5, "three stacks, and two notes of an expiry"

    said = ci("sweep", "--yes")
    assert "2 to delete" in said and "finished: ok" in said
    there = sorted(tag.deployment for stack in stacks(alone, name) if (tag := tags.of_words(stack["tags"])))
    assert there == [f"{name}-2", f"{name}-2", f"{name}-3"]
    queues = alone.get("message", "/queues", "list the queues", headers={"Client-ID": "5" * 8 + "-0000-4000-8000-" + "5" * 12})
    assert queues["queues"] == []
    assert "in no journal here" in ci("sweep", "--yes")
    assert "gone" in laptop("drift", name, code=3)
    laptop("destroy", name, "--yes")  # what is gone is gone, and the journal knows it now

    said = ci("sweep", f"{name}-2", "nobody", "--yes", code=2)
    assert "nothing is left of a deployment 'nobody'" in said
    assert f"{name}-2 is alive in this journal" in laptop("sweep", f"{name}-2", "--yes", code=2)
    ci("sweep", f"{name}-2", f"{name}-3", "--yes")
    assert stacks(alone, name) == []
    assert "nothing of any deployment" in ci("sweep", "--yes")


def test_the_expiry_is_moved_and_goes_with_the_deployment(machines: Callable[[str], Machine], cloud: Cloud, name: str) -> None:
    laptop, ci = machines("laptop"), machines("ci")
    laptop("up", "stack.yaml", "--name", name, "--ttl", "1h")
    assert "nothing to do" in laptop("up", "stack.yaml", "--name", name, "--ttl", "3h")
    assert 2 * HOUR < left(ci.found(name)) < 3 * HOUR
    laptop("up", "stack.yaml", "--name", name, "--ttl", "1s")
    ci.until(name, "expired")
    laptop("up", "stack.yaml", "--name", name, "--ttl", "1h")
    assert ci.found(name)["verdict"] == "unknown"
    assert "nothing differs" in laptop("drift", name)
    assert len(stacks(cloud, name)) == 2
    laptop("destroy", name, "--yes")
    assert stacks(cloud, name) == []
    laptop("up", "stack.yaml", "--name", name, "--ttl", "1h", "--input", "nosuch=1", code=4)
    (laptop.directory / "stack.yaml").write_text(STACK.replace("RandomString", "ResourceGroup"))
    laptop("up", "stack.yaml", "--name", name, "--ttl", "1h", code=4)
    bad = STACK + "  port: { type: OS::Neutron::Port, properties: { network: nowhere-at-all } }\n"
    (laptop.directory / "stack.yaml").write_text(bad)
    laptop("up", "stack.yaml", "--name", name, "--ttl", "1h", code=5)
    assert stacks(cloud, name) == [], "what was refused leaves no note either"


def test_what_a_destroyed_deployment_has_left(
    machines: Callable[[str], Machine], cloud: Cloud, name: str, services: Callable[..., None]
) -> None:
    """Things of every kind of tag, that came back after the destroy: words, pairs, and a name alone."""
    services("trove")
    laptop, ci = machines("laptop"), machines("ci")
    laptop("up", "stack.yaml", "--name", name)
    id = laptop.json("list")["deployments"][0]["id"]
    laptop("destroy", name, "--yes")
    tag = Tag(name, id, "back", 1)
    template = {"heat_template_version": "2018-08-31"}
    body = {"stack_name": tags.name_of(tag), "template": template, "tags": ",".join(tags.words(tag))}
    cloud.post("orchestration", "/stacks", "make one", body)
    network = cloud.get("network", "/networks", "find the network", name="private")["networks"][0]["id"]
    flavors = {one["name"]: one["id"] for one in cloud.lookup.flavors}
    image = next(one["id"] for one in cloud.lookup.images if one["name"] == "cirros")
    server = {"name": f"{name}-server", "flavorRef": flavors["m1.tiny"], "imageRef": image, "networks": [{"uuid": network}]}
    server["metadata"] = {**tags.pairs(Tag(name, id, "server", 1)), "devcloud_guest": "fake"}
    cloud.post("compute", "/servers", "make one", {"server": server})
    instance = {
        "name": tags.name_of(Tag(name, id, "db", 1)),
        "flavorRef": flavors["m1.small"],
        "volume": {"size": 1},
        "nics": [{"net-id": network}],
        "datastore": {"type": "mysql"},
    }
    cloud.post("database", "/instances", "make one", {"instance": instance})
    assert ci.found(name)["verdict"] == "unknown", "for all that this machine knows"
    row = laptop.found(name)
    assert row["verdict"] == "destroyed" and row["id"] == id
    assert sorted(row["things"].split(", ")) == ["back (Stack)", "db (DatabaseInstance)", "server (Compute)"]
    said = laptop("sweep", id, "--yes")
    assert "3 to delete" in said
    assert stacks(cloud, name) == [] and servers(cloud, name) == []
    assert not [one for one in cloud.get("database", "/instances", "list")["instances"] if one["name"].startswith(name)]
    assert laptop.found(name) == {}


INFRASTRUCTURE = """\
tosca_definitions_version: tosca_simple_yaml_1_3
topology_template:
  node_templates:
    lan: { type: tosca.nodes.network.Network, properties: { cidr: 10.217.3.0/24 } }
    disk: { type: tosca.nodes.Storage.BlockStorage, properties: { size: 1 GB } }
    server:
      type: tosca.nodes.Compute
      capabilities: { host: { properties: { num_cpus: 1, mem_size: 64 MB } }, os: { properties: { distribution: cirros } } }
      requirements:
        - local_storage: { node: disk, relationship: { type: tosca.relationships.AttachesTo, properties: { location: /mnt } } }
    port:
      type: tosca.nodes.network.Port
      requirements: [ { binding: server }, { link: lan } ]
"""


def test_what_a_stack_has_left_behind(
    machines: Callable[[str], Machine], cloud: Cloud, name: str, services: Callable[..., None]
) -> None:
    """Heat has forgotten the stack; server, volume and network are still there, known by their own tags."""
    services("cinder")
    laptop, ci = machines("laptop"), machines("ci")
    (laptop.directory / "infrastructure.yaml").write_text(INFRASTRUCTURE)
    laptop.environment["BBQ_OPENSTACK__KEY_NAME"] = "devcloud"
    laptop("up", "infrastructure.yaml", "--provider", "openstack", "--name", name)
    (stack,) = stacks(cloud, name)
    id = laptop.json("list")["deployments"][0]["id"]
    assert ci.found(name)["things"].count("(") == 4
    loose = loosened(cloud, id)
    cloud.delete("orchestration", f"/stacks/{stack['stack_name']}/{stack['id']}", "delete it, and what is in it")
    while stacks(cloud, name):
        pass
    made_again(cloud, loose)
    said = laptop("destroy", name, "--yes")
    assert "finished: ok" in said
    assert ci.found(name) == {}
    assert loosened(cloud, id) == {"networks": [], "volumes": []}


def loosened(cloud: Cloud, id: str) -> dict[str, list[dict[str, Any]]]:
    networks = cloud.get("network", "/networks", "look", tags=tags.deployment_word(id))["networks"]
    volumes = cloud.get("block-storage", "/volumes/detail", "look")["volumes"]
    return {"networks": networks, "volumes": [one for one in volumes if one["metadata"].get("bbq_deployment_id") == id]}


def made_again(cloud: Cloud, loose: dict[str, list[dict[str, Any]]]) -> None:
    """Network, port and volume with the same tags, as an abandoned stack leaves them."""
    (network,), (volume,) = loose["networks"], loose["volumes"]
    made = cloud.post("network", "/networks", "make it again", {"network": {"name": network["name"]}})["network"]
    cloud.put("network", f"/networks/{made['id']}/tags", "tag it", {"tags": network["tags"]})
    subnet = {"network_id": made["id"], "cidr": "10.217.3.0/24", "ip_version": 4}
    cloud.post("network", "/subnets", "make it again", {"subnet": subnet})
    cloud.post("network", "/ports", "make it again", {"port": {"network_id": made["id"]}})
    cloud.post("block-storage", "/volumes", "make it again", {"volume": {"size": 1, "metadata": volume["metadata"]}})


def test_a_sweep_that_is_killed_is_finished_by_the_next(machines: Callable[[str], Machine], cloud: Cloud, name: str) -> None:
    laptop, ci = machines("laptop"), machines("ci")
    laptop("up", "stack.yaml", "--name", name, "--ttl", "1s")
    ci.until(name, "expired")
    killed = ci.start("sweep", name, "--yes")
    assert killed.stdout is not None
    for line in killed.stdout:
        if "deleting" in line:
            killed.send_signal(signal.SIGKILL)
            break
    killed.wait()
    killed.stdout.close()
    assert stacks(cloud, name), "its note is the last to go"
    ci("sweep", name, "--yes")
    assert stacks(cloud, name) == []


@pytest.fixture
def credential(cloud: Cloud, name: str) -> Iterator[dict[str, str]]:
    """An application credential, as the server's login."""
    me = cloud.access.user_id
    path = f"/users/{me}/application_credentials"
    made = cloud.post("identity", path, "make a credential", {"application_credential": {"name": name}})
    found = made["application_credential"]
    yield {"credential_id": found["id"], "credential_secret": found["secret"]}
    cloud.delete("identity", f"{path}/{found['id']}", "clean up")


@pytest.fixture
def program() -> Iterator[str]:
    """A command that runs bbq in a guest, which has no internet: a copy of it with what it needs, where guests see the host's
    files."""
    place = Path(tempfile.mkdtemp(prefix="bbq-test-", dir="/opt"))
    place.chmod(0o755)
    root = Path(bbq.__file__).parent
    for directory in (root, root.parent / "templates"):
        shutil.copytree(directory, place / directory.name)
    waiting, done = ["openstacksdk", "oslo.config", "PyYAML", "msgspec"], set()
    while waiting:
        distribution = importlib.metadata.distribution(waiting.pop())
        if distribution.name in done:
            continue
        done.add(distribution.name)
        for file in distribution.files or ():
            if ".." not in file.parts:
                (place / file.parent).mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(str(distribution.locate_file(file))), place / file)
        needed = map(Requirement, distribution.requires or ())
        waiting += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    yield f"env PYTHONPATH={place} /usr/bin/python3 -S -m bbq"
    shutil.rmtree(place)


def test_a_server_that_sweeps_in_the_cloud_itself(
    machines: Callable[[str], Machine],
    cloud: Cloud,
    testcloud: TestCloud,
    name: str,
    credential: dict[str, str],
    program: str,
) -> None:
    """The template of `--schedule heat`, on a real guest: when the client is gone, what it made goes when its time is over. (It
    sweeps what has expired in the whole project.)"""
    laptop = machines("laptop")
    (laptop.directory / "sweeper.yaml").write_text(laptop("sweep", "--schedule", "heat"))
    given = {
        **credential,
        "image": "cirros",
        "flavor": "m1.small",
        "network": "private",
        "auth_url": testcloud.login["auth"]["auth_url"],
        "region": "RegionOne",
        "interval": "5",
        "install": f"{program} --version",
        "command": program,
    }
    laptop("up", "sweeper.yaml", "--name", f"{name}-s", *(part for pair in given.items() for part in ("-i", "=".join(pair))))
    laptop("up", "stack.yaml", "--name", name, "--ttl", "1s")
    ended = time.monotonic() + 120
    while [one for one in stacks(cloud, name) if not one["stack_name"].startswith(f"{name}-s")]:
        assert time.monotonic() < ended, "the server does not sweep"
    assert len(stacks(cloud, f"{name}-s")) == 1, "what has no expiry stays"
    laptop("destroy", f"{name}-s", "--yes")


def test_schedules_are_for_this_machine_and_this_cloud(machines: Callable[[str], Machine]) -> None:
    laptop = machines("laptop")
    laptop.environment |= {"OS_CLOUD": "100%", "OS_PASSWORD": "hunter2"}
    text = laptop("sweep", "--schedule", "cron")
    assert "OS_CLOUD=100\\% " in text and "reap --quiet; " in text
    assert "hunter2" not in text
