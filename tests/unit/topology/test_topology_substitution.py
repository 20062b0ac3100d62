"""Abstract nodes are replaced by templates of the provider, or of the user. All from real YAML."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bbq.diagnostics import Diagnostic
from bbq.topology import build, codes
from bbq.topology.model import Topology
from bbq.topology.values import Attribute, Call, GeneratedSecret, Secret
from bbq.tosca import check_inputs, load

TYPES = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 } ]
capability_types:
  Port: { derived_from: bbq.capabilities.Endpoint, properties: { number: { type: integer, default: 7 } },
          attributes: { address: { type: string } } }
node_types:
  Process:
    derived_from: tosca.nodes.Root
    properties:
      command: { type: string, required: false }
      password: { type: bbq.datatypes.Secret, required: false, metadata: { generate: true } }
      peers: { type: list, entry_schema: { type: string }, required: false }
    attributes: { address: { type: string }, pid: { type: integer } }
    capabilities: { port: { type: Port } }
    requirements:
      - needs:
          capability: bbq.capabilities.Endpoint
          relationship: bbq.relationships.ConnectsTo
          count_range: [ 0, UNBOUNDED ]
"""

CLUSTER = """
tosca_definitions_version: tosca_2_0
imports: [ types.yaml ]
service_template:
  inputs:
    workers: { type: integer, default: 1 }
  substitution_mappings:
    node_type: bbq.nodes.SparkCluster
    properties: { workers: [ workers ] }
    attributes:
      master_url: [ master, address ]
      webui_url: { $concat: [ "http://", { $get_attribute: [ master, address ] } ] }
    capabilities: { cluster: [ master, port ] }
  node_templates:
    master: { type: Process }
    worker:
      type: Process
      count: { $get_input: workers }
      properties: { command: { $concat: [ "work ", { $get_attribute: [ master, address ] } ] } }
      requirements: [ needs: master ]
"""

DATABASE = """
tosca_definitions_version: tosca_2_0
imports: [ types.yaml ]
service_template:
  inputs:
    password: { type: bbq.datatypes.Secret }
  substitution_mappings:
    node_type: bbq.nodes.Database
    substitution_filter: { $equal: [ { $get_property: [ SELF, engine ] }, postgresql ] }
    properties: { password: [ password ] }
    attributes: { host: [ server, address ], password: { $get_input: password } }
  node_templates:
    server: { type: Process, properties: { password: { $get_input: password } } }
    probe: { type: Process }
"""

APPLICATION = """
tosca_definitions_version: tosca_2_0
imports: [ types.yaml ]
service_template:
  inputs: { command: { type: list, entry_schema: { type: string } } }
  substitution_mappings:
    node_type: bbq.nodes.Service
    properties: { command: [ command ] }
    requirements: { connection: [ process, needs ] }
    attributes: { url: [ process, address ], host: [ process, address ] }
  node_templates:
    process: { type: Process, properties: { command: { $join: [ { $get_input: command }, " " ] } } }
    log: { type: Process }
"""

SERVICE = """
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 } ]
service_template:
  inputs: { n: { type: integer, default: 2 } }
  node_templates:
    spark: { type: bbq.nodes.SparkCluster, properties: { workers: { $get_input: n }, timeouts: { ready: 9 } } }
    db: { type: bbq.nodes.Database }
    viewer:
      type: bbq.nodes.Service
      properties: { command: [ python, viewer.py ] }
      requirements:
        - connection: { node: db, relationship: { type: bbq.relationships.ConnectsTo, properties: { alias: STORE } } }
        - dependency: spark
  outputs:
    master: { type: string, value: { $get_attribute: [ spark, master_url ] } }
    password: { type: string, value: { $get_attribute: [ db, password ] } }
    viewer: { type: string, value: { $get_attribute: [ viewer, url ] } }
"""


class Bench:
    """A service and a directory of substitution templates."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "own").mkdir()
        self.write("own/types.yaml", TYPES)

    def write(self, name: str, text: str) -> Path:
        target = self.path / name
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_text(textwrap.dedent(text))
        return target

    def build(
        self, service: str = SERVICE, inputs: Mapping[str, Any] | None = None, **given: Any
    ) -> tuple[Any, list[Diagnostic]]:
        path = self.write("service.yaml", service)
        loaded, found = load(path)
        assert loaded is not None and not found, found
        values, wrong = check_inputs(loaded, inputs or {})
        assert not wrong
        given.setdefault("template_dirs", [self.path / "own"])
        return build(loaded, inputs=values, **{"provider": "some", **given})

    def topology(self, service: str = SERVICE, inputs: Mapping[str, Any] | None = None, **given: Any) -> Topology:
        topology, found = self.build(service, inputs, **given)
        assert topology is not None, "\n".join(map(str, found))
        assert not found
        return topology

    def problems(self, service: str = SERVICE, **given: Any) -> list[str]:
        topology, found = self.build(service, **given)
        assert topology is None
        return [item.code for item in found if item.severity == "error"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(tmp_path)
    found.write("own/cluster.yaml", CLUSTER)
    found.write("own/database.yaml", DATABASE)
    found.write("own/application.yaml", APPLICATION)
    return found


def test_abstract_nodes_become_composites_with_members(bench: Bench) -> None:
    topology = bench.topology()
    assert list(topology.nodes) == [
        "spark",
        "spark.master",
        "spark.worker[0]",
        "spark.worker[1]",
        "db",
        "db.server",
        "db.probe",
        "viewer",
        "viewer.process",
        "viewer.log",
    ]
    spark = topology.nodes["spark"]
    assert spark.members == ("spark.master", "spark.worker[0]", "spark.worker[1]")
    assert spark.composite
    assert spark.type == "bbq.nodes.SparkCluster"
    assert spark.attributes["master_url"] == Attribute("spark.master", ("address",))
    assert spark.attributes["webui_url"] == Call("concat", ("http://", Attribute("spark.master", ("address",))))
    assert spark.capabilities["cluster"] == {"number": 7}
    worker = topology.nodes["spark.worker[1]"]
    assert (worker.parent, worker.template, worker.index) == ("spark", "worker", 1)
    assert worker.properties["command"] == Call("concat", ("work ", Attribute("spark.master", ("address",))))
    assert worker.timeouts == {"ready": 9.0}
    assert [node.name for node in topology.primitives()] == [name for name in topology.nodes if "." in name]
    assert topology.outputs["master"].value == Attribute("spark", ("master_url",))


def test_one_secret_for_composite_and_member(bench: Bench) -> None:
    topology = bench.topology()
    secret = GeneratedSecret("db.password")
    assert topology.nodes["db"].properties["password"] == secret
    assert topology.nodes["db"].attributes["password"] == secret
    assert topology.nodes["db.server"].properties["password"] == secret
    assert topology.nodes["db.probe"].properties["password"] == GeneratedSecret("db.probe.password")
    assert topology.outputs["password"].secret
    assert not topology.outputs["viewer"].secret
    given = SERVICE.replace("{ type: bbq.nodes.Database }", "{ type: bbq.nodes.Database, properties: { password: hush } }")
    assert bench.topology(given).nodes["db.server"].properties["password"] == Secret("hush")


def test_mapped_requirements_are_carried_and_others_inherited(bench: Bench) -> None:
    nodes = bench.topology().nodes
    viewer = [(edge.requirement, edge.target, edge.properties) for edge in nodes["viewer"].edges]
    assert viewer == [("connection", "db", {"alias": "STORE"}), ("dependency", "spark", {})]
    process = nodes["viewer.process"].edges
    assert [(edge.requirement, edge.target) for edge in process] == [("needs", "db"), ("dependency", "spark")]
    assert process[0].properties == {"alias": "STORE"}
    log = [(edge.requirement, edge.target, edge.properties) for edge in nodes["viewer.log"].edges]
    assert log == viewer
    assert nodes["viewer.process"].dependencies() == {"db", "spark"}


def test_scaling_a_composite(bench: Bench) -> None:
    assert "spark.worker[3]" in bench.topology(overrides={"spark": 4}).nodes
    assert "spark.worker[2]" in bench.topology(inputs={"n": 3}).nodes
    assert bench.topology().nodes["spark"].scale_property == "workers"
    assert bench.problems(overrides={"spark": 0}) == [codes.BAD_OVERRIDE]
    assert bench.problems(overrides={"viewer": 2}) == [codes.BAD_OVERRIDE]
    assert "spark.worker[4]" in bench.topology(overrides={"spark.worker": 5}).nodes


def test_a_composite_scaled_to_none_stays_one(bench: Bench) -> None:
    bench.write(
        "own/worker.yaml",
        """
        tosca_definitions_version: tosca_2_0
        imports: [ types.yaml ]
        service_template:
          inputs: { n: { type: integer } }
          substitution_mappings: { node_type: bbq.nodes.Worker, properties: { instances: [ n ] } }
          node_templates:
            process: { type: Process, count: { $get_input: n } }
        """,
    )
    service = """
    tosca_definitions_version: tosca_2_0
    imports: [ { profile: bbq:1.0 } ]
    service_template:
      node_templates:
        w: { type: bbq.nodes.Worker, properties: { command: [ "true" ], instances: 0 } }
    """
    node = bench.topology(service).nodes["w"]
    assert node.composite
    assert node.members == ()
    assert list(bench.topology(service).primitives()) == []


def test_the_filter_decides_among_several(bench: Bench) -> None:
    assert "db.server" in bench.topology().nodes
    maria = SERVICE.replace("{ type: bbq.nodes.Database }", "{ type: bbq.nodes.Database, properties: { engine: mariadb } }")
    topology, found = bench.build(maria)
    assert topology is not None
    assert not topology.nodes["db"].composite
    assert [(item.severity, item.code) for item in found] == [("warning", codes.SUBSTITUTION_MISSING)]
    forced = maria.replace("{ engine: mariadb }", "{ engine: mariadb }, directives: [ substitute ]")
    assert bench.problems(forced) == [codes.SUBSTITUTION_MISSING]
    bench.write("own/maria.yaml", DATABASE.replace("postgresql", "mariadb").replace("server", "maria"))
    assert "db.maria" in bench.topology(maria.replace("db, host", "db, host")).nodes
    assert "db.server" in bench.topology().nodes
    bench.write("own/again.yaml", DATABASE)
    assert bench.problems() == [codes.SUBSTITUTION_AMBIGUOUS]


def test_a_service_that_is_there_decides_among_several(bench: Bench) -> None:
    """The template that needs a service is taken where it is there; alone it is taken in any case."""
    managed = DATABASE.replace("imports:", "metadata: { bbq_service: database }\nimports:").replace("server", "managed")
    bench.write("own/managed.yaml", managed)
    assert "db.managed" in bench.topology().nodes
    assert "db.managed" in bench.topology(lacking=["message"]).nodes
    assert "db.server" in bench.topology(lacking=["database"]).nodes
    (bench.path / "own" / "database.yaml").unlink()
    assert "db.managed" in bench.topology(lacking=["database"]).nodes


def test_the_users_directory_wins_type_by_type(bench: Bench) -> None:
    bench.write("mine/types.yaml", TYPES)
    bench.write("mine/spark.yaml", CLUSTER.replace("master", "chief").replace("chief_url", "master_url"))
    nodes = bench.topology(template_dirs=[bench.path / "mine", bench.path / "own", bench.path / "missing"]).nodes
    assert "spark.chief" in nodes
    assert "db.server" in nodes
    bench.write("mine/some/types.yaml", TYPES)
    bench.write("mine/some/spark.yaml", CLUSTER.replace("master", "head").replace("head_url", "master_url"))
    assert "spark.head" in bench.topology(template_dirs=[bench.path / "mine", bench.path / "own"]).nodes
    assert "spark.chief" in bench.topology(template_dirs=[bench.path / "mine", bench.path / "own"], provider="other").nodes


def test_the_nearest_ancestor_wins(bench: Bench) -> None:
    attributes = "    attributes: { url: [ process, address ], host: [ process, address ] }\n"
    far = APPLICATION.replace("nodes.Service", "nodes.CommandApplication").replace(attributes, "").replace("process", "far")
    bench.write("own/command.yaml", far)
    assert "viewer.process" in bench.topology().nodes
    (bench.path / "own/application.yaml").unlink()
    silent = SERVICE.replace("    viewer: { type: string, value: { $get_attribute: [ viewer, url ] } }\n", "")
    assert "viewer.far" in bench.topology(silent).nodes


def test_substitution_nests_and_a_circle_is_told(bench: Bench) -> None:
    nested = """
    tosca_definitions_version: tosca_2_0
    imports: [ { profile: bbq:1.0 } ]
    service_template:
      inputs: { handler: { type: string } }
      substitution_mappings:
        node_type: bbq.nodes.Function
        properties: { handler: [ handler ] }
        attributes: { url: [ inner, url ] }
        requirements: { connection: [ inner, connection ] }
      node_templates:
        inner: { type: bbq.nodes.%s, properties: { %s } }
    """
    service = """
    tosca_definitions_version: tosca_2_0
    imports: [ { profile: bbq:1.0 } ]
    service_template:
      node_templates:
        db: { type: bbq.nodes.Database }
        f: { type: bbq.nodes.Function, properties: { handler: "a.py:b" }, requirements: [ connection: db ] }
    """
    bench.write("own/function.yaml", nested % ("Service", "command: [ run, { $get_input: handler } ]"))
    nodes = bench.topology(service).nodes
    assert list(nodes) == ["db", "db.server", "db.probe", "f", "f.inner", "f.inner.process", "f.inner.log"]
    assert nodes["f.inner.process"].properties["command"] == "run a.py:b"
    assert nodes["f"].attributes["url"] == Attribute("f.inner", ("url",))
    assert [(edge.requirement, edge.target) for edge in nodes["f.inner.process"].edges] == [("needs", "db")]
    assert nodes["f.inner.process"].parent == "f.inner"
    bench.write("own/function.yaml", nested % ("Function", "handler: { $get_input: handler }"))
    assert bench.problems(service) == [codes.SUBSTITUTION_RECURSIVE]


def test_an_attribute_that_no_mapping_provides_is_told_where_it_is_asked_for(bench: Bench) -> None:
    asking = SERVICE.replace(
        "master: { type: string, value: { $get_attribute: [ spark, master_url ]",
        "master: { type: integer, value: { $get_attribute: [ db, port ]",
    )
    assert bench.topology(asking).outputs["master"].value == Attribute("db", ("port",))  # the property of that name
    asking = SERVICE.replace("[ spark, master_url ]", "[ db, url ]")
    topology, found = bench.build(asking)
    assert topology is None
    assert [item.code for item in found] == [codes.SUBSTITUTION_UNMAPPED]
    assert found[0].file.endswith("service.yaml")


def test_a_broken_template_is_reported_and_only_when_it_is_needed(bench: Bench) -> None:
    bench.write("own/queue.yaml", "substitution_mappings: { node_type: bbq.nodes.MessageQueue\n")
    bench.topology()
    topology, found = bench.build(SERVICE.replace("Database }", "Database }\n    q: { type: bbq.nodes.MessageQueue }"))
    assert topology is None
    assert {Path(item.file).name for item in found} == {"queue.yaml"}


def test_a_template_that_misses_an_input(bench: Bench) -> None:
    bench.write("own/cluster.yaml", CLUSTER.replace("    workers: {", "    extra: { type: string }\n    workers: {"))
    assert bench.problems() == [codes.SUBSTITUTION_BROKEN]


def test_a_changed_template_is_read_again(bench: Bench) -> None:
    assert "spark.master" in bench.topology().nodes
    bench.write("own/cluster.yaml", CLUSTER.replace("master", "captain").replace("captain_url", "master_url"))
    assert "spark.captain" in bench.topology().nodes


def test_without_templates_abstract_nodes_stay(bench: Bench) -> None:
    for given in ({"template_dirs": ()}, {"provider": "simulator"}):
        topology = bench.topology(**given)
        assert list(topology.nodes) == ["spark", "db", "viewer"]
        assert not any(node.composite for node in topology.nodes.values())


def test_what_tosca_knows_of_every_node(bench: Bench) -> None:
    outputs = """
    a: { type: string, value: { $get_attribute: [ viewer, tosca_name ] } }
    b: { type: string, value: { $get_attribute: [ viewer, tosca_id ] } }
"""
    topology = bench.topology(SERVICE.rstrip() + outputs)
    assert [topology.outputs[name].value for name in "ab"] == ["viewer", "viewer"]
    assert topology.nodes["viewer"].attributes["state"] == "started"


def test_substitution_templates_are_loaded_with_the_import_map_of_the_template(bench: Bench) -> None:
    bench.write("elsewhere/types.yaml", TYPES)
    bench.write("own/cluster.yaml", CLUSTER.replace("types.yaml", "https://example.com/profiles/types.yaml"))
    mapping = {"https://example.com/profiles/": bench.path / "elsewhere"}
    service, _ = load(bench.write("service.yaml", SERVICE), import_map=mapping)
    assert service is not None
    topology, found = build(service, inputs={"n": 2}, provider="some", template_dirs=[bench.path / "own"])
    assert topology is not None and "spark.master" in topology.nodes, found
