"""What a run tells: durable events to the journal, in batches, and all of them to a listener."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bbq.engine.clock import Clock
from bbq.engine.options import EngineOptions
from bbq.journal.model import Event, Journal, Lease, SecretStore
from bbq.journal.secrets import encode


class Recorder:
    """Collects events; `flush` writes them in one transaction.

    An intent is flushed before its call (the step waits for it). Outcomes ride along with the next flush: one that is lost
    in a crash leaves an intent behind, and `find` answers what became of it. The order of events is kept, so an intent is
    never durable before the outcomes that it builds on.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        lease: Lease,
        secrets: SecretStore,
        salt: str,
        options: EngineOptions,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._lease = lease
        self._secrets = secrets
        self._salt = salt
        self._options = options
        self._on_event = on_event
        self._buffer: list[Event] = []
        self._oldest = 0.0
        self.listener_error: Exception | None = None

    @property
    def listening(self) -> bool:
        return self._on_event is not None

    def write(
        self,
        kind: str,
        node: str | None = None,
        *,
        action: str | None = None,
        stage: str | None = None,
        attempt: int = 0,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Record an event. `data` holds plain values: what may hold a `Secret` went through `encoded` first."""
        event = Event(kind, self._clock.now(), node, action, stage, attempt, data or {})
        if not self._buffer:
            self._oldest = self._clock.monotonic()
        self._buffer.append(event)
        self._tell(event)

    def tell(self, kind: str, node: str | None = None, *, stage: str | None = None, data: dict[str, Any]) -> None:
        """Tell the listener something that is not journalled. No secret may be in `data`."""
        if self._on_event is not None:
            self._tell(Event(kind, self._clock.now(), node, stage=stage, data=data))

    def encoded(self, value: Any, prefix: str) -> Any:
        """`value` with references in the place of its secrets, whose values are durable in the store by now."""
        return encode(value, self._secrets, self._salt, prefix)

    def flush(self) -> None:
        """Make everything durable. `LockedError` where the lease was lost: then nothing was written."""
        if self._buffer:
            events, self._buffer = self._buffer, []
            self._journal.append(self._lease, events)

    def due(self) -> float | None:
        """The monotonic time at which to flush, None where nothing is kept back."""
        if not self._buffer:
            return None
        if len(self._buffer) >= self._options.flush_events:
            return self._clock.monotonic()
        return self._oldest + self._options.flush_interval

    def _tell(self, event: Event) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - a view that broke (closed pipe) must not leave a run half done
            self.listener_error = error
            self._on_event = None
