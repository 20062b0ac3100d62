"""Roles from Galaxy, found without a network: in a map, in directories, or beside the playbook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bbq.conf.ansible import pairs
from bbq.topology.model import Artifact

_USED = re.compile(r"""(?mx)
    ^\s*-\s*(?:role|name)\s*:\s*["']?(?P<role>[\w-]+\.[\w.-]+)["']?      # roles: - role: indigo-dc.spark
  | ^\s*-\s*\{\s*["']?role["']?\s*:\s*["']?(?P<flow>[\w.-]+)["']?        # roles: - { role: indigo-dc.spark, ... }
""")


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


def used_in(playbooks: Iterable[Path]) -> Iterator[str]:
    """Roles with a namespace that playbooks name."""
    for path in playbooks:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        for match in _USED.finditer(text):
            yield match["role"] or match["flow"]


def resolve(wanted: Iterable[str], options: Mapping[str, Any], beside: Sequence[Path]) -> tuple[dict[str, Path], list[str]]:
    """(role -> its directory, for those that are not beside the playbook; roles that are nowhere)."""
    mapped = pairs(options.get("galaxy_map") or [])
    places = [Path(each) for each in options.get("roles_path") or ()]
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
