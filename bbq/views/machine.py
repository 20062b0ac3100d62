"""Machine-readable views: JSON and YAML documents, NDJSON streams. The schema is in `schema.py`.

JSON is written in ASCII, YAML with escapes, so that no value can act on a terminal; nothing is lost or changed on the way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bbq.diagnostics import Diagnostic, Verdict
from bbq.errors import BbqError, ExitCode, TemplateError
from bbq.journal.model import DeploymentRow, Event, Record
from bbq.plan.model import Plan, Price
from bbq.topology.values import Secret, contains, masked, revealed
from bbq.views.base import View
from bbq.views.schema import VERSION


def plain(value: Any) -> Any:
    """Something `json` can write: secrets masked, expressions as text, mappings with string keys, odd objects as text."""
    value = masked(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(item) for item in value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def diagnostic_document(item: Diagnostic) -> dict[str, Any]:
    return {
        "severity": item.severity,
        "code": item.code,
        "message": item.message,
        "file": item.file,
        "line": item.line,
        "column": item.column,
        "end_line": item.end_line,
        "end_column": item.end_column,
        "hint": item.hint,
        "related": [{"file": r.file, "line": r.line, "column": r.column, "text": text} for r, text in item.related],
        "excerpt": {"text": cut.text, "start": cut.start, "end": cut.end} if (cut := item.excerpt) is not None else None,
    }


def event_document(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at,
        "node": event.node,
        "action": event.action,
        "stage": event.stage,
        "attempt": event.attempt,
        "data": event.data,
    }


def plan_document(plan: Plan) -> dict[str, Any]:
    return {
        "deployment": plan.deployment,
        "provider": plan.provider,
        "changes": plan.has_changes,
        "counts": plan.counts,
        "steps": [
            {
                "node": step.node,
                "type": step.type,
                "action": step.action.value,
                "reason": step.reason,
                "after": sorted(step.after),
                "changes": [
                    {"path": c.path, "before": c.before, "after": c.after, "forces_replacement": c.forces_replacement}
                    for c in step.changes
                ],
            }
            for step in plan.steps.values()
        ],
        "warnings": list(plan.warnings),
        "costs": [{"what": cost.what, "more": cost.more, "left": cost.left, "limit": cost.limit} for cost in plan.costs],
        "price": _price_document(plan.price),
    }


def deployment_document(row: DeploymentRow) -> dict[str, Any]:
    names = ("id", "name", "provider", "template", "status", "created_at", "expires_at", "error")
    return {name: getattr(row, name) for name in names}


def record_document(record: Record) -> dict[str, Any]:
    names = (
        "node",
        "type",
        "status",
        "stage",
        "handle",
        "attempt",
        "error",
        "parent",
        "members",
        "depends_on",
        "started_at",
        "ready_at",
    )
    return {name: getattr(record, name) for name in names}


def error_document(exc: BaseException) -> dict[str, Any]:
    code = exc.exit_code if isinstance(exc, BbqError) else ExitCode.UNEXPECTED
    found: dict[str, Any] = {
        "error": type(exc).__name__,
        "message": str(exc) or type(exc).__name__,
        "hint": exc.hint if isinstance(exc, BbqError) else None,
        "exit_code": int(code),
    }
    if isinstance(exc, TemplateError):
        found["diagnostics"] = [diagnostic_document(item) for item in exc.diagnostics]
    return found


def _price_document(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    return {"currency": price.currency, "more": price.more, "all": price.all, "unpriced": list(price.unpriced)}


class _MachineView(View):
    """Builds documents; subclasses write them."""

    def _document(self, kind: str, body: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def _line(self, kind: str, body: Mapping[str, Any]) -> None:
        """One of many (an event, a line of a log): a line of its own in JSON."""
        text = json.dumps({"v": VERSION, "kind": kind, **plain(body)}, separators=(",", ":"))
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

    def diagnostics(self, found: Sequence[Diagnostic], *, verdicts: Sequence[Verdict] = ()) -> None:
        documents = [diagnostic_document(item) for item in found]
        self._document("diagnostics", {**_summary(found, verdicts), "diagnostics": documents})

    def plan(self, plan: Plan) -> None:
        self._document("plan", plan_document(plan))

    def event(self, event: Event) -> None:
        self._line(event.kind, event_document(event))

    def status(self, row: DeploymentRow, records: Mapping[str, Record], *, now: float) -> None:
        nodes = [record_document(record) for record in records.values()]
        self._document("status", {"deployment": deployment_document(row), "nodes": nodes})

    def outputs(self, values: Mapping[str, Any], *, show_secrets: bool = False) -> None:
        secret = [name for name, value in values.items() if contains(value, lambda item: isinstance(item, Secret))]
        shown = {name: revealed(value) if show_secrets else value for name, value in values.items()}
        self._document("outputs", {"outputs": shown, "secret": secret})

    def deployments(self, rows: Sequence[DeploymentRow], *, now: float) -> None:
        self._document("deployments", {"deployments": [deployment_document(row) for row in rows]})

    def error(self, exc: BaseException) -> None:
        self._document("error", error_document(exc))

    def message(self, text: str) -> None:
        self._line("message", {"text": text})

    def table(self, kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self._document(kind, {"rows": [dict(zip(columns, row, strict=True)) for row in rows]})

    def data(self, kind: str, value: Any) -> None:
        self._document(kind, {"value": value})

    def log(self, node: str, line: str) -> None:
        self._line("log", {"node": node, "line": line.rstrip("\r\n")})


class NdjsonView(_MachineView):
    """One object a line, written at once: what long commands stream."""

    def _document(self, kind: str, body: Mapping[str, Any]) -> None:
        self._line(kind, body)

    def diagnostics(self, found: Sequence[Diagnostic], *, verdicts: Sequence[Verdict] = ()) -> None:
        for item in found:
            self._line("diagnostic", diagnostic_document(item))
        self._line("diagnostics", _summary(found, verdicts))


class JsonView(_MachineView):
    """One indented document a command; events and log lines stay lines."""

    def _document(self, kind: str, body: Mapping[str, Any]) -> None:
        self._write(json.dumps({"v": VERSION, "kind": kind, **plain(body)}, indent=2) + "\n")

    def message(self, text: str) -> None:
        """Nothing: a document is one JSON value, and a notice is no part of it."""


class YamlView(_MachineView):
    """One YAML document a command; events and log lines are documents of a stream."""

    def _document(self, kind: str, body: Mapping[str, Any]) -> None:
        import yaml

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        self._write(yaml.dump({"v": VERSION, "kind": kind, **plain(body)}, Dumper=dumper, sort_keys=False, explicit_start=True))

    _line = _document

    def message(self, text: str) -> None:
        """Nothing, as in JSON."""


def _summary(found: Sequence[Diagnostic], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    errors = sum(item.severity == "error" for item in found)
    return {
        "valid": errors == 0,
        "errors": errors,
        "warnings": len(found) - errors,
        "templates": [
            {"file": item.file, "valid": item.valid, "errors": item.errors, "warnings": item.warnings} for item in verdicts
        ],
    }
