"""Several templates at once, directories of them, and what `--strict` makes of common practice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import bbq
from bbq import validation
from bbq.errors import UsageError
from bbq.validation import discovery

HEAD = "tosca_definitions_version: tosca_simple_yaml_1_3\n"
GOOD = HEAD + "topology_template:\n  node_templates:\n    server: { type: tosca.nodes.Compute }\n"
BAD = GOOD.replace("Compute", "Compte")
COMMON = HEAD + "topology_template:\n  node_templates:\n    app: { type: tosca.nodes.SoftwareComponent }\n"
"""Its inherited `host` is unset: forbidden, and everywhere."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "service.yaml": GOOD,
        "more/bad.yml": BAD,
        "more/deep/x.tosca": GOOD,
        "more/compose.yaml": "services: {}\n",
        "more/late.yaml": "# a comment\n---\n" + GOOD,
        "more/mention.yaml": "text: |\n  tosca_definitions_version: tosca_2_0\n",
        "more/readme.txt": GOOD,
        ".hidden/x.yaml": BAD,
        "empty/none.yaml": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_directory_is_the_templates_below_it(folder: Path) -> None:
    assert discovery.templates(["."]) == ["./more/bad.yml", "./more/deep/x.tosca", "./more/late.yaml", "./service.yaml"]
    assert discovery.templates(["service.yaml", "more/", "service.yaml"]) == [
        "service.yaml",
        "more/bad.yml",
        "more/deep/x.tosca",
        "more/late.yaml",
    ]
    assert discovery.templates(["missing.yaml"]) == ["missing.yaml"], "the reader says what is wrong with it"


def test_a_directory_without_templates_is_a_mistake(folder: Path) -> None:
    with pytest.raises(UsageError, match="no template in the directory 'empty'"):
        discovery.templates(["service.yaml", "empty"])


def test_links_to_directories_are_passed_over_and_special_files_not_opened(folder: Path) -> None:
    (folder / "more/loop").symlink_to(folder)
    os.mkfifo(folder / "more/fifo.yaml")
    (folder / "more/link.yaml").symlink_to(folder / "service.yaml")
    assert discovery.templates(["more"])[-1] == "more/link.yaml"
    assert len(discovery.templates(["."])) == 5


def test_a_walk_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_MOST_VISITED", 5)
    with pytest.raises(UsageError, match="more than 5 files"):
        discovery.templates(["."])


def test_verdicts_are_in_the_order_of_the_arguments(folder: Path) -> None:
    report = validation.check(["service.yaml", "more/bad.yml", "missing.yaml"])
    assert [(item.file, item.errors, item.valid) for item in report.verdicts] == [
        ("service.yaml", 0, True),
        ("more/bad.yml", 1, False),
        ("missing.yaml", 1, False),
    ]
    assert not report.valid
    assert [item.code for item in report.found] == ["BBQ-T030", "BBQ-Y001"]
    assert validation.check(["service.yaml"]).valid


def test_a_broken_import_counts_for_each_template_and_is_told_once(folder: Path) -> None:
    (folder / "types.yaml").write_text(HEAD + "node_types:\n  T: { derived_from: tosca.nodes.Root, propertes: {} }\n")
    for name in ("a.yaml", "b.yaml"):
        (folder / name).write_text(GOOD.replace("topology", "imports: [ types.yaml ]\ntopology") + "    t: { type: T }\n")
    report = validation.check(["a.yaml", "b.yaml", "types.yaml"])
    assert [item.errors for item in report.verdicts] == [1, 1, 1]
    (found,) = report.found
    assert found.file == "types.yaml" and [at.file for at, _ in found.related] == ["a.yaml"]


def test_what_one_template_takes_for_an_error_is_one(folder: Path) -> None:
    """An unknown parent of a type that nobody uses is a warning to those who import it."""
    (folder / "types.yaml").write_text(HEAD + "node_types:\n  T: { derived_from: Nothing }\n")
    (folder / "a.yaml").write_text(GOOD.replace("topology", "imports: [ types.yaml ]\ntopology"))
    report = validation.check(["a.yaml", "types.yaml"])
    assert [(item.errors, item.warnings) for item in report.verdicts] == [(0, 1), (1, 0)]
    (found,) = report.found
    assert found.severity == "error" and [at.file for at, _ in found.related] == ["a.yaml"]


def test_strict_makes_errors_of_what_the_specification_forbids(folder: Path) -> None:
    (folder / "common.yaml").write_text(COMMON)
    (lenient,) = validation.check(["common.yaml"]).found
    (strict,) = validation.check(["common.yaml"], strict=True).found
    assert (lenient.severity, strict.severity, strict.code) == ("warning", "error", "BBQ-G010")
    assert not validation.check(["common.yaml"], strict=True).valid
    assert bbq.validate("common.yaml", strict=True) == [strict]
    (folder / "script.yaml").write_text(GOOD.replace("Compute }", "Compute, interfaces: { Standard: { create: x.sh } } }"))
    (missing,) = validation.check(["script.yaml"], strict=True).found
    assert (missing.code, missing.severity) == ("BBQ-T110", "warning"), "the specification says nothing of it"


def test_a_partial_template_is_partial_and_no_more(folder: Path) -> None:
    """The graph would tell the missing names once more, as errors."""
    (folder / "part.yaml").write_text(
        HEAD
        + "metadata: { parents: base.yaml }\ntopology_template:\n  outputs:\n    a: { value: { get_attribute: [ b, c ] } }\n"
    )
    report = validation.check(["part.yaml"])
    assert report.valid and {item.code for item in report.found} == {"BBQ-T029", "BBQ-T053"}


def test_a_finding_of_the_graph_shows_its_line_and_the_imports_too(folder: Path) -> None:
    head = "tosca_definitions_version: tosca_2_0\n"
    (folder / "types.yaml").write_text(
        f"{head}node_types:\n  Site:\n    properties:\n      domain: {{ type: string, default: {{ $get_input: nowhere }} }}\n"
    )
    (folder / "main.yaml").write_text(
        f"{head}imports: [ types.yaml ]\nservice_template:\n  node_templates:\n    site: {{ type: Site }}\n"
    )
    (found,) = validation.check(["main.yaml"]).found
    assert (found.code, found.file) == ("BBQ-G001", "types.yaml")
    assert found.excerpt is not None
    assert found.excerpt.text[found.excerpt.start : found.excerpt.end] == "$get_input"
    assert [(text, at.file, at.line, at.column) for at, text in found.related] == [("imported from", "main.yaml", 2, 12)]
