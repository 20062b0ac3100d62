"""Which flavor and which image: the smallest, and the one that is meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from bbq.render.hot.catalogue import Flavor, Image

_MIB: Final = 1024**2
_GIB: Final = 1024**3
_LINUX: Final = "almalinux arch centos cirros coreos debian fedora gentoo opensuse oraclelinux rhel rocky sles suse ubuntu"
_FAMILIES: Final[dict[str, frozenset[str]]] = {"linux": frozenset(_LINUX.split()), "windows": frozenset({"windows"})}
_ALIASES: Final = {
    "redhat": "rhel",
    "redhatenterpriselinux": "rhel",
    "rockylinux": "rocky",
    "alma": "almalinux",
    "fedoracoreos": "coreos",
    "amd64": "x86_64",
    "x8664": "x86_64",
    "arm64": "aarch64",
    "i386": "i686",
}


@dataclass(frozen=True, slots=True)
class Need:
    """What a server asks of its flavor; `memory` and `disk` in bytes, 0 where it asks for nothing."""

    name: str = ""
    vcpus: int = 0
    memory: int = 0
    disk: int = 0
    gpus: int = 0

    def __str__(self) -> str:
        parts = [f"{self.vcpus} vCPU{'s' * (self.vcpus != 1)}"] if self.vcpus else []
        parts += [f"{_amount(self.memory)} of memory"] if self.memory else []
        parts += [f"{_amount(self.disk)} of disk"] if self.disk else []
        parts += [f"{self.gpus} GPU{'s' * (self.gpus != 1)}"] if self.gpus else []
        return ", ".join(parts)

    def met_by(self, flavor: Flavor) -> bool:
        return (
            flavor.vcpus >= self.vcpus
            and flavor.ram * _MIB >= self.memory
            and flavor.disk * _GIB >= self.disk
            and flavor.gpus >= self.gpus
        )


def smallest(need: Need, flavors: Iterable[Flavor], image: Image | None = None) -> Flavor | None:
    """The flavor with the fewest vCPUs, then the least memory and disk, that has all of it, and room for the image; one with
    GPUs only where they are asked for."""
    fit = [flavor for flavor in flavors if need.met_by(flavor)]
    if image is not None:
        fit = [one for one in fit if one.ram >= image.min_ram and (one.disk == 0 or one.disk >= image.min_disk)]
    return min(fit, key=lambda one: (one.gpus, one.vcpus, one.ram, one.disk, one.name), default=None)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a server asks of its image: a name or ID (with the cloud that has it in `host`), or an operating system."""

    name: str = ""
    host: str = ""
    architecture: str = ""
    type: str = ""
    distribution: str = ""
    version: str = ""
    foreign: str = ""
    """The reference, where it is to an image of another kind of cloud: that is told already."""

    def __str__(self) -> str:
        if self.name:
            return f"{self.name}{f' of {self.host}' if self.host else ''}"
        return " ".join(part for part in (self.distribution or self.type, self.version, self.architecture) if part)


_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/]*)/(?P<path>.+)", re.IGNORECASE)
_AMI = re.compile(r"(?:[a-z0-9-]+/)?ami-[0-9a-f]{8,}")


def image_reference(text: str) -> tuple[Wish | None, str]:
    """(the wish, "") of a name, an ID or `ost://host/id`; (None, the kind of cloud) of another cloud's image."""
    match = _URL.fullmatch(text.strip())
    if match is None:
        return (None, "AWS") if _AMI.fullmatch(text.strip()) else (Wish(name=text.strip()), "")
    if match["scheme"].lower() != "ost":
        return None, match["scheme"].lower()
    return Wish(name=match["path"], host=match["host"]), ""


def fitting(wish: Wish, images: Iterable[Image]) -> list[Image]:
    """The images that are meant, the best first: several of them are all as good."""
    if wish.name:
        images = list(images)
        return [image for image in images if image.id == wish.name] or [image for image in images if image.name == wish.name]
    fit = [image for image in images if _runs(wish, image)]
    best = max(map(_rank, fit), default=None)
    return [image for image in fit if _rank(image) == best]


def _rank(image: Image) -> tuple[list[int], str]:
    return _numbers(image.os_version or _told(image.name)[1]), image.created_at


def _runs(wish: Wish, image: Image) -> bool:
    distribution, version = _told(image.name)
    distribution = _plain(image.os_distro) or distribution
    version = image.os_version or version
    architecture = _plain(image.architecture)
    kind = _plain(image.os_type) or next((name for name, known in _FAMILIES.items() if distribution in known), "")
    tests: list[tuple[str, str, Callable[[str, str], bool]]] = [
        # What an image does not say of its architecture is x86-64; of its kind, Linux.
        (_plain(wish.architecture), architecture or "x86_64", str.__eq__),
        (_plain(wish.type), kind or "linux", str.__eq__),
        (_plain(wish.distribution), distribution, str.__eq__),
        (wish.version, version, _same_version),
    ]
    return all(not wanted or test(wanted, found) for wanted, found, test in tests)


def _same_version(wanted: str, found: str) -> bool:
    """`16` is met by 16.04, `18.0` by 18."""
    asked, there = _numbers(wanted), _numbers(found)
    while len(asked) > 1 and asked[-1] == 0 and len(there) < len(asked):
        asked.pop()
    return bool(asked) and there[: len(asked)] == asked


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _told(name: str) -> tuple[str, str]:
    """(distribution, version) that an image's name tells: `Ubuntu 22.04 LTS`, `debian-12-generic`."""
    words = re.findall(r"[a-z]+|\d+(?:\.\d+)*", name.lower().replace("x86_64", " ").replace("amd64", " "))
    known = frozenset().union(*_FAMILIES.values())
    for index, word in enumerate(words):
        word = _ALIASES.get(word, word)
        if word in known:
            return word, next((other for other in words[index + 1 :] if other[0].isdigit()), "")
    return "", ""


def _plain(text: str) -> str:
    word = re.sub(r"[^a-z0-9]", "", text.lower())
    return _ALIASES.get(word, word)


def _amount(size: int) -> str:
    for unit, factor in (("GB", 1000**3), ("GiB", _GIB), ("MB", 1000**2), ("MiB", _MIB)):
        if size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size / 1000**3:.3g} GB"
