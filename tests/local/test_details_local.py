"""What a real application knows of a broker and a database that were replaced under it: what there is now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from brokers import rabbitmq_missing

import bbq
from bbq.topology.values import revealed

pytestmark = pytest.mark.local

TEMPLATE = """
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  inputs:
    engine: { type: string, default: nats }
    user: { type: string, default: first }
    queues: { type: list, entry_schema: string, default: [ jobs ] }
  node_templates:
    packets: { type: bbq.nodes.MessageQueue, properties: { engine: { $get_input: engine }, queues: { $get_input: queues } } }
    db: { type: bbq.nodes.Database, properties: { user: { $get_input: user } } }
    reader:
      type: bbq.nodes.Service
      properties:
        command: [ python, reader.py ]
        health_path: /
        environment: { SEEN_BY_REFERENCE: { $get_attribute: [ db, url ] } }
      requirements:
        - connection: packets
        - connection: db
    copies:
      type: bbq.nodes.Worker
      properties: { command: [ python, worker.py ], instances: 1 }
      requirements:
        - connection: packets
    load:
      type: bbq.nodes.Job
      properties: { command: [ python, load.py ] }
      requirements:
        - connection: db
        - connection: packets
    asker: { type: bbq.nodes.Service, properties: { command: [ python, reader.py ] }, requirements: [ connection: reader ] }
"""
READER = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

starts = Path(os.environ["BBQ_STATE_DIR"], "starts")
starts.write_text((starts.read_text() if starts.exists() else "") + ".")
connections = json.loads(Path(os.environ["BBQ_CONNECTIONS_FILE"]).read_text())
told = {"pid": os.getpid(), "starts": len(starts.read_text()), "connections": connections, "environment": dict(os.environ)}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
WORKER = """
import os, signal
from pathlib import Path
Path("worker-was-told").write_text(os.environ["PACKETS_URL"])
signal.pause()
"""
LOAD = """
import os
with open("loaded-into", "a") as file:
    file.write(os.environ["DB_USER"] + " ")
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "reader.py").write_text(READER)
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "load.py").write_text(LOAD)
    (tmp_path / "service.yaml").write_text(TEMPLATE)
    return tmp_path / "service.yaml"


def told(deployment: bbq.Deployment, name: str = "reader") -> dict[str, Any]:
    url = deployment.nodes[name].attributes["url"]
    with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def check(deployment: bbq.Deployment, template: Path, inputs: dict[str, Any], starts: int) -> None:
    """The reader knows what there is, kept its state, and nothing is left to do."""
    now, attributes = told(deployment), {name: revealed(deployment.nodes[name].attributes) for name in ("packets", "db")}
    for name, known in attributes.items():
        assert now["environment"][f"{name.upper()}_URL"] == now["connections"][name]["url"] == known["url"]
    assert now["environment"]["SEEN_BY_REFERENCE"] == attributes["db"]["url"]
    assert now["starts"] == starts
    plan = bbq.plan(template, provider="local", name=deployment.name, inputs=inputs)
    assert {name: step.action for name, step in plan.steps.items() if step.action != "no-op"} == {}


def test_a_replaced_database_reaches_those_that_use_it(template: Path) -> None:
    with bbq.ephemeral(template, provider="local") as deployment:
        check(deployment, template, {}, starts=1)
        asker = told(deployment, "asker")
        inputs = {"user": "second"}
        plan = bbq.plan(template, provider="local", name=deployment.name, inputs=inputs)
        assert plan.steps["db.server"].action == "replace"
        assert {name for name, step in plan.steps.items() if step.action == "update"} == {"db", "reader", "load"}
        assert "load is updated: it runs again from its start, also where it has not ended yet" in plan.warnings
        assert ("connection db", "(known after apply)") in [(c.path, c.after) for c in plan.steps["reader"].changes]
        again = bbq.deploy(template, provider="local", name=deployment.name, inputs=inputs)
        check(again, template, inputs, starts=2)
        # in place: the broker stays where it is, and has one queue more, which is told
        inputs = {"user": "second", "queues": ["jobs", "more"]}
        plan = bbq.plan(template, provider="local", name=deployment.name, inputs=inputs)
        assert plan.steps["load"].action == "no-op", "it has ended, and its broker is reached as before"
        again = bbq.deploy(template, provider="local", name=deployment.name, inputs=inputs)
        check(again, template, inputs, starts=3)
        assert told(again)["connections"]["packets"]["queues"] == ["jobs", "more"]
        assert told(again, "asker") == asker  # what it knows has not changed
        assert template.with_name("loaded-into").read_text().split() == ["first", "second"]


@pytest.mark.skipif(rabbitmq_missing() is not None, reason=str(rabbitmq_missing()))
@pytest.mark.timeout(300)
def test_another_broker_reaches_those_that_use_it(template: Path) -> None:
    with bbq.ephemeral(template, provider="local") as deployment:
        inputs = {"engine": "rabbitmq"}
        # the broker alone, as if the run had died before the rest of it
        bbq.deploy(template, provider="local", name=deployment.name, inputs=inputs, targets=["packets"])
        plan = bbq.plan(template, provider="local", name=deployment.name, inputs=inputs)
        assert [(c.path, c.after) for c in plan.steps["reader"].changes] == [("connection packets", "(changed since)")]
        again = bbq.deploy(template, provider="local", name=deployment.name, inputs=inputs)
        check(again, template, inputs, starts=2)
        url = revealed(again.nodes["packets"].attributes)["url"]
        assert url.startswith("amqp://")
        assert template.with_name("worker-was-told").read_text() == url
