"""What functions give is checked as literals are, at the property that it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbq.diagnostics import Diagnostic
from bbq.topology import build
from bbq.tosca import check_inputs, load

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 } ]
service_template:
  inputs:
    when: { type: string, default: "@daily" }
    n: { type: integer, default: 2 }
    seconds: { type: float, default: 2 }
    bucket: { type: string, default: data }
    token: { type: bbq.datatypes.Secret, default: none }
  node_templates:
    job:
      type: bbq.nodes.ScheduledJob
      properties:
        command: [ x ]
        schedule: { $get_input: when }
        timeouts: { ready: { $get_input: seconds } }
        environment: { TOKEN: { $get_input: token }, URL: { $get_attribute: [ store, url ] } }
    cluster:
      type: bbq.nodes.SparkCluster
      properties:
        workers: { $get_input: n }
    store:
      type: bbq.nodes.ObjectStore
      properties:
        buckets: [ { $concat: [ { $get_input: bucket }, "-x" ] }, { $get_input: bucket } ]
"""


def problems(directory: Path, **given: str) -> list[Diagnostic]:
    path = directory / "s.yaml"
    path.write_text(TEMPLATE)
    service, found = load(str(path))
    assert service is not None and not found, found
    values, found = check_inputs(service, given)
    assert not found
    topology, found = build(service, inputs=values, provider="simulator")
    assert (topology is None) == bool(found)
    return found


def test_what_fits(tmp_path: Path) -> None:
    assert problems(tmp_path) == []


@pytest.mark.parametrize(
    ("given", "code", "marked", "said"),
    [
        ({"when": "0 24 * * *"}, "BBQ-T047", "$get_input: when", "hour: 24 is not within 0 to 23"),
        ({"n": "0"}, "BBQ-T043", "$get_input: n }", "must be at least `1`, not `0`"),
        ({"seconds": "0"}, "BBQ-T043", "$get_input: seconds", "at `ready` must be greater than `0`"),
        ({"bucket": "B"}, "BBQ-T043", "$concat", "at `0` must match"),
    ],
)
def test_what_does_not(tmp_path: Path, given: dict[str, str], code: str, marked: str, said: str) -> None:
    item, *more = problems(tmp_path, **given)
    assert item.code == code and said in item.message
    before = TEMPLATE[: TEMPLATE.index(marked)]
    assert (item.line, item.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert all(other.code == code for other in more), "nothing is told twice in another way"


def test_text_is_the_text_of_numbers_and_booleans(tmp_path: Path) -> None:
    """As an environment and a command line have it; spelled as the template has it."""
    path = tmp_path / "s.yaml"
    path.write_text("""\
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 } ]
service_template:
  inputs:
    n: { type: integer, default: 3 }
    debug: { type: boolean, default: true }
  node_templates:
    store: { type: bbq.nodes.MessageQueue }
    job:
      type: bbq.nodes.Job
      properties:
        command: [ x, { $get_input: n }, 1.50 ]
        environment: { N: { $get_input: n }, D: { $get_input: debug }, E: 5, P: { $get_attribute: [ store, port ] } }
      requirements: [ { connection: store } ]
""")
    service, found = load(str(path))
    assert service is not None and not found, found
    values, _ = check_inputs(service, {})
    topology, found = build(service, inputs=values, provider="simulator")
    assert topology is not None, found
    properties = topology.nodes["job"].properties
    assert properties["command"] == ["x", "3", "1.50"]
    assert {name: properties["environment"][name] for name in "NDE"} == {"N": "3", "D": "true", "E": "5"}
    path.write_text(path.read_text().replace("E: 5", "E: [ 5 ]"))
    (item,) = load(str(path))[1]
    assert item.code == "BBQ-T040" and "must be a string, not a list" in item.message
