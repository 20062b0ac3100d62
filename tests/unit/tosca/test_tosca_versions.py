"""Each file is read by the grammar of its own version: what the others have is a warning among 1.x, an error across 2.0 but
for what practice uses."""

from __future__ import annotations

import pytest

from bbq.tosca.grammar import _TABLE, VERSIONS, grammar_of

HEADS = {"1.0": "tosca_simple_yaml_1_0", "1.1": "tosca_simple_yaml_1_1", "1.2": "tosca_simple_yaml_1_2"}
HEADS |= {"1.3": "tosca_simple_yaml_1_3", "2.0": "tosca_2_0"}
ONE = ("1.0", "1.1", "1.2", "1.3")

# What a keyname or form is written as; the versions that have it; the code elsewhere, by family ("": not understood there).
NODE = "node_types: { N: { %s } }\n"
FORMS = {
    "namespace": ("namespace: x\n", ("1.2", "1.3"), "BBQ-T013", "BBQ-T010"),
    "profile": ("profile: x\n", ("2.0",), "BBQ-T010", ""),
    "topology_template": ("topology_template: {}\n", ONE, "", "BBQ-T010"),
    "a draft's keyname": ("template_name: x\n", (), "BBQ-T013", "BBQ-T010"),
    "workflows": ("topology_template: { workflows: { w: {} } }\n", ("1.1", "1.2", "1.3"), "BBQ-T013", None),
    "triggers": (
        "policy_types: { P: { triggers: { t: { action: [ { inline: w } ] } } } }\n",
        ("1.1", "1.2", "1.3"),
        "BBQ-T013",
        None,
    ),
    "key_schema": (
        NODE % "properties: { p: { type: map, required: false, key_schema: string, entry_schema: string } }",
        ("1.3", "2.0"),
        "BBQ-T013",
        "",
    ),
    "entry_schema of a data type": (
        "data_types: { D: { derived_from: list, entry_schema: string } }\n",
        ("1.3", "2.0"),
        "BBQ-T013",
        "",
    ),
    "constraints": (
        NODE % "properties: { p: { type: integer, required: false, constraints: [ { equal: 1 } ] } }",
        ONE,
        "",
        "BBQ-T013",
    ),
    "validation": (
        NODE % "properties: { p: { type: integer, required: false, validation: { $equal: [ $value, 1 ] } } }",
        ("2.0",),
        "BBQ-T010",
        "",
    ),
    "a fixed value": (NODE % "properties: { p: { type: integer, value: 1 } }", ("2.0",), "BBQ-T013", ""),
    "valid_target_types": ("relationship_types: { R: { valid_target_types: [] } }\n", ONE, "", "BBQ-T013"),
    "valid_capability_types": ("relationship_types: { R: { valid_capability_types: [] } }\n", ("2.0",), "BBQ-T010", ""),
    "operations below a keyname": ("interface_types: { I: { operations: { go: {} } } }\n", ("1.3", "2.0"), "BBQ-T013", ""),
    "operations as keynames": ("interface_types: { I: { go: {} } }\n", ONE, "", "BBQ-T010"),
    "notifications": ("interface_types: { I: { notifications: { seen: {} } } }\n", ("1.3", "2.0"), "BBQ-T013", ""),
    "interfaces of a group": ("group_types: { G: { interfaces: {} } }\n", ("1.0", "1.1", "1.2"), "BBQ-T013", "BBQ-T010"),
    "attributes of a group": ("group_types: { G: { attributes: {} } }\n", ("1.1", "1.2", "1.3", "2.0"), "BBQ-T013", ""),
    "checksum": (
        "artifact_types: { A: {} }\n"
        + NODE % "artifacts: { a: { type: A, file: service.yaml, checksum: x, checksum_algorithm: y } }",
        ("1.3", "2.0"),
        "BBQ-T013",
        "",
    ),
    "bitrate": (
        NODE % "properties: { p: { type: scalar-unit.bitrate, required: false } }",
        ("1.3", "2.0"),
        "BBQ-T210",
        "",
    ),
    "join": (
        "topology_template: { outputs: { o: { value: { join: [ [ a, b ] ] } } } }\n",
        ("1.2", "1.3"),
        "BBQ-T210",
        None,
    ),
    "the clause schema": (
        NODE % "properties: { p: { type: string, required: false, constraints: [ { schema: '{}' } ] } }",
        ("1.2", "1.3"),
        "BBQ-T210",
        None,
    ),
    "nil": (NODE % "properties: { p: { type: nil, required: false } }", ("2.0",), "BBQ-T030", ""),
    "functions": ("functions: { f: { signatures: [ { variadic: true } ] } }\n", ("2.0",), "BBQ-T010", ""),
    "a count": (
        "topology_template: { node_templates: { n: { type: tosca.nodes.Root, count: 2 } } }\n",
        (),
        "BBQ-T010",
        None,
    ),
    "metadata of a node template": (
        "topology_template: { node_templates: { n: { type: tosca.nodes.Root, metadata: { a: b } } } }\n",
        ONE,
        "",
        None,
    ),
    "a named import": ("imports: [ { other: other.yaml } ]\n", ("1.0", "1.1", "1.2"), "BBQ-T013", "BBQ-T010"),
    "file of an import": ("imports: [ { file: other.yaml } ]\n", ONE, "", "BBQ-T013"),
    "url of an import": ("imports: [ { url: other.yaml } ]\n", ("2.0",), "BBQ-T010", ""),
    "substitution of properties": (
        "topology_template:\n  inputs: { i: { type: string, default: x } }\n"
        "  substitution_mappings: { node_type: tosca.nodes.WebApplication, properties: { context_root: [ i ] } }\n",
        ("1.2", "1.3"),
        "BBQ-T013",
        None,
    ),
}


@pytest.mark.parametrize("version", list(HEADS))
@pytest.mark.parametrize("form", list(FORMS))
def test_a_form_belongs_to_its_versions(templates, form, version):
    text, versions, among_one, across = FORMS[form]
    expected = "" if version in versions else across if version == "2.0" else among_one
    if expected is None:
        pytest.skip("the form has no counterpart there")
    templates.write("other.yaml", f"tosca_definitions_version: {HEADS[version]}\n")
    _, found, _ = templates.read(f"tosca_definitions_version: {HEADS[version]}\n{text}")
    codes = [item.code for item in found if item.code != "BBQ-T011"]
    assert set(codes) == ({expected} if expected else set()), list(map(str, found))
    severity = "error" if expected in ("BBQ-T010", "BBQ-T030") else "warning"
    assert all(item.severity == severity for item in found if item.code == expected)


def test_a_scalar_type_is_from_2_0(templates):
    text = "data_types: { D: { derived_from: §scalar, §units: { m: 1 } } }\n"
    templates.bad("tosca_definitions_version: tosca_simple_yaml_1_3\n" + text, "BBQ-T030", "BBQ-T010")
    templates.good("tosca_definitions_version: tosca_2_0\n" + text.replace("§", ""))


def test_the_message_says_which_version_has_it(templates):
    _, found, _ = templates.read("tosca_definitions_version: tosca_simple_yaml_1_0\nnamespace: x\n")
    assert found[0].message == "keyname `namespace` of the file is from TOSCA 1.2 to 1.3, not from the file's version"
    _, found, _ = templates.read("tosca_definitions_version: tosca_simple_yaml_1_3\nprofile: x\n")
    assert "it is from TOSCA 2.0" in found[0].message


def test_the_table_is_well_formed():
    """Every entity in every version: what is required is allowed, what is foreign says where it is from."""
    for version in VERSIONS:
        grammar = grammar_of(version)
        for entity in _TABLE:
            names = grammar.keynames(entity)
            assert set(names.required) <= names.allowed and names.foreign <= names.allowed, (version, entity)
            assert names.foreign <= set(names.elsewhere) and not (names.allowed - names.foreign) & set(names.elsewhere)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3"])
def test_the_uri_stands_for_the_version(templates, version):
    service = templates.good(f"tosca_definitions_version: http://docs.oasis-open.org/tosca/ns/simple/yaml/{version}\n")
    assert service.version == HEADS[version]
