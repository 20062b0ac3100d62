"""Functions that templates and profiles define: their signatures, and whether calls fit. TOSCA 2.0 section 10.4."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from yaml import MappingNode, Node, SequenceNode

from bbq.diagnostics import DiagnosticBag
from bbq.tosca.checker import Checker
from bbq.tosca.files import Declaration, Unit
from bbq.tosca.functions import FUNCTIONS_2
from bbq.tosca.implementations import read_implementation
from bbq.tosca.model import Function, FunctionDef, OperationDef, Schema, ServiceTemplate, Signature
from bbq.tosca.reading import article, one_of, quoted
from bbq.tosca.schemas import Definitions, canonical
from bbq.tosca.types import Types
from bbq.yamlreader import at, is_null

RESULTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("join", "token"), "string"),
    **dict.fromkeys(("and", "or", "not", "xor", "equal", "matches", "has_prefix", "has_suffix", "contains"), "boolean"),
    **dict.fromkeys(("greater_than", "greater_or_equal", "less_than", "less_or_equal", "valid_values"), "boolean"),
    **dict.fromkeys(("has_entry", "has_key", "has_all_entries", "has_all_keys", "has_any_entry", "has_any_key"), "boolean"),
    **dict.fromkeys(("length", "node_index", "relationship_index"), "integer"),
}
"""What built-in functions give, where that is always of one type."""


def read_functions(types: Types, units: Collection[Unit]) -> dict[str, FunctionDef]:
    """Every function of the template and its imports, those of the service template over the others."""
    found: dict[str, FunctionDef] = {}
    refinements: list[Declaration] = []
    for unit in units:
        reader = types.definitions(unit)
        for declaration in unit.functions.values():
            name = canonical(declaration)
            found[name] = _function(reader, declaration, name, None)
        refinements += unit.refined.values()
    for declaration in refinements:
        outer = declaration.unit.lookup("function", declaration.name)
        if outer is not None:
            name = canonical(outer)
            found[name] = _function(types.definitions(declaration.unit), declaration, name, found.get(name))
    for unit in units:
        types.definitions(unit).finish(types.found)
    return found


def _function(reader: Definitions, declaration: Declaration, name: str, old: FunctionDef | None) -> FunctionDef:
    what = f"function {quoted(declaration.name)}"
    if declaration.name in FUNCTIONS_2:
        reader.warning("BBQ-T217", f"{what} is built in; this definition is not used", declaration.key)
    keys = reader.entity(declaration.body, "function", declaration.name, declaration.key)
    result = FunctionDef(name, at(declaration.key), description=old.description if old else "")
    result.description = reader.description(keys, what) or result.description
    result.metadata = {**(old.metadata if old else {}), **reader.metadata(keys.get("metadata"), what)}
    signatures = list(old.signatures) if old else []
    items = reader.items(keys.get("signatures"), f"signatures of {what}")
    if not items and isinstance(keys.get("signatures"), SequenceNode):
        reader.error("BBQ-T011", f"{what} needs at least one signature", keys["signatures"])
    for number, item in enumerate(items):
        title = f"signature {number} of {what}"
        if number < len(signatures):
            signatures[number] = _refined(reader, item, signatures[number], title)
        else:
            signatures.append(_signature(reader, item, Signature(at(item)), title))
    result.signatures = tuple(signatures)
    return result


def _refined(reader: Definitions, node: Node, old: Signature, what: str) -> Signature:
    """Only the implementation may change; an empty element changes nothing."""
    if is_null(node) or (isinstance(node, MappingNode) and not node.value):
        return old
    found = _signature(reader, node, old, what)
    before = (_shape(old.arguments), _shape(old.optional), old.variadic, _shape((old.result,)))
    after = (_shape(found.arguments), _shape(found.optional), found.variadic, _shape((found.result,)))
    if before != after:
        reader.error("BBQ-T033", f"{what} is defined outside of the service template: only its implementation may change", node)
        return replace(old, implementation=found.implementation)
    return found


def _shape(schemas: tuple[Schema | None, ...]) -> list[Any]:
    """Schemas as what can be compared: without places."""
    return [
        None if item is None else (item.type, len(item.constraints), _shape((item.entry,)), _shape((item.key,)))
        for item in schemas
    ]


def _signature(reader: Definitions, node: Node, old: Signature, what: str) -> Signature:
    keys = reader.entity(node, "signature", "", node) if not is_null(node) else {}
    arguments, optional = old.arguments, old.optional
    if "arguments" in keys:
        arguments = _schemas(reader, keys["arguments"], f"arguments of {what}")
    if "optional_arguments" in keys:
        optional = _schemas(reader, keys["optional_arguments"], f"optional_arguments of {what}")
    implementation = old.implementation
    if "implementation" in keys:
        implementation = OperationDef("", at(keys["implementation"]))
        read_implementation(reader, keys["implementation"], implementation, what, keys["implementation"])
    return Signature(
        at(node),
        arguments,
        optional,
        reader.boolean(keys.get("variadic"), f"`variadic` of {what}", old.variadic),
        reader.schema(keys["result"], f"result of {what}") if "result" in keys else old.result,
        implementation,
    )


def _schemas(reader: Definitions, node: Node, what: str) -> tuple[Schema, ...]:
    found = []
    for number, item in enumerate(reader.items(node, what)):
        schema = reader.schema(item, f"number {number} of the {what}")
        found.append(schema if schema is not None else Schema("any"))
    return tuple(found)


class Calls:
    """Checks calls of functions that the template or its imports define."""

    def __init__(self, service: ServiceTemplate, checker: Checker, bag: DiagnosticBag) -> None:
        self._service = service
        self._checker = checker
        self._bag = bag

    def check(self, function: Function) -> None:
        """Reports a call that no signature takes."""
        definition = self._service.functions.get(function.name)
        if definition is None or not definition.signatures or function.name in FUNCTIONS_2:
            return
        problems = [self._problem(signature, function.args) for signature in definition.signatures]
        if None in problems:
            return
        shown = [f"{function.name}({_shown(signature)})" for signature in definition.signatures]
        text = f"{quoted(function.name)} takes other arguments"
        if len(problems) == 1:
            text += f": {problems[0]}"
        self._bag.error("BBQ-T051", text, function.at, one_of(shown))

    def result(self, function: Function) -> str:
        """The type of what a function gives, "any" where that is not known."""
        if function.name == "get_input":
            name = function.args[0] if len(function.args) == 1 else None
            known = self._service.inputs.get(name) if isinstance(name, str) else None
            return known.schema.type if known is not None else "any"
        definition = self._service.functions.get(function.name)
        if definition is not None and function.name not in FUNCTIONS_2:
            fitting = (item for item in definition.signatures if self._problem(item, function.args) is None)
            signature = next(fitting, None)
            return signature.result.type if signature is not None and signature.result is not None else "any"
        return RESULTS.get(function.name, "any")

    def can_be(self, function: Function, schema: Schema) -> str | None:
        """The type of what the function gives where that can never be a value of the schema."""
        given = self.result(function)
        return None if self._checker.can_be(given, schema.type) else given

    def _problem(self, signature: Signature, args: tuple[Any, ...]) -> str | None:
        schemas = [*signature.arguments, *signature.optional]
        least, most = len(signature.arguments), len(schemas)
        if signature.variadic and not schemas:
            return None
        if len(args) < least or (len(args) > most and not signature.variadic):
            wanted = f"{least} or more" if signature.variadic else str(least) if least == most else f"{least} to {most}"
            return f"{wanted} of them, not {len(args)}"
        for number, arg in enumerate(args):
            schema = schemas[min(number, most - 1)]
            if isinstance(arg, Function):
                given = self.can_be(arg, schema)
                if given is not None:
                    return f"number {number} must be {article(schema.type)}, not {article(given)}"
                continue
            problem = self._checker.problem(arg, schema, what=f"number {number}")
            if problem is not None:
                return problem
        return None


def _shown(signature: Signature) -> str:
    """`integer, string, [float]...`"""
    names = [item.type for item in signature.arguments] + [f"[{item.type}]" for item in signature.optional]
    return ", ".join(names) + ("..." if signature.variadic else "")
