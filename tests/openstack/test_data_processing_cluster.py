"""Sahara clusters: provisioned by the real service; what is left in the end is looked for in every list that it has."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import bbq
from bbq.engine.contract import AmbiguousFault, ConfigurationFault, DeploymentContext, NoRoom, ProviderFault, Tag, Wanted
from bbq.providers.openstack import tags
from bbq.providers.openstack.provider import OpenStackProvider
from bbq.providers.openstack.session import Cloud
from bbq.topology.model import Node
from tests.cloud import TestCloud
from tests.openstack.tools import Cli, servers, stacks, topology_of

HEAD = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 }, { profile: bbq.openstack:1.0 } ]
service_template:
  node_templates:
"""
KIND = "bbq.nodes.openstack.DataProcessingCluster"
FAKE = f"""\
    small:
      type: {KIND}
      properties:
        plugin: fake
        network: private
        workers: 1
        master: {{ flavor: m1.tiny, processes: [ namenode, jobtracker ] }}
        worker: {{ flavor: m1.tiny, processes: [ datanode, tasktracker ] }}
"""
LISTS = {"clusters": "clusters", "cluster-templates": "cluster_templates", "node-group-templates": "node_group_templates"}


@pytest.fixture(autouse=True)
def sahara(services: Callable[..., None], monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    services("sahara")
    monkeypatch.setenv("BBQ_OPENSTACK__NETWORK", "private")  # there may be others, of somebody else's tests
    cli.environment["BBQ_OPENSTACK__NETWORK"] = "private"


@pytest.fixture
def name(name: str, cloud: Cloud) -> Iterator[str]:
    yield name
    clean(cloud, lambda: [(f"/{kind}", id) for kind, id in things(cloud, name)])


def clean(cloud: Cloud, left: Callable[[], list[tuple[str, str]]]) -> None:
    """Delete (path, id) as long as there is something: templates go only after their clusters."""
    while found := left():
        for path, id in found:
            with suppress(ProviderFault):
                cloud.delete("data-processing", f"{path}/{id}", "clean up")
        time.sleep(1)


def short(name: str) -> str:
    """How the names of all begin that Sahara makes for the deployment: there is no room for the whole."""
    return name[:20]


def things(cloud: Cloud, prefix: str) -> list[tuple[str, str]]:
    """(kind, id) of all that the service has of the deployment."""
    return [
        (kind, item["id"])
        for kind, key in LISTS.items()
        for item in cloud.get("data-processing", f"/{kind}", "list them")[key]
        if item["name"].startswith(short(prefix))
    ]


def cluster(cloud: Cloud, prefix: str) -> dict[str, Any]:
    (found,) = (id for kind, id in things(cloud, prefix) if kind == "clusters")
    item: dict[str, Any] = cloud.get("data-processing", f"/clusters/{found}", "look at it")["cluster"]
    return item


def primitives(tmp_path: Path, templates: str) -> list[Node]:
    return list(topology_of(tmp_path / "nodes.yaml", HEAD + templates).primitives())


def provider_of(cloud: Cloud, name: str) -> OpenStackProvider:
    return OpenStackProvider(DeploymentContext(name, "feedfeedfeedfeed", "/nonexistent", None), cloud)


def test_the_life_of_a_spark_cluster(cli: Cli, cloud: Cloud, name: str) -> None:
    """Made of the abstract type, scaled in place both ways, taken away with all its templates."""
    (cli.directory / "spark.yaml").write_text(
        f"{HEAD}    spark: {{ type: bbq.nodes.SparkCluster, properties: {{ implementation: sahara, workers: 2 }} }}\n"
        "  outputs:\n"
        "    master: { value: { $get_attribute: [ spark, master_url ] } }\n"
        "    page: { value: { $get_attribute: [ spark, webui_url ] } }\n"
    )
    assert "2 to create" in cli("up", "spark.yaml", "--provider", "openstack", "--name", name)
    made = cluster(cloud, name)
    assert made["status"] == "Active" and (made["plugin_name"], made["plugin_version"]) == ("spark", "2.3")
    tag = tags.of_text(made["description"])
    assert tag is not None and (tag.deployment, tag.node, tag.attempt) == (name, "spark.cluster", 1)
    assert sorted(kind for kind, _ in things(cloud, name)) == sorted([*LISTS, "node-group-templates"])
    (master,) = (group["instances"] for group in made["node_groups"] if group["name"] == "master")
    host = master[0]["management_ip"]
    outputs = cli.json("outputs", name)["outputs"]
    assert outputs == {"master": f"spark://{host}:7077", "page": f"http://{host}:8080"}
    assert "nothing differs" in cli("drift", name)
    assert "nothing to do" in cli("up", "spark.yaml", "--provider", "openstack", "--name", name)

    cli("scale", name, "spark=3")
    after = cluster(cloud, name)
    assert after["id"] == made["id"] and {g["name"]: len(g["instances"]) for g in after["node_groups"]}["worker"] == 3
    assert len(servers(cloud, short(name))) == 4
    cli("destroy", name, "--yes")
    assert things(cloud, name) == [] and servers(cloud, short(name)) == [] and stacks(cloud, short(name)) == []


def test_a_failure_has_its_reason_and_is_made_anew(cli: Cli, cloud: Cloud, name: str, testcloud: TestCloud) -> None:
    (cli.directory / "small.yaml").write_text(HEAD + FAKE)
    try:
        testcloud.fault(sahara__fail=f"^{short(name)}")
        said = cli("up", "small.yaml", "--provider", "openstack", "--name", name, code=7)
    finally:
        testcloud.fault(sahara__fail="")
    assert "small failed (Error)" in said and "devcloud: injected failure" in said
    broken = cluster(cloud, name)
    assert broken["status"] == "Error"
    cli("status", name, code=7)
    cli("resume", name)
    assert cluster(cloud, name)["id"] != broken["id"]
    cli("destroy", name, "--yes")
    assert things(cloud, name) == [] and servers(cloud, short(name)) == []


def test_no_lost_answer_makes_a_second_one(cloud: Cloud, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the calls that make something is not answered, once."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "small.yaml").write_text(HEAD + FAKE)
    real, lost = Cloud.post, []

    def post(self: Cloud, service: str, path: str, *args: Any, **options: Any) -> Any:
        answer = real(self, service, path, *args, **options)
        if service == "data-processing" and path not in lost:
            lost.append(path)
            raise AmbiguousFault("no answer")
        return answer

    monkeypatch.setattr(Cloud, "post", post)
    deployment = bbq.deploy(str(tmp_path / "small.yaml"), provider="openstack", name=name)
    assert lost == ["/node-group-templates", "/cluster-templates", "/clusters"]
    assert sorted(kind for kind, _ in things(cloud, name)) == sorted([*LISTS, "node-group-templates"])
    assert deployment.nodes["small"].attributes["id"] == cluster(cloud, name)["id"]
    deployment.destroy()
    assert things(cloud, name) == []


def test_templates_whose_cluster_was_never_made(
    cloud: Cloud, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no cluster, but are told of by their tag, and go; a tick is one call."""
    (node,) = primitives(tmp_path, FAKE)
    provider = provider_of(cloud, name)
    resource = provider.resource((KIND,))
    assert resource is not None
    tag = Tag(name, "feedfeedfeedfeed", "small", 1)
    wanted, real = Wanted(node, node.properties, {}, (), tag, str(tmp_path)), Cloud.post

    def post(self: Cloud, service: str, path: str, *args: Any, **options: Any) -> Any:
        if path == "/clusters":
            raise ConfigurationFault("the process ends here")
        return real(self, service, path, *args, **options)

    with monkeypatch.context() as patched, pytest.raises(ConfigurationFault):
        patched.setattr(Cloud, "post", post)
        resource.create(wanted)
    assert len(things(cloud, name)) == 3
    assert resource.find(tag) is None
    ((found, handle, kind),) = provider.list_tagged("feedfeedfeedfeed")
    assert (found, kind) == (tag, KIND)
    asked: list[str] = []
    get = Cloud.get
    monkeypatch.setattr(Cloud, "get", lambda self, *args, **more: asked.append(args[1]) or get(self, *args, **more))
    assert provider.list_states("data-processing-cluster", [handle.id, "another", "a-third"]) == {}
    assert asked == ["/clusters"]
    resource.delete(handle, found)
    assert provider.list_states("data-processing-cluster", [handle.id]) == {}
    assert list(provider.list_tagged("feedfeedfeedfeed")) == [] and things(cloud, name) == []
    resource.delete(handle, found)  # what is gone is gone


def test_all_that_this_cloud_lacks_is_said_at_once(cloud: Cloud, tmp_path: Path) -> None:
    kind = f"type: {KIND}"
    nodes = primitives(
        tmp_path,
        f"    a: {{ {kind}, properties: {{ plugin: sparc, network: privat, keypair: devclod }} }}\n"
        f"    b: {{ {kind}, properties: {{ plugin_version: '9.9', master: {{ flavor: m1.smal }} }} }}\n"
        f"    c: {{ {kind}, properties: {{ image: cirros, worker: {{ memory: 1 TB, floating_network: private }} }} }}\n"
        f"    d: {{ {kind}, properties: {{ plugin: fake, worker: {{ processes: [ slave ] }} }} }}\n"
        f"    e: {{ {kind}, properties: {{ workers: 3, network: private }} }}\n",
    )
    problems = provider_of(cloud, "t").preflight(nodes)
    told, where = "\n".join(problems), str(tmp_path / "nodes.yaml")
    assert f"{where}:5:5: a: the data-processing service of this cloud has no plugin sparc (did you mean `spark`?)" in told
    assert "a: this cloud has no network privat (did you mean `private" in told
    assert "a: this cloud has no key pair devclod of yours (did you mean `devcloud`?)" in told
    assert "b: the plugin spark has no version 9.9 here" in told and "2.3" in told
    assert "b: this cloud has no flavor m1.smal (did you mean `m1.small`?)" in told
    assert "c: this cloud has no registered image cirros" in told
    assert re.search(r"c: no flavor has 1 CPUs and \d+ MiB of memory", told)
    assert "c: this cloud has no external network private" in told
    assert "d: say by `master: { processes: ... }` what the plugin fake runs there" in told
    assert "d: the plugin fake 0.1 has no process slave" in told
    assert " e: " not in told


def test_a_quota_that_does_not_suffice(cloud: Cloud, tmp_path: Path) -> None:
    nodes = primitives(tmp_path, f"    a: {{ type: {KIND}, properties: {{ workers: 900, network: private }} }}\n")
    problems = provider_of(cloud, "t").preflight(nodes)
    limits = cloud.get("compute", "/limits", "read the limits")["limits"]["absolute"]
    if 0 <= limits["maxTotalInstances"] < 901:
        assert any("the quota lacks servers: 901 wanted" in one and isinstance(one, NoRoom) for one in problems)
    else:
        assert problems == []


def test_images_of_one_name(cloud: Cloud, tmp_path: Path, name: str) -> None:
    """Two that are registered under the name: which one is meant is to be said by its id."""
    ids = []
    try:
        for _ in range(2):
            body = {"name": name, "disk_format": "raw", "container_format": "bare"}
            ids.append(cloud.post("image", "/images", "make an image", body)["id"])
            headers = {"Content-Type": "application/octet-stream"}
            cloud.put("image", f"/images/{ids[-1]}/file", "give it content", data=b"x", headers=headers)
            register = {"username": "ubuntu", "description": "of a test"}
            cloud.post("data-processing", f"/images/{ids[-1]}", "register it", register, creates=False)
        nodes = primitives(tmp_path, f"    a: {{ type: {KIND}, properties: {{ image: {name}, network: private }} }}\n")
        (problem,) = provider_of(cloud, "t").preflight(nodes)
        assert f"a: 2 registered images are called {name} (give the id of one: " in problem and ids[0] in problem
    finally:
        for id in ids:
            cloud.delete("image", f"/images/{id}", "clean up")


def test_a_cloud_without_the_service(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Cloud.has
    monkeypatch.setattr(Cloud, "has", lambda self, service: service != "data-processing" and real(self, service))
    nodes = primitives(tmp_path, "    s: { type: bbq.nodes.SparkCluster, properties: { implementation: sahara } }\n")
    (problem,) = provider_of(cloud, "t").preflight(nodes)
    expected = "this cloud has no data processing (Sahara) service, which makes s.cluster; use `implementation: heat`"
    assert problem == expected
