"""Inputs: text from the command line, values from Python, defaults, messages."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_2

import bbq.tosca
from bbq.diagnostics import DiagnosticBag
from bbq.yamlreader import Given, read_file

TEMPLATE = (
    HEAD_2
    + """\
imports: [ { profile: "bbq:1.0" } ]
data_types:
  D: { properties: { x: { type: integer }, y: { type: string, default: z } } }
  Small: { derived_from: integer, validation: { $less_than: [ $value, 10 ] } }
service_template:
  inputs:
    workers: { type: integer, default: 2, validation: { $greater_or_equal: [ $value, 1 ] } }
    name: { type: string, description: What it is called. }
    ratio: { type: float, required: false }
    on: { type: boolean, default: false }
    names: { type: list, entry_schema: string, required: false }
    counts: { type: map, entry_schema: integer, required: false }
    memory: { type: scalar-unit.size, default: 1 GB }
    d: { type: D, required: false }
    small: { type: Small, required: false }
    password: { type: bbq.datatypes.Secret, required: false }
    pin: { type: integer, required: false, metadata: { secret: true } }
  node_templates: {}
"""
)


@pytest.fixture
def service(templates):
    return templates.good(TEMPLATE)


def good(service, **given):
    values, found = bbq.tosca.check_inputs(service, {"name": "n", **given})
    assert not found
    return values


def bad(service, code, **given):
    _, found = bbq.tosca.check_inputs(service, {"name": "n", **given})
    assert [(item.code, item.file, item.line, item.severity) for item in found] == [(code, "<input>", 1, "error")], found
    return found[0]


def test_defaults(service):
    assert good(service) == {"name": "n", "workers": 2, "on": False, "memory": "1 GB"}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("workers", "3", 3),
        ("workers", 3, 3),
        ("name", "3", "3"),
        ("name", "null", "null"),
        ("ratio", "3", 3.0),
        ("ratio", "0.5", 0.5),
        ("on", "true", True),
        ("on", "no", False),
        ("names", "[a, b]", ["a", "b"]),
        ("names", '["a", "b"]', ["a", "b"]),
        ("names", ["a"], ["a"]),
        ("counts", "{a: 1}", {"a": 1}),
        ("counts", "a: 1", {"a": 1}),
        ("memory", "512mb", "512 MB"),
        ("d", "{x: 1}", {"x": 1, "y": "z"}),
        ("small", "9", 9),
        ("password", "123", "123"),
    ],
)
def test_text_becomes_the_inputs_type(service, name, text, expected):
    found = good(service, **{name: text})[name]
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("workers", "three"),
        ("workers", "3.5"),
        ("workers", "0"),
        ("workers", "9" * 5000),
        ("workers", "1_0"),
        ("on", "maybe"),
        ("names", "a"),
        ("names", "[1]"),
        ("names", "[a"),
        ("counts", "{a: x}"),
        ("memory", "512"),
        ("d", "{y: z}"),
        ("small", "10"),
        ("name", 5),
    ],
)
def test_values_that_do_not_fit(service, name, text):
    assert f"`{name}`" in bad(service, "BBQ-T102", **{name: text}).message


def test_unknown_and_missing(service):
    assert bad(service, "BBQ-T100", wrokers="3").hint == "did you mean `workers`?"
    values, found = bbq.tosca.check_inputs(service, {})
    assert "name" not in values
    assert [(item.code, item.hint) for item in found] == [("BBQ-T101", "give it with --input name=... (What it is called.)")]


def test_secrets_are_not_told(service):
    assert service.inputs["password"].secret and service.inputs["pin"].secret and not service.inputs["name"].secret
    found = bad(service, "BBQ-T102", pin="hunter2")
    assert "hunter2" not in str(found)


def test_all_problems_at_once(service):
    _, found = bbq.tosca.check_inputs(service, {"workers": "x", "on": "x", "nope": 1})
    assert sorted(item.code for item in found) == ["BBQ-T100", "BBQ-T101", "BBQ-T102", "BBQ-T102"]


def test_what_a_file_gives_is_told_where_it_stands(service, templates):
    text = """\
    name: n
    workers: §0
    §wrkers: 2
    counts:
      a: 1
      b: §many
    d: { x: §y }
    pin: §geheim
    """
    path, marks = templates.write("inputs.yaml", text)
    given = Given()
    given.read(read_file(path, DiagnosticBag()))
    _, found = bbq.tosca.check_inputs(service, given)
    assert [(item.file, item.line, item.column) for item in found] == [(str(path), *mark) for mark in marks]
    assert [item.code for item in found] == ["BBQ-T102", "BBQ-T100", "BBQ-T102", "BBQ-T102", "BBQ-T102"]
    assert "geheim" not in str(found)
    given.say("workers", "0")
    copy = Given(given)
    del copy["name"]
    _, found = bbq.tosca.check_inputs(service, copy)
    by_hand = [item.message for item in found if (item.file, item.line) == ("<input>", 1)]
    assert [item.file for item in found if item.message not in by_hand] == [str(path)] * 4
    assert [by_hand[0], "`workers`" in by_hand[1], len(by_hand)] == ["input `name` is required", True, 2]


def test_what_is_given_counts_then_the_value_then_the_default(templates):
    service = templates.good(
        HEAD_2
        + "service_template:\n  inputs:\n    a: { type: integer, default: 1 }\n    b: { type: integer, default: 1, value: 2 }\n"
        "  node_templates: {}\n"
    )
    assert bbq.tosca.check_inputs(service, {})[0] == {"a": 1, "b": 2}
    assert bbq.tosca.check_inputs(service, {"b": "3"})[0] == {"a": 1, "b": 3}
