"""What the components show of themselves, keep on the disk and have on their command lines: a secret that a user gives is in
nothing of it that somebody else can read."""

from __future__ import annotations

import json
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
from bbq.providers.local import mariadb, rabbitmq

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
SECRET = "hunter2-C0MP0N3NT"

HEAD = """
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  inputs:
    pw: { type: bbq.datatypes.Secret }
  node_templates:
"""

SPARK = (
    HEAD
    + """
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
      requirements: [ cluster: spark ]
"""
)

JOB = f"""
import os
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
context = spark.sparkContext
assert context.getConf().get("spark.hadoop.fs.example.pin") == "{SECRET}" == os.environ["PIN"]
assert context.getConf().get("spark.example.address") == "x://user:{SECRET}@host/"
assert context.parallelize([0], 1).map(lambda _: os.environ["PIN"]).collect() == ["{SECRET}"]
print("the PIN is", os.environ["PIN"], flush=True)
spark.sql("SET -v").count()
rate = spark.readStream.format("rate").load()
rate.writeStream.format("noop").trigger(processingTime="1 hour").start().awaitTermination()
"""

SERVERS = (
    HEAD
    + """
    rabbit: { type: bbq.nodes.MessageQueue, properties: { engine: rabbitmq, password: { $get_input: pw } } }
    maria: { type: bbq.nodes.Database, properties: { engine: mariadb, password: { $get_input: pw }, schema_file: schema.sql } }
    client:
      type: bbq.nodes.Job
      properties: { command: [ sh, -c, env ] }
      requirements: [ connection: rabbit, connection: maria ]
"""
)


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


class Site:
    """One deployment, what its parts show of themselves, and what is kept of it."""

    def __init__(self, directory: Path, template: str) -> None:
        self.template, self.inputs = directory / "s.yaml", directory / "inputs.yaml"
        self.state = directory / "state"
        self.template.write_text(template)
        self.inputs.write_text(f"pw: {SECRET}\n")
        self.shown: dict[str, str] = {}
        self.id = ""

    def cli(self, *arguments: object) -> str:
        argv = [sys.executable, "-m", "bbq", *map(str, arguments)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=500, check=False)
        return done.stdout + done.stderr

    def up(self) -> bbq.Deployment:
        self.shown["up"] = self.cli("up", self.template, "--name", "components", "--inputs", self.inputs, "-v")
        deployment = bbq.open("components")
        self.id = deployment.id
        assert deployment.status() == "active", self.shown["up"]
        return deployment

    def files(self) -> dict[Path, Path]:
        """Every file with the secret in it, and the private directory that it is in."""
        tops = [self.state, *Path("/tmp").glob(f"bbq-{self.id}*")]
        return {path: top for top in tops for path in top.rglob("*") if path.is_file() and SECRET.encode() in content(path)}

    def check(self, deployment: bbq.Deployment) -> None:
        for name, node in deployment.nodes.items():
            if "." not in name:
                self.shown[f"logs of {name}"] = self.cli("logs", "components", name, "--tail", "all")
                self.shown[f"{name} in Python"] = repr(node) + repr(node.attributes)
        for verb in ("status", "outputs", "events", "drift"):
            self.shown[verb] = self.cli(verb, "components", "--format", "json")
        leaks = [name for name, text in self.shown.items() if SECRET in text]
        assert not leaks, [(name, self.shown[name][self.shown[name].index(SECRET) - 60 :][:100]) for name in leaks]
        lines = {path: content(path) for path in Path("/proc").glob("[0-9]*/cmdline")}
        assert lines and not [path for path, line in lines.items() if SECRET.encode() in line]
        holders = self.files()
        assert holders and not [path for path, top in holders.items() if readable_by_others(path, top)]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Site]:
    monkeypatch.setenv("BBQ_STATE__DIRECTORY", str(tmp_path / "state"))
    found = Site(tmp_path, request.param)
    try:
        yield found
    finally:
        gone = found.cli("destroy", "components", "--yes")
    assert not found.files(), gone


@pytest.mark.parametrize("site", [SPARK], indirect=True, ids=["spark"])
def test_what_spark_shows_and_keeps(site: Site) -> None:
    site.template.with_name("job.py").write_text(JOB)
    deployment = site.up()
    job, end = deployment.nodes["job"], time.monotonic() + 120
    while "the PIN is" not in job.logs():
        assert time.monotonic() < end, job.logs()
        time.sleep(0.2)
    ui, master = job.attributes["ui_url"], deployment.nodes["spark"].attributes["webui_url"]
    for start in (ui, master, deployment.nodes["spark.worker[0]"].attributes["webui_url"]):
        site.shown |= dict(pages(start))
    site.shown |= dict(api(ui))
    site.shown["master's JSON"] = fetch(f"{master}/json/")
    seen = {urlsplit(url).path for url in site.shown}
    assert {"/environment/", "/executors/", "/jobs/", "/stages/", "/storage/", "/logPage/", "/app/"} <= seen
    assert "spark.hadoop.fs.example.pin" in site.shown["environment"]
    site.check(deployment)
    assert "the PIN is ********" in site.shown["logs of job"]


@pytest.mark.skipif(rabbitmq.programs() is None, reason="RabbitMQ is not installed")
@pytest.mark.skipif(mariadb.programs() is None, reason="MariaDB is not installed")
@pytest.mark.parametrize("site", [SERVERS], indirect=True, ids=["servers"])
def test_what_a_broker_and_a_database_show_and_keep(site: Site) -> None:
    site.template.with_name("schema.sql").write_text("create table t (a int);\n")
    deployment = site.up()
    management = deployment.nodes["rabbit"].attributes["monitoring_url"]
    site.shown |= dict(pages(management))
    for what in ("overview", "connections", "users", "definitions", "nodes"):
        site.shown[f"RabbitMQ's {what}"] = fetch(f"{management}/api/{what}", f"bbq:{SECRET}")
    assert json.loads(site.shown["RabbitMQ's users"])[0]["name"] == "bbq"
    database = deployment.nodes["maria"].database
    for table in ("processlist", "user_privileges", "schema_privileges"):
        site.shown[f"MariaDB's {table}"] = repr(database.query(f"select * from information_schema.{table}"))
    site.shown["MariaDB's settings"] = repr(database.query("show variables"))
    site.check(deployment)
    assert "MARIA_PASSWORD=********" in site.shown["logs of client"]
    assert "RABBIT_PASSWORD=********" in site.shown["logs of client"]


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a socket, or gone by now
        return b""
