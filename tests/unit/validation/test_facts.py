"""Whatever a check asks the file system goes through `bbq.facts`: an answer that is not recorded would make stale findings."""

from __future__ import annotations

import builtins
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bbq import facts
from bbq.catalogue import codes, page
from bbq.validation.findings import findings

ASKED = ("open", "stat", "lstat", "scandir", "listdir", "readlink", "access")


@pytest.fixture
def unrecorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Questions about paths, with who asked, that did not go through `bbq.facts`. Those about bbq's own files are none: they
    are in the identity of what gives the findings."""
    own = (str(Path(facts.__file__).parents[1]), sys.prefix, sys.base_prefix)
    found: list[str] = []

    def spied(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def ask(path: Any = ".", *args: Any, **options: Any) -> Any:
            if not isinstance(path, int):
                text = os.path.join(os.getcwd(), os.fsdecode(path))  # noqa: PTH109, PTH118
                frame, callers = sys._getframe(1), []
                while frame is not None:
                    callers.append(frame.f_code.co_filename)
                    frame = frame.f_back  # type: ignore[assignment]
                mine = next((c for c in callers if "/bbq/" in c), "")
                if not text.startswith(own) and mine != facts.__file__:
                    found.append(f"{name}({text}) by {mine}")
            return real(path, *args, **options)

        return ask

    for name in ASKED:
        monkeypatch.setattr(os, name, spied(name, getattr(os, name)))
    for module in (builtins, io):
        monkeypatch.setattr(module, "open", spied("open", module.open))
    return found


CORPORA = Path(__file__).resolve().parents[3].parent / "shared" / "corpora"


@pytest.mark.parametrize("code", codes())
def test_examples_ask_nothing_unrecorded(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unrecorded: list[str]
) -> None:
    for variant in ("wrong", "right"):
        for block in (*page(code).common, *page(code).example(variant)):
            if block.name:
                (tmp_path / variant / block.name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / variant / block.name).write_text(block.text)
        unrecorded.clear()
        monkeypatch.chdir(tmp_path)
        findings(f"{variant}/service.yaml", inputs=None, import_map={"https://example.org/": str(tmp_path)}, offline=True)
        assert not unrecorded


@pytest.mark.skipif(not (CORPORA / "MANIFEST.csv").exists(), reason="no sample templates beside the repository")
def test_samples_ask_nothing_unrecorded(unrecorded: list[str]) -> None:
    import_map = {
        entry["prefix"]: str(CORPORA / entry["path"]) for entry in yaml.safe_load((CORPORA / "import-map.yaml").read_text())
    }
    samples = [
        path for folder in ("indigo-tosca-templates", "oasis-tosca", "malicious") for path in (CORPORA / folder).rglob("*.yaml")
    ]
    unrecorded.clear()
    for path in samples[::3]:
        with facts.recording() as asked:
            findings(str(path), inputs=None, import_map=import_map, offline=True)
        assert not unrecorded, path
        assert not asked.repeatable or facts.hold(asked.answers), path


def test_programs_that_nodes_run_are_not_read(tmp_path: Path, unrecorded: list[str]) -> None:
    """Their digests tell a change of a deployment; no finding depends on them."""
    (tmp_path / "run.sh").write_text("true\n")
    head = "tosca_definitions_version: tosca_2_0\nimports: [ { profile: 'bbq:1.0' } ]\nservice_template:\n  node_templates:\n"
    job = "    job: { type: bbq.nodes.Job, properties: { command: [ ./run.sh ], sources: [ '**/*' ] } }\n"
    (tmp_path / "service.yaml").write_text(head + job)
    unrecorded.clear()
    assert not findings(str(tmp_path / "service.yaml"), inputs=None, import_map=None, offline=True)
    assert not unrecorded


def test_archives_ask_nothing_unrecorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unrecorded: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "origins"))
    import zips

    zips.write(tmp_path / "good.csar", {**zips.GOOD, "bbq.lock": "version: 1\nimports: {}\n"})
    zips.write(tmp_path / "bad.csar", {**zips.GOOD, "service.yaml": "imports: [ a.yaml, https://example.org/a.yaml ]\n"})
    (tmp_path / "none.csar").write_text("none")
    unrecorded.clear()
    for name in ("good.csar", "bad.csar", "none.csar", "missing.csar"):
        with facts.recording() as asked:
            findings(name, inputs=None, import_map={}, offline=True)
        assert not unrecorded, name
        assert asked.repeatable and asked.answers and facts.hold(asked.answers), name


def test_the_spy_sees_what_goes_past(tmp_path: Path, unrecorded: list[str]) -> None:
    """Else the tests above could not fail."""
    (tmp_path / "x").exists()
    list(tmp_path.iterdir())
    (tmp_path / "x").write_text("")
    assert [text.partition("(")[0] for text in unrecorded] == ["stat", "listdir", "open"]
    unrecorded.clear()
    facts.exists(tmp_path / "x")
    facts.read(tmp_path / "x", 10)
    facts.names(tmp_path)
    facts.realpath(tmp_path / "x")
    assert not unrecorded


def test_questions_and_answers(tmp_path: Path) -> None:
    file, missing = tmp_path / "f", tmp_path / "m"
    file.write_text("12345")
    with facts.recording() as asked:
        assert facts.read(file, 5) == b"12345"
        assert facts.exists(file) and facts.is_file(file) and facts.exists(tmp_path) and not facts.is_file(tmp_path)
        assert not facts.exists(missing) and not facts.exists("a\0b") and not facts.exists("x" * 5000)
        assert facts.names(tmp_path) == ["f"] and facts.names(missing) == [] and facts.names(file) == []
        with pytest.raises(facts.TooLarge) as large:
            facts.read(file, 4)
        assert large.value.size == 5
        with pytest.raises(FileNotFoundError):
            facts.read(missing, 5)
        with pytest.raises(ValueError):
            facts.read("a\0b", 5)
        with pytest.raises(facts.NotRegular) as directory:
            facts.read(tmp_path, 5)
        assert directory.value.directory
        assert facts.head(file) == b"1234" and facts.head(missing) == facts.head(tmp_path) == facts.head("a\0b") == b""
        with facts.opened(file) as stream:
            assert stream.read(2) == b"12", "every byte counts, whatever is read"
        with pytest.raises(FileNotFoundError):
            facts.opened(missing)
        with pytest.raises(facts.NotRegular):
            facts.opened(tmp_path)
    assert asked.repeatable and facts.hold(asked.answers)
    for change, undo in (
        (lambda: file.write_text("54321"), lambda: file.write_text("12345")),
        (lambda: file.write_text("123456"), lambda: file.write_text("12345")),
        (lambda: missing.write_text(""), missing.unlink),
        (lambda: (tmp_path / "other").mkdir(), (tmp_path / "other").rmdir),
    ):
        change()
        assert not facts.hold(asked.answers)
        undo()
        assert facts.hold(asked.answers)


def test_a_fifo_a_device_and_a_file_without_a_size_end_soon(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", "/dev/zero", "/dev/null"):
        with pytest.raises(facts.NotRegular) as error:
            facts.read(path, 100)
        assert not error.value.directory
        with pytest.raises(facts.NotRegular), facts.recording():
            facts.opened(path)
        assert facts.head(path) == b""
    with pytest.raises(facts.TooLarge):
        facts.read("/proc/self/maps", 10)


def test_nothing_is_recorded_outside_of_a_recording_or_by_asking_again(tmp_path: Path) -> None:
    with facts.recording() as first:
        pass
    facts.exists(tmp_path)
    with facts.recording() as second:
        facts.hold({("exists", str(tmp_path)): "yes"})
    assert not first.answers and not second.answers
    assert not facts.hold({("nonsense", str(tmp_path)): "yes"}) and not facts.hold({("content x", str(tmp_path)): "y"})


def test_questions_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "_MOST_QUESTIONS", 3)
    with facts.recording() as asked:
        for number in range(5):
            facts.exists(tmp_path / str(number))
    assert not asked.repeatable
