"""Names of the normative types in a 2.0 template: those of OASIS's profile for 2.0, or those of 1.x under their own names."""

from __future__ import annotations

from typing import Final

from bbq.editor.reading import Names, profile
from bbq.tosca.checker import BUILT_IN
from bbq.tosca.grammar import KINDS, Grammar, grammar_of
from bbq.tosca.schemas import find

SIMPLE: Final = "org.oasis-open.simple:2.0"
_PREFIXES: Final = {
    "data": ("tosca.datatypes.network.", "tosca.datatypes."),
    "node": ("tosca.nodes.network.", "tosca.nodes."),
    "capability": ("tosca.capabilities.network.", "tosca.capabilities."),
    "relationship": ("tosca.relationships.network.", "tosca.relationships."),
    "interface": ("tosca.interfaces.",),
    "artifact": ("tosca.artifacts.",),
    "group": ("tosca.groups.",),
    "policy": ("tosca.policies.",),
}
_RENAMED: Final = {
    "tosca.interfaces.node.lifecycle.Standard": "Lifecycle.Standard",
    "tosca.interfaces.relationship.Configure": "Relationship.Configure",
    "tosca.nodes.BlockStorage": "Storage.BlockStorage",
    "tosca.nodes.ObjectStorage": "Storage.ObjectStorage",
}
_NAMESPACE: Final = "simple"


def two() -> Grammar:
    found = grammar_of("tosca_2_0")
    assert found is not None
    return found


class Renaming:
    """Which name a type has in the upgraded file. `simple`: OASIS's profile for 2.0, whose names are short; else the normative
    types of the file's own version, by their full names."""

    def __init__(self, names: Names, *, simple: bool) -> None:
        self._names = names
        self.simple = simple
        self._profile = profile(two(), SIMPLE) if simple else None
        self.missing: dict[str, str] = {}
        """Types that the profile does not have -> their kind."""
        own = {(kind, name) for kind in KINDS for name in names.unit.names(kind) if not self._bundled(kind, name)}
        taken = self._profile is not None and any(self._profile.type_named(kind, name) is not None for kind, name in own)
        self.namespace = _NAMESPACE if taken else ""
        """What the profile is imported under, where the template has names of its own that the profile has, too."""

    def _bundled(self, kind: str, name: str) -> bool:
        found = find(self._names.unit, kind, name)
        return found is not None and found.unit.bundled

    @property
    def imported(self) -> str:
        """The entry of `imports` that brings the types."""
        name = SIMPLE if self.simple else self._names.unit.grammar.profile
        return f"{{ profile: {name}, namespace: {self.namespace} }}" if self.namespace else f"profile: {name}"

    def new_name(self, kind: str, name: str) -> str | None:
        """The name to write for a type; None for one of another kind, the same where nothing changes."""
        if kind == "data" and name in BUILT_IN:
            return name
        found = find(self._names.unit, kind, name)
        if found is None:
            return None
        if not found.unit.bundled:
            return name
        full = found.name
        if self._profile is None:
            return full
        short = _RENAMED.get(full) or next(
            (full.removeprefix(prefix) for prefix in _PREFIXES[kind] if full.startswith(prefix)), full
        )
        if self._profile.type_named(kind, short) is None:
            self.missing.setdefault(full, kind)
            return full
        return f"{self.namespace}:{short}" if self.namespace else short

    def is_gone(self, kind: str, name: str) -> bool:
        """Whether the profile has no root of that kind to derive from: leaving it out then says the same."""
        found = find(self._names.unit, kind, name)
        gone = self.simple and found is not None and found.unit.bundled and found.name.endswith(".Root")
        return gone and found is not None and found.name in self.missing
