"""Directory trees without imports, as Eclipse Winery keeps them: `servicetemplates/<namespace>/<name>/ServiceTemplate.tosca`
uses types of `nodetypes/<namespace>/<name>/NodeType.tosca` and its like, and imports none of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from bbq import facts
from bbq.origins.refused import Refused
from bbq.tosca.files import Files, Unit
from bbq.tosca.grammar import KINDS
from bbq.tosca.places import LocalFile, Member, Place
from bbq.tosca.reading import Reader

_SERVICES: Final = "servicetemplates"
_FOLDERS: Final = {
    "nodetypes": "NodeType",
    "relationshiptypes": "RelationshipType",
    "capabilitytypes": "CapabilityType",
    "datatypes": "DataType",
    "artifacttypes": "ArtifactType",
    "interfacetypes": "InterfaceType",
    "policytypes": "PolicyType",
    "grouptypes": "GroupType",
}
_MOST_FILES: Final = 5000
_TYPES: Final = re.compile(rf"^(?:{'|'.join(KINDS)})_types:[ \t]*\r?$", re.MULTILINE)
_NAME: Final = re.compile(r"""^[ ]{1,8}["']?([\w.:/{}#-]+?)["']?:(?:[ \t]|\r?$)""", re.MULTILINE)
_WORD: Final = re.compile(r"[\w.:/{}#-]+")


def adopt_tree(files: Files, unit: Unit) -> None:
    """Makes the types of the tree known to the template, as far as their names are met in it; with one warning."""
    top = _top(unit.place)
    if top is None:
        return
    index = _index(top)
    unit.tree = top
    known: dict[str, Unit] = {unit.place.key: unit}
    waiting = [_text(unit.place)]
    while waiting:
        for word in dict.fromkeys(_WORD.findall(waiting.pop())):
            place = index.get(word.rstrip(":"))
            if place is None or place.key in known or place.key in files.units:
                continue
            found = files.beside(place, unit.root)
            if found is not None:
                found.outer, found.tree = unit, top
                unit.imports.append(("", found))
                known[place.key] = found
                waiting.append(_text(place))
    if len(known) > 1:
        text = f"the types of {len(known) - 1} files of the directory tree are used, and none of them is imported"
        Reader(unit, files.bag).warning("BBQ-T220", text, unit.root)


def _top(place: Place) -> LocalFile | Member | None:
    """A place at the top of the tree that the file is in, by its path in it: `<top>/<kind>/<namespace>/<name>/<file>`."""
    if isinstance(place, Member):
        folder = place.name.split("/")[0] if place.name.count("/") == 3 else ""
        return Member(place.archive, "-") if folder == _SERVICES or folder in _FOLDERS else None
    if not isinstance(place, LocalFile) or place.bundled:
        return None
    top = tree_of(place.path)
    return None if top is None else LocalFile(top / "-", str(top / "-"), top, disk=place.disk)


def tree_of(path: Path) -> Path | None:
    """The top of the tree that the file is in, by its path: a project's folder, so imports may name anything in it."""
    if len(path.parents) < 4 or path.parents[2].name not in (*_FOLDERS, _SERVICES):
        return None
    top = path.parents[3]
    return top if facts.exists(top / "nodetypes") else None


def _index(top: LocalFile | Member) -> dict[str, LocalFile | Member]:
    """Type name -> the file that declares it. Only the names are looked for: most files of a tree are not read."""
    found: dict[str, LocalFile | Member] = {}
    for place in islice(_files(top), _MOST_FILES):
        text = _text(place)
        for block in _TYPES.finditer(text):
            name = _NAME.search(text, block.end())
            if name is not None:
                found.setdefault(name[1], place)
    return found


def _files(top: LocalFile | Member) -> Iterator[LocalFile | Member]:
    if isinstance(top, Member):
        for name in top.archive.members:
            parts = name.split("/")
            if len(parts) == 4 and parts[3] == f"{_FOLDERS.get(parts[0], '')}.tosca":
                yield Member(top.archive, name)
        return
    for folder, kind in _FOLDERS.items():
        for namespace in facts.names(top.home / folder):
            for name in facts.names(top.home / folder / namespace):
                path = Path(facts.realpath(top.home / folder / namespace / name / f"{kind}.tosca"))
                if path.is_relative_to(facts.realpath(top.home)) and facts.is_file(path):
                    yield LocalFile(path, str(path), top.home, disk=top.disk)


def _text(place: Place) -> str:
    """Of a file of the tree; nothing where it cannot be read."""
    if not isinstance(place, (LocalFile, Member)):
        return ""
    try:
        return place.content().decode("utf-8", "replace")
    except Refused:
        return ""
