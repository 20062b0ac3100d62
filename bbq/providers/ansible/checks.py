"""What can be known to be missing before an operation is carried out; and its files, brought together."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bbq.engine.contract import ConfigurationFault
from bbq.providers.ansible import roles
from bbq.topology.model import Node, Operation
from bbq.topology.operations import files_of, is_local, is_playbook, is_role
from bbq.topology.sources import Tree


def problems_of(node: Node, operation: Operation, options: Mapping[str, Any]) -> list[str]:
    """What an operation lacks on this side: its files, its roles. All of it, each with what to do."""
    found = []
    name = f"{operation.interface}.{operation.name} of {node.name}"
    script = str(operation.script)
    if "://" in script:
        found.append(f"{name} is at {script}, and nothing is fetched: --import-map PREFIX=DIRECTORY says where it is here")
    elif is_local(script) and not Path(script).exists():
        found.append(f"{name}: there is no file {script}")
    for dependency in operation.dependencies:
        if is_local(dependency) and not Path(dependency).exists():
            found.append(f"{name}: there is no file {dependency}")
    if is_local(script) and Path(script).exists() and not found:
        _, missing = roles_of(node, operation, options)
        found += [_role_missing(role, name) for role in missing]
    return found


def roles_of(node: Node, operation: Operation, options: Mapping[str, Any]) -> tuple[dict[str, Path], list[str]]:
    """(role -> its directory, for those that do not come along; roles that are nowhere)."""
    script = Path(str(operation.script))
    wanted = roles.names(node.artifacts.values())
    beside: list[Path] = []
    if is_role(operation) and not is_local(operation.script):
        wanted.append(roles.plain_name(str(operation.script)))
    elif is_playbook(operation):
        beside = [script.parent]
        wanted += roles.used_in(script)
    return roles.resolve(wanted, options, beside)


def _role_missing(role: str, name: str) -> str:
    return f"{name} needs the role {role}: put it into a directory of [ansible] roles_path, or name its place in galaxy_map"


def missing_programs() -> list[str]:
    """What lacks for operations at all, each with what to do about it."""
    found = []
    if importlib.util.find_spec("ansible_runner") is None:
        found.append("operations need ansible-runner: pip install 'bbq[ansible]'")
    beside = Path(sys.executable).parent
    if not (beside / "ansible-playbook").exists() and shutil.which("ansible-playbook") is None:
        found.append("operations need ansible-playbook: pip install 'bbq[ansible]'")
    return found


def digests_of(operation: Operation, directory: Path) -> list[tuple[str, str]]:
    tree, left = Tree(directory), [256 * 1024 * 1024]
    found = ((name, tree.digest(path, left)) for name, path in files_of(operation, tree))
    return [(name, digest) for name, digest in found if digest is not None]


def copy_files(operation: Operation, place: Path, directory: Path) -> list[tuple[str, str]]:
    """(relative name, digest) of all that is in `place` now."""
    for name, path in files_of(operation, Tree(directory)):
        target = place / name
        if path.is_file():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                shutil.copyfile(path, target)
                target.chmod(0o700 if os.access(path, os.X_OK) else 0o600)
            except OSError as error:
                raise ConfigurationFault(f"{path} cannot be read: {error.strerror}") from None
    return digests_of(operation, directory)
