"""JSON, YAML and NDJSON: true to the schema, without loss, without secrets, harmless on a terminal."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
import yaml

from bbq import views
from bbq.diagnostics import Verdict
from bbq.errors import QuotaError, TemplateError
from bbq.topology.values import UNKNOWN, Attribute, Secret
from bbq.views import schema

KINDS = {kind.name: kind for kind in (*schema.EVENTS, *schema.DOCUMENTS)}
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def check(document: dict[str, Any]) -> None:
    """`document` against the schema: its kind is known, its fields are described, there and of the right type."""
    kind = KINDS[document["kind"]]
    assert document["v"] == schema.VERSION
    described = {field.name.split(".")[0] for field in kind.fields}
    assert set(document) - {"v", "kind"} <= described
    for field in kind.fields:
        value: Any = document
        for part in field.name.split("."):
            if part not in value:
                assert not field.required, f"{kind.name}: {field.name} is missing"
                break
            value = value[part]
        else:
            names = [name.split(" of ")[0] for name in field.type.split("|")]
            assert isinstance(value, tuple(t for name in names for t in JSON_TYPES[name])), f"{field.name}: {value!r}"


def documents(format: str, act) -> list[dict[str, Any]]:
    stream = io.StringIO()
    act(views.get(format, stream))
    text = stream.getvalue()
    assert text.isascii() and not re.search("[\x00-\x08\x0b-\x1f\x7f]", text)
    assert "hunter2" not in text
    if format == "ndjson":
        return [json.loads(line) for line in text.splitlines()]
    return [json.loads(text)] if format == "json" else list(yaml.safe_load_all(text))


@pytest.fixture
def acts(plan, row, records, diagnostics, events) -> dict[str, Any]:
    return {
        "diagnostics": lambda view: view.diagnostics(diagnostics, verdicts=[Verdict("service.yaml", 1, 1)]),
        "plan": lambda view: view.plan(plan),
        "status": lambda view: view.status(row, records, now=1.0),
        "outputs": lambda view: view.outputs({"a": 1, "b": Secret("hunter2"), "c": {"d": [Secret("hunter2")]}}),
        "deployments": lambda view: view.deployments([row], now=1.0),
        "error": lambda view: view.error(TemplateError("bad", diagnostics, hint="fix it")),
    }


@pytest.mark.parametrize("format", ["json", "yaml", "ndjson"])
def test_every_document_is_as_the_schema_says(format: str, acts) -> None:
    for kind, act in acts.items():
        found = documents(format, act)
        assert found[-1]["kind"] == kind
        for document in found:
            check(document)


@pytest.mark.parametrize("format", ["yaml", "ndjson"])
def test_events_stream_as_the_schema_says(format: str, events) -> None:
    def act(view) -> None:
        for event in events:
            view.event(event)

    found = documents(format, act)
    assert [document["kind"] for document in found] == [event.kind for event in events]
    for document in found:
        check(document)


def test_an_event_is_one_line_at_once_in_json_too(events) -> None:
    stream = io.StringIO()
    view = views.get("json", stream)
    for index, event in enumerate(events, 1):
        view.event(event)
        assert stream.getvalue().count("\n") == index


def test_nothing_is_lost_and_nothing_can_act(evil, plan) -> None:
    for format in ("json", "yaml", "ndjson"):
        (document,) = documents(format, lambda view: view.plan(plan))
        assert evil[0] in [step["node"] for step in document["steps"]]


def test_outputs_can_be_read_by_name() -> None:
    values = {"url": "http://x", "password": Secret("hunter2")}
    (document,) = documents("json", lambda view: view.outputs(values))
    assert document["outputs"] == {"url": "http://x", "password": "********"} and document["secret"] == ["password"]
    stream = io.StringIO()
    views.get("json", stream).outputs(values, show_secrets=True)
    assert json.loads(stream.getvalue())["outputs"]["password"] == "hunter2"


def test_diagnostics_in_ndjson_are_one_a_line(diagnostics) -> None:
    found = documents("ndjson", lambda view: view.diagnostics(diagnostics))
    assert [document["kind"] for document in found] == ["diagnostic", "diagnostic", "diagnostics"]
    assert found[-1] == {"v": 1, "kind": "diagnostics", "valid": False, "errors": 1, "warnings": 1, "templates": []}


def test_errors_carry_their_exit_code() -> None:
    (document,) = documents("json", lambda view: view.error(QuotaError("no room")))
    assert (document["error"], document["exit_code"], document["hint"]) == ("QuotaError", 6, None)
    (document,) = documents("json", lambda view: view.error(ValueError()))
    assert (document["message"], document["exit_code"]) == ("ValueError", 1)


def test_odd_values_become_json() -> None:
    odd = {1: float("nan"), "set": {"b", "a"}, "object": UNKNOWN, "expression": Attribute("db", ("url",)), "tuple": (1, 2)}
    (document,) = documents("json", lambda view: view.data("odd", odd))
    assert document["value"] == {
        "1": None,
        "set": ["a", "b"],
        "object": "(known after apply)",
        "expression": "db.url",
        "tuple": [1, 2],
    }


def test_a_json_document_is_alone_on_its_stream() -> None:
    stream = io.StringIO()
    view = views.get("json", stream)
    view.message("by the way")
    view.table("config", ["option", "value"], [["a", 1]])
    assert json.loads(stream.getvalue())["rows"] == [{"option": "a", "value": 1}]
