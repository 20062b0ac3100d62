"""Archives are refused for what their directory says and for what is in them, before anything of them is used."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import zips

from bbq.diagnostics import DiagnosticBag
from bbq.origins import is_archive
from bbq.origins.archive import Archive, open_archive
from bbq.origins.members import Caps
from bbq.origins.refused import Damaged


def refused(path: Path, *codes: str, caps: Caps | None = None) -> list[str]:
    """The messages of an archive that is refused, which must have these codes."""
    bag = DiagnosticBag()
    found = open_archive(path, bag, caps) if caps else open_archive(path, bag)
    assert found is None
    assert [item.code for item in bag.items] == list(codes), bag.items
    assert all((item.file, item.line, item.column) == (str(path), 1, 1) for item in bag.items)
    return [item.message for item in bag.items]


def opened(path: Path) -> Archive:
    bag = DiagnosticBag()
    found = open_archive(path, bag)
    assert found is not None, bag.items
    return found


def test_members_are_known_by_size_and_digest(tmp_path: Path) -> None:
    script = zips.info("bin/run.sh", 0o100755)
    path = zips.write(tmp_path / "a.csar", [*zips.GOOD.items(), ("bin/", ""), (script, "#!/bin/sh\n"), ("empty", "")])
    with opened(path) as archive:
        assert set(archive.members) == {*zips.GOOD, "bin/run.sh", "empty"}
        assert archive.read("service.yaml") == zips.SERVICE.encode()
        assert archive.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    member = archive.members["bin/run.sh"]
    assert (member.size, member.executable) == (10, True)
    assert member.digest == hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    assert archive.folders == {".", "bin", "TOSCA-Metadata"}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_large_members_are_read_whole(tmp_path: Path, compression: int) -> None:
    content = os.urandom(1 << 20) + b"x" * (1 << 20)
    with opened(zips.write(tmp_path / "a.zip", {"data": content}, compression)) as archive:
        assert archive.read("data") == content


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "a/../b",
        "/a",
        "//a",
        "C:/a",
        "c:a",
        "a\\b",
        "..\\a",
        "a//b",
        "./a",
        "a/./b",
        "a\x00b",
        "a\x1b[2J",
        "a" * 300,
        "a/" * 40,
    ],
)
def test_names(tmp_path: Path, name: str) -> None:
    data = zips.packed({"x" * len(name.encode()): "1"}).replace(b"x" * len(name.encode()), name.encode())
    (tmp_path / "a.csar").write_bytes(data)
    (message,) = refused(tmp_path / "a.csar", "BBQ-T301")
    assert message.isprintable()


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a", "a"], "two members are called `a`"),
        (["a/B", "A/b"], "`a` and `A` differ in case only"),
        (["straße", "STRASSE"], "differ in case only"),
        (["caf\u00e9", "cafe\u0301"], "differ in case only"),
        (["a", "a/b"], "`a` is a file and a directory"),
        (["a/b", "a"], "`a` is a file and a directory"),
        (["a/", "a"], "`a` is a file and a directory"),
    ],
)
def test_members_that_collide(tmp_path: Path, names: list[str], text: str) -> None:
    path = zips.write(tmp_path / "a.csar", [(name, "" if name.endswith("/") else "1") for name in names])
    assert any(text in message for message in refused(path, *["BBQ-T303"] * (2 if names == ["a/B", "A/b"] else 1)))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_special_files(tmp_path: Path, kind: int) -> None:
    refused(zips.write(tmp_path / "a.csar", [(zips.info("a", kind | 0o777), "/etc/passwd")]), "BBQ-T302")


@pytest.mark.parametrize("flag", [0x1, 0x41, 0x2001])
def test_encryption(tmp_path: Path, flag: int) -> None:
    data = zips.packed(zips.GOOD)
    first = zips.directory_entries(data)[0]
    (tmp_path / "a.csar").write_bytes(zips.patched(data, first + 8, "H", flag))
    refused(tmp_path / "a.csar", "BBQ-T304")
    (tmp_path / "a.csar").write_bytes(zips.patched(data, 6, "H", flag))  # in the member's own header only
    refused(tmp_path / "a.csar", "BBQ-T306")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(tmp_path: Path, compression: int) -> None:
    (message,) = refused(zips.write(tmp_path / "a.csar", {"a": "1" * 100}, compression), "BBQ-T304")
    assert "stored and deflate are read" in message


def test_every_problem_is_told(tmp_path: Path) -> None:
    members = [("../a", "1"), (zips.info("link", 0o120777), "a"), ("b", "1"), ("B", "1"), ("/c", "1")]
    refused(zips.write(tmp_path / "a.csar", members), "BBQ-T301", "BBQ-T302", "BBQ-T301", "BBQ-T303")


def test_caps(tmp_path: Path) -> None:
    path = zips.write(tmp_path / "a.csar", {f"f{i}": os.urandom(1000) for i in range(20)})
    assert "20 members" in refused(path, "BBQ-T305", caps=Caps(members=10))[0]
    assert "20,000 bytes unpacked" in refused(path, "BBQ-T305", caps=Caps(total=10_000))[0]
    assert "1,000 bytes; at most 999" in refused(path, *["BBQ-T305"] * 20, caps=Caps(member=999))[0]
    assert "directory has more than" in refused(path, "BBQ-T305", caps=Caps(directory=500))[0]
    assert f"{path.stat().st_size:,} bytes" in refused(path, "BBQ-T305", caps=Caps(archive=1000))[0]


def test_what_compresses_too_well(tmp_path: Path) -> None:
    refused(zips.write(tmp_path / "a.csar", {"zeros": b"\0" * (4 << 20)}), "BBQ-T305")
    opened(zips.write(tmp_path / "b.csar", {"zeros": b"\0" * (1 << 20)})).close()  # small enough to be of no interest


@pytest.mark.parametrize("declared", [10, 5_000_000])
def test_a_size_that_is_a_lie(tmp_path: Path, declared: int) -> None:
    data = zips.packed({"a": os.urandom(100_000) + b"\0" * 1000})
    data = zips.patched(data, zips.directory_entries(data)[0] + 24, "I", declared)
    (tmp_path / "a.csar").write_bytes(data)
    (message,) = refused(tmp_path / "a.csar", "BBQ-T306")
    assert "declare" in message


def test_a_packed_size_that_is_a_lie(tmp_path: Path) -> None:
    data = zips.packed({"a": b"1" * 1000, "b": b"2" * 1000})
    for size in (5, 12):  # cut off, and more than belongs to it
        (tmp_path / "a.csar").write_bytes(zips.patched(data, zips.directory_entries(data)[0] + 20, "I", size))
        bag = DiagnosticBag()
        assert open_archive(tmp_path / "a.csar", bag) is None
        assert {item.code for item in bag.items} <= {"BBQ-T306"}, bag.items


def test_damaged_data(tmp_path: Path) -> None:
    data = zips.packed({"a": "1" * 1000, "b": "2" * 1000}, zipfile.ZIP_STORED)
    place = data.index(b"1111")
    (tmp_path / "a.csar").write_bytes(data[:place] + b"X" + data[place + 1 :])
    assert "checksum" in refused(tmp_path / "a.csar", "BBQ-T306")[0]


def test_another_name_in_the_own_header(tmp_path: Path) -> None:
    data = zips.packed({"aaaa": "1"})
    (tmp_path / "a.csar").write_bytes(data.replace(b"aaaa", b"bbbb", 1))
    assert "called something else" in refused(tmp_path / "a.csar", "BBQ-T306")[0]


def test_members_over_each_other(tmp_path: Path) -> None:
    """Many members of one and the same data: a bomb that every single ratio hides."""
    data = zips.packed({"aaaa": b"x" * 1000, "bbbb": b"x" * 1000})
    second = zips.directory_entries(data)[1]
    (tmp_path / "a.csar").write_bytes(zips.patched(data, second + 42, "I", 0))
    assert "lies over another" in refused(tmp_path / "a.csar", "BBQ-T306")[0]


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", b"PK\x03\x04" + b"\xff" * 100])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csar").write_bytes(content)
    refused(tmp_path / "a.csar", "BBQ-T300")


def test_what_it_looks_like_is_said(tmp_path: Path) -> None:
    for content, word in ((b"\x1f\x8b\x08", "tar"), (b"tosca_definitions_version: tosca_2_0\n", "template")):
        (tmp_path / "a.csar").write_bytes(content)
        bag = DiagnosticBag()
        assert open_archive(tmp_path / "a.csar", bag) is None
        assert word in (bag.items[0].hint or "")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csar")
    (tmp_path / "folder.csar").mkdir()
    for name in ("fifo.csar", "folder.csar", "missing.csar", "nul\0.csar"):
        bag = DiagnosticBag()
        assert open_archive(f"{tmp_path}/{name}", bag) is None
        assert [item.code for item in bag.items] == ["BBQ-Y001"], name


def test_archives_are_told_by_name_and_by_content(tmp_path: Path) -> None:
    assert is_archive("a.csar") and is_archive("A.ZIP") and not is_archive("a.yaml")
    zips.write(tmp_path / "plain", zips.GOOD)
    (tmp_path / "text").write_text("PK")
    os.mkfifo(tmp_path / "fifo")
    assert is_archive(tmp_path / "plain")
    assert not is_archive(tmp_path / "text") and not is_archive(tmp_path / "fifo") and not is_archive(tmp_path)


def test_unpacked_whole_by_digest(tmp_path: Path) -> None:
    script = zips.info("bin/run.sh", 0o104755)
    members = [*zips.GOOD.items(), (script, "#!/bin/sh\n"), ("a/b/c/d.txt", "1")]
    with opened(zips.write(tmp_path / "a.csar", members)) as archive:
        target = archive.unpack(tmp_path / "files")
        assert target == tmp_path / "files" / archive.digest
        found = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
        assert found == {name: archive.read(name) for name in archive.members}
        assert (target / "bin/run.sh").stat().st_mode & 0o7777 == 0o755
        assert (target / "service.yaml").stat().st_mode & 0o7777 == 0o644
        before = (target / "service.yaml").stat()
        assert archive.unpack(tmp_path / "files") == target
        assert (target / "service.yaml").stat() == before, "it was there, and was left alone"


def test_an_archive_that_changes_while_it_is_unpacked(tmp_path: Path) -> None:
    path = zips.write(tmp_path / "a.csar", {"a": "1" * 100}, zipfile.ZIP_STORED)
    with opened(path) as archive:
        with path.open("r+b") as file:
            file.seek(path.read_bytes().index(b"111"))
            file.write(b"2")
        with pytest.raises(Damaged):
            archive.unpack(tmp_path / "files")
        with pytest.raises(Damaged):
            archive.read("a")
    assert not (tmp_path / "files" / archive.digest).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from bbq.diagnostics import DiagnosticBag
from bbq.origins import archive as module
calls, at = 0, int(sys.argv[3])
def point(function):
    def call(*args, **keywords):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **keywords)
    return call
os.fsync, os.open, Path.mkdir, Path.rename = map(point, (os.fsync, os.open, Path.mkdir, Path.rename))
found = module.open_archive(sys.argv[1], DiagnosticBag())
found.unpack(Path(sys.argv[2]))
print(calls)
"""


def test_killed_at_any_point_it_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = zips.write(tmp_path / "a.csar", {**zips.GOOD, "scripts/run.sh": "1" * 1000})

    def run(at: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "files"), str(at)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    points = int(run(10_000).stdout)
    assert points > 10
    with opened(path) as archive:
        target = archive.unpack(tmp_path / "files")
        for at in range(1, points + 1):
            for file in sorted(target.rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
            target.rmdir()
            assert run(at).returncode == -signal.SIGKILL, at
            if target.exists():
                assert (target / "scripts/run.sh").read_text() == "1" * 1000
                assert len([file for file in target.rglob("*") if file.is_file()]) == 3
            archive.unpack(tmp_path / "files")
            assert [each.name for each in (tmp_path / "files").iterdir()] == [archive.digest], "the leftovers are gone"


def test_memory_stays_small(tmp_path: Path) -> None:
    """A large archive, and one whose directory claims to be huge: neither is held in memory."""
    zips.write(tmp_path / "large.csar", {f"f{i}": os.urandom(1 << 20) * 40 for i in range(3)}, zipfile.ZIP_STORED)
    data = zips.packed(zips.GOOD) + b"\0" * 70_000
    (tmp_path / "sparse.csar").write_bytes(data)
    with (tmp_path / "sparse.csar").open("r+b") as file:
        file.truncate(3 << 30)
    code = (
        "import sys; from bbq.diagnostics import DiagnosticBag; from bbq.origins.archive import open_archive\n"
        "for path in sys.argv[1:]: open_archive(path, DiagnosticBag())\n"
        "import re; print(re.search(r'VmHWM:\\s*(\\d+) kB', open('/proc/self/status').read())[1])"
    )
    names = [str(tmp_path / name) for name in ("large.csar", "sparse.csar")]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, timeout=100, check=True)
    assert int(done.stdout) < 100_000
