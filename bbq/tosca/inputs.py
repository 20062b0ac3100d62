"""Values for a template's inputs: converted from text, checked, defaults applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yaml import Node

from bbq.diagnostics import Diagnostic, DiagnosticBag
from bbq.tosca.checker import Checker, Path, locate
from bbq.tosca.convert import from_text
from bbq.tosca.model import ServiceTemplate
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.yamlreader import NOWHERE, Given, at, name_place, node_of


def check_inputs(service: ServiceTemplate, given: Mapping[str, Any]) -> tuple[Given, list[Diagnostic]]:
    """The inputs in force, with the places of those that a file gave, and what is wrong with the given ones, at their places
    where they are a `Given` from a file (else file `<input>`, line 1).

    `given` holds text (from a command line) or values (from a file, or Python). Text is converted by the input's type:
    numbers, booleans, lists and maps as YAML or JSON, scalars with units. Inputs that are optional, without default and not
    given are absent from the result. Messages never show the value of a secret input.
    """
    bag = DiagnosticBag()
    checker = Checker(service.types)
    values = Given()
    for name in given:
        if name not in service.inputs:
            hint = nearest(name, service.inputs) or one_of(service.inputs) or "the template has no inputs"
            bag.error("BBQ-T100", f"unknown input {quoted(name)}", name_place(given, name), hint)
    for name, definition in service.inputs.items():
        what = f"input {quoted(name)}"
        if name in given:
            value = given[name]
            described = f"{name}: {definition.description.strip()}" if definition.description else None
            if isinstance(value, str):
                value = from_text(value, definition.schema, service.types)
            node = node_of(given, name)

            def report(
                path: Path,
                code: str,
                message: str,
                hint: str | None,
                what: str = what,
                secret: bool = definition.secret,
                described: str | None = described,
                node: Node | None = node,
            ) -> None:
                if secret:
                    message, hint = f"{what} does not have the form that its type asks for", None
                bag.error("BBQ-T102", message, NOWHERE if node is None else at(locate(node, path)), hint or described)

            values[name] = checker.check(value, definition.schema, report, what=what)
            if isinstance(given, Given) and name in given.nodes:
                values.nodes[name] = given.nodes[name]
        elif definition.has_value:
            values[name] = definition.value
        elif definition.has_default:
            values[name] = definition.default
        elif definition.required:
            hint = f"give it with --input {name}=..." + (
                f" ({definition.description.strip()})" if definition.description else ""
            )
            bag.error("BBQ-T101", f"{what} is required", NOWHERE, hint)
    return values, bag.sorted()
