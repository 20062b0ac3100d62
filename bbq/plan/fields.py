"""Field by field: what a node was made with (the journal's snapshot) against what it is wanted to be.

The snapshot holds answered values, secrets as `{"$secret": name, "digest": ...}`. So wanted values are answered first, as
far as the records can: an attribute of a node that is made anew in this plan is not known before; a secret is known by its
digest, or by its value where the secret store is at hand.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from bbq.plan.model import Action
from bbq.plan.snapshot import Opaque, digest, fingerprint
from bbq.topology.functions import FunctionError, call
from bbq.topology.model import Node
from bbq.topology.values import MASK, UNKNOWN, Attribute, Call, Expr, GeneratedSecret, Secret, contains

if TYPE_CHECKING:
    from bbq.journal.model import Record, SecretStore

_ANEW: Final = frozenset({Action.CREATE, Action.REPLACE})


class Answers:
    """Answers wanted values from the records. `actions`, and `changed`, the fields that an update touches, are filled while the
    plan is made, dependencies first; so are `anew`, the nodes that will tell something else of themselves all the same."""

    def __init__(
        self,
        nodes: Mapping[str, Node],
        records: Mapping[str, Record],
        salt: str,
        secrets: SecretStore | None,
        anew: Collection[str] = (),
    ) -> None:
        self._nodes = nodes
        self._records = records
        self._salt = salt
        self._secrets = secrets
        self._anew = anew
        self.actions: dict[str, Action] = {}
        self.changed: dict[str, frozenset[str]] = {}
        self._told: dict[tuple[str, Collection[str]], Any] = {}

    def answer(self, value: Any) -> Any:
        """`value` with its expressions answered: data, `Secret`, `Opaque`, or `UNKNOWN` before the plan is carried out."""
        if isinstance(value, dict):
            return {key: self.answer(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.answer(item) for item in value]
        if not isinstance(value, Expr):
            return value
        if isinstance(value, Attribute):
            return self._attribute(value)
        if isinstance(value, GeneratedSecret):
            text = self._secrets.get(value.name) if self._secrets is not None else None
            return Opaque() if text is None else Secret(text)
        if isinstance(value, Call):
            return self._call(value)
        return UNKNOWN

    def _call(self, value: Call) -> Any:
        args = [self.answer(arg) for arg in value.args]
        if contains(args, lambda item: item is UNKNOWN):
            return UNKNOWN
        if contains(args, lambda item: isinstance(item, Opaque)):
            return Opaque()
        try:
            return call(value.function, args)
        except FunctionError:
            return UNKNOWN  # the engine reports it, with the values of that moment

    def _attribute(self, value: Attribute) -> Any:
        """As the engine answers it: what the provider said, else the template's, else the property of that name."""
        action = self.actions.get(value.node)
        name, rest = str(value.path[0]), value.path[1:]
        node, record = self._nodes.get(value.node), self._records.get(value.node)
        composite = node is not None and not node.primitive
        if not composite and (action in _ANEW or name in self.changed.get(value.node, ())):
            return UNKNOWN
        missing = UNKNOWN if action is Action.READ or record is None else Opaque()
        if record is not None and not composite and name in record.attributes:
            found = self._decoded(record.attributes[name])
        elif node is not None and name in node.attributes:
            found = self.answer(node.attributes[name])
        elif node is not None and name in node.properties:
            found = self.answer(node.properties[name])
        else:
            return missing
        return _inside(found, rest, missing)

    def told(self, name: str, but: frozenset[str] = frozenset()) -> Any:
        """The `fingerprint` of what this node hands over, as far as the records can tell; `UNKNOWN` where the plan makes it
        anew or changes a field that is among it, None where a secret in it cannot be looked at. Attributes of the names in
        `but` do not count. Its own step is planned."""
        key = name, but
        if key not in self._told:  # many may be told the same
            self._told[key] = self._handed_over(name, but)
        return self._told[key]

    def _handed_over(self, name: str, but: frozenset[str]) -> Any:
        node, record, action = self._nodes[name], self._records.get(name), self.actions.get(name)
        if record is None or name in self._anew or (node.primitive and (action in _ANEW or record.handle is None)):
            return UNKNOWN
        found = {key: self.answer(value) for key, value in node.attributes.items() if key not in but}
        if node.primitive:
            if not (record.attributes.keys() - but).isdisjoint(self.changed.get(name, ())):
                return UNKNOWN
            found |= record.attributes
        if contains(found, lambda item: item is UNKNOWN):
            return UNKNOWN
        if contains(found, lambda item: isinstance(item, Opaque) and item.digest is None):
            return None
        return fingerprint(record.handle if node.primitive else None, found, self._salt, but)

    def _decoded(self, value: Any) -> Any:
        """Recorded data with references to secrets opened, where the store is at hand."""
        if isinstance(value, Mapping):
            if isinstance(name := value.get("$secret"), str):
                text = self._secrets.get(name) if self._secrets is not None else None
                if text is None:
                    return Opaque(value.get("digest"))
                return Secret(json.loads(text) if value.get("json") else text)
            return {key: self._decoded(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._decoded(item) for item in value]
        return value

    # Comparison

    def changes(self, before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
        """(path, before, after) of every field that differs, maps opened; before is recorded, after answered."""
        if isinstance(before, Mapping) and "$secret" not in before and isinstance(after, dict):
            for key in dict.fromkeys([*before, *after]):
                yield from self.changes(before.get(key), after.get(key), f"{path}.{key}")
        elif not self.same(before, after):
            yield path, before, after

    def same(self, before: Any, after: Any) -> bool:
        if after is UNKNOWN:
            return False
        if isinstance(after, Opaque):
            if not _is_reference(before):
                return after.digest is None and before is not None
            return after.digest in (None, before.get("digest"))
        if isinstance(after, Secret):
            return _is_reference(before) and before.get("digest") == digest(after.reveal(), self._salt)
        if isinstance(after, dict):
            return (
                isinstance(before, Mapping)
                and before.keys() == after.keys()
                and all(self.same(before[key], after[key]) for key in after)
            )
        if isinstance(after, list):
            return isinstance(before, (list, tuple)) and len(before) == len(after) and all(map(self.same, before, after))
        return bool(before == after) and isinstance(before, bool) == isinstance(after, bool)


def shown(value: Any) -> Any:
    """A recorded or answered value as people may see it."""
    if isinstance(value, (Secret, Opaque)) or _is_reference(value):
        return MASK
    if value is UNKNOWN:
        return str(UNKNOWN)
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    return value


def _is_reference(value: Any) -> bool:
    return isinstance(value, Mapping) and "$secret" in value


def _inside(value: Any, path: tuple[str | int, ...], missing: Any) -> Any:
    for key in path:
        if isinstance(value, Opaque):
            return Opaque()
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(value, Secret):
            inner = _inside(value.reveal(), (key,), missing)
            value = inner if inner is missing else Secret(inner)
        else:
            try:
                value = value[key]
            except (LookupError, TypeError):
                return missing
    return value
