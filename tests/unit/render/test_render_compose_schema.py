"""The Compose file against the Compose Specification's own JSON schema.

`compose-spec.json` is schema/compose-spec.json of https://github.com/compose-spec/compose-spec (Apache-2.0).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from bbq import topology, tosca
from bbq.render import render

jsonschema = pytest.importorskip("jsonschema", reason="needs the package jsonschema")

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"


@pytest.mark.parametrize(
    ("example", "inputs"),
    [
        ("packets", {}),
        ("leader-worker", {}),
        ("leader-worker", {"queue_engine": "rabbitmq", "database_engine": "mariadb"}),
    ],
)
def test_the_schema_holds(example: str, inputs: dict[str, str], tmp_path: Path) -> None:
    service, _ = tosca.load(str(EXAMPLES / example / "service.yaml"))
    values, _ = tosca.check_inputs(service, inputs)
    built, found = topology.build(service, inputs=values, provider="compose")
    assert built is not None, found
    document = yaml.safe_load(render(built, "compose", name=example, directory=tmp_path).files["compose.yaml"])
    schema = json.loads((HERE / "compose-spec.json").read_text())
    problems = [f"{list(error.path)}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(document)]
    assert problems == []
    document["services"][next(iter(document["services"]))]["imag"] = "x"
    assert list(jsonschema.Draft7Validator(schema).iter_errors(document)), "the schema finds a misspelt key"
