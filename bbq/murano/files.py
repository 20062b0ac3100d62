"""The files of a package, in a folder or in an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bbq import facts
from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.murano import codes
from bbq.murano.recognized import MANIFEST
from bbq.origins import is_archive
from bbq.origins.archive import Archive, open_archive
from bbq.origins.members import Caps
from bbq.origins.refused import Damaged
from bbq.wording import quoted

CAPS: Final = Caps(archive=64 << 20, directory=1 << 20, members=2_000, member=32 << 20, total=64 << 20)
"""A Murano that is not configured otherwise takes archives of 5 MiB (`[murano] package_size_limit`)."""
_DEEPEST: Final = 16


def read_files(path: str, bag: DiagnosticBag) -> tuple[str, dict[str, bytes]] | None:
    """(what goes before a file's name in findings, name -> content); None with the reasons in `bag`."""
    if is_archive(path):
        archive = open_archive(path, bag, CAPS)
        if archive is None:
            return None
        with archive:
            return _unpacked(archive, bag)
    folder = Path(path) if Path(path).name != MANIFEST else Path(path).parent
    found: dict[str, bytes] = {}
    before = len(bag.items)
    _read_folder(folder, "", Path(facts.realpath(folder)), found, bag, _DEEPEST)
    return None if len(bag.items) > before else (f"{folder}/", found)


def _unpacked(archive: Archive, bag: DiagnosticBag) -> tuple[str, dict[str, bytes]] | None:
    try:
        return f"{archive.file}!/", {name: archive.read(name) for name in archive.members}
    except Damaged as error:
        bag.error("BBQ-T306", str(error), SourceRange(archive.file, 1, 1))
        return None


def _read_folder(folder: Path, prefix: str, top: Path, found: dict[str, bytes], bag: DiagnosticBag, depth: int) -> None:
    """Hidden files are left out: they are an editor's, or version control's."""
    for name in sorted(facts.names(folder)):
        file, place = folder / name, SourceRange(str(folder / name), 1, 1)
        if name.startswith("."):
            continue
        if not Path(facts.realpath(file)).is_relative_to(top):
            bag.error(codes.OUTSIDE, f"{quoted(prefix + name)} is a link that leads out of the package", place, "copy the file")
        elif facts.is_file(file):
            if len(found) >= CAPS.members or sum(map(len, found.values())) > CAPS.total:
                text = f"the package has more than {CAPS.members:,} files, or than {CAPS.total:,} bytes"
                bag.error(codes.NO_PACKAGE, text, place)
                return
            try:
                found[prefix + name] = facts.read(file, CAPS.member)
            except (OSError, ValueError) as error:
                bag.error("BBQ-Y001", f"cannot read {file}: {getattr(error, 'strerror', None) or error}", place)
        elif depth and facts.exists(file):
            _read_folder(file, f"{prefix}{name}/", top, found, bag, depth - 1)
