"""`bbq-deploy package`: a template with everything that belongs to it, in one archive (CSAR) that needs nothing else.

The template, the files that it imports and the files that all of these name keep their places relative to each other. What an
import map, the lock file or the network gave for a URL goes below `bbq-imports/`, and a lock file in the archive says what is
what: no template is rewritten, and every digest stays what it was. How-to: docs/how-to/package.md.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import relpath
from typing import TYPE_CHECKING, Any, Final

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.errors import ConfigurationError, TemplateError, UsageError
from bbq.origins import is_archive, lock
from bbq.origins.lock import Pin
from bbq.origins.whole import whole
from bbq.origins.writer import Source, write_archive
from bbq.topology.sources import Tree, matching, named_files
from bbq.tosca.csar import MANIFEST, META, meta_text
from bbq.tosca.load import Examined, examine
from bbq.tosca.model import Function
from bbq.tosca.places import Fetched, LocalFile, Place, Remote
from bbq.tosca.reading import quoted
from bbq.wording import refuse_errors
from bbq.yamlreader import at

if TYPE_CHECKING:
    from bbq.operations.wanted import Imports
    from bbq.tosca.files import Files
    from bbq.tosca.model import NodeTemplate, ParameterDef, ServiceTemplate

StrPath = str | os.PathLike[str]
FOLDER: Final = "bbq-imports"
"""Where remote imports are in an archive."""
_ABSOLUTE: Final = "is an absolute path, which means nothing in an archive"
_RELATIVE: Final = "write it relative to this file"


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive that was written: the names of its files in order, and what the user should hear."""

    path: Path
    members: tuple[str, ...]
    notices: tuple[str, ...]


def package(
    path: StrPath,
    output: StrPath,
    imports: Imports,
    *,
    include: Sequence[str] = (),
    others: Sequence[StrPath] = (),
    force: bool = False,
) -> Packed:
    """Pack the template at `path` into the archive `output`, which is written whole or not at all.

    `include` are patterns of further files below the template's folder; `others` are templates that may stand for nodes of it
    (Other-Definitions). The same files make the same bytes. Raises `TemplateError` where the template is not valid, or
    something that it names cannot be packed; `UsageError` where `output` is there and is not to be replaced (`force`).
    """
    target = Path(output)
    taken = UsageError(f"{target} exists", hint="choose another --output, or replace it with --force")
    if target.is_dir() or (target.exists() and not force):
        raise taken
    if not target.absolute().parent.is_dir():
        raise UsageError(f"there is no directory {target.parent}", hint="make it, or choose another --output")
    examined = [_examined(each, imports) for each in (path, *others)]
    contents = _Contents(examined, include)
    if contents.bag.has_errors:
        raise TemplateError(f"{os.fspath(path)} cannot be packed as it is", contents.bag.sorted())
    members, entry, definitions = contents.members()
    name, text = meta_text(examined[0].files[0].main.grammar, "bbq", entry, definitions)
    members[name] = text.encode()
    try:
        with whole(target, replace=force) as stream:
            write_archive(stream, members, MANIFEST)
            stream.flush()
            _check(stream.name, target)
    except FileExistsError:
        raise taken from None
    except OSError as error:
        raise ConfigurationError(f"{error.filename or target}: {error.strerror}") from None
    return Packed(target, tuple(sorted({*members, MANIFEST})), tuple(contents.notices))


def _examined(path: StrPath, imports: Imports) -> Examined:
    if is_archive(path):
        raise UsageError(f"{os.fspath(path)} is an archive already")
    examined = examine(path, import_map=imports.import_map, allowed_hosts=imports.allowed_hosts, whole=True)
    refuse_errors(examined.found, os.fspath(path))
    return examined


def _check(written: str, target: Path) -> None:
    """The archive alone, offline, with nothing mapped, has to be valid, too."""
    found = [item for item in examine(written).found if item.severity == "error"]
    if found:
        found = [replace(item, file=item.file.replace(written, str(target))) for item in found]
        raise TemplateError(f"{target} would not be valid by itself, and was not written", found)


class _Contents:
    """What belongs to some templates, the first of which is the service. `local` maps a path, as the templates have it, to the
    file that it really is; `kept` a name in the archive to what goes there; `pins` an import to what it is and its name."""

    def __init__(self, templates: Sequence[Examined], include: Sequence[str]) -> None:
        self.bag = DiagnosticBag()
        self.notices: list[str] = []
        self._local: dict[Path, Path] = {}
        self._kept: dict[str, Source] = {}
        self._pins: dict[str, tuple[Pin, str]] = {}
        self._mains = [Path(files.main.place.key) for each in templates for files in each.files]
        for examined in templates:
            for files in examined.files:
                self._files(files)
        service = templates[0].service
        assert service is not None
        tree = Tree.of(service)
        main = templates[0].files[0].main.place
        self._home = main.home if isinstance(main, LocalFile) else tree.directory
        for examined in templates:
            for node in examined.service.node_templates.values() if examined.service else ():
                self._programs(node, service, tree)
        for pattern in include:
            found = [path for path in matching([pattern], tree.directory, tree) if path.is_file()]
            if not found:
                raise UsageError(f"--include {pattern} fits no file in {tree.directory}", hint="patterns are relative to it")
            for path in found:
                self._add(path, self._home, SourceRange(service.path, 1, 1), f"--include {pattern}")

    def _files(self, files: Files) -> None:
        for name, place in files.resolver.used.items():
            if isinstance(place, Remote):
                content = place.inner.content if isinstance(place.inner, Fetched) else place.inner.content()
                self._pins[name] = Pin.of(content), kept_name(name)
                self._kept[kept_name(name)] = content
            elif isinstance(place, LocalFile) and place.mount:
                self._pins[name] = Pin.of(place.content()), self._mounted(place, place.path)
        for unit in files.units.values():
            if not unit.bundled:
                if isinstance(unit.place, LocalFile) and unit.place.mount:
                    self._mounted(unit.place, unit.place.path)
                elif isinstance(unit.place, LocalFile):
                    self._add(unit.place.path, unit.place.home, SourceRange(unit.file, 1, 1), "the template")
                for file, node, what in unit.named:
                    self._named(unit.place_at(node), file, at(node), what)
        for unit, node, text, place in files.followed:
            if isinstance(unit.place, LocalFile) and isinstance(place, LocalFile) and not (place.bundled or place.mount):
                if text.startswith("/") or text.lower().startswith("file:"):
                    self.bag.error("BBQ-T314", f"import {quoted(text)} {_ABSOLUTE}", at(node), _RELATIVE)
                else:  # by the name that the template has for it, which may be a symbolic link's
                    self._add(_beside(unit.place, text), place.home, at(node), f"import {quoted(text)}")

    def _mounted(self, place: LocalFile, path: Path) -> str:
        """A file of a profile that an import map has. They keep their places relative to each other."""
        name = f"{kept_name(place.mount or '')}/{relpath(path, os.path.realpath(place.home))}"
        self._kept[name] = path
        return name

    def _named(self, place: Place, file: str, where: SourceRange, what: str) -> None:
        """A file that a template names, as an artifact or an implementation."""
        inner = place.inner if isinstance(place, Remote) else place
        if not isinstance(inner, LocalFile):
            return  # fetched: there is nothing beside it
        if file.startswith("/"):
            if inner is place:
                self.bag.error("BBQ-T314", f"{what}: {quoted(file)} {_ABSOLUTE}", where, _RELATIVE)
            return
        path = _beside(inner, file)
        if isinstance(place, Remote) or inner.mount:
            real = Path(os.path.realpath(path))
            if real.is_file() and real.is_relative_to(os.path.realpath(inner.home)):
                if isinstance(place, Remote):
                    self._kept[os.path.normpath(f"{os.path.dirname(kept_name(place.url))}/{file}")] = real  # noqa: PTH120
                else:
                    self._mounted(inner, path)
        elif path.is_dir():
            for each in _walk(path):
                self._add(each, inner.home, where, what)
        else:
            self._add(path, inner.home, where, what)

    def _programs(self, node: NodeTemplate, service: ServiceTemplate, tree: Tree) -> None:
        """The files that properties name. They are relative to the first template's folder, whoever has the property."""
        values = {name: _literal(value, service) for name, value in node.properties.items()}
        for name, definition in node.type.properties.items():
            value = values.get(name)
            where = node.property_at.get(name, node.at)
            what = f"property {quoted(name)} of node template {quoted(node.name)}"
            if not _names_file(definition) or node.properties.get(name) is None:
                continue
            if value is None or (isinstance(value, list) and None in value):
                self.notices.append(f"{where}: {what} is computed; what it names is packed only by --include")
            elif isinstance(value, str):
                self._add(Path(os.path.normpath(tree.directory / value)), self._home, where, what)
        for path in named_files(node.type.properties, values, tree):
            if path.is_file():
                self._add(Path(os.path.normpath(path)), self._home, node.at, f"node template {quoted(node.name)}")

    def _add(self, path: Path, home: Path, where: SourceRange, what: str) -> None:
        """A file of the project. Links must not lead out of it: what they point to would be packed."""
        real = Path(os.path.realpath(path)) if "\0" not in str(path) else path
        if not real.is_relative_to(os.path.realpath(home)):
            text = f"{what}: {quoted(path)} is outside the folder that is packed"
            self.bag.error("BBQ-T314", text, where, f"copy it to below {home}")
        elif "\0" in str(real) or not real.is_file():
            self.bag.error("BBQ-T110", f"{what}: there is no file {quoted(path)}", where)
        else:
            self._local[path] = real

    def members(self) -> tuple[dict[str, Source], str, list[str]]:
        """Name in the archive -> what goes there; the service's name; the names of the other templates."""
        root = Path(os.path.commonpath([path.parent for path in self._local]))
        found: dict[str, Source] = {path.relative_to(root).as_posix(): real for path, real in self._local.items()}
        entry, *others = (path.relative_to(root).as_posix() for path in self._mains)
        folder = os.path.dirname(entry)  # noqa: PTH120
        if self._pins:
            pins = {name: replace(pin, path=relpath(place, folder or ".")) for name, (pin, place) in self._pins.items()}
            self._kept[os.path.normpath(f"{folder}/{lock.NAME}").lstrip("/")] = lock.text(pins).encode()
        own = {*self._kept, MANIFEST, *META}
        taken = sorted(name for name in found if name in own or name.startswith(FOLDER + "/"))
        odd = next((name for name in found if not name.isprintable()), None)
        if odd is not None:
            raise UsageError(f"{odd!r}: a file of an archive has a name that can be printed", hint="rename it")
        if taken:
            raise UsageError(f"{', '.join(taken[:3])}: the archive has a file of its own by that name", hint="rename yours")
        return {**found, **self._kept}, entry, others


def kept_name(import_: str) -> str:
    """Where a URL or a profile is in an archive: below `bbq-imports/`, by host and path. Two that differ in case, or in what a
    file's name cannot have, are told apart by a digest."""
    scheme, _, rest = import_.partition("://") if "://" in import_ else ("", "", import_)
    parts = [re.sub(r"[^a-z0-9._-]", "_", part.lower())[:100].strip(".") or "_" for part in rest.split("/") if part]
    name = "/".join(parts) or "_"
    if scheme == "https" and name == rest:
        return f"{FOLDER}/{name}"
    stem, suffix = os.path.splitext(name) if scheme else (name, "")  # noqa: PTH122
    return f"{FOLDER}/{stem}-{hashlib.sha256(import_.encode()).hexdigest()[:8]}{suffix}"


def _beside(place: LocalFile, file: str) -> Path:
    return Path(os.path.normpath(place.path.parent / file))


def _walk(folder: Path) -> Iterator[Path]:
    for above, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(above, name) for name in sorted(files))


def _names_file(definition: ParameterDef) -> bool:
    return any(definition.metadata.get(key) is True for key in ("bbq_file", "bbq_path"))


def _literal(value: Any, service: ServiceTemplate) -> Any:
    """A value that is the same in every deployment, or an input's default; None for what is computed."""
    if isinstance(value, Function):
        name = value.args[0] if value.name == "get_input" and len(value.args) == 1 else None
        given = service.inputs.get(name) if isinstance(name, str) else None
        return given.default if given is not None and not isinstance(given.default, Function) else None
    if isinstance(value, list):
        return [_literal(item, service) for item in value]
    return value
