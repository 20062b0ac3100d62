"""The values of a template's parameters: given, from environments, or defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.hot.environment import Environment
from bbq.hot.model import Parameter
from bbq.hot.parameters import converted
from bbq.wording import hint, quoted
from bbq.yamlreader import NOWHERE, at, name_place, value_place


def values_in_force(
    parameters: Mapping[str, Parameter], given: Mapping[str, Any] | None, environment: Environment, bag: DiagnosticBag
) -> dict[str, Any]:
    """Name -> value as its type for each parameter that has one: given, else of the environments' `parameters`, else of their
    `parameter_defaults`, else its default. What does not fit is reported (`<input>` where no file is) and left out; so are
    unknown names, and missing values where values are given at all. Messages never show a hidden parameter's value."""
    for name in given or {}:
        if name not in parameters:
            more = hint(bag, name, parameters, "the template has no parameters")
            bag.error("BBQ-H070", f"unknown parameter {quoted(name)}", name_place(given or {}, name), more)
    for name, item in environment.parameters.items():
        if name not in parameters:
            more = hint(bag, name, parameters, "the template has no parameters")
            text = f"the environment gives {quoted(name)}, which is no parameter of the template"
            bag.error("BBQ-H070", text, at(item.node), more)
    complete = given is not None or environment.gives_parameters
    found = {}
    for name, parameter in parameters.items():
        source = environment.parameters.get(name) or environment.defaults.get(name)
        if source is not None and parameter.hidden and bag.sources is not None:
            bag.sources.secret(at(source.node))
        if given is not None and name in given:
            value, where = given[name], value_place(given, name)
        elif source is not None and source.value is not None:
            value, where = source.value, at(source.node)
        elif parameter.has_default:
            if parameter.default is not None:
                found[name] = parameter.default
            continue
        else:
            if complete:
                described = f" ({parameter.description.strip()})" if parameter.description else ""
                more = f"give it with --input {name}=...{described}"
                bag.error("BBQ-H071", f"parameter {quoted(name)} is required", NOWHERE, more)
            continue

        def report(message: str, more: str | None, where: SourceRange = where, parameter: Parameter = parameter) -> None:
            if parameter.hidden:
                message, more = f"parameter {quoted(parameter.name)} does not have the form that it asks for", None
            described = parameter.description.strip()
            bag.error("BBQ-H072", message, where, more or described or None)

        result = converted(parameter, value, report, f"parameter {quoted(name)}")
        if result is not None:
            found[name] = result
    return found
