"""What the components show of themselves, keep on the disk and have on their command lines: a secret that a user gives is in
nothing of it that somebody else can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest

import bbq

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
SECRET = "hunter2-C0MP0N3NT"

TEMPLATE = """
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  inputs:
    pw: { type: bbq.datatypes.Secret }
  node_templates:
    rabbit: { type: bbq.nodes.MessageQueue, properties: { engine: rabbitmq, password: { $get_input: pw } } }
    maria: { type: bbq.nodes.Database, properties: { engine: mariadb, password: { $get_input: pw }, schema_file: schema.sql } }
    spark: { type: bbq.nodes.SparkCluster, properties: { workers: 1 } }
    job:
      type: bbq.nodes.SparkApplication
      properties:
        file: job.py
        mode: streaming
        environment: { PIN: { $get_input: pw } }
        configuration:
          spark.hadoop.fs.example.pin: { $get_input: pw }
          spark.example.address: { $concat: [ "x://user:", { $get_input: pw }, "@host/" ] }
          spark.executorEnv.PIN: { $get_input: pw }
      requirements: [ cluster: spark, connection: rabbit, connection: maria ]
"""

JOB = f"""
import os
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
context = spark.sparkContext
assert context.getConf().get("spark.hadoop.fs.example.pin") == "{SECRET}" == os.environ["PIN"]
assert context.getConf().get("spark.example.address") == "x://user:{SECRET}@host/"
assert "{SECRET}" in os.environ["RABBIT_URL"] and "{SECRET}" in os.environ["MARIA_URL"]
assert context.parallelize([0], 1).map(lambda _: os.environ["PIN"]).collect() == ["{SECRET}"]
print("the PIN is", os.environ["PIN"], flush=True)
spark.sql("SET -v").count()
rate = spark.readStream.format("rate").load()
rate.writeStream.format("noop").trigger(processingTime="1 hour").start().awaitTermination()
"""


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def fetch(url: str, login: str | None = None) -> str:
    """What a server shows to whoever asks, a refusal included; never through a proxy."""
    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    try:
        with build_opener(ProxyHandler({})).open(Request(url, headers=headers), timeout=30) as answer:
            return answer.read().decode("utf-8", "replace")
    except HTTPError as error:
        with error:
            return error.read().decode("utf-8", "replace")


def pages(start: str) -> Iterator[tuple[str, str]]:
    """Every page of the site that `start` leads to by links; the orders in which a table can be sorted are one page."""
    waiting, seen = [start], {start}
    while waiting:
        url = waiting.pop()
        text = fetch(url)
        yield url, text
        links = Links()
        links.feed(text)
        for link in links.found:
            target = urldefrag(urljoin(url, link)).url
            same_site = urlsplit(target).netloc == urlsplit(start).netloc
            if same_site and "kill" not in target and ".sort=" not in target and target not in seen:
                seen.add(target)
                waiting.append(target)


def api(ui: str) -> Iterator[tuple[str, str]]:
    """What Spark's monitoring API answers: https://spark.apache.org/docs/latest/monitoring.html#rest-api"""
    (application,) = json.loads(fetch(f"{ui}/api/v1/applications"))
    base = f"{ui}/api/v1/applications/{application['id']}"
    for what in ("environment", "allexecutors", "jobs", "stages", "storage/rdd", "sql", "streaming/statistics"):
        yield what, fetch(f"{base}/{what}")


def readable_by_others(path: Path, top: Path) -> bool:
    """By its own mode, and those of the directories on the way from `top`."""
    ways = [top, *(parent for parent in path.parents if parent.is_relative_to(top) and parent != top)]
    return bool(path.stat().st_mode & 0o044) and all(way.stat().st_mode & 0o011 for way in ways)


def test_what_components_show_and_keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template, inputs, state = tmp_path / "s.yaml", tmp_path / "inputs.yaml", tmp_path / "state"
    template.write_text(TEMPLATE)
    inputs.write_text(f"pw: {SECRET}\n")
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "schema.sql").write_text("create table t (a int);\n")
    monkeypatch.setenv("BBQ_STATE__DIRECTORY", str(state))

    def cli(*arguments: object) -> str:
        argv = [sys.executable, "-m", "bbq", *map(str, arguments)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=500, check=False)
        return done.stdout + done.stderr

    try:
        said = cli("up", template, "--name", "components", "--inputs", inputs, "-v")
        deployment = bbq.open("components")
        assert deployment.status() == "active", said
        end = time.monotonic() + 120
        while "the PIN is" not in deployment.nodes["job"].logs():
            assert time.monotonic() < end, deployment.nodes["job"].logs()
            time.sleep(0.2)
        shown = {"up": said}
        for node in ("rabbit", "maria", "spark", "job"):
            shown[f"logs of {node}"] = cli("logs", "components", node, "--tail", "all")
        for verb in ("status", "outputs", "events", "drift"):
            shown[verb] = cli(verb, "components", "--format", "json")
        ui = deployment.nodes["job"].attributes["ui_url"]
        nodes = deployment.nodes
        starts = [ui, nodes["spark"].attributes["webui_url"], nodes["rabbit"].attributes["monitoring_url"]]
        starts.append(nodes["spark.worker[0]"].attributes["webui_url"])
        for start in starts:
            shown |= dict(pages(start))
        shown |= dict(api(ui))
        shown["master's JSON"] = fetch(f"{starts[1]}/json/")
        for what in ("overview", "connections", "users", "definitions", "nodes"):
            shown[f"RabbitMQ's {what}"] = fetch(f"{starts[2]}/api/{what}", f"bbq:{SECRET}")
        assert "bbq" in json.loads(shown["RabbitMQ's users"])[0]["name"]
        assert "the PIN is ********" in shown["logs of job"]
        assert "spark.hadoop.fs.example.pin" in shown["environment"]
        assert len(shown) > 40, sorted(shown)
        leaks = [name for name, text in shown.items() if SECRET in text]
        assert not leaks, [(name, shown[name][shown[name].index(SECRET) - 60 :][:100]) for name in leaks]

        arguments = {path: path.read_bytes() for path in processes("cmdline")}
        assert not [path for path, line in arguments.items() if SECRET.encode() in line]

        tops = [state, *Path("/tmp").glob(f"bbq-{deployment.id}*")]
        holders = {path: top for top in tops for path in top.rglob("*") if path.is_file() and SECRET.encode() in content(path)}
        assert holders
        assert not [path for path, top in holders.items() if readable_by_others(path, top)]
    finally:
        gone = cli("destroy", "components", "--yes")
    assert not [path for top in tops for path in top.rglob("*") if path.is_file() and SECRET.encode() in content(path)], gone


def processes(what: str) -> Iterator[Path]:
    for path in Path("/proc").glob(f"[0-9]*/{what}"):
        if os.access(path, os.R_OK):
            yield path


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a socket, or gone by now
        return b""
