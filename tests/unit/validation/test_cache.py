"""Remembered findings: given again while nothing that they came from has changed, and never else."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bbq import facts, patterns, validation
from bbq.diagnostics import Diagnostic, DiagnosticBag
from bbq.validation import cache
from bbq.validation import findings as anew
from bbq.yamlreader import Given, read_file

HEAD = "tosca_definitions_version: tosca_simple_yaml_1_3\n"
MAIN = f"""\
{HEAD}imports: [ types.yaml, missing.yaml, "https://example.org/far.yaml" ]
topology_template:
  inputs:
    size: {{ type: integer, default: 2 }}
    password: {{ type: string, default: hunter2-hunter2, metadata: {{ secret: true }} }}
  node_templates:
    server:
      type: tosca.nodes.Compute
      interfaces: {{ Standard: {{ create: create.sh, start: start.sh }} }}
    site: {{ type: Site }}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "top/project"
    folder.mkdir(parents=True)
    (folder / "main.yaml").write_text(MAIN)
    (folder / "types.yaml").write_text(f"{HEAD}node_types:\n  Site: {{ derived_from: tosca.nodes.Root }}\n")
    (folder / "create.sh").write_text("")
    (folder / "good.yaml").write_text(f"{HEAD}topology_template: {{ inputs: {{ size: {{ type: integer }} }} }}\n")
    (folder / "far").mkdir()
    (folder / "far/far.yaml").write_text(HEAD)
    monkeypatch.chdir(folder)
    return folder


MAP = {"https://example.org/": "far"}


def check(path: str = "main.yaml", **options: Any) -> list[Diagnostic]:
    options = {"import_map": {key: str(Path.cwd() / value) for key, value in MAP.items()}, **options}
    return list(validation.check([path], **options).found)


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Whether a check is answered without a new reading; what it says is what a new reading says, in any case."""
    read: list[str] = []
    real = anew.findings

    def counting(path: str, **options: Any) -> list[Diagnostic]:
        read.append(path)
        return real(path, **options)

    monkeypatch.setattr(anew, "findings", counting)

    def ask(path: str = "main.yaml", **options: Any) -> bool:
        read.clear()
        found = check(path, **options)
        again = bool(read)
        assert found == check(path, **options, cached=False)
        return not again

    return ask


def folder_of_cache() -> Path:
    return Path(os.environ["HOME"]) / ".cache/bbq/validate"


def entries() -> list[Path]:
    return sorted(folder_of_cache().iterdir()) if folder_of_cache().exists() else []


def test_what_has_not_changed_is_not_read_again(project: Path, remembered) -> None:
    assert not remembered()
    assert remembered() and remembered()
    assert len(entries()) == 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder_of_cache(), *entries())} == {0o700, 0o600}


def test_the_place_of_an_input_in_its_file_is_that_of_now(project: Path, remembered) -> None:
    for text, again in (("size: many\n", False), ("size: many\n", True), ("# more\nsize: many\n", False)):
        Path("inputs.yaml").write_text(text)
        given = Given()
        given.read(read_file(Path("inputs.yaml"), DiagnosticBag()))
        assert remembered(inputs=given, path="good.yaml") is again


CHANGES: dict[str, Callable[[Path], object]] = {
    "the template": lambda p: (p / "main.yaml").write_text(MAIN.replace("Compute", "Compte")),
    "an import": lambda p: (p / "types.yaml").write_text(HEAD),
    "an import appears": lambda p: (p / "missing.yaml").write_text(HEAD),
    "an import goes away": lambda p: (p / "types.yaml").unlink(),
    "an import is a directory now": lambda p: ((p / "types.yaml").unlink(), (p / "types.yaml").mkdir()),
    "a mapped import": lambda p: (p / "far/far.yaml").write_text("x: ["),
    "an artifact appears": lambda p: (p / "start.sh").write_text(""),
    "an artifact goes away": lambda p: (p / "create.sh").unlink(),
    "a repository begins here": lambda p: (p / ".git").mkdir(),
    "a repository begins above": lambda p: (p.parent / ".git").mkdir(),
    "the template is a link to the same": lambda p: (
        (p / "main.yaml").rename(p / "far/real.yaml"),
        (p / "main.yaml").symlink_to("far/real.yaml"),
    ),
    "an import is a link elsewhere": lambda p: (
        (p / "types.yaml").rename(p / "far/t.yaml"),
        (p / "types.yaml").symlink_to("far/t.yaml"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_that_matters_is_noticed(project: Path, remembered, change: str) -> None:
    remembered()
    CHANGES[change](project)
    assert not remembered(), change
    assert remembered(), "the new answer is kept in turn"


LOCK = "version: 1\nimports:\n  {url}:\n    sha256: {sha256}\n    size: {size}\n    fetched: 2026-01-01T00:00:00Z\n"
FAR = HEAD.encode()


def archive(path: Path, service: str = MAIN, **members: str) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, text in {"service.yaml": service, "types.yaml": HEAD, **members}.items():
            file.writestr(name, text)


def test_an_archive_is_read_again_when_a_byte_of_it_has_changed(project: Path, remembered) -> None:
    archive(project / "s.csar", MAIN.replace("missing.yaml, ", ""))
    assert not remembered("s.csar") and remembered("s.csar")
    archive(project / "s.csar", MAIN)
    assert not remembered("s.csar") and remembered("s.csar")
    archive(project / "s.csar", MAIN, other="only more of it")
    assert not remembered("s.csar") and remembered("s.csar")
    data = (project / "s.csar").read_bytes()
    (project / "s.csar").write_bytes(data[:-1])
    assert not remembered("s.csar") and remembered("s.csar")
    (project / "s.csar").unlink()
    assert not remembered("s.csar")


def test_pinned_imports_and_the_lock_file_count(project: Path, remembered) -> None:
    def ask() -> bool:
        return remembered(import_map={})

    def codes() -> list[str]:
        return [item.code for item in check(import_map={}) if "far" in item.message]

    assert not ask() and codes() == ["BBQ-T021"]
    kept = Path(os.environ["HOME"], ".cache/bbq/imports", hashlib.sha256(FAR).hexdigest())
    pin = {"url": "https://example.org/far.yaml", "sha256": kept.name, "size": len(FAR)}
    (project / "bbq.lock").write_text(LOCK.format(**pin))
    assert not ask() and ask() and codes() == ["BBQ-T323"]
    kept.parent.mkdir(parents=True)
    kept.write_bytes(FAR)
    assert not ask() and ask() and codes() == []
    kept.write_bytes(FAR[:-1] + b" ")
    assert not ask() and ask() and codes() == ["BBQ-T323"]
    kept.write_bytes(FAR)
    (project / "bbq.lock").write_text(LOCK.format(**{**pin, "size": len(FAR) + 1}))
    assert not ask() and codes() == ["BBQ-T323"]


def test_a_near_name_in_a_hint_depends_on_the_directory(project: Path, remembered) -> None:
    assert check("mian.yaml")[0].hint == "did you mean main.yaml?"
    assert remembered("mian.yaml")
    (project / "mian.yml").write_text("")
    assert not remembered("mian.yaml")
    (project / "mian.yaml").write_text(HEAD)
    assert not remembered("mian.yaml")


def test_what_does_not_matter_is_not_noticed(project: Path, remembered) -> None:
    remembered()
    (project / "other.yaml").write_text("x: [")
    (project / "create.sh").write_text("changed")
    os.utime(project / "main.yaml", (1, 1))
    assert remembered()


def test_the_question_is_more_than_the_template(project: Path, remembered, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered()
    for options in (
        {"import_map": {}},
        {"inputs": {"size": "3"}},
        {"inputs": {"size": 3}},
        {"inputs": {}},
        {"offline": True},
    ):
        assert not remembered(**options), options
        assert remembered(**options), options
    assert not remembered("./main.yaml"), "findings call the file as it was named"
    monkeypatch.chdir(project.parent)
    assert not remembered("project/main.yaml", import_map={})


def test_strict_is_no_question_of_its_own(project: Path, remembered) -> None:
    remembered()
    assert remembered(strict=True)


def test_another_python_has_other_findings(project: Path, remembered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    remembered()
    monkeypatch.setattr(sys, "version", "3.99")
    assert not remembered() and remembered()


def test_the_identity_is_that_of_every_module_and_bundled_file(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = cache._stamps

    def stamps(folder: str):
        for text in real(folder):
            seen.append(text)
            yield text

    monkeypatch.setattr(cache, "_stamps", stamps)
    cache.identity()
    names = {text.rsplit(" ", 2)[0] for text in seen}
    for wanted in ("bbq/tosca/load.py", "bbq/topology/builder.py", "templates/types/bbq.yaml", "yaml/__init__.py"):
        assert any(name.endswith(wanted) for name in names), wanted
    assert not any("__pycache__" in name for name in names)


def test_a_module_that_was_edited_makes_another_identity(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.py").write_text("1")
    before = list(cache._stamps(str(tmp_path)))
    os.utime(tmp_path / "deep/a.py", ns=(0, 0))
    assert list(cache._stamps(str(tmp_path))) != before


# --- no secret


def test_no_secret_is_kept(project: Path, remembered) -> None:
    text = MAIN.replace("default: hunter2-hunter2,", "default: hunter2-hunter2, oops: 1,")
    text += "  outputs: { token: { value: hunter2-token, oops: 2 } }\n"
    (project / "main.yaml").write_text(text)
    assert any("oops" in item.message for item in check())
    remembered(inputs={"password": "hunter2-given"})
    remembered(inputs={"nothing-of-that-name": "hunter2-given"})
    assert remembered() and len(entries()) == 1, "a run with a secret input, or one that may be, leaves nothing"
    for path in entries():
        assert b"hunter2" not in path.read_bytes()


# --- damage


def damaged(content: bytes) -> list[bytes]:
    digest, _, body = content.partition(b"\n")
    entry = json.loads(body)
    variants = [
        json.dumps({**entry, **change}).encode()
        for change in ({"format": 99}, {"name": "0" * 64}, {"found": 3}, {"asked": [[1]]}, {"found": [["error"]]})
    ]
    variants += [b"[" * 100_000, b"{}", b"[]", b"null", b"\xff"]
    import hashlib

    return [
        b"",
        content[:-1],
        content[: len(content) // 2],
        content + b" ",
        b"\0" * len(content),
        b"\xff" + content[1:],
        digest + b"\n",
        content.replace(b"main.yaml", b"niam.yaml"),
        *(hashlib.sha256(variant).hexdigest().encode() + b"\n" + variant for variant in variants),
    ]  # fmt: skip


def test_a_damaged_entry_is_none(project: Path, remembered) -> None:
    remembered()
    (path,) = entries()
    content = path.read_bytes()
    for number, wrong in enumerate(damaged(content)):
        path.write_bytes(wrong)
        assert not remembered(), number
        assert path.read_bytes() == content, "it is written anew"


def test_no_flipped_bit_is_believed(project: Path) -> None:
    check()
    (path,) = entries()
    content, name = path.read_bytes(), path.stem
    wanted = cache.get(name)
    assert wanted
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :])
        assert cache.get(name) in (None, wanted)


def test_an_entry_that_is_something_else_is_none(project: Path, remembered, tmp_path: Path) -> None:
    remembered()
    (path,) = entries()
    content = path.read_bytes()
    (tmp_path / "elsewhere").write_bytes(content)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert not remembered(), "a link"
    assert not path.is_symlink() and (tmp_path / "elsewhere").read_bytes() == content
    path.unlink()
    os.mkfifo(path)
    assert not remembered(), "a FIFO, which is not opened for its writer to come"
    path.unlink()
    path.mkdir()
    assert not remembered() and not remembered(), "a directory, which stays in the way"


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707, 0o711])
def test_a_directory_that_others_can_enter_is_not_used(project: Path, remembered, mode: int) -> None:
    remembered()
    folder_of_cache().chmod(mode)
    before = entries()
    assert not remembered() and entries() == before
    folder_of_cache().chmod(0o700)
    assert remembered()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_or_an_entry_of_somebody_else_is_not_used(project: Path, remembered) -> None:
    remembered()
    (path,) = entries()
    os.chown(path, 12345, 12345)
    assert not remembered()
    assert path.stat().st_uid == 0, "replaced by one of the caller's own"
    os.chown(folder_of_cache(), 12345, 12345)
    assert not remembered() and not remembered()


def test_a_link_in_place_of_the_directory_is_not_followed(project: Path, remembered, tmp_path: Path) -> None:
    (tmp_path / "trap").mkdir(mode=0o700)
    folder_of_cache().parent.mkdir(parents=True)
    folder_of_cache().symlink_to(tmp_path / "trap")
    assert not remembered() and not remembered()
    assert not list((tmp_path / "trap").iterdir())


@pytest.mark.parametrize("environment", [{"HOME": ""}, {"HOME": "relative"}, {"HOME": "/proc/nothing"}, {"HOME": None}])
def test_without_a_place_there_is_no_cache(
    project: Path, remembered, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str | None]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name)
    assert not remembered() and not remembered()


def test_the_base_directories_are_obeyed(project: Path, remembered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    remembered()
    assert remembered() and list((tmp_path / "own/bbq/validate").iterdir())
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert not remembered() and remembered()
    assert entries() and not (project / "relative").exists()


# --- writing


SCRIPT = "import sys; from bbq.cli.main import main; sys.exit(main(sys.argv[1:]))"


def run(*argv: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def no_room() -> None:
    """No file can grow: what a full disk does to a write."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_full_disk_changes_nothing_but_the_next_start(project: Path) -> None:
    process = run("validate", "main.yaml", preexec_fn=no_room)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (4, "") and "BBQ-T020" in out
    assert folder_of_cache().exists() and not entries(), "no half of an entry"


def test_many_writers_at_once_leave_one_whole_entry(project: Path, remembered) -> None:
    processes = [run("validate", "main.yaml") for _ in range(6)]
    answers = {process.communicate(timeout=120) for process in processes}
    assert len(answers) == 1 and {process.returncode for process in processes} == {4}
    assert len(entries()) == 1
    assert cache.get(entries()[0].stem)


def test_a_writer_that_was_killed_leaves_what_the_next_ones_remove(project: Path, remembered) -> None:
    remembered()
    (left, young) = folder_of_cache() / ".123-abc", folder_of_cache() / ".124-abc"
    left.write_text("half of")
    young.write_text("half of")
    os.utime(left, (time.time() - 7200,) * 2)
    assert not remembered(inputs={})
    assert not left.exists() and young.exists(), "a young one may still be written"


def test_the_directory_is_bounded(project: Path, remembered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST_ENTRIES", 5)
    for number in range(12):
        check(inputs={"size": number})
        for path in entries():
            os.utime(path, (path.stat().st_mtime - 10,) * 2)  # the next one is younger
    assert len(entries()) == 5
    assert remembered(inputs={"size": 11}) and not remembered(inputs={"size": 0})
    monkeypatch.setattr(cache, "_MOST_BYTES", entries()[0].stat().st_size)
    check(inputs={"size": 77})
    assert len(entries()) <= 1


def test_what_is_large_is_not_kept(project: Path, remembered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_LARGEST", 100)
    assert not remembered() and not remembered() and not entries()


def test_no_cache_neither_reads_nor_writes(project: Path, remembered) -> None:
    check(cached=False)
    assert not entries()
    remembered()
    (path,) = entries()
    before = path.stat().st_mtime_ns
    assert check(cached=False) == check()
    assert path.stat().st_mtime_ns == before


def test_a_finding_that_a_clock_decided_is_not_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_SECONDS", 0.05)
    definition = f"{{ type: string, default: {'a' * 40}!, constraints: [ {{ pattern: (a+)+ }} ] }}"
    text = f"{HEAD}topology_template:\n  inputs:\n    a: {definition}\n  node_templates: {{}}\n"
    (project / "slow.yaml").write_text(text)
    (found,) = check("slow.yaml")
    assert "takes too long" in found.message and not entries()


def test_answers_that_contradict_each_other_are_not_kept(tmp_path: Path) -> None:
    """A file that changed while it was read twice."""
    with facts.recording() as asked:
        facts.exists(tmp_path / "x")
        assert asked.repeatable
        (tmp_path / "x").write_text("")
        facts.exists(tmp_path / "x")
        assert not asked.repeatable
