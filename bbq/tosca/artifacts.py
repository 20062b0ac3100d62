"""Artifacts and the files that templates name. TOSCA 1.3 section 3.6.7; TOSCA 2.0 section 12.4."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode

from bbq.diagnostics import DiagnosticBag
from bbq.tosca.checker import Checker
from bbq.tosca.files import Unit
from bbq.tosca.functions import Owner
from bbq.tosca.model import ArtifactDef, ParameterDef, TypeDef
from bbq.tosca.places import Member
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.schemas import Definitions, find
from bbq.yamlreader import at, is_null

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def read_artifact(
    reader: Definitions,
    name: str,
    key: Node,
    body: Node,
    what: str,
    type_of: Callable[[str], TypeDef | None],
    owner: Owner | None = None,
    checker: Checker | None = None,
) -> ArtifactDef | None:
    """An artifact definition. The short form is the file alone; its type then comes from the file's extension. `checker` is
    there in templates; what types assign is checked once all of them are known."""
    title = f"artifact {quoted(name)} of {what}"
    keys: dict[str, Node] = (
        {"file": body} if isinstance(body, ScalarNode) and not is_null(body) else reader.entity(body, "artifact", name, key)
    )
    if isinstance(keys.get("file"), MappingNode):
        reader.warning("BBQ-T012", f"file of {title} must be a string; a function is not evaluated here", keys["file"])
        reader.convert.value(keys.pop("file"), owner)
    file = reader.string(keys.get("file"), f"file of {title}")
    type_name = _type(reader, keys["type"], title, file) if "type" in keys else type_by_extension(reader.unit, file)
    if type_name is None:
        return None
    repository = reader.string(keys.get("repository"), f"repository of {title}") or None
    if repository is not None and reader.unit.repository(repository) is None:
        reader.error(
            "BBQ-T025",
            f"unknown repository {quoted(repository)}",
            keys["repository"],
            nearest(repository, reader.unit.repositories),
        )
    properties = _properties(reader, keys.get("properties"), key, type_of(type_name), title, owner, checker)
    if "checksum" in keys and "checksum_algorithm" not in keys:
        text = f"{title} has a `checksum` and lacks the `checksum_algorithm`"
        reader.practice("BBQ-T011", text, keys["checksum"])
    if repository is None and "file" in keys:
        check_file(reader, file, keys["file"], title)
    return ArtifactDef(
        name,
        type_name,
        at(key),
        file if repository else absolute(reader.unit, file, key),
        repository,
        reader.string(keys.get("deploy_path"), f"deploy_path of {title}") or None,
        properties,
        reader.description(keys, title),
    )


def _properties(
    reader: Definitions,
    node: Node | None,
    owner_node: Node,
    type_def: TypeDef | None,
    what: str,
    owner: Owner | None,
    checker: Checker | None,
) -> dict[str, Any]:
    """Values for the properties of the artifact's type, over their defaults. Where the type has none, anything goes: the
    specification's own examples give such artifacts properties."""
    definitions = type_def.properties if type_def is not None else {}
    found: dict[str, Any] = {}
    for name, (key, value) in reader.entries(node, f"properties of {what}", values=True).items():
        definition = definitions.get(name)
        title = f"property {quoted(name)} of {what}"
        if definition is None:
            if definitions:
                hint = nearest(name, definitions) or one_of(definitions)
                reader.practice("BBQ-T041", f"{what} has no property {quoted(name)}", key, hint)
            found[name] = reader.convert.value(value, owner)
        elif definition.has_value:
            reader.error("BBQ-T033", f"{title} is fixed by its type", key)
        elif checker is not None:
            found[name] = reader.assigned(checker, value, definition.schema, title, owner or Owner("node"))
        else:
            found[name] = reader.convert.value(value, owner)
            given = ParameterDef(name, definition.schema, at(key), value=found[name], has_value=True)
            reader.later.append((given, value, "value"))
    for name, definition in definitions.items():
        if name in found:
            continue
        if definition.has_value or definition.has_default:
            found[name] = definition.value if definition.has_value else definition.default
        elif definition.required:
            reader.practice("BBQ-T042", f"{what} lacks the required property {quoted(name)}", owner_node)
    return found


def _type(reader: Definitions, node: Node, what: str, file: str) -> str | None:
    """1.x templates in the wild write any word here: nobody looked at it."""
    name = reader.string(node, what)
    if reader.grammar.two or not name or find(reader.unit, "artifact", name) is not None or reader.unit.incomplete:
        return reader.type_name(node, "artifact", what)
    hint = nearest(name, reader.unit.names("artifact"))
    reader.practice("BBQ-T030", f"unknown artifact type {quoted(name)} in {what}; it is taken for a file", node, hint)
    return type_by_extension(reader.unit, file)


def check_file(reader: Definitions, file: str, node: Node, what: str) -> None:
    """Notes that the template names a local file; `missing_files` looks for it when all are known."""
    if file and not _URL.match(file):
        reader.unit.named.append((file, node, what))


def missing_files(units: Iterable[Unit], bag: DiagnosticBag) -> None:
    """A template may be checked before its scripts are written, so a file that is missing beside it is a warning. An archive is
    complete: a file that is missing in it is an error."""
    for unit in units:
        for file, node, what in unit.named:
            place = unit.place_at(node)
            if place.has(file) is False and not _in_tree(unit, file):
                if isinstance(place, Member):
                    same = place.archive.by_file_name.get(file.rpartition("/")[2])
                    hint = f"paths are relative to the file that names them; there is {quoted(same)}" if same else None
                    bag.error("BBQ-T313", f"{what}: no file {quoted(file)} in the archive", at(node), hint)
                else:
                    bag.warning("BBQ-T110", f"{what}: no file {quoted(file)} beside the template", at(node))


def absolute(unit: Unit, file: str, node: Node) -> str:
    """A file that a template names at `node`, against the folder of that template; URLs stay. In a directory tree without
    imports, names may start at its top."""
    if not file or _URL.match(file):
        return file
    place = unit.place_at(node)
    if place.has(file) is False and (found := _in_tree(unit, file)):
        return found
    return place.path_of(file)


def _in_tree(unit: Unit, file: str) -> str | None:
    """The path of a file whose name starts at the top of the directory tree."""
    name = file.lstrip("/")
    return unit.tree.path_of(name) if unit.tree is not None and unit.tree.has(name) else None


def type_by_extension(unit: Unit, file: str) -> str:
    extension = Path(file).suffix.removeprefix(".")
    known = {"sh": "tosca.artifacts.Implementation.Bash", "py": "tosca.artifacts.Implementation.Python"}
    name = known.get(extension, "tosca.artifacts.File")
    return name if unit.lookup("artifact", name) is not None else ""
