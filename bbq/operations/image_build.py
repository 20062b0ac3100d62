"""`bbq-deploy image build`: an image of a cluster's node, made by diskimage-builder from the elements in `templates/elements`.

diskimage-builder mounts, attaches loop devices and starts daemons as root. So it runs in namespaces of its own, whose first
process dies with us: however that comes about, no process and no mount of it is left. Its loop devices and files are what the
next build of the same image takes away, and so does this one when it is interrupted: `_swept` is the only clean-up there is.
https://docs.openstack.org/diskimage-builder/latest/
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bbq.datafiles import data_dir
from bbq.errors import ConfigurationError, LockedError, ResourceFailed, UsageError
from bbq.wording import nearest, one_of

DEFAULT_RELEASE: Final = "trixie"
_PREFIX: Final = "bbq-"
_VERSIONS: Final = {"bookworm": "12", "trixie": "13"}
"""Debian's releases, for `os_version`."""
_PROGRAMS: Final = {
    "debootstrap": "debootstrap",
    "dmsetup": "dmsetup",
    "kpartx": "kpartx",
    "losetup": "util-linux",
    "mkfs.ext4": "e2fsprogs",
    "mount": "util-linux",
    "qemu-img": "qemu-utils",
    "setpriv": "util-linux",
    "sudo": "sudo",
    "unshare": "util-linux",
}
"""Program -> Debian's package that has it."""
_LOOP: Final = 7
"""Major number of loop devices. https://docs.kernel.org/admin-guide/devices.html"""
_ROOM: Final = 6 << 30
"""Bytes beside the image while it is made: the tree, the raw image and the compressed one."""
_START: Final = "import sys; sys.argv[0] = 'disk-image-create'; from diskimage_builder.disk_image_create import main; main()"
"""The program `disk-image-create`, of the Python that we are, whether or not its directory is on the PATH."""
_STAND_IN: Final = 'for name in kpartx dmsetup; do mount --bind "$1" "$(command -v $name)" || exit; done; shift; exec "$@"'
_PHASES: Final = {
    "root": "the base system",
    "extra-data": "files of this machine",
    "pre-install": "what packages need",
    "install": "packages",
    "post-install": "settings",
    "finalise": "the boot loader",
}
_RUNNING: Final = re.compile(r"dib-run-parts Running \S*?/([a-z-]+)\.d/\S+$")
_NOISE: Final = ("DEBUG ", "INFO ", "Unmount ", "dib-run-parts ")
_TOLD: Final = 12
"""Lines of the log that an error shows, of the script that failed."""


@dataclass(frozen=True, slots=True)
class Built:
    """`properties` are Glance's of the image, as they are in the file beside it (`properties_file`)."""

    path: Path
    size: int
    elements: tuple[str, ...]
    properties: Mapping[str, str]


def kinds() -> list[str]:
    """What an image can be for: the elements in `templates/elements`, without their prefix."""
    return sorted(path.name.removeprefix(_PREFIX) for path in _elements_dir().iterdir() if path.is_dir())


def properties_file(image: Path) -> Path:
    """Where the properties of an image are told, for `upload`."""
    return image.with_name(f"{image.name}.json")


def build(
    names: Sequence[str],
    output: str | os.PathLike[str],
    *,
    release: str = DEFAULT_RELEASE,
    elements: Sequence[str | os.PathLike[str]] = (),
    packages: Sequence[str] = (),
    force: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Built:
    """Make a qcow2 image with the elements of `names` (`kinds`), and those in the directories `elements`; whole or not at all.

    `release` is Debian's code name, `packages` are further ones of its packages. `tell` gets each stage of the work. The
    environment goes on to diskimage-builder (`DIB_DISTRIBUTION_MIRROR`, `http_proxy` ...), what is for clouds does not.

    Raises `UsageError` for what is asked for, `ConfigurationError` for what this machine lacks (all of it), `LockedError`
    where another process makes that image, `ResourceFailed` with the last lines of the log, which is kept as `<output>.log`.
    """
    target = Path(output).absolute()
    own = [_element(Path(directory)) for directory in elements]
    _check_asked(names, target, release, force=force)
    if lacking := list(_lacking(target.parent, release)):
        raise ConfigurationError("an image cannot be made here: " + "; ".join(lacking))
    chosen = list(dict.fromkeys(f"{_PREFIX}{name}" for name in names))
    chosen += [path.name for path in own if path.name not in chosen]
    with _workshop(target.with_name(f".{target.name}.build")) as workshop:
        arguments = ["-o", str(workshop / "image"), "-t", "qcow2", "--no-tmpfs", "--image-cache", str(workshop / "cache")]
        for package in packages:
            arguments += ["-p", package]
        arguments += ["debian-minimal", "vm", "block-device-mbr", *chosen]
        (workshop / "elements").mkdir()
        for path in own:
            shutil.copytree(path, workshop / "elements" / path.name, symlinks=True)
        environment = _environment(workshop, release)
        _run(_command(arguments), environment, target.with_name(f"{target.name}.log"), tell)
        properties = _properties(release)
        # The image comes last: what tells of it may be there without it, never the other way round.
        fresh = workshop / "properties"
        fresh.write_text(json.dumps({"elements": chosen, "properties": properties}, indent=2) + "\n", encoding="utf-8")
        os.replace(fresh, properties_file(target))  # noqa: PTH105
        os.replace(workshop / "image.qcow2", target)  # noqa: PTH105
    return Built(target, target.stat().st_size, tuple(chosen), properties)


# What is asked for, and what there is


def _elements_dir() -> Path:
    return data_dir("templates") / "elements"


def _element(directory: Path) -> Path:
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory}", hint="--element names the directory of one element")
    found = directory.resolve()
    if not any(found.glob("*.d")) and not any((found / name).exists() for name in ("element-deps", "package-installs.yaml")):
        raise UsageError(
            f"{directory} is no element of diskimage-builder",
            hint="an element has element-deps, package-installs.yaml or directories such as install.d",
        )
    return found


def _check_asked(names: Sequence[str], target: Path, release: str, *, force: bool) -> None:
    known = kinds()
    for name in names:
        if name not in known:
            raise UsageError(f"there is no kind of image {name!r}", hint=nearest(name, known) or one_of(known))
    if not re.fullmatch(r"[a-z][a-z0-9.-]*", release):
        raise UsageError(f"{release!r} is no code name of a release", hint="for example --release trixie")
    if target.suffix != ".qcow2":
        raise UsageError(f"{target.name} is to be a qcow2 image", hint=f"--output {target.with_suffix('.qcow2').name}")
    if target.is_dir() or (target.exists() and not force):
        raise UsageError(f"{target} exists", hint="choose another --output, or replace it with --force")
    if not target.parent.is_dir():
        raise UsageError(f"there is no directory {target.parent}", hint="make it, or choose another --output")


def _lacking(directory: Path, release: str) -> Iterator[str]:
    """What this machine lacks, a sentence each, with what helps."""
    if not sys.platform.startswith("linux"):
        yield "images are made on Linux only"
        return
    if os.uname().machine != "x86_64":
        yield f"images are made of x86_64 machines' packages, and this is {os.uname().machine}"
    if os.geteuid() != 0:
        yield "only root can mount what is made (sudo bbq-deploy ...)"
    if find_spec("diskimage_builder") is None:
        yield "diskimage-builder is not installed (pip install 'bbq[images]')"
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_search_path()) is None]
    if missing:
        packages = " ".join(sorted({_PROGRAMS[name] for name in missing}))
        yield f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing (apt-get install {packages})"
    scripts = Path("/usr/share/debootstrap/scripts")
    if "debootstrap" not in missing and scripts.is_dir() and not (scripts / release).exists():
        yield f"debootstrap knows no release {release}"
    free = shutil.disk_usage(directory).free
    if free < _ROOM:
        yield f"{directory} has {free / (1 << 30):.1f} GiB free, {_ROOM >> 30} GiB are needed"


def _properties(release: str) -> dict[str, str]:
    """https://docs.openstack.org/glance/latest/admin/useful-image-properties.html"""
    found = {"os_type": "linux", "os_distro": "debian", "os_admin_user": "debian", "architecture": "x86_64"}
    return {**found, "os_version": _VERSIONS[release]} if release in _VERSIONS else found


# The work


@contextmanager
def _workshop(directory: Path) -> Iterator[Path]:
    """An empty directory, ours alone while we live, gone afterwards with all that hung on it."""
    directory.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not directory.exists():  # another process took it away after we had opened it
                raise BlockingIOError
        except BlockingIOError:
            raise LockedError("another process makes this image", hint="wait for it, or choose another --output") from None
        _swept(directory)
        try:
            yield directory
        finally:
            _swept(directory)
            with suppress(OSError):  # another process may have come to wait for it
                directory.rmdir()
    finally:
        os.close(lock)


def _swept(directory: Path) -> None:
    """Take away what a build has left: loop devices of its files, and the files. Its mounts and processes are gone."""
    columns = "NAME,BACK-FILE,BACK-INO,BACK-MAJ:MIN"
    loops = json.loads(_said(["losetup", "--list", "--json", "--output", columns], check=True) or "{}").get("loopdevices", ())
    # Names of files are those of mounts that are gone.
    files = {_identity(path) for path in directory.glob("dib_image.*/*.raw")}
    ours = [one["name"] for one in loops if (int(one["back-ino"]), one["back-maj:min"].replace(" ", "")) in files]
    names = {Path(name).name for name in ours}
    parts = [one["name"] for one in loops if Path(one["back-file"] or "").name in names]  # see loop-partitions
    for name in ours:
        _said(["kpartx", "-d", name])
    for name in [*parts, *ours]:
        _said(["losetup", "--detach", name])
    for node in Path("/dev/mapper").glob("loop*p*"):
        found = node.lstat()
        if stat.S_ISBLK(found.st_mode) and os.major(found.st_rdev) == _LOOP and f"/dev/loop{os.minor(found.st_rdev)}" in parts:
            node.unlink()
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _search_path() -> str:
    """With the directories of root's programs, which not everybody's PATH has."""
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"


def _said(command: Sequence[str], *, check: bool = False) -> bytes:
    environment = {**os.environ, "PATH": _search_path()}
    return subprocess.run(command, capture_output=True, check=check, env=environment).stdout


def _identity(path: Path) -> tuple[int, str]:
    found = path.stat()
    return found.st_ino, f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"


def _environment(workshop: Path, release: str) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "BBQ_", "PYTHON"))}
    paths = [str(workshop / "elements"), *filter(None, [passed.get("ELEMENTS_PATH")]), str(_elements_dir())]
    return {
        **passed,
        "PATH": f"{Path(sys.executable).parent}:{_search_path()}",
        "TMPDIR": str(workshop),
        "DIB_LOCKFILES": str(workshop / "locks"),
        "DIB_PYTHON_EXEC": sys.executable,
        "DIB_NO_TIMESTAMP": "1",
        "DIB_RELEASE": release,
        "ELEMENTS_PATH": ":".join(paths),
    }


def _command(arguments: Sequence[str]) -> list[str]:
    """The first process of its namespaces dies with us, all others with it, and with them their mounts."""
    start = [sys.executable, "-c", _START, *arguments]
    if not _has_device_mapper():
        stand_in = data_dir("templates") / "image-build" / "loop-partitions"
        start = ["sh", "-c", _STAND_IN, "sh", str(stand_in), *start]
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    return ["setpriv", "--pdeathsig", "KILL", *alone, *start]


def _has_device_mapper() -> bool:
    """Without it there are no partitions of loop devices by kpartx."""
    try:
        os.close(os.open("/dev/mapper/control", os.O_RDWR))
    except OSError:
        return False
    return True


def _run(command: Sequence[str], environment: Mapping[str, str], log: Path, tell: Callable[[str], None]) -> None:
    last: deque[str] = deque(maxlen=_TOLD)
    phase = ""
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # an interrupt is for us
        )
        try:
            for line in process.stdout or ():
                file.write(line)
                text, found = line.strip(), _RUNNING.search(line.strip())
                if found:
                    last.clear()
                if text and not text.startswith(_NOISE):
                    last.append(text)
                now = _PHASES.get(found[1], phase) if found else "the image's file" if "qemu-img convert" in text else phase
                if now != phase:
                    tell(phase := now)
                    file.flush()
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()  # until the last of them has closed it
    if code:
        shown = "\n  ".join(last)
        raise ResourceFailed(f"diskimage-builder failed ({code}); it said last:\n  {shown}", hint=f"all of it is in {log}")
