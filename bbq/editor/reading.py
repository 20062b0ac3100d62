"""Reading templates for tools that edit them: unsaved texts, what names mean in a file, where an import leads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bbq.diagnostics import Diagnostic
from bbq.tosca.files import Unit
from bbq.tosca.grammar import Grammar
from bbq.tosca.load import examine
from bbq.tosca.model import ServiceTemplate, TypeDef
from bbq.tosca.places import PROFILES
from bbq.tosca.schemas import canonical, find

Overlay = Mapping[Path, bytes]
ImportMap = Mapping[str, str | os.PathLike[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What type names mean in one file. `unit` is the file, `service` what became of it."""

    unit: Unit
    service: ServiceTemplate

    def type_named(self, kind: str, name: str) -> TypeDef | None:
        """The type that `name` means in the file, short and prefixed forms included."""
        found = find(self.unit, kind, name)
        return self.service.types.get((kind, canonical(found))) if found is not None else None

    def types(self, kind: str) -> Iterator[tuple[str, TypeDef]]:
        """(name as the file would write it, type), sorted."""
        for name in sorted(self.unit.names(kind)):
            found = self.type_named(kind, name)
            if found is not None:
                yield name, found

    def imported(self, text: str) -> Path | None:
        """The file that an import of this text means; None where it is not among those that were read."""
        beside = Path(os.path.realpath(self.unit.path.parent / text)) if "\0" not in text else None
        last = text.rstrip("/").rsplit("/", 1)[-1]
        profile = PROFILES.get(text, "")
        units = [unit for _, unit in self.unit.imports]
        tests: tuple[Callable[[Unit], bool], ...] = (
            lambda unit: unit.path == beside,
            lambda unit: unit.url == text,
            lambda unit: bool(profile) and unit.path.as_posix().endswith(profile),
            lambda unit: not unit.bundled and unit.path.name == last,
        )
        for fits in tests:
            for unit in units:
                if fits(unit):
                    return unit.path
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A template as it was read. `names` is None where the file itself could not be read."""

    service: ServiceTemplate | None
    found: list[Diagnostic]
    names: Names | None


def read(path: Path, *, overlay: Overlay | None = None, import_map: ImportMap | None = None) -> Reading:
    """The template at `path`, unsaved texts in `overlay` in place of the files. Nothing is fetched; bad input never raises."""
    examined = examine(path, import_map=import_map, overlay=overlay)
    service, unit = examined.service, examined.unit
    return Reading(service, examined.found, Names(unit, service) if unit is not None and service is not None else None)


def names_in(text: str, path: Path = Path("/template.yaml"), import_map: ImportMap | None = None) -> Names | None:
    """What names mean in a template of this text; None where it cannot be read at all."""
    return read(path, overlay={path: text.encode()}, import_map=import_map).names


@cache
def profile(grammar: Grammar, name: str | None) -> Names:
    """A file of that version which imports the profile `name`; with None, one without imports."""
    imports = f"imports: [ {{ {'profile' if grammar.two else 'file'}: '{name}' }} ]\n" if name else ""
    found = names_in(f"tosca_definitions_version: {grammar.version}\n{imports}")
    assert found is not None, name
    return found


def importable(grammar: Grammar) -> tuple[str, ...]:
    """Profiles that a file of the version may name."""
    return tuple(PROFILES) if grammar.two else ()
