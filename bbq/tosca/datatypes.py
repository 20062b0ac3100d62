"""Data types: complex ones, ones that derive from a built-in type, scalars with units of their own.

TOSCA 1.3 section 3.7.6; TOSCA 2.0 sections 9.1.2.2 and 9.2.
"""

from __future__ import annotations

from yaml import Node

from bbq.tosca.checker import BUILT_IN
from bbq.tosca.files import Declaration
from bbq.tosca.model import Schema, TypeDef
from bbq.tosca.reading import quoted, shape
from bbq.tosca.schemas import OF_1X, Definitions, parent_of
from bbq.tosca.validations import read_constraints
from bbq.yamlreader import at, data


def read_data_type(reader: Definitions, declaration: Declaration, keys: dict[str, Node], found: TypeDef, what: str) -> None:
    """What a data type says beyond its properties, into `found`; its parent's `schema` and `units` are there already."""
    two = reader.grammar.two
    root = found.ancestry[-1]
    if two and declaration.name in BUILT_IN and declaration.name not in OF_1X and not reader.unit.bundled:
        reader.error("BBQ-T032", f"{what}: the name is that of a built-in type", declaration.key, "choose another name")
        return
    if root not in BUILT_IN:
        if two and len(found.ancestry) == 1 and not found.properties and "derived_from" not in keys:
            reader.error("BBQ-T011", f"{what} has neither `derived_from` nor properties", declaration.key)
        for keyname in ("key_schema", "entry_schema") if two else ():
            if keyname in keys:
                reader.error("BBQ-T032", f"{what} is neither a list nor a map, and takes no `{keyname}`", keys[keyname])
        if "validation" in keys or "constraints" in keys:
            found.constraints = (*found.constraints, *read_constraints(reader, keys, found.name, what))
        return
    if "properties" in keys:
        message, block = f"{what} derives from {quoted(root)} and cannot have properties", keys["properties"]
        _, parent = parent_of(declaration) or ("", block)
        reader.error("BBQ-T032", message, parent, related=((at(block), "the properties"),))
        found.properties = {}
    old = found.schema or Schema(root)
    found.schema = Schema(
        root,
        old.constraints + read_constraints(reader, keys, found.name, what),
        reader.inner(keys, "entry_schema", old.entry, what),
        reader.inner(keys, "key_schema", old.key, what),
    )
    reader.check_schemas(keys, found.schema, what, declaration.key)
    scalar = root == "scalar" and two
    if scalar:
        _units(reader, declaration, keys, found, what)
    for keyname in () if scalar or not two else ("data_type", "units", "canonical_unit", "prefixes"):
        if keyname in keys:
            reader.error(
                "BBQ-T032", f"{what} derives from {quoted(root)}, not from `scalar`, and has no `{keyname}`", keys[keyname]
            )


def _units(reader: Definitions, declaration: Declaration, keys: dict[str, Node], found: TypeDef, what: str) -> None:
    """Units with their factors, prefixes that go with a single unit."""
    assert found.schema is not None
    inherited = len(found.ancestry) > 2
    if "data_type" in keys:
        if inherited:
            reader.error("BBQ-T033", f"`data_type` of {what} cannot be changed", keys["data_type"])
        name = reader.type_name(keys["data_type"], "data", f"`data_type` of {what}")
        if name is not None and reader.base(name) not in ("integer", "float"):
            reader.error("BBQ-T032", f"`data_type` of {what} must be integer, float or derived from them", keys["data_type"])
        found.schema.entry = Schema(name) if name else None
    if "canonical_unit" in keys and inherited:
        reader.error("BBQ-T033", f"`canonical_unit` of {what} can neither be added nor changed", keys["canonical_unit"])
    if "units" not in keys:
        if not inherited:
            reader.error("BBQ-T011", f"{what} lacks the required keyname `units`", declaration.key)
        elif "prefixes" in keys:
            _more_prefixes(reader, keys["prefixes"], found, what)
        return
    whole = found.schema.entry is not None and reader.base(found.schema.entry.type) == "integer"
    factors, places = _factors(reader, keys["units"], f"units of {what}", whole=whole)
    prefixes, _ = _factors(reader, keys["prefixes"], f"prefixes of {what}") if "prefixes" in keys else ({}, {})
    if prefixes:
        if len(factors) != 1:
            reader.error("BBQ-T032", f"{what} has prefixes and therefore takes one unit only", keys["units"])
        if 1.0 not in prefixes.values():
            reader.error("BBQ-T032", f"a prefix of {what} must have the factor 1", keys["prefixes"])
    if not inherited and factors and 1.0 not in factors.values():
        reader.error("BBQ-T032", f"a unit of {what} must have the factor 1", keys["units"], "for example { m: 1, km: 1000 }")
    if prefixes:
        places = {p + unit: place for unit, place in places.items() for p in prefixes}
        factors = {p + unit: f * factor for unit, factor in factors.items() for p, f in prefixes.items()}
    if "canonical_unit" in keys:
        unit = reader.string(keys["canonical_unit"], f"canonical_unit of {what}")
        if unit and unit not in factors:
            reader.error("BBQ-T032", f"canonical_unit {quoted(unit)} is none of the units of {what}", keys["canonical_unit"])
    elif not inherited and not prefixes and list(factors.values()).count(1.0) > 1:
        reader.error("BBQ-T011", f"{what} has several units of factor 1 and needs a `canonical_unit`", keys["units"])
    _add(reader, found, factors, places, what)


def _more_prefixes(reader: Definitions, node: Node, found: TypeDef, what: str) -> None:
    """A derived scalar type may add prefixes to its parent's single unit."""
    base = min((unit for unit, factor in found.units.items() if factor == 1.0), key=len, default="")
    prefixes, places = _factors(reader, node, f"prefixes of {what}")
    _add(
        reader,
        found,
        {prefix + base: factor for prefix, factor in prefixes.items()},
        {prefix + base: place for prefix, place in places.items()},
        what,
    )


def _add(reader: Definitions, found: TypeDef, factors: dict[str, float], places: dict[str, Node], what: str) -> None:
    """Units of a type over its parent's, which stay as they are."""
    for unit, factor in factors.items():
        before = found.units.get(unit, factor)
        if before != factor:
            text = f"unit {quoted(unit)} of {what} has the factor {before:g} in the parent type"
            reader.error("BBQ-T033", text, places[unit])
    found.units = {**found.units, **factors, **found.units}


def _factors(reader: Definitions, node: Node, what: str, *, whole: bool = False) -> tuple[dict[str, float], dict[str, Node]]:
    """The factors with their places. With `whole`, numbers of the scalar are integers, and so are the factors of its units."""
    found: dict[str, float] = {}
    places: dict[str, Node] = {}
    for name, (key, value) in reader.entries(node, what).items():
        factor = data(value, reader.grammar.dialect)
        if any(character.isspace() for character in name):
            reader.error("BBQ-T032", f"{what}: {quoted(name)} has white space in it", key)
        elif isinstance(factor, bool) or not isinstance(factor, (int, float)):
            reader.error("BBQ-T040", f"{what}: the factor of {quoted(name)} must be a number, not {shape(value)}", value)
        elif whole and not isinstance(factor, int):
            text = f"{what}: the factor of {quoted(name)} must be an integer, as `data_type` is"
            reader.error("BBQ-T032", text, value)
        else:
            found[name], places[name] = float(factor), value
    return found, places
