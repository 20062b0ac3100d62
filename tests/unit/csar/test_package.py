"""`package`: what goes into an archive, that it is the same twice, and that it is valid by itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import bbq
import bbq.topology
import bbq.tosca
from bbq.cli.main import main
from bbq.errors import TemplateError, UsageError
from bbq.operations.packaging import kept_name
from bbq.origins import cache, lock
from bbq.origins.lock import Pin

HEAD = "tosca_definitions_version: tosca_2_0\n"
TYPES = HEAD + "node_types: { N: { properties: { p: { type: integer, default: 1 } } } }\n"
SERVICE = HEAD + "imports: [ '{}' ]\nservice_template:\n  node_templates:\n    n: {{ type: N }}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def errors(path: Path, **options: Any) -> list[str]:
    return [str(item) for item in bbq.tosca.load(path, **options)[1] if item.severity == "error"]


def elsewhere(path: Path, tmp_path: Path) -> Path:
    """The archive where nothing else is."""
    alone = tmp_path / "alone"
    alone.mkdir(exist_ok=True)
    return Path(shutil.copy(path, alone / "a.csar"))


def test_the_template_with_what_it_imports(project: Path, tmp_path: Path) -> None:
    write(project, {"service.yaml": SERVICE.format("types/a.yaml"), "types/a.yaml": TYPES, "other.txt": "not a part of it"})
    names = bbq.package("service.yaml", "service.csar")
    assert names == ["SHA256SUMS", "TOSCA.meta", "service.yaml", "types/a.yaml"]
    found = members(project / "service.csar")
    assert list(found) == names
    assert found["service.yaml"] == (project / "service.yaml").read_bytes()
    meta = ["CSAR-Version: 2.0", "Created-By: bbq", "Entry-Definitions: service.yaml"]
    assert found["TOSCA.meta"].decode().splitlines() == meta
    sums = found.pop("SHA256SUMS").decode()
    assert sums == "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in found.items())
    assert bbq.validate(elsewhere(project / "service.csar", tmp_path), offline=True) == []


@pytest.mark.parametrize(
    ("version", "meta"),
    [
        ("tosca_simple_yaml_1_3", ["TOSCA-Meta-File-Version: 1.1", "CSAR-Version: 1.1"]),
        ("tosca_simple_yaml_1_0", ["TOSCA-Meta-File-Version: 1.0", "CSAR-Version: 1.1"]),
    ],
)
def test_tosca_meta_of_1x(project: Path, version: str, meta: list[str]) -> None:
    write(project, {"service.yaml": f"tosca_definitions_version: {version}\n"})
    bbq.package("service.yaml", "service.csar")
    found = members(project / "service.csar")
    assert found["TOSCA-Metadata/TOSCA.meta"].decode().splitlines()[:2] == meta and "TOSCA.meta" not in found
    assert errors(project / "service.csar") == []


def test_the_same_bytes_whenever_and_wherever(project: Path, tmp_path: Path) -> None:
    write(project, {"service.yaml": SERVICE.format("types/a.yaml"), "types/a.yaml": TYPES})
    bbq.package("service.yaml", "1.csar")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("types/a.yaml", "service.yaml"):  # another order, other times, other permissions
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes((project / name).read_bytes())
        os.utime(copy / name, (1, 1))
        (copy / name).chmod(0o600)
    bbq.package(copy / "service.yaml", tmp_path / "2.csar")
    assert (tmp_path / "2.csar").read_bytes() == (project / "1.csar").read_bytes()
    with zipfile.ZipFile(tmp_path / "2.csar") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_types_beside_the_template_keep_their_place(project: Path, tmp_path: Path) -> None:
    write(project, {"apps/x/service.yaml": SERVICE.format("../../types/a.yaml"), "types/a.yaml": TYPES})
    assert bbq.package("apps/x/service.yaml", "a.csar") == ["SHA256SUMS", "TOSCA.meta", "apps/x/service.yaml", "types/a.yaml"]
    assert errors(elsewhere(project / "a.csar", tmp_path)) == []


def test_links_are_packed_as_what_they_point_to(project: Path, tmp_path: Path) -> None:
    write(project, {"service.yaml": SERVICE.format("link.yaml"), "types/a.yaml": TYPES})
    (project / "link.yaml").symlink_to("types/a.yaml")
    assert bbq.package("service.yaml", "a.csar")[2:] == ["link.yaml", "service.yaml", "types/a.yaml"]
    assert errors(elsewhere(project / "a.csar", tmp_path)) == []


def test_remote_imports_come_along_and_stay_what_they_were(project: Path, tmp_path: Path) -> None:
    """One that is mapped, one that is locked and cached; both import their neighbours; nothing is rewritten."""
    types = HEAD + "imports: [ ../Base/b.yaml ]\nnode_types: { N: { derived_from: M } }\n"
    base = HEAD + "imports: [ 'https://example.org/locked.yaml?ref=1' ]\nnode_types: { M: { derived_from: L } }\n"
    locked = (HEAD + "node_types: { L: { properties: { p: { type: integer, default: 7 } } } }\n").encode()
    write(tmp_path, {"map/types/a.yaml": types, "map/Base/b.yaml": base})
    write(project, {"apps/service.yaml": SERVICE.format("https://example.com/t/types/a.yaml")})
    write(project, {"apps/bbq.lock": lock.text({"https://example.org/locked.yaml?ref=1": Pin.of(locked)})})
    cache.put(locked)
    mapping = {"https://example.com/t/": str(tmp_path / "map")}
    names = bbq.package("apps/service.yaml", "a.csar", import_map=mapping)
    found = members(project / "a.csar")
    assert "bbq-imports/example.com/t/types/a.yaml" in names
    assert found["bbq-imports/example.com/t/types/a.yaml"].decode() == types
    assert kept_name("https://example.org/locked.yaml?ref=1") in names
    alone = elsewhere(project / "a.csar", tmp_path)
    shutil.rmtree(cache.directory())
    service, problems = bbq.tosca.load(alone)
    assert service is not None and problems == []
    assert service.node_templates["n"].properties == {"p": 7}
    pins = yaml.safe_load(found["bbq.lock"])["imports"]
    assert pins["https://example.org/locked.yaml?ref=1"]["sha256"] == hashlib.sha256(locked).hexdigest()
    assert set(pins) == {f"https://example.com/t/{name}" for name in ("types/a.yaml", "Base/b.yaml")} | {
        "https://example.org/locked.yaml?ref=1"
    }


def test_a_mapped_profile_comes_with_its_files(project: Path, tmp_path: Path) -> None:
    write(tmp_path, {"mine/profile.yaml": HEAD + "imports: [ parts/a.yaml ]\n", "mine/parts/a.yaml": TYPES})
    text = SERVICE.replace("'{}'", "{{ profile: org.mine:1.0 }}").format()
    write(project, {"service.yaml": text})
    names = bbq.package("service.yaml", "a.csar", import_map={"org.mine:1.0": str(tmp_path / "mine/profile.yaml")})
    assert [name.partition("/")[2].partition("/")[2] for name in names if name.startswith("bbq-imports")] == [
        "parts/a.yaml",
        "profile.yaml",
    ]
    assert errors(elsewhere(project / "a.csar", tmp_path)) == []


def test_names_of_kept_imports() -> None:
    assert kept_name("https://example.org/types/a.yaml") == "bbq-imports/example.org/types/a.yaml"
    odd = [
        *("https://example.org/Types/A.yaml", "https://example.org/types/A.yaml", "http://example.org/types/a.yaml"),
        *("https://example.org/types/a.yaml?ref=2", "https://example.org:8443/types/a.yaml", "https://example.org/../a b.yaml"),
        *("https://example.org/" + "x" * 500, "org.mine:1.0", "https://example.org", "https://example.org/types//a.yaml"),
    ]
    names = [kept_name(each) for each in odd]
    assert len({name.casefold() for name in [*names, kept_name("https://example.org/types/a.yaml")]}) == len(odd) + 1
    for name in names:
        assert name.startswith("bbq-imports/") and ".." not in name and len(name) < 250 and name == name.lower()


ARTIFACTS = """\
imports: [ types/a.yaml ]
service_template:
  node_templates:
    n:
      type: N
      artifacts: { image: { type: F, file: images } }
      interfaces: { Standard: { operations: { create: { implementation: { primary: run.sh, dependencies: [ lib.sh ] } } } } }
"""
ARTIFACT_TYPES = (
    HEAD
    + """\
artifact_types: { F: {} }
interface_types: { I: { operations: { create: {} } } }
node_types:
  N:
    artifacts: { readme: { type: F, file: README.md } }
    interfaces: { Standard: { type: I } }
"""
)


def test_artifacts_and_implementations(project: Path, tmp_path: Path) -> None:
    write(project, {"service.yaml": HEAD + ARTIFACTS, "types/a.yaml": ARTIFACT_TYPES, "types/README.md": "x"})
    write(project, {"images/a.img": "1", "images/more/b.img": "2", "run.sh": "#!/bin/sh\n", "lib.sh": ""})
    (project / "run.sh").chmod(0o750)
    names = bbq.package("service.yaml", "a.csar")
    assert names[2:] == [
        "images/a.img",
        "images/more/b.img",
        "lib.sh",
        "run.sh",
        "service.yaml",
        "types/README.md",
        "types/a.yaml",
    ]
    with zipfile.ZipFile(project / "a.csar") as archive:
        assert archive.getinfo("run.sh").external_attr >> 16 == 0o100755
    assert errors(elsewhere(project / "a.csar", tmp_path)) == []


def test_artifacts_of_mapped_types(project: Path, tmp_path: Path) -> None:
    write(tmp_path, {"map/types/a.yaml": ARTIFACT_TYPES, "map/types/README.md": "x"})
    write(project, {"service.yaml": SERVICE.format("https://example.com/Types/a.yaml")})
    mapping = {"https://example.com/Types/": str(tmp_path / "map/types")}
    names = bbq.package("service.yaml", "a.csar", import_map=mapping)
    assert "bbq-imports/example.com/types/README.md" in names
    service, found = bbq.tosca.load(elsewhere(project / "a.csar", tmp_path), unpacked="/srv")
    assert service is not None and not found
    assert service.node_templates["n"].type.artifacts["readme"].file.endswith("/bbq-imports/example.com/types/README.md")


PROGRAMS = (
    HEAD
    + """\
imports: [ { profile: "bbq:1.0" } ]
service_template:
  inputs:
    program: { type: string, default: job.py }
    schema: { type: string, required: false }
  node_templates:
    db: { type: bbq.nodes.Database, properties: { schema_file: sql/schema.sql } }
    spark: { type: bbq.nodes.SparkCluster }
    job:
      type: bbq.nodes.SparkApplication
      properties: { file: { $get_input: program } }
      requirements: [ { cluster: spark } ]
    page: { type: bbq.nodes.Service, properties: { command: [ python, page.py ], directory: web, sources: [ "**/*.html" ] } }
"""
)


def test_programs_that_properties_name(project: Path, tmp_path: Path) -> None:
    write(
        project,
        {"service.yaml": PROGRAMS, "job.py": "", "sql/schema.sql": "", "web/page.py": "", "web/a/b.html": "", "x.txt": ""},
    )
    names = bbq.package("service.yaml", "a.csar", include=["*.txt"])
    assert names[2:] == ["job.py", "service.yaml", "sql/schema.sql", "web/a/b.html", "web/page.py", "x.txt"]
    service, _ = bbq.tosca.load(elsewhere(project / "a.csar", tmp_path))
    assert service is not None
    topology, found = bbq.topology.build(service, inputs={"program": "job.py"}, provider="local")
    assert topology is not None, found
    local, _ = bbq.tosca.load("service.yaml")
    assert local is not None
    wanted, _ = bbq.topology.build(local, inputs={"program": "job.py"}, provider="local")
    assert wanted is not None
    for name, node in topology.nodes.items():
        assert node.properties.get("source_digests") == wanted.nodes[name].properties.get("source_digests")


def test_programs_beside_the_templates_folder(project: Path, tmp_path: Path) -> None:
    text = HEAD + (
        'imports: [ { profile: "bbq:1.0" } ]\nservice_template:\n  node_templates:\n'
        "    job: { type: bbq.nodes.Job, properties: { command: [ python, job.py ], directory: ../app } }\n"
    )
    write(project, {"defs/service.yaml": text, "app/job.py": ""})
    assert bbq.package("defs/service.yaml", "a.csar")[2:] == ["app/job.py", "defs/service.yaml"]
    (project / "app/job.py").unlink()
    write(tmp_path, {"secret.py": ""})
    (project / "app/job.py").symlink_to(tmp_path / "secret.py")
    with pytest.raises(TemplateError) as caught:
        bbq.package("defs/service.yaml", "b.csar")
    assert [item.code for item in caught.value.diagnostics] == ["BBQ-T314"]


def test_what_is_computed_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        project, {"service.yaml": PROGRAMS.replace("sql/schema.sql", "{ $get_input: schema }"), "job.py": "", "web/page.py": ""}
    )
    assert main(["package", "service.yaml", "-o", "a.csar"]) == 0
    assert "schema_file` of node template `db` is computed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("file: images", "file: imagse"), ["service.yaml:7:44 BBQ-T110"]),
        (("file: images", "file: /etc/passwd"), ["service.yaml:7:44 BBQ-T314"]),
        (("file: images", "file: ../../outside.txt"), ["service.yaml:7:44 BBQ-T314"]),
        (("file: images", "file: link"), ["service.yaml:7:44 BBQ-T314"]),
        (("primary: run.sh", "primary: gone.sh"), ["service.yaml:8:84 BBQ-T110"]),
        (("[ types/a.yaml ]", "[ PROJECT/types/a.yaml ]"), ["service.yaml:2:12 BBQ-T314"]),
        (("[ types/a.yaml ]", "[ 'file://PROJECT/types/a.yaml' ]"), ["service.yaml:2:12 BBQ-T314"]),
    ],
)
def test_what_cannot_be_packed(project: Path, tmp_path: Path, change: tuple[str, str], wanted: list[str]) -> None:
    text = (HEAD + ARTIFACTS).replace(*change).replace("PROJECT", str(project))
    write(project, {"service.yaml": text, "types/a.yaml": ARTIFACT_TYPES, "types/README.md": "x"})
    write(project, {"images/a.img": "1", "run.sh": "", "lib.sh": "", "../outside.txt": "secret"})
    (project / "link").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(TemplateError) as caught:
        bbq.package("service.yaml", "a.csar")
    assert [f"{item.file}:{item.line}:{item.column} {item.code}" for item in caught.value.diagnostics] == wanted
    assert sorted(path.name for path in project.iterdir() if "csar" in path.name) == []


def test_a_program_that_is_missing(project: Path) -> None:
    write(project, {"service.yaml": PROGRAMS, "job.py": "", "web/page.py": ""})
    with pytest.raises(TemplateError) as caught:
        bbq.package("service.yaml", "a.csar")
    assert [(item.line, item.code) for item in caught.value.diagnostics] == [(8, "BBQ-T110")]


def test_an_invalid_template_is_not_packed(project: Path) -> None:
    write(project, {"service.yaml": SERVICE.format("types/a.yaml")})
    with pytest.raises(TemplateError) as caught:
        bbq.package("service.yaml", "a.csar")
    assert [item.code for item in caught.value.diagnostics] == ["BBQ-T020"] and not (project / "a.csar").exists()


def test_other_definitions(project: Path, tmp_path: Path) -> None:
    other = (
        HEAD
        + """\
imports: [ ../types/a.yaml ]
node_types: { Part: {} }
service_template:
  substitution_mappings: { node_type: N }
  node_templates: { part: { type: Part } }
"""
    )
    write(project, {"service.yaml": SERVICE.format("types/a.yaml"), "types/a.yaml": TYPES, "parts/my n.yaml": other})
    bbq.package("service.yaml", "a.csar", others=["parts/my n.yaml"])
    assert b'Other-Definitions: "parts/my n.yaml"\n' in members(project / "a.csar")["TOSCA.meta"]
    service, found = bbq.tosca.load(elsewhere(project / "a.csar", tmp_path))
    assert service is not None and not found
    topology, _ = bbq.topology.build(service, inputs={}, provider="local")
    assert topology is not None and list(topology.nodes) == ["n", "n.part"]


def test_what_is_there_is_not_replaced(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, {"service.yaml": HEAD, "a.csar": "mine"})
    assert main(["package", "service.yaml", "-o", "a.csar"]) == 2
    assert "--force" in capsys.readouterr().err and (project / "a.csar").read_text() == "mine"
    assert main(["package", "service.yaml", "-o", "a.csar", "--force"]) == 0
    assert errors(project / "a.csar") == []
    assert main(["package", "service.yaml", "-o", "types", "--force"]) == 0
    (project / "folder").mkdir()
    assert main(["package", "service.yaml", "-o", "folder", "--force"]) == 2
    assert main(["package", "service.yaml", "-o", "nowhere/a.csar"]) == 2
    assert main(["package", "a.csar", "-o", "b.csar"]) == 2
    assert main(["package", "service.yaml", "-o", "b.csar", "--include", "*.nothing"]) == 2
    assert sorted(path.name for path in project.iterdir()) == [".git", "a.csar", "folder", "service.yaml", "types"]


def test_the_output_is_called_like_the_template(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, {"wiki.yaml": HEAD})
    assert main(["package", "wiki.yaml", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["file"] for row in answer["rows"]] == ["SHA256SUMS", "TOSCA.meta", "wiki.yaml"]
    assert (project / "wiki.csar").exists()


def test_names_that_the_archive_needs(project: Path) -> None:
    for name in ("TOSCA.meta", "SHA256SUMS", "TOSCA-Metadata/TOSCA.meta", "bbq-imports/a.txt"):
        write(project, {"service.yaml": HEAD, name: "x"})
        with pytest.raises(UsageError, match="by that name"):
            bbq.package("service.yaml", "a.csar", include=[name])


def test_a_file_that_compresses_too_well_is_stored(project: Path) -> None:
    write(project, {"service.yaml": HEAD, "zeros.img": "\0" * (3 << 20), "text.txt": "abc" * 10})
    bbq.package("service.yaml", "a.csar", include=["*.img", "*.txt"])
    with zipfile.ZipFile(project / "a.csar") as archive:
        kinds = {info.filename: info.compress_type for info in archive.infolist()}
    assert kinds["zeros.img"] == zipfile.ZIP_STORED and kinds["text.txt"] == zipfile.ZIP_DEFLATED


def test_a_file_that_changes_while_it_is_packed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bbq.origins import writer

    write(project, {"service.yaml": HEAD, "log.txt": "1"})
    real = writer._too_well

    def meanwhile(*given: Any) -> bool:
        (project / "log.txt").write_text("2")
        return real(*given)

    monkeypatch.setattr(writer, "_too_well", meanwhile)
    with pytest.raises(UsageError, match=r"log\.txt was changed"):
        bbq.package("service.yaml", "a.csar", include=["log.txt"])
    assert not list(project.glob("*.csar")) and not list(project.glob(".a.csar*"))


KILLED = """
import os, signal, sys
from pathlib import Path
calls, at = 0, int(sys.argv[1])
def point(function):
    def call(*args, **keywords):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **keywords)
    return call
import zipfile
import bbq
os.fsync, os.link = map(point, (os.fsync, os.link))
Path.chmod, Path.replace, Path.unlink = map(point, (Path.chmod, Path.replace, Path.unlink))
zipfile.ZipFile.open = point(zipfile.ZipFile.open)
bbq.package("service.yaml", "a.csar", force=sys.argv[2] == "force")
print(calls)
"""


@pytest.mark.parametrize("how", ["new", "force"])
def test_killed_at_any_point_it_is_written_whole_or_not_at_all(project: Path, how: str) -> None:
    write(project, {"service.yaml": SERVICE.format("types/a.yaml"), "types/a.yaml": TYPES})

    def run(at: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, str(at), how]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)

    points = int(run(10_000).stdout)
    whole = (project / "a.csar").read_bytes()
    for at in range(1, points + 1):
        (project / "a.csar").unlink()
        if how == "force":
            (project / "a.csar").write_bytes(b"before")
        assert run(at).returncode == -signal.SIGKILL
        found = (project / "a.csar").read_bytes() if (project / "a.csar").exists() else None
        assert found in ((b"before", whole) if how == "force" else (None, whole)), at
        (project / "a.csar").write_bytes(b"")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum")
def test_the_digests_can_be_checked_by_hand(project: Path, tmp_path: Path) -> None:
    write(project, {"service.yaml": SERVICE.format("types/a.yaml"), "types/a.yaml": TYPES})
    bbq.package("service.yaml", "a.csar")
    with zipfile.ZipFile(project / "a.csar") as archive:
        archive.extractall(tmp_path / "out")
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "out", check=True, capture_output=True)


def test_a_kept_import_that_was_changed_in_the_archive(project: Path, tmp_path: Path) -> None:
    write(tmp_path, {"map/a.yaml": TYPES})
    write(project, {"service.yaml": SERVICE.format("https://example.com/a.yaml")})
    bbq.package("service.yaml", "a.csar", import_map={"https://example.com/": str(tmp_path / "map")})
    found = members(project / "a.csar")
    found["bbq-imports/example.com/a.yaml"] += b"# changed\n"
    del found["SHA256SUMS"]
    with zipfile.ZipFile(project / "b.csar", "w") as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    (error,) = errors(project / "b.csar")
    assert "BBQ-T322" in error and "b.csar!/bbq.lock:" in error
    # whoever has the files of the import map uses them, in an archive, too
    assert errors(project / "b.csar", import_map={"https://example.com/": str(tmp_path / "map")}) == []
