"""Values for the properties of an application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bbq.diagnostics import DiagnosticBag
from bbq.murano import codes
from bbq.murano.model import Package, Property
from bbq.wording import hint, quoted
from bbq.yamlreader import NOWHERE, name_place, value_place

_WORDS: Final[Mapping[str, bool]] = {"true": True, "false": False}


def check(package: Package, given: Mapping[str, Any], bag: DiagnosticBag) -> dict[str, Any]:
    """The values as Murano is sent them. What does not fit is reported and left out. The properties of a class whose parents
    are in other packages are not all known: there Murano has the last word."""
    application = package.application
    if application is None:
        return dict(given)
    properties = {name: item for name, item in application.properties.items() if item.given}
    found = {}
    for name, value in given.items():
        if name in properties:
            fits, converted = _converted(properties[name], value)
            if fits:
                found[name] = converted
                continue
            what = {"int": "an integer", "bool": "true or false", "object": "a map with the object's `?`"}
            kind = properties[name].kind
            text = f"the input {quoted(name)} must be {what.get(kind, f'a {kind}')}"
            bag.error(codes.INPUT, text, value_place(given, name))
        elif application.open:
            found[name] = value
        else:
            text = f"{application.name} has no property {quoted(name)}"
            more = hint(bag, name, properties, "it has none that is given")
            bag.error(codes.INPUT, text, name_place(given, name), more)
    for name, item in properties.items():
        if item.required and name not in given:
            kind = f" ({item.kind})" if item.kind else ""
            text = f"{application.name} needs a value for {quoted(name)}{kind}"
            bag.error(codes.NO_INPUT, text, NOWHERE, f"give it with --input {name}=...")
    return found


def _converted(item: Property, value: Any) -> tuple[bool, Any]:
    """Texts of the command line are what the property's contract says."""
    if value is None:
        return not item.required, value
    if item.kind == "string":
        return isinstance(value, (str, int, float)) and not isinstance(value, bool), str(value)
    if item.kind == "int":
        plain = isinstance(value, int) and not isinstance(value, bool)
        return (True, value) if plain else (isinstance(value, str) and value.lstrip("-").isdigit(), _number(value))
    if item.kind == "bool":
        return (True, value) if isinstance(value, bool) else (value in _WORDS, _WORDS.get(str(value)))
    if item.kind in ("map", "list"):
        return isinstance(value, dict if item.kind == "map" else list), value
    if item.kind == "object":
        return isinstance(value, (dict, str)), value
    return True, value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value
