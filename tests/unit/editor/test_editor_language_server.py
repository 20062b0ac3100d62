"""The language server as an editor meets it: a child process over its standard streams."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pygls")
from editor_client import Session
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
  - types.yaml
service_template:
  inputs:
    workers: { type: integer, default: 2, description: How many. }
  node_templates:
    queue:
      type: bbq.nodes.MessageQueue
    spark:
      type: bbq.nodes.SparkCluster
      properties:
        workers: { $get_input: workers }
    mine:
      type: Mine
      properties:
        command: [ run, { $get_property: [ queue, engine ] } ]
      requirements:
        - connection: queue
  groups:
    all: { type: tosca.groups.Root, members: [ queue, mine ] }
  outputs:
    many: { value: { $get_input: workers } }
"""
TYPES = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
node_types:
  Mine:
    description: A worker of ours.
    derived_from: bbq.nodes.Worker
    properties:
      limit: { type: float, default: 1.5 }
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    (tmp_path / ".git").mkdir()
    (tmp_path / "types.yaml").write_text(TYPES)
    (tmp_path / "service.yaml").write_text("")
    session = Session(sys.executable, "-m", "bbq", "lsp", "--stdio", root=tmp_path)
    yield session
    assert session.close() == 0
    assert not [message for message in session.messages if "Error" in message]


def where(text: str, mark: str, number: int = 1, *, into: int = 0) -> tuple[int, int]:
    """Line and column (ASCII texts) of the given occurrence of `mark`, `into` characters further."""
    index = -1
    for _ in range(number):
        index = text.index(mark, index + 1)
    index += into
    return text.count("\n", 0, index), index - (text.rfind("\n", 0, index) + 1)


def spot(text: str, range_: lsp.Range) -> str:
    """What a range covers (in UTF-16 units)."""
    lines = text.split("\n")
    assert range_.start.line == range_.end.line
    units = lines[range_.start.line].encode("utf-16-le")
    return units[range_.start.character * 2 : range_.end.character * 2].decode("utf-16-le")


def applied(text: str, edits: list[lsp.TextEdit]) -> str:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for edit in sorted(edits, key=lambda edit: (-edit.range.start.line, -edit.range.start.character)):
        start = starts[edit.range.start.line] + edit.range.start.character
        end = min(starts[edit.range.end.line] + edit.range.end.character, len(text))
        text = text[:start] + edit.new_text + text[end:]
    return text


# --- diagnostics


def test_diagnostics_of_unsaved_text(session: Session) -> None:
    assert session.open("service.yaml", TEMPLATE) == []
    session.change("service.yaml", (None, TEMPLATE.replace("queue, engine", "queue, engin")))
    (found,) = session.diagnostics("service.yaml")
    assert (found.code, found.source, found.severity) == ("BBQ-T054", "bbq", lsp.DiagnosticSeverity.Error)
    assert "did you mean `engine`?" in found.message
    session.change("service.yaml", (None, TEMPLATE))
    assert session.diagnostics("service.yaml") == []


def test_columns_are_utf16(session: Session) -> None:
    text = TEMPLATE.replace("How many.", "𝄞𝄞 ü").replace("workers: { type: integer", "workers: { tpye: integer")
    text = text.replace("tpye: integer, default: 2, description: 𝄞𝄞 ü", "description: 𝄞𝄞 ü, tpye: integer, default: 2")
    found = session.open("service.yaml", text)
    unknown = next(item for item in found if item.code == "BBQ-T010")
    assert spot(text, unknown.range) == "tpye"
    # and the other way: a hover behind the wide characters
    fixed = text.replace("tpye", "type")
    session.change("service.yaml", (None, fixed))
    session.diagnostics("service.yaml")
    line, column = where(fixed, "type: integer, default: 2", into=1)
    assert session.hover("service.yaml", line, column + 2) == ""  # a keyname
    line, column = where(fixed, "integer, default: 2")
    items = session.completions("service.yaml", line, column + 2)
    assert spot(fixed, items["integer"].text_edit.range) == "integer"


def test_broken_yaml_is_told_and_other_yaml_is_left_alone(session: Session) -> None:
    (found,) = session.open("service.yaml", TEMPLATE + "  broken: [\n")
    assert found.code == "BBQ-Y005"
    assert session.open("deployment.yaml", "apiVersion: v1\nkind: Pod\n") == []
    assert session.completions("deployment.yaml", 1, 2) == {}
    assert session.hover("deployment.yaml", 1, 2) == ""


def test_an_open_import_counts_as_it_is_in_the_editor(session: Session) -> None:
    assert session.open("service.yaml", TEMPLATE) == []
    assert session.open("types.yaml", TYPES) == []
    session.change("types.yaml", (None, TYPES.replace("  Mine:", "  Yours:")))
    found = session.until("service.yaml", lambda items: items)
    assert [item.code for item in found] == ["BBQ-T030"]
    session.client.text_document_did_close(
        lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(session.uri("types.yaml")))
    )
    session.until("service.yaml", lambda items: not items)  # the disk's again


def test_what_is_wrong_in_a_closed_import_is_told_there(session: Session, tmp_path: Path) -> None:
    (tmp_path / "types.yaml").write_text(TYPES.replace("bbq.nodes.Worker", "bbq.nodes.Wroker"))
    session.open("service.yaml", TEMPLATE)
    found = session.until("types.yaml", lambda items: items)
    assert [(item.code, spot(TYPES.replace("Worker", "Wroker"), item.range)) for item in found] == [
        ("BBQ-T030", "bbq.nodes.Wroker")
    ]
    (tmp_path / "types.yaml").write_text(TYPES)
    session.client.text_document_did_save(
        lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(session.uri("service.yaml")))
    )
    session.until("types.yaml", lambda items: not items)


def test_a_change_on_the_disk_is_heard_of(session: Session, tmp_path: Path) -> None:
    assert session.open("service.yaml", TEMPLATE) == []
    session.until_registered(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    (tmp_path / "types.yaml").write_text(TYPES.replace("  Mine:", "  Yours:"))
    changed = lsp.FileEvent(session.uri("types.yaml"), lsp.FileChangeType.Changed)
    session.client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([changed]))
    found = session.until("service.yaml", lambda items: items)
    assert [item.code for item in found] == ["BBQ-T030"]


def test_remote_imports_are_never_fetched(session: Session) -> None:
    text = TEMPLATE.replace("types.yaml", "http://127.0.0.1:9/types.yaml")
    found = session.open("service.yaml", text)
    assert "BBQ-T021" in {item.code for item in found}


# --- completion


@pytest.mark.parametrize("saved", [True, False], ids=["after a good text", "broken from the start"])
def test_completion_in_broken_yaml(session: Session, saved: bool) -> None:
    if saved:
        session.open("service.yaml", TEMPLATE)
    broken = TEMPLATE.replace("        command: [ run, { $get_property: [ queue, engine ] } ]\n", "        com\n").replace(
        "members: [ queue, mine ] }", "members: [ que"
    )
    if saved:
        session.change("service.yaml", (None, broken))
    else:
        session.open("service.yaml", broken)
    line, column = where(broken, "        com", into=11)
    items = session.completions("service.yaml", line, column)
    assert {"command", "instances", "environment"} <= set(items)
    assert "limit" in items  # of the imported type
    assert spot(broken, items["command"].text_edit.range) == "com"
    line, column = where(broken, "[ que", into=5)
    assert {"queue", "spark", "mine"} <= set(session.completions("service.yaml", line, column))


def test_completion_of_types_names_functions_and_paths(session: Session) -> None:
    session.open("service.yaml", TEMPLATE)

    def at(mark: str, into: int, text: str = TEMPLATE) -> dict[str, lsp.CompletionItem]:
        return session.completions("service.yaml", *where(text, mark, into=into))

    types = at("type: Mine", len("type: "))
    assert {"Mine", "bbq.nodes.SparkCluster", "tosca.nodes.Root"} <= set(types)
    assert "bbq.capabilities.Database" not in types
    assert "A worker of ours." in types["Mine"].documentation.value
    assert {"workers"} == set(at("$get_input: workers }\n    mine", len("$get_input: ")))
    assert {"queue", "spark", "mine", "SELF"} <= set(at("[ queue, engine", 2))
    assert {"engine", "port", "user"} <= set(at("[ queue, engine", len("[ queue, ")))
    requirement = at("- connection: queue", len("- connection: "))
    assert requirement["queue"].sort_text < requirement["bbq.nodes.Database"].sort_text
    assert "mine" not in requirement
    assert "types.yaml" in at("- types.yaml", 2)
    assert "bbq:1.0" in at("profile: bbq:1.0", len("profile: "))
    assert "$get_input" in at("{ $get_input: workers }\n    mine", 3)
    assert "boolean" in at("type: integer", len("type: "))
    assert {"inputs", "workflows"} <= set(at("  inputs:", 2)) | {"inputs"}


def test_completion_in_an_empty_file(session: Session) -> None:
    session.open("new.yaml", "")
    items = session.completions("new.yaml", 0, 0)
    assert items["tosca_definitions_version"].text_edit.new_text == "tosca_definitions_version: "
    assert next(iter(sorted(items.values(), key=lambda item: item.sort_text))).label == "tosca_definitions_version"


# --- hover and navigation


def test_hover(session: Session) -> None:
    session.open("service.yaml", TEMPLATE)

    def at(mark: str, into: int = 0, number: int = 1) -> str:
        return session.hover("service.yaml", *where(TEMPLATE, mark, number, into=into))

    assert "A worker of ours." in at("type: Mine", 7)
    assert "Derived from `bbq.nodes.Worker`" in at("type: Mine", 7)
    property_ = at("workers: { $get", 2)
    assert "**workers** (property): integer, default 2; at least 1; at most 10000" in property_
    assert "templates/types/bbq.yaml:" in property_
    assert "How many." in at("$get_input: workers", 14)
    assert "node template of type `bbq.nodes.MessageQueue`" in at("- connection: queue", 16)
    assert "**engine** (property): string, default nats; one of nats, rabbitmq" in at("[ queue, engine", 10)
    assert "1 or more arguments" in at("$get_input: workers", 3)
    assert "requirement" in at("- connection", 5)
    assert at("service_template", 3) == ""


def locations(session: Session, mark: str, into: int = 0, number: int = 1) -> list[tuple[str, int]]:
    params = lsp.DefinitionParams(**session.at("service.yaml", *where(TEMPLATE, mark, number, into=into)))
    found = session.call(session.client.text_document_definition_async(params))
    return [(Path(item.uri).name, item.range.start.line) for item in found or []]


def test_definitions(session: Session) -> None:
    session.open("service.yaml", TEMPLATE)
    assert locations(session, "type: Mine", 7) == [("types.yaml", 4)]
    assert locations(session, "- types.yaml", 4) == [("types.yaml", 0)]
    assert locations(session, "profile: bbq", 12) == [("bbq.yaml", 0)]
    assert locations(session, "$get_input: workers", 14) == [("service.yaml", 6)]
    assert locations(session, "- connection: queue", 16) == [("service.yaml", 8)]
    assert locations(session, "members: [ queue", 12) == [("service.yaml", 8)]
    ((name, _),) = locations(session, "[ queue, engine", 10)
    assert name == "bbq.yaml"
    ((name, _),) = locations(session, "type: bbq.nodes.SparkCluster", 8)
    assert name == "bbq.yaml"


def test_references(session: Session) -> None:
    session.open("service.yaml", TEMPLATE)

    def at(mark: str, into: int, declaration: bool) -> list[int]:
        position = session.at("service.yaml", *where(TEMPLATE, mark, into=into))
        params = lsp.ReferenceParams(context=lsp.ReferenceContext(declaration), **position)
        found = session.call(session.client.text_document_references_async(params))
        return sorted(item.range.start.line for item in found or [])

    assert at("    queue:", 5, True) == [8, 17, 19, 21]
    assert at("    queue:", 5, False) == [17, 19, 21]
    assert at("workers: { type", 3, True) == [6, 13, 23]
    session.open("types.yaml", TYPES)
    assert at("type: Mine", 7, True) == [4, 15]


# --- edits


def renamed(session: Session, mark: str, into: int, new: str, text: str = TEMPLATE) -> str:
    params = lsp.RenameParams(new_name=new, **session.at("service.yaml", *where(text, mark, into=into)))
    edit = session.call(session.client.text_document_rename_async(params))
    assert set(edit.changes) == {session.uri("service.yaml")}
    return applied(text, edit.changes[session.uri("service.yaml")])


def test_rename(session: Session) -> None:
    session.open("service.yaml", TEMPLATE)
    result = renamed(session, "    queue:", 5, "broker")
    assert result == (
        TEMPLATE.replace("    queue:", "    broker:")
        .replace("[ queue, engine", "[ broker, engine")
        .replace("connection: queue", "connection: broker")
        .replace("[ queue, mine ]", "[ broker, mine ]")
    )
    session.change("service.yaml", (None, result))
    assert session.diagnostics("service.yaml") == []
    assert renamed(session, "$get_input: workers", 14, "many_workers") == TEMPLATE.replace(
        "workers: { type", "many_workers: { type"
    ).replace("$get_input: workers", "$get_input: many_workers")


WORKFLOW = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  inputs:
    size: { type: integer, default: 1 }
  node_templates:
    "web":
      type: bbq.nodes.Service
      properties: { command: [ a ], port: { $get_input: [ size ] } }
    copied: { copy: web, type: bbq.nodes.Service }
  groups:
    g: { type: tosca.groups.Root, members: [ 'web' ] }
  policies:
    - p: { type: tosca.policies.Scaling, targets: [ web, g ] }
  workflows:
    w:
      inputs: { size: { type: integer } }
      steps:
        first:
          target: web
          activities: [ { call_operation: { operation: Standard.start } } ]
          on_success: [ second ]
        second: { target: web, activities: [ { inline: v } ] }
    v: { steps: { first: { target: web, activities: [ { set_state: x } ] } } }
  substitution_mappings:
    node_type: bbq.nodes.Service
    properties: { port: size, health_path: [ size ] }
    capabilities: { feature: [ web, feature ] }
    attributes: { url: [ web, url ] }
"""


def test_rename_across_groups_policies_workflows_and_mappings(session: Session) -> None:
    session.open("service.yaml", WORKFLOW)
    result = renamed(session, '"web"', 2, "site", WORKFLOW)
    assert result == WORKFLOW.replace('"web"', '"site"').replace("'web'", "'site'").replace(" web", " site")
    result = renamed(session, "    size:", 5, "port_number", WORKFLOW)
    assert result.count("port_number") == 4
    assert "inputs: { size: { type: integer } }" in result  # the workflow's own
    result = renamed(session, "on_success: [ second", 15, "next", WORKFLOW)
    assert result == WORKFLOW.replace("second", "next")
    result = renamed(session, "        first:", 9, "begin", WORKFLOW)
    assert result.count("first") == 1  # of the other workflow
    result = renamed(session, "inline: v", 8, "verify", WORKFLOW)
    assert result.count("verify") == 2
    assert renamed(session, "    g:", 4, "all", WORKFLOW).count("all") == WORKFLOW.count("all") + 2


@pytest.mark.parametrize(
    ("mark", "into", "new", "reason"),
    [
        ("    queue:", 5, "spark", "already"),
        ("    queue:", 5, "all", "already"),  # a group
        ("    queue:", 5, "a b", "not a name"),
        ("    queue:", 5, "1a", "not a name"),
        ("    queue:", 5, "yes", "not a name"),
        ("    queue:", 5, "SELF", "means something else"),
        ("    queue:", 5, "Mine", "node type"),
        ("type: Mine", 7, "bbq.nodes.Worker", "already"),
        ("type: bbq.nodes.SparkCluster", 8, "Yours", "comes with bbq"),
    ],
)
def test_renames_that_are_refused(session: Session, mark: str, into: int, new: str, reason: str) -> None:
    session.open("service.yaml", TEMPLATE)
    with pytest.raises(JsonRpcException, match=reason):
        renamed(session, mark, into, new)


def test_no_rename_in_broken_text_and_what_can_be_renamed(session: Session) -> None:
    session.open("service.yaml", TEMPLATE)
    position = session.at("service.yaml", *where(TEMPLATE, "[ queue, engine", into=3))
    found = session.call(session.client.text_document_prepare_rename_async(lsp.PrepareRenameParams(**position)))
    assert found.placeholder == "queue"
    nothing = lsp.PrepareRenameParams(**session.at("service.yaml", 4, 3))
    assert session.call(session.client.text_document_prepare_rename_async(nothing)) is None
    session.change("service.yaml", (None, TEMPLATE + "x: [\n"))
    with pytest.raises(JsonRpcException, match="not whole"):
        renamed(session, "    queue:", 5, "broker")


def test_symbols(session: Session) -> None:
    session.open("service.yaml", TEMPLATE)
    params = lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(session.uri("service.yaml")))
    (service,) = session.call(session.client.text_document_document_symbol_async(params))
    assert service.name == "service_template"
    tree = {item.name: [child.name for child in item.children] for item in service.children}
    assert tree == {
        "inputs": ["workers"],
        "node_templates": ["queue", "spark", "mine"],
        "groups": ["all"],
        "outputs": ["many"],
    }
    queue = service.children[1].children[0]
    assert (queue.detail, queue.range.start.line, queue.range.end.line) == ("bbq.nodes.MessageQueue", 8, 9)


def test_formatting(session: Session) -> None:
    from bbq.editor.format import formatted

    text = TEMPLATE.replace("type: bbq.nodes.SparkCluster\n", "# 𝄞\n").replace(
        "{ $get_input: workers }\n    mine", "{ $get_input:   workers }\n      type: bbq.nodes.SparkCluster\n    mine"
    )
    session.open("service.yaml", text)
    options = lsp.FormattingOptions(tab_size=2, insert_spaces=True)
    params = lsp.DocumentFormattingParams(lsp.TextDocumentIdentifier(session.uri("service.yaml")), options)
    edits = session.call(session.client.text_document_formatting_async(params))
    assert applied(text, edits) == formatted(text)
    session.change("service.yaml", (None, formatted(text)))
    assert not session.call(session.client.text_document_formatting_async(params))
    session.change("service.yaml", (None, "a: [\n"))
    assert not session.call(session.client.text_document_formatting_async(params))


def test_quick_fixes(session: Session) -> None:
    text = TEMPLATE.replace("$get_input: workers } }", "$get_input: wrokers } }").replace("type: Mine", "type: Mien")
    text = text.replace("      properties:\n        workers", "      propertys:\n        workers")
    found = session.open("service.yaml", text)
    assert {item.code for item in found} >= {"BBQ-T030", "BBQ-T052", "BBQ-T010"}
    edits = []
    for item in found:
        params = lsp.CodeActionParams(
            lsp.TextDocumentIdentifier(session.uri("service.yaml")), item.range, lsp.CodeActionContext([item])
        )
        for action in session.call(session.client.text_document_code_action_async(params)) or []:
            edits += action.edit.changes[session.uri("service.yaml")]
    assert applied(text, edits) == TEMPLATE


def test_an_import_map_from_the_client_and_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "types.yaml").write_text(TYPES)
    session = Session(sys.executable, "-m", "bbq", "lsp", "--import-map", f"https://example.org/={tmp_path}/lib", root=tmp_path)
    try:
        assert session.open("service.yaml", TEMPLATE.replace("types.yaml", "https://example.org/types.yaml")) == []
    finally:
        assert session.close() == 0


def test_without_pygls(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from bbq.cli.main import main

    for name in [name for name in sys.modules if name.startswith(("pygls", "bbq.editor.lsp."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pygls", None)
    assert main(["lsp"]) == 5
    assert "pip install 'bbq[lsp]'" in capsys.readouterr().err
