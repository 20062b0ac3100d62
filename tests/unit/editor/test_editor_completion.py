"""Completion and the composer of broken texts, without a server: whatever is typed, something sensible or nothing."""

from __future__ import annotations

import pytest
from editor_samples import PRESENT, samples
from hypothesis import given, settings
from hypothesis import strategies as st

from bbq.editor.outline import compose
from bbq.yamlreader import data

pytest.importorskip("pygls")
from bbq.editor.lsp import navigation
from bbq.editor.lsp.completion import complete
from bbq.editor.lsp.documents import Documents, analyse
from bbq.editor.lsp.text import Text

HEAD = "tosca_definitions_version: tosca_2_0\nimports:\n  - profile: bbq:1.0\n"
NODES = HEAD + (
    "service_template:\n  inputs:\n    n: { type: integer }\n  node_templates:\n"
    "    q:\n      type: bbq.nodes.MessageQueue\n    w:\n      type: bbq.nodes.Worker\n"
)


def offered(text: str, *, good: str | None = None) -> dict[str, str]:
    """Label -> what is inserted, at the mark `‸`."""
    documents = Documents()

    def put(number: int, source: str):
        return documents.put("file:///nowhere/service.yaml", "/nowhere/service.yaml", "yaml", number, Text(source))

    if good is not None:
        document = put(1, good)
        document.names = analyse(document, document.version, documents.overlay(), {}).read.names
    index = text.index("‸")
    document = put(2, text.replace("‸", ""))
    items = complete(document, document.version.text.position(index), {})
    return {item.label: item.text_edit.new_text for item in sorted(items, key=lambda item: item.sort_text)}


def test_keynames_by_place() -> None:
    assert next(iter(offered("‸"))) == "tosca_definitions_version"
    assert "tosca_2_0" in offered("tosca_definitions_version: ‸\n")
    assert {"node_templates", "inputs"} <= set(offered(HEAD + "service_template:\n  ‸\n"))
    assert offered(NODES + "      ‸")["properties"] == "properties:\n        "
    assert offered(NODES + "      ‸")["requirements"] == "requirements:\n        - "
    assert "type" not in offered(NODES + "      ‸")  # is there already
    assert next(iter(offered(NODES + "    x:\n      ‸\n  outputs: {}\n"))) == "type"
    assert {"derived_from", "capabilities"} <= set(offered(HEAD + "node_types:\n  X:\n    ‸\n"))
    assert "topology_template" in offered("tosca_definitions_version: tosca_simple_yaml_1_3\n‸")
    assert "constraints" in offered(
        "tosca_definitions_version: tosca_simple_yaml_1_3\ntopology_template:\n  inputs:\n    n:\n      ‸"
    )
    assert "validation" in offered(HEAD + "service_template:\n  inputs:\n    n:\n      type: string\n      ‸")


def test_members_of_the_type() -> None:
    assert next(iter(offered(NODES + "      properties:\n        ‸"))) == "command"  # the required one
    assert "queues" not in offered(NODES + "      properties:\n        ‸")
    assert set(offered(NODES + "      requirements:\n        - ‸")) == {"connection", "dependency"}
    assert "node" in offered(NODES + "      requirements:\n        - connection:\n            ‸")
    assert {"kind", "target"} <= set(offered(NODES + "      properties:\n        readiness:\n          - ‸"))
    compute = (
        "tosca_definitions_version: tosca_simple_yaml_1_3\ntopology_template:\n  node_templates:\n    c:\n      type: Compute\n"
    )
    assert {"host", "endpoint"} <= set(offered(compute + "      capabilities:\n        ‸"))
    assert "num_cpus" in offered(compute + "      capabilities:\n        host:\n          properties:\n            ‸")
    assert "create" in offered(compute + "      interfaces:\n        Standard:\n          ‸")
    mapping = "  substitution_mappings:\n    node_type: bbq.nodes.Service\n    properties:\n      ‸"
    assert "health_path" in offered(NODES + mapping)


def test_values() -> None:
    assert list(offered(NODES + "      properties:\n        readiness:\n          - kind: ‸"))[:3] == ["command", "http", "tcp"]
    assert list(offered(NODES.replace("MessageQueue\n", "MessageQueue\n      properties: { engine: ‸\n")))[:2] == [
        "nats",
        "rabbitmq",
    ]
    assert offered(NODES + "      properties:\n        instances: ‸")["$get_input"] == "{ $get_input:  }"
    assert set(offered(NODES + "      properties:\n        instances: { $get_input: ‸")) == {"n"}
    attributes = offered(NODES + "      properties:\n        command: [ { $get_attribute: [ q, ‸")
    assert {"url", "engine"} <= set(attributes)
    assert "url" not in offered(NODES + "      properties:\n        command: [ { $get_property: [ q, ‸")
    scheduled = NODES.replace("bbq.nodes.Worker", "bbq.nodes.ScheduledJob")
    assert list(offered(scheduled + "      properties:\n        run_at_start: ‸"))[:2] == ["false", "true"]


def test_nothing_in_comments_and_texts() -> None:
    assert offered(NODES + "    # ‸") == {}
    assert offered(NODES + "      description: |\n        a ‸\n") == {}


def test_types_of_a_file_that_was_never_whole_and_of_one_that_was() -> None:
    broken = NODES + "    x:\n      type: ‸\n  outputs: [\n"
    assert "bbq.nodes.Worker" in offered(broken)
    mine = NODES.replace("service_template:", "node_types:\n  Mine: { properties: { p: { type: string } } }\nservice_template:")
    assert "Mine" in offered(mine + "    x:\n      type: ‸\n  outputs: [\n")
    assert "p" in offered(mine + "    x:\n      type: Mine\n      properties:\n        ‸\n  outputs: [\n", good=mine)


def test_quotes_and_edits_cover_the_word() -> None:
    assert offered(NODES + '      properties:\n        "com‸": [ a ]\n')["command"] == '"command"'
    assert offered(NODES + "      properties:\n        com‸: [ a ]\n")["command"] == "command"


@pytest.mark.skipif(not PRESENT, reason="no sample templates beside the repository")
def test_the_outline_of_a_whole_text_is_what_the_reader_reads() -> None:
    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if key != "<<"}
        return [plain(item) for item in value] if isinstance(value, list) else " ".join(str(value).split())

    seen = 0
    for sample in samples("tosca_1x", "tosca_2", "hot"):
        document = sample.document() if not sample.name.startswith("malicious/") else None
        if document is not None:
            seen += 1
            outline = compose(sample.content.decode().removeprefix("\ufeff"))
            assert plain(data(outline)) == plain(data(document.root)), sample.name
    assert seen > 300


@pytest.mark.skipif(not PRESENT, reason="no sample templates beside the repository")
def test_hostile_texts() -> None:
    for sample in samples():
        if sample.name.startswith("malicious/") and sample.path.stat().st_size < 1 << 20:
            compose(sample.content.decode("utf-8", "replace"))


WHOLE = NODES + (
    "      properties:\n        command: [ run, { $get_attribute: [ q, url ] } ]  # c\n        instances: &n 1\n"
    "      requirements:\n        - connection: q\n        - dependency: { node: q, count: *n }\n"
    "      description: |\n        text\n  outputs:\n    u: { value: \"x\", description: 'it''s' }\n"
)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, len(WHOLE)),
    st.integers(0, 40),
    st.sampled_from(["", "{", "[", "- ", ":", "'", '"', "&a ", "*a", "|", "\n    ", "\t", "𝄞", "<<: *n", "? ", "!x "]),
    st.integers(0, len(WHOLE)),
)
def test_whatever_is_typed(start: int, length: int, inserted: str, cursor: int) -> None:
    text = WHOLE[:start] + inserted + WHOLE[start + length :]
    cursor = min(cursor, len(text))
    offered(text[:cursor] + "‸" + text[cursor:])
    documents = Documents()
    document = documents.put("file:///nowhere/s.yaml", "/nowhere/s.yaml", "tosca", 1, Text(text))
    position = document.version.text.position(cursor)
    assert document.version.text.index(position) == cursor or text[cursor - 1 : cursor + 1] == "\r\n"
    navigation.hover(document, position, documents)
    navigation.definition(document, position, documents)
    navigation.references(document, position, documents, declaration=True)
    navigation.symbols(document, documents)


def test_positions() -> None:
    text = Text("a𝄞b\r\nü\u2028x\rz\n", "utf-16")
    assert [(p.line, p.character) for p in map(text.position, range(len(text.source)))] == [
        (0, 0), (0, 1), (0, 3), (0, 4), (0, 5), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1),
    ]  # fmt: skip
    for index in (0, 1, 2, 3, 5, 6, 7, 8, 9):
        assert text.index(text.position(index)) == index
    assert text.place(3, 1) == 7  # the reader ends a line at U+2028, LSP does not
    assert Text("\ufeffab").place(1, 1) == 1
    assert Text("𝄞a", "utf-8").position(1).character == 4
    assert Text("𝄞a", "utf-32").position(1).character == 1
