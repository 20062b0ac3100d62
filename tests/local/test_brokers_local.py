"""NATS and RabbitMQ as nodes of the local provider."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import rabbitmq_missing
from disks import SmallDisk, small_disk
from single_node import SingleNode, single_node, until

from bbq.engine.contract import ConfigurationFault
from bbq.errors import UnreachableError, UsageError
from bbq.handles import nats as nats_client
from bbq.handles import open_queue, queue_of
from bbq.providers.local import nats, rabbitmq
from bbq.providers.local.process import http_check
from bbq.topology.model import Node
from bbq.topology.values import Secret

pytestmark = pytest.mark.local

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
PASSWORD = "it's a \\ \"p@ss/w:rd#?%$x ü"
TYPES = [
    pytest.param("bbq.nodes.local.NatsServer", id="nats"),
    pytest.param(
        "bbq.nodes.local.RabbitMQ",
        id="rabbitmq",
        marks=pytest.mark.skipif(bool(rabbitmq_missing()), reason=str(rabbitmq_missing())),
    ),
]
PROPERTIES: dict[str, Any] = {"user": "bbq", "password": Secret(PASSWORD), "queues": ["jobs", "re.sults"], "port": 0}


@pytest.fixture(params=TYPES)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SingleNode]:
    with single_node(tmp_path, request.param, PROPERTIES) as node:
        yield node


def test_life_of_a_broker(node: SingleNode) -> None:
    attributes = node.up()
    assert attributes["queues"] == ["jobs", "re.sults"]
    with queue_of(attributes) as first, queue_of(attributes, "re.sults") as second:
        assert (first.name, second.name) == ("jobs", "re.sults")
        first.send_many([1, 2, 3])
        second.send("x", ttl=7200, delay=3600)
        assert first.stats().ready == 3
        assert second.stats().ready == 0
    with pytest.raises(UsageError, match="no queue 'other'"):
        queue_of(attributes, "other")
    with open_queue(attributes["url"].reveal(), "jobs") as queue:
        assert queue.receive(wait=30)[0].body == 1

    # Private: loopback only, no password where others can read it.
    ports = {f":{port:04X}" for port in node.resource.node_dir(node.handle.id).ports().values()}
    lines = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    mine = [line for line in lines if line[1][-5:] in ports and line[3] == "0A"]
    assert {line[1][-5:] for line in mine} == ports
    assert all(line[1][:-5] in LOOPBACK for line in mine)
    for path in node.state_dir.rglob("*"):
        if path.is_file() and not path.is_symlink() and PASSWORD.encode() in path.read_bytes():
            assert not path.stat().st_mode & 0o077, path
    assert not any(PASSWORD in text for text in node.told("cmdline").values())

    # Killed altogether, found again, messages still there; then one queue more.
    node.kill()
    state = node.state()
    assert state is not None and state.failed
    assert node.resource.find(node.wanted.tag) == node.handle
    assert node.up() == attributes
    with queue_of(attributes) as queue:
        bodies = set()
        while len(bodies) < 3 and (batch := queue.receive(10, wait=30)):
            bodies |= {message.body for message in batch}
            queue.ack_many(batch)
        assert bodies == {1, 2, 3}
    wanted = node.with_properties(queues=["jobs", "re.sults", "more"])
    node.handle = node.resource.update(node.handle, wanted, frozenset({"queues"}))
    assert node.check().ok
    with queue_of(node.handle.attributes, "more") as queue:
        queue.send("x")


def test_a_queue_named_after_the_node(node: SingleNode) -> None:
    node.with_properties(queues=None)
    with queue_of(node.up()) as queue:
        assert queue.name == "db"
        assert queue.stats().ready == 0


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[tuple[SingleNode, SmallDisk]]:
    with (
        small_disk(tmp_path / "disk") as disk,
        single_node(tmp_path / "disk", "bbq.nodes.local.NatsServer", PROPERTIES) as node,
    ):
        yield node, disk
        disk.make_room()


def test_a_broker_that_came_up_on_a_full_disk_makes_queues_when_there_is_room(
    on_small_disk: tuple[SingleNode, SmallDisk],
) -> None:
    node, disk = on_small_disk
    node.create()
    directory = node.resource.node_dir(node.handle.id)
    before = directory.units()[0].pid
    disk.fill()
    os.kill(before, signal.SIGKILL)
    until(lambda: any(one.pid != before and "nats-server" in text for one, text in node.told("cmdline").items()))
    until(lambda: http_check(f"{node.handle.attributes['monitoring_url']}/healthz").ok)
    check = node.resource.probe(node.handle, node.wanted)
    assert not check.ok and check.detail.endswith("(the disk is full)")
    disk.make_room()
    check = node.check()
    assert check.ok, check.detail


def test_a_queue_that_a_full_disk_has_broken_is_told_and_brought_back(
    on_small_disk: tuple[SingleNode, SmallDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    node, disk = on_small_disk
    attributes = node.up()
    monkeypatch.setattr(nats_client, "CALL_SECONDS", 1.0)
    with queue_of(attributes) as queue:
        queue.send("first")
        disk.fill(room=16384)
        with pytest.raises(UnreachableError):
            for _ in range(100):
                queue.send("x" * 4096)
    state = node.state()
    assert state is not None and state.failed
    assert "no space left on device" in state.detail
    disk.make_room()
    state = node.state()
    assert state is not None and state.failed, "room alone does not mend it"
    node.handle = node.resource.update(node.handle, node.wanted, frozenset())
    check = node.check()
    assert check.ok, check.detail
    with queue_of(attributes) as queue:
        queue.send("last")
        (message,) = queue.receive(wait=30)
        assert message.body == "first"


@pytest.mark.parametrize(
    "module, type_name, name",
    [
        (nats, "bbq.nodes.local.NatsServer", "program"),
        (rabbitmq, "bbq.nodes.local.RabbitMQ", "programs"),
    ],
)
def test_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, type_name: str, name: str) -> None:
    monkeypatch.setattr(module, name, lambda: None)
    with single_node(tmp_path, type_name, PROPERTIES) as node:
        (problem,) = node.provider.preflight([Node("q", type_name, (type_name,))])
        assert problem.startswith("q needs ")
        with pytest.raises(ConfigurationFault, match="not installed") as caught:
            node.create()
        assert caught.value.hint


def test_a_nats_server_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho nats-server: v2.9.25\n")
    old.chmod(0o755)
    monkeypatch.setattr(nats, "program", lambda: old)
    with (
        single_node(tmp_path, "bbq.nodes.local.NatsServer", PROPERTIES) as node,
        pytest.raises(ConfigurationFault, match="too old"),
    ):
        node.create()
