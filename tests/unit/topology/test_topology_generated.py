"""Secrets that bbq makes: of properties, and of fields inside maps, under names that stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bbq.topology import build
from bbq.topology.values import GeneratedSecret, Secret
from bbq.tosca import load

HEAD = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 } ]
data_types:
  User:
    derived_from: tosca.datatypes.Root
    properties:
      password: { type: bbq.datatypes.Secret, required: false, metadata: { generate: true } }
      home: { type: string, required: false }
node_types:
  Thing:
    derived_from: bbq.nodes.Root
    properties:
      users: { type: map, entry_schema: { type: User }, required: false }
      guests: { type: list, entry_schema: { type: User }, required: false }
      owner: { type: User, required: false }
service_template:
  node_templates:
    t: { type: Thing, properties: PROPERTIES }
"""


def properties(directory: Path, text: str) -> dict[str, Any]:
    path = directory / "s.yaml"
    path.write_text(HEAD.replace("PROPERTIES", text))
    service, problems = load(str(path))
    assert service is not None and not problems, problems
    topology, problems = build(service, inputs={}, provider="simulator")
    assert topology is not None, problems
    return topology.nodes["t"].properties


def test_of_a_maps_entries_and_of_a_data_type(tmp_path: Path) -> None:
    found = properties(tmp_path, "{ users: { ann: {}, bob: { password: own, home: /b } }, owner: { home: /o } }")
    assert found["users"] == {
        "ann": {"password": GeneratedSecret("t.users.ann.password")},
        "bob": {"password": Secret("own"), "home": "/b"},
    }
    assert found["owner"] == {"home": "/o", "password": GeneratedSecret("t.owner.password")}


def test_not_in_a_list_whose_places_change(tmp_path: Path) -> None:
    assert properties(tmp_path, "{ guests: [ { home: /g } ] }")["guests"] == [{"home": "/g"}]
