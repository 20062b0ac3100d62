"""Jobs of Sahara, on a cluster of its plugin `fake`, whose engine ends every job at once and well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bbq
from bbq.engine.contract import AmbiguousFault
from bbq.providers.openstack.session import Cloud
from tests.openstack.test_data_processing_cluster import FAKE, HEAD, clean, primitives, provider_of, short, things

KIND = "bbq.nodes.openstack.DataProcessingJob"
JOB = f"""\
    count:
      type: {KIND}
      properties: {{ job_type: Shell, main: count.sh, libs: [ words.txt ], arguments: [ words.txt, "7" ], params: {{ A: b }} }}
      requirements: [ {{ cluster: small }} ]
  outputs:
    state: {{ value: {{ $get_attribute: [ count, state ] }} }}
"""


@pytest.fixture(autouse=True)
def sahara(services: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    services("sahara")


@pytest.fixture
def name(name: str, cloud: Cloud) -> Iterator[str]:
    yield name
    clean(cloud, lambda: parts(cloud, name) + [(f"/{kind}", id) for kind, id in things(cloud, name)])


def files(cloud: Cloud) -> str:
    base = str(cloud.endpoint("data-processing")).split("/v1.1/")[0]
    return f"{base}/v1.1/{cloud.access.project_id}/job-binary-internals"


def parts(cloud: Cloud, prefix: str) -> list[tuple[str, str]]:
    """(path, id) of all that the service has of the deployment's jobs; runs first."""
    lists = (("/job-templates", "job_templates"), ("/job-binaries", "binaries"), (files(cloud), "binaries"))
    found = [
        (path, item["id"])
        for path, key in lists
        for item in cloud.get("data-processing", path, "list them")[key]
        if item["name"].startswith(short(prefix))
    ]
    templates = {id for path, id in found if path == "/job-templates"}
    runs = cloud.get("data-processing", "/jobs", "list them")["jobs"]
    return [("/jobs", run["id"]) for run in runs if run["job_template_id"] in templates] + found


def test_a_job_is_run_once_whatever_is_lost(cloud: Cloud, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the calls that make something of it is not answered, once; nothing of it is left in the end."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "job.yaml").write_text(HEAD + FAKE + JOB)
    (tmp_path / "count.sh").write_text("wc -w $1\n")
    (tmp_path / "words.txt").write_text("seven words\n")
    lost: list[str] = []

    def losing(real: Callable[..., Any], *paths: str) -> Callable[..., Any]:
        def call(self: Cloud, service: str, path: str, *args: Any, **options: Any) -> Any:
            answer = real(self, service, path, *args, **options)
            kind = next((one for one in paths if f"/{one}" in path), None)
            if service == "data-processing" and kind is not None and kind not in lost:
                lost.append(kind)
                raise AmbiguousFault("no answer")
            return answer

        return call

    monkeypatch.setattr(Cloud, "put", losing(Cloud.put, "job-binary-internals"))
    monkeypatch.setattr(Cloud, "post", losing(Cloud.post, "job-binaries", "job-templates", "jobs"))
    deployment = bbq.deploy(str(tmp_path / "job.yaml"), provider="openstack", name=name)
    assert lost == ["job-binary-internals", "job-binaries", "job-templates", "jobs"]
    assert deployment.outputs["state"] == "SUCCEEDED"
    made = parts(cloud, name)
    kinds = sorted(path.rsplit("/", 1)[1] for path, _ in made)
    assert kinds == ["job-binaries"] * 2 + ["job-binary-internals"] * 2 + ["job-templates", "jobs"]
    run = cloud.get("data-processing", made[0][0] + "/" + made[0][1], "look at it")["job"]
    told = {key: run["job_configs"][key] for key in ("args", "params", "configs")}
    assert told == {"args": ["words.txt", "7"], "params": {"A": "b"}, "configs": {}}
    stored = [f"{path}/{id}/data" for path, id in made if path == files(cloud)]
    texts = [cloud.connection.data_processing.get(url).text for url in stored]
    assert sorted(texts) == ["seven words\n", "wc -w $1\n"]
    deployment.destroy()
    assert parts(cloud, name) == [] and things(cloud, name) == []


def test_what_the_template_alone_tells(cloud: Cloud, tmp_path: Path) -> None:
    wanted = "requirements: [ { cluster: small } ]"
    nodes = primitives(
        tmp_path,
        f"{FAKE}    a: {{ type: {KIND}, properties: {{ libs: [ x.jar ] }}, {wanted} }}\n"
        f"    b: {{ type: {KIND}, properties: {{ job_type: Java }}, {wanted} }}\n"
        f"    c: {{ type: {KIND}, properties: {{ job_type: Java, main: x.jar }}, {wanted} }}\n",
    )
    told = "\n".join(provider_of(cloud, "t").preflight([node for node in nodes if node.name != "small"]))
    assert "a: a job of type Spark has a program: give `main`" in told
    assert "b: a job of type Java needs its program: give `main` or `libs`" in told
    assert " c: " not in told
