"""Which nodes may meet an open requirement: by an index of types, so that ten thousand nodes are matched in one pass."""

from __future__ import annotations

from collections.abc import Iterator

from bbq.topology.filters import ancestry
from bbq.topology.instances import Instance, Stack
from bbq.tosca.model import RequirementAssignment, RequirementDef


class Candidates:
    def __init__(self) -> None:
        self._indices: dict[int, dict[str, list[Instance]]] = {}

    def of(self, instance: Instance, assignment: RequirementAssignment, definition: RequirementDef) -> Iterator[Instance]:
        """Other nodes of the same stack that are of the wanted type, or offer the wanted capability."""
        index = self._index(instance.stack)
        node_type = assignment.node_type or definition.node
        wanted = definition.capability or assignment.capability
        by_node = index.get(node_type) if node_type else None
        by_capability = index.get(wanted) if wanted else None
        if node_type is not None and by_node is None:
            return
        lists = [found for found in (by_node, by_capability) if found is not None]
        smallest = min(lists, key=len, default=None)
        if smallest is None:
            smallest = _all(instance.stack) if wanted and "." not in wanted else []
        for each in smallest:
            if each is not instance and (node_type is None or node_type in each.template.type.ancestry):
                yield each

    def _index(self, stack: Stack) -> dict[str, list[Instance]]:
        """Type name (of the node, or of one of its capabilities) -> instances, each once."""
        if id(stack) not in self._indices:
            keys_by_type: dict[str, tuple[str, ...]] = {}
            index: dict[str, list[Instance]] = {}
            for each in _all(stack):
                type_ = each.template.type
                keys = keys_by_type.get(type_.name)
                if keys is None:
                    capabilities = [ancestry(stack.service, "capability", c.type) for c in type_.capabilities.values()]
                    keys = tuple(dict.fromkeys([*type_.ancestry, *(name for names in capabilities for name in names)]))
                    keys_by_type[type_.name] = keys
                for key in keys:
                    index.setdefault(key, []).append(each)
            self._indices[id(stack)] = index
        return self._indices[id(stack)]


def _all(stack: Stack) -> list[Instance]:
    return [instance for group in stack.groups.values() for instance in group]
