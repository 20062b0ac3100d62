"""Places: where a file of a template is, how it is read, and what a relative name in it means.

Four kinds: a file of a directory, a member of an archive, bytes that were fetched, and (around one of these) what import map,
lock file or network have for a URL. Each confines the names that its file may use.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bbq import facts
from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.origins import cache, lock
from bbq.origins.hosts import host_of, option
from bbq.origins.lock import Pin
from bbq.origins.refused import Damaged, Refused
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.yamlreader import DEFAULT_LIMITS, Document, read_bytes, read_file

if TYPE_CHECKING:
    from bbq.origins.archive import Archive

PROFILES: Final = {
    "bbq:1.0": "bbq.yaml",
    "bbq.openstack:1.0": "../openstack/types.yaml",
    "tosca-simple:1.0": "tosca-simple-1.0.yaml",
    "tosca-simple:1.1": "tosca-simple-1.1.yaml",
    "tosca-simple:1.2": "tosca-simple-1.2.yaml",
    "tosca-simple:1.3": "tosca-simple-1.3.yaml",
    "tosca-simple-nfv:1.0": "tosca-simple-nfv-1.0.yaml",
    "tosca-simple-nfv:1.0.0": "tosca-simple-nfv-1.0.0.yaml",
    "org.oasis-open.simple:2.0": "org.oasis-open.simple-2.0/profile.yaml",
}
"""Bundled profiles: name -> file below `templates/types/`."""


class Place(Protocol):
    """`key` is the same for the same file, however it is named; `shown` is what diagnostics call it. What is `foreign` is not
    the user's to correct; a `bundled` file is bbq's own."""

    @property
    def key(self) -> str: ...
    @property
    def shown(self) -> str: ...
    @property
    def foreign(self) -> bool: ...
    @property
    def bundled(self) -> bool: ...

    def read(self, bag: DiagnosticBag, *, judge: bool = True) -> Document | None:
        """The YAML document in it, or None with the reason in `bag`. `judge` as in `yamlreader.read_file`."""

    def beside(self, target: str) -> Place:
        """The file that a path in this file means, relative or absolute. Raises `Refused`."""

    def local(self, target: str) -> Place:
        """The file that a `file:` URL means, by its path. Raises `Refused`."""

    def has(self, file: str) -> bool | None:
        """Is there the file (an artifact) that a path in this file means? None where nobody can know."""

    def path_of(self, file: str) -> str:
        """That file as those who use it get it: an absolute path, or a URL."""


class Disk:
    """Files as they are on the disk, with an `overlay` of contents that are not there yet."""

    def __init__(self, overlay: Mapping[Path, bytes]) -> None:
        self._overlay = {Path(facts.realpath(path)): content for path, content in overlay.items()}

    def is_file(self, path: Path) -> bool:
        return path in self._overlay or facts.is_file(path)

    def read(self, path: Path, shown: str, bag: DiagnosticBag, *, judge: bool) -> Document | None:
        content = self._overlay.get(path)
        if content is not None:
            return read_bytes(content, shown, bag, DEFAULT_LIMITS, judge=judge)
        return read_file(path, bag, DEFAULT_LIMITS, name=shown, judge=judge)


_DISK: Final = Disk({})


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of a directory. Relative imports stay below `home`, absolute ones below the file's own folder. `mount` is the
    profile that an import map has there, for the profile's file and those that it imports."""

    path: Path
    shown: str
    home: Path
    bundled: bool = False
    mount: str | None = None
    disk: Disk = field(default=_DISK, compare=False, repr=False)

    @property
    def key(self) -> str:
        return str(self.path)

    @property
    def foreign(self) -> bool:
        return False

    def read(self, bag: DiagnosticBag, *, judge: bool = True) -> Document | None:
        return self.disk.read(self.path, self.shown, bag, judge=judge)

    def beside(self, target: str) -> LocalFile:
        if target.startswith("/"):
            return self.local(target)
        return self._confined(target, self.home, os.path.normpath(Path(self.shown).parent / target))

    def local(self, target: str) -> LocalFile:
        return self._confined(target, self.path.parent, target)

    def _confined(self, target: str, confined: Path, shown: str) -> LocalFile:
        if "\0" in target:
            raise Refused("BBQ-T020", "the name of an imported file holds a NUL character")
        real = Path(facts.realpath(self.path.parent / target))
        if not real.is_relative_to(facts.realpath(confined)):
            raise Refused(
                "BBQ-T022",
                f"import {quoted(target, 200)} is outside the template's folder",
                "move the file below the template, or map it with --import-map PREFIX=DIR",
            )
        return found(LocalFile(real, shown, self.home, self.bundled, self.mount, self.disk), target)

    def content(self) -> bytes:
        """No more than a template may have. Raises `Refused`."""
        try:
            return facts.read(self.path, DEFAULT_LIMITS.file_bytes)
        except OSError as error:
            raise Refused("BBQ-Y001", f"cannot read {quoted(self.shown)}: {error.strerror or error}") from None

    def has(self, file: str) -> bool | None:
        return self.bundled or "\0" in file or facts.exists(self.path.parent / file)

    def path_of(self, file: str) -> str:
        return file if "\0" in file else str(self.path.parent / file)


def found(file: LocalFile, named: str) -> LocalFile:
    """The file, which must be there. Raises `Refused`."""
    if not file.disk.is_file(file.path):
        raise Refused("BBQ-T020", f"imported file {quoted(named, 200)} does not exist or is not a file")
    return file


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, which is a world of its own: a path that begins with `/` begins at its root (TOSCA 2.0 section
    6.8.2.2), and none leaves it."""

    archive: Archive
    name: str

    @property
    def key(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        return f"{self.archive.file}!/{self.name}"

    @property
    def foreign(self) -> bool:
        return False

    @property
    def bundled(self) -> bool:
        return False

    def content(self) -> bytes:
        try:
            return self.archive.read(self.name)
        except Damaged as error:
            raise Refused("BBQ-T306", str(error)) from None

    def read(self, bag: DiagnosticBag, *, judge: bool = True) -> Document | None:
        size, where = self.archive.members[self.name].size, SourceRange(self.shown, 1, 1)
        if size > DEFAULT_LIMITS.file_bytes:
            bag.error("BBQ-Y002", f"the file has {size:,} bytes; at most {DEFAULT_LIMITS.file_bytes:,} are read", where)
            return None
        try:
            return read_bytes(self.content(), self.shown, bag, DEFAULT_LIMITS, judge=judge)
        except Refused as error:
            bag.error(error.code, error.message, where)
            return None

    def _name(self, target: str) -> str | None:
        """The member's name; None where it would be outside."""
        joined = target.lstrip("/") if target.startswith("/") else posixpath.join(posixpath.dirname(self.name), target)
        name = posixpath.normpath(joined)
        return None if name == ".." or name.startswith("../") else name

    def beside(self, target: str) -> Member:
        name = self._name(target)
        if name is None:
            raise Refused(
                "BBQ-T314",
                f"import {quoted(target, 200)} is outside the archive",
                "pack the file into the archive: bbq-deploy package does it",
            )
        if name not in self.archive.members:
            text = f"imported file {quoted(name, 200)} is not in the archive"
            raise Refused("BBQ-T020", text, name=name, known=self.archive.templates)
        return Member(self.archive, name)

    def local(self, target: str) -> Place:
        raise Refused(
            "BBQ-T314",
            f"import {quoted('file:' + target, 200)} is outside the archive",
            "name the file by its path in the archive",
        )

    def has(self, file: str) -> bool | None:
        name = self._name(file)
        return name in self.archive.members or name in self.archive.folders

    def path_of(self, file: str) -> str:
        name = self._name(file)
        return file if name is None else str(self.archive.directory / name)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes that came from a URL; there is nothing beside them."""

    content: bytes
    shown: str

    @property
    def key(self) -> str:
        return self.shown

    def read(self, bag: DiagnosticBag, *, judge: bool = True) -> Document | None:
        return read_bytes(self.content, self.shown, bag, DEFAULT_LIMITS, judge=judge)

    def has(self, file: str) -> bool | None:
        return False

    def path_of(self, file: str) -> str:
        return _joined(self.shown, file)


@dataclass(frozen=True, slots=True)
class Remote:
    """What stands for a URL. Paths in it are URLs beside it, so that import map and lock file stay the one authority.
    `pinned` is False where the network gave it and no lock file says what it should be."""

    url: str
    inner: LocalFile | Member | Fetched
    resolver: Resolver
    pinned: bool = True

    @property
    def key(self) -> str:
        return self.inner.key

    @property
    def shown(self) -> str:
        return self.inner.shown

    @property
    def foreign(self) -> bool:
        return True

    @property
    def bundled(self) -> bool:
        return False

    def read(self, bag: DiagnosticBag, *, judge: bool = True) -> Document | None:
        return self.inner.read(bag, judge=judge)

    def beside(self, target: str) -> Place:
        return self.resolver.url(_joined(self.url, target))

    def local(self, target: str) -> Place:
        raise Refused("BBQ-T022", f"import {quoted('file:' + target, 200)} of a remote file is a local path")

    def has(self, file: str) -> bool | None:
        return None

    def path_of(self, file: str) -> str:
        return self.inner.path_of(file) if self.inner.has(file) else _joined(self.url, file)


class Resolver:
    """Finds what URLs and profile names mean: the import map first, then the lock file with the cache, then the network where
    the user gave leave: `fetch` (see `bbq.origins.hosts.fetcher`) raises `Refused`. A URL is fetched once.

    `root` is the place of the template that `pins` (its lock file) lies beside. `used` tells what every name was.
    """

    def __init__(
        self,
        profiles: Path,
        import_map: Mapping[str, str | os.PathLike[str]] | None,
        fetch: Callable[[str], bytes] | None = None,
    ) -> None:
        self.pins: Mapping[str, Pin] = {}
        self.root: LocalFile | Member | None = None
        self.used: dict[str, Place] = {}
        self.import_map = {prefix: Path(target) for prefix, target in (import_map or {}).items()}
        self._profiles = profiles
        self._fetch = fetch
        self._disk = _DISK

    def start(self, root: LocalFile | Member, bag: DiagnosticBag) -> None:
        """Take the pins of the lock file beside the template at `root`; what is wrong with it is reported at its lines."""
        self.root = root
        if isinstance(root, LocalFile):
            self._disk = root.disk
        if root.bundled or not root.has(lock.NAME):
            return
        document = root.beside(lock.NAME).read(bag, judge=False)
        if document is not None:
            self.pins = lock.parse(document, bag)

    def bundled(self, name: str) -> LocalFile:
        path = self._profiles / PROFILES[name]
        return LocalFile(Path(facts.realpath(path)), str(path), path.parent, bundled=True)

    def is_profile(self, name: str) -> bool:
        """Is it a name that needs no `profile` keyname to be one?"""
        return name in PROFILES or name in self.import_map or ("//" not in name and name in self.pins)

    def profile(self, name: str) -> Place:
        """Raises `Refused`."""
        if name not in self.used:
            mapped, pin = self.import_map.get(name), self.pins.get(name)
            if mapped is not None:
                real = Path(facts.realpath(mapped))
                self.used[name] = found(LocalFile(real, str(mapped), real.parent, mount=name, disk=self._disk), str(mapped))
            elif name in PROFILES:
                self.used[name] = self.bundled(name)
            elif pin is not None and pin.path:
                self.used[name] = self._kept(name, pin)
            else:
                hint = nearest(name, PROFILES) or f"{one_of(PROFILES)}; others by --import-map {name}=FILE"
                raise Refused("BBQ-T024", f"unknown profile {quoted(name, 200)}", hint)
        return self.used[name]

    def url(self, url: str) -> Place:
        """Raises `Refused`."""
        if url not in self.used:
            self.used[url] = self._find(url)
        return self.used[url]

    def _find(self, url: str) -> Remote:
        prefixes = [prefix for prefix in self.import_map if url.startswith(prefix)]
        if prefixes:
            return Remote(url, self._mapped(url, max(prefixes, key=len)), self)
        pin = self.pins.get(url)
        if pin is None:
            return Remote(url, Fetched(self._fetched(url, None), url), self, pinned=False)
        if pin.path:
            return Remote(url, self._kept(url, pin), self)
        content = cache.get(pin.sha256, pin.size)
        if content is None:
            content = self._fetched(url, pin)
            pin.verify(content, url)
            with suppress(OSError):  # it is fetched again the next time
                cache.put(content)
        return Remote(url, Fetched(content, url), self)

    def _mapped(self, url: str, prefix: str) -> LocalFile:
        base = Path(facts.realpath(self.import_map[prefix]))
        if "\0" in url:
            raise Refused("BBQ-T020", "the name of an imported file holds a NUL character")
        real = Path(facts.realpath(base / url[len(prefix) :].lstrip("/")))
        if not real.is_relative_to(base):
            raise Refused("BBQ-T022", f"import {quoted(url, 200)} leaves the folder that it is mapped to")
        return found(LocalFile(real, str(real), base, disk=self._disk), url)

    def _kept(self, name: str, pin: Pin) -> LocalFile | Member:
        """The file that the lock file names, beside it."""
        assert self.root is not None
        place = self.root.beside(pin.path)
        pin.verify(place.content(), name)
        return place

    def _fetched(self, url: str, pin: Pin | None) -> bytes:
        scheme = url.partition(":")[0].lower()
        if scheme not in ("http", "https"):
            raise Refused("BBQ-T026", f"imports over `{scheme}:` are not supported", "use a relative path")
        hint = f"copy it and map it: --import-map {url.rsplit('/', 1)[0]}/=DIR"
        lock_it = self._lock_command(url)
        if lock_it:
            hint += f"; or fetch and pin it: {lock_it}"
        if self._fetch is None and pin is None:
            raise Refused("BBQ-T021", f"import {quoted(url, 200)} is remote, and nothing is read over the network", hint)
        if self._fetch is None:
            text = f"import {quoted(url, 200)} is locked, but not in the cache, and nothing is read over the network"
            raise Refused("BBQ-T323", text, f"to fetch it again: {lock_it}" if lock_it else hint)
        facts.unrepeatable()  # the network has the answer
        try:
            return self._fetch(url)
        except Refused as error:
            raise Refused(error.code, error.message, error.hint or hint) from None

    def _lock_command(self, url: str) -> str | None:
        """What pins it; None in an archive, and where nothing but plain http would get it."""
        host = host_of(url)
        if host is None or host.scheme != "https" or not isinstance(self.root, LocalFile):
            return None
        return f"bbq-deploy lock {self.root.shown} --allow-host {option(host)}"


def _joined(url: str, target: str) -> str:
    from urllib.parse import urljoin

    return urljoin(url, target)
