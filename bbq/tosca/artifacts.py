"""Artifacts and the files that templates name. TOSCA 1.3 section 3.6.7; TOSCA 2.0 section 12.4."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode

from bbq import facts
from bbq.tosca.files import Unit
from bbq.tosca.functions import Owner
from bbq.tosca.model import ArtifactDef
from bbq.tosca.reading import nearest, quoted
from bbq.tosca.schemas import Definitions
from bbq.yamlreader import at, is_null

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def read_artifact(
    reader: Definitions, name: str, key: Node, body: Node, what: str, owner: Owner | None = None
) -> ArtifactDef | None:
    """An artifact definition. The short form is the file alone; its type then comes from the file's extension."""
    title = f"artifact {quoted(name)} of {what}"
    keys: dict[str, Node] = (
        {"file": body} if isinstance(body, ScalarNode) and not is_null(body) else reader.entity(body, "artifact", name, key)
    )
    if isinstance(keys.get("file"), MappingNode):
        reader.warning("BBQ-T012", f"file of {title} must be a string; a function is not evaluated here", keys["file"])
        reader.convert.value(keys.pop("file"), owner)
    file = reader.string(keys.get("file"), f"file of {title}")
    type_name = reader.type_name(keys["type"], "artifact", title) if "type" in keys else type_by_extension(reader.unit, file)
    if type_name is None:
        return None
    repository = reader.string(keys.get("repository"), f"repository of {title}") or None
    if repository is not None and repository not in reader.unit.repositories:
        reader.error(
            "BBQ-T025",
            f"unknown repository {quoted(repository)}",
            keys["repository"],
            nearest(repository, reader.unit.repositories),
        )
    properties: dict[str, Any] = {
        inner: reader.convert.value(value, owner)
        for inner, (_, value) in reader.entries(keys.get("properties"), f"properties of {title}").items()
    }
    if repository is None and "file" in keys:
        check_file(reader, file, keys["file"], title)
    return ArtifactDef(
        name,
        type_name,
        at(key),
        file if repository else absolute(reader.unit, file),
        repository,
        reader.string(keys.get("deploy_path"), f"deploy_path of {title}") or None,
        properties,
        reader.description(keys, title),
    )


def check_file(reader: Definitions, file: str, node: Node, what: str) -> None:
    """Warns where a local file is missing. A template may be checked before its scripts are written, so no error."""
    unit = reader.unit
    looked_for = file and unit.url is None and not unit.bundled and not _URL.match(file) and "\0" not in file
    if looked_for and not facts.exists(unit.path.parent / file):
        reader.warning("BBQ-T110", f"{what}: no file {quoted(file)} beside the template", node)


def absolute(unit: Unit, file: str) -> str:
    """A file that a template names, against the folder of that template; URLs stay."""
    return file if not file or _URL.match(file) or "\0" in file else str(unit.path.parent / file)


def type_by_extension(unit: Unit, file: str) -> str:
    extension = Path(file).suffix.removeprefix(".")
    known = {"sh": "tosca.artifacts.Implementation.Bash", "py": "tosca.artifacts.Implementation.Python"}
    name = known.get(extension, "tosca.artifacts.File")
    return name if unit.lookup("artifact", name) is not None else ""
