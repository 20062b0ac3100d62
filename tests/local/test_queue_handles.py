"""What every queue backend must do, run against each broker that this machine has."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from brokers import DEADLINE, PASSWORD, QUOTED, Broker, nats, rabbitmq, rabbitmq_missing

from bbq.errors import ConfigurationError, UnreachableError, UsageError
from bbq.handles import nats as nats_handle
from bbq.handles import open_queue
from bbq.handles.queue import Message, Queue, UnknownQueue

pytestmark = pytest.mark.local

HOLDER_GONE = 3.0  # shorter than in earnest, where it is 15 s

Start = Callable[[Path], AbstractContextManager[Broker]]
BACKENDS = [
    pytest.param(nats, id="nats"),
    pytest.param(rabbitmq, id="rabbitmq", marks=pytest.mark.skipif(bool(rabbitmq_missing()), reason=str(rabbitmq_missing()))),
]


@pytest.fixture(scope="module", params=BACKENDS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    start: Start = request.param
    with start(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def queue(broker: Broker, request: pytest.FixtureRequest, _impatient: None) -> Iterator[Queue]:
    with open_queue(broker.url, request.node.originalname, **broker.options) as queue:
        queue.declare()
        yield queue


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_handle, "HOLDER_GONE_SECONDS", HOLDER_GONE)


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def test_order_body_and_identity(queue: Queue) -> None:
    bodies = [{"id": 1, "text": "Grüße", "deep": {"list": [1, None, True, 1.5]}}, "text", 3, None, []]
    names = queue.send_many(bodies)
    assert len(set(names)) == len(bodies)
    received = queue.receive(10, wait=DEADLINE)
    while len(received) < len(bodies):
        received += queue.receive(10, wait=DEADLINE)
    assert [message.body for message in received] == bodies
    assert [message.id for message in received] == names
    assert all(abs(message.sent_at - time.time()) < DEADLINE and not message.redelivered for message in received)
    assert queue.ack_many(received) == len(bodies)
    assert queue.receive(1) == []


def test_a_claimed_message_is_nobody_elses(queue: Queue, broker: Broker) -> None:
    queue.send("one")
    (first,) = queue.receive(wait=DEADLINE)
    with open_queue(broker.url, queue.name) as other:
        assert other.receive() == []
        assert first.release()
        (again,) = other.receive(wait=DEADLINE)
        assert (again.body, again.id, again.redelivered) == ("one", first.id, True)
        assert not first.ack(), "the claim was given up"
        assert again.ack()
        assert not again.ack(), "acknowledged already"
    eventually(lambda: queue.stats().backlog == 0)


def test_release_with_a_delay(queue: Queue) -> None:
    queue.send("later")
    (message,) = queue.receive(wait=DEADLINE)
    released = time.monotonic()
    assert message.release(delay=0.7)
    (again,) = queue.receive() or queue.receive(wait=DEADLINE)
    assert time.monotonic() - released >= 0.65
    assert again.id == message.id
    assert again.ack()


def test_a_claim_ends_when_its_time_has_passed(queue: Queue) -> None:
    queue.send("short")
    (message,) = queue.receive(wait=DEADLINE, claim=0.3)
    (again,) = queue.receive(wait=DEADLINE)
    assert (again.id, again.redelivered) == (message.id, True)
    assert not message.ack()
    assert not message.extend()
    assert again.ack()


def test_an_extended_claim_holds(queue: Queue) -> None:
    queue.send("longer")
    (message,) = queue.receive(wait=DEADLINE, claim=3.0)
    assert message.extend(DEADLINE)
    assert queue.receive(wait=4.0) == []
    assert message.ack()


def test_a_claim_outlives_the_ack_wait(queue: Queue) -> None:
    queue.send("long work")
    (message,) = queue.receive(wait=DEADLINE, claim=None)
    assert queue.receive(wait=HOLDER_GONE + 2) == []
    assert message.ack()
    eventually(lambda: queue.stats().backlog == 0)


def test_a_dead_holders_message_comes_back(queue: Queue, broker: Broker) -> None:
    queue.send("orphan")
    program = (
        "import os, sys; from bbq.handles import open_queue\n"
        f"q = open_queue(os.environ['URL'], {queue.name!r}); m = q.receive(wait=30, claim=None)\n"
        "print(m[0].body, flush=True); os.kill(os.getpid(), 9)"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"URL": broker.url}, capture_output=True, text=True, timeout=DEADLINE
    )
    assert child.stdout == "orphan\n"
    (again,) = queue.receive(wait=DEADLINE)
    assert (again.body, again.redelivered) == ("orphan", True)
    assert again.ack()


def test_delay(queue: Queue) -> None:
    sent = time.monotonic()
    queue.send("last", delay=2.4)
    queue.send("later", delay=1.2)
    queue.send("now")
    came = {}
    for _ in range(3):
        (message,) = take(queue, 1)
        came[message.body] = time.monotonic() - sent
    assert came.keys() == {"now", "later", "last"}
    assert came["later"] >= 1.15 and came["last"] >= 2.35


def test_time_to_live(queue: Queue) -> None:
    queue.send("short", ttl=0.3)
    queue.send("delayed and short", ttl=0.9, delay=0.3)
    queue.send("long", ttl=DEADLINE)
    time.sleep(1.2)
    assert [m.body for m in take(queue, 1)] == ["long"]
    assert queue.receive(wait=0.2) == []
    queue.send("in time", ttl=DEADLINE, delay=0.2)
    assert [m.body for m in take(queue, 1)] == ["in time"]


def test_pop_and_peek(queue: Queue) -> None:
    assert queue.pop() is None
    assert queue.peek() == []
    queue.send_many(["a", "b", "c"])
    eventually(lambda: queue.stats().ready == 3)
    assert [message.body for message in queue.peek(2)] == ["a", "b"]
    assert [message.body for message in queue.peek(10)] == ["a", "b", "c"]
    with pytest.raises(UsageError, match="only looked at"):
        queue.peek()[0].ack()
    popped = queue.pop(wait=DEADLINE)
    assert popped is not None and popped.body == "a"
    (claimed,) = queue.receive(wait=DEADLINE)
    assert [message.body for message in queue.peek(10)] == ["c"]
    claimed.ack()
    eventually(lambda: queue.stats().backlog == 1)


def test_stats_and_purge(queue: Queue) -> None:
    assert (queue.stats().ready, queue.stats().backlog, queue.stats().oldest_age) == (0, 0, None)
    queue.send_many(range(5))
    queue.send("later", delay=DEADLINE)
    eventually(lambda: queue.stats().ready == 5)
    (claimed,) = queue.receive(wait=DEADLINE)
    eventually(lambda: (queue.stats().ready, queue.stats().claimed, queue.stats().delayed) == (4, 1, 1))
    age = queue.stats().oldest_age
    assert age is None or 0 <= age < DEADLINE
    assert queue.purge() >= 4
    claimed.ack()
    eventually(lambda: (queue.stats().backlog, queue.stats().delayed) == (0, 0))
    assert queue.receive() == []


def test_waiting_ends_with_the_first_message(queue: Queue) -> None:
    timer = threading.Timer(0.5, queue.send, ["late"])
    timer.start()
    received = queue.receive(10, wait=DEADLINE)
    timer.join()
    assert [message.body for message in received] == ["late"]
    assert received[0].ack()


def test_subscribe(queue: Queue) -> None:
    queue.send_many(range(20))
    seen: list[int] = []
    assert queue.subscribe(lambda message: seen.append(message.body), idle=3.0) == 20
    assert seen == list(range(20))
    queue.send("bad")

    def fail(message: Message) -> None:
        raise ValueError(message.body)

    with pytest.raises(ValueError, match="bad"):
        queue.subscribe(fail)
    (again,) = queue.receive(wait=DEADLINE)
    assert again.redelivered and again.ack()


def test_subscribe_stops(queue: Queue) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=queue.subscribe, args=[lambda _: None], kwargs={"stop": stop})
    thread.start()
    stop.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_many_messages_and_threads_lose_and_double_nothing(queue: Queue) -> None:
    queue.send_many(range(2000))
    seen: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        while batch := queue.receive(100, wait=3.0):
            assert queue.ack_many(batch) == len(batch)
            with lock:
                seen.extend(message.body for message in batch)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(seen) == list(range(2000))


def test_a_pickled_queue_connects_for_itself(queue: Queue) -> None:
    queue.send("x")
    with pickle.loads(pickle.dumps(queue)) as copy:
        assert [m.body for m in take(copy, 1)] == ["x"]


def test_a_forked_child_connects_for_itself(queue: Queue) -> None:
    queue.send("for the child")  # so the parent's connection is open
    child = os.fork()
    if child == 0:
        message = queue.pop(wait=DEADLINE)
        os._exit(0 if message and message.body == "for the child" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    queue.send("parent goes on")
    assert [m.body for m in take(queue, 1)] == ["parent goes on"]


def test_declare_twice_keeps_the_messages(queue: Queue) -> None:
    queue.send("kept")
    queue.declare()
    assert [m.body for m in take(queue, 1)] == ["kept"]


def test_dots_in_names_do_not_mix_queues(broker: Broker) -> None:
    with open_queue(broker.url, "a.b") as dotted, open_queue(broker.url, "a") as plain:
        dotted.declare()
        plain.declare()
        dotted.send("x")
        assert plain.receive(wait=0.3) == []
        assert [m.body for m in take(dotted, 1)] == ["x"]


@pytest.mark.parametrize("action", ["send", "send_many", "receive", "peek", "stats", "purge"])
def test_an_unknown_queue(broker: Broker, action: str) -> None:
    with (
        open_queue(broker.url, "nobody-made-this", **broker.options) as queue,
        pytest.raises(UnknownQueue, match="nobody-made"),
    ):
        call(queue, action)


@pytest.mark.parametrize("action", ["send", "send_many", "receive", "stats"])
def test_a_wrong_password(broker: Broker, action: str) -> None:
    url = broker.url.replace(QUOTED, "wrong-and-secret")
    with open_queue(url, "any") as queue, pytest.raises(ConfigurationError, match="refused") as caught:
        call(queue, action)
    assert "wrong-and-secret" not in f"{caught.value} {caught.value.hint} {queue!r}"


@pytest.mark.parametrize("scheme", ["nats", "amqp"])
def test_nobody_answers(scheme: str) -> None:
    with open_queue(f"{scheme}://bbq:hidden@127.0.0.1:1", "any") as queue:
        for action in (queue.stats, queue.receive, queue.peek, lambda: queue.send("x")):
            with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1") as caught:
                action()
            assert "hidden" not in str(caught.value)


def test_not_json_and_bad_arguments(queue: Queue) -> None:
    for body in (object(), float("nan"), {1, 2}, b"bytes"):
        with pytest.raises(UsageError, match="JSON"):
            queue.send(body)
    for arguments in ({"ttl": 0}, {"ttl": -1}, {"delay": -1}, {"ttl": 1, "delay": 2}):
        with pytest.raises(UsageError):
            queue.send("x", **arguments)
    with pytest.raises(UsageError):
        queue.receive(0)
    assert queue.stats().ready == 0


def test_no_password_in_a_repr(queue: Queue) -> None:
    queue.send("x")
    (message,) = queue.receive(wait=DEADLINE)
    text = f"{queue!r} {message!r} {queue.stats()!r}"
    assert PASSWORD not in text and QUOTED not in text
    assert queue.name in text and "127.0.0.1" in text
    message.ack()


@pytest.mark.parametrize("start", BACKENDS)
def test_a_broker_that_goes_and_comes_back(start: Start, tmp_path: Path) -> None:
    with start(tmp_path) as broker, open_queue(broker.url, "durable", **broker.options) as queue:
        queue.declare()
        queue.send_many(["a", "b"])
        queue.send("delayed", delay=0.5)
        (claimed,) = queue.receive(wait=DEADLINE, claim=1.0)
        broker.stop()
        for action in (queue.stats, queue.receive, lambda: queue.send("lost")):
            with pytest.raises(UnreachableError):
                action()
        with contextlib.suppress(UnreachableError):  # or the claim ended with the connection, and that is certain
            assert not claimed.release()
        broker.restart()
        bodies = set()
        end = time.monotonic() + DEADLINE
        while bodies != {"a", "b", "delayed"} and time.monotonic() < end:
            for message in queue.receive(10, wait=1.0):
                bodies.add(message.body)
                message.ack()
        assert bodies == {"a", "b", "delayed"}


def call(queue: Queue, action: str) -> None:
    arguments = {"send": ["x"], "send_many": [["x", "y"]]}.get(action, [])
    getattr(queue, action)(*arguments)


def take(queue: Queue, count: int) -> list[Message]:
    taken: list[Message] = []
    while len(taken) < count:
        batch = queue.receive(count - len(taken), wait=DEADLINE)
        assert batch, "nothing came"
        assert all(message.ack() for message in batch)
        taken += batch
    return taken
