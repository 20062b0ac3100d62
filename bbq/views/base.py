"""What a view can show. Views are the only place that prints; everything else hands them data."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType

    from bbq.diagnostics import Diagnostic, Verdict
    from bbq.journal.model import DeploymentRow, Event, Record
    from bbq.plan.model import Plan


class Reporter(ABC):
    """What shows findings and errors, and no more: a command that has nothing else to show starts sooner with it.

    Methods never raise for odd data; a closed stream raises `BrokenPipeError` as usual. Results go to `stream`; what is said
    about the run itself (errors, notices) goes to `err`, the same stream by default.
    """

    def __init__(self, stream: TextIO, *, err: TextIO | None = None, color: bool = False, verbose: bool = False) -> None:
        self.stream = stream
        self.err = err or stream
        self.color = color
        self.verbose = verbose

    @abstractmethod
    def diagnostics(self, found: Sequence[Diagnostic], *, verdicts: Sequence[Verdict] = ()) -> None:
        """All findings, then what came of each template that was looked at."""

    @abstractmethod
    def error(self, exc: BaseException) -> None:
        """What went wrong, in full: sentence, diagnostics, hint."""

    @abstractmethod
    def message(self, text: str) -> None:
        """One notice for the user."""

    def text(self, text: str) -> None:
        """A finished document (SVG, a Compose file) as it is, whatever the format."""
        self.stream.write(text if text.endswith("\n") else text + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Nothing is shown afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class View(Reporter):
    """One way of showing everything."""

    @abstractmethod
    def plan(self, plan: Plan) -> None: ...

    @abstractmethod
    def event(self, event: Event) -> None:
        """One thing that happened, as it happens."""

    @abstractmethod
    def status(self, row: DeploymentRow, records: Mapping[str, Record], *, now: float) -> None:
        """One deployment. `now` in seconds since the epoch, for ages."""

    @abstractmethod
    def outputs(self, values: Mapping[str, Any], *, show_secrets: bool = False) -> None:
        """Output values by name; a `Secret` shows as the mask unless `show_secrets`."""

    @abstractmethod
    def deployments(self, rows: Sequence[DeploymentRow], *, now: float) -> None: ...

    @abstractmethod
    def table(self, kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Rows of plain values under column names; `kind` says what they are (`drift`, `config`, `checks`)."""

    @abstractmethod
    def data(self, kind: str, value: Any) -> None:
        """One structured value (a message, statistics of a queue); may hold `Secret`s, which are masked."""

    @abstractmethod
    def log(self, node: str, line: str) -> None:
        """One line of a node's log."""

    def progress(self, plan: Plan, durations: Mapping[str, float] | None = None) -> contextlib.AbstractContextManager[View]:
        """Around a run: `with view.progress(plan, journal.durations(types)):` and `event` for each event inside.

        `durations` are the seconds that earlier runs took, by node type, for the ETA and the critical path.
        """
        return self._progress(plan, durations or {})

    @contextlib.contextmanager
    def _progress(self, plan: Plan, durations: Mapping[str, float]) -> Iterator[View]:
        yield self
