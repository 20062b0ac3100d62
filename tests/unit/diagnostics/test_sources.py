"""The line that a finding shows: the one that was read, secrets masked, long ones cut; and the imports that led to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import bbq.tosca
from bbq.diagnostics import Diagnostic, DiagnosticBag, Excerpt, SourceRange
from bbq.sources import Sources
from bbq.yamlreader import read_file


def finding(line: int, column: int, end_column: int, message: str = "m", hint: str | None = None) -> Diagnostic:
    return Diagnostic("error", "C", message, "f", line, column, hint, line, end_column)


def completed(text: str, item: Diagnostic, *secrets: SourceRange) -> Diagnostic:
    sources = Sources()
    sources.read("f", text.encode())
    for at in secrets:
        sources.secret(at)
    return sources.complete(item)


def meant(item: Diagnostic) -> str:
    assert item.excerpt is not None
    return item.excerpt.text[item.excerpt.start : item.excerpt.end]


def test_the_line_and_what_of_it_is_meant() -> None:
    found = completed("a: 1\nkey: value # x\n", finding(2, 6, 11))
    assert found.excerpt == Excerpt("key: value # x", 5, 10)


@pytest.mark.parametrize("breaks", ["\r\n", "\r", "\n", "\x85", "\u2028", "\u2029"])
def test_lines_end_where_the_parser_ends_them(tmp_path: Path, breaks: str) -> None:
    """A form feed or a vertical tab ends none; each of these does."""
    file = tmp_path / "f.yaml"
    file.write_bytes(f"\ufeffa: 1{breaks}b: ü{breaks}c: {{ x: 1, x: 2 }}{breaks}".encode())
    bag = DiagnosticBag(sources=Sources())
    assert read_file(file, bag) is None
    (found,) = bag.sorted()
    assert found.code == "BBQ-Y009" and meant(found) == "x" and found.excerpt == Excerpt("c: { x: 1, x: 2 }", 11, 12)


def test_a_range_of_several_lines_is_meant_to_the_end_of_its_first() -> None:
    item = replace(finding(1, 4, 0), end_line=3, end_column=1)
    assert meant(completed("a:  \n b: 1\n", replace(item, column=1))) == "a:"


def test_without_a_text_or_beyond_it_there_is_no_line() -> None:
    assert completed("a\n", finding(7, 1, 2)).excerpt is None
    assert Sources().complete(finding(1, 1, 2)).excerpt is None


def test_a_line_of_megabytes_is_cut_around_the_range() -> None:
    found = completed("x" * 3_000_000 + "HERE" + "y" * 3_000_000, finding(1, 3_000_001, 3_000_005))
    assert meant(found) == "HERE" and len(found.excerpt.text) < 300
    assert found.excerpt.text.startswith("…x") and found.excerpt.text.endswith("y…")
    found = completed("x" * 1000, finding(1, 1, 1001))
    assert meant(found).strip("…") == "x" * 240 and found.excerpt.text[0] == "x"


def test_the_line_is_the_one_that_was_read_whatever_became_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("a: 1\na: 2\n")
    bag = DiagnosticBag(sources=Sources())
    read_file(file, bag)
    file.write_text("something else\n" * 9)
    assert bag.sorted()[0].excerpt == Excerpt("a: 2", 0, 1)


SECRET = SourceRange("f", 1, 8, 1, 15)


def test_a_secret_is_masked_wherever_the_range_is() -> None:
    text = "user: [hunter2, second]\n"
    assert completed(text, finding(1, 8, 15), SECRET).excerpt == Excerpt("user: [********, second]", 7, 15)
    assert completed(text, finding(1, 17, 23), SECRET).excerpt == Excerpt("user: [********, second]", 17, 23)
    assert completed(text, finding(1, 1, 5), SECRET).excerpt == Excerpt("user: [********, second]", 0, 4)
    assert completed(text, finding(1, 7, 24), SECRET).excerpt == Excerpt("user: [********, second]", 6, 24)
    assert completed(text, finding(1, 10, 12), SECRET).excerpt == Excerpt("user: [********, second]", 7, 15)
    two = completed(text, finding(1, 17, 23), SECRET, SourceRange("f", 1, 17, 1, 23))
    assert two.excerpt == Excerpt("user: [********, ********]", 17, 25)


def test_a_secret_of_several_lines_is_masked_in_each() -> None:
    text = "a: |\n  one\n   two\nb: 1\n"
    at = SourceRange("f", 1, 4, 4, 1)
    assert [completed(text, finding(n, 1, 2), at).excerpt.text for n in (1, 2, 3, 4)] == [
        "a: ********",
        "  ********",
        "   ********",
        "b: 1",
    ]


def test_a_masked_value_is_masked_in_the_message_and_the_hint_too() -> None:
    long = "p" * 70
    item = finding(1, 11, 18, "`hunter2` is not `password`", "remove `hunter2`")
    found = completed("password: hunter2", item)
    assert (found.message, found.hint) == ("`********` is not `password`", "remove `********`")
    found = completed(f"password: '{long}'", finding(1, 11, 83, f"not `{long[:60]}...`"))
    assert found.message == "not `********`" and found.excerpt.text == "password: ********"


def test_completing_twice_changes_nothing() -> None:
    sources = Sources()
    sources.read("f", b"a: 1\n")
    sources.imported("f", SourceRange("main", 3, 5))
    once = sources.complete(finding(1, 1, 2))
    assert once.related == ((SourceRange("main", 3, 5), "imported from"),)
    assert sources.complete(once) == once


TYPES = """\
tosca_definitions_version: tosca_2_0
imports: [ {{ profile: "bbq:1.0" }} ]
data_types:
  Login:
    properties:
      user: {{ type: string }}
      key: {{ type: bbq.datatypes.Secret }}
node_types:
  T:
    properties:
      login: {{ type: Login, default: {{ user: me, key: first-secret{wrong} }} }}
      logins: {{ type: list, entry_schema: Login, required: false }}
      plain: {{ type: string, metadata: {{ secret: true }}, required: false }}
service_template:
  node_templates:
    n:
      type: T
      properties:
        plain: second-secret{wrong}
        logins: [ {{ user: you, key: {{ $get_input: nothing }} }}, {{ user: you, key: third-secret{wrong} }} ]
"""


def test_secrets_by_type_are_masked_in_findings_on_their_lines(tmp_path: Path) -> None:
    """Also inside data types and lists, and where metadata say so; a function call is none."""
    file = tmp_path / "f.yaml"
    file.write_text(TYPES.format(wrong=", oops: 1").replace("second-secret, oops: 1", "[ second-secret ]"))
    _, found = bbq.tosca.load(file)
    shown = {item.line: item.excerpt.text for item in found}
    assert sorted(shown) == [11, 19, 20]
    assert shown[11].endswith("{ user: me, key: ********, oops: 1 } }")
    assert shown[19].strip() == "plain: ********"
    assert "{ $get_input: nothing }" in shown[20] and "key: ********, oops: 1" in shown[20]
    assert "-secret" not in "".join(map(str, found))


def test_the_chain_of_imports_is_told(tmp_path: Path) -> None:
    head = "tosca_definitions_version: tosca_2_0\n"
    (tmp_path / "main.yaml").write_text(f"{head}imports:\n  - url: a.yaml\nservice_template:\n  node_templates: {{}}\n")
    (tmp_path / "a.yaml").write_text(f"{head}imports: [ b.yaml ]\n")
    (tmp_path / "b.yaml").write_text(
        f"{head}node_types:\n  T: {{ derived_from: Nothing }}\nimports: [ c.yaml, missing.yaml ]\n"
    )
    (tmp_path / "c.yaml").write_text("a: [\n")
    main = tmp_path / "main.yaml"
    _, found = bbq.tosca.load(main)
    told = {
        (Path(item.file).name, item.code): [f"{text} {Path(at.file).name}:{at.line}:{at.column}" for at, text in item.related]
        for item in found
    }
    to_b = ["imported from a.yaml:2:12", "imported from main.yaml:3:10"]
    assert told == {
        ("b.yaml", "BBQ-T020"): to_b,
        ("c.yaml", "BBQ-Y005"): ["imported from b.yaml:4:12", *to_b],
    }


def test_an_import_cycle_has_a_chain_that_ends(tmp_path: Path) -> None:
    head = "tosca_definitions_version: tosca_2_0\n"
    (tmp_path / "a.yaml").write_text(f"{head}imports: [ b.yaml ]\n")
    (tmp_path / "b.yaml").write_text(f"{head}imports: [ a.yaml ]\n")
    _, (found,) = bbq.tosca.load(tmp_path / "a.yaml")
    assert found.code == "BBQ-T023" and [at.line for at, _ in found.related] == [2]


def test_an_error_beyond_the_limit_is_an_error(tmp_path: Path) -> None:
    bag = DiagnosticBag(limit=1)
    bag.warning("C", "m", SECRET)
    assert not bag.has_errors
    bag.error("D", "m", SECRET)
    assert bag.has_errors and (bag.dropped, bag.dropped_errors) == (1, 1)
