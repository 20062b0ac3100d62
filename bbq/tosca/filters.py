"""Node filters. TOSCA 1.3 section 3.6.5: lists of constraints on properties; TOSCA 2.0 section 8.6: a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yaml import MappingNode, Node, SequenceNode

from bbq.tosca.conditions import check_clauses
from bbq.tosca.functions import Owner
from bbq.tosca.model import Function, ParameterDef, TypeDef
from bbq.tosca.reading import nearest, one_of, quoted, shape
from bbq.tosca.schemas import Definitions
from bbq.yamlreader import is_null


def read_filter(reader: Definitions, node: Node, what: str, owner: Owner | None, target: TypeDef | None) -> Any:
    """A `Function` (2.0), or the data of 1.x; names are checked where the target's type is known."""
    title = f"node_filter of {what}"
    value = reader.convert.value(node, owner)
    if reader.grammar.two:
        if not isinstance(value, (Function, bool)) and not is_null(node):
            hint = "in TOSCA 1.x a filter is a map of `properties`; here it is a condition, such as { $equal: [ ..., ... ] }"
            reader.error("BBQ-T044", f"{title} must be a function call, not {shape(node)}", node, hint)
            return None
        return value
    if isinstance(value, Function) or is_null(node):
        return value
    keys = reader.entity(node, "node filter", "", node)
    _properties(reader, keys.get("properties"), title, target.properties if target is not None else None)
    for item in _maps(reader, keys.get("capabilities"), title):
        for name, (key, body) in reader.entries(item, f"capabilities of {title}").items():
            found = target.capabilities.get(name) if target is not None else None
            if target is not None and found is None and not _is_type(reader, name):
                near = nearest(name, target.capabilities) or one_of(target.capabilities)
                reader.practice("BBQ-T060", f"{title}: {quoted(target.name)} has no capability {quoted(name)}", key, near)
            inner = {k: v for k, (_, v) in reader.entries(body, f"capability {quoted(name)} of {title}").items()}
            _properties(reader, inner.get("properties"), title, found.properties if found is not None else None)
    return value


def _is_type(reader: Definitions, name: str) -> bool:
    """A capability may be named by its type, too."""
    from bbq.tosca.schemas import find

    return find(reader.unit, "capability", name) is not None


def _maps(reader: Definitions, node: Node | None, what: str) -> list[Node]:
    return [node] if isinstance(node, MappingNode) else reader.items(node, what)


def _properties(reader: Definitions, node: Node | None, what: str, known: Mapping[str, ParameterDef] | None) -> None:
    for item in _maps(reader, node, f"properties of {what}"):
        for name, (key, body) in reader.entries(item, f"properties of {what}").items():
            if known is not None and name not in known:
                text = f"{what}: there is no property {quoted(name)}"
                reader.practice("BBQ-T041", text, key, nearest(name, known) or one_of(known))
            if isinstance(body, (MappingNode, SequenceNode)):
                check_clauses(reader, body, f"property {quoted(name)} in the {what}")
