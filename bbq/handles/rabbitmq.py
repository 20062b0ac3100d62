"""Queues on RabbitMQ (AMQP 0-9-1, server 3.8 or newer).

A queue is a durable classic queue. A message with a delay waits in a queue of its own, `<queue>.delay.<milliseconds>`, whose
messages all expire after that time into the queue proper (dead-lettering); the broker drops such a queue some time after its
last use. A delay is rounded up to 0.1 s (1 s from 10 s on), so that there are few of them. A time to live is the message's
expiration; the exact moment stands in a header, too, and is looked at when the message is received, since the broker drops only
what has reached the head of the queue.

A claim is an unacknowledged delivery on this connection: it ends at once when the connection does. A thread answers the
broker's heartbeats and gives messages back whose claim's time has passed. What is claimed and delayed only the management
plugin tells, about a second late: without `management_url`, `stats` has None there.

https://www.rabbitmq.com/docs/ttl, https://www.rabbitmq.com/docs/dlx, https://www.rabbitmq.com/docs/confirms
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from bbq.errors import BbqError, ConfigurationError, ResourceFailed, UnreachableError, UsageError
from bbq.handles.queue import Message, Queue, QueueStats, UnknownQueue, decode

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingConnection

CALL_SECONDS: Final = 10.0
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SENT, _EXPIRES = "bbq-sent", "bbq-expires"
_BATCH = 1000  # messages of a transaction
_TICK = 0.25  # seconds between looks at heartbeats and claims
_POLL = 0.2  # seconds between looks at an empty queue, at most
_DELAY_QUEUE_IDLE = 60_000  # milliseconds a delay queue outlives its last message


class RabbitQueue(Queue):
    """See `Queue`. All state is guarded by `_lock`."""

    def __init__(self, url: str, name: str, *, management_url: str | None = None) -> None:
        super().__init__(url, name)
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be a queue's name", hint="letters, digits, dot, dash and underscore, at most 128 of them"
            )
        self._management_url = management_url
        self._mutex = threading.RLock()
        self._connection: BlockingConnection | None = None
        self._channel: Any = None
        self._held: set[_Held] = set()
        self._ticker: threading.Thread | None = None
        self._pid = os.getpid()

    def _send(self, payloads: list[bytes], ttl: float | None, delay: float) -> list[str]:
        with self._calling() as channel:
            names = [uuid.uuid4().hex for _ in payloads]
            target = self._delay_queue(channel, delay) if delay else self.name
            if len(names) == 1:
                self._publish(channel, target, names[0], payloads[0], ttl, delay)
                return names
            # A confirmation for each message costs a write to the disk each; a transaction, one for the whole batch.
            with contextlib.closing(channel.connection.channel()) as batch:
                batch.tx_select()
                returned: list[Any] = []
                batch.add_on_return_callback(lambda *message: returned.append(message))
                for start in range(0, len(names), _BATCH):
                    for name, payload in zip(names[start : start + _BATCH], payloads[start : start + _BATCH], strict=True):
                        self._publish(batch, target, name, payload, ttl, delay)
                    batch.tx_commit()
                    channel.connection.process_data_events(0)
                    if returned:
                        raise self._unknown()
            return names

    def _publish(self, channel: Any, target: str, name: str, payload: bytes, ttl: float | None, delay: float) -> None:
        import pika

        now = time.time()
        headers: dict[str, Any] = {_SENT: f"{now:.3f}"}
        if ttl is not None:
            headers[_EXPIRES] = f"{now + ttl:.3f}"
        channel.basic_publish(
            "",
            target,
            payload,
            pika.BasicProperties(
                message_id=name,
                delivery_mode=2,
                content_type="application/json",
                headers=headers,
                expiration=str(math.ceil(ttl * 1000)) if ttl is not None and not delay else None,
            ),
            mandatory=True,  # a queue that does not exist answers at once
        )

    def _delay_queue(self, channel: Any, delay: float) -> str:
        step = 100 if delay < 10 else 1000
        milliseconds = math.ceil(delay * 1000 / step) * step
        # Mandatory delivery only looks at the delay queue: the queue proper may not exist.
        channel.queue_declare(self.name, passive=True)
        # Declared again at every use, which starts the time of x-expires anew.
        declared = channel.queue_declare(
            f"{self.name}.delay.{milliseconds}",
            durable=True,
            arguments={
                "x-message-ttl": milliseconds,
                "x-expires": milliseconds + _DELAY_QUEUE_IDLE,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": self.name,
            },
        )
        return str(declared.method.queue)

    def _receive(self, count: int, wait: float, claim: float | None) -> list[Message]:
        deadline = time.monotonic() + wait
        pause = 0.01
        while True:
            found = self._take(count, claim)
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _POLL)

    def _take(self, count: int, claim: float | None) -> list[Message]:
        found: list[Message] = []
        with self._calling() as channel:
            while len(found) < count:
                method, properties, payload = channel.basic_get(self.name)
                if method is None:
                    break
                message = _message(method, properties, payload)
                if _expired(properties):
                    channel.basic_ack(method.delivery_tag)
                    continue
                deadline = math.inf if claim is None else time.monotonic() + claim
                held = _Held(self, channel, method.delivery_tag, deadline, (properties, payload))
                self._held.add(held)
                message.claim = held
                found.append(message)
        return found

    def peek(self, count: int = 1) -> list[Message]:
        found: list[Message] = []
        with self._calling() as channel:
            taken: list[int] = []
            while len(found) < count:
                method, properties, payload = channel.basic_get(self.name)
                if method is None:
                    break
                taken.append(method.delivery_tag)
                if not _expired(properties):
                    found.append(_message(method, properties, payload))
            for tag in reversed(taken):  # so that each lands in front of its successor
                channel.basic_nack(tag, requeue=True)
        return found

    def stats(self) -> QueueStats:
        with self._calling() as channel:
            ready = int(channel.queue_declare(self.name, passive=True).method.message_count)
        if self._management_url is None:
            return QueueStats(ready)
        claimed = delayed = 0
        delays = re.compile(re.escape(self.name) + r"\.delay\.\d+")
        for queue in self._managed("/api/queues/%2F?columns=name,messages_ready,messages_unacknowledged"):
            if queue["name"] == self.name:
                claimed = int(queue.get("messages_unacknowledged", 0))
            elif delays.fullmatch(queue["name"]):
                delayed += int(queue.get("messages_ready", 0))
        return QueueStats(ready, claimed, delayed)

    def purge(self) -> int:
        with self._calling() as channel:
            dropped = int(channel.queue_purge(self.name).method.message_count)
        if self._management_url is not None:
            delays = re.compile(re.escape(self.name) + r"\.delay\.\d+")
            for queue in self._managed("/api/queues/%2F?columns=name"):
                if delays.fullmatch(queue["name"]):
                    with contextlib.suppress(UnknownQueue), self._calling() as channel:
                        dropped += int(channel.queue_purge(queue["name"]).method.message_count)
        return dropped

    def declare(self) -> None:
        with self._calling() as channel:
            channel.queue_declare(self.name, durable=True)

    def close(self) -> None:
        with self._lock:
            connection, self._connection, self._channel = self._connection, None, None
            self._held.clear()
            if connection is not None:
                with contextlib.suppress(Exception):
                    connection.close()

    @property
    def _lock(self) -> Any:
        if self._pid != os.getpid():  # a fork has neither the thread nor the right to the connection, and may hold the lock
            self._pid, self._mutex, self._connection, self._channel = os.getpid(), threading.RLock(), None, None
            self._held, self._ticker = set(), None
        return self._mutex

    def _settle(self, held: _Held, settle: Callable[[Any], object]) -> bool:
        with self._lock:
            if held not in self._held:
                return False
            if not held.alive():
                self._held.discard(held)
                return False
            if held.channel is not self._channel or not held.channel.is_open:
                # With the connection the claim ended: others may have the message. Say so, or that the broker is gone.
                self._held.discard(held)
                with self._calling():
                    return False
            with self._calling(reconnect=False) as channel:
                settle(channel)
                self._held.discard(held)
                return True

    def _release(self, held: _Held, delay: float) -> bool:
        if delay <= 0:
            return self._settle(held, lambda channel: channel.basic_nack(held.tag, requeue=True))

        def later(channel: Any) -> None:
            # First the copy, then the acknowledgement: a death in between makes it two, never none.
            properties, payload = held.content
            expires = _number((properties.headers or {}).get(_EXPIRES))
            properties.headers = {**(properties.headers or {}), "bbq-redelivered": True}
            properties.expiration = None
            if not expires or expires > time.time() + delay:
                channel.basic_publish("", self._delay_queue(channel, delay), payload, properties, mandatory=True)
            channel.basic_ack(held.tag)

        return self._settle(held, later)

    def _extend(self, held: _Held, seconds: float) -> bool:
        with self._lock:
            alive = held in self._held and held.alive() and held.channel.is_open
            if alive:
                held.deadline = time.monotonic() + seconds
            return alive

    @contextlib.contextmanager
    def _calling(self, *, reconnect: bool = True) -> Iterator[Any]:
        """The channel, with the client library's errors translated. After an error that closed it the next call opens anew."""
        exceptions = _pika_exceptions()
        with self._lock:
            try:
                yield self._open(reconnect)
            except BbqError:
                raise
            except exceptions.UnroutableError:
                raise self._unknown() from None
            except exceptions.ChannelClosedByBroker as error:
                self._held.clear()  # claims go with the channel
                if error.reply_code == 404:
                    raise self._unknown() from None
                raise ResourceFailed(f"the broker refused a call for queue {self.name!r}: {error.reply_text}") from None
            except exceptions.NackError:
                raise ResourceFailed(f"the broker did not take a message for queue {self.name!r}") from None
            except (exceptions.ProbableAuthenticationError, exceptions.ProbableAccessDeniedError):
                raise self._refused() from None
            except (exceptions.AMQPError, OSError) as error:
                self._held.clear()
                reason = str(error) or type(error).__name__
                raise UnreachableError(f"the broker at {self._address()} does not answer: {reason}") from None

    def _open(self, reconnect: bool) -> Any:
        if self._channel is not None and self._channel.is_open and self._connection and self._connection.is_open:
            return self._channel
        if not reconnect:
            raise UnreachableError(f"the connection to the broker at {self._address()} was lost")
        self._held.clear()
        if self._connection is None or not self._connection.is_open:
            self._connection = self._connect()
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()
        if self._ticker is None:
            self._ticker = threading.Thread(target=_tick, args=(self,), name="bbq-queue", daemon=True)
            self._ticker.start()
        return self._channel

    def _connect(self) -> BlockingConnection:
        import logging

        import pika

        logging.getLogger("pika").setLevel(logging.CRITICAL)  # it logs every error that it raises
        parts = urlsplit(self._url)
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                host=parts.hostname or "127.0.0.1",
                port=parts.port or 5672,
                virtual_host=unquote(parts.path.lstrip("/")) or "/",
                credentials=pika.PlainCredentials(unquote(parts.username or "guest"), unquote(parts.password or "guest")),
                heartbeat=15,
                socket_timeout=CALL_SECONDS,
                stack_timeout=CALL_SECONDS,
                blocked_connection_timeout=CALL_SECONDS,
                client_properties={"connection_name": f"bbq queue {self.name}"},
            )
        )

    def _managed(self, path: str) -> list[dict[str, Any]]:
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        parts = urlsplit(self._url)
        login = base64.b64encode(f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()).decode()
        request = Request(f"{self._management_url}{path}", headers={"Authorization": f"Basic {login}"})
        try:
            with urlopen(request, timeout=CALL_SECONDS) as answer:
                queues: list[dict[str, Any]] = json.load(answer)
                return queues
        except HTTPError as error:
            if error.code in (401, 403):
                raise self._refused() from None
            raise UnreachableError(f"the broker's management at {self._management_url} answers {error.code}") from None
        except (OSError, ValueError) as error:
            raise UnreachableError(f"the broker's management at {self._management_url} does not answer: {error}") from None

    def _address(self) -> str:
        parts = urlsplit(self._url)
        return f"{parts.hostname}:{parts.port or 5672}"

    def _unknown(self) -> UnknownQueue:
        return UnknownQueue(f"the broker has no queue {self.name!r}")

    def _refused(self) -> ConfigurationError:
        return ConfigurationError(
            f"the broker at {self._address()} refused the login of user {urlsplit(self._url).username!r}",
            hint="check the user and the password in the queue's URL",
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._url, self.name, self._management_url)


@dataclass(slots=True, eq=False)
class _Held:
    """A claim: one unacknowledged delivery."""

    queue: RabbitQueue
    channel: Any
    tag: int
    deadline: float
    content: tuple[Any, bytes] = field(repr=False)

    def alive(self) -> bool:
        return time.monotonic() < self.deadline

    def ack(self) -> bool:
        return self.queue._settle(self, lambda channel: channel.basic_ack(self.tag))

    def release(self, delay: float) -> bool:
        return self.queue._release(self, delay)

    def extend(self, seconds: float) -> bool:
        return self.queue._extend(self, seconds)


def _tick(queue: RabbitQueue) -> None:
    """Heartbeats, and messages whose claim's time has passed; ends with the connection."""
    while True:
        time.sleep(_TICK)
        with queue._lock:
            connection, channel = queue._connection, queue._channel
            if connection is None or channel is None or not (connection.is_open and channel.is_open):
                queue._ticker = None
                return
            # Whatever goes wrong here, the next call meets it, and tells its caller.
            with contextlib.suppress(Exception):
                for held in [held for held in queue._held if not held.alive()]:
                    queue._held.discard(held)
                    channel.basic_nack(held.tag, requeue=True)
                connection.process_data_events(0)


def _reopen(url: str, name: str, management_url: str | None) -> RabbitQueue:
    return RabbitQueue(url, name, management_url=management_url)


def _message(method: Any, properties: Any, payload: bytes) -> Message:
    headers = properties.headers or {}
    redelivered = bool(method.redelivered or headers.get("bbq-redelivered"))
    name = properties.message_id or f"delivery-{method.delivery_tag}"
    return Message(name, decode(payload), _number(headers.get(_SENT)), redelivered)


def _expired(properties: Any) -> bool:
    expires = _number((properties.headers or {}).get(_EXPIRES))
    return bool(expires) and expires <= time.time()


def _number(value: Any) -> float:
    try:
        return float(value or 0.0)
    except (TypeError, ValueError):
        return 0.0


def _pika_exceptions() -> Any:
    try:
        from pika import exceptions
    except ImportError:
        raise ConfigurationError("the Python package pika is not installed", hint="pip install 'bbq[local]'") from None
    return exceptions
