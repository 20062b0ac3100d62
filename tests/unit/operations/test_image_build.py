"""`bbq-deploy image build` up to where diskimage-builder begins, and what it takes away of builds that died."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bbq.cli.main import main
from bbq.datafiles import data_dir
from bbq.errors import BbqError, ConfigurationError, ResourceFailed, UsageError
from bbq.operations import image_build
from bbq.operations.image_build import build, kinds

ELEMENTS = data_dir("templates") / "elements"
STAND_IN = data_dir("templates") / "image-build" / "loop-partitions"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not all(shutil.which(name, path=SYSTEM_PATH) for name in ("losetup", "sfdisk", "setpriv")),
    reason="needs root, for loop devices, and util-linux and fdisk",
)


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing is missing."""
    monkeypatch.setattr(image_build, "_lacking", lambda *_: iter(()))


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch, able: None) -> list[str]:
    """Stands for diskimage-builder: a shell script, whose lines a test gives. It runs in the directory of the build."""
    script: list[str] = []
    monkeypatch.setattr(image_build, "_command", lambda _: ["sh", "-c", 'cd "$TMPDIR"\n' + "\n".join(script)])
    return script


def test_elements_are_whole() -> None:
    assert kinds() == ["database", "htcondor", "node", "rabbitmq", "slurm", "spark"]
    for element in ELEMENTS.iterdir():
        assert (element / "README.rst").is_file()
        packages = yaml.safe_load((element / "package-installs.yaml").read_text())
        assert packages and all(value is None for value in packages.values())
        assert "bbq-node" in (element / "element-deps").read_text() or element.name == "bbq-node"
        for phase in ("install.d", "post-install.d", "extra-data.d"):  # what cannot be executed is passed over in silence
            assert all(os.access(script, os.X_OK) for script in (element / phase).glob("*"))
    assert os.access(STAND_IN, os.X_OK)


@pytest.mark.parametrize(
    ("names", "output", "options", "said"),
    [
        (["sparc"], "x.qcow2", {}, "there is no kind of image 'sparc'"),
        (["spark"], "x.img", {}, "x.img is to be a qcow2 image"),
        (["spark"], "nowhere/x.qcow2", {}, "there is no directory"),
        (["spark"], "there.qcow2", {}, "there.qcow2 exists"),
        (["spark"], "x.qcow2", {"release": "../bookworm"}, "is no code name of a release"),
        (["spark"], "x.qcow2", {"elements": ["missing"]}, "there is no directory missing"),
        (["spark"], "x.qcow2", {"elements": ["empty"]}, "empty is no element of diskimage-builder"),
    ],
)
def test_what_is_asked_for_is_wrong(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    able: None,
    names: list[str],
    output: str,
    options: dict[str, object],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.qcow2").touch()
    Path("empty").mkdir()
    with pytest.raises(UsageError) as raised:
        build(names, output, **options)  # type: ignore[arg-type]
    assert said in str(raised.value) and raised.value.hint


def test_all_that_the_machine_lacks_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(image_build, "find_spec", lambda _: None)
    monkeypatch.setattr(image_build, "_ROOM", 1 << 60)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["image", "build", "spark", "-o", "spark.qcow2"]) == 5
    said = capsys.readouterr().err
    for part in ("only root", "pip install 'bbq[images]'", "qemu-img", "apt-get install debootstrap", "GiB free"):
        assert part in said
    assert list(tmp_path.iterdir()) == []


def test_a_release_that_is_unknown(tmp_path: Path) -> None:
    if not Path("/usr/share/debootstrap/scripts").is_dir():
        pytest.skip("debootstrap is missing")
    with pytest.raises(ConfigurationError, match="debootstrap knows no release bookwurm"):
        build(["spark"], tmp_path / "x.qcow2", release="bookwurm")


@as_root
def test_image_and_properties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builder: list[str]) -> None:
    """What goes to diskimage-builder, and what comes of it."""
    monkeypatch.setenv("DIB_DISTRIBUTION_MIRROR", "http://mirror.invalid/debian")
    monkeypatch.setenv("OS_PASSWORD", "secret")
    element = tmp_path / "mine"
    (element / "install.d").mkdir(parents=True)
    builder += [
        "env > ../environment; ls elements/mine > ../mine",
        "echo dib-run-parts Running /tmp/x/root.d/08-debootstrap",
        "echo dib-run-parts Running /tmp/in_target.d/install.d/01; echo dib-run-parts Running /tmp/in_target.d/install.d/02",
        "echo Converting image using qemu-img convert; echo content > image.qcow2",
    ]
    told: list[str] = []
    built = build(["node"], tmp_path / "x.qcow2", release="bookworm", elements=[element], tell=told.append)
    assert (built.path.read_text(), built.elements) == ("content\n", ("bbq-node", "mine"))
    assert told == ["the base system", "packages", "the image's file"]
    beside = json.loads((tmp_path / "x.qcow2.json").read_text())
    assert beside == {"elements": ["bbq-node", "mine"], "properties": dict(built.properties)}
    assert (built.properties["os_distro"], built.properties["os_version"]) == ("debian", "12")
    environment = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines() if "=" in line)
    assert environment["DIB_DISTRIBUTION_MIRROR"] == "http://mirror.invalid/debian" and environment["DIB_RELEASE"] == "bookworm"
    assert "OS_PASSWORD" not in environment
    assert environment["ELEMENTS_PATH"].split(":") == [str(tmp_path / ".x.qcow2.build" / "elements"), str(ELEMENTS)]
    assert (tmp_path / "mine").is_dir() and not (tmp_path / ".x.qcow2.build").exists()


@as_root
def test_a_failure_is_told_by_its_script(tmp_path: Path, builder: list[str]) -> None:
    builder += [
        "echo dib-run-parts Running /tmp/x/root.d/08-debootstrap; echo fine",
        "echo dib-run-parts Running /tmp/x/install.d/50-mine; echo E: Unable to locate package nonsense; echo Unmount /tmp/x",
        "exit 3",
    ]
    with pytest.raises(ResourceFailed) as raised:
        build(["node"], tmp_path / "x.qcow2")
    assert "failed (3)" in str(raised.value) and "Unable to locate package nonsense" in str(raised.value)
    assert "fine" not in str(raised.value) and "Unmount" not in str(raised.value)
    assert str(raised.value.hint).endswith("x.qcow2.log") and "fine" in (tmp_path / "x.qcow2.log").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.qcow2.log"]


@as_root
def test_one_build_of_an_image_at_a_time(tmp_path: Path, builder: list[str]) -> None:
    workshop = tmp_path / ".x.qcow2.build"
    workshop.mkdir()
    lock = os.open(workshop, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(BbqError, match="another process makes this image") as raised:
        build(["node"], tmp_path / "x.qcow2")
    assert raised.value.exit_code == 9
    os.close(lock)


@as_root
def test_what_a_dead_build_has_left_goes(tmp_path: Path, builder: list[str]) -> None:
    """Loop devices of its files, with their partitions; those of others stay."""
    names = {one: tmp_path / f".{one}.qcow2.build" / "dib_image.1" / "image0.raw" for one in ("x", "y")}
    loops = {}
    try:
        for one, file in names.items():
            file.parent.mkdir(parents=True)
            with file.open("wb") as opened:
                opened.truncate(4 << 20)
            _said("sfdisk", "--quiet", file, told="label: dos\n,,L\n")
            loops[one] = _said("losetup", "--find", "--show", file)
            _stand_in("kpartx", "-av", loops[one], tmp_path)
        assert len(_attached(loops.values())) == 4
        builder.append("echo content > image.qcow2")
        build(["node"], tmp_path / "x.qcow2")
        assert _attached([loops["x"]]) == set()
        assert not list(Path("/dev/mapper").glob(f"{Path(loops['x']).name}p*"))
        assert len(_attached([loops["y"]])) == 2
        assert names["y"].exists() and not names["x"].exists()
    finally:
        for loop in loops.values():
            _stand_in("kpartx", "-d", loop, tmp_path)
            if _attached([loop]):
                _said("losetup", "--detach", loop)


def _said(program: str, *argv: object, told: str = "") -> str:
    found = shutil.which(program, path=SYSTEM_PATH) or program
    command = [found, *map(str, argv)]
    return subprocess.run(command, input=told, check=True, capture_output=True, text=True).stdout.strip()


def _stand_in(name: str, what: str, loop: str, directory: Path) -> None:
    link = directory / name
    if not link.is_symlink():
        link.symlink_to(STAND_IN)
    subprocess.run([link, what, loop], check=True, env={**os.environ, "PATH": SYSTEM_PATH})


def _attached(loops: object) -> set[str]:
    """Of these loop devices, and of those that are parts of them, the ones that are there."""
    found = {}
    for line in _said("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE").splitlines():
        name, file = line.split(None, 1)
        found[name] = file.split()[0]
    wanted = set(loops)  # type: ignore[call-overload]
    return {name for name, file in found.items() if name in wanted or file in wanted}
