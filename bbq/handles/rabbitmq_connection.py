"""The connection of one queue to its RabbitMQ server, with the claims that live and die with it.

A claim is an unacknowledged delivery on this connection. A thread answers the broker's heartbeats and gives messages back whose
claim's time has passed; it ends with the connection.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from bbq.errors import BbqError, ConfigurationError, ResourceFailed, UnreachableError
from bbq.handles.queue import UnknownQueue
from bbq.handles.urls import split

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingConnection

CALL_SECONDS: Final = 10.0
_TICK = 0.25  # seconds between looks at heartbeats and claims


@dataclass(slots=True, eq=False)
class Delivery:
    """A message that is claimed; `content` is its properties and its payload."""

    channel: Any
    tag: int
    deadline: float
    content: tuple[Any, bytes] = field(repr=False)

    def alive(self) -> bool:
        return time.monotonic() < self.deadline


class Connection:
    """Opened at the first call, and again at the first one after it was lost or after a fork. `lock` guards all of it."""

    def __init__(self, url: str, queue: str, management_url: str | None) -> None:
        self._url = split(url)
        self._queue = queue
        self._management_url = management_url
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._mutex = threading.RLock()
        self._connection: BlockingConnection | None = None
        self._channel: Any = None
        self._ticker: threading.Thread | None = None
        self.claims: set[Delivery] = set()

    @property
    def lock(self) -> threading.RLock:
        if self._pid != os.getpid():  # a fork has neither the thread nor the right to the connection, and may hold the lock
            self._reset()
        return self._mutex

    @contextlib.contextmanager
    def calling(self, *, reconnect: bool = True) -> Iterator[Any]:
        """The channel, with the client library's errors translated. After an error that closed it the next call opens anew."""
        exceptions = _pika_exceptions()
        with self.lock:
            try:
                yield self._open(reconnect)
            except BbqError:
                raise
            except exceptions.UnroutableError:
                raise self.unknown() from None
            except exceptions.ChannelClosedByBroker as error:
                self.claims.clear()  # they go with the channel
                if error.reply_code == 404:
                    raise self.unknown() from None
                raise ResourceFailed(f"the broker refused a call for queue {self._queue!r}: {error.reply_text}") from None
            except exceptions.NackError:
                raise ResourceFailed(f"the broker did not take a message for queue {self._queue!r}") from None
            except (exceptions.ProbableAuthenticationError, exceptions.ProbableAccessDeniedError):
                raise self._refused() from None
            except (exceptions.AMQPError, OSError) as error:
                self.claims.clear()
                reason = str(error) or type(error).__name__
                raise UnreachableError(f"the broker at {self._address} does not answer: {reason}") from None

    def holds(self, claim: Delivery) -> bool:
        """Is it on the channel that is open now? Else it ended, and others may have the message."""
        return claim.channel is self._channel and bool(claim.channel.is_open)

    def close(self) -> None:
        with self.lock:
            connection, self._connection, self._channel = self._connection, None, None
            self.claims.clear()
            if connection is not None:
                with contextlib.suppress(Exception):
                    connection.close()

    def unknown(self) -> UnknownQueue:
        return UnknownQueue(f"the broker has no queue {self._queue!r}")

    def managed(self, path: str) -> list[dict[str, Any]]:
        """What the management plugin answers to a GET of `path`."""
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        login = base64.b64encode(f"{unquote(self._url.username or '')}:{unquote(self._url.password or '')}".encode()).decode()
        request = Request(f"{self._management_url}{path}", headers={"Authorization": f"Basic {login}"})
        try:
            with urlopen(request, timeout=CALL_SECONDS) as answer:
                found: list[dict[str, Any]] = json.load(answer)
                return found
        except HTTPError as error:
            if error.code in (401, 403):
                raise self._refused() from None
            raise UnreachableError(f"the broker's management at {self._management_url} answers {error.code}") from None
        except (OSError, ValueError) as error:
            raise UnreachableError(f"the broker's management at {self._management_url} does not answer: {error}") from None

    def _open(self, reconnect: bool) -> Any:
        if self._channel is not None and self._channel.is_open and self._connection and self._connection.is_open:
            return self._channel
        if not reconnect:
            raise UnreachableError(f"the connection to the broker at {self._address} was lost")
        self.claims.clear()
        if self._connection is None or not self._connection.is_open:
            self._connection = self._connect()
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="bbq-queue", daemon=True)
            self._ticker.start()
        return self._channel

    def _connect(self) -> BlockingConnection:
        import logging

        import pika

        logging.getLogger("pika").setLevel(logging.CRITICAL)  # it logs every error that it raises
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                host=self._url.hostname or "127.0.0.1",
                port=self._url.port or 5672,
                virtual_host=unquote(self._url.path.lstrip("/")) or "/",
                credentials=pika.PlainCredentials(
                    unquote(self._url.username or "guest"), unquote(self._url.password or "guest")
                ),
                heartbeat=15,
                socket_timeout=CALL_SECONDS,
                stack_timeout=CALL_SECONDS,
                blocked_connection_timeout=CALL_SECONDS,
                client_properties={"connection_name": f"bbq queue {self._queue}"},
            )
        )

    def _tick(self) -> None:
        """Heartbeats, and messages whose claim's time has passed."""
        while True:
            time.sleep(_TICK)
            with self.lock:
                connection, channel = self._connection, self._channel
                if connection is None or channel is None or not (connection.is_open and channel.is_open):
                    self._ticker = None
                    return
                # Whatever goes wrong here, the next call meets it, and tells its caller.
                with contextlib.suppress(Exception):
                    for claim in [claim for claim in self.claims if not claim.alive()]:
                        self.claims.discard(claim)
                        channel.basic_nack(claim.tag, requeue=True)
                    connection.process_data_events(0)

    @property
    def _address(self) -> str:
        return f"{self._url.hostname}:{self._url.port or 5672}"

    def _refused(self) -> ConfigurationError:
        return ConfigurationError(
            f"the broker at {self._address} refused the login of user {self._url.username!r}",
            hint="check the user and the password in the queue's URL",
        )


def _pika_exceptions() -> Any:
    try:
        from pika import exceptions
    except ImportError:
        raise ConfigurationError("the Python package pika is not installed", hint="pip install 'bbq[local]'") from None
    return exceptions
