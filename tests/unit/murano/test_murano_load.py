"""Murano packages as they are read: what is in them, and everything that is wrong with one, at its place."""

from __future__ import annotations

import csv
import os
import zipfile
from pathlib import Path

import pytest

from bbq import murano, validation
from bbq.cli.main import main
from bbq.languages import language_of
from bbq.murano.model import Package
from tests.unit.origins.zips import info, packed

CORPORA = Path(__file__).parents[4] / "shared/corpora"
MANIFEST = """\
Format: 1.3
Type: Application
FullName: org.example.Hello
Name: Hello
Classes: { org.example.Hello: Hello.yaml, org.example.Base: Base.yaml }
"""
HELLO = """\
Namespaces: { =: org.example, std: io.murano }
Name: Hello
Extends: Base
Properties:
  greeting: { Contract: $.string().notNull() }
  times: { Contract: $.int(), Default: 1 }
  token: { Contract: $.string() }
  outputs: { Contract: {}, Usage: Out }
"""
BASE = """\
Namespaces: { =: org.example, std: io.murano }
Name: Base
Extends: std:Application
Properties:
  loud: { Contract: $.bool().notNull(), Default: false }
"""
FORM = """\
Version: 2.2
Application:
  ?: { type: org.example.Hello }
  token: $.app.token
Forms:
  - app:
      fields:
        - { name: token, type: password }
"""
FILES = {"manifest.yaml": MANIFEST, "Classes/Hello.yaml": HELLO, "Classes/Base.yaml": BASE, "UI/ui.yaml": FORM}


def write(folder: Path, **changed: str) -> Path:
    for name, text in {**FILES, **changed}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def loaded(path: Path) -> Package:
    package, found = murano.load(str(path))
    assert package is not None and not found, found
    return package


def codes(path: Path) -> list[str]:
    _, found = murano.load(str(path))
    return [f"{Path(item.file).name}:{item.line}:{item.column} {item.code}" for item in found]


def test_what_is_in_a_package(tmp_path: Path) -> None:
    package = loaded(write(tmp_path))
    assert (package.full_name, package.format, package.kind, package.version) == (
        "org.example.Hello",
        "MuranoPL/1.3",
        "Application",
        "0.0.0",
    )
    assert package.application is not None and not package.application.open
    found = {name: (item.kind, item.required, item.given, item.secret) for name, item in package.application.properties.items()}
    assert found == {
        "loud": ("bool", False, True, False),
        "greeting": ("string", True, True, False),
        "times": ("int", False, True, False),
        "token": ("string", False, True, True),
        "outputs": ("map", False, False, False),
    }


def test_a_folder_its_manifest_and_its_archive_are_the_same(tmp_path: Path) -> None:
    folder = write(tmp_path / "hello")
    content = murano.pack(loaded(folder).files)
    (tmp_path / "hello.zip").write_bytes(content)
    os.utime(folder / "manifest.yaml", (1, 1))
    assert murano.pack(loaded(folder).files) == content
    found = {loaded(path).digest for path in (folder, folder / "manifest.yaml", tmp_path / "hello.zip")}
    assert len(found) == 1
    assert {language_of(str(path)) for path in (folder, folder / "manifest.yaml", tmp_path / "hello.zip")} == {"Murano"}
    with zipfile.ZipFile(tmp_path / "hello.zip") as archive:
        assert sorted(archive.namelist()) == sorted(FILES)


def test_other_archives_and_manifests_are_none(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text("apiVersion: v1\nkind: Service\n")
    (tmp_path / "a.csar").write_bytes(packed({"TOSCA-Metadata/TOSCA.meta": "x", "manifest.yaml": MANIFEST}))
    (tmp_path / "b.zip").write_bytes(packed({"hello/manifest.yaml": MANIFEST}))
    (tmp_path / "c.zip").write_bytes(b"PK\x03\x04 no archive, with manifest.yaml PK\x01\x02 in it")
    for name in ("manifest.yaml", "a.csar", "b.zip", "c.zip", "", "nothing.zip", "nothing"):
        assert language_of(str(tmp_path / name)) == "TOSCA"


BAD = {
    "several at once": (
        {"manifest.yaml": MANIFEST.replace("1.3", "3.1").replace("Application", "App") + "Version: one\n"},
        ["manifest.yaml:1:9 BBQ-M006", "manifest.yaml:2:7 BBQ-M006", "manifest.yaml:6:10 BBQ-M006"],
    ),
    "a name of the form ..": (
        {"manifest.yaml": MANIFEST.replace("org.example.Hello\nName", "org..Hello\nName")},
        ["manifest.yaml:3:11 BBQ-M006"],
    ),
    "a long name": ({"manifest.yaml": MANIFEST.replace("Name: Hello", "Name: " + "x" * 81)}, ["manifest.yaml:4:7 BBQ-M006"]),
    "a class file outside": (
        {"manifest.yaml": MANIFEST.replace("Base.yaml", "../../etc/passwd")},
        ["manifest.yaml:5:61 BBQ-M008"],
    ),
    "a form that is not there": ({"manifest.yaml": MANIFEST + "UI: form.yaml\n"}, ["manifest.yaml:6:5 BBQ-M007"]),
    "a logo that is none": ({"logo.png": "no picture"}, ["logo.png:1:1 BBQ-M010"]),
    "a Heat package without its template": (
        {"manifest.yaml": "Format: Heat.HOT/1.0\nType: Application\nFullName: org.example.Hello\n"},
        ["manifest.yaml:1:1 BBQ-M007"],
    ),
    "a class file that is no YAML": ({"Classes/Base.yaml": "Name: [\n"}, ["Base.yaml:2:1 BBQ-Y005"]),
    "a form without an application": ({"UI/ui.yaml": "Version: 2\nForms: []\n"}, ["ui.yaml:1:1 BBQ-M011"]),
    "a field without a type": (
        {"UI/ui.yaml": FORM.replace(", type: password", "")},
        ["ui.yaml:8:11 BBQ-M004"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_at_its_place(name: str, tmp_path: Path) -> None:
    changed, expected = BAD[name]
    assert codes(write(tmp_path, **changed)) == expected


def test_classes_of_one_file_share_namespaces_and_may_have_the_own_tag(tmp_path: Path) -> None:
    both = (
        "# A licence\n--- # ----\nNamespaces: { =: org.example, std: io.murano }\n---\n"
        "Name: Base\nExtends: !yaql 'std:Application'\n"
        "---\nName: Hello\nExtends: [ Base ]\nProperties: { p: { Contract: !yaql '$.int()' } }\n"
    )
    manifest = MANIFEST.replace("Base.yaml", "Hello.yaml")
    package = loaded(write(tmp_path, **{"Classes/Hello.yaml": both, "manifest.yaml": manifest}))
    assert package.application is not None
    assert package.application.properties["p"].at.line == 10
    assert str(package.application.properties["p"].at).endswith("Classes/Hello.yaml:10:15")


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "hello")
    (tmp_path / "secret").write_text("x")
    (folder / "Resources").mkdir()
    (folder / "Resources/secret").symlink_to(tmp_path / "secret")
    (folder / "Resources/hello.yaml").symlink_to(folder / "Classes/Hello.yaml")
    assert codes(folder) == ["secret:1:1 BBQ-M008"]
    (folder / "Resources/secret").unlink()
    assert "Resources/hello.yaml" in loaded(folder).files


HOSTILE = {
    "a path out of it": ([*FILES.items(), ("../evil", "x")], "BBQ-T301"),
    "a link": ([*FILES.items(), (info("Resources/link", 0o120777), "/etc/passwd")], "BBQ-T302"),
    "a bomb": ([*FILES.items(), ("Resources/zeros", b"\0" * (4 << 20))], "BBQ-T305"),
    "one name twice": ([*FILES.items(), ("manifest.yaml", MANIFEST)], "BBQ-T303"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_as_others_are(name: str, tmp_path: Path) -> None:
    members, code = HOSTILE[name]
    (tmp_path / "a.zip").write_bytes(packed(members))
    package, found = murano.load(str(tmp_path / "a.zip"))
    assert package is None
    assert {item.code for item in found} == {code}
    report = validation.check([str(tmp_path / "a.zip")], cached=False)
    assert [item.code for item in report.found] == [code]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"greeting": "hi"}, []),
        ({"greeting": "hi", "times": "3", "loud": "true"}, []),
        ({}, ["BBQ-M014"]),
        ({"greeting": "hi", "outputs": {}}, ["BBQ-M013"]),
        ({"greeting": "hi", "times": "many", "loud": 7, "gretting": 1}, ["BBQ-M013"] * 3),
    ],
)
def test_inputs(given: dict[str, object], expected: list[str], tmp_path: Path) -> None:
    _, found = murano.load(str(write(tmp_path)), inputs=given)
    assert [item.code for item in found] == expected


def test_of_a_class_with_parents_elsewhere_not_all_properties_are_known(tmp_path: Path) -> None:
    folder = write(tmp_path, **{"Classes/Base.yaml": BASE.replace("std:Application", "org.other.App")})
    _, found = murano.load(str(folder), inputs={"greeting": "hi", "servers": 3})
    assert not found


def test_what_commands_say_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "hello")
    write(tmp_path / "bad", **{"logo.png": "none"})
    assert main(["validate", "hello"]) == 0
    assert main(["validate", "."]) == 4
    assert "bad/logo.png:1:1" in "".join(capsys.readouterr())
    assert main(["render", "hello", "--to", "compose"]) == 2
    assert "Murano package already" in capsys.readouterr().err
    assert main(["graph", "hello/manifest.yaml", "--format", "mermaid"]) == 0
    assert "MuranoApp" in capsys.readouterr().out


def corpus() -> list[tuple[str, str]]:
    if not CORPORA.is_dir():
        return []
    with (CORPORA / "MANIFEST.csv").open() as stream:
        return [(row["path"], row["expected"]) for row in csv.DictReader(stream) if row["kind"] == "murano"]


@pytest.mark.parametrize(("path", "expected"), corpus())
def test_packages_of_others(path: str, expected: str) -> None:
    package, found = murano.load(str(CORPORA / path))
    assert package is not None and package.application is not None
    assert expected == "accept" and not [item for item in found if item.severity == "error"]
    missing = {item.message.split("`")[1] for item in found}
    assert all(item.code == "BBQ-M012" for item in found)
    with (CORPORA / "MANIFEST.csv").open() as stream:  # what the corpus left out is what is missed
        notes = next(row["notes"] for row in csv.DictReader(stream) if row["path"] == path)
    assert all(name in notes for name in missing)


def test_requirements_are_looked_for_beside_the_package(tmp_path: Path) -> None:
    """Each after what it requires itself; circles end; what is not there is left to the catalogue."""

    def library(name: str, *requires: str) -> bytes:
        manifest = (
            f"Type: Library\nFullName: {name}\nClasses: {{}}\nRequire: {{ {', '.join(f'{one}: ' for one in requires)} }}\n"
        )
        return packed({"manifest.yaml": manifest})

    folder = write(tmp_path / "hello", **{"manifest.yaml": MANIFEST + "Require: { lib.one: '>=1.0', lib.none: }\n"})
    (tmp_path / "lib.one.zip").write_bytes(library("lib.one", "lib.two"))
    (tmp_path / "lib.two.zip").write_bytes(library("lib.two", "lib.one", "org.example.Hello"))
    for path in (folder, folder / "manifest.yaml"):
        found, errors = murano.beside(loaded(path))
        assert list(found) == ["lib.two", "lib.one"] and not errors
    (tmp_path / "lib.two.zip").write_bytes(packed({"manifest.yaml": "FullName: lib.two\n"}))
    _, errors = murano.beside(loaded(folder))
    assert [item.code for item in errors] == ["BBQ-M004", "BBQ-M004"]


def test_a_heat_package_has_the_properties_that_murano_gives_it(tmp_path: Path) -> None:
    files = {
        "manifest.yaml": "Format: Heat.HOT/1.0\nType: Application\nFullName: org.example.Hot\n",
        "template.yaml": "resources: {}\n",
    }
    (tmp_path / "hot.zip").write_bytes(packed(files))
    package = loaded(tmp_path / "hot.zip")
    assert package.application is not None
    given = [name for name, item in package.application.properties.items() if item.given]
    assert given == ["name", "templateParameters", "hotEnvironment"]
    _, found = murano.load(str(tmp_path / "hot.zip"), inputs={"templateParameters": {"a": 1}, "word": "x"})
    assert [item.code for item in found] == ["BBQ-M013"]
