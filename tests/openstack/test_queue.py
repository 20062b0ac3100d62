"""Zaqar queues: the contract of queues, and what a cloud's queues have besides."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

import bbq
from bbq.engine.contract import DeploymentContext, Tag
from bbq.errors import ConfigurationError, UnreachableError, UsageError
from bbq.handles import open_queue
from bbq.handles.queue import Queue, UnknownQueue
from bbq.providers.openstack.provider import OpenStackProvider
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.tools import Cli

sys.path.append(str(Path(__file__).parents[1] / "local"))
import test_queue_handles as contract

CONTRACT = (
    "test_order_body_and_identity",
    "test_a_claimed_message_is_nobody_elses",
    "test_release_with_a_delay",
    "test_a_claim_ends_when_its_time_has_passed",
    "test_an_extended_claim_holds",
    "test_delay",
    "test_time_to_live",
    "test_pop_and_peek",
    "test_stats_and_purge",
    "test_waiting_ends_with_the_first_message",
    "test_subscribe",
    "test_subscribe_stops",
    "test_many_messages_and_threads_lose_and_double_nothing",
    "test_a_pickled_queue_connects_for_itself",
    "test_a_forked_child_connects_for_itself",
    "test_declare_twice_keeps_the_messages",
    "test_dots_in_names_do_not_mix_queues",
    "test_not_json_and_bad_arguments",
)
"""Of the contract of every broker. Not in it: another user's password and a restarted broker, which Zaqar has not."""
globals().update({name: getattr(contract, name) for name in CONTRACT})

HEAD = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 }, { profile: bbq.openstack:1.0 } ]
service_template:
  node_templates:
"""
_CLIENT = {"Client-ID": "2e8e6ad3-4f17-4d0e-8f57-5b3e4f2b8b1a"}


def queues(cloud: Cloud, prefix: str) -> dict[str, dict[str, Any]]:
    """Metadata by name, by a plain listing."""
    found: dict[str, dict[str, Any]] = {}
    marker: dict[str, Any] = {}
    while True:
        answer = cloud.get("message", "/queues", "list the queues", headers=_CLIENT, detailed="true", **marker)
        if not answer["queues"]:
            return {name: metadata for name, metadata in found.items() if name.startswith(prefix)}
        found |= {item["name"]: item["metadata"] for item in answer["queues"]}
        marker = {"marker": answer["queues"][-1]["name"]}


@pytest.fixture
def name(name: str, cloud: Cloud) -> Iterator[str]:
    yield name
    for each in queues(cloud, name):
        cloud.delete("message", f"/queues/{each}", "clean up", headers=_CLIENT)


@pytest.fixture(scope="module")
def broker(testcloud: TestCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """One deployment whose queues bear the names of the contract's tests."""
    directory = tmp_path_factory.mktemp("broker")
    names = [*CONTRACT, "a.b", "a"]
    (directory / "queues.yaml").write_text(
        f"{HEAD}    packets: {{ type: bbq.nodes.MessageQueue, properties: {{ queues: {json.dumps(names)} }} }}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(directory / "state"))
        for name, value in testcloud.environment().items():
            patch.setenv(name, value)
        deployment = bbq.deploy(
            str(directory / "queues.yaml"), provider="openstack", name=f"t{directory.stat().st_ino}-contract"
        )
        yield SimpleNamespace(url=deployment.nodes["packets"].attributes["url"], options={})
        deployment.destroy()


@pytest.fixture
def queue(broker: SimpleNamespace, request: pytest.FixtureRequest) -> Iterator[Queue]:
    with open_queue(broker.url, request.node.originalname) as queue:
        yield queue


def test_a_dead_holders_message_comes_back_in_a_minute(cli: Cli, cloud: Cloud, name: str) -> None:
    """Its process is killed while it renews the claim; the next one waits for it, through what applications get."""
    (cli.directory / "queue.yaml").write_text(f"{HEAD}    packets: {{ type: bbq.nodes.MessageQueue }}\n")
    cli("up", "queue.yaml", "--provider", "openstack", "--name", name)
    cli("queue", name, "packets", "send", '{"id": 1}')
    program = (
        "import os, bbq\n"
        f"q = bbq.open({name!r}).nodes['packets'].queue; m = q.receive(wait=30, claim=None)\n"
        "print(m[0].body, flush=True); os.kill(os.getpid(), 9)"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], env=cli.environment, cwd=cli.directory, capture_output=True, text=True, timeout=60
    )
    assert child.stdout == "{'id': 1}\n", child.stderr
    said = cli("queue", name, "packets", "receive", "--wait", "80s")
    assert said == '{"id": 1}\n'
    cli("destroy", name, "--yes")
    assert queues(cloud, name) == {}


def test_the_life_of_a_queue(cli: Cli, cloud: Cloud, name: str) -> None:
    file = cli.directory / "queue.yaml"
    node = "    packets: {{ type: bbq.nodes.openstack.Queue, properties: {{ {} }} }}\n"
    node += "  outputs: {{ url: {{ value: {{ $get_attribute: [ packets, url ] }} }} }}\n"
    file.write_text(HEAD + node.format("queues: [ a, b ], metadata: { purpose: test }, max_message_size: 1000"))
    assert "packets" in cli("up", "queue.yaml", "--provider", "openstack", "--name", name)
    made = queues(cloud, name)
    assert {metadata["bbq_queue"] for metadata in made.values()} == {"a", "b"}
    assert all((metadata["purpose"], metadata["_max_messages_post_size"]) == ("test", 1000) for metadata in made.values())
    url = cli.json("outputs", name, "--show-secrets")["outputs"]["url"]
    with open_queue(url, "b") as queue, open_queue(url, "a") as other:
        assert len(queue.send_many(["x" * 400] * 7, ttl=60)) == 7, "in as many calls as the limit asks for"
        other.send("goes with its queue")
        with pytest.raises(UsageError, match="a message of 1021 bytes is too large: this queue takes 936"):
            queue.send("x" * 1000)
        with pytest.raises(UsageError, match="TTL for a message may not exceed"):
            queue.send("x", ttl=10**9)
    assert "b      7      0        0" in cli("queue", name, "packets", "--queue", "b", "stats")
    journal = b"".join(one.read_bytes() for one in cli.directory.rglob("journal.db*"))
    assert url.rsplit("%3A", 1)[1].encode() not in journal, "the signature is a secret"

    file.write_text(HEAD + node.format("queues: [ b, c ], metadata: { purpose: another }"))
    assert "1 to update in place" in cli("up", "queue.yaml", "--provider", "openstack", "--name", name)
    after = queues(cloud, name)
    assert {metadata["bbq_queue"] for metadata in after.values()} == {"b", "c"}
    assert {metadata["purpose"] for metadata in after.values()} == {"another"}
    assert {metadata["_max_messages_post_size"] for metadata in after.values()} == {262144}, "the cloud's limit again"
    again = cli.json("outputs", name, "--show-secrets")["outputs"]["url"]
    with open_queue(again, "b") as queue:
        assert len(queue.receive(10, wait=5)) == 7, "it was not made anew"
    with open_queue(url, "b") as queue:
        assert len(queue.peek(10)) == 7, (
            "what an application was started with is still good; closing gave back what was claimed"
        )
    with pytest.raises(UnknownQueue):
        open_queue(again, "a")
    assert "nothing to do" in cli("plan", "queue.yaml", "--provider", "openstack", "--name", name)

    (one,) = [inner for inner, metadata in after.items() if metadata["bbq_queue"] == "c"]
    cloud.delete("message", f"/queues/{one}", "take one away behind bbq's back", headers=_CLIENT)
    assert "1 of 2 queues are there" in cli("drift", name, code=3)
    cli("up", "queue.yaml", "--provider", "openstack", "--name", name)
    assert queues(cloud, name).keys() == after.keys()
    with open_queue(again, "b") as queue:
        assert len(queue.peek(10)) == 7, "the others keep what they hold"
    cli("destroy", name, "--yes")
    assert queues(cloud, name) == {}


def test_a_wrong_or_old_signature(broker: SimpleNamespace) -> None:
    name = CONTRACT[0]
    wrong = broker.url.replace("expires=20", "expires=30")
    with (
        open_queue(wrong, name) as queue,
        pytest.raises(ConfigurationError, match="does not accept the queue's signature") as caught,
    ):
        queue.send("x")
    assert broker.url.rsplit("%3A", 1)[1] not in f"{caught.value} {queue!r}"
    old = broker.url.replace("expires=20", "expires=19")
    with open_queue(old, name) as queue, pytest.raises(ConfigurationError, match="it ended at 19"):
        queue.receive()


def test_nobody_answers(broker: SimpleNamespace) -> None:
    parts = urlsplit(broker.url)
    with open_queue(broker.url.replace(parts.netloc, "127.0.0.1:1"), "a") as queue:
        for action in (queue.stats, queue.receive, queue.peek, lambda: queue.send("x")):
            with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
                action()


class Hook(http.server.BaseHTTPRequestHandler):
    bodies: list[Any]

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[Any]]]:
    handler = type("Own", (Hook,), {"bodies": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", handler.bodies
        server.shutdown()


def eventually(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_heats_events_reach_a_webhook_and_the_queue(cli: Cli, cloud: Cloud, name: str, webhook: tuple[str, list[Any]]) -> None:
    """A stack whose events go to a queue of the same template; a subscriber gets them, until it is taken out."""
    address, bodies = webhook
    file = cli.directory / "events.yaml"
    text = f"""{HEAD}\
    events:
      type: bbq.nodes.openstack.Queue
      properties: {{ subscriptions: [ {{ subscriber: "{address}" }} ] }}
    stack:
      type: bbq.nodes.openstack.Stack
      properties:
        template: {{ heat_template_version: "2018-08-31", resources: {{ r: {{ type: "OS::Heat::RandomString" }} }} }}
        environment:
          event_sinks:
            - {{ type: zaqar-queue, target: {{ $get_attribute: [ events, zaqar_names, events ] }}, ttl: 300 }}
"""
    file.write_text(text)
    cli("up", "events.yaml", "--provider", "openstack", "--name", name)
    with bbq_queue(cli, name) as queue:
        found = queue.receive(20, wait=20)
        told = [(message.body["payload"]["resource_name"], message.body["payload"]["resource_status"]) for message in found]
        assert ("r", "CREATE") in told or any(name == "r" for name, _ in told), told
        eventually(lambda: len(bodies) >= len(found))
        count = len(bodies)
        file.write_text(text.replace(f'[ {{ subscriber: "{address}" }} ]', "[]"))
        cli("up", "events.yaml", "--provider", "openstack", "--name", name)
        queue.send("to nobody's hook")
        queue.send("the second")
        assert len(bodies) == count
    cli("destroy", name, "--yes")
    assert queues(cloud, name) == {}


def bbq_queue(cli: Cli, name: str) -> Queue:
    program = f"import bbq; print(bbq.open({name!r}).nodes['events'].attributes['url'])"
    done = subprocess.run([sys.executable, "-c", program], env=cli.environment, capture_output=True, text=True, check=True)
    return open_queue(done.stdout.strip(), "events")


def test_one_list_call_a_tick_and_tags(cloud: Cloud, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = DeploymentContext(name, f"feed{name}", "/nonexistent", None)
    provider, asked = OpenStackProvider(context, cloud), []
    resource = provider.resource(("bbq.nodes.openstack.Queue",))
    assert resource is not None
    for number in range(25):
        tag = Tag(name, context.id, f"n{number}", 1)
        wanted = SimpleNamespace(tag=tag, properties={"queues": ["q"]}, node=None)
        resource.create(wanted)  # type: ignore[arg-type]
    every, real = len(queues(cloud, "")), Cloud.get
    monkeypatch.setattr(Cloud, "get", lambda *args, **more: asked.append(args) or real(*args, **more))
    assert len(provider.list_states("queue", ["n1"])) == 25
    assert len(asked) <= every // 20 + 2, "a page has 20, and Zaqar may show the project's others"
    found = resource.find(Tag(name, context.id, "n7", 3))
    assert found is not None and found.id == "n7"
    assert resource.find(Tag(name, context.id, "n77", 3)) is None
    left = list(resource.tagged(context.id))  # type: ignore[attr-defined]
    assert {tag.node for tag, _ in left} == {f"n{number}" for number in range(25)}
    for tag, handle in left:
        resource.delete(handle, tag)
    assert list(resource.tagged(context.id)) == []  # type: ignore[attr-defined]
