"""A template with errors has its graph checked all the same: what is sure of it is told in the same run, consequences not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bbq import tosca
from bbq.diagnostics import Diagnostic
from bbq.validation.findings import findings, with_graph

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT.parent / "shared" / "corpora" / "oasis-tosca"

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
capability_types: { C: {}, D: {} }
relationship_types: { R: { properties: { w: { type: integer, required: false } } } }
data_types:
  Point: { properties: { x: { type: integer } } }
node_types:
  Server:
    properties: { port: { type: integer, default: 80 }, name: { type: string, required: false } }
    capabilities: { c: C }
  Client:
    properties: { port: { type: integer, default: 80 } }
    requirements: [ { to: { capability: C, relationship: R, count_range: [ 1, 1 ] } } ]
  Other:
    properties: { point: { type: Point, required: false } }
    requirements: [ { to: { capability: D, relationship: R, count_range: [ 0, 1 ] } } ]
service_template:
  inputs: { text: { type: string, default: abc } }
  node_templates:
    server: { type: Server }
    client: { type: Client, requirements: [ { to: server } ] }
    lonely: { type: Other, requirements: [ { to: { node: Server, directives: [ internal ] } } ] }
    wrong: { type: Server, properties: { name: { $get_input: text }, port: { $get_property: [ SELF, name ] } } }
  outputs: { o: { value: { $get_property: [ server, port ] } } }
"""
Check = Callable[..., list[str]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """The errors of the template with some of its text replaced, as `line code`."""

    def run(*replaced: tuple[str, str]) -> list[str]:
        text = TEMPLATE
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "service.yaml"
        path.write_text(text)
        found = findings(str(path), inputs=None, import_map=None, offline=True)
        return [f"{item.line} {item.code}" for item in found if item.severity == "error"]

    return run


GRAPH = ["21 BBQ-G010", "22 BBQ-T040"]
"""What is wrong with the template's graph: an open requirement, a value of another type."""


def test_the_graph_alone(check: Check) -> None:
    assert check() == GRAPH


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ("server: { type: Server }", "server: { type: Server, properties: { port: x } }", "19 BBQ-T040"),
        ("server: { type: Server }", "server: { type: Server, properties: { prt: 1 } }", "19 BBQ-T041"),
        ("[ { to: server } ]", "[ { too: server } ]", "20 BBQ-T061"),
        ("[ server, port ]", "[ server, prt ]", "23 BBQ-T054"),
        (
            "o: { value: { $get_property: [ server, port ] } }",
            "o: { type: integer, value: { $get_input: text } }",
            "23 BBQ-T046",
        ),
        (
            "[ { to: server } ]",
            "[ { to: { node: server, relationship: { type: R, properties: { w: { $get_input: text } } } } } ]",
            "20 BBQ-T046",
        ),
    ],
)
def test_every_problem_in_one_run(check: Check, old: str, new: str, first: str) -> None:
    found = check((old, new))
    assert sorted(found) == sorted([first, *GRAPH])


def test_consequences_are_not_told(check: Check) -> None:
    """Each would have more findings if what is missing or wrong were taken as it is."""
    value = "22 BBQ-T040"
    assert check(("server: { type: Server }", "server: { type: Serve }")) == ["19 BBQ-T030", value]
    assert check(("x: { type: integer }", "x: { type: integre }")) == ["5 BBQ-T030", value]
    assert check(("capabilities: { c: C }", "capabilities: { c: X }")) == ["9 BBQ-T030", "20 BBQ-T063"]
    assert check(("{ type: string, default: abc }", "{ type: strin, default: abc }")) == ["17 BBQ-T030", GRAPH[0]]
    assert check(("node_types:", "node_type:"))[0] == "6 BBQ-T010"
    same = check(("{ $get_property: [ SELF, name ] }", "{ $concat: [ 1, [ 2 ] ] }"), ("to: server", "to: { node: servr }"))
    assert len({line.split()[0] for line in same}) == len(same), same
    by_filter = "{ node: Server, node_filter: { $equal: [ { $get_property: [ SELF, TARGET, port ] }, 80 ] } }"
    assert check(
        ("[ { to: server } ]", f"[ {{ to: {by_filter} }} ]"),
        ("server: { type: Server }", "server: { type: Server, properties: { port: x } }"),
    ) == ["19 BBQ-T040", *GRAPH]


def test_an_error_that_may_matter_anywhere_is_all_that_is_told(check: Check) -> None:
    assert check(("capability_types:", "imports: [ missing.yaml ]\ncapability_types:")) == ["2 BBQ-T020"]


def test_given_inputs_are_checked_beside_the_template(tmp_path: Path) -> None:
    path = tmp_path / "service.yaml"
    path.write_text(TEMPLATE.replace("[ { to: server } ]", "[ { too: server } ]"))
    found = findings(str(path), inputs={"txt": 1}, import_map=None, offline=True)
    assert {"BBQ-T100", "BBQ-T061"} <= {item.code for item in found}


def _templates() -> list[Path]:
    found = [*sorted((ROOT / "examples").rglob("*.yaml")), *(sorted(SAMPLES.rglob("*.yaml")) if SAMPLES.exists() else ())]
    return [path for path in found if "tosca_definitions_version" in path.read_text()]


def _places(text: str) -> list[tuple[int, int]]:
    """Where the plain scalars of a text stand."""
    events = list(yaml.parse(text, Loader=yaml.CSafeLoader))
    scalars = [each for each in events if isinstance(each, yaml.ScalarEvent) and each.style in (None, "")]
    return [(each.start_mark.index, each.end_mark.index) for each in scalars if each.start_mark.index < each.end_mark.index]


def _errors(found: list[Diagnostic]) -> set[Diagnostic]:
    return {item for item in found if item.severity == "error"}


def test_no_single_mistake_makes_findings_of_the_graph() -> None:
    """In templates without errors, any text becomes another: where the reader finds that wrong, the graph adds nothing."""
    source, tried = random.Random(7), 0
    for path in source.sample(_templates(), k=min(60, len(_templates()))):
        text = path.read_text()
        service, found = tosca.load(path)
        if service is None or _errors(with_graph(service, found, None)):
            continue
        places = _places(text)
        for start, end in source.sample(places, k=min(6, len(places))):
            for new in (text[start:end] + "z", "[ 7 ]"):
                changed = (text[:start] + new + text[end:]).encode()
                service, found = tosca.load(path, overlay={path.resolve(): changed})
                if service is not None and _errors(found):
                    tried += 1
                    more = _errors(with_graph(service, found, None)) - _errors(found)
                    assert not more, (str(path), start, new, list(map(str, found)), list(map(str, more)))
    assert tried > 20
