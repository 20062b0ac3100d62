"""From a path to a checked service template."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from yaml import ScalarNode

from bbq.collection import paused
from bbq.diagnostics import Diagnostic, DiagnosticBag, SourceRange
from bbq.sources import Sources
from bbq.tosca.files import Files, Unit
from bbq.tosca.functions import Uses
from bbq.tosca.model import ServiceTemplate
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import Reader, quoted, shape
from bbq.tosca.references import check_references
from bbq.tosca.schemas import Definitions, canonical
from bbq.tosca.service import read_service
from bbq.tosca.types import Types
from bbq.tosca.usage import used_types
from bbq.wording import told
from bbq.yamlreader import at

_TOO_MANY: Final = "BBQ-T004"


def load(
    path: str | os.PathLike[str],
    *,
    import_map: Mapping[str, str | os.PathLike[str]] | None = None,
    offline: bool = True,
    overlay: Mapping[Path, bytes] | None = None,
) -> tuple[ServiceTemplate | None, list[Diagnostic]]:
    """The template at `path` with all that it imports, and every problem found, sorted by place.

    `import_map` is {URL prefix or profile name: local directory or file}; nothing is read over the network, whatever
    `offline` says. The template is None where the file itself could not be read; otherwise it is as complete as the
    problems allow, and only fit for use without errors. Never raises for a bad template. `overlay` is {path: content} of files
    whose content is not what the disk holds, such as those open in an editor.
    """
    service, found, _ = analyse(path, import_map=import_map, offline=offline, overlay=overlay)
    return service, found


@paused()
def analyse(
    path: str | os.PathLike[str],
    *,
    import_map: Mapping[str, str | os.PathLike[str]] | None = None,
    offline: bool = True,
    overlay: Mapping[Path, bytes] | None = None,
) -> tuple[ServiceTemplate | None, list[Diagnostic], Unit | None]:
    """`load`, and the file as it was read with its imports: what names mean in it, for tools that edit templates."""
    bag = DiagnosticBag(sources=Sources())
    files = Files(bag, import_map, overlay)
    unit = files.read_main(Path(path))
    if unit is None:
        return None, told(bag, _TOO_MANY), None
    service = ServiceTemplate(str(path), unit.grammar.version, at(unit.root))
    service.files = tuple(found.file for found in files.units.values())
    service.digest = files.digest()
    service.sources = bag.sources
    service.import_map = {prefix: os.fspath(target) for prefix, target in (import_map or {}).items()}
    types = Types(bag, files.units.values())
    types.resolve()
    service.types = types.found
    uses = Uses()
    reader = Definitions(unit, Reader(unit, bag), uses)
    keys = reader.entity(unit.root, "file", "", unit.root)
    service.description = reader.description(keys, "the template")
    service.metadata = reader.metadata(keys.get("metadata"), "the template")
    for name, (_, value) in reader.entries(keys.get("dsl_definitions"), "`dsl_definitions`").items():
        if isinstance(value, ScalarNode):
            reader.error("BBQ-T012", f"definition {quoted(name)} must be a map or a list, not {shape(value)}", value)
    templates = Templates(reader, types, uses)
    key = next((key for key, _ in unit.root.value if key.value in ("service_template", "topology_template")), None)
    read_service(templates, service, keys, key)
    check_references(service, uses, bag, broken=templates.broken)
    for found in files.units.values():
        for identity in list(found.duplicates):  # inside of values, which nothing looks into
            Reader(found, bag).judge_duplicates(identity, values=True)
    _spare(service, unit, files, bag)
    if "parents" in service.metadata and not unit.grammar.two:
        return service, _partial(service, told(bag, _TOO_MANY), at(unit.root)), unit
    return service, told(bag, _TOO_MANY), unit


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


def _partial(service: ServiceTemplate, found: list[Diagnostic], where: SourceRange) -> list[Diagnostic]:
    """A template with `metadata.parents` is an overlay: names that only its parents have are missing, not wrong."""
    missing = [item for item in found if item.code in ("BBQ-T052", "BBQ-T053") and item.file == service.path]
    if not missing:
        return found
    message = (
        f"the template is partial, to be laid over {quoted(service.metadata['parents'])}: {len(missing)} names are missing"
    )
    note = Diagnostic("warning", "BBQ-T029", message, where.file, where.line, where.column)
    return [note, *(replace(item, severity="warning") if item in missing else item for item in found)]
