"""Roles from Galaxy, found without a network: in a map, in directories, or beside the playbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from bbq.conf.ansible import pairs
from bbq.datafiles import data_dir
from bbq.topology.model import Artifact

OURS: Final = data_dir("playbooks") / "roles"
_TASKS: Final = frozenset(f"{prefix}{name}" for prefix in ("", "ansible.builtin.") for name in ("include_role", "import_role"))


def names(artifacts: Iterable[Artifact]) -> list[str]:
    """The roles that a node's artifacts name: `indigo-dc.spark`, `name,version`, `git+https://host/owner/name,branch|alias`."""
    found = []
    for artifact in artifacts:
        if artifact.type.rpartition(":")[2].lower().endswith(("galaxy.role", "ansible.role")):
            found.append(plain_name(artifact.file))
    return list(dict.fromkeys(found))


def plain_name(text: str) -> str:
    """The name that playbooks have for it."""
    text, _, alias = text.rpartition("|") if "|" in text else (text, "", "")
    if alias:
        return alias.strip()
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 2 and parts[2]:
        return parts[2]
    # a template's reader may have made a path of what is no file
    return parts[0].rstrip("/").rpartition("/")[2].removesuffix(".git")


def used_in(playbook: Path) -> list[str]:
    """The roles that a playbook names itself; what a template in a name makes, and roles of collections, are not known here."""
    try:
        node = yaml.compose(playbook.read_bytes(), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError):
        return []  # Ansible says what is wrong with it
    found = [name for name in _used(node) if "{" not in name and name.count(".") < 2]
    return list(dict.fromkeys(found))


def _used(node: yaml.Node | None) -> Iterator[str]:
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, yaml.SequenceNode):
            waiting += current.value
        elif isinstance(current, yaml.MappingNode):
            for key, value in current.value:
                if key.value == "roles" and isinstance(value, yaml.SequenceNode):
                    for item in value.value:
                        yield from _named(item, ("role", "name"))
                elif key.value in _TASKS:
                    yield from _named(value, ("name",))
                waiting.append(value)


def _named(node: yaml.Node, keys: Sequence[str]) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield str(node.value)
    elif isinstance(node, yaml.MappingNode):
        values = {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
        yield from (str(values[key]) for key in keys if key in values)


def resolve(wanted: Iterable[str], options: Mapping[str, Any], beside: Sequence[Path]) -> tuple[dict[str, Path], list[str]]:
    """(role -> its directory, for those that are not beside the playbook; roles that are nowhere)."""
    mapped = pairs(options.get("galaxy_map") or [])
    places = [*(Path(each) for each in options.get("roles_path") or ()), OURS]
    found: dict[str, Path] = {}
    missing = []
    for name in dict.fromkeys(wanted):
        if any((place / "roles" / name).is_dir() for place in beside):
            continue
        candidates = [Path(mapped[name])] if name in mapped else [place / name for place in places]
        directory = next((path for path in candidates if path.is_dir()), None)
        if directory is None:
            missing.append(name)
        else:
            found[name] = directory
    return found, missing
