"""Node filters. TOSCA 1.3 section 3.6.5: lists of constraints on properties; TOSCA 2.0 section 8.6: a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yaml import MappingNode, Node, SequenceNode

from bbq.tosca.checker import Checker
from bbq.tosca.conditions import check_clauses
from bbq.tosca.functions import Owner
from bbq.tosca.model import Function, ParameterDef, TypeDef
from bbq.tosca.reading import nearest, one_of, quoted, shape
from bbq.tosca.schemas import Definitions
from bbq.tosca.validations import Stated, Validations
from bbq.yamlreader import is_null


def read_filter(
    reader: Definitions,
    node: Node,
    what: str,
    owner: Owner | None,
    target: TypeDef | None = None,
    checker: Checker | None = None,
) -> Any:
    """A `Function` (2.0), or the data of 1.x; where the target's type is known, the names are checked, and with `checker` what
    they are compared with."""
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
    validations = Validations(reader, checker) if checker is not None else None
    _properties(reader, keys.get("properties"), title, target.properties if target is not None else None, validations)
    for item in _maps(reader, keys.get("capabilities"), title):
        for name, (key, body) in reader.entries(item, f"capabilities of {title}").items():
            found = target.capabilities.get(name) if target is not None else None
            if target is not None and found is None and not _is_type(reader, name):
                near = nearest(name, target.capabilities) or one_of(target.capabilities)
                reader.practice("BBQ-T060", f"{title}: {quoted(target.name)} has no capability {quoted(name)}", key, near)
            inner = {k: v for k, (_, v) in reader.entries(body, f"capability {quoted(name)} of {title}").items()}
            known = found.properties if found is not None else None
            _properties(reader, inner.get("properties"), title, known, validations)
    return value


def _is_type(reader: Definitions, name: str) -> bool:
    """A capability may be named by its type, too."""
    from bbq.tosca.schemas import find

    return find(reader.unit, "capability", name) is not None


def _maps(reader: Definitions, node: Node | None, what: str) -> list[Node]:
    return [node] if isinstance(node, MappingNode) else reader.items(node, what)


def _properties(
    reader: Definitions,
    node: Node | None,
    what: str,
    known: Mapping[str, ParameterDef] | None,
    validations: Validations | None,
) -> None:
    for item in _maps(reader, node, f"properties of {what}"):
        for name, (key, body) in reader.entries(item, f"properties of {what}").items():
            definition = known.get(name) if known is not None else None
            if known is not None and definition is None:
                text = f"{what}: there is no property {quoted(name)}"
                reader.practice("BBQ-T041", text, key, nearest(name, known) or one_of(known))
            if isinstance(body, (MappingNode, SequenceNode)):
                type_name = definition.schema.type if definition is not None else "any"
                stated = check_clauses(reader, body, Stated(type_name, f"property {quoted(name)} in the {what}"))
                if validations is not None:
                    validations.check(stated)
