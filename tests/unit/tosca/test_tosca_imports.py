"""Imports: what a name means, what may be read, and the message where it may not."""

from __future__ import annotations

import bbq.tosca

TYPES = """\
tosca_definitions_version: tosca_2_0
node_types:
  N:
    properties: { p: { type: integer, default: 1 } }
"""


def use(imports, type_name, version="tosca_2_0"):
    block = "service_template" if version == "tosca_2_0" else "topology_template"
    return f"""\
tosca_definitions_version: {version}
imports:
{imports}
{block}:
  node_templates:
    n: {{ type: {type_name} }}
"""


def test_relative_file(templates):
    templates.write("types/a.yaml", TYPES)
    service = templates.good(use("  - types/a.yaml", "N"))
    assert service.node_templates["n"].properties == {"p": 1}
    assert [name.rsplit("/", 1)[-1] for name in service.files] == ["service.yaml", "a.yaml"]
    templates.good(use("  - url: types/a.yaml", "N"))
    templates.good(use("  - { url: types/a.yaml, namespace: my }", "my:N"))


def test_imports_of_imports(templates):
    templates.write("types/a.yaml", TYPES)
    templates.write("b.yaml", "tosca_definitions_version: tosca_2_0\nimports: [ { url: types/a.yaml, namespace: in } ]\n")
    templates.good(use("  - { url: b.yaml, namespace: out }", "out:in:N"))
    found = templates.bad(use("  - { url: b.yaml, namespace: out }", "§N"), "BBQ-T030")
    assert found[0].hint == "did you mean `out:in:N`?" or "N" in found[0].message


def test_each_file_is_read_by_its_own_grammar(templates):
    older = "tosca_definitions_version: tosca_simple_yaml_1_3\nnode_types:\n  N:\n    derived_from: tosca.nodes.Root\n"
    templates.write("older.yaml", older)
    service = templates.good(use("  - older.yaml", "N"))
    assert service.node_templates["n"].type.ancestry == ("N", "tosca.nodes.Root")


def test_the_three_spellings_of_1x(templates):
    templates.write("a.yaml", TYPES.replace("tosca_2_0", "tosca_simple_yaml_1_2"))
    for spelling in ("  - a.yaml", "  - file: a.yaml", "  - some_name: a.yaml", "  - some_name: { file: a.yaml }"):
        templates.good(use(spelling, "N", "tosca_simple_yaml_1_2"))
    templates.good(use("  - { file: a.yaml, namespace_prefix: my }", "my:N", "tosca_simple_yaml_1_3"))


def test_bundled_profiles_by_name(templates):
    for spelling in ("  - bbq:1.0", "  - file: bbq:1.0"):
        templates.good(use(spelling, "bbq.nodes.SparkCluster", "tosca_simple_yaml_1_3"))
    templates.good(use("  - profile: bbq:1.0", "bbq.nodes.SparkCluster"))
    templates.good(use("  - profile: tosca-simple:1.3", "tosca.nodes.Compute"))
    templates.good(use("  - { profile: org.oasis-open.simple:2.0, namespace: oasis }", "oasis:Compute"))


def test_normative_types_come_with_1x_only(templates):
    templates.good(use("  - bbq:1.0", "tosca.nodes.Compute", "tosca_simple_yaml_1_3"))
    templates.good("""\
        tosca_definitions_version: tosca_simple_yaml_1_3
        topology_template: { node_templates: { a: { type: Compute }, b: { type: "tosca:Compute" } } }
        """)
    templates.bad(
        """\
        tosca_definitions_version: tosca_2_0
        service_template: { node_templates: { a: { type: §tosca.nodes.Compute } } }
        """,
        "BBQ-T030",
    )


def test_unknown_profile(templates):
    found = templates.bad(use("  - profile: §bbq:2.0", "X"), "BBQ-T024")
    assert found[0].hint == "did you mean `bbq:1.0`?"


def test_what_is_missing(templates):
    templates.bad(use("  - §nothing.yaml", "X"), "BBQ-T020")
    templates.bad(use("  - §types", "X"), "BBQ-T020")
    templates.bad(use("  - { url: a.yaml, repository: §r }", "X"), "BBQ-T025")
    templates.bad(use("  - §{ namespace: a }", "X"), "BBQ-T011")


def test_remote_imports_say_how_to_map_them(templates):
    found = templates.bad(use("  - §https://example.org/t/a.yaml", "X"), "BBQ-T021")
    assert found[0].hint == (
        "copy it and map it: --import-map https://example.org/t/=DIR; "
        f"or fetch and pin it: bbq-deploy lock {templates.directory / 'service.yaml'} --allow-host example.org"
    )
    templates.bad(use("  - §ftp://example.org/a.yaml", "X"), "BBQ-T026")
    templates.bad(use("  - §http://169.254.169.254/latest/", "X"), "BBQ-T021")


def test_import_map_longest_prefix_wins(templates, tmp_path):
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    wrong.mkdir()
    right.mkdir()
    (right / "a.yaml").write_text(TYPES.replace("N:", "M:").replace("node_types", "imports: [ b.yaml ]\nnode_types"))
    (right / "b.yaml").write_text(TYPES)
    mapping = {"https://example.org/": wrong, "https://example.org/types/": right}
    templates.good(use("  - https://example.org/types/a.yaml", "M"), import_map=mapping)
    templates.good(use("  - https://example.org/types/a.yaml", "N"), import_map=mapping)
    templates.bad(use("  - §https://example.org/types/../../x.yaml", "N"), "BBQ-T022", import_map=mapping)


def test_import_map_for_a_profile(templates, tmp_path):
    (tmp_path / "mine.yaml").write_text(TYPES)
    templates.good(use("  - profile: org.mine:1.0", "N"), import_map={"org.mine:1.0": tmp_path / "mine.yaml"})


def test_repositories(templates, tmp_path):
    (tmp_path / "a.yaml").write_text(TYPES)
    text = use("  - { url: types/a.yaml, repository: r }", "N").replace(
        "imports:", "repositories: { r: { url: 'https://example.org' } }\nimports:"
    )
    templates.good(text, import_map={"https://example.org/types/": tmp_path})


def test_repositories_lead_no_further_than_imports(templates):
    text = use("  - { url: §a.yaml, repository: r }", "X")
    for url, code in (
        ("https://example.org/types", "BBQ-T021"),
        ("ftp://example.org", "BBQ-T026"),
        ("file:///etc", "BBQ-T022"),
        ("/etc", "BBQ-T022"),
        ("../..", "BBQ-T022"),
        ("types", "BBQ-T020"),
    ):
        templates.bad(text.replace("imports:", f"repositories: {{ r: {{ url: '{url}' }} }}\nimports:"), code)
    templates.write("types/a.yaml", TYPES)
    good = text.replace("§", "").replace("type: X", "type: N")
    templates.good(good.replace("imports:", "repositories: { r: { url: ./types/ } }\nimports:"))


def test_problems_of_a_mapped_file_are_warnings(templates, tmp_path):
    (tmp_path / "a.yaml").write_text(TYPES + "  M: { nonsense: 1, nonsense: 2 }\n")
    _, found, _ = templates.read(use("  - https://example.org/a.yaml", "N"), import_map={"https://example.org/": tmp_path})
    assert [(item.severity, item.code) for item in found] == [("warning", "BBQ-T010"), ("warning", "BBQ-Y009")]


def test_nothing_outside_the_project(templates, tmp_path):
    (tmp_path / "outside.yaml").write_text(TYPES)
    (templates.directory / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    templates.bad(use("  - §../outside.yaml", "X"), "BBQ-T022")
    templates.bad(use("  - §/etc/passwd", "X"), "BBQ-T022")
    templates.bad(use("  - §file:///etc/passwd", "X"), "BBQ-T022")
    templates.bad(use("  - §link.yaml", "X"), "BBQ-T022")


def test_beside_the_template_is_inside_where_there_is_no_repository(templates):
    (templates.directory / ".git").rmdir()
    templates.write("types/a.yaml", TYPES)
    path, _ = templates.write("apps/service.yaml", use("  - ../types/a.yaml", "N"))
    service, found = bbq.tosca.load(path)
    assert service is not None and not found


def test_absolute_paths_and_file_urls_below_the_template(templates):
    path, _ = templates.write("types/a.yaml", TYPES)
    templates.good(use(f"  - {path}", "N"))
    templates.good(use(f"  - file://{path}", "N"))


def test_import_cycles(templates):
    templates.bad("tosca_definitions_version: tosca_2_0\nimports:\n  - §service.yaml\n", "BBQ-T023")
    templates.write("a.yaml", "tosca_definitions_version: tosca_2_0\nimports: [ b.yaml ]\n")
    templates.write("b.yaml", "tosca_definitions_version: tosca_2_0\nimports: [ a.yaml ]\n")
    found = templates.bad("tosca_definitions_version: tosca_2_0\nimports: [ a.yaml ]\n", "BBQ-T023")
    assert found[0].message == "import cycle: a.yaml -> b.yaml -> a.yaml" and found[0].line == 2


def test_a_file_imported_twice_is_one_file(templates):
    templates.write("a.yaml", TYPES)
    templates.write("b.yaml", "tosca_definitions_version: tosca_2_0\nimports: [ a.yaml ]\n")
    assert len(templates.good(use("  - a.yaml\n  - b.yaml", "N")).files) == 3


def test_same_name_in_two_namespaces(templates):
    templates.write("a.yaml", TYPES)
    templates.write("b.yaml", TYPES.replace("integer, default: 1", "string, default: x"))
    service = templates.good("""\
        tosca_definitions_version: tosca_2_0
        imports: [ { url: a.yaml, namespace: a }, { url: b.yaml, namespace: b } ]
        service_template:
          node_templates: { one: { type: "a:N" }, two: { type: "b:N" } }
        """)
    one, two = service.node_templates.values()
    assert (one.properties, two.properties) == ({"p": 1}, {"p": "x"})
    assert one.type.name != two.type.name


def test_a_type_that_hides_an_import(templates):
    templates.write("a.yaml", TYPES)
    text = use("  - a.yaml", "N").replace("service_template:", "node_types:\n  §N: {}\nservice_template:")
    found = templates.bad(text, "BBQ-T027")
    assert found[0].severity == "warning" and found[0].related[0][0].line == 3


def test_digest_covers_imports(templates):
    templates.write("a.yaml", TYPES)
    text = use("  - a.yaml", "N")
    first = templates.good(text).digest
    assert templates.good(text).digest == first
    templates.write("a.yaml", TYPES + "# changed\n")
    assert templates.good(text).digest != first


def test_an_overlay_stands_for_what_the_disk_holds(templates):
    path, _ = templates.write(
        "service.yaml",
        "tosca_definitions_version: tosca_2_0\nimports: [ types.yaml, unwritten.yaml ]\n",
    )
    types, _ = templates.write("types.yaml", "not: a template\n")
    overlay = {
        types: b"tosca_definitions_version: tosca_2_0\nnode_types: { Edited: {} }\n",
        path.parent / "unwritten.yaml": b"tosca_definitions_version: tosca_2_0\nnode_types: { Unwritten: {} }\n",
    }
    service, found = bbq.tosca.load(path, overlay=overlay)
    assert found == []
    assert {name for kind, name in service.types if kind == "node"} == {"Edited", "Unwritten"}
    service, found = bbq.tosca.load(path, overlay={path: b"tosca_definitions_version: tosca_9\n"})
    assert [(item.code, item.file, item.line) for item in found] == [("BBQ-T001", str(path), 1)]


def test_an_imported_1x_file_may_use_what_the_template_imports(templates):
    head = "tosca_definitions_version: tosca_simple_yaml_1_3\n"
    templates.write("a.yaml", head + "node_types: { A: { derived_from: tosca.nodes.Root } }\n")
    borrows = (
        head + "node_types: { B: { derived_from: A, requirements: [ { r: { capability: C, occurrences: [ 0, 1 ] } } ] } }\n"
    )
    templates.write("b.yaml", borrows)
    templates.write("c.yaml", head + "capability_types: { C: { derived_from: tosca.capabilities.Root } }\n")
    service, found, _ = templates.read(use("  - a.yaml\n  - b.yaml\n  - c.yaml", "B", "tosca_simple_yaml_1_3"))
    assert service is not None and service.node_templates["n"].type.ancestry == ("B", "A", "tosca.nodes.Root")
    assert [(item.severity, item.code, item.file.rpartition("/")[2], item.line) for item in found] == [
        ("warning", "BBQ-T340", "b.yaml", 1)
    ]
    assert found[0].hint == "import a.yaml, c.yaml here, too" and "`A`, `C`" in found[0].message
    # the template itself has nobody to borrow from
    templates.write("c.yaml", head + "node_types: { C: { derived_from: tosca.nodes.Root } }\n")
    templates.bad(use("  - { file: c.yaml, namespace_prefix: p }", "§C", "tosca_simple_yaml_1_3"), "BBQ-T030")
    # and 2.0 has namespaces
    two = "tosca_definitions_version: tosca_2_0\nnode_types: { B: { derived_from: A } }\n"
    templates.write("b.yaml", two)
    templates.write("a.yaml", two.replace("B: { derived_from: A }", "A: {}"))
    _, found, _ = templates.read(use("  - a.yaml\n  - b.yaml", "B"))
    assert [item.code for item in found] == ["BBQ-T030"]
