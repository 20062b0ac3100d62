"""Named queues: one interface over the brokers that bbq deploys.

    queue = bbq.handles.open_queue("nats://user:password@127.0.0.1:4222", "packets")
    queue.send({"id": 1}, ttl=3600, delay=5)
    for message in queue.receive(10, wait=2.0):
        ...
        message.ack()

Delivery is at least once. A message that is received is claimed: nobody else gets it until it is acknowledged, released, its
claim's time has passed, or the process that holds it died (then it comes back within `HOLDER_GONE_SECONDS`; on Zaqar within a
minute). So what a message makes happen should be the same when it happens twice; `Message.id` stays the same from delivery to
delivery.

Opening is cheap (no import of a client library, no connection): the first call connects, and so does the first call after
a lost connection. A queue may be used from several threads, and be pickled (a Spark executor connects for itself); its URL
with the password goes along.
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol, Self

from bbq.errors import UsageError
from bbq.handles.urls import without_password

CLAIM_SECONDS: Final = 60.0
HOLDER_GONE_SECONDS: Final = 15.0
"""How long after the death of the process that holds a message others get it, at most."""

_WAIT_SLICE = 5.0  # seconds; bounds how long `messages` takes to see that it was stopped


class UnknownQueue(UsageError):
    """The broker has no queue of that name. A refused login is a `ConfigurationError`, a broker that does not answer an
    `UnreachableError`."""


class Claim(Protocol):
    """What a backend keeps of a received message. Each call says whether the claim was still held."""

    def ack(self) -> bool: ...
    def release(self, delay: float) -> bool: ...
    def extend(self, seconds: float) -> bool: ...


@dataclass(slots=True)
class Message:
    """One message. `body` is what was sent (JSON data; `bytes` where another program sent something else).

    id           given at sending, the same at every delivery
    sent_at      seconds since the epoch; 0.0 where another program sent it and did not say
    redelivered  true where somebody had it before and did not acknowledge it
    """

    id: str
    body: Any
    sent_at: float = 0.0
    redelivered: bool = False
    claim: Claim | None = field(default=None, repr=False, compare=False)

    def ack(self) -> bool:
        """Done: the message leaves the queue. False where the claim had ended before, so that others may get it again."""
        return self._claimed().ack()

    def release(self, delay: float = 0.0) -> bool:
        """Give it back, for others to receive after `delay` seconds. False where the claim had ended before."""
        return self._claimed().release(delay)

    def extend(self, seconds: float = CLAIM_SECONDS) -> bool:
        """Hold it for `seconds` from now. False where the claim had ended before: stop working on it."""
        return self._claimed().extend(seconds)

    def _claimed(self) -> Claim:
        if self.claim is None:
            raise UsageError("this message was not received, only looked at", hint="receive() claims messages; peek() does not")
        return self.claim


@dataclass(frozen=True, slots=True)
class QueueStats:
    """Numbers of messages. None where the broker does not tell.

    ready       can be received now
    claimed     received and not acknowledged. On NATS a message whose claim ended counts here until it is received again
    delayed     sent with a delay that has not passed
    oldest_age  seconds since the oldest message that is ready or claimed was sent
    """

    ready: int
    claimed: int | None = None
    delayed: int | None = None
    oldest_age: float | None = None

    @property
    def backlog(self) -> int:
        """Work to do now: ready and claimed."""
        return self.ready + (self.claimed or 0)


class Queue(ABC):
    """A named queue on a broker. Raises `UnknownQueue`, `ConfigurationError` (login refused, client library missing),
    `UnreachableError` (the broker does not answer) and `UsageError` (a body that is not JSON data, or too large)."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self.name = name

    def send(self, body: Any, *, ttl: float | None = None, delay: float | None = None) -> str:
        """Put one message (JSON data) into the queue and return its id, as soon as the broker has stored it.

        `ttl`: seconds from now after which it is dropped if nobody has received it. `delay`: seconds from now during which
        nobody gets it.
        """
        return self.send_many([body], ttl=ttl, delay=delay)[0]

    def send_many(self, bodies: Iterable[Any], *, ttl: float | None = None, delay: float | None = None) -> list[str]:
        """`send` for many; much faster than one after the other. Where it raises, some may have been sent."""
        if ttl is not None and ttl <= 0:
            raise UsageError(f"a time to live must be more than 0 seconds, not {ttl:g}")
        if delay is not None and delay < 0:
            raise UsageError(f"a delay must not be less than 0 seconds, not {delay:g}")
        if ttl is not None and delay and ttl <= delay:
            raise UsageError(f"the message would be dropped (ttl {ttl:g} s) before its delay of {delay:g} s has passed")
        payloads = [encode(body) for body in bodies]
        return self._send(payloads, ttl, delay or 0.0) if payloads else []

    def receive(self, count: int = 1, *, wait: float = 0.0, claim: float | None = CLAIM_SECONDS) -> list[Message]:
        """Claim up to `count` messages, about in the order of sending.

        Returns as soon as there is at least one, with those that are there then; empty after `wait` seconds without one.
        `claim`: seconds until others get the message if it was not acknowledged; None holds it as long as this process lives.
        """
        if count < 1:
            raise UsageError(f"the number of messages must be at least 1, not {count}")
        return self._receive(count, max(wait, 0.0), claim)

    def pop(self, *, wait: float = 0.0) -> Message | None:
        """Take one message out of the queue for good (acknowledged before it is worked on: at most once)."""
        for message in self.receive(1, wait=wait):
            if message.ack():
                return message
        return None

    def messages(
        self, *, stop: threading.Event | None = None, idle: float | None = None, claim: float | None = None
    ) -> Iterator[Message]:
        """Received messages one by one, for the caller to acknowledge; held as long as this process lives by default.

        Ends when `stop` is set, or after `idle` seconds without a message; else never.
        """
        quiet = 0.0
        while stop is None or not stop.is_set():
            wait = 1.0 if stop else _WAIT_SLICE
            if idle is not None:
                wait = max(min(wait, idle - quiet), 0.0)
            batch = self.receive(1, wait=wait, claim=claim)
            yield from batch
            quiet = 0.0 if batch else quiet + wait
            if idle is not None and not batch and quiet >= idle:
                return

    def __iter__(self) -> Iterator[Message]:
        return self.messages()

    def subscribe(
        self, callback: Callable[[Message], object], *, stop: threading.Event | None = None, idle: float | None = None
    ) -> int:
        """Call `callback(message)` for every message, here, one after the other; returns how many when `messages` ends.

        A message is acknowledged when the callback returns (unless it did so itself), and released when the callback raises;
        the exception goes on to the caller.
        """
        done = 0
        for message in self.messages(stop=stop, idle=idle):
            try:
                callback(message)
            except BaseException:
                message.release()
                raise
            message.ack()
            done += 1
        return done

    def ack_many(self, messages: Sequence[Message]) -> int:
        """Acknowledge messages of this queue, faster than one by one; returns how many were still claimed."""
        return sum(message.ack() for message in messages)

    @abstractmethod
    def _send(self, payloads: list[bytes], ttl: float | None, delay: float) -> list[str]: ...

    @abstractmethod
    def _receive(self, count: int, wait: float, claim: float | None) -> list[Message]: ...

    @abstractmethod
    def peek(self, count: int = 1) -> list[Message]:
        """Look at the next messages without claiming them. NATS may show what another process has claimed; RabbitMQ takes the
        messages and puts them back, so that they count as redelivered."""

    @abstractmethod
    def stats(self) -> QueueStats: ...

    @abstractmethod
    def purge(self) -> int:
        """Drop every message that is ready or delayed; returns about how many."""

    @abstractmethod
    def declare(self) -> None:
        """Make the queue where it does not exist. The provider does so; an application only uses what was deployed."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection; claims that are still held end within `HOLDER_GONE_SECONDS`. The next call connects."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._url, self.name)

    def __repr__(self) -> str:
        return f"<queue {self.name!r} on {without_password(self._url)}>"


class PolledQueue(Queue):
    """A queue on a broker that does not tell when a message comes: it is asked again and again."""

    _pauses: ClassVar[tuple[float, float]]
    """Seconds between two looks at an empty queue: the first, and the longest that it grows to."""

    @abstractmethod
    def _take(self, count: int, claim: float | None) -> list[Message]:
        """Claim what is there now, up to `count` messages."""

    def _receive(self, count: int, wait: float, claim: float | None) -> list[Message]:
        deadline = time.monotonic() + wait
        pause, longest = self._pauses
        while True:
            found = self._take(count, claim)
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, longest)


def encode(body: Any) -> bytes:
    try:
        return json.dumps(body, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"a message must be JSON data: {error}") from None


def decode(payload: bytes) -> Any:
    """The body of a message; as it is where another program sent something other than JSON."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload
