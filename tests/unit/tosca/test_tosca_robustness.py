"""Whatever stands in a template, it is answered with diagnostics, never with an exception."""

from __future__ import annotations

import copy
import random

import pytest
import yaml

import bbq.tosca
from bbq.datafiles import data_dir

JUNK = [
    None,
    5,
    -1,
    1.5,
    True,
    "x",
    "",
    [],
    {},
    [1],
    ["a", "b"],
    {"a": 1},
    [[["a"]]],
    {"$get_input": {"a": 1}},
    {"get_property": ["SELF"]},
    {"get_property": [["SELF", 0], "p"]},
    {"$get_attribute": [["a"], {"b": 1}]},
    "$value",
    "SELF",
    {"type": "string"},
    {"type": [1]},
    [{"a": {"node": ["b", 1]}}],
    "tosca.nodes.Root",
    {"$and": [1]},
    {"derived_from": "string"},
    {"in_range": [1, "a"]},
    {"token": [1, 2, 3]},
    {"$equal": []},
    {"$concat": [[1], {"a": 2}]},
    [0, "UNBOUNDED"],
    "\0",
    "a\x1b",
]
KEYS = ["type", "properties", "requirements", "node", "value", "copy", "derived_from", "validation", "constraints", "count"]
SOURCES = ["types/bbq.yaml", "types/tosca-simple-1.3.yaml", "types/org.oasis-open.simple-2.0/node_types.yaml"]
SERVICE = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  inputs: { n: { type: integer, default: 1, validation: { $less_than: [ $value, 5 ] } } }
  node_templates:
    spark: { type: bbq.nodes.SparkCluster, count: 1, properties: { workers: { $get_input: n } } }
    db: { type: bbq.nodes.Database, capabilities: { database: { properties: {} } }, artifacts: {} }
    app:
      type: bbq.nodes.SparkApplication
      properties: { file: a.py, environment: { A: { $concat: [ x, { $get_attribute: [ db, host ] } ] } } }
      requirements: [ { cluster: spark }, { connection: { node: db, relationship: { type: bbq.relationships.ConnectsTo } } } ]
      interfaces: { Standard: { operations: { create: { implementation: a.sh, inputs: { a: 1 } } } } }
  groups: { g: { type: tosca.groups.Root, members: [ app ] } }
  policies: [ { p: { type: tosca.policies.Root, targets: [ app ] } } ]
  workflows: { w: { steps: { s: { target: app, activities: [ { call_operation: Standard.create } ] } } } }
  outputs: { o: { value: { $get_attribute: [ db, url ] } } }
  substitution_mappings:
    node_type: bbq.nodes.SparkApplication
    properties: { file: n }
    attributes: { state: [ app, state ] }
    requirements: { cluster: [ app, cluster ] }
    substitution_filter: { properties: [ { mode: { $equal: [ $value, batch ] } } ] }
"""


def paths(value, path=()):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def mutated(document, rng):
    for _ in range(rng.choice([1, 1, 2, 4])):
        *parents, last = rng.choice([path for path in paths(document) if path[0] != "tosca_definitions_version"])
        container = document
        for key in parents:
            container = container[key]
        choice = rng.random()
        if choice < 0.7:
            container[last] = copy.deepcopy(rng.choice(JUNK))
        elif choice < 0.85 and len(document) > 2:
            del container[last]
        elif isinstance(container, dict):
            container[rng.choice(KEYS)] = copy.deepcopy(rng.choice(JUNK))
    return document


@pytest.mark.parametrize("seed", range(4))
def test_mutated_templates(tmp_path, seed):
    rng = random.Random(seed)
    documents = [yaml.safe_load((data_dir("templates") / name).read_text()) for name in SOURCES]
    documents += [yaml.safe_load(SERVICE)] * 6
    path = tmp_path / "t.yaml"
    for _ in range(60):
        path.write_text(yaml.safe_dump(mutated(copy.deepcopy(rng.choice(documents)), rng), sort_keys=False))
        service, found = bbq.tosca.load(path)
        assert all(str(item).isprintable() for item in found)
        if service is not None:
            bbq.tosca.check_inputs(service, dict.fromkeys(service.inputs, "x"))
