"""From a path to a checked service template."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from yaml import Node, ScalarNode

from bbq import facts
from bbq.collection import paused
from bbq.datafiles import data_dir
from bbq.diagnostics import Diagnostic, DiagnosticBag, listed
from bbq.origins import is_archive
from bbq.origins.hosts import fetcher
from bbq.sources import Sources
from bbq.tosca.artifacts import missing_files
from bbq.tosca.csar import Csar, read_csar
from bbq.tosca.files import Files, Unit
from bbq.tosca.flaws import FlawFinder
from bbq.tosca.functions import Uses
from bbq.tosca.model import ServiceTemplate
from bbq.tosca.nodes import Templates
from bbq.tosca.overlays import Overlays, partial
from bbq.tosca.places import Disk, LocalFile, Member, Resolver
from bbq.tosca.reading import Reader, quoted, shape
from bbq.tosca.references import check_references
from bbq.tosca.schemas import Definitions, canonical
from bbq.tosca.service import read_service
from bbq.tosca.signatures import read_functions
from bbq.tosca.trees import adopt_tree, tree_of
from bbq.tosca.types import Types
from bbq.tosca.usage import used_types
from bbq.wording import told
from bbq.yamlreader import at

_TOO_MANY: Final = "BBQ-T004"
StrPath = str | os.PathLike[str]


def load(
    path: StrPath,
    *,
    import_map: Mapping[str, StrPath] | None = None,
    offline: bool = True,
    allowed_hosts: Sequence[str] = (),
    unpacked: StrPath | None = None,
    overlay: Mapping[Path, bytes] | None = None,
) -> tuple[ServiceTemplate | None, list[Diagnostic]]:
    """The template at `path`, a file or an archive (CSAR), with all that it imports, and every problem found, sorted by place.

    `import_map` is {URL prefix or profile name: local directory or file}. Remote imports that `bbq.lock` beside the template
    pins come from the cache; others are fetched from the `allowed_hosts` only, and with `offline` not at all. An archive's
    files are said to be in a directory below `unpacked`, called like its digest; nothing is written. `overlay` is {path:
    content} of files whose content is not what the disk holds, such as those open in an editor.

    The template is None where the file itself could not be read; otherwise it is as complete as the problems allow, and only
    fit for use without errors. Never raises for a bad template; `ConfigurationError` for what is not a host.
    """
    hosts = () if offline else allowed_hosts
    examined = examine(path, import_map=import_map, allowed_hosts=hosts, unpacked=unpacked, overlay=overlay)
    for files in examined.files:
        files.release()
    return examined.service, examined.found


@dataclass(slots=True)
class Examined:
    """A template and the files behind it. `service` is None where it could not be read."""

    service: ServiceTemplate | None
    found: list[Diagnostic]
    files: list[Files] = field(default_factory=list)
    """Of the template, then of each further one that may stand for a node of it (an archive's Other-Definitions)."""

    @property
    def unit(self) -> Unit | None:
        """The template's file with its imports: what names mean in it."""
        return self.files[0].main if self.service is not None else None


@paused()
def examine(
    path: StrPath,
    *,
    import_map: Mapping[str, StrPath] | None = None,
    allowed_hosts: Sequence[str] = (),
    unpacked: StrPath | None = None,
    overlay: Mapping[Path, bytes] | None = None,
    whole: bool = False,
    resolver: Resolver | None = None,
) -> Examined:
    """As `load`. With `whole`, files that only the service templates of imported files name are in `Unit.named`, too, as always
    in an archive. `resolver` replaces what `import_map` and `allowed_hosts` make."""
    bag = DiagnosticBag(sources=Sources())
    profiles = data_dir("templates") / "types"
    resolver = resolver or Resolver(profiles, import_map, fetcher(allowed_hosts))
    with ExitStack() as opened:
        if is_archive(path):
            from bbq.origins.archive import open_archive

            archive = open_archive(path, bag)
            csar = read_csar(opened.enter_context(archive), bag) if archive is not None else None
            if csar is None:
                return Examined(None, told(bag, _TOO_MANY))
            csar.archive.directory = Path(unpacked, csar.archive.digest) if unpacked else Path(f"{os.fspath(path)}!")
            return _of_archive(csar, os.fspath(path), bag, resolver)
        real = Path(facts.realpath(path))
        bundled = real.is_relative_to(facts.realpath(profiles))
        home, top = facts.project_folder(real.parent), tree_of(real)
        if top is not None and not top.is_relative_to(home):
            home = top
        place = LocalFile(real, str(path), home, bundled, disk=Disk(overlay or {}))
        resolver.start(place, bag)
        service, files = _service(place, str(path), bag, resolver, whole=whole)
        return Examined(service, _finished(service, bag, files), [files])


def _of_archive(csar: Csar, path: str, bag: DiagnosticBag, resolver: Resolver) -> Examined:
    archive, place = csar.archive, Member(csar.archive, csar.entry)
    resolver.start(place, bag)
    service, files = _service(place, path, bag, resolver, whole=True)
    all_files = [files]
    if service is None:
        return Examined(None, told(bag, _TOO_MANY), all_files)
    service.archive = archive
    service.digest = hashlib.sha256(bytes.fromhex(archive.digest) + bytes.fromhex(service.digest)).hexdigest()
    if csar.meta is None:
        _check_metadata(service, files, bag)
    for name in csar.others:
        own = DiagnosticBag(sources=bag.sources)  # what does not matter to one template may matter to another
        other, more = _service(Member(archive, name), f"{archive.file}!/{name}", own, resolver, whole=True)
        bag.items += own.items
        bag.dropped, bag.dropped_errors = bag.dropped + own.dropped, bag.dropped_errors + own.dropped_errors
        all_files.append(more)
        if other is not None and other.substitution is None:
            text = f"{quoted(name)} of Other-Definitions stands for no node: it has no substitution_mappings"
            bag.warning("BBQ-T316", text, other.at)
        elif other is not None:
            service.others += (other,)
            service.copies.join(other.copies)
    return Examined(service, _finished(service, bag, *all_files), all_files)


def _service(
    place: LocalFile | Member, path: str, bag: DiagnosticBag, resolver: Resolver, *, whole: bool
) -> tuple[ServiceTemplate | None, Files]:
    files = Files(bag, resolver)
    unit = files.read_main(place)
    if unit is None:
        return None, files
    adopt_tree(files, unit)
    overlays = Overlays(files, unit)
    block = overlays.block()
    service = ServiceTemplate(path, unit.grammar.version, at(unit.root))
    service.below = tuple(found.file for found in overlays.below)
    service.parents_missing = tuple(overlays.missing)
    service.files = tuple(found.file for found in files.units.values())
    service.digest = files.digest()
    service.sources = bag.sources
    service.directory = str(PurePosixPath(place.path_of("file")).parent)
    service.import_map = {prefix: os.fspath(target) for prefix, target in resolver.import_map.items()}
    types = Types(bag, files.units.values())
    types.resolve()
    service.types = types.found
    service.functions = read_functions(types, files.units.values())
    flaws = _read(unit, service, types, bag, block)
    service.flaws = flaws.flaws
    for found in files.units.values():
        for identity in list(found.duplicates):  # inside of values, which nothing looks into
            Reader(found, bag).judge_duplicates(identity, values=True)
    _spare(service, unit, files, bag)
    flaws.finish(service, files.units.values())
    for other in files.units.values() if whole else ():
        if other is not unit and not other.bundled:
            # Not a part of this service; what it names belongs to the archive all the same.
            _read(other, ServiceTemplate(other.file, other.grammar.version, at(other.root)), types, DiagnosticBag())
    return service, files


def _read(unit: Unit, service: ServiceTemplate, types: Types, bag: DiagnosticBag, block: Node | None = None) -> FlawFinder:
    """`block` stands for the file's own `topology_template`, where that is laid over others."""
    uses = Uses()
    reader = Definitions(unit, Reader(unit, bag), uses)
    keys = reader.entity(unit.root, "file", "", unit.root)
    if "profile" in keys:
        reader.string(keys["profile"], "the `profile`")
        if "service_template" in keys:
            text = "a file that defines a profile has no `service_template`: nobody can import that"
            reader.warning("BBQ-T211", text, keys["profile"])
    service.description = reader.description(keys, "the template")
    service.metadata = reader.metadata(keys.get("metadata"), "the template")
    for name, (_, value) in reader.entries(keys.get("dsl_definitions"), "`dsl_definitions`").items():
        if isinstance(value, ScalarNode):
            reader.error("BBQ-T012", f"definition {quoted(name)} must be a map or a list, not {shape(value)}", value)
    if block is not None:
        keys["topology_template"] = block
    templates = Templates(reader, types, uses)
    key = next((key for key, _ in unit.root.value if key.value in ("service_template", "topology_template")), None)
    read_service(templates, service, keys, key)
    check_references(service, uses, bag, templates.flaws)
    templates.bodies.clear()
    uses.calls.clear()  # nodes are in them, too
    return templates.flaws


def _check_metadata(service: ServiceTemplate, files: Files, bag: DiagnosticBag) -> None:
    """A 1.x template alone at the root of an archive says which one it is (TOSCA 1.3 sections 6.1 and 6.3)."""
    unit = files.main
    own = service.metadata | {key.value: value for key, value in unit.root.value}
    missing = [name for name in ("template_name", "template_version") if name not in own]
    if missing and not unit.grammar.two:
        text = f"the template of an archive without TOSCA.meta lacks the metadata {' and '.join(map(quoted, missing))}"
        bag.error("BBQ-T315", text, at(unit.root), "add them under `metadata`, or add TOSCA-Metadata/TOSCA.meta")


def _warn_of_borrowed(files: Files, bag: DiagnosticBag) -> None:
    for unit in files.units.values():
        if unit.borrowed and unit.tree is None:
            names = sorted({name for _, name in unit.borrowed})
            homes = sorted({declaration.unit.file.rpartition("/")[2] for declaration in unit.borrowed.values()})
            bag.warning(
                "BBQ-T340",
                f"this file uses types that it does not import: {listed([*map(quoted, names)])}",
                next((at(key) for key, _ in unit.root.value if key.value == "imports"), at(unit.root)),
                f"import {', '.join(homes)} here, too",
            )


def _finished(service: ServiceTemplate | None, bag: DiagnosticBag, *all_files: Files) -> list[Diagnostic]:
    for files in all_files:
        missing_files(files.units.values(), bag)
        _warn_of_borrowed(files, bag)
    found = told(bag, _TOO_MANY)
    if service is None:
        return found
    found = service.copies.once(found)
    return partial(service, found) if service.parents_missing else found


def _spare(service: ServiceTemplate, main: Unit, files: Files, bag: DiagnosticBag) -> None:
    """Libraries of 1.x types hold mistakes that nobody meets: one in a type that the template does not use is a warning."""
    units = {unit.file: unit for unit in files.units.values() if unit is not main and not unit.grammar.two}
    if not any(item.severity == "error" and item.file in units for item in bag.items):
        return
    used = used_types(service)
    places: dict[str, list[tuple[int, int]]] = {}
    for file, unit in units.items():
        places[file] = [
            (at(declaration.key).line, at(declaration.body).end_line)
            for declaration in unit.declared.values()
            if (declaration.kind, canonical(declaration)) not in used
        ]
    for index, item in enumerate(bag.items):
        if item.severity == "error" and any(first <= item.line <= last for first, last in places.get(item.file, ())):
            bag.items[index] = replace(item, severity="warning")
