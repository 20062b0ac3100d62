"""What implements operations: which files that takes, in whose life a relationship's operations belong, what a change is.

TOSCA 1.3 sections 3.6.16, 5.8.4 and 5.8.5 (the interfaces Standard and Configure), 2.0 chapter 11.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bbq.topology.model import Node, Operation, Relationship
from bbq.topology.sources import Tree, matching
from bbq.topology.values import references

PROPERTY: Final = "operations"
"""The property, which no template sets, by which a plan sees that an operation is another one now."""

TARGET_SIDE: Final = ("pre_configure_target", "post_configure_target")
"""Run in the life of the target, around its `configure`; the other ones in that of the source."""

_BESIDE_PLAYBOOKS: Final = (
    "ansible.cfg",
    *(f"{name}/**/*" for name in ("roles", "tasks", "handlers", "files", "templates", "vars", "defaults", "library")),
    *(f"{name}/**/*" for name in ("module_utils", "filter_plugins", "lookup_plugins", "group_vars", "host_vars")),
)
_NAMED_IN_PLAYBOOKS: Final = ("*.yml", "*.yaml", "*.j2", "*.json")
_MOST_FILES: Final = 2000


def is_local(file: str | None) -> bool:
    return bool(file) and os.path.isabs(str(file))  # noqa: PTH117


def is_playbook(operation: Operation) -> bool:
    return str(operation.script).endswith((".yml", ".yaml"))


def is_role(operation: Operation) -> bool:
    """A role: by its artifact's type, or a folder that has a role's tasks."""
    return "role" in operation.kind.lower() or (is_local(operation.script) and Path(str(operation.script), "tasks").is_dir())


def files_of(operation: Operation, tree: Tree) -> Iterator[tuple[str, Path]]:
    """(relative name, file) of all that an operation needs: its program, and what that finds beside it.

    Everything lies beside the program: a dependency by its own name, as other orchestrators have it, and by its name relative
    to the program. What Ansible looks for beside a playbook comes along unasked.
    """
    seen: set[str] = set()

    def new(name: str, path: Path) -> Iterator[tuple[str, Path]]:
        if name not in seen and len(seen) < _MOST_FILES and ".." not in Path(name).parts:
            seen.add(name)
            yield name, path

    if not is_local(operation.script):
        return
    program = Path(str(operation.script))
    if is_role(operation):
        for path in matching(["**/*"], program, tree):
            yield from new(f"roles/{program.name}/{path.relative_to(program)}", path)
    else:
        yield from new(program.name, program)
    for dependency in filter(is_local, operation.dependencies):
        path = Path(dependency)
        relative = os.path.relpath(path, program.parent)
        inside = [*matching(["**/*"], path, tree)]
        for file in inside or [path]:
            below = file.relative_to(path) if inside else Path()
            yield from new(os.path.normpath(Path(path.name, below)), file)
            yield from new(os.path.normpath(Path(relative, below)), file)
    if is_playbook(operation):
        for path in matching(list(_BESIDE_PLAYBOOKS), program.parent, tree):
            yield from new(str(path.relative_to(program.parent)), path)
        try:
            text = program.read_text(errors="replace")
        except OSError:
            return
        for path in matching(list(_NAMED_IN_PLAYBOOKS), program.parent, tree):
            if path.name in text:  # other playbooks have nothing to do with it
                yield from new(path.name, path)


def key(operation: Operation, relationship: Relationship | None = None) -> str:
    """What an operation of a node is called: `Standard.create`, `Configure.pre_configure_source(db)`, with the other end."""
    name = f"{operation.interface}.{operation.name}"
    return (
        name if relationship is None else f"{name}({relationship.requirement}: {relationship.source} -> {relationship.target})"
    )


def all_of(node: Node) -> Iterator[tuple[str, Operation]]:
    """Every operation that is carried out in the life of a node."""
    for operation in node.operations.values():
        yield key(operation), operation
    for relationship in node.relationships:
        for operation in relationship.operations.values():
            yield key(operation, relationship), operation


def recorded(node: Node, tree: Tree, known: dict[Any, dict[str, str]]) -> dict[str, Any]:
    """The value of `PROPERTY`: what each operation runs, and what it is given, as far as the node itself does not tell that.
    `known` remembers digests of files: thousands of nodes may have the same operations."""
    found = {}
    for name, operation in all_of(node):
        inputs = {key: value for key, value in operation.inputs.items() if node.name not in references(value)}
        which = (operation.script, operation.dependencies, operation.kind)
        if which not in known:
            left = [64 * 1024 * 1024]
            digests = ((relative, tree.digest(path, left)) for relative, path in files_of(operation, tree))
            known[which] = {relative: digest for relative, digest in digests if digest is not None}
        program = str(operation.script)
        if is_local(program) and Path(program).is_relative_to(tree.directory):
            program = str(Path(program).relative_to(tree.directory))
        found[name] = {"run": program, "inputs": inputs, "files": known[which]}
    return found


def place_relationships(nodes: Mapping[str, Node]) -> None:
    """Move what is carried out in the life of the target there.

    `pre_configure_target` and `post_configure_target` go around the target's `configure`, when the source is not there yet. One
    that is given something of another node than the target comes in the source's life instead, after the same step of it.
    """
    for node in nodes.values():
        kept = [other for other in node.relationships if other.source != node.name]
        for item in [own for own in node.relationships if own.source == node.name]:
            target = nodes.get(item.target)
            movable = {
                name: operation
                for name, operation in item.operations.items()
                if operation.name in TARGET_SIDE and not references(operation.inputs) - {item.target}
            }
            if target is None or target.composite or item.target == node.name:
                movable = {}
            if movable and target is not None:
                target.relationships.append(Relationship(item.requirement, item.source, item.target, movable))
            rest = {name: operation for name, operation in item.operations.items() if name not in movable}
            if rest:
                kept.append(Relationship(item.requirement, item.source, item.target, rest))
        node.relationships[:] = kept
