"""TOSCA 1.x to 2.0: what becomes of each thing, what is warned of, and how many of the sample templates get through."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from editor_samples import PRESENT, import_map, samples

from bbq.cli.main import main
from bbq.editor.reading import read
from bbq.editor.syntax import parse
from bbq.editor.upgrade import Upgraded, UpgradeError, upgrade
from bbq.errors import TemplateError
from bbq.tosca.model import Function

HEAD = "tosca_definitions_version: tosca_simple_yaml_1_2\n"
FULL = """\
tosca_definitions_version: tosca_simple_yaml_1_2   # the version
template_name: x
template_author: me

# about what
description: d

imports:
  # ours
  - own: types.yaml
  - { file: more.yaml, namespace_prefix: m }

topology_template:
  inputs:
    # how many
    cpus:
      type: integer
      constraints:
        # at least one
        - in_range: [ 1, 4 ]
        - valid_values: [ 1, 2 ]   # or two
      status: experimental
    flag: { type: boolean, default: yes, status: supported }
    mode: { type: integer, default: 0644 }
    price: { type: string, default: "$5" }
  node_templates:
    db:
      type: MyDB
      properties: { port: "3306", secure: 'true', size: 10 gb, name: 5 }
      capabilities:
        endpoint:
          occurrences: [ 1, 2 ]
          properties: { port: { get_input: cpus } }
      requirements:
        - host: server   # where
        - link:
            node: server
            occurrences: [ 1, 1 ]
            relationship: tosca.relationships.ConnectsTo
            properties: { credential: { token: x } }
      interfaces:
        tosca.interfaces.node.lifecycle.Standard:
          # first
          create: create.sh   # c
          inputs: { a: { get_property: [ SELF, endpoint, port ] }, b: { concat: [ a, { get_attribute: [ HOST, state ] } ] } }
          configure:
            implementation: c.sh
    server: { type: Compute, interfaces: { Standard: { start: s.sh } } }
"""
TYPES = """\
tosca_definitions_version: tosca_simple_yaml_1_2
node_types:
  MyDB:
    derived_from: tosca.nodes.SoftwareComponent
    properties:
      port: { type: integer }
      secure: { type: boolean }
      size: { type: scalar-unit.size }
      name: { type: string, constraints: [ { max_length: 5 }, { pattern: "5|[b]" } ] }
    attributes:
      a: { type: string, required: false }
    capabilities:
      endpoint: { type: tosca.capabilities.Endpoint, occurrences: [ 0, 1 ], valid_source_types: [ tosca.nodes.Root ] }
    requirements:
      - link: tosca.capabilities.Endpoint
      - other: { capability: tosca.capabilities.Node, occurrences: [ 0, UNBOUNDED ] }
"""
FULL_2 = """\
tosca_definitions_version: tosca_2_0   # the version
metadata:
  template_name: x
  template_author: me

# about what
description: d

imports:
  - profile: org.oasis-open.simple:2.0
  # ours
  - url: types.yaml
  - { url: more.yaml, namespace: m }

service_template:
  inputs:
    # how many
    cpus:
      type: integer
      # at least one
      validation:
        $and:
          - { $greater_or_equal: [ $value, 1 ] }
          - { $less_or_equal: [ $value, 4 ] }
          - { $valid_values: [ $value, [ 1, 2 ] ] }   # or two
      # status: experimental
    flag: { type: boolean, default: true }
    mode: { type: integer, default: 0o644 }
    price: { type: string, default: "$$5" }
  node_templates:
    db:
      type: MyDB
      properties: { port: 3306, secure: true, size: 10 GB, name: "5" }
      capabilities:
        endpoint:
          # occurrences: [ 1, 2 ]
          properties: { port: { $get_input: cpus } }
      requirements:
        - host: server   # where
        - link:
            node: server
            count: 1
            relationship: { type: ConnectsTo, properties: { credential: { token: x } } }
      interfaces:
        Standard:
          inputs: { a: { $get_property: [ SELF, CAPABILITY, endpoint, port ] }, b: { $concat: [ a, { $get_attribute: [ HOST, state ] } ] } }
          operations:
            # first
            create: create.sh   # c
            configure:
              implementation: c.sh
    server: { type: Compute, interfaces: { Standard: { operations: { start: s.sh } } } }
"""  # noqa: E501


def upgraded(text: str, path: Path = Path("/nowhere/service.yaml")) -> Upgraded:
    (result,) = upgrade({path: textwrap.dedent(text)})
    return result


def one(text: str, *warnings: str) -> str:
    """The result of a valid upgrade with these warnings (parts of their texts)."""
    result = upgraded(text)
    assert result.valid, [str(item) for item in result.found if item.severity == "error"]
    assert len(result.warned) == len(warnings), result.warned
    for warned, part in zip(result.warned, warnings, strict=True):
        assert part in warned.message
    return result.after


def test_a_whole_template(tmp_path: Path) -> None:
    service, types, more = (tmp_path / name for name in ("service.yaml", "types.yaml", "more.yaml"))
    results = upgrade({service: FULL, types: TYPES, more: HEAD})
    assert results[0].after == FULL_2
    assert all(item.valid for item in results)
    assert [(item.line, item.message.partition(";")[0]) for item in results[0].warned] == [
        (10, "the name of an import, own, has no place in TOSCA 2.0"),
        (22, "TOSCA 2.0 has no keyname status here"),
        (23, "TOSCA 2.0 has no keyname status here: `status: supported` is taken out"),
        (32, "TOSCA 2.0 has no keyname occurrences here"),
        (45, "TOSCA 2.0 has no HOST"),
    ]
    after = results[1].after
    assert "derived_from: SoftwareComponent" in after
    assert (
        "name: { type: string, validation: { $and: [ { $less_or_equal: [ { $length: [ $value ] }, 5 ] }, "
        "{ $matches: [ $value, '^(?:5|[b])$' ] } ] } }"
    ) in after
    assert "endpoint: { type: Endpoint, valid_source_node_types: [ Root ] }" in after
    assert "- link: { capability: Endpoint, relationship: Root, count_range: [ 1, 1 ] }" in after
    assert "- other: { capability: Node, count_range: [ 0, UNBOUNDED ], relationship: Root }" in after
    assert upgrade({path: item.after for path, item in zip((service, types, more), results, strict=True)}) == []


def test_types_of_the_own_version_where_an_import_stays_1x(tmp_path: Path) -> None:
    (tmp_path / "types.yaml").write_text(TYPES)
    (tmp_path / "more.yaml").write_text(HEAD)
    (result,) = upgrade({tmp_path / "service.yaml": FULL})
    assert result.valid
    assert "- profile: tosca-simple:1." in result.after
    assert "type: tosca.nodes.Compute" in result.after  # short names are 1.x's


def test_a_namespace_where_names_clash() -> None:
    after = one(
        HEAD
        + """\
node_types:
  Compute: { derived_from: tosca.nodes.Root }
topology_template:
  node_templates:
    a: { type: Compute }
    b: { type: tosca.nodes.Compute }
"""
    )
    assert "- { profile: org.oasis-open.simple:2.0, namespace: simple }" in after
    assert "Compute: { derived_from: simple:Root }" in after
    assert "a: { type: Compute }" in after
    assert "b: { type: simple:Compute }" in after


@pytest.mark.parametrize(
    ("clause", "wanted"),
    [
        ("equal: 2", "{ $equal: [ $value, 2 ] }"),
        ("greater_than: 0", "{ $greater_than: [ $value, 0 ] }"),
        ("in_range: [ 0, UNBOUNDED ]", "{ $greater_or_equal: [ $value, 0 ] }"),
        ("in_range: [ UNBOUNDED, 3 ]", "{ $less_or_equal: [ $value, 3 ] }"),
        ("valid_values: [ 1, 2 ]", "{ $valid_values: [ $value, [ 1, 2 ] ] }"),
    ],
)
def test_constraints(clause: str, wanted: str) -> None:
    text = HEAD + f"topology_template:\n  inputs:\n    n: {{ type: integer, constraints: [ {clause} ] }}\n"
    assert f"n: {{ type: integer, validation: {wanted} }}" in one(text)


def test_constraints_of_texts_and_data_types() -> None:
    after = one(
        HEAD
        + """\
data_types:
  Port:
    derived_from: integer
    constraints:
      - in_range: [ 1, 65535 ]
topology_template:
  inputs:
    a:
      type: string
      constraints:
        - min_length: 2
        - pattern: '[a-z]+'
    c: { type: string, constraints: [ pattern: "^[0-9]$" ] }
    b: { type: list, entry_schema: { type: string, constraints: [ length: 3 ] } }
"""
    )
    assert "validation: { $and: [ { $greater_or_equal: [ $value, 1 ] }, { $less_or_equal: [ $value, 65535 ] } ] }" in after
    assert "{ $greater_or_equal: [ { $length: [ $value ] }, 2 ] }" in after
    assert "{ $matches: [ $value, '^(?:[a-z]+)$' ] }" in after, "that of 1.x is for the whole value"
    assert '{ $matches: [ $value, "^[0-9]$" ] }' in after
    assert "entry_schema: { type: string, validation: { $equal: [ { $length: [ $value ] }, 3 ] } }" in after


def test_node_filters() -> None:
    after = one(
        HEAD
        + """\
topology_template:
  node_templates:
    app:
      type: tosca.nodes.SoftwareComponent
      requirements:
        - host:
            node_filter:
              capabilities:
                - host:
                    properties:
                      - num_cpus: { in_range: [ 1, 4 ] }
                - os:
                    properties:
                      - distribution: ubuntu
"""
    )
    assert "- { $less_or_equal: [ { $get_property: [ SELF, CAPABILITY, host, num_cpus ] }, 4 ] }" in after
    assert "- { $equal: [ { $get_property: [ SELF, CAPABILITY, os, distribution ] }, ubuntu ] }" in after


def test_what_has_no_counterpart_is_warned_of_and_kept_as_a_comment() -> None:
    after = one(
        HEAD
        + """\
tosca_default_namespace: http://example.org/   # ours
topology_template:
  node_templates: {}
  relationship_templates:
    r:
      alias: x
      type: tosca.relationships.ConnectsTo
""",
        "no keyname tosca_default_namespace",
        "no keyname alias",
    )
    assert "# tosca_default_namespace: http://example.org/   # ours\n" in after
    assert "      # alias: x\n" in after


def test_functions_that_2_0_lacks_leave_the_result_invalid() -> None:
    result = upgraded(
        HEAD
        + """\
topology_template:
  node_templates:
    a: { type: tosca.nodes.Compute }
  outputs:
    o: { value: { get_operation_output: [ a, Standard, create, x ] } }
"""
    )
    assert not result.valid
    assert [item.message for item in result.warned] == ["TOSCA 2.0 has no function get_operation_output"]


def test_root_types_that_the_profile_does_not_have() -> None:
    after = one(
        HEAD
        + """\
capability_types:
  C: { derived_from: tosca.capabilities.Root }
data_types:
  D:
    derived_from: tosca.datatypes.Root
    properties: { x: { type: string } }
""",
        "no root type",
        "no root type",
    )
    assert "    # derived_from: tosca.datatypes.Root\n" in after


def test_line_ends_and_byte_order_mark_stay() -> None:
    text = "\ufeff" + (HEAD + "topology_template:\n  node_templates: {}\n").replace("\n", "\r\n")
    after = upgraded(text).after
    assert after.startswith("\ufeff")
    assert after.count("\r\n") == after.count("\n")


def test_a_template_with_errors_is_refused() -> None:
    with pytest.raises(TemplateError, match="correct it first"):
        upgraded(HEAD + "nonsense: 1\n")


def test_a_template_that_is_laid_over_another_is_refused(tmp_path: Path) -> None:
    head = "tosca_definitions_version: tosca_simple_yaml_1_0\n"
    (tmp_path / "base.yaml").write_text(head + "topology_template: { inputs: { a: { type: string } } }\n")
    text = head + "metadata: { parents: [ base.yaml ] }\ntopology_template: { outputs: { o: { value: { get_input: a } } } }\n"
    with pytest.raises(UpgradeError, match=r"laid over base\.yaml"):
        upgrade({tmp_path / "top.yaml": text})


def test_the_graph_of_the_result_is_looked_at() -> None:
    """What the output asks for is found by the graph alone, and a capability of the profile of 2.0 does not have it."""
    after = one(
        HEAD.replace("1_2", "1_3")
        + """\
topology_template:
  node_templates:
    server: { type: tosca.nodes.Compute, capabilities: { host: { properties: { num_cpus: 2 } } } }
    b:
      type: tosca.nodes.SoftwareComponent
      requirements:
        - host: { node_filter: { capabilities: [ { host: { properties: [ { num_cpus: { greater_or_equal: 1 } } ] } } ] } }
  outputs:
    o: { value: { get_property: [ b, host, name ] } }
"""
    )
    assert "profile: tosca-simple:1.3" in after


# --- sample templates

PARTIAL = "partial templates, whose parents have the rest"


@pytest.mark.skipif(not PRESENT, reason="no sample templates beside the repository")
@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["small", "all"])
def test_samples(large: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """`small` leaves out those that import libraries of thousands of lines."""
    mapping = import_map()
    tried = valid = clean = 0
    stopped: Counter[str] = Counter()
    for sample in samples("tosca_1x", expected="accept"):
        if not large and sample.name.startswith(("indigo-", "grycap-")):
            continue
        before = sample.content.decode()
        try:
            (result,) = upgrade({sample.path: before}, mapping)
        except TemplateError:  # the reader's verdict is another one than the sample's
            continue
        except UpgradeError as error:
            assert "metadata.parents" in str(error), sample.name
            continue
        tried += 1
        assert not comments(before) - comments(result.after), sample.name
        errors = {item.code for item in result.found if item.severity == "error"}
        if errors:
            partial = any(item.code == "BBQ-T029" for item in read(sample.path, import_map=mapping).found)
            stopped.update([PARTIAL] if partial else sorted(errors))
            continue
        valid += 1
        clean += not result.warned
        overlay = {sample.path: result.after.encode()}
        one, two = read(sample.path, import_map=mapping), read(sample.path, import_map=mapping, overlay=overlay)
        assert gist(one.service) == gist(two.service), sample.name
    with capsys.disabled():
        print(f"\nupgrade: {valid} of {tried} right 1.x templates become valid 2.0, {clean} without a warning")
        print("stopped by: " + ", ".join(f"{what} ({count})" for what, count in stopped.most_common()))
    assert valid / tried > 0.6


def comments(text: str) -> Counter[str]:
    tree = parse(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    return Counter(comment.text for comment in tree.comments)


def gist(service) -> dict:
    """What must be the same before and after: names, values, targets; not the names of types, nor paths of functions."""

    def plain(value):
        if isinstance(value, Function):
            return (value.name, *map(plain, value.args)) if value.name in ("get_input", "concat", "token") else value.name
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

    nodes = {}
    for name, node in service.node_templates.items():
        written = {key: plain(node.properties[key]) for key, at in node.property_at.items() if at.file == service.path}
        operations = {
            (interface, operation.name): operation.implementation
            for interface, found in node.interfaces.items()
            for operation in found.operations.values()
            if operation.implementation
        }
        requirements = [(item.name, item.node) for item in node.requirements if item.assigned]
        nodes[name] = written, operations, requirements, node.directives
    return {
        "inputs": {name: (item.schema.type, plain(item.default)) for name, item in service.inputs.items()},
        "outputs": {name: plain(item.value) for name, item in service.outputs.items()},
        "nodes": nodes,
        "groups": {name: item.members for name, item in service.groups.items()},
        "policies": {name: item.targets for name, item in service.policies.items()},
        "workflows": set(service.workflows),
    }


# --- the command


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.yaml"
    before = HEAD + "topology_template:\n  node_templates:\n    a: { type: Compute }  # a\n"
    file.write_text(before)
    assert main(["upgrade", str(file)]) == 0
    out = capsys.readouterr().out
    assert "-tosca_definitions_version: tosca_simple_yaml_1_2\n" in out
    assert "+tosca_definitions_version: tosca_2_0\n" in out
    assert file.read_text() == before
    assert main(["upgrade", str(file), "--write"]) == 0
    assert "service_template:\n  node_templates:\n    a: { type: Compute }  # a\n" in file.read_text()
    capsys.readouterr()
    assert main(["validate", str(file)]) == 0
    assert main(["upgrade", str(file), "--write"]) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert main(["upgrade", str(tmp_path / "missing.yaml")]) == 4


def test_what_is_not_valid_is_written_by_force_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.yaml"
    before = HEAD + (
        "topology_template:\n  node_templates:\n    a: { type: Compute }\n  outputs:\n"
        "    o: { value: { get_nodes_of_type: tosca.nodes.Compute } }\n"
    )
    file.write_text(before)
    assert main(["upgrade", str(file), "--write"]) == 4
    assert file.read_text() == before
    assert "BBQ-T050" in capsys.readouterr().err
    assert main(["upgrade", str(file), "--format", "json"]) == 4
    (found,) = json.loads(capsys.readouterr().out)["value"]
    assert (found["valid"], found["written"], len(found["warnings"])) == (False, False, 1)
    assert main(["upgrade", str(file), "--write", "--force"]) == 4
    assert "$get_nodes_of_type" in file.read_text()
