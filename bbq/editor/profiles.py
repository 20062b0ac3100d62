"""The bundled profiles, resolved: what a template gets that imports one of them, or that imports nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bbq.tosca.files import PROFILES, Unit
from bbq.tosca.grammar import Grammar
from bbq.tosca.load import analyse
from bbq.tosca.model import ServiceTemplate, TypeDef
from bbq.tosca.schemas import canonical, find


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


def names_in(text: str, path: Path = Path("/template.yaml")) -> Names | None:
    """What names mean in a template of this text; None where it cannot be read at all."""
    service, _, unit = analyse(path, overlay={path: text.encode()})
    return Names(unit, service) if unit is not None and service is not None else None


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
