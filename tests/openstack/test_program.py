"""The user's programs on servers of a real cloud: what they are handed over, how their ends are told, and whole examples."""

from __future__ import annotations

import importlib.util
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.guests import PROJECT, use_programs
from tests.openstack.tools import Cli, servers, stacks

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500)]
EXAMPLES = PROJECT / "examples"

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  inputs:
    word: { type: string, default: one }
    code: { type: string, default: "0" }
  node_templates:
    page:
      type: bbq.nodes.Service
      properties: { command: [ python, page.py ], health_path: /, environment: { WORD: { $get_input: word } } }
    asks:
      type: bbq.nodes.Job
      properties: { command: [ python, asks.py, { $get_input: code } ], retries: 1 }
      requirements: [ { connection: page } ]
    often:
      type: bbq.nodes.ScheduledJob
      properties: { command: [ python, asks.py, "0" ], schedule: "0 0 1 1 *", run_at_start: true }
      requirements: [ { connection: page } ]
    works:
      type: bbq.nodes.Worker
      properties: { command: [ sleep, "1000000" ], instances: 2 }
  outputs:
    url: { value: { $get_attribute: [ page, url ] } }
"""
PAGE = """\
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
asked = []
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/asked":
            asked.append(1)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{os.environ['WORD']} {len(asked)} {os.path.basename(os.getcwd())}".encode())
HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
ASKS = """\
import json, os, sys, urllib.request
with open(os.environ["BBQ_CONNECTIONS_FILE"]) as file:
    url = json.load(file)["page"]["url"]
assert url == os.environ["PAGE_URL"] and os.path.isdir(os.environ["BBQ_STATE_DIR"])
print(urllib.request.urlopen(url + "/asked").read(), "and that was it")
sys.exit(int(sys.argv[1]))
"""


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def test_programs(cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str) -> None:
    use_programs(cli, testcloud)
    for file, text in (("programs.yaml", TEMPLATE), ("page.py", PAGE), ("asks.py", ASKS)):
        (cli.directory / file).write_text(text)
    up = ("up", "programs.yaml", "--provider", "openstack", "--name", name)
    cli(*up)
    url = cli.json("outputs", name)["outputs"]["url"]
    assert _get(url) == "one 2 files", "the job and the scheduled job have asked once each"
    assert "nothing to do" in cli("plan", *up[1:])

    out = cli(*up, "--input", "code=3", code=7)
    assert "exited with code 3" in out and "and that was it" in out
    assert _get(url) == "one 4 files", "the job ran twice"

    cli(*up, "--input", "word=two", "--input", "code=0")
    assert _get(url).startswith("two ")
    cli("scale", name, "works=1")
    assert len(servers(cloud, name)) == 4
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


SPARK = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    spark: { type: bbq.nodes.SparkCluster, properties: { workers: 1, worker_memory: 1 GB } }
    count:
      type: bbq.nodes.SparkApplication
      properties: { file: count.py, arguments: [ "1000" ] }
      requirements: [ { cluster: spark } ]
  outputs:
    page: { value: { $get_attribute: [ spark, webui_url ] } }
    state: { value: { $get_attribute: [ count, state ] } }
"""
COUNT = """\
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
assert spark.range(int(sys.argv[1])).repartition(3).rdd.map(lambda row: row.id % 7).sum() == sum(n % 7 for n in range(1000))
"""


def _workers(page: str) -> int:
    return len([one for one in json.loads(_get(f"{page}/json/"))["workers"] if one["state"] == "ALIVE"])


def test_spark_cluster(cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str) -> None:
    use_programs(cli, testcloud)
    (cli.directory / "spark.yaml").write_text(SPARK)
    (cli.directory / "count.py").write_text(COUNT)
    cli("up", "spark.yaml", "--provider", "openstack", "--name", name)
    outputs = cli.json("outputs", name)["outputs"]
    assert outputs["state"] == "FINISHED" and _workers(outputs["page"]) == 1
    cli("scale", name, "spark=2")
    assert _workers(outputs["page"]) == 2
    cli("scale", name, "spark=1")
    assert _workers(outputs["page"]) == 1 and len(servers(cloud, name)) == 3
    events = cli("events", name)
    assert events.rindex("spark.worker[1]: deleted") < events.rindex("stack: updating"), "it was drained before its server went"
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


@pytest.mark.parametrize("implementation", ["services", "servers"])
def test_packets(implementation: str, cli: Cli, testcloud: TestCloud, cloud: Cloud, services: Any, name: str) -> None:
    """The example as it is; and on servers alone, for which its template is told what it leaves to the cloud."""
    services("trove")
    use_programs(cli, testcloud)
    template = EXAMPLES / "packets" / "service.yaml"
    if implementation == "servers":
        copy = cli.directory / "packets"
        copy.mkdir()
        for path in (EXAMPLES / "packets").iterdir():
            if path.is_file():
                (copy / path.name).write_bytes(path.read_bytes())
        template = copy / "service.yaml"
        text = template.read_text()
        text = text.replace("        queues: [ packets ]", "        queues: [ packets ]\n        implementation: server")
        text = text.replace("        database: packets", "        database: packets\n        implementation: server")
        template.write_text(text)
    cli("up", str(template), "--provider", "openstack", "--name", name)
    send = _module(EXAMPLES / "packets" / "send.py")
    out = cli.python(str(EXAMPLES / "packets" / "send.py"), "--name", name, "--count", "3000", "--wait")
    url = cli.json("outputs", name)["outputs"]["viewer_url"]
    assert json.loads(_get(f"{url}/counts"))["services"] == send.expected(3000), out
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


def test_leader_worker(cli: Cli, testcloud: TestCloud, cloud: Cloud, services: Any, name: str) -> None:
    services("trove")
    use_programs(cli, testcloud)
    cli("up", str(EXAMPLES / "leader-worker" / "service.yaml"), "--provider", "openstack", "--name", name)
    url = cli.json("outputs", name)["outputs"]["runs_url"]
    end = time.monotonic() + 120
    while not (runs := json.loads(_get(url))["runs"]) or not runs[0]["complete"]:
        assert time.monotonic() < end, runs
        time.sleep(1)
    assert runs[0]["tasks"] == runs[0]["finished"] == 36 and not runs[0]["failed"]
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found
