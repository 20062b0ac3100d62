"""Queues on RabbitMQ (AMQP 0-9-1, server 3.8 or newer).

A queue is a durable classic queue. A message with a delay waits in a queue of its own, `<queue>.delay.<milliseconds>`, whose
messages all expire after that time into the queue proper (dead-lettering); the broker drops such a queue some time after its
last use. A delay is rounded up to 0.1 s (1 s from 10 s on), so that there are few of them. A time to live is the message's
expiration; the exact moment stands in a header, too, and is looked at when the message is received, since the broker drops only
what has reached the head of the queue.

A claim is an unacknowledged delivery: it ends at once when the connection does. What is claimed and delayed only the
management plugin tells, about a second late: without `management_url`, `stats` has None there.

https://www.rabbitmq.com/docs/ttl, https://www.rabbitmq.com/docs/dlx, https://www.rabbitmq.com/docs/confirms
"""

from __future__ import annotations

import contextlib
import math
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bbq.errors import UsageError
from bbq.handles.queue import Message, PolledQueue, QueueStats, UnknownQueue, decode
from bbq.handles.rabbitmq_connection import Connection, Delivery

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SENT, _EXPIRES = "bbq-sent", "bbq-expires"
_BATCH = 1000  # messages of a transaction
_DELAY_QUEUE_IDLE = 60_000  # milliseconds a delay queue outlives its last message


class RabbitQueue(PolledQueue):
    """See `Queue`. All state is the connection's."""

    _pauses = (0.01, 0.2)

    def __init__(self, url: str, name: str, *, management_url: str | None = None) -> None:
        super().__init__(url, name)
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be a queue's name", hint="letters, digits, dot, dash and underscore, at most 128 of them"
            )
        self._management_url = management_url
        self._connection = Connection(url, name, management_url)

    def _send(self, payloads: list[bytes], ttl: float | None, delay: float) -> list[str]:
        with self._connection.calling() as channel:
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
                        raise self._connection.unknown()
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

    def _take(self, count: int, claim: float | None) -> list[Message]:
        found: list[Message] = []
        with self._connection.calling() as channel:
            while len(found) < count:
                method, properties, payload = channel.basic_get(self.name)
                if method is None:
                    break
                message = _message(method, properties, payload)
                if _expired(properties):
                    channel.basic_ack(method.delivery_tag)
                    continue
                deadline = math.inf if claim is None else time.monotonic() + claim
                delivery = Delivery(channel, method.delivery_tag, deadline, (properties, payload))
                self._connection.claims.add(delivery)
                message.claim = _Claim(self, delivery)
                found.append(message)
        return found

    def peek(self, count: int = 1) -> list[Message]:
        found: list[Message] = []
        with self._connection.calling() as channel:
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
        with self._connection.calling() as channel:
            ready = int(channel.queue_declare(self.name, passive=True).method.message_count)
        if self._management_url is None:
            return QueueStats(ready)
        claimed = delayed = 0
        delays = re.compile(re.escape(self.name) + r"\.delay\.\d+")
        for queue in self._connection.managed("/api/queues/%2F?columns=name,messages_ready,messages_unacknowledged"):
            if queue["name"] == self.name:
                claimed = int(queue.get("messages_unacknowledged", 0))
            elif delays.fullmatch(queue["name"]):
                delayed += int(queue.get("messages_ready", 0))
        return QueueStats(ready, claimed, delayed)

    def purge(self) -> int:
        with self._connection.calling() as channel:
            dropped = int(channel.queue_purge(self.name).method.message_count)
        if self._management_url is not None:
            delays = re.compile(re.escape(self.name) + r"\.delay\.\d+")
            for queue in self._connection.managed("/api/queues/%2F?columns=name"):
                if delays.fullmatch(queue["name"]):
                    with contextlib.suppress(UnknownQueue), self._connection.calling() as channel:
                        dropped += int(channel.queue_purge(queue["name"]).method.message_count)
        return dropped

    def declare(self) -> None:
        with self._connection.calling() as channel:
            channel.queue_declare(self.name, durable=True)

    def close(self) -> None:
        self._connection.close()

    def _settle(self, held: Delivery, settle: Callable[[Any], object]) -> bool:
        with self._connection.lock:
            if held not in self._connection.claims:
                return False
            if not held.alive():
                self._connection.claims.discard(held)
                return False
            if not self._connection.holds(held):
                # With the connection the claim ended: others may have the message. Say so, or that the broker is gone.
                self._connection.claims.discard(held)
                with self._connection.calling():
                    return False
            with self._connection.calling(reconnect=False) as channel:
                settle(channel)
                self._connection.claims.discard(held)
                return True

    def _release(self, held: Delivery, delay: float) -> bool:
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

    def _extend(self, held: Delivery, seconds: float) -> bool:
        with self._connection.lock:
            alive = held in self._connection.claims and held.alive() and bool(held.channel.is_open)
            if alive:
                held.deadline = time.monotonic() + seconds
            return alive

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._url, self.name, self._management_url)


@dataclass(frozen=True, slots=True)
class _Claim:
    queue: RabbitQueue
    delivery: Delivery

    def ack(self) -> bool:
        return self.queue._settle(self.delivery, lambda channel: channel.basic_ack(self.delivery.tag))

    def release(self, delay: float) -> bool:
        return self.queue._release(self.delivery, delay)

    def extend(self, seconds: float) -> bool:
        return self.queue._extend(self.delivery, seconds)


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
