"""Plain lines for people: a pipe, a log file, a CI console. Colour only where asked for; no cursor movement."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TextIO

from bbq import durations
from bbq.journal.model import DeploymentRow, Event, Record
from bbq.plan.model import Action, Cost, Plan, Step
from bbq.topology.values import masked, revealed
from bbq.views import format as fmt
from bbq.views.base import View
from bbq.views.clean import clean, one_line
from bbq.views.plain import PlainReporter

WAITING_MARKS = (10.0, 30.0, 60.0)
"""Seconds after which a wait for the same thing is told again; from the last one on, each time as many seconds later."""
_WAITING_GAP = 1.0
LOG_LINES = 20
_NUMBERS = re.compile(r"\d+(\.\d+)?")


class HumanView(PlainReporter, View):
    def __init__(self, stream: TextIO, *, err: TextIO | None = None, color: bool = False, verbose: bool = False) -> None:
        super().__init__(stream, err=err, color=color, verbose=verbose)
        self._first: float | None = None
        self._began: dict[str, float] = {}
        self._waiting: dict[str, _Wait] = {}
        self._composites: set[str] = set()
        self._running = False

    # --- plan

    def plan(self, plan: Plan) -> None:
        lines: list[str] = []
        for step in plan.steps.values():
            if step.action is not Action.NOTHING or self.verbose:
                lines += self._step(step)
        if lines:
            lines.append("")
        lines += [f"{self._paint('warning:', 'yellow')} {one_line(text)}" for text in plan.warnings]
        head = f"{one_line(plan.deployment)} on {one_line(plan.provider)}"
        lines.append(f"{self._paint('Plan', 'bold')} for {head}: {fmt.plan_summary(plan)}")
        if plan.costs:
            lines.append(f"Quota: {', '.join(self._cost(cost) for cost in plan.costs)}")
        if plan.price is not None:
            lines.append(f"Price: {fmt.price_text(plan.price)}")
        self._put(*lines)

    def _cost(self, cost: Cost) -> str:
        text = fmt.cost_text(cost)
        return self._paint(text, "red") if cost.lacks else text

    def _step(self, step: Step) -> list[str]:
        style = fmt.ACTION_COLORS[step.action]
        reason = f"  ({one_line(step.reason, 160)})" if step.reason else ""
        symbol = self._paint(f"{fmt.SYMBOLS[step.action]:>3}", style)
        lines = [f"{symbol} {self._paint(one_line(step.node), 'bold')}  {self._paint(one_line(step.type), 'dim')}{reason}"]
        for change in step.changes:
            mark = "+" if change.before is None else "-" if change.after is None else "~"
            shown = "magenta" if change.forces_replacement else {"+": "green", "-": "red", "~": "yellow"}[mark]
            lines.append(f"      {self._paint(mark, shown)} {fmt.change_text(change)}")
        return lines

    # --- events

    @contextlib.contextmanager
    def _progress(self, plan: Plan, durations: Mapping[str, float]) -> Iterator[View]:
        self._first = None
        self._composites = fmt.composites(plan.steps)
        self._began.clear()
        self._waiting.clear()
        self._running = True
        try:
            yield self
        finally:
            self._running = False

    def event(self, event: Event) -> None:
        line = self._event_line(event)
        if line is not None:
            self._put(line, *self._log_lines(event))

    def _log_lines(self, event: Event) -> list[str]:
        """The end of a failed node's log, below the line that says that it failed."""
        lines = str(event.data.get("cause") or "").splitlines()[1:] if event.kind == "step.outcome" else []
        return [f"{'':11}{self._paint('|', 'dim')} {clean(line)}" for line in lines[-LOG_LINES:]]

    def _event_line(self, event: Event) -> str | None:
        if self._first is None or event.at < self._first:
            self._first = event.at
        node = event.node or ""
        if event.kind == "step.waiting":
            wait = self._waiting.setdefault(node, _Wait(event.at))
            if not wait.is_news(event.at, str(event.data.get("awaited", ""))):
                return None
        if event.kind == "run.stopping" and not event.data.get("in_flight") and not self.verbose:
            return None  # there is nothing to stop: the run ends with the next line
        quiet = event.kind == "step.intent" or (event.kind == "step.outcome" and event.data.get("result", "ok") == "ok")
        if node in self._composites and quiet and not self.verbose:
            return None  # nothing is made for it; that it is ready is worth a line
        if event.kind == "run.finished" and self._running:
            event = replace(event, data={**event.data, "error": None})  # it is shown when the command ends
        text = fmt.event_text(event, self._began.get(node))
        if event.kind == "step.intent":
            self._began[node] = event.at
            self._waiting.pop(node, None)
        if text is None:
            if not self.verbose:
                return None
            text = event.kind
        elapsed = self._paint(f"{event.at - self._first:8.1f}s", "dim")
        subject = f"{self._paint(one_line(node), 'bold')}: " if node else ""
        return f"{elapsed}  {subject}{self._colored_event(event, text)}"

    def _colored_event(self, event: Event, text: str) -> str:
        if event.kind == "step.outcome" and event.data.get("result", "ok") != "ok":
            return self._paint(text, "red")
        if event.kind == "step.stage" and event.stage == "ready":
            return self._paint(text, "green")
        return self._paint(text, "dim") if event.kind == "step.waiting" else text

    # --- what there is

    def status(self, row: DeploymentRow, records: Mapping[str, Record], *, now: float) -> None:
        status = self._paint(one_line(row.status), fmt.STATUS_COLORS.get(row.status, "bold"))
        ready = sum(record.status == "ready" for record in records.values())
        expires = f", expires {fmt.expires_text(row, now)}" if row.expires_at else ""
        head = f"{self._paint(one_line(row.name), 'bold')}: {status} on {one_line(row.provider)}"
        lines = [f"{head}, {ready} of {len(records)} ready, age {fmt.age(row.created_at, now)}{expires}"]
        if row.error:
            lines += [self._paint(one_line(line), "red") for line in row.error.splitlines()]
        table = []
        took = fmt.took(records, now if row.status in ("changing", "destroying") else None)
        for depth, record in fmt.ordered_records(records):
            seconds = durations.text(took[record.node]) if record.node in took else "-"
            cells = ["  " * depth + one_line(record.node), fmt.short_type(record.type), record.status, seconds]
            table.append([*cells, *([one_line(record.handle or "-")] * self.verbose), fmt.record_detail(record)])
        if table:
            header = ["NODE", "TYPE", "STATUS", "TOOK", *(["HANDLE"] * self.verbose), "DETAIL"]
            lines += ["", *self._colored_table(header, table, 2)]
        self._put(*lines)

    def _colored_table(self, header: Sequence[str], rows: Sequence[Sequence[str]], status_column: int) -> list[str]:
        """Columns with the status word in colour; painted after the padding, which must not count escape codes."""
        plain = fmt.columns(header, rows)
        at = sum(max(len(line[i]) for line in [header, *rows]) + 2 for i in range(status_column))
        painted = [self._paint(plain[0], "dim")]
        for line, row in zip(plain[1:], rows, strict=True):
            word = row[status_column]
            painted.append(line[:at] + self._paint(word, fmt.STATUS_COLORS.get(word, "")) + line[at + len(word) :])
        return painted

    def outputs(self, values: Mapping[str, Any], *, show_secrets: bool = False) -> None:
        width = max((len(one_line(name)) for name in values), default=0)
        for name, value in values.items():
            shown = revealed(value) if show_secrets else masked(value)
            text = clean(shown) if isinstance(shown, str) else fmt.value_text(shown, 0)
            self._put(f"{one_line(name):<{width}} = {text}")

    def deployments(self, rows: Sequence[DeploymentRow], *, now: float) -> None:
        if not rows:
            self._put("no deployments")
            return
        table = [
            [
                one_line(r.name),
                r.status,
                one_line(r.provider),
                fmt.age(r.created_at, now),
                fmt.expires_text(r, now),
                one_line(r.template),
            ]
            for r in rows
        ]
        self._put(*self._colored_table(["NAME", "STATUS", "PROVIDER", "AGE", "EXPIRES", "TEMPLATE"], table, 1))

    # --- the rest

    def table(self, kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        cells = [["-" if cell is None else one_line(masked(cell)) for cell in row] for row in rows]
        lines = fmt.columns([name.upper() for name in columns], cells)
        self._put(self._paint(lines[0], "dim"), *lines[1:])

    def data(self, kind: str, value: Any) -> None:
        plain = masked(value)
        if not isinstance(plain, Mapping):
            self._put(clean(plain) if isinstance(plain, str) else fmt.value_text(plain, 0))
            return
        width = max((len(one_line(key)) for key in plain), default=0)
        for key, item in plain.items():
            self._put(f"{one_line(key):<{width}}  {clean(item) if isinstance(item, str) else fmt.value_text(item, 0)}")

    def log(self, node: str, line: str) -> None:
        self._put(f"{self._paint(one_line(node), 'cyan')} | {clean(line.rstrip(os.linesep))}")


class _Wait:
    """What was told of one node's wait. Progress in numbers alone (5 %, 6 %) is no news, nor is what was told before."""

    def __init__(self, began: float) -> None:
        self._told: set[str] = set()
        self._last = float("-inf")
        self._since = began
        self._mark = 0

    def is_news(self, at: float, awaited: str) -> bool:
        if at - self._last < _WAITING_GAP:
            return False
        kind = _NUMBERS.sub("#", awaited)
        if kind not in self._told:
            self._told.add(kind)
            self._since, self._mark = at, 0
        elif at - self._since < self._due():
            return False
        else:
            while self._due() <= at - self._since:
                self._mark += 1
        self._last = at
        return True

    def _due(self) -> float:
        """Seconds after the first line at which the next one is due."""
        last = len(WAITING_MARKS) - 1
        return WAITING_MARKS[min(self._mark, last)] + max(self._mark - last, 0) * WAITING_MARKS[last]
