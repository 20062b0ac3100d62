"""The live table on a terminal: what is being done right now, what exactly is awaited, what holds up the rest.

rich is imported when a run begins, not before; everything but a run looks as in the plain view.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from bbq import durations as span
from bbq.journal.model import Event
from bbq.plan.model import Action, Plan
from bbq.views import format as fmt
from bbq.views.base import View
from bbq.views.clean import one_line
from bbq.views.human import HumanView

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_NARROW = 72
"""Columns of a terminal below which only the node, the time and what is awaited are shown."""
_RECENT = 4.0
"""Seconds for which a finished node stays in the table, while there is room."""


@dataclass(slots=True)
class _Row:
    node: str
    action: str
    state: str = "pending"  # active | done | failed
    stage: str = ""
    awaited: str = ""
    began: float | None = None
    ended: float | None = None
    eta: float | None = None
    critical: bool = False


class Progress:
    """The state of a run, fed by events, asked by the screen. Guarded by one lock: events come from the engine's thread, the
    screen is drawn by rich's."""

    def __init__(self, plan: Plan, durations: Mapping[str, float]) -> None:
        self._lock = threading.Lock()
        self._subject = f"{one_line(plan.deployment)} on {one_line(plan.provider)}"
        self._rows = {
            name: _Row(name, step.action.value) for name, step in plan.steps.items() if step.action is not Action.NOTHING
        }
        self._expected = {
            name: durations.get(step.type)
            for name, step in plan.steps.items()
            if step.action in (Action.CREATE, Action.REPLACE)  # what is timed is the making of one
        }
        self._left = 0.0
        self._first: float | None = None
        self._at = 0.0
        self._seen = time.monotonic()
        self._stopping = ""

    def event(self, event: Event) -> None:
        with self._lock:
            self._first = event.at if self._first is None else self._first
            self._at, self._seen = event.at, time.monotonic()
            if event.kind == "run.started":
                for name in event.data.get("critical_path", ()):
                    if name in self._rows:
                        self._rows[name].critical = True
                self._left = float(event.data.get("expected") or 0.0)
            elif event.kind == "run.stopping":
                self._stopping = fmt.event_text(event) or ""
            elif event.node is not None:
                row = self._rows.setdefault(event.node, _Row(event.node, event.action or ""))
                self._step(row, event)

    def _step(self, row: _Row, event: Event) -> None:
        data = event.data
        if event.kind == "step.intent":
            row.action = event.action or row.action
            row.state, row.stage, row.awaited, row.ended = "active", fmt.DOING.get(row.action, row.action), "", None
            row.began = event.at if row.began is None else row.began
        elif event.kind == "step.waiting":
            row.state, row.stage = "active", event.stage or row.stage
            row.awaited, row.eta = str(data.get("awaited") or ""), data.get("eta")
            row.critical = bool(data.get("critical", row.critical))
            row.began = event.at - float(data.get("elapsed") or 0.0) if row.began is None else row.began
        elif event.kind == "step.stage":
            row.stage, row.awaited = event.stage or "", ""
            if event.stage == "ready":
                row.state, row.ended = "done", event.at
        elif event.kind == "step.outcome":
            if data.get("result", "ok") != "ok":
                row.state, row.stage, row.ended = "failed", "failed", event.at
                row.awaited = str(data.get("cause") or data.get("error") or "")
            elif event.action == "delete" and row.action == "delete":
                row.state, row.stage, row.awaited, row.ended = "done", "deleted", "", event.at
            else:
                row.stage = fmt.DONE.get(event.action or "", "")

    def now(self) -> float:
        """By the clock of the events, which may be a virtual one."""
        return self._at + (time.monotonic() - self._seen)

    def header(self) -> str:
        with self._lock:
            states = Counter(row.state for row in self._rows.values())
            elapsed = self.now() - self._first if self._first is not None else 0.0
            parts = [f"{self._subject}: {states['done']} of {len(self._rows)} done"]
            parts += [
                f"{states[state]} {word}" for state, word in (("active", "at work"), ("failed", "FAILED")) if states[state]
            ]
            parts.append(span.text(elapsed))
            if self._left > elapsed and self._first is not None and states["done"] < len(self._rows):
                parts.append(f"about {span.text(self._left - elapsed)} left")
            return ", ".join(parts) + (f"\n{self._stopping}" if self._stopping else "")

    def rows(self, room: int) -> tuple[list[_Row], int]:
        """The rows most worth seeing, at most `room`, and how many are left out: failures, work in hand (the critical path and
        the longest running first), what is just done, what comes next."""
        with self._lock:
            now = self.now()
            rank = {"failed": 0, "active": 1, "done": 2, "pending": 3}

            def key(row: _Row) -> tuple[int, bool, float]:
                if row.state == "done":
                    return rank["done"], False, -(row.ended or 0.0)
                return rank[row.state], not row.critical, row.began or 0.0

            old = [r for r in self._rows.values() if r.state == "done" and now - (r.ended or now) > _RECENT]
            settled = {r.node for r in old} if len(self._rows) > room else set()
            shown = sorted((r for r in self._rows.values() if r.node not in settled), key=key)[: max(room, 1)]
            order = {name: index for index, name in enumerate(self._rows)}
            shown.sort(key=lambda row: (row.state != "failed", order[row.node]))
            return shown, len(self._rows) - len(shown)

    def critical_path(self) -> list[tuple[str, float]]:
        """The nodes of the critical path that took time, and how much."""
        with self._lock:
            rows = [r for r in self._rows.values() if r.critical and r.began is not None and r.ended is not None]
            return [(row.node, (row.ended or 0.0) - (row.began or 0.0)) for row in sorted(rows, key=lambda r: r.began or 0.0)]

    def expected(self, node: str) -> float | None:
        return self._expected.get(node)


def render(progress: Progress, width: int, height: int) -> RenderableType:
    """The table for a terminal of that size, never higher than it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    header = progress.header()
    narrow = width < _NARROW
    rows, hidden = progress.rows(height - 4 - header.count("\n"))
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, width=width - 1, header_style="dim")
    table.add_column("", no_wrap=True, width=1)
    table.add_column("NODE", no_wrap=True, overflow="ellipsis", max_width=max(12, width // 3))
    if not narrow:
        table.add_column("STAGE", no_wrap=True, overflow="ellipsis", max_width=14)
    table.add_column("TIME", no_wrap=True, justify="right", min_width=5)
    table.add_column("AWAITED", no_wrap=True, overflow="ellipsis", ratio=1)
    if not narrow:
        table.add_column("LEFT", no_wrap=True, justify="right", min_width=5)
    now = progress.now()
    for row in rows:
        style = {"failed": "red", "active": "", "done": "green", "pending": "dim"}[row.state]
        end = row.ended if row.ended is not None else now
        took = span.text(end - row.began) if row.began is not None else ""
        eta = row.eta
        if eta is None and row.state == "pending" and (expected := progress.expected(row.node)) is not None:
            eta = expected
        left = f"~{span.text(eta)}" if eta and row.state in ("active", "pending") else ""
        mark = Text("◆" if row.critical else " ", style="yellow")
        stage = Text(one_line(row.stage) or row.state, style=style)
        cells = [
            mark,
            Text(one_line(row.node), style=style),
            stage,
            Text(took),
            Text(one_line(row.awaited, 300)),
            Text(left, "dim"),
        ]
        table.add_row(*([cells[0], cells[1], cells[3], cells[4] if row.awaited else stage] if narrow else cells))
    parts: list[RenderableType] = [Text(header, style="bold", no_wrap=True, overflow="ellipsis"), table]
    if hidden > 0:
        parts.append(Text(f"  and {hidden} more", style="dim"))
    return Group(*parts)


class LiveView(HumanView):
    """The plain view, with a table that is drawn over itself while a run goes on."""

    def __init__(self, stream: TextIO, *, err: TextIO | None = None, color: bool = False, verbose: bool = False) -> None:
        super().__init__(stream, err=err, color=color, verbose=verbose)
        self._live: Live | None = None
        self._run: Progress | None = None

    @contextlib.contextmanager
    def _progress(self, plan: Plan, durations: Mapping[str, float]) -> Iterator[View]:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self.stream, force_terminal=True, no_color=not self.color, highlight=False, soft_wrap=False)
        run = self._run = Progress(plan, durations)
        live = Live(
            console=console,
            get_renderable=lambda: render(run, console.width, console.height),
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with super()._progress(plan, durations):
            try:
                with live:
                    self._live = live
                    yield self
            finally:
                self._live = None
                path = [f"{one_line(node)} {span.text(took)}" for node, took in run.critical_path() if took >= 0.05]
                if path:
                    self._put(f"{self._paint('critical path:', 'dim')} {' > '.join(path)}")

    def event(self, event: Event) -> None:
        if self._live is None or self._run is None:
            super().event(event)
            return
        self._run.event(event)
        if self._first is None or event.at < self._first:
            self._first = event.at  # the lines above the table count from the start of the run, too
        failed = event.kind == "step.outcome" and event.data.get("result", "ok") != "ok"
        if failed or event.kind == "step.progress" or event.kind in ("run.stopping", "run.finished") or self.verbose:
            super().event(event)

    def _put(self, *lines: str, to: TextIO | None = None) -> None:
        if self._live is None:
            super()._put(*lines, to=to)
        else:
            self._above(self._live.console, lines)

    @staticmethod
    def _above(console: Console, lines: Any) -> None:
        from rich.text import Text

        for line in lines:
            console.print(Text.from_ansi(line), soft_wrap=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
