"""The language server on Heat's templates, HOT and CFN, as an editor meets it."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from editor_samples import CORPORA, PRESENT, samples
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pygls")
from editor_client import Session
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from test_editor_language_server import applied, spot, where

from bbq.editor.heat.functions import ARGUMENTS, FUNCTIONS
from bbq.editor.lsp import navigation
from bbq.editor.lsp.completion import complete
from bbq.editor.lsp.documents import Documents, analyse
from bbq.editor.lsp.text import Text
from bbq.hot.functions import HANDLERS
from bbq.languages import named

OUTER = """\
heat_template_version: 2018-08-31
parameters:
  flavor: { type: string, default: m1, description: How large. }   # of the server
  key: { type: string, constraints: [ { custom_constraint: nova.keypair } ] }
conditions:
  large: { equals: [ { get_param: flavor }, m1 ] }
resources:
  net: { type: OS::Neutron::Net }
  server:
    type: OS::Nova::Server
    condition: large
    depends_on: [ net ]
    properties:
      flavor: { get_param: flavor }
      key_name: { get_param: [ 'key' ] }
      networks: [ { network: { get_resource: net } } ]
      config_drive: true
  disk:
    type: inner.yaml
    properties: { size: 2 }
  disks:
    type: OS::Heat::ResourceGroup
    properties:
      count: 2
      resource_def: { type: inner.yaml, properties: { size: 3 } }
outputs:
  ip: { value: { if: [ large, { get_attr: [ server, networks ] }, "" ] } }
  id: { value: { get_attr: [ disk, volume_id ] } }
  all: { value: { get_attr: [ disks, volume_id ] } }
"""
INNER = """\
heat_template_version: 2018-08-31
description: A disk of ours.
parameters:
  size: { type: number }   # in GiB
parameter_groups:
  - { label: all, parameters: [ "size" ] }
resources:
  volume: { type: OS::Cinder::Volume, properties: { size: { get_param: size } } }
outputs:
  volume_id: { value: { get_resource: volume } }
"""
CFN = """\
{"AWSTemplateFormatVersion": "2010-09-09",
 "Parameters": {"Image": {"Type": "String"}},
 "Conditions": {"Large": {"Fn::Equals": [{"Ref": "Image"}, "a"]}},
 "Resources": {
  "Server": {"Type": "AWS::EC2::Instance", "Condition": "Large", "Properties": {
   "ImageId": {"Ref": "Image"}, "InstanceType": "m"}},
  "Address": {"Type": "AWS::EC2::EIP", "Condition": "Large", "DependsOn": "Server", "Properties": {
   "InstanceId": {"Ref": "Server"}}}},
 "Outputs": {"Ip": {"Value": {"Fn::If": ["Large", {"Fn::GetAtt": ["Server", "PublicIp"]}, ""]}}}}
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("heat")
    (folder / ".git").mkdir()
    (folder / "inner.yaml").write_text(INNER)
    (folder / "outer.yaml").write_text(OUTER)
    session = Session(sys.executable, "-m", "bbq", "lsp", "--stdio", root=folder)
    yield session
    assert session.close() == 0
    assert not [message for message in session.messages if "Error" in message]


@pytest.fixture
def outer(session: Session) -> Session:
    assert shown(session, "outer.yaml", OUTER) == []
    return session


def shown(session: Session, name: str, text: str) -> list[lsp.Diagnostic]:
    """Puts a text into the editor."""
    if session.uri(name) not in session.versions:
        return session.open(name, text)
    session.change(name, (None, text))
    return session.diagnostics(name)


def closed(session: Session, name: str) -> None:
    session.client.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(session.uri(name))))
    del session.versions[session.uri(name)]


def offered(
    session: Session, mark: str, typed: str, *, name: str = "outer.yaml", text: str = OUTER
) -> dict[str, lsp.CompletionItem]:
    """What is offered where `typed` stands in the place of `mark`, with the cursor at its `‸`."""
    changed = text.replace(mark, typed, 1)
    assert changed != text
    line, column = where(changed, "‸")
    shown(session, name, changed.replace("‸", ""))
    return session.completions(name, line, column)


def best(items: dict[str, lsp.CompletionItem]) -> list[str]:
    return [item.label for item in sorted(items.values(), key=lambda item: item.sort_text or "")]


# --- diagnostics


def test_diagnostics_of_unsaved_texts(outer: Session) -> None:
    found = shown(
        outer, "outer.yaml", OUTER.replace("config_drive", "config_driv").replace("get_resource: net", "get_resource: nat")
    )
    assert [(item.code, item.severity) for item in found] == [("BBQ-H044", 1), ("BBQ-H032", 1)]
    assert "did you mean `net`?" in found[0].message
    (action,) = outer.call(
        outer.client.text_document_code_action_async(
            lsp.CodeActionParams(
                lsp.TextDocumentIdentifier(outer.uri("outer.yaml")), found[0].range, lsp.CodeActionContext([found[0]])
            )
        )
    )
    assert [edit.new_text for edit in action.edit.changes[outer.uri("outer.yaml")]] == ["net"]


def test_a_nested_template_counts_as_it_is_in_the_editor(outer: Session) -> None:
    assert outer.open("inner.yaml", INNER) == []
    outer.change(
        "inner.yaml", (None, INNER.replace("size: { type: number }", "size: { type: number }\n  more: { type: string }"))
    )
    found = outer.until("outer.yaml", lambda items: items)
    assert {item.code for item in found} == {"BBQ-H033"}
    outer.change("inner.yaml", (None, INNER))
    assert outer.until("outer.yaml", lambda items: not items) == []
    closed(outer, "inner.yaml")


def test_a_broken_text_and_json(session: Session) -> None:
    (found,) = shown(session, "broken.yaml", OUTER + "  x: [\n")
    assert found.code == "BBQ-Y005"
    shown(session, "outer.yaml", OUTER)
    with pytest.raises(JsonRpcException, match=r"broken.yaml names it and is not whole"):
        renamed(session, "outer.yaml", OUTER, "size: 2", 1, "gigabytes")
    closed(session, "broken.yaml")
    assert shown(session, "stack.template", CFN) == []
    found = shown(session, "stack.template", CFN.replace('"DependsOn": "Server"', '"DependsOn": "Sever"'))
    assert [item.code for item in found] == ["BBQ-H044"]


# --- completion


def test_sections_and_keynames_of_the_version(outer: Session) -> None:
    assert {"parameter_groups", "description"} <= set(offered(outer, "parameters:", "‸\nparameters:"))
    keys = offered(outer, "    condition: large\n", "    ‸\n")
    assert {"condition", "metadata", "update_policy", "external_id"} <= set(keys)
    assert "type" not in keys  # is there already
    assert keys["metadata"].text_edit.new_text == "metadata:\n      "
    old = OUTER.replace("2018-08-31", "2014-10-16")
    assert "condition" not in offered(outer, "    condition: large\n", "    ‸\n", text=old)
    assert {"min", "max"} == set(offered(outer, "{ custom_constraint: nova.keypair }", "{ range: { ‸ } }"))
    assert {"neutron.network", "nova.keypair"} <= set(offered(outer, "custom_constraint: nova.keypair", "custom_constraint: ‸"))
    assert {"string", "json"} <= set(offered(outer, "key: { type: string", "key: { type: ‸"))
    assert best(offered(outer, "2018-08-31", "‸"))[0] == "2021-04-16"
    assert {"Delete", "Retain"} <= set(offered(outer, "    condition: large\n", "    deletion_policy: ‸\n"))
    assert {"Parameters", "Mappings"} & set(offered(outer, '"Outputs"', '"‸": {}, "Outputs"', name="s.template", text=CFN)) == {
        "Mappings"
    }


def test_types_and_their_properties(outer: Session) -> None:
    types = offered(outer, "type: OS::Neutron::Net", "type: OS::Neutron::N‸")
    assert {"OS::Neutron::Net", "OS::Nova::Server", "OS::Heat::ResourceGroup", "inner.yaml"} - set(types) == {"inner.yaml"}
    assert "inner.yaml" in offered(outer, "type: OS::Neutron::Net", "type: in‸")
    assert "admin_state_up" in types["OS::Neutron::Net"].documentation.value
    items = offered(outer, "      config_drive: true", "      ‸")
    assert {"image", "user_data", "config_drive"} <= set(items)
    assert "flavor" not in items  # is given
    assert items["metadata"].text_edit.new_text == "metadata:\n        "
    assert items["block_device_mapping"].text_edit.new_text == "block_device_mapping:\n        - "
    assert {"network", "port", "fixed_ip"} <= set(offered(outer, "{ network: { get_resource: net } }", "{ ‸ }"))
    assert best(offered(outer, "config_drive: true", "config_drive: ‸"))[:2] == ["false", "true"]
    assert best(offered(outer, "config_drive: true", "user_data_format: ‸"))[:3] == ["HEAT_CFNTOOLS", "RAW", "SOFTWARE_CONFIG"]
    # of a nested template, and of a group's members
    assert best(offered(outer, "properties: { size: 2 }", "properties: { ‸ }")) == ["size"]
    assert best(offered(outer, "properties: { size: 3 }", "properties: { ‸ }")) == ["size"]
    assert "InstanceType" in offered(
        outer, '"ImageId"', '"‸": 1, "ImageId"', name="s.template", text=CFN.replace(', "InstanceType": "m"', "")
    )


def test_names(outer: Session) -> None:
    assert best(offered(outer, "flavor: { get_param: flavor", "flavor: { get_param: ‸")) == [
        "flavor", "key", "OS::project_id", "OS::stack_id", "OS::stack_name",
    ]  # fmt: skip
    assert set(offered(outer, "get_resource: net", "get_resource: ‸")) == {"net", "disk", "disks"}  # not itself
    assert set(offered(outer, "depends_on: [ net", "depends_on: [ ‸")) == {"net", "disk", "disks"}
    assert best(offered(outer, "condition: large", "condition: ‸"))[0] == "large"
    assert best(offered(outer, "if: [ large", "if: [ ‸"))[0] == "large"
    assert {"networks", "addresses", "show"} <= set(offered(outer, "server, networks", "server, ‸"))
    assert set(offered(outer, "disk, volume_id", "disk, ‸")) == {"volume_id", "show"}
    assert {"volume_id", "refs"} <= set(offered(outer, "disks, volume_id", "disks, ‸"))
    assert {"Server", "Image", "AWS::Region"} <= set(
        offered(outer, '{"Ref": "Server"}', '{"Ref": "‸"}', name="s.template", text=CFN)
    )
    assert "PublicIp" in offered(outer, '["Server", "PublicIp"]', '["Server", "‸"]', name="s.template", text=CFN)
    assert "inner.yaml" in offered(outer, "config_drive: true", "user_data: { get_file: ‸ }")


def test_functions_of_the_version_and_of_conditions(outer: Session) -> None:
    new = offered(outer, "config_drive: true", "name: { ‸ }")
    assert {"get_param", "str_replace", "if", "make_url", "contains"} <= set(new)
    assert not {"Fn::Join", "Ref", "equals"} & set(new)
    assert new["list_join"].text_edit.new_text == "list_join: [  ]"
    whole = offered(outer, "config_drive: true", "name: ‸")
    assert whole["get_param"].text_edit.new_text == "{ get_param:  }"
    old = OUTER.replace("2018-08-31", "2014-10-16")
    assert not {"if", "str_split", "yaql"} & set(offered(outer, "config_drive: true", "name: { ‸ }", text=old))
    assert set(offered(outer, "{ equals: [ { get_param: flavor }, m1 ] }", "{ ‸ }")) == {
        "get_param", "equals", "not", "and", "or", "yaql", "contains",
    }  # fmt: skip
    assert set(offered(outer, "config_drive: true", "name: { str_replace: { ‸ } }")) == {"template", "params"}
    assert "Fn::Join" in offered(
        outer, '{"Ref": "Image"}, "InstanceType"', '{"‸"}, "InstanceType"', name="s.template", text=CFN
    )


def test_completion_in_a_new_file_and_in_one_that_was_never_whole(session: Session) -> None:
    shown(session, "new.yaml", "heat")
    items = session.completions("new.yaml", 0, 4)
    assert items["heat_template_version"].text_edit.new_text == "heat_template_version: "
    broken = OUTER.replace("      config_drive: true\n", "      conf\n") + "  x: [\n"
    shown(session, "never.yaml", broken)
    line, column = where(broken, "      conf\n", into=10)
    items = session.completions("never.yaml", line, column)
    assert spot(broken, items["config_drive"].text_edit.range) == "conf"
    closed(session, "never.yaml")


# --- hover and definitions


def test_hover(outer: Session) -> None:
    def at(mark: str, into: int = 0, number: int = 1) -> str:
        return outer.hover("outer.yaml", *where(OUTER, mark, number, into=into))

    assert "**OS::Nova::Server** (resource type)" in at("OS::Nova::Server", 5)
    assert "- `flavor`: string, required; a nova.flavor" in at("OS::Nova::Server", 5)
    assert "**config_drive** (property of `OS::Nova::Server`): boolean" in at("config_drive", 3)
    assert "replaces the resource" in at("config_drive", 3)
    assert "A resource for managing Nova instances." in at("OS::Nova::Server", 5)
    assert "If True, enable config drive on the server." in at("config_drive", 3)
    assert "Name or ID of network to create a port on." in at("{ network:", 4)
    assert "A dict of assigned network addresses" in at("server, networks", 10)
    assert "**flavor** (parameter): string, default m1\n\nHow large." in at("get_param: flavor", 12)
    assert "`[ condition, value if true, value if false ]`" in at("{ if:", 3)
    assert "**networks** (attribute of `OS::Nova::Server`)" in at("server, networks", 10)
    assert "resource of type `OS::Neutron::Net`" in at("get_resource: net", 15)
    assert "(condition)" in at("if: [ large", 7)
    assert "A disk of ours." in at("type: inner.yaml", 8)
    assert "An output of the nested template" in at("disk, volume_id", 8)
    assert "A parameter of the nested template" in at("size: 2", 1)
    assert at("resources:", 3) == ""


def test_definitions_and_references(outer: Session) -> None:
    def at(mark: str, into: int = 0) -> list[tuple[str, int]]:
        params = lsp.DefinitionParams(**outer.at("outer.yaml", *where(OUTER, mark, into=into)))
        found = outer.call(outer.client.text_document_definition_async(params))
        return [(Path(item.uri).name, item.range.start.line) for item in found or []]

    assert at("get_resource: net", 15) == [("outer.yaml", 7)]
    assert at("get_param: flavor", 12) == [("outer.yaml", 2)]
    assert at("[ 'key' ]", 4) == [("outer.yaml", 3)]
    assert at("if: [ large", 7) == [("outer.yaml", 5)]
    assert at("condition: large", 12) == [("outer.yaml", 5)]
    assert at("type: inner.yaml", 8) == [("inner.yaml", 0)]
    assert at("size: 2", 1) == [("inner.yaml", 3)]
    assert at("disks, volume_id", 8) == [("inner.yaml", 9)]
    assert at("OS::Nova::Server", 3) == []  # Heat's own is in no file
    params = lsp.ReferenceParams(context=lsp.ReferenceContext(True), **outer.at("outer.yaml", *where(OUTER, "  net:", into=3)))
    found = outer.call(outer.client.text_document_references_async(params))
    assert [item.range.start.line for item in found] == [7, 11, 15]


def test_symbols(outer: Session) -> None:
    params = lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(outer.uri("outer.yaml")))
    tree = {
        item.name: [child.name for child in item.children]
        for item in outer.call(outer.client.text_document_document_symbol_async(params))
    }
    assert tree == {
        "parameters": ["flavor", "key"],
        "conditions": ["large"],
        "resources": ["net", "server", "disk", "disks"],
        "outputs": ["ip", "id", "all"],
    }


# --- rename


def renamed(session: Session, name: str, text: str, mark: str, into: int, new: str) -> dict[str, list[lsp.TextEdit]]:
    """File -> edits."""
    params = lsp.RenameParams(new_name=new, **session.at(name, *where(text, mark, into=into)))
    edit = session.call(session.client.text_document_rename_async(params))
    return {Path(uri).name: edits for uri, edits in edit.changes.items()}


def test_rename_of_resources_parameters_and_conditions(outer: Session) -> None:
    (edits,) = renamed(outer, "outer.yaml", OUTER, "  net:", 3, "lan").values()
    assert applied(OUTER, edits) == OUTER.replace("  net:", "  lan:").replace("[ net ]", "[ lan ]").replace(
        "get_resource: net", "get_resource: lan"
    )
    (edits,) = renamed(outer, "outer.yaml", OUTER, "'key'", 2, "pair").values()
    assert applied(OUTER, edits) == OUTER.replace("  key:", "  pair:").replace("'key'", "'pair'")
    (edits,) = renamed(outer, "outer.yaml", OUTER, "condition: large", 12, "big").values()
    assert applied(OUTER, edits) == OUTER.replace("large:", "big:").replace("condition: large", "condition: big").replace(
        "[ large", "[ big"
    )
    (edits,) = renamed(outer, "outer.yaml", OUTER, "server, networks", 2, "machine").values()
    assert applied(OUTER, edits) == OUTER.replace("  server:", "  machine:").replace("[ server,", "[ machine,")
    assert shown(outer, "stack.template", CFN) == []
    (edits,) = renamed(outer, "stack.template", CFN, '"DependsOn": "Server"', 15, "Machine").values()
    assert applied(CFN, edits) == CFN.replace('"Server"', '"Machine"')


def test_rename_of_what_a_nested_template_asks_for_and_gives(outer: Session) -> None:
    for mark, into in (("size: 2", 2), ("size: 3", 2)):
        edits = renamed(outer, "outer.yaml", OUTER, mark, into, "gigabytes")
        assert applied(OUTER, edits["outer.yaml"]) == OUTER.replace("size:", "gigabytes:")
        assert applied(INNER, edits["inner.yaml"]) == INNER.replace("  size: {", "  gigabytes: {").replace(
            '"size"', '"gigabytes"'
        ).replace("get_param: size", "get_param: gigabytes")
    edits = renamed(outer, "outer.yaml", OUTER, "disk, volume_id", 8, "it")
    assert applied(OUTER, edits["outer.yaml"]) == OUTER.replace("volume_id", "it")
    assert applied(INNER, edits["inner.yaml"]) == INNER.replace("volume_id", "it")


@pytest.mark.parametrize(
    ("mark", "into", "new", "reason"),
    [
        ("  net:", 3, "server", "already"),
        ("  net:", 3, "key", "a parameter|already"),
        ("  net:", 3, "1a", "not a name"),
        ("config_drive", 3, "drive", "is not renamed"),
        ("type: inner.yaml", 8, "other.yaml", "is not renamed"),
        ("OS::Nova::Server", 3, "Other", "is not renamed"),
        ("size: 2", 1, "volume", "already"),
    ],
)
def test_renames_that_are_refused(outer: Session, mark: str, into: int, new: str, reason: str) -> None:
    with pytest.raises(JsonRpcException, match=reason):
        renamed(outer, "outer.yaml", OUTER, mark, into, new)


# --- whatever is written


def test_every_function_is_described() -> None:
    assert set(FUNCTIONS) == set(HANDLERS)
    assert set(ARGUMENTS) <= set(FUNCTIONS)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([OUTER, CFN]),
    st.integers(0, len(OUTER)),
    st.integers(0, 40),
    st.sampled_from(["", "{", "[", "- ", ":", "'", '"', "&a ", "*a", "|", "\n    ", "\t", "𝄞", "<<: *n", "if: "]),
    st.integers(0, len(OUTER)),
)
def test_whatever_is_typed(template: str, start: int, length: int, inserted: str, cursor: int) -> None:
    text = template[:start] + inserted + template[start + length :]
    documents = Documents()
    document = documents.put("file:///nowhere/s.yaml", "/nowhere/s.yaml", "yaml", 1, Text(text))
    position = document.version.text.position(min(cursor, len(text)))
    complete(document, position, {})
    navigation.hover(document, position, documents)
    navigation.definition(document, position, documents)
    navigation.references(document, position, documents, declaration=True)
    navigation.symbols(document, documents)


@pytest.mark.skipif(not PRESENT, reason="no sample templates beside the repository")
@pytest.mark.parametrize("kind", ["heat", "tosca"])
def test_nothing_fails_anywhere_in_the_samples(kind: str) -> None:
    """At places of all kinds: what is asked of the server on a key stroke."""
    numbers = random.Random(kind)
    if kind == "tosca":
        paths = [sample.path for sample in samples() if not sample.name.startswith("malicious/")][::4]
    else:
        paths = [path for suffix in ("yaml", "template") for path in sorted(CORPORA.rglob(f"*.{suffix}"))]
    seen = answers = 0
    for path in paths:
        content = path.read_bytes() if path.stat().st_size < 200_000 else b""
        if kind == "heat" and named(content) not in ("HOT", "CFN"):
            continue
        source = content.decode("utf-8", "replace")
        documents = Documents()
        document = documents.put(path.as_uri(), str(path), "yaml", 1, Text(source))
        if document.version.language is None:
            continue
        document.names = analyse(document, document.version, {}, {}).read.names
        seen += 1
        navigation.symbols(document, documents)
        for _ in range(12):
            position = document.version.text.position(numbers.randrange(len(source) + 1))
            answers += len(complete(document, position, {}))
            answers += navigation.hover(document, position, documents) is not None
            navigation.definition(document, position, documents)
            navigation.references(document, position, documents, declaration=True)
    assert seen > 50
    assert answers > 50 * seen
