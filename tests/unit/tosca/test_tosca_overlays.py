"""Partial templates, which are laid over others, and directory trees without imports."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

import bbq.tosca
from benchmarks import conformance

BASE = (
    HEAD_1
    + """\
metadata: { template_name: base }
node_types: { Own: { derived_from: tosca.nodes.Root, properties: { p: { type: string, required: false } } } }
topology_template:
  inputs:
    disk: { type: integer, default: 5, description: the disk, constraints: [ { greater_than: 0 } ] }
    name: { type: string, default: me }
  node_templates:
    server: { type: tosca.nodes.Compute }
    old: { type: Own, properties: { p: { get_input: name } } }
  outputs: { ip: { value: { get_attribute: [ server, private_address ] } } }
  policies: [ { first: { type: tosca.policies.Root, targets: [ server ] } } ]
"""
)
CHILD = (
    HEAD_1
    + """\
metadata: { parents: [ %s ], template_name: child }
topology_template:
  inputs: { disk: { default: 7 }, more: { type: string, default: x } }
  node_templates:
    old: { type: Own, properties: { p: fixed } }
    app: { type: tosca.nodes.SoftwareComponent, requirements: [ { host: §server } ] }
  outputs: { again: { value: { get_attribute: [ §server, public_address ] } } }
  policies: [ { second: { type: tosca.policies.Root, targets: [ server, app ] } } ]
"""
)


def laid(templates, text):
    """Read without complaint but for metadata, which are strings by the specification."""
    service, found, _ = templates.read(text.replace("§", ""))
    assert service is not None and {item.code for item in found} <= {"BBQ-T012"}, "\n".join(map(str, found))
    return service


def test_a_template_is_laid_over_its_parent(templates):
    templates.write("base.yml", BASE)
    service = laid(templates, (CHILD % "base.yml").replace("§", ""))
    disk = service.inputs["disk"]
    assert (disk.default, disk.description, len(disk.schema.constraints)) == (7, "the disk", 1)
    assert list(service.inputs) == ["disk", "name", "more"]
    assert list(service.node_templates) == ["server", "old", "app"]
    assert service.node_templates["old"].properties["p"] == "fixed"
    assert list(service.outputs) == ["ip", "again"]
    assert list(service.policies) == ["first", "second"]
    assert service.metadata["template_name"] == "child"
    assert [path.rpartition("/")[2] for path in service.below] == ["base.yml"]
    assert len(service.files) > 1


def test_mistakes_are_told_in_the_file_that_has_them(templates):
    path, _ = templates.write("base.yml", BASE.replace("{ get_input: name }", "{ get_input: nam }"))
    child = (CHILD % "base.yml").replace("§", "")
    _, found, _ = templates.read(child.replace("    old: { type: Own, properties: { p: fixed } }\n", ""))
    assert [(item.code, item.file) for item in found if item.severity == "error"] == [("BBQ-T052", str(path))]
    templates.write("base.yml", BASE)
    _, found, marks = templates.read(child.replace("[ server, app ]", "[ §serve ]"))
    errors = [(item.code, (item.line, item.column)) for item in found if item.severity == "error"]
    assert errors == [("BBQ-T053", marks[0])] and found[-1].file.endswith("service.yaml")


def test_without_its_parent_it_is_partial(templates):
    service, found, marks = templates.read(CHILD % "base.yml, other.yml")
    assert service is not None and {item.severity for item in found} == {"warning", "error"}
    note = next(item for item in found if item.code == "BBQ-T029")
    assert note.severity == "warning" and (note.line, note.column) == (1, 1)
    assert "partial, to be laid over `base.yml` or `other.yml`, which is not there; missing are `server`" in note.message
    gaps = [(item.severity, (item.line, item.column)) for item in found if item.code == "BBQ-T053"]
    assert set(marks) <= {place for _, place in gaps} and {severity for severity, _ in gaps} == {"warning"}


def test_the_first_parent_that_is_there_is_meant(templates):
    templates.write("second.yml", BASE.replace("default: me", "default: second"))
    child = (CHILD % "first.yml, second.yml, third.yml").replace("§", "")
    templates.write("third.yml", BASE)
    assert laid(templates, child).inputs["name"].default == "second"


def test_parents_have_parents(templates):
    templates.write("base.yml", BASE)
    templates.write("middle.yml", (CHILD % "base.yml").replace("§", ""))
    top = HEAD_1 + "metadata: { parents: middle.yml }\ntopology_template: { inputs: { disk: { default: 9 } } }\n"
    service = laid(templates, top)
    assert service.inputs["disk"].default == 9 and "app" in service.node_templates
    assert [path.rpartition("/")[2] for path in service.below] == ["base.yml", "middle.yml"]
    templates.write("base.yml", BASE.replace("template_name: base", "parents: [ middle.yml ]"))
    assert templates.read(top)[0] is not None  # a circle ends


def test_links_name_a_parent_and_children(templates):
    templates.write("base.yml", BASE)
    templates.write("a.yml", (CHILD % "base.yml").replace("§", ""))
    templates.write(
        "b.yml", HEAD_1 + "metadata: { parents: [ base.yml ] }\ntopology_template: { inputs: { name: { default: b } } }\n"
    )
    service = laid(
        templates, HEAD_1 + "metadata: { link: { parent: base.yml, childs: [ a.yml, b.yml ] } }\ntopology_template: {}\n"
    )
    assert (service.inputs["name"].default, service.inputs["disk"].default) == ("b", 7)
    assert [path.rpartition("/")[2] for path in service.below] == ["base.yml", "a.yml", "b.yml"]


def test_imports_and_files_of_the_parent(templates):
    templates.write("sub/types.yml", HEAD_1 + "node_types: { Far: { derived_from: tosca.nodes.Root } }\n")
    templates.write("sub/run.sh", "")
    base = BASE.replace("node_types:", "imports: [ types.yml ]\nnode_types:").replace(
        "{ type: tosca.nodes.Compute }", "{ type: tosca.nodes.Compute, interfaces: { Standard: { create: run.sh } } }"
    )
    templates.write("sub/base.yml", base)
    service = laid(
        templates, (CHILD % "sub/base.yml").replace("§", "").replace("type: Own, properties: { p: fixed }", "type: Far")
    )
    assert service.node_templates["server"].interfaces["Standard"].operations["create"].implementation.endswith("sub/run.sh")


@pytest.mark.parametrize("parent", ["../../outside.yml", "/etc/hostname", "service.yaml", "base", "''"])
def test_what_is_no_parent(templates, parent):
    (templates.directory.parent.parent / "outside.yml").write_text(BASE)
    service, found, _ = templates.read(CHILD % parent)
    assert service is not None and "BBQ-T053" in [item.code for item in found]
    assert not any("outside" in path for path in service.below)


def test_metadata_of_2_0_mean_nothing(templates):
    templates.write("base.yml", BASE)
    text = (
        HEAD_2
        + "metadata: { parents: [ base.yml ] }\nnode_types: { N: {} }\n"
        + "service_template: { node_templates: { n: { type: N } } }\n"
    )
    assert templates.good(text).below == ()
    templates.write("new.yml", HEAD_2)
    _, found, _ = templates.read(CHILD % "new.yml")
    assert "of TOSCA 2.0; a template of 1.x cannot be laid over it" in " ".join(item.message for item in found)


OVERLAYS = [row["path"] for row in conformance.manifest() if "grycap-tosca/templates/" in row["path"]]


@pytest.mark.parametrize("path", OVERLAYS)
def test_the_templates_of_grycap(path):
    """Each is valid when it is laid over its parents."""
    service, found = bbq.tosca.load(conformance.CORPORA / path, import_map=conformance.import_map())
    assert service is not None and not [item for item in found if item.severity == "error"], "\n".join(map(str, found))
    assert not [item for item in found if item.code == "BBQ-T029"]
    if "parents" in service.metadata or "link" in service.metadata:
        assert service.below


@pytest.mark.skipif(not OVERLAYS, reason="no sample templates beside the repository")
def test_each_of_them_alone_is_partial(tmp_path):
    (tmp_path / ".git").mkdir()
    names = []
    for path in OVERLAYS:
        text = (conformance.CORPORA / path).read_text()
        if "\n  parents:" not in text:
            continue
        (tmp_path / "alone.yaml").write_text(text)
        _, found = bbq.tosca.load(tmp_path / "alone.yaml", import_map=conformance.import_map())
        assert [item.message for item in found if item.code == "BBQ-T029"], path
        assert not [item for item in found if item.severity == "error"], path
        names.append(path)
    assert len(names) == 26


WINERY = {
    "nodetypes/example.nodes/Server/NodeType.tosca": """\
        node_types:
          example.nodes.Server:
            derived_from: example.nodes.Base
            capabilities: { host: { type: example.capabilities.Host } }
            interfaces: { Standard: { operations: { create: files/create.sh } } }
        """,
    "nodetypes/example.nodes/Base/NodeType.tosca": "node_types:\n  example.nodes.Base:\n    derived_from: tosca.nodes.Root\n",
    "nodetypes/example.nodes/Unused/NodeType.tosca": "node_types:\n  example.nodes.Unused:\n    derived_from: nothing\n",
    "capabilitytypes/example.capabilities/Host/CapabilityType.tosca": """\
        capability_types:
          "example.capabilities.Host": { derived_from: tosca.capabilities.Root }
        """,
    "nodetypes/example.nodes/Server/files/create.sh": None,
}
TREE = "topology_template: { node_templates: { s: { type: example.nodes.Server } } }\n"


def tree(templates, text=TREE):
    import textwrap

    for name, body in WINERY.items():
        templates.write(f"tree/{name}", HEAD_1 + textwrap.dedent(body) if body is not None else "")
    path, _ = templates.write("tree/servicetemplates/example.services/Shop/ServiceTemplate.tosca", HEAD_1 + text)
    return bbq.tosca.load(path)


def test_a_directory_tree_without_imports(templates):
    service, found = tree(templates)
    assert [(item.severity, item.code) for item in found] == [("warning", "BBQ-T220")], found
    assert "3 files of the directory tree" in found[0].message
    server = service.node_templates["s"]
    assert server.type.ancestry == ("example.nodes.Server", "example.nodes.Base", "tosca.nodes.Root")
    create = server.interfaces["Standard"].operations["create"].implementation
    assert create.endswith("nodetypes/example.nodes/Server/files/create.sh")
    assert not any("Unused" in path for path in service.files)


def test_types_that_the_tree_does_not_have(templates):
    _, found = tree(templates, TREE.replace("Server", "Serve"))
    assert [(item.severity, item.code) for item in found] == [("error", "BBQ-T030")]


def test_a_file_elsewhere_is_in_no_tree(templates):
    tree(templates)
    _, found, _ = templates.read(HEAD_1 + TREE)
    assert [item.code for item in found] == ["BBQ-T030"]


def test_files_of_a_tree_may_import_each_other(tmp_path):
    """Also outside of a repository, where relative imports otherwise stay beside the template's folder."""
    service = tmp_path / "servicetemplates/shop/Shop/ServiceTemplate.tosca"
    till = tmp_path / "nodetypes/shop.nodes/Till/NodeType.tosca"
    for path in (service, till):
        path.parent.mkdir(parents=True)
    head = "tosca_definitions_version: tosca_simple_yaml_1_3\n"
    till.write_text(head + "node_types:\n  shop.nodes.Till: { derived_from: tosca.nodes.Root }\n")
    body = "topology_template: { node_templates: { till: { type: shop.nodes.Till } } }\n"
    service.write_text(head + "imports: [ ../../../nodetypes/shop.nodes/Till/NodeType.tosca ]\n" + body)
    assert bbq.tosca.load(service)[1] == []
    service.write_text(head + "imports: [ ../../../../outside.yaml ]\n" + body)
    assert [item.code for item in bbq.tosca.load(service)[1] if item.severity == "error"] == ["BBQ-T022"]
