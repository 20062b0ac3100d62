"""HTTP to a Zaqar by a pre-signed URL: no login, no library, the one queue that was signed for.

https://docs.openstack.org/api-ref/message/#pre-signed-queue
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

from bbq.errors import ConfigurationError, UnreachableError, UsageError
from bbq.handles.queue import UnknownQueue
from bbq.handles.urls import split, without_password

METHODS: Final = ("DELETE", "GET", "PATCH", "POST")
"""What a signature is asked for, sorted, as it is signed."""
RESOURCES: Final = ("claims", "messages")
PAGE: Final = 20
"""Messages of one call at most, unless the cloud is configured otherwise."""
_SECONDS: Final = 20.0
_IDLE: Final = 5.0  # seconds after which a connection that was kept is not trusted any more
_CLIENT: Final = "Client-ID"


def make_url(endpoint: str, project: str, expires: str, signatures: dict[str, tuple[str, str]], **limits: int) -> str:
    """`zaqar+http://host:port/path?...` for `open_queue`. `endpoint` is Zaqar's `http://host:port/v2`; `signatures` is by the
    queue's name: (its name in Zaqar, signature)."""
    signed = {f"q.{name}": f"{inner}:{signature}" for name, (inner, signature) in signatures.items()}
    return f"zaqar+{endpoint.rstrip('/')}?{urlencode({'project': project, 'expires': expires, **limits, **signed})}"


class Connection:
    """One kept connection; calls of several threads go one after the other. `limits` are the numbers in the URL."""

    def __init__(self, url: str, name: str) -> None:
        parts = split(url)
        given = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        signed = given.get(f"q.{name}", "")
        names = sorted(key.removeprefix("q.") for key in given if key.startswith("q."))
        if not signed or not parts.hostname:
            raise UnknownQueue(f"the URL gives no access to a queue {name!r}", hint=f"it does to: {', '.join(names) or 'none'}")
        self.queue, _, signature = signed.partition(":")
        self.limits = {key: int(value) for key, value in given.items() if value.isdigit() and key != "project"}
        self._shown = without_password(url)
        self._expires = given.get("expires", "")
        self._secure = parts.scheme.endswith("https")
        self._address = parts.hostname, parts.port or (443 if self._secure else 80)
        self._base = f"{parts.path.rstrip('/')}/queues/{quote(self.queue, safe='')}"
        self._headers = {
            "X-Project-Id": given.get("project", ""),
            "URL-Signature": signature,
            "URL-Expires": self._expires,
            "URL-Methods": ",".join(METHODS),
            "URL-Paths": ",".join(f"/v2/queues/{self.queue}/{resource}" for resource in RESOURCES),
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._kept: http.client.HTTPConnection | None = None  # guarded by _lock, as _used is
        self._used = 0.0
        self._headers[_CLIENT] = str(uuid.uuid4())

    def call(
        self, method: str, path: str, body: bytes | None = None, *, accepted: tuple[int, ...] = (), **query: Any
    ) -> tuple[int, Any]:
        """(status, JSON or None). `path` begins with `/messages` or `/claims`. A status of 400 and above that is not
        `accepted` is raised."""
        if self._pid != os.getpid():  # a forked child: the connection is its parent's
            self._reset()
        target = f"{self._base}{path}" + (f"?{urlencode(query, safe=',')}" if query else "")
        with self._lock:
            try:
                status, payload = self._exchange(method, target, body)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                raise UnreachableError(f"the message service at {self._shown} does not answer: {reason}") from None
        if status >= 400 and status not in accepted:
            raise self._refusal(status, payload)
        try:
            return status, json.loads(payload) if payload else None
        except ValueError:
            return status, None

    def delete_messages(self, names: Sequence[str]) -> None:
        """By their ids in Zaqar, as many as it takes in one call."""
        for start in range(0, len(names), PAGE):
            self.call("DELETE", "/messages", ids=",".join(names[start : start + PAGE]))

    def _exchange(self, method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        if self._kept is not None and time.monotonic() - self._used > _IDLE:
            self._drop()  # the server may have closed it by now, and a message must not be sent twice
        if self._kept is None:
            host, port = self._address
            if self._secure:
                self._kept = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=ssl.create_default_context())
            else:
                self._kept = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        self._kept.request(method, target, body, self._headers)
        response = self._kept.getresponse()
        payload = response.read()
        self._used = time.monotonic()
        if response.will_close:
            self._drop()
        return response.status, payload

    def _refusal(self, status: int, payload: bytes) -> Exception:
        text = _message(payload) or "no reason given"
        if status in (401, 403, 404):  # 404: so it says of a signature that is wrong or too old, too
            late = self._expires and self._expires <= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
            reason = f"it ended at {self._expires} UTC" if late else f"it says: {text} ({status})"
            return ConfigurationError(
                f"the message service at {self._shown} does not accept the queue's signature: {reason}",
                hint="bbq-deploy up makes a new one; an application takes it from its environment when it is deployed again",
            )
        if status in (408, 429) or status >= 500:
            return UnreachableError(f"the message service at {self._shown} cannot answer now: {text} ({status})")
        return UsageError(f"the message service refuses it: {text} ({status})")

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def close(self) -> None:
        with self._lock:
            self._drop()


def _message(payload: bytes) -> str:
    try:
        found = json.loads(payload)
        return " ".join(str(found.get("description") or found.get("title") or "").split())
    except (ValueError, AttributeError):
        return ""
