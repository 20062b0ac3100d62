"""Queues on NATS JetStream (server 2.12 or newer).

A queue is a work-queue stream with two kinds of subjects: `bbq.<queue>.ready`, from which one durable pull consumer hands out,
and `bbq.<queue>.delayed.<id>`, where a message with a delay waits as a schedule that the server moves to `ready` (ADR-51). A
time to live is the server's per-message TTL (ADR-43, whole seconds, rounded up); the exact moment stands in a header and is
looked at when the message is received.

The consumer's ack wait is `HOLDER_GONE_SECONDS`. As long as the holder lives, one timer per claim renews it until the claim's
own time has passed; then the timer gives the message back. So a claim may be long, and a dead holder is still noticed soon.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import os
import re
import time
import uuid
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from bbq.errors import ResourceFailed, UsageError
from bbq.handles.background import fire
from bbq.handles.nats_connection import CALL_SECONDS, Connection
from bbq.handles.queue import HOLDER_GONE_SECONDS, Message, Queue, QueueStats, decode

T = TypeVar("T")

CONSUMER: Final = "claims"
_WAIT_SLICE = 5.0  # seconds one pull request lives; the next one notices a lost connection
_BATCH = 500  # messages in flight to the broker at once
_NANO = 1_000_000_000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SENT, _EXPIRES, _ID = "Bbq-Sent", "Bbq-Expires", "Bbq-Id"


class NatsQueue(Queue):
    """See `Queue`. `delayed` and `ready` of `stats` are exact at the moment of the call, each on its own."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name)
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be a queue's name", hint="letters, digits, dot, dash and underscore, at most 128 of them"
            )
        token = name.replace(".", "=")  # neither a stream's name nor one level of a subject has dots
        self._stream = f"bbq_{token}"
        self._ready = f"bbq.{token}.ready"
        self._delayed = f"bbq.{token}.delayed"
        self._pid = os.getpid()
        self._connection = Connection(url, name)
        self._held: dict[int, _Held] = {}

    # The interface: each call runs on the event loop's thread and waits for it here.

    def _send(self, payloads: list[bytes], ttl: float | None, delay: float) -> list[str]:
        return self._run(self._publish(payloads, ttl, delay))

    def _receive(self, count: int, wait: float, claim: float | None) -> list[Message]:
        return self._run(self._pull_until(count, wait, claim))

    def ack_many(self, messages: Sequence[Message]) -> int:
        held = [message.claim for message in messages if isinstance(message.claim, _Held)]
        return sum(self._run(self._settle_all(held)))

    def peek(self, count: int = 1) -> list[Message]:
        return self._run(self._peek(count))

    def stats(self) -> QueueStats:
        return self._run(self._stats())

    def purge(self) -> int:
        return self._run(self._purge())

    def declare(self) -> None:
        self._run(self._declare())

    def close(self) -> None:
        if self._pid == os.getpid() and self._connection.opened:
            self._run(self._close())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._pid != os.getpid():  # a fork has neither the thread nor the right to the connection
            self._pid, self._connection, self._held = os.getpid(), Connection(self._url, self.name), {}
        return self._connection.run(work)

    # On the event loop.

    async def _api(self, verb: str, **body: Any) -> dict[str, Any]:
        return await self._connection.api(verb, **body)

    async def _purge(self) -> int:
        return int((await self._api(f"STREAM.PURGE.{self._stream}"))["purged"])

    async def _close(self) -> None:
        for held in list(self._held.values()):
            held.drop()
        await self._connection.close()

    async def _declare(self) -> None:
        await self._api(
            f"STREAM.CREATE.{self._stream}",
            name=self._stream,
            subjects=[self._ready, f"{self._delayed}.*"],
            retention="workqueue",
            storage="file",
            discard="old",  # "new" excludes schedules; without limits nothing is ever discarded
            num_replicas=1,
            max_consumers=-1,
            max_msgs=-1,
            max_bytes=-1,
            max_age=0,
            max_msg_size=-1,
            max_msgs_per_subject=-1,
            duplicate_window=120 * _NANO,
            allow_msg_ttl=True,
            allow_msg_schedules=True,
        )
        await self._api(
            f"CONSUMER.CREATE.{self._stream}.{CONSUMER}.{self._ready}",
            stream_name=self._stream,
            config={
                "name": CONSUMER,
                "durable_name": CONSUMER,
                "filter_subject": self._ready,
                "ack_policy": "explicit",
                "ack_wait": int(HOLDER_GONE_SECONDS * _NANO),
                "deliver_policy": "all",
                "replay_policy": "instant",
                "max_deliver": -1,
                "max_ack_pending": -1,
            },
        )

    async def _publish(self, payloads: list[bytes], ttl: float | None, delay: float) -> list[str]:
        names = [uuid.uuid4().hex for _ in payloads]
        for start in range(0, len(payloads), _BATCH):
            batch = zip(names[start : start + _BATCH], payloads[start : start + _BATCH], strict=True)
            await asyncio.gather(*(self._publish_one(name, payload, ttl, delay) for name, payload in batch))
        return names

    async def _publish_one(self, name: str, payload: bytes, ttl: float | None, delay: float) -> None:
        now = time.time()
        headers = {_ID: name, "Nats-Msg-Id": name, _SENT: f"{now:.3f}"}
        subject = self._ready
        if ttl is not None:
            headers[_EXPIRES] = f"{now + ttl:.3f}"
            lifetime = f"{math.ceil(ttl - delay)}s"
            headers["Nats-Schedule-TTL" if delay else "Nats-TTL"] = lifetime
        if delay:
            subject = f"{self._delayed}.{name}"
            when = datetime.fromtimestamp(now + delay, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            headers |= {"Nats-Schedule": f"@at {when}", "Nats-Schedule-Target": self._ready}
        answer = await self._connection.request(subject, payload, headers)
        if error := answer.get("error"):
            raise ResourceFailed(f"the broker did not take a message for queue {self.name!r}: {error.get('description')}")

    async def _pull_until(self, count: int, wait: float, claim: float | None) -> list[Message]:
        deadline = time.monotonic() + wait
        while True:
            found = await self._pull(count, None, claim)
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            # One message only: more of a larger request could come after its answer was taken, and be claimed by nobody.
            found = await self._pull(1, min(left, _WAIT_SLICE), claim)
            if found:
                return found + (await self._pull(count - 1, None, claim) if count > 1 else [])

    async def _pull(self, count: int, expires: float | None, claim: float | None) -> list[Message]:
        """One pull request: what is there now (`expires` None), or what comes within that many seconds."""
        client = await self._connection.client()
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        request: dict[str, Any] = {"batch": count}
        request |= {"no_wait": True} if expires is None else {"expires": int(expires * _NANO)}
        found: list[Message] = []
        try:
            await client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{CONSUMER}", json.dumps(request).encode(), reply=inbox
            )
            for _ in range(count):
                answer = await subscription.next_msg(timeout=CALL_SECONDS + (expires or 0.0))
                headers = answer.headers or {}
                status = headers.get("Status")
                if status == "503":
                    raise self._connection.unknown()
                if status == "409" and "deleted" in str(headers):
                    raise self._connection.unknown()
                if status is not None:  # 404: nothing there, 408: nothing came in time
                    break
                if _expired(headers):
                    await client.publish(answer.reply, b"+TERM")
                    continue
                found.append(self._message(answer.data, headers, self._hold(answer.reply, claim)))
        finally:
            with contextlib.suppress(Exception):
                await subscription.unsubscribe()
        return found

    def _hold(self, reply: str, claim: float | None) -> _Held:
        held = _Held(self, reply, math.inf if claim is None else time.monotonic() + claim)
        self._held[held.sequence] = held
        held.tick(renew=False)
        return held

    def _message(self, payload: bytes, headers: dict[str, str], held: _Held | None, number: int = 0) -> Message:
        sent = _number(headers.get(_SENT))
        name = headers.get(_ID) or headers.get("Nats-Msg-Id") or str(held.sequence if held else number)
        return Message(name, decode(payload), sent, held is not None and held.deliveries > 1, held)

    async def _settle(self, held: _Held, word: bytes) -> bool:
        if not held.alive():
            return False
        client = await self._connection.client()
        await client.request(held.reply, word, timeout=CALL_SECONDS)
        held.drop()  # not before: where the broker does not answer the claim stands, and the caller may try again
        return True

    async def _settle_all(self, messages: Sequence[_Held]) -> list[bool]:
        done: list[bool] = []
        for start in range(0, len(messages), _BATCH):
            done += await asyncio.gather(*(self._settle(held, b"+ACK") for held in messages[start : start + _BATCH]))
        return done

    async def _extend(self, held: _Held, seconds: float) -> bool:
        if not held.alive():
            return False
        held.deadline = time.monotonic() + seconds
        held.tick()
        return True

    async def _consumer(self) -> dict[str, Any]:
        return await self._api(f"CONSUMER.INFO.{self._stream}.{CONSUMER}")

    async def _stats(self) -> QueueStats:
        stream, consumer = await asyncio.gather(
            self._api(f"STREAM.INFO.{self._stream}", subjects_filter=self._ready), self._consumer()
        )
        total = int(stream["state"]["messages"])
        present = int((stream["state"].get("subjects") or {}).get(self._ready, 0))
        claimed = min(int(consumer["num_ack_pending"]), present)
        oldest = await self._stored(1) if present else None
        sent = _number(oldest[1].get(_SENT)) if oldest else 0.0
        return QueueStats(present - claimed, claimed, total - present, max(time.time() - sent, 0.0) if sent else None)

    async def _peek(self, count: int) -> list[Message]:
        number = int((await self._consumer())["ack_floor"]["stream_seq"]) + 1
        found: list[Message] = []
        while len(found) < count and (stored := await self._stored(number)):
            sequence, headers, payload = stored
            number = sequence + 1
            held = self._held.get(sequence)
            if not (held and held.alive()) and not _expired(headers):
                found.append(self._message(payload, headers, None, sequence))
        return found

    async def _stored(self, first: int) -> tuple[int, dict[str, str], bytes] | None:
        """The next message in `ready` from sequence number `first` on."""
        request = json.dumps({"seq": first, "next_by_subj": self._ready}).encode()
        answer = await self._connection.request(f"$JS.API.STREAM.MSG.GET.{self._stream}", request)
        message = answer.get("message")
        if message is None:
            return None
        lines = base64.b64decode(message.get("hdrs") or "").decode(errors="replace").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        return int(message["seq"]), headers, base64.b64decode(message.get("data") or "")


@dataclass(slots=True, eq=False)
class _Held:
    """A claim. All but the three methods of `Claim` run on the event loop's thread.

    `renewed` is when the broker last heard that the message is being worked on: later than the ack wait after it, others may
    have the message (this process was stopped for a while).
    """

    queue: NatsQueue
    reply: str
    deadline: float
    renewed: float = field(default_factory=time.monotonic)
    open: bool = True
    timer: asyncio.TimerHandle | None = None

    def ack(self) -> bool:
        return self.queue._run(self.queue._settle(self, b"+ACK"))

    def release(self, delay: float) -> bool:
        word = b"-NAK " + json.dumps({"delay": int(delay * _NANO)}).encode() if delay > 0 else b"-NAK"
        return self.queue._run(self.queue._settle(self, word))

    def extend(self, seconds: float) -> bool:
        return self.queue._run(self.queue._extend(self, seconds))

    # $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>

    @property
    def deliveries(self) -> int:
        return int(self.reply.split(".")[-5])

    @property
    def sequence(self) -> int:
        return int(self.reply.split(".")[-4])

    def alive(self) -> bool:
        now = time.monotonic()
        return self.open and now < self.deadline and now < self.renewed + HOLDER_GONE_SECONDS

    def drop(self) -> None:
        """End it on this side."""
        self.open = False
        if self.timer:
            self.timer.cancel()
        if self.queue._held.get(self.sequence) is self:
            del self.queue._held[self.sequence]

    def tick(self, *, renew: bool = True) -> None:
        """Renew the claim, or give the message back when its time has passed."""
        if self.timer:
            self.timer.cancel()
        left = self.deadline - time.monotonic()
        client = self.queue._connection.live
        if left <= 0:
            self.drop()
            if client:
                fire(client.publish(self.reply, b"-NAK"))
            return
        if renew and client and self.alive():
            self.renewed = time.monotonic()
            fire(client.publish(self.reply, b"+WPI"))
        self.timer = asyncio.get_running_loop().call_later(min(left, HOLDER_GONE_SECONDS / 3), self.tick)


def _number(text: str | None) -> float:
    try:
        return float(text or 0.0)
    except ValueError:
        return 0.0


def _expired(headers: dict[str, str]) -> bool:
    expires = _number(headers.get(_EXPIRES))
    return bool(expires) and expires <= time.time()
