"""The connection of one queue to its NATS server, and the calls of the JetStream API over it.

One event loop in a background thread serves all queues of the process; https://docs.nats.io/reference/reference-protocols/nats_api_reference
is the API that is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote

from bbq.errors import BbqError, ConfigurationError, ResourceFailed, UnreachableError, UsageError
from bbq.handles.background import event_loop
from bbq.handles.queue import UnknownQueue
from bbq.handles.urls import split

if TYPE_CHECKING:
    from nats.aio.client import Client

T = TypeVar("T")

CALL_SECONDS: Final = 10.0


class Connection:
    """Opened at the first call, and again at the first one after it was lost. Not for a forked child: make it a new one.

    `run` is for any thread, the rest for the event loop's.
    """

    def __init__(self, url: str, queue: str) -> None:
        parts = split(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 4222
        self._user, self._password = parts.username, parts.password
        self._queue = queue
        self._client: Client | None = None
        self._opening: asyncio.Lock | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns that calls the server; its errors are those that `Queue` names."""
        try:
            import nats  # noqa: F401
        except ImportError:
            work.close()
            raise ConfigurationError("the Python package nats-py is not installed", hint="pip install 'bbq[local]'") from None
        future = asyncio.run_coroutine_threadsafe(self._translated(work), event_loop())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @property
    def opened(self) -> bool:
        return self._client is not None

    @property
    def live(self) -> Client | None:
        """The client where there is one that is connected."""
        return self._client if self._client is not None and self._client.is_connected else None

    async def client(self) -> Client:
        if (client := self.live) is not None:
            return client
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if (client := self.live) is None:
                client = self._client = await self._connect()
            return client

    async def request(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The server's answer, a refusal included (`error`)."""
        reply = await (await self.client()).request(subject, body, timeout=CALL_SECONDS, headers=headers)
        answer: dict[str, Any] = json.loads(reply.data)
        return answer

    async def api(self, verb: str, **body: Any) -> dict[str, Any]:
        """The answer of a JetStream call; `UnknownQueue` or `ResourceFailed` where it is refused."""
        answer = await self.request(f"$JS.API.{verb}", json.dumps(body).encode())
        if error := answer.get("error"):
            if error.get("code") == 404:
                raise self.unknown()
            raise ResourceFailed(f"the broker refused a call for queue {self._queue!r}: {error.get('description')}")
        return answer

    async def close(self) -> None:
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.close()
        self._client = None

    def unknown(self) -> UnknownQueue:
        return UnknownQueue(f"the broker has no queue {self._queue!r}")

    async def _translated(self, work: Coroutine[Any, Any, T]) -> T:
        from nats import errors

        try:
            return await work
        except BbqError:
            raise
        except errors.NoRespondersError:
            raise self.unknown() from None
        except errors.MaxPayloadError:
            raise UsageError(f"a message for queue {self._queue!r} is larger than the broker allows") from None
        except (errors.Error, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise UnreachableError(f"the broker at {self._host}:{self._port} does not answer: {reason}") from None

    async def _connect(self) -> Client:
        import nats

        # The client library tries an address that refuses again and again for two minutes: look first.
        _, writer = await asyncio.wait_for(asyncio.open_connection(self._host, self._port), CALL_SECONDS)
        writer.close()

        async def quiet(error: Exception) -> None:  # the library's own handler writes a traceback
            return

        try:
            return await asyncio.wait_for(
                nats.connect(
                    f"nats://{self._host}:{self._port}",
                    user=unquote(self._user) if self._user else None,
                    password=unquote(self._password) if self._password else None,
                    name=f"bbq queue {self._queue}",
                    allow_reconnect=False,  # the next call connects again; a lost connection is seen at once
                    error_cb=quiet,
                ),
                CALL_SECONDS,
            )
        except nats.errors.Error as error:
            if "authorization" in str(error).lower():
                raise ConfigurationError(
                    f"the broker at {self._host}:{self._port} refused the login of user {self._user!r}",
                    hint="check the user and the password in the queue's URL",
                ) from None
            raise
