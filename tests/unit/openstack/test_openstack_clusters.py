"""The pure parts of clusters: what their states, addresses and failures are made of."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
import yaml

from bbq.engine.contract import PermanentFault, Tag
from bbq.providers.openstack import container_cluster, data_processing_cluster, data_processing_job, tags
from bbq.providers.openstack.kubeconfig import document

INSTANCES = [{"instance_name": "m-1", "instance_id": "i1", "management_ip": "172.24.4.9", "internal_ip": "10.0.0.4"}]


def cluster(**more: Any) -> dict[str, Any]:
    groups = [{"name": "master", "count": 1, "instances": INSTANCES}, {"name": "worker", "count": 2, "instances": []}]
    return {"id": "c1", "name": "c", "status": "Active", "plugin_name": "spark", "node_groups": groups, **more}


def test_names_are_host_names_and_each_node_has_its_own() -> None:
    nodes = ["spark.cluster", "spark-cluster", "a" * 300, "1st", "ö", "x[0]", "x[1]"]
    for deployment in ("exp1", "1-a_b.c", "d" * 60):
        found = [tags.host_name_of(Tag(deployment, "feedfeedfeedfeed", node, 1), 36) for node in nodes]
        assert len(set(found)) == len(nodes)
        assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]", name) and len(name) <= 36 for name in found)
        assert found == [tags.host_name_of(Tag(deployment, "feedfeedfeedfeed", node, 7), 36) for node in nodes]


def test_a_description_holds_the_tag() -> None:
    tag = Tag("exp1", "feedfeedfeedfeed", "a node, of\nodd names", 3, 1.7e9)
    assert tags.of_text(tags.text(tag, "made by bbq")) == tag
    assert tags.of_text(None) is None and tags.of_text("somebody else's\nbbq:id=x") is None


@pytest.mark.parametrize(
    ("status", "ready", "failed"),
    [("Active", True, False), ("Error", False, True), ("Spawning", False, False), ("Deleting", False, False)],
)
def test_states_of_sahara(status: str, ready: bool, failed: bool) -> None:
    said = data_processing_cluster.state_of({"status": status, "status_description": "because\nof it\nError ID: 12-34"})
    assert (said.ready, said.failed, said.detail) == (ready, failed, "because of it")


@pytest.mark.parametrize(
    ("status", "ready", "failed"),
    [
        ("CREATE_COMPLETE", True, False),
        ("UPDATE_COMPLETE", True, False),
        ("UPDATE_IN_PROGRESS", False, False),
        ("CREATE_FAILED", False, True),
        ("ROLLBACK_COMPLETE", False, True),
        ("DELETE_IN_PROGRESS", False, False),
        (None, False, False),
    ],
)
def test_states_of_magnum(status: str | None, ready: bool, failed: bool) -> None:
    said = container_cluster.state_of({"status": status})
    assert (said.ready, said.failed) == (ready, failed)


@pytest.mark.parametrize(
    ("status", "ready", "failed"),
    [("SUCCEEDED", True, False), ("RUNNING", False, False), ("FAILED", False, True), ("KILLED", False, True)],
)
def test_states_of_jobs(status: str, ready: bool, failed: bool) -> None:
    said = data_processing_job.state_of({"info": {"status": status}})
    assert (said.name, said.ready, said.failed) == (status, ready, failed)
    assert not data_processing_job.state_of({"info": None}).ready


def test_the_addresses_of_a_spark_cluster() -> None:
    found = data_processing_cluster.attributes_of(cluster())
    assert found["master_url"] == "spark://172.24.4.9:7077" and found["webui_url"] == "http://172.24.4.9:8080"
    more = {"cluster_configs": {"Spark": {"Master port": 7099}}, "info": {"Spark": {"Web UI": "http://m:8081"}}}
    found = data_processing_cluster.attributes_of(cluster(**more))
    assert found["master_url"] == "spark://172.24.4.9:7099" and found["webui_url"] == "http://m:8081"
    assert "master_url" not in data_processing_cluster.attributes_of(cluster(plugin_name="vanilla"))


def test_the_step_that_failed_with_its_events() -> None:
    bad = {"successful": False, "instance_name": "w-1", "event_info": "no\nroom\nError ID: 1"}
    steps = [
        {"step_name": "Assign IPs", "successful": True, "events": []},
        {"step_name": "Start", "successful": False, "events": [{"successful": True}, bad]},
        {"step_name": "Wait", "successful": None},
    ]
    assert list(data_processing_cluster.failed_steps({"provision_progress": steps})) == [("Start on w-1", "no room")]


def test_a_group_that_something_else_took_away() -> None:
    with pytest.raises(PermanentFault, match="has no node group worker"):
        data_processing_cluster.worker_group({"name": "c", "node_groups": []})


def test_a_kubeconfig() -> None:
    config = yaml.safe_load(document("c", "https://10.0.0.1:6443", "CA", "CERTIFICATE", "KEY"))
    assert config["current-context"] == "c" and config["contexts"] == [
        {"name": "c", "context": {"cluster": "c", "user": "admin"}}
    ]
    assert config["clusters"][0]["cluster"]["server"] == "https://10.0.0.1:6443"
    user = {name: base64.b64decode(value).decode() for name, value in config["users"][0]["user"].items()}
    assert user == {"client-certificate-data": "CERTIFICATE", "client-key-data": "KEY"}
