"""Queues on OpenStack's Zaqar (API v2), by pre-signed URLs: whoever has the URL uses the queue, and needs no account.

A claim of Zaqar's is of one or more messages and lasts a minute at least. So the message's own claim is kept here: Zaqar's is
renewed as long as one of its messages is held, and a message that is released, or whose time has passed, is given back as a
copy (which keeps its id) that is sent before the original is deleted: a death in between makes two of one, never none. After
the holder's death others get a message within a minute.

A message is sent as it is, so that other programs and webhooks get what they expect. Only what Zaqar has no place for goes into
an envelope, `{"bbq": {...}, "body": ...}`: a time to live that is not a whole number of seconds from 60 on, when a delay ends,
the id of a copy.

Zaqar does not tell whether a message was claimed before (`redelivered` is false for what comes back after its holder's death),
and its numbers only to those who log in: `stats` counts by listing, 20 messages a call. Nothing stays longer than the queue's
default time to live (14 days, where the cloud allows for that). Queues that bbq makes have a default delay of one second,
without which Zaqar takes no notice of a message's own delay; it counts for other programs that send without one.

https://docs.openstack.org/api-ref/message/
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from bbq.errors import UsageError
from bbq.handles.queue import Message, PolledQueue, QueueStats
from bbq.handles.zaqar_claims import LASTING, Claims, Held
from bbq.handles.zaqar_connection import PAGE, Connection

_POST: Final = 262_144  # bytes of one call, the same
_BATCH: Final = 100  # messages of one call: the answer has a header with all their ids
_MINUTE: Final = 60


class ZaqarQueue(PolledQueue):
    """See `Queue`."""

    _pauses = (0.05, 0.5)

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name)
        self._connection = Connection(url, name)
        self._claims = Claims(self._connection, self._copy)

    def _send(self, payloads: list[bytes], ttl: float | None, delay: float) -> list[str]:
        now, ids = time.time(), list[str]()
        items = [self._item(payload, ttl, delay, now) for payload in payloads]
        for batch in self._batches(items):
            _, answer = self._connection.call("POST", "/messages", b'{"messages":[' + b",".join(batch) + b"]}")
            ids += [str(path).rsplit("/", 1)[-1] for path in answer["resources"]]
        return ids

    def _item(
        self, payload: bytes, ttl: float | None, delay: float, now: float, envelope: dict[str, Any] | None = None
    ) -> bytes:
        """A message as it is posted."""
        head: dict[str, Any] = {"delay": math.ceil(delay)}
        inner = dict(envelope or {})
        if delay:
            inner["due"] = round(now + delay, 3)
        if ttl is not None:
            head["ttl"] = max(_MINUTE, math.ceil(ttl))
            if head["ttl"] != ttl:
                inner["expires"] = round(now + ttl, 3)
        if inner:
            inner.setdefault("sent", round(now, 3))
        if inner or payload.startswith(b'{"bbq":'):
            payload = b'{"bbq":' + json.dumps(inner).encode() + b',"body":' + payload + b"}"
        return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"body":' + payload + b"}"

    def _batches(self, items: list[bytes]) -> Iterator[list[bytes]]:
        """As many as fit into one call."""
        most = self._connection.limits.get("post", _POST) - 64
        batch, size = list[bytes](), 0
        for item in items:
            if len(item) > most:
                raise UsageError(f"a message of {len(item)} bytes is too large: this queue takes {most}")
            if size + len(item) + 1 > most or len(batch) == _BATCH:
                yield batch
                batch, size = [], 0
            batch.append(item)
            size += len(item) + 1
        yield batch

    def _take(self, count: int, claim: float | None) -> list[Message]:
        found: list[Message] = []
        while len(found) < count:
            asked = min(count - len(found), PAGE)
            _, answer = self._connection.call("POST", "/claims", LASTING, limit=asked)
            items = (answer or {}).get("messages") or []
            if not items:
                break
            name = parse_qs(urlsplit(items[0]["href"]).query)["claim_id"][0]
            now = time.time()
            content = [(item["id"], item["body"], _sent(item, _opened(item["body"])[0], now)) for item in items]
            helds = self._claims.begin(name, content, claim)
            for item, held in zip(items, helds, strict=True):
                message, wait = _message(item), _wait(item)
                if wait > 0:  # Zaqar's Redis store hands it out all the same: nobody gets it before its time
                    self._claims.postpone(held, wait)
                elif message is None:
                    held.ack()
                else:
                    message.claim = held
                    found.append(message)
            if len(items) < asked:
                break
        return found

    def ack_many(self, messages: Sequence[Message]) -> int:
        helds = [message.claim for message in messages if isinstance(message.claim, Held)]
        return self._claims.ack_many(helds)

    def peek(self, count: int = 1) -> list[Message]:
        found: list[Message] = []
        for item in self._list():
            message = _message(item)
            if message is not None:
                found.append(message)
            if len(found) >= count:
                break
        return found

    def stats(self) -> QueueStats:
        now, numbers, oldest = time.time(), {"ready": 0, "claimed": 0, "delayed": 0}, 0.0
        for item in self._list(include_claimed="true", include_delayed="true"):
            kind = _kind(item, now)
            if kind is None:
                continue
            numbers[kind] += 1
            if kind != "delayed":
                oldest = max(oldest, now - _sent(item, _opened(item["body"])[0], now))
        return QueueStats(**numbers, oldest_age=oldest if numbers["ready"] + numbers["claimed"] else None)

    def purge(self) -> int:
        now = time.time()
        found = self._list(include_claimed="true", include_delayed="true")
        names = [item["id"] for item in found if _kind(item, now) != "claimed"]
        self._connection.delete_messages(names)
        return len(names)

    def declare(self) -> None:
        """The provider has made the queue; Zaqar makes one anew by itself when something is sent to it."""
        self._connection.call("GET", "/messages", limit=1)

    def close(self) -> None:
        self._claims.close()
        self._connection.close()

    def _list(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Page by page. A marker that is nobody's begins at the beginning; without one Zaqar's Redis store fails where claimed
        messages are to be shown, and after a page of one message it may give that page again."""
        marker, seen = "0" if query else "", set[str]()
        while True:
            more: dict[str, Any] = {"marker": marker} if marker else {}
            _, answer = self._connection.call("GET", "/messages", echo="true", limit=PAGE, **query, **more)
            items = [item for item in (answer or {}).get("messages") or [] if item["id"] not in seen]
            seen.update(item["id"] for item in items)
            yield from items
            href = next((link["href"] for link in (answer or {}).get("links") or () if link["rel"] == "next"), "")
            marker = parse_qs(urlsplit(href).query).get("marker", [""])[0]
            if not items or not marker:
                return

    def _copy(self, held: Held, delay: float) -> None:
        """Send a held message again, under its old id, for others to receive after `delay` seconds."""
        envelope, content = _opened(held.body)
        now, expires = time.time(), envelope.pop("expires", None)
        envelope.pop("due", None)
        left = None if expires is None else float(expires) - now
        if left is not None and left <= delay:
            return  # it would be dropped before its delay has passed
        again = held.again or bool(envelope.get("redelivered"))
        inner = {"id": held.name, **envelope, "sent": round(held.sent_at, 3), "redelivered": again}
        payload = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        self._connection.call("POST", "/messages", b'{"messages":[' + self._item(payload, left, delay, now, inner) + b"]}")


def _opened(body: Any) -> tuple[dict[str, Any], Any]:
    """(what the envelope says, the body)."""
    if isinstance(body, dict) and body.keys() == {"bbq", "body"} and isinstance(body["bbq"], dict):
        return dict(body["bbq"]), body["body"]
    return {}, body


def _message(item: dict[str, Any]) -> Message | None:
    """A message of a list or a claim; None where its time has passed."""
    envelope, content = _opened(item["body"])
    now = time.time()
    if (expires := envelope.get("expires")) is not None and float(expires) <= now:
        return None
    name, again = str(envelope.get("id") or item["id"]), bool(envelope.get("redelivered"))
    return Message(name, content, _sent(item, envelope, now), again)


def _wait(item: dict[str, Any]) -> float:
    """Seconds until its delay has passed."""
    return float(_opened(item["body"])[0].get("due") or 0.0) - time.time()


def _kind(item: dict[str, Any], now: float) -> str | None:
    """What it counts as in `stats`; None where its time has passed. One that waits for its delay may be claimed meanwhile."""
    envelope, _ = _opened(item["body"])
    if float(envelope.get("due") or 0.0) > now:
        return "delayed"
    if "claim_id=" in item["href"]:
        return "claimed"
    return None if float(envelope.get("expires") or math.inf) <= now else "ready"


def _sent(item: dict[str, Any], envelope: dict[str, Any], now: float) -> float:
    return float(envelope.get("sent") or now - float(item.get("age") or 0))
