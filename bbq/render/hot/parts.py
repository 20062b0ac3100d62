"""Parts of a template as templates of their own: members of a group, and what is more than one stack may have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from bbq.render.hot.context import slug
from bbq.render.hot.model import Document, Fn, Parameter, Resource, get_param, used_resources


def extract(
    resources: Mapping[str, Resource], parameters: Mapping[str, Parameter], reserved: Collection[str] = ()
) -> tuple[Document, dict[str, Any]]:
    """(a template of these resources, what its parameters are outside of it). What they refer to outside becomes a parameter of
    the same name, so that the parts stay readable, unless the name is `reserved`."""
    document = Document()
    outside: dict[str, Any] = {}
    for name, resource in resources.items():
        properties = _inward(resource.properties, resources, parameters, document, outside, reserved)
        depends = [other for other in resource.depends_on if other in resources]
        document.resources[name] = replace(resource, properties=properties, depends_on=depends)
    return document, outside


def _inward(
    value: Any,
    inside: Mapping[str, Resource],
    parameters: Mapping[str, Parameter],
    document: Document,
    outside: dict[str, Any],
    reserved: Collection[str],
) -> Any:
    if isinstance(value, Fn):
        key, argument = next(iter(value.items()))
        if key == "get_param" and isinstance(argument, str):
            if argument in parameters:
                document.parameters.setdefault(argument, parameters[argument])
                outside.setdefault(argument, value)
            return value
        target = argument if key == "get_resource" else argument[0] if key == "get_attr" else None
        if target is not None:
            if target in inside:
                return value
            name = target if key == "get_resource" else slug("_".join(map(str, argument)))
            while name in reserved or name in parameters:
                name += "_"
            description = f"{target} of another template" if key == "get_resource" else f"{argument[1]} of {target}"
            document.parameters.setdefault(name, Parameter(name, description, of=name))
            outside.setdefault(name, value)
            return get_param(name)
        return Fn({key: _inward(argument, inside, parameters, document, outside, reserved)})
    if isinstance(value, dict):
        return {key: _inward(item, inside, parameters, document, outside, reserved) for key, item in value.items()}
    if isinstance(value, list):
        return [_inward(item, inside, parameters, document, outside, reserved) for item in value]
    return value


def split(document: Document, most: int, reserved: Collection[str] = ()) -> list[Document]:
    """The template in pieces of at most `most` resources, in the order in which stacks have to be made. What servers share
    comes first, a server and what belongs to it stay together. A piece's parameters with `of` are outputs of earlier ones, by
    the same names, of which none is `reserved` or an output of the whole template.

    A single server with more resources than that stays whole, for there is no template for it; -1 and 0 split nothing.
    """
    if most <= 0 or len(document.resources) <= most:
        return [document]
    reserved = {*reserved, *document.outputs}
    piece_of = _pieces(document.resources, most)
    pieces: list[dict[str, Resource]] = [{} for _ in range(max(piece_of.values()) + 1)]
    for name, resource in document.resources.items():
        pieces[piece_of[name]][name] = resource
    made: list[Document] = []
    for number, resources in enumerate(pieces):
        piece, outside = extract(resources, document.parameters, reserved)
        piece.description = f"{document.description} (part {number + 1} of {len(pieces)})".strip()
        made.append(piece)
        _hand_over(piece, outside, made, piece_of)
    last = made[-1]
    for name, (value, description) in document.outputs.items():
        used = {piece_of[other] for other in used_resources(value)}
        where = made[used.pop()] if len(used) == 1 else last
        holder = Document()
        outside = {}
        where.outputs[name] = (_inward(value, where.resources, document.parameters, holder, outside, reserved), description)
        where.parameters |= {key: item for key, item in holder.parameters.items() if key not in where.parameters}
        _hand_over(where, outside, made, piece_of)
    return made


def _hand_over(piece: Document, outside: Mapping[str, Any], made: list[Document], piece_of: Mapping[str, int]) -> None:
    """What a piece needs of earlier ones are their outputs."""
    for name, value in outside.items():
        target = next(used_resources(value), None)
        if target is not None and name in piece.parameters and piece.parameters[name].of:
            made[piece_of[target]].outputs.setdefault(name, (value, ""))


def _pieces(resources: Mapping[str, Resource], most: int) -> dict[str, int]:
    """Resource -> number of its piece."""
    units: dict[str, list[str]] = {}
    for name, resource in resources.items():
        units.setdefault(resource.unit, []).append(name)
    shared = units.pop("", [])
    found: dict[str, int] = {}
    needs = {name: [*used_resources(resources[name].properties), *resources[name].depends_on] for name in resources}
    # What is shared and needs servers (a group of all of them) comes after them.
    late = [name for name in shared if any(resources[other].unit for other in needs[name] if other in resources)]
    first = dict.fromkeys(shared)
    for name in late:
        del first[name]
    number, room = 0, most
    for name in first:
        if room < 1:
            number, room = number + 1, most
        found[name] = number
        room -= 1
    # By number: more servers of one node come after the others' first ones, which stay where they are.
    for group in (units[unit] for unit in sorted(units, key=lambda unit: resources[unit].row if unit in resources else 0)):
        if room < len(group) and room < most:
            number, room = number + 1, most
        found |= dict.fromkeys(group, number)
        room -= len(group)
    for name in late:
        if room < 1:
            number, room = number + 1, most
        found[name] = max(number, *(found.get(other, 0) for other in needs[name]))
        room -= 1
    return found
