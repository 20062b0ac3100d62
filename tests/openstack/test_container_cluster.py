"""Magnum clusters: their servers are made, and certificates signed, by the real service."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from bbq.engine.contract import PermanentFault, ProviderFault, Tag, TransientFault, Wanted
from bbq.providers.openstack import tags
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.test_data_processing_cluster import HEAD, primitives, provider_of
from tests.openstack.tools import Cli, servers, stacks

KIND = "bbq.nodes.openstack.ContainerCluster"
SERVICE = "container-infrastructure-management"
LISTS = ("clusters", "clustertemplates")


@pytest.fixture(autouse=True)
def magnum(services: Callable[..., None]) -> None:
    services("magnum")


@pytest.fixture
def name(name: str, cloud: Cloud) -> Iterator[str]:
    yield name
    while left := things(cloud, name):  # a template goes only after its clusters
        for kind, item in left:
            if kind == "clusters" and item["status"] == "CREATE_IN_PROGRESS" and not item.get("stack_id"):
                continue  # Magnum would delete it alone, and its stack and network would stay
            with suppress(ProviderFault):
                cloud.delete(SERVICE, f"/{kind}/{item['uuid']}", "clean up")
        time.sleep(1)


def things(cloud: Cloud, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, item) for kind in LISTS for item in listed(cloud, kind) if item["name"].startswith(prefix)]


def listed(cloud: Cloud, kind: str) -> list[dict[str, Any]]:
    while True:
        try:
            found: list[dict[str, Any]] = cloud.get(SERVICE, f"/{kind}", "list them")[kind]
            return found
        except PermanentFault as fault:
            if type(fault) is not PermanentFault:
                raise
            time.sleep(0.2)  # as long as a cluster has no node groups yet


def test_the_life_of_a_kubernetes_cluster(cli: Cli, cloud: Cloud, name: str) -> None:
    """Made of the abstract type, with a kubeconfig that the cluster's authority signed; scaled in place; taken away."""
    (cli.directory / "k8s.yaml").write_text(
        f"{HEAD}    k8s: {{ type: bbq.nodes.KubernetesCluster, properties: {{ workers: 1, version: 1.23.3 }} }}\n"
        "  outputs:\n"
        "    api: { value: { $get_attribute: [ k8s, api_url ] } }\n"
        "    login: { value: { $get_attribute: [ k8s, kubeconfig ] } }\n"
    )
    cli("up", "k8s.yaml", "--provider", "openstack", "--name", name)
    (_, made), (_, template) = things(cloud, name)
    for item in (made, template):
        tag = tags.of_pairs(item["labels"])
        assert tag is not None and (tag.deployment, tag.node) == (name, "k8s.cluster")
        assert item["labels"]["kube_tag"] == "v1.23.3"
    assert made["status"] == "CREATE_COMPLETE" and (made["node_count"], made["master_count"]) == (1, 1)
    assert "********" in cli("outputs", name)
    outputs = cli.json("outputs", name, "--show-secrets")["outputs"]
    config = yaml.safe_load(outputs["login"])
    (cluster,), (user,) = config["clusters"], config["users"]
    assert cluster["cluster"]["server"] == outputs["api"] and outputs["api"].startswith("https://")
    authority = certificate(cluster["cluster"]["certificate-authority-data"])
    own = certificate(user["user"]["client-certificate-data"])
    own.verify_directly_issued_by(authority)
    assert own.subject.rfc4514_string() == "O=system:masters,CN=admin"
    key = base64.b64decode(user["user"]["client-key-data"])
    for file in cli.directory.rglob("journal.db*"):
        assert key[40:80] not in file.read_bytes()
    assert "nothing differs" in cli("drift", name)

    cli("scale", name, "k8s=2")
    after = cloud.get(SERVICE, f"/clusters/{made['uuid']}", "look at it")
    assert (after["status"], after["node_count"], len(after["node_addresses"])) == ("UPDATE_COMPLETE", 2, 2)
    assert cli.json("outputs", name, "--show-secrets")["outputs"]["login"] == outputs["login"]
    cli("destroy", name, "--yes")
    assert things(cloud, name) == [] and servers(cloud, name[:20]) == [] and stacks(cloud, name[:20]) == []


def certificate(data: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(data))


def test_a_failure_is_told_with_what_nova_says(cli: Cli, cloud: Cloud, name: str, testcloud: TestCloud) -> None:
    (cli.directory / "k8s.yaml").write_text(f"{HEAD}    k8s: {{ type: {KIND} }}\n")
    try:
        testcloud.fault(nova__fail=f"^{name[:20]}")
        said = cli("up", "k8s.yaml", "--provider", "openstack", "--name", name, code=7)
    finally:
        testcloud.fault(nova__fail="")
    assert "k8s failed (CREATE_FAILED)" in said
    assert "OS::Nova::Server" in said and "injected spawn failure" in said
    cli("status", name, code=7)
    cli("destroy", name, "--yes")
    assert things(cloud, name) == [] and servers(cloud, name[:20]) == []


def patiently(call: Callable[[], Any]) -> Any:
    """As the engine does it."""
    while True:
        try:
            return call()
        except TransientFault:
            time.sleep(0.5)


def test_what_was_made_without_an_answer_is_found_and_goes(cloud: Cloud, name: str, tmp_path: Path) -> None:
    """A template whose cluster was never made, and a cluster that is still being made; of the cloud's own template only the
    cluster is bbq's."""
    (node,) = primitives(tmp_path, f"    k8s: {{ type: {KIND} }}\n")
    provider = provider_of(cloud, name)
    resource = provider.resource((KIND,))
    assert resource is not None
    tag = Tag(name, "feedfeedfeedfeed", "k8s", 1)
    wanted = Wanted(node, node.properties, {}, (), tag, str(tmp_path))
    handle = resource.create(wanted)
    resource.create(wanted)  # as if the first answer had been lost, and no list had it yet
    while sum(kind == "clusters" for kind, _ in things(cloud, name)) < 2:
        time.sleep(0.2)
    found = patiently(lambda: resource.find(Tag(name, "feedfeedfeedfeed", "k8s", 5)))
    assert found is not None
    assert resource.find(Tag(name, "feedfeedfeedfeed", "k8", 1)) is None
    both = [one.id for _, one, _ in provider.list_tagged("feedfeedfeedfeed")]
    assert len(both) == 2 and {handle.id, found.id} <= set(both)
    assert set(provider.list_states("container-cluster", both)) >= set(both)
    while left := patiently(lambda: list(provider.list_tagged("feedfeedfeedfeed"))):
        for tagged, one, _ in left:
            patiently(partial(resource.delete, one, tagged))
        time.sleep(1)
    assert things(cloud, name) == [] and stacks(cloud, name[:20]) == []
    resource.delete(handle, tag)  # what is gone is gone


@pytest.fixture
def image(cloud: Cloud, name: str) -> Iterator[str]:
    """One that says nothing of its distribution."""
    body = {"name": name, "disk_format": "raw", "container_format": "bare"}
    id = cloud.post("image", "/images", "make an image", body)["id"]
    yield name
    cloud.delete("image", f"/images/{id}", "clean up")


def test_all_that_this_cloud_lacks_is_said_at_once(
    cloud: Cloud, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = f"type: {KIND}"
    nodes = primitives(
        tmp_path,
        f"    a: {{ {kind}, properties: {{ image: {image}, flavor: m1.smal, keypair: devclod }} }}\n"
        f"    b: {{ {kind}, properties: {{ cluster_template: nobody-s }} }}\n"
        f"    c: {{ {kind}, properties: {{ image: fedora-coros, external_network: private }} }}\n"
        f"    d: {{ {kind}, properties: {{ workers: 2 }} }}\n",
    )
    told, where = "\n".join(provider_of(cloud, "t").preflight(nodes)), str(tmp_path / "nodes.yaml")
    assert f"{where}:5:5: a: the image {image} has no property os_distro" in told
    assert "a: this cloud has no flavor m1.smal (did you mean `m1.small`?)" in told
    assert "a: this cloud has no key pair devclod of yours (did you mean `devcloud`?)" in told
    assert "b: this cloud has no cluster template nobody-s" in told
    assert "c: this cloud has no image fedora-coros (did you mean `fedora-coreos`?)" in told
    assert "c: this cloud has no external network private" in told
    assert " d: " not in told
    real = Cloud.has
    with monkeypatch.context() as patched:  # what cleans up needs the service again
        patched.setattr(Cloud, "has", lambda self, service: service != SERVICE and real(self, service))
        (problem,) = provider_of(cloud, "t").preflight(nodes[:1])
    assert problem.endswith("service, which makes a; use `implementation: heat`")
