"""Files that are not named by their path: from the top of the repository, and profiles that lie beside the template."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from bbq import facts
from bbq.origins.refused import Refused
from bbq.tosca.places import LocalFile, Member, Place

_SUFFIXES: Final = (".yaml", ".yml", ".tosca")
_MOST_FILES: Final = 200


def from_root(place: LocalFile, target: str) -> LocalFile | None:
    """What `/types.yaml` means in a file (2.0 section 6.8.2.2): it is at the top of the repository. Where no repository is, the
    top is any folder from the file's own up to `home` that has such a file."""
    folder = place.path.parent
    tops = [place.home] if facts.exists(place.home / ".git") else [folder, *folder.parents]
    for top in tops:
        found = Path(facts.realpath(top / target.lstrip("/")))
        if found.is_relative_to(facts.realpath(place.home)) and place.disk.is_file(found):
            return LocalFile(found, target, place.home, disk=place.disk)
        if top == place.home:
            break
    return None


def profile_beside(place: Place, name: str) -> Place | None:
    """A file in the folder of the one at `place`, or in one directly below or above, that says `profile: <name>`; in an
    archive, any of its templates."""
    wanted = re.compile(rb"^profile:[ \t]*[\"']?" + re.escape(name).encode() + rb"[\"']?[ \t]*(#.*)?\r?$", re.MULTILINE)
    for candidate in _candidates(place):
        try:
            if wanted.search(candidate.content()):
                return candidate
        except Refused:
            continue
    return None


def _candidates(place: Place) -> list[LocalFile] | list[Member]:
    if isinstance(place, Member):
        names = [name for name in place.archive.members if name.endswith(_SUFFIXES) and name != place.name]
        return [Member(place.archive, name) for name in names[:_MOST_FILES]]
    if not isinstance(place, LocalFile) or place.bundled:
        return []
    home, found = Path(facts.realpath(place.home)), []
    folders = [place.path.parent]
    if place.path.parent.is_relative_to(home) and place.path.parent != home:
        folders.append(place.path.parent.parent)
    for folder in folders:
        names = facts.names(folder)
        inner = [f"{name}/{each}" for name in names if not Path(name).suffix for each in facts.names(folder / name)]
        for name in sorted([*names, *inner], key=lambda name: (name.count("/"), name)):
            real = Path(facts.realpath(folder / name))
            if real.suffix in _SUFFIXES and real != place.path and real.is_relative_to(home) and facts.is_file(real):
                found.append(LocalFile(real, str(folder / name), place.home, disk=place.disk))
    return found[:_MOST_FILES]


__all__ = ["from_root", "profile_beside"]
