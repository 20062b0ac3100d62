"""JSON Schemas of templates: sound, true to the reader, of use to an editor."""

from __future__ import annotations

import json
from functools import cache

import jsonschema
import pytest
from editor_samples import PRESENT, import_map, own_templates, samples

import bbq.tosca
from bbq.cli.main import main
from bbq.diagnostics import DiagnosticBag
from bbq.editor.jsonschema import schema, version_named, versions
from bbq.editor.shapes import ENTITIES, keynames_of, shape_of
from bbq.tosca.grammar import VERSIONS, grammar_of
from bbq.yamlreader import data, read_bytes

# Accepted samples that the schema refuses, and why it is right to.
EXCEPTIONS = {
    "grycap-tosca/custom_types.yaml": "a capability definition with a keyname that the grammar does not have",
    "grycap-tosca/templates/k8s_app.yaml": "imports a type that hides a normative one of the same name",
    "heat-translator/samples/tests/data/storage/tosca_multiple_blockstorage_w_multiple_attachment.yaml": (
        "a requirement that the normative type does not have"
    ),
}
GRAMMAR_CODES = {"BBQ-T010", "BBQ-T011", "BBQ-T012"}


@cache
def validator(version: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(schema(version))


def problems(text: str, version: str = "2.0") -> list[str]:
    document = read_bytes(text.encode(), "x", DiagnosticBag())
    assert document is not None
    found = validator(version).iter_errors(data(document.root, "1.2"))
    return sorted({"/".join(map(str, error.absolute_path)) for error in found})


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_a_schema_and_refers_to_what_it_has(version: str) -> None:
    found = schema(version)
    jsonschema.Draft7Validator.check_schema(found)
    text = json.dumps(found)
    for name in {part.split('"')[0] for part in text.split("#/definitions/")[1:]}:
        assert name in found["definitions"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_keyname_of_the_grammar_has_a_shape(version: str) -> None:
    grammar = grammar_of(version)
    assert grammar is not None
    missing = [
        (entity, keyname)
        for entity in ENTITIES
        for keyname in keynames_of(grammar, entity).allowed
        if shape_of(entity, keyname) is None
    ]
    assert not missing, "say in bbq/editor/shapes.py what stands there"


def test_versions_by_any_name() -> None:
    assert version_named("2.0") is version_named("tosca_2_0") is version_named("v2.0")
    assert version_named("1.3") is version_named("tosca_simple_yaml_1_3")
    assert version_named("3.0") is None
    assert versions() == VERSIONS


@pytest.mark.skipif(not PRESENT, reason="no sample templates beside the repository")
def test_samples(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that is right is refused; of what breaks the grammar, most is."""
    alarms, accepted, refused, of_grammar, grammar_refused = [], 0, 0, 0, 0
    rejected = 0
    mapping = import_map()
    for sample in samples():
        document = sample.document() if sample.expected else None
        root = data(document.root, "1.2") if document is not None else None
        version = root.get("tosca_definitions_version") if isinstance(root, dict) else None
        grammar = grammar_of(version) if isinstance(version, str) else None
        if grammar is None:
            continue
        valid = validator(grammar.version).is_valid(root)
        if sample.expected == "accept":
            accepted += 1
            if not valid and sample.name not in EXCEPTIONS:
                alarms.append(sample.name)
            continue
        rejected += 1
        refused += not valid
        _, found = bbq.tosca.load(sample.path, import_map=mapping)
        if any(item.severity == "error" and item.code in GRAMMAR_CODES for item in found):
            of_grammar += 1
            grammar_refused += not valid
    with capsys.disabled():
        print(
            f"\nschema: {accepted} right templates, {len(EXCEPTIONS)} of them refused for a reason; "
            f"{refused} of {rejected} wrong ones refused, {grammar_refused} of the {of_grammar} that break the grammar"
        )
    assert not alarms
    assert grammar_refused / of_grammar > 0.7


@pytest.mark.parametrize("path", own_templates(), ids=lambda path: path.name)
def test_own_templates(path) -> None:
    document = read_bytes(path.read_bytes(), path.name, DiagnosticBag())
    assert document is not None
    root = data(document.root, "1.2")
    if "tosca_definitions_version" in root:
        found = list(validator(root["tosca_definitions_version"]).iter_errors(root))
        assert not found


HEAD = "tosca_definitions_version: tosca_2_0\nimports: [ { profile: 'bbq:1.0' } ]\nservice_template:\n  node_templates:\n"


def test_a_node_template_is_checked_by_its_type() -> None:
    node = "    q: { type: bbq.nodes.MessageQueue, properties: { %s } }\n"
    assert problems(HEAD + node % "queues: [ a ], engine: nats") == []
    assert problems(HEAD + node % "queues: [ a ], engine: { $get_input: e }") == []
    where = "service_template/node_templates/q/properties"
    assert problems(HEAD + node % "quues: [ a ]") == [where]
    assert problems(HEAD + node % "queues: a") == [f"{where}/queues"]
    assert problems(HEAD + node % "queues: [ a ], engine: kafka") == [f"{where}/engine"]


def test_required_properties() -> None:
    worker = "    w: { type: bbq.nodes.Worker%s }\n"
    assert problems(HEAD + worker % ", properties: { command: [ a ] }") == []
    assert problems(HEAD + worker % "") == ["service_template/node_templates/w"]
    assert problems(HEAD + worker % ", directives: [ select ]") == []


def test_a_profile_that_is_not_imported_is_not_applied() -> None:
    text = HEAD.replace("imports: [ { profile: 'bbq:1.0' } ]\n", "node_types: { bbq.nodes.Worker: {} }\n")
    assert problems(text + "    w: { type: bbq.nodes.Worker, properties: { x: 1 } }\n") == []


def test_short_names_of_1x() -> None:
    head = "tosca_definitions_version: tosca_simple_yaml_1_2\ntopology_template:\n  node_templates:\n"
    for name in ("tosca.nodes.Compute", "Compute", "tosca:Compute"):
        assert problems(f"{head}    c: {{ type: '{name}', properties: {{ nonsense: 1 }} }}\n", "1.2")


def test_types_are_offered_with_their_descriptions() -> None:
    found = schema("2.0")["definitions"]["bbq_1.0_node_types"]
    described = dict(zip(found["enum"], found["markdownEnumDescriptions"], strict=True))
    assert "Spark" in described["bbq.nodes.SparkCluster"]


def test_the_command(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--version", "1.3"]) == 0
    assert json.loads(capsys.readouterr().out) == schema("1.3")
    file = tmp_path / "s.json"
    file.write_text("old")
    file.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    assert main(["schema", "-o", str(link)]) == 0
    assert json.loads(file.read_text()) == schema("tosca_2_0")
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert main(["schema", "-o", str(tmp_path)]) == 2
    assert main(["schema", "--version", "9"]) == 2
    assert "tosca_2_0" in capsys.readouterr().err
