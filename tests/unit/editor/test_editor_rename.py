"""Rename of what other files may name: types, and what types have, in all templates of the workspace."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pygls")
from editor_client import Session
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from test_editor_language_server import applied, where

FILES = {
    "lib/types.yaml": """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
data_types:
  Size:   # in bytes
    properties:
      high: { type: integer }
capability_types:
  Talks: { derived_from: tosca.capabilities.Endpoint }
node_types:
  Mine:   # Mine, all mine
    description: A worker of ours, Mine.
    derived_from: bbq.nodes.Worker
    properties:
      limit: { type: float, default: 1.5 }
      size: { type: Size, required: false }
      sizes: { type: map, entry_schema: Size, required: false }
    capabilities: { talks: { type: Talks } }
  "Yours":
    derived_from: 'Mine'
    properties:
      limit: { type: float, default: 2.5 }   # refined
    requirements:
      - friend: { node: Mine, capability: Talks, relationship: tosca.relationships.ConnectsTo, count_range: [ 0, 1 ] }
""",
    "service.yaml": """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
  - { url: lib/types.yaml, namespace: my }
service_template:
  node_templates:
    a: { type: "my:Mine", properties: { command: [ x, { $concat: [ "", { $get_property: [ SELF, limit ] } ] } ], limit: 3.0 } }
    b:
      type: my:Yours   # not Mine
      properties: { command: [ Mine ], limit: 1.0, size: { high: 1 }, sizes: { one: { high: 2 } } }
      requirements:
        - friend: a
  outputs:
    limit: { value: { $get_property: [ b, size, high ] } }
""",
    "other.yaml": """\
tosca_definitions_version: tosca_2_0
imports: [ lib/types.yaml ]
node_types:
  Third: { derived_from: Mine }
service_template:
  node_templates:
    c: { type: Third, properties: { command: [ x ], limit: 3.0 } }
""",
    "unrelated.yaml": """\
tosca_definitions_version: tosca_2_0
node_types:
  Mine: { properties: { limit: { type: float } } }
""",
    "call.yaml": """\
tosca_definitions_version: tosca_2_0
data_types:
  Context: { properties: { role: { type: string } } }
node_types:
  Server: { properties: { context: { type: string } } }
functions:
  context_of:
    signatures:
      - arguments: [ { type: Context } ]
        result: { type: string }
        implementation: context.sh
service_template:
  node_templates:
    server: { type: Server, properties: { context: { $context_of: [ { role: admin } ] } } }
""",
    "old.yaml": """\
tosca_definitions_version: tosca_simple_yaml_1_3
node_types:
  tosca.nodes.Own: { derived_from: tosca.nodes.Root, properties: { x: { type: string, default: a } } }
  org.Next: { derived_from: Own }
topology_template:
  node_templates:
    a: { type: Own, properties: { x: b } }
    b: { type: tosca:Own }
    c: { type: tosca.nodes.Own }
""",
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    root = tmp_path_factory.mktemp("workspace")
    (root / ".git").mkdir()
    (root / "lib").mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    session = Session(sys.executable, "-m", "bbq", "lsp", "--stdio", root=root)
    for name in ("service.yaml", "lib/types.yaml", "old.yaml"):
        assert session.open(name, FILES[name]) == []
    yield session
    assert session.close() == 0
    assert not [message for message in session.messages if "Error" in message]


def renamed(session: Session, name: str, mark: str, into: int, new: str) -> dict[str, str]:
    """File -> text after the rename, of those that change."""
    params = lsp.RenameParams(new_name=new, **session.at(name, *where(FILES[name], mark, into=into)))
    edit = session.call(session.client.text_document_rename_async(params))
    return {
        (file := uri.removeprefix(f"{session.root.as_uri()}/")): applied(FILES[file], edits)
        for uri, edits in edit.changes.items()
    }


def prepared(session: Session, name: str, mark: str, into: int) -> str:
    params = lsp.PrepareRenameParams(**session.at(name, *where(FILES[name], mark, into=into)))
    found = session.call(session.client.text_document_prepare_rename_async(params))
    assert found.range.end.character - found.range.start.character == len(found.placeholder)
    return found.placeholder


def test_a_type_in_all_files_that_import_it(session: Session) -> None:
    assert prepared(session, "service.yaml", "my:Mine", 4) == "Mine"
    result = renamed(session, "service.yaml", "my:Mine", 4, "Ours")
    types = FILES["lib/types.yaml"]
    assert result == {
        "service.yaml": FILES["service.yaml"].replace('"my:Mine"', '"my:Ours"'),
        "lib/types.yaml": types.replace("  Mine:", "  Ours:").replace("'Mine'", "'Ours'").replace("node: Mine", "node: Ours"),
        "other.yaml": FILES["other.yaml"].replace("derived_from: Mine", "derived_from: Ours"),
    }


def test_types_of_other_kinds(session: Session) -> None:
    assert renamed(session, "service.yaml", "my:Yours", 4, "Theirs").keys() == {"service.yaml", "lib/types.yaml"}
    result = renamed(session, "lib/types.yaml", "  Talks", 3, "Speaks")
    assert result == {"lib/types.yaml": FILES["lib/types.yaml"].replace("Talks", "Speaks")}
    result = renamed(session, "lib/types.yaml", "  Size", 3, "Bytes")
    assert result == {"lib/types.yaml": FILES["lib/types.yaml"].replace("Size", "Bytes")}


def test_short_names_of_1_x(session: Session) -> None:
    text = FILES["old.yaml"]
    assert renamed(session, "old.yaml", "tosca.nodes.Own", 3, "tosca.nodes.Other") == {"old.yaml": text.replace("Own", "Other")}
    short = text.replace("tosca.nodes.Own", "Own").replace("tosca:Own", "Own")
    assert renamed(session, "old.yaml", "tosca.nodes.Own", 3, "org.Other") == {"old.yaml": short.replace("Own", "org.Other")}
    with pytest.raises(JsonRpcException, match=r"stands for 'tosca.nodes.Own'"):
        prepared(session, "old.yaml", "type: Own", 7)


def test_properties_with_their_refinements(session: Session) -> None:
    result = renamed(session, "service.yaml", "limit: 3.0", 2, "bound")
    output = "  outputs:\n    limit"
    assert result == {
        "service.yaml": FILES["service.yaml"].replace("limit", "bound").replace(output.replace("limit", "bound"), output),
        "lib/types.yaml": FILES["lib/types.yaml"].replace("limit", "bound"),
        "other.yaml": FILES["other.yaml"].replace("limit", "bound"),
    }
    assert result == renamed(session, "service.yaml", "SELF, limit", 8, "bound")
    result = renamed(session, "service.yaml", "high: 1", 2, "top")
    assert result == {name: FILES[name].replace("high", "top") for name in ("service.yaml", "lib/types.yaml")}


def test_an_unsaved_text_counts(session: Session) -> None:
    text = FILES["other.yaml"].replace("Third", "Fourth")
    session.open("other.yaml", text)
    params = lsp.RenameParams(new_name="Ours", **session.at("service.yaml", *where(FILES["service.yaml"], "my:Mine", into=4)))
    edit = session.call(session.client.text_document_rename_async(params))
    assert applied(text, edit.changes[session.uri("other.yaml")]) == text.replace("derived_from: Mine", "derived_from: Ours")
    session.change("other.yaml", (None, text + "  x: [\n"))
    session.diagnostics("other.yaml")
    with pytest.raises(JsonRpcException, match=r"other.yaml names it and is not whole"):
        session.call(session.client.text_document_rename_async(params))
    session.change("other.yaml", (None, FILES["other.yaml"]))
    session.diagnostics("other.yaml")


@pytest.mark.parametrize(
    ("name", "mark", "into", "reason"),
    [
        (
            "lib/types.yaml",
            "bbq.nodes.Worker",
            3,
            r"bbq.nodes.Worker' is defined in templates/types/bbq.yaml, which comes with bbq",
        ),
        ("service.yaml", "command", 3, r"'command' is defined in .*, which comes with bbq"),
        ("service.yaml", "- friend", 3, r"requirement"),
        ("service.yaml", "lib/types.yaml", 3, r"a path is not renamed"),
    ],
)
def test_what_cannot_be_renamed_is_said_before(session: Session, name: str, mark: str, into: int, reason: str) -> None:
    with pytest.raises(JsonRpcException, match=reason):
        prepared(session, name, mark, into)


@pytest.mark.parametrize(
    ("name", "mark", "into", "new", "reason"),
    [
        ("service.yaml", "my:Mine", 4, "Yours", "there is a node type 'Yours' already"),
        ("service.yaml", "my:Mine", 4, "Third", "there is a node type 'Third' already, in other.yaml"),
        ("service.yaml", "my:Mine", 4, "c", "'c' is a node template.*, in other.yaml"),
        ("service.yaml", "my:Mine", 4, "a:b", "is not a name"),
        ("service.yaml", "limit: 3.0", 2, "size", "has a property or attribute 'size' already"),
        ("service.yaml", "limit: 3.0", 2, "command", "has a property or attribute 'command' already"),
        ("old.yaml", "tosca.nodes.Own", 3, "tosca.nodes.Compute", "already"),
        ("old.yaml", "tosca.nodes.Own", 3, "Compute", "already"),
    ],
)
def test_names_that_are_taken(session: Session, name: str, mark: str, into: int, new: str, reason: str) -> None:
    with pytest.raises(JsonRpcException, match=reason):
        renamed(session, name, mark, into, new)


def test_what_would_leave_a_problem(session: Session) -> None:
    """The map's keys are names only by the signature of the function, which no index of names looks at."""
    session.open("call.yaml", FILES["call.yaml"])
    with pytest.raises(JsonRpcException, match=r"it would leave a problem: .*call.yaml:14: .*context_of"):
        renamed(session, "call.yaml", "role: {", 2, "duty")


def test_a_type_outside_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "lib" / "types.yaml").write_text(FILES["lib/types.yaml"])
    text = FILES["service.yaml"].replace("lib/types", "https://example.org/types")
    session = Session(
        *(sys.executable, "-m", "bbq", "lsp", "--import-map", f"https://example.org/={tmp_path}/lib"), root=tmp_path / "work"
    )
    try:
        assert session.open("service.yaml", text) == []
        line, column = where(FILES["service.yaml"], "my:Mine", into=4)
        with pytest.raises(JsonRpcException, match="outside of the workspace"):
            session.call(
                session.client.text_document_prepare_rename_async(
                    lsp.PrepareRenameParams(**session.at("service.yaml", line, column))
                )
            )
    finally:
        assert session.close() == 0


def test_a_mapped_import_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lib").mkdir()
    types, text = FILES["lib/types.yaml"], FILES["service.yaml"].replace("lib/types", "https://example.org/types")
    (tmp_path / "lib" / "types.yaml").write_text(types)
    session = Session(sys.executable, "-m", "bbq", "lsp", "--import-map", f"https://example.org/={tmp_path}/lib", root=tmp_path)
    try:
        assert session.open("service.yaml", text) == []
        params = lsp.RenameParams(new_name="Ours", **session.at("service.yaml", *where(text, "my:Mine", into=4)))
        edit = session.call(session.client.text_document_rename_async(params))
        after = applied(types, edit.changes[session.uri("lib/types.yaml")])
        assert after == types.replace("  Mine:", "  Ours:").replace("'Mine'", "'Ours'").replace("node: Mine", "node: Ours")
        # what is in the editor, and not yet on the disk, is what the import means
        session.open("lib/types.yaml", after)
        session.change("service.yaml", (None, applied(text, edit.changes[session.uri("service.yaml")])))
        assert session.until("service.yaml", lambda items: not items) == []
    finally:
        assert session.close() == 0
