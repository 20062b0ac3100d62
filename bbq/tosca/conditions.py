"""Conditions of triggers and workflows. TOSCA 1.3 sections 3.6.25 and 3.6.26; TOSCA 2.0 sections 13.2.1 and 16.5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from yaml import MappingNode, Node, SequenceNode

from bbq.tosca.constraints import OPERATORS
from bbq.tosca.functions import Owner
from bbq.tosca.model import Condition, Function, ParameterDef
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.schemas import Definitions
from bbq.tosca.validations import Stated, add_clause
from bbq.yamlreader import at, data, is_null

_JOINED: Final = ("and", "or", "not", "assert")


def read_condition(
    reader: Definitions, node: Node, what: str, target: Mapping[str, ParameterDef] | None, owner: Owner
) -> Condition:
    """2.0: a function call. 1.x: a condition clause, on attributes of `target` where that is known."""
    if reader.grammar.two:
        value = reader.convert.value(node, owner)
        if not isinstance(value, Function) and not isinstance(value, bool):
            reader.error("BBQ-T044", f"{what} must be a function call", node)
        return Condition(value, at(node))
    if isinstance(node, MappingNode) or not is_null(node):
        _clause(reader, node, what, target)
    return Condition(data(node, reader.grammar.dialect), at(node))


def _clause(reader: Definitions, node: Node, what: str, target: Mapping[str, ParameterDef] | None) -> None:
    for item in [node] if isinstance(node, MappingNode) else reader.items(node, what):
        for name, (key, body) in reader.entries(item, what).items():
            if name in _JOINED:
                _clause(reader, body, what, target)
                continue
            if target is not None and name not in target and name not in ("state", "tosca_id", "tosca_name"):
                hint = nearest(name, target) or one_of(target)
                reader.practice("BBQ-T054", f"{what}: the target has no attribute {quoted(name)}", key, hint)
            check_clauses(reader, body, Stated("any", what))


def check_clauses(reader: Definitions, node: Node, stated: Stated) -> Stated:
    """The constraint clauses of one attribute or property: a list, or a single one; those that hold together are stated."""
    for item in [node] if isinstance(node, MappingNode) else reader.items(node, stated.what):
        if isinstance(item, MappingNode) or is_null(item):  # anything else is a value that must be equal
            _constraint(reader, item, stated)
    return stated


def _constraint(reader: Definitions, node: Node, stated: Stated) -> None:
    what = stated.what
    for operator, (key, argument) in reader.entries(node, f"a constraint of {what}").items():
        if operator in ("and", "or", "not"):
            for item in [argument] if isinstance(argument, MappingNode) else reader.items(argument, what):
                _constraint(reader, item, Stated(stated.type, what))
        elif operator not in OPERATORS:
            hint = nearest(operator, OPERATORS) or one_of(OPERATORS, 20)
            reader.error("BBQ-T044", f"unknown constraint {quoted(operator)} of {what}", key, hint)
        elif not _calls(argument):
            add_clause(reader, operator, key, argument, data(argument, reader.grammar.dialect), stated)


def _calls(node: Node) -> bool:
    """Whether a function is called there; no clause takes any other map."""
    return isinstance(node, MappingNode) or (isinstance(node, SequenceNode) and any(map(_calls, node.value)))
