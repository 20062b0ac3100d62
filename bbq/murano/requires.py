"""Packages that another one requires, as far as they are beside it: `FULL.NAME.zip`, as Murano's own client looks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bbq import facts
from bbq.diagnostics import Diagnostic
from bbq.murano.loading import load
from bbq.murano.model import Package
from bbq.murano.recognized import MANIFEST

_MOST: Final = 50


def beside(package: Package) -> tuple[dict[str, Package], list[Diagnostic]]:
    """Full name -> package, of all that it requires, and those require, where they are beside it, what others need first; and
    the errors in them."""
    path = Path(package.path).absolute()
    folder = path.parent.parent if path.name == MANIFEST else path.parent
    found: dict[str, Package] = {}
    errors: list[Diagnostic] = []

    def visit(one: Package) -> None:
        for name in one.requires:
            file = folder / f"{name}.zip"
            if name in found or name == package.full_name or len(found) >= _MOST or not facts.is_file(file):
                continue
            read, told = load(str(file))
            errors.extend(item for item in told if item.severity == "error")
            if read is not None:
                found[name] = read
                visit(read)
                found[name] = found.pop(name)  # after what it needs itself

    visit(package)
    return found, errors
