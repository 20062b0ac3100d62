"""Handles without a broker or a server: what they accept, what they say, what they import."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bbq.errors import BbqError, ConfigurationError, UnreachableError, UsageError
from bbq.handles import database_of, open_database, open_queue, open_store, queue_of, store_of
from bbq.handles.queue import Message, Queue, QueueStats, UnknownQueue, decode, encode
from bbq.topology.values import Secret

ATTRIBUTES: dict[str, Any] = {
    "url": Secret("nats://bbq:hidden@127.0.0.1:4222"),
    "engine": "nats",
    "queues": ["jobs", "results"],
    "monitoring_url": "http://127.0.0.1:8222",
}


class FakeClaim:
    def __init__(self, queue: FakeQueue, message: Message) -> None:
        self.queue, self.message, self.open = queue, message, True

    def ack(self) -> bool:
        was, self.open = self.open, False
        return was

    def release(self, delay: float) -> bool:
        if was := self.open:
            self.queue.waiting.insert(0, self.message)
        self.open = False
        return was

    def extend(self, seconds: float) -> bool:
        return self.open


class FakeQueue(Queue):
    """In memory: for what the base class adds to a backend."""

    def __init__(self) -> None:
        super().__init__("fake://user:hidden@host:1/", "q")
        self.waiting: list[Message] = []
        self.sent: list[tuple[list[bytes], float | None, float]] = []

    def _send(self, payloads: list[bytes], ttl: float | None, delay: float) -> list[str]:
        self.sent.append((payloads, ttl, delay))
        self.waiting += [Message(str(number), decode(payload)) for number, payload in enumerate(payloads)]
        return [str(number) for number in range(len(payloads))]

    def _receive(self, count: int, wait: float, claim: float | None) -> list[Message]:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        for message in taken:
            message.claim = FakeClaim(self, message)
        return taken

    def peek(self, count: int = 1) -> list[Message]:
        return self.waiting[:count]

    def stats(self) -> QueueStats:
        return QueueStats(len(self.waiting))

    def purge(self) -> int:
        self.waiting, dropped = [], len(self.waiting)
        return dropped

    def declare(self) -> None: ...

    def close(self) -> None: ...


def test_nothing_heavy_is_imported_by_opening() -> None:
    program = (
        "import sys; from bbq.handles import open_queue, open_database, open_store\n"
        "open_queue('nats://a:b@h:1', 'q'); open_queue('amqp://a:b@h:1', 'q'); open_database('postgresql://a:b@h/d')\n"
        "open_store('file:///nowhere')\n"
        "heavy = {'nats', 'pika', 'psycopg', 'pymysql', 'oslo_config', 'rich', 'yaml'}\n"
        "print({name.partition('.')[0] for name in sys.modules} & heavy)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("url", ["redis://h", "", "no scheme", "http://h"])
def test_urls_that_nobody_knows(url: str) -> None:
    for opened in (lambda: open_queue(url, "q"), lambda: open_database(url), lambda: open_store(url)):
        with pytest.raises(UsageError, match="client for"):
            opened()


@pytest.mark.parametrize("rest", ["u:hid/den@h:1", "u:hidden#@h:1", "h:99999", "h:hidden", "[hidden"])
def test_urls_that_cannot_be_read(rest: str) -> None:
    opens = (lambda: open_queue(f"nats://{rest}", "q"), lambda: open_queue(f"amqp://{rest}", "q"))
    for opened in (*opens, lambda: open_database(f"postgresql://{rest}")):
        with pytest.raises(UsageError, match="host and port") as caught:
            opened()
        assert "hid" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a*", "a>", "ü", "x" * 129, "a\n"])
@pytest.mark.parametrize("scheme", ["nats", "amqp"])
def test_names_that_cannot_be(scheme: str, name: str) -> None:
    with pytest.raises(UsageError, match="queue's name"):
        open_queue(f"{scheme}://h", name)


def test_the_queue_of_a_node() -> None:
    assert queue_of(ATTRIBUTES).name == "jobs"
    assert queue_of(ATTRIBUTES, "results").name == "results"
    assert type(queue_of(ATTRIBUTES)).__name__ == "NatsQueue"
    rabbit = ATTRIBUTES | {"url": "amqp://bbq:hidden@127.0.0.1:5672", "engine": "rabbitmq"}
    assert type(queue_of(rabbit)).__name__ == "RabbitQueue"
    with pytest.raises(UsageError, match="no queue 'other'") as caught:
        queue_of(ATTRIBUTES, "other")
    assert caught.value.hint == "queues: jobs, results"
    with pytest.raises(UsageError, match="no queues"):
        queue_of({"url": ATTRIBUTES["url"]})
    for opened in (lambda: queue_of({"queues": ["q"]}), lambda: database_of({}), lambda: store_of({})):
        with pytest.raises(UsageError, match="no url yet"):
            opened()


def test_no_password_in_a_repr() -> None:
    shown = [
        queue_of(ATTRIBUTES),
        open_database("postgresql://u:hidden@h:1/d"),
        open_queue("amqp://u:hidden@h:1", "q"),
        FakeQueue(),
    ]
    for handle in shown:
        assert "hidden" not in repr(handle)
        assert "hidden" not in str(handle)
        assert "h:1" in repr(handle) or "127.0.0.1:4222" in repr(handle) or "host:1" in repr(handle)


def test_a_queue_is_pickled_with_its_address() -> None:
    for url in ("nats://u:p@h:1", "amqp://u:p@h:1"):
        copy = pickle.loads(pickle.dumps(open_queue(url, "jobs")))
        assert (copy.name, copy._url) == ("jobs", url)


@pytest.mark.parametrize("body", [None, True, 1, 1.5, "ü", [], {}, {"a": [{"b": None}]}])
def test_bodies(body: Any) -> None:
    assert decode(encode(body)) == body


@pytest.mark.parametrize("body", [object(), b"x", {1, 2}, float("nan"), float("inf"), {"a": object()}])
def test_bodies_that_are_not_json(body: Any) -> None:
    with pytest.raises(UsageError, match="JSON"):
        encode(body)


def test_a_body_that_refers_to_itself() -> None:
    body: list[Any] = []
    body.append(body)
    with pytest.raises(UsageError, match="JSON"):
        encode(body)


def test_what_another_program_sent_is_handed_out_as_it_is() -> None:
    assert decode(b"not json") == b"not json"
    assert decode(b"\xff") == b"\xff"
    assert decode(b"") == b""
    assert decode(b"[" * 100_000) == b"[" * 100_000


def test_send_checks_its_arguments() -> None:
    queue = FakeQueue()
    assert queue.send({"a": 1}, ttl=2, delay=1) == "0"
    assert queue.sent == [([b'{"a":1}'], 2, 1)]
    assert queue.send_many([]) == []
    for wrong in ({"ttl": 0}, {"ttl": -1}, {"delay": -1}, {"ttl": 1, "delay": 1}):
        with pytest.raises(UsageError):
            queue.send("x", **wrong)
    with pytest.raises(UsageError):
        queue.receive(0)
    assert len(queue.sent) == 1


def test_subscribe_acknowledges_what_returned_and_releases_what_raised() -> None:
    queue = FakeQueue()
    queue.send_many([1, 2, 3])
    seen: list[Message] = []

    def work(message: Message) -> None:
        seen.append(message)
        if message.body == 2:
            raise ValueError("two")

    with pytest.raises(ValueError, match="two"):
        queue.subscribe(work)
    assert [message.body for message in queue.peek(9)] == [2, 3]
    assert not seen[0].ack(), "acknowledged before"
    assert queue.subscribe(lambda _: None, idle=0.0) == 2


def test_iteration() -> None:
    queue = FakeQueue()
    queue.send_many([1, 2])
    found: Iterator[Message] = iter(queue)
    assert [next(found).body, next(found).body] == [1, 2]


def test_a_message_that_was_only_looked_at() -> None:
    queue = FakeQueue()
    queue.send("x")
    (message,) = queue.peek()
    for action in (message.ack, message.release, message.extend):
        with pytest.raises(UsageError, match="only looked at"):
            action()


def test_backlog() -> None:
    assert QueueStats(3, 2, 5).backlog == 5
    assert QueueStats(3).backlog == 3


def test_an_unknown_queue_is_no_number() -> None:
    """What `autoscale` relies on: an error is one, and says of which kind."""
    assert issubclass(UnknownQueue, UsageError)
    assert not issubclass(UnknownQueue, ConfigurationError | UnreachableError)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a?b#c%.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (id integer primary key, text text)")
    connection.close()
    return path


def test_sqlite(file: Path) -> None:
    from urllib.parse import quote

    database = open_database(f"sqlite://{quote(str(file))}")
    assert database.engine == "sqlite"
    assert database.execute("insert into t values (?, ?)", [1, "x"]) == 1
    assert database.execute("insert into t values (:id, :text)", {"id": 2, "text": "y"}) == 1
    assert database.query("select * from t order by id") == [{"id": 1, "text": "x"}, {"id": 2, "text": "y"}]
    assert database.query("insert into t (text) values ('z')") == []
    assert database.query("select count(*) as n from t") == [{"n": 3}]
    with pytest.raises(sqlite3.OperationalError):
        database.query("select * from nowhere")


def test_an_sqlite_file_that_is_gone_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"gone\.db"):
        open_database(f"sqlite://{tmp_path}/gone.db").connect()
    assert not (tmp_path / "gone.db").exists()


@pytest.mark.parametrize(
    ("url", "package"), [("postgresql://u:hidden@127.0.0.1:1/d", "psycopg"), ("mysql://u:hidden@127.0.0.1:1/d", "pymysql")]
)
def test_a_database_that_does_not_answer(url: str, package: str) -> None:
    pytest.importorskip(package)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1") as caught:
        open_database(url).connect()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://u@127.0.0.1:1/d", "mysql://u@127.0.0.1:1/d"])
def test_a_driver_that_is_not_installed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("psycopg", "pymysql"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match="is not installed") as caught:
        open_database(url).connect()
    assert caught.value.hint == "pip install 'bbq[local]'"


@pytest.mark.parametrize(("scheme", "package"), [("nats", "nats"), ("amqp", "pika")])
def test_a_queue_client_that_is_not_installed(scheme: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with open_queue(f"{scheme}://u:p@127.0.0.1:1", "q") as queue, pytest.raises(BbqError) as caught:
        queue.stats()
    assert isinstance(caught.value, ConfigurationError)
    assert f"{package}" in str(caught.value)
