"""Archives as templates: which file is the entry, what its imports and artifacts mean, and where problems are shown."""

from __future__ import annotations

import hashlib
import time
import zipfile
from pathlib import Path

import pytest

import bbq.topology
import bbq.tosca
from bbq.diagnostics import Diagnostic
from bbq.tosca.model import ServiceTemplate

CORPORA = Path(__file__).resolve().parents[3].parent / "shared" / "corpora"
META_1 = "TOSCA-Meta-File-Version: 1.1\nCSAR-Version: 1.1\nCreated-By: somebody\nEntry-Definitions: {}\n"
META_2 = "CSAR-Version: 2.0\nCreated-By: somebody\nEntry-Definitions: {}\n"
HEAD = "tosca_definitions_version: tosca_2_0\n"
TYPES = HEAD + "node_types:\n  N:\n    properties: { p: { type: integer, default: 1 } }\n"
SERVICE = HEAD + "imports: [ types/a.yaml ]\nservice_template:\n  node_templates:\n    n: { type: N }\n"


class Archives:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "service.csar"

    def read(self, members: dict[str, str], **options: object) -> tuple[ServiceTemplate | None, list[Diagnostic]]:
        with zipfile.ZipFile(self.path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return bbq.tosca.load(self.path, **options)  # type: ignore[arg-type]

    def good(self, members: dict[str, str], **options: object) -> ServiceTemplate:
        service, found = self.read(members, **options)
        assert service is not None and not found, "\n".join(map(str, found))
        return service

    def bad(self, members: dict[str, str], *wanted: str, **options: object) -> list[Diagnostic]:
        """`wanted`: place in the archive, code; as in `!/service.yaml:3:5 BBQ-T020`."""
        _, found = self.read(members, **options)
        shown = [f"{item.file.removeprefix(str(self.path))}:{item.line}:{item.column} {item.code}" for item in found]
        assert shown == list(wanted), "\n".join(map(str, found))
        return found


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    return Archives(tmp_path)


@pytest.mark.parametrize(
    "meta",
    [
        {"TOSCA-Metadata/TOSCA.meta": META_1.format("defs/service.yaml")},
        {"TOSCA-Metadata/TOSCA.meta": META_2.format("defs/service.yaml")},
        {"TOSCA.meta": META_2.format("./defs/service.yaml")},
        {"TOSCA.meta": META_2.format("defs/service.yaml").replace("\n", "\r\n")},
        {"TOSCA-Metadata/TOSCA.meta": META_1.replace("1.1", "1.0").format("\n  defs/service.yaml")},
        {"TOSCA-Metadata/TOSCA.meta": "\n" + META_1.format("defs/service.yaml") + "\nName: x\nEntry-Definitions: y.yaml\n"},
    ],
)
def test_the_entry_by_tosca_meta(archives: Archives, meta: dict[str, str]) -> None:
    service = archives.good({**meta, "defs/service.yaml": SERVICE, "defs/types/a.yaml": TYPES, "other.yaml": "nonsense"})
    assert service.node_templates["n"].properties == {"p": 1}
    assert service.files[0] == f"{archives.path}!/defs/service.yaml"
    assert service.path == str(archives.path)


def test_the_entry_is_the_one_file_at_the_root(archives: Archives) -> None:
    archives.good({"service.yaml": SERVICE, "types/a.yaml": TYPES})
    archives.good({"service.YML": SERVICE, "types/a.yaml": TYPES, "README.md": "x"})
    archives.good({"TOSCA.meta": META_2.partition("Entry")[0], "service.yaml": SERVICE, "types/a.yaml": TYPES})
    found = archives.bad({"service.yaml": SERVICE, "b.yaml": SERVICE}, ":1:1 BBQ-T310")
    assert "`b.yaml`, `service.yaml`" in found[0].message
    found = archives.bad({"defs/service.yaml": SERVICE, "meta/Tosca.meta": "x"}, ":1:1 BBQ-T310")
    assert "`meta/Tosca.meta` is not where it is looked for" in (found[0].hint or "")
    archives.bad({}, ":1:1 BBQ-T310")


def test_a_1x_entry_without_tosca_meta_has_a_name_and_a_version(archives: Archives) -> None:
    text = "tosca_definitions_version: tosca_simple_yaml_1_3\n"
    found = archives.bad({"service.yaml": text}, "!/service.yaml:1:1 BBQ-T315")
    assert "`template_name` and `template_version`" in found[0].message
    archives.bad({"service.yaml": text + "metadata: { template_name: x }\n"}, "!/service.yaml:1:1 BBQ-T315")
    archives.good({"service.yaml": text + "metadata: { template_name: x, template_version: '1.0' }\n"})
    archives.good({"TOSCA-Metadata/TOSCA.meta": META_1.format("service.yaml"), "service.yaml": text})


@pytest.mark.parametrize(
    ("meta", "wanted"),
    [
        ("CSAR-Version, 1.1\n", ["1:1 BBQ-T311"]),
        (META_1.format("service.yaml").replace("CSAR-Version: 1.1", "CSAR-Version: 3.0"), ["2:15 BBQ-T311"]),
        (META_1.format("service.yaml").replace("CSAR-Version: 1.1\n", ""), ["1:1 BBQ-T311"]),
        (META_1.format("service.yaml").replace("TOSCA-Meta-File-Version: 1.1\n", ""), ["1:1 BBQ-T311"]),
        (META_1.format("service.yaml").replace("Entry-Definitions", "Entry-Definition"), ["1:1 BBQ-T311"]),
        (META_1.format("services.yaml"), ["4:20 BBQ-T312"]),
        (META_1.format("../service.yaml"), ["4:20 BBQ-T314"]),
        (META_1.format("/etc/passwd"), ["4:20 BBQ-T314"]),
        (META_1.format("service.yaml") + "CSAR-Version: 1.1\n", ["5:1 BBQ-T311"]),
        (META_1.format("service.yaml") + 'Other-Definitions: a.yaml "b c.yaml"\n', ["5:20 BBQ-T312", "5:20 BBQ-T312"]),
        (META_1.format("service.yaml") + 'Other-Definitions: "a.yaml\n', ["5:20 BBQ-T311"]),
        ("\udcff", ["1:1 BBQ-T311"]),
    ],
)
def test_what_is_wrong_with_tosca_meta_is_told_there(archives: Archives, meta: str, wanted: list[str]) -> None:
    content = meta.encode("utf-8", "surrogateescape")
    members = {"TOSCA-Metadata/TOSCA.meta": content, "service.yaml": SERVICE, "types/a.yaml": TYPES}
    found = archives.bad(members, *(f"!/TOSCA-Metadata/TOSCA.meta:{each}" for each in wanted))  # type: ignore[arg-type]
    if "Entry-Definition:" in meta:
        assert found[0].hint == "is that meant by `Entry-Definition`?"
    if "services.yaml" in meta:
        assert found[0].hint == "did you mean `service.yaml`?"


MANY = {f"a/y{number}.yaml": "" for number in range(5000)}
NAMES = [f"a/x{number}.yaml" for number in range(20_000)]
META_PATH = "TOSCA-Metadata/TOSCA.meta"
GROWING = {
    "a value on many lines": {META_PATH: META_1.format("service.yaml") + " x\n" * 80_000},
    "no names": {META_PATH: "x\n" * 120_000},
    "a name stands many times": {META_PATH: META_1.format("service.yaml") + "k: 1\n" * 50_000},
    "many other definitions": {META_PATH: META_1.format("s.yaml") + "Other-Definitions: " + " ".join(NAMES[:15_000]), **MANY},
    "many imports": {"service.yaml": HEAD + "imports:\n" + "".join(f"- {name}\n" for name in NAMES), **MANY},
    "many artifacts": {
        "service.yaml": HEAD
        + "artifact_types: { F: {} }\nnode_types:\n  N:\n    artifacts:\n"
        + "".join(f"      a{number}: {{ type: F, file: {name} }}\n" for number, name in enumerate(NAMES[:8000])),
        **MANY,
    },
    "many digests": {"service.yaml": SERVICE, "SHA256SUMS": "".join(f"{0:064x}  {name}\n" for name in NAMES), **MANY},
}


@pytest.mark.parametrize("members", GROWING.values(), ids=GROWING)
def test_many_mistakes_take_no_long_time(archives: Archives, members: dict[str, str]) -> None:
    """Comparing every name with every other one would take minutes."""
    start = time.process_time()
    _, found = archives.read({"service.yaml": SERVICE, **members})
    assert any(item.severity == "error" for item in found)
    assert time.process_time() - start < 10  # a hang, not a benchmark


def test_an_unknown_version_is_the_only_thing_that_is_told(archives: Archives) -> None:
    archives.bad(
        {"TOSCA.meta": META_2.replace("2.0", "2.1").format("service.yaml"), "service.yaml": HEAD},
        "!/TOSCA.meta:1:15 BBQ-T311",
    )


def test_a_missing_author_is_a_warning(archives: Archives) -> None:
    meta = META_1.format("service.yaml").replace("Created-By: somebody\n", "")
    service, found = archives.read({"TOSCA-Metadata/TOSCA.meta": meta, "service.yaml": SERVICE, "types/a.yaml": TYPES})
    assert service is not None and [(item.severity, item.code) for item in found] == [("warning", "BBQ-T311")]


def test_two_tosca_metas(archives: Archives) -> None:
    both = dict.fromkeys(("TOSCA.meta", "TOSCA-Metadata/TOSCA.meta"), META_2.format("service.yaml"))
    archives.bad({**both, "service.yaml": SERVICE, "types/a.yaml": TYPES}, "!/TOSCA.meta:1:1 BBQ-T311")


@pytest.mark.parametrize("target", ["a.yaml", "./a.yaml", "../defs/a.yaml", "/defs/a.yaml", "x/../a.yaml"])
def test_imports_are_members(archives: Archives, target: str) -> None:
    text = SERVICE.replace("types/a.yaml", target)
    archives.good({"TOSCA.meta": META_2.format("defs/service.yaml"), "defs/service.yaml": text, "defs/a.yaml": TYPES})


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("../a.yaml", "BBQ-T314"),
        ("types/../../a.yaml", "BBQ-T314"),
        ("/../etc/passwd", "BBQ-T314"),
        ("file:///etc/passwd", "BBQ-T314"),
        ("file:types/a.yaml", "BBQ-T314"),
        ("/etc/passwd", "BBQ-T020"),
        ("type/a.yaml", "BBQ-T020"),
        ("types", "BBQ-T020"),
        ("https://example.org/a.yaml", "BBQ-T021"),
        ("http://169.254.169.254/", "BBQ-T021"),
        ("ftp://example.org/a.yaml", "BBQ-T026"),
        ("bbq:7.0", "BBQ-T026"),
    ],
)
def test_imports_that_are_not(archives: Archives, target: str, code: str) -> None:
    text = SERVICE.replace("[ types/a.yaml ]", f"[ '{target}' ]")
    found = archives.bad({"service.yaml": text, "types/a.yaml": TYPES}, f"!/service.yaml:2:12 {code}")
    if target == "type/a.yaml":
        assert found[0].hint == "did you mean `types/a.yaml`?"


def test_mapped_imports_and_bundled_profiles(archives: Archives, tmp_path: Path) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types/a.yaml").write_text(TYPES)
    text = SERVICE.replace("types/a.yaml", "https://example.org/a.yaml")
    archives.good({"service.yaml": text}, import_map={"https://example.org/": tmp_path / "types"})
    text = SERVICE.replace("types/a.yaml", "{ profile: 'bbq:1.0' }").replace("type: N", "type: bbq.nodes.Database")
    archives.good({"service.yaml": text})


def test_a_problem_in_an_import_is_shown_there(archives: Archives) -> None:
    archives.bad({"service.yaml": SERVICE, "types/a.yaml": TYPES.replace("integer", "intger")}, "!/types/a.yaml:4:30 BBQ-T030")
    archives.bad({"service.yaml": SERVICE, "types/a.yaml": "a: [\n"}, "!/types/a.yaml:2:1 BBQ-Y005")


ARTIFACTS = """\
node_types:
  N:
    artifacts: { image: { type: F, file: ../images/a.img } }
    interfaces: { Standard: { type: I, operations: { create: { implementation: ../scripts/create.sh } } } }
artifact_types: { F: {} }
interface_types: { I: { operations: { create: {} } } }
service_template:
  node_templates:
    n: { type: N, artifacts: { more: { type: F, file: "/README.md" } } }
"""


def test_artifacts_are_members_beside_the_file_that_names_them(archives: Archives) -> None:
    members = {
        "TOSCA.meta": META_2.format("defs/service.yaml"),
        "defs/service.yaml": HEAD + ARTIFACTS,
        "images/a.img": "1",
        "scripts/create.sh": "1",
        "README.md": "1",
    }
    service = archives.good(members)
    node = service.node_templates["n"]
    assert node.artifacts["more"].file == f"{archives.path}!/README.md"
    service = archives.good(members, unpacked="/srv/files")
    digest = hashlib.sha256(archives.path.read_bytes()).hexdigest()
    node = service.node_templates["n"]
    assert node.type.artifacts["image"].file == f"/srv/files/{digest}/images/a.img"
    assert node.interfaces["Standard"].operations["create"].implementation == f"/srv/files/{digest}/scripts/create.sh"
    assert service.directory == f"/srv/files/{digest}/defs"
    del members["images/a.img"], members["README.md"]
    members["elsewhere/a.img"] = "1"
    found = archives.bad(members, "!/defs/service.yaml:4:42 BBQ-T313", "!/defs/service.yaml:10:55 BBQ-T313")
    assert "there is `elsewhere/a.img`" in (found[0].hint or "")
    members["defs/service.yaml"] = (HEAD + ARTIFACTS).replace("../images/a.img", "../../../etc/passwd")
    archives.bad(members, "!/defs/service.yaml:4:42 BBQ-T313", "!/defs/service.yaml:10:55 BBQ-T313")


def test_an_artifacts_name_is_no_file_and_an_unknown_type_hides_none(archives: Archives) -> None:
    text = HEAD + ARTIFACTS.replace("../scripts/create.sh", "run.sh").replace("../images/a.img", "x.sh")
    more = '{ more: { type: F, file: "/README.md" } }'
    named = text.replace(more, "{ run.sh: { type: F, file: x.sh } }")
    archives.good({"service.yaml": named, "x.sh": ""})
    unknown = text.replace("n: { type: N,", "n: { type: Nn,")
    places = ("!/service.yaml:10:16 BBQ-T030", "!/service.yaml:10:56 BBQ-T313")
    archives.bad({"service.yaml": unknown, "x.sh": "", "run.sh": ""}, *places)


def test_what_an_imported_service_template_names_belongs_to_the_archive(archives: Archives) -> None:
    text = SERVICE.replace("[ types/a.yaml ]", "[ other.yaml ]")
    other = HEAD + ARTIFACTS.replace("..", ".")
    places = ("4:42", "5:80", "10:55")
    members = {"TOSCA.meta": META_2.format("service.yaml"), "service.yaml": text, "other.yaml": other}
    archives.bad(members, *(f"!/other.yaml:{place} BBQ-T313" for place in places))


OTHER = """\
imports: [ ../types/a.yaml ]
node_types: { Part: { properties: { size: { type: integer } } } }
service_template:
  inputs: { p: { type: integer } }
  substitution_mappings: { node_type: N, properties: { p: p } }
  node_templates:
    one: { type: Part, properties: { size: { $get_input: p } } }
    two: { type: Part, properties: { size: 2 } }
"""


def test_other_definitions_stand_for_nodes(archives: Archives) -> None:
    members = {
        "TOSCA.meta": META_2.format("service.yaml") + 'Other-Definitions: "defs/part one.yaml" types/a.yaml\n',
        "service.yaml": SERVICE,
        "types/a.yaml": TYPES,
        "defs/part one.yaml": HEAD + OTHER,
    }
    service, found = archives.read(members)
    assert service is not None
    assert [(item.code, item.severity) for item in found] == [("BBQ-T316", "warning")]
    topology, found = bbq.topology.build(service, inputs={}, provider="local")
    assert topology is not None, found
    assert list(topology.nodes) == ["n", "n.one", "n.two"]
    assert topology.nodes["n.one"].properties == {"size": 1}
    members["defs/part one.yaml"] = HEAD + OTHER.replace("size: 2", "size: two")
    archives.bad(members, "!/defs/part one.yaml:9:44 BBQ-T040", "!/types/a.yaml:1:1 BBQ-T316")


def test_other_definitions_come_after_the_users_own_and_before_the_bundled_ones(archives: Archives, tmp_path: Path) -> None:
    other = HEAD + (
        'imports: [ { profile: "bbq:1.0" } ]\nnode_types: { Mine: {} }\nservice_template:\n'
        "  substitution_mappings: { node_type: bbq.nodes.Database }\n  node_templates: { mine: { type: Mine } }\n"
    )
    service = archives.good(
        {
            "TOSCA.meta": META_2.format("service.yaml") + "Other-Definitions: other.yaml\n",
            "service.yaml": SERVICE.replace("types/a.yaml", "{ profile: 'bbq:1.0' }").replace("N }", "bbq.nodes.Database }"),
            "other.yaml": other,
        }
    )
    (tmp_path / "own.yaml").write_text(other.replace("mine:", "yours:"))
    for folders, wanted in (((), "n.mine"), ((tmp_path,), "n.yours")):
        topology, found = bbq.topology.build(service, inputs={}, provider="local", template_dirs=folders)
        assert topology is not None, found
        assert list(topology.nodes) == ["n", wanted]


def test_digests_in_the_archive_are_held_against_its_members(archives: Archives) -> None:
    digest = hashlib.sha256(SERVICE.encode()).hexdigest()
    members = {"service.yaml": SERVICE, "types/a.yaml": TYPES, "SHA256SUMS": f"{digest}  service.yaml\nsomething else\n"}
    archives.good(members)
    members["service.yaml"] += "# changed\n"
    found = archives.bad({**members, "SHA256SUMS": members["SHA256SUMS"] + f"{digest} *gone.yaml\n"},
                         "!/SHA256SUMS:1:1 BBQ-T307", "!/SHA256SUMS:3:1 BBQ-T307")  # fmt: skip
    assert digest[:12] in found[0].message


def test_programs_in_an_archive_are_followed_without_unpacking_it(archives: Archives) -> None:
    text = HEAD + (
        'imports: [ { profile: "bbq:1.0" } ]\nservice_template:\n  node_templates:\n    page:\n      type: bbq.nodes.Service\n'
        '      properties: { command: [ python, page.py ], sources: [ "lib/**/*.py", "../*.txt" ], directory: ../app }\n'
    )
    members = {
        "TOSCA.meta": META_2.format("defs/service.yaml"),
        "defs/service.yaml": text,
        "app/page.py": "1",
        "app/lib/a.py": "2",
        "app/lib/x/b.py": "3",
        "app/lib/x/c.txt": "4",
    }

    def digests() -> dict[str, str]:
        service = archives.good(members, unpacked="/srv/files")
        topology, found = bbq.topology.build(service, inputs={}, provider="local")
        assert topology is not None, found
        assert topology.directory == service.directory
        return topology.nodes["page"].properties["source_digests"]

    before = digests()
    assert list(before) == ["../app/lib/a.py", "../app/lib/x/b.py", "../app/page.py"]
    assert before["../app/page.py"] == hashlib.sha256(b"1").hexdigest()[:16]
    members["app/lib/x/c.txt"] = "changed"
    assert digests() == before
    members["app/lib/a.py"] = "changed"
    assert {name for name, digest in digests().items() if digest != before[name]} == {"../app/lib/a.py"}


def test_the_digest_of_a_service_covers_everything_in_the_archive(archives: Archives) -> None:
    members = {"service.yaml": SERVICE, "types/a.yaml": TYPES, "data": "1"}
    first = archives.good(members).digest
    assert archives.good(members).digest == first
    assert archives.good({**members, "data": "2"}).digest != first


@pytest.mark.skipif(not CORPORA.exists(), reason="no sample archives beside the repository")
def test_the_missing_file_of_a_public_archive_is_named_where_it_is(archives: Archives) -> None:
    """With the types that these archives leave to others, one of the pair is valid and the other lacks a file."""
    names = ("flavour_id", "descriptor_id", "provider", "product_name", "software_version", "descriptor_version")
    properties = ", ".join(f"{name}: {{ type: string }}" for name in names)
    types = f"""
node_types:
  company.sample.VNF:
    derived_from: tosca.nodes.Root
    properties: {{ {properties}, vnfm_info: {{ type: list, entry_schema: string }} }}
  tosca.nodes.nfv.Vdu.Compute: {{ derived_from: tosca.nodes.Root }}
  tosca.nodes.nfv.Vdu.VirtualBlockStorage: {{ derived_from: tosca.nodes.Root }}
artifact_types: {{ tosca.artifacts.nfv.SwImage: {{ derived_from: tosca.artifacts.File }} }}
"""
    for name, wanted in (("valid", []), ("invalid", [("!/Definitions/level2.yaml", 27, "BBQ-T313")])):
        path = CORPORA / f"tosca-parser/samples/tests/data/CSAR/csar_{name}_multilevel_imports_validation.zip"
        alone = [item for item in bbq.tosca.load(path)[1] if item.severity == "error" and item.file.endswith("root.yaml")]
        assert [(item.code, "`company.sample.VNF`" in item.message) for item in alone] == [("BBQ-T030", True)]
        with zipfile.ZipFile(path) as archive:
            members = {each: archive.read(each).decode() for each in archive.namelist() if not each.endswith("/")}
        members["root.yaml"] += types
        _, found = archives.read(members)
        errors = [item for item in found if item.severity == "error"]
        assert [(item.file.removeprefix(str(archives.path)), item.line, item.code) for item in errors] == wanted, errors
