"""Constraint clauses and validations as they are defined: told where they stand, before any value meets them."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_1, HEAD_2

LATER = "data_types:\n  Size: { derived_from: integer, constraints: [ { greater_than: 0 } ] }\n"


def clause(schema):
    return f"{HEAD_1}{LATER}node_types:\n  A:\n    derived_from: tosca.nodes.Root\n    properties: {{ p: {{ {schema} }} }}\n"


def validation(schema):
    return f"{HEAD_2}node_types:\n  A:\n    properties: {{ p: {{ {schema} }} }}\n"


WRONG_1 = {
    "bounds the wrong way round": ("type: integer, constraints: [ { in_range: §[ 5, 1 ] } ]", "lower bound first"),
    "bounds with units": ("type: scalar-unit.size, constraints: [ { in_range: §[ 2 GB, 10 MB ] } ]", "lower bound first"),
    "range of a boolean": ("type: boolean, constraints: [ { in_range: §[ 1, 2 ] } ]", "have no order"),
    "order of a list": ("type: list, entry_schema: string, constraints: [ { less_than: §3 } ]", "have no order"),
    "length of a number": ("type: integer, constraints: [ { min_length: §2 } ]", "have no length"),
    "length of a derived type": ("type: Size, constraints: [ { max_length: §2 } ]", "type `Size` have no length"),
    "lengths that no value has": ("type: string, constraints: [ { min_length: 3 }, { max_length: §2 } ]", "no value can be"),
    "length outside of the bounds": ("type: string, constraints: [ { length: 3 }, { min_length: §4 } ]", "no value can be"),
    "text for a number": ("type: integer, constraints: [ { greater_than: §abc } ]", "cannot be compared with `abc`"),
    "text for a quantity": ("type: scalar-unit.time, constraints: [ { less_than: §soon } ]", "cannot be compared with `soon`"),
    "text in a range": ("type: float, constraints: [ { in_range: [ 1, §x ] } ]", "cannot be compared with `x`"),
    "one of the values": ("type: integer, constraints: [ { valid_values: [ 1, §x ] } ]", "must be an integer"),
    "equal to a value": ("type: boolean, constraints: [ { equal: §7 } ]", "must be true or false"),
    "of entries": ("type: list, entry_schema: { type: integer, constraints: [ { equal: §x } ] }", "must be an integer"),
    "no version": ("type: version, constraints: [ { greater_than: §new } ]", "cannot be compared with `new`"),
}


@pytest.mark.parametrize(("schema", "text"), WRONG_1.values(), ids=WRONG_1)
def test_clauses_that_do_not_fit_the_type(templates, schema, text):
    """1.3 section 3.6.3.1: what each operator takes, and for values of which types."""
    found = templates.bad(clause(schema), "BBQ-T044")
    assert text in found[0].message and found[0].severity == "error"


def test_a_clause_for_text_on_other_values_is_practice(templates):
    for name in ("schema", "pattern"):
        found = templates.bad(clause(f"type: integer, constraints: [ {{ {name}: §x }} ]"), "BBQ-T044")
        assert found[0].severity == "warning"


def test_clauses_as_a_map(templates):
    found = templates.bad(clause("type: integer, constraints: §{ greater_than: 1 }"), "BBQ-T012")
    assert found[0].severity == "warning" and found[0].hint


RIGHT_1 = [
    "type: integer, constraints: [ { in_range: [ 1, UNBOUNDED ] } ]",
    "type: range, constraints: [ { in_range: [ 1, 65535 ] } ]",
    "type: string, constraints: [ { greater_than: a }, { valid_values: [ 1, true, x ] } ]",
    "type: string, constraints: [ { min_length: 2 }, { max_length: 2 }, { length: 2 } ]",
    "type: version, constraints: [ { in_range: [ 1.9, 1.10 ] } ]",
    "type: timestamp, constraints: [ { greater_than: 2026-01-01 } ]",
    "type: scalar-unit.size, constraints: [ { greater_or_equal: 1 MB }, { less_than: 4 GB }, { valid_values: [ 1, 2 GB ] } ]",
    "type: map, entry_schema: string, constraints: [ { min_length: 1 } ]",
    "type: Size, constraints: [ { less_than: 5 } ]",
    "type: float, constraints: [ { in_range: [ 0, 1 ] } ]",
    "type: string, constraints: [ { in_range: [ 1, b ] } ]",
    "type: any, constraints: [ { greater_than: 0 }, { min_length: 2 } ]",
    "type: list, entry_schema: integer, constraints: [ { equal: [ 1, 2 ] } ]",
]


@pytest.mark.parametrize("schema", RIGHT_1)
def test_clauses_that_fit(templates, schema):
    templates.good(clause(schema))


WRONG_2 = {
    "a number": ("type: integer, validation: §{ $sum: [ $value, 1 ] }", "`$sum` gives a number"),
    "a number inside": ("type: integer, validation: { $and: [ { $less_than: [ $value, 9 ] }, §{ $length: x } ] }", "a number"),
    "a list": ("type: list, entry_schema: integer, validation: §{ $union: [ $value, [ 1 ] ] }", "`$union` gives a list"),
    "a pattern": ('type: string, validation: { $matches: [ $value, §"[" ] }', "not a regular expression"),
    "text for a number": ("type: integer, validation: { $greater_than: [ $value, §abc ] }", "cannot be compared with `abc`"),
    "the other way round": ("type: integer, validation: { $greater_than: [ §abc, $value ] }", "cannot be compared with `abc`"),
    "no length": ("type: integer, validation: { $less_than: [ §{ $length: [ $value ] }, 3 ] }", "have no length"),
    "text for a length": ("type: string, validation: { $less_than: [ { $length: [ $value ] }, §x ] }", "`x`"),
    "no order": ("type: boolean, validation: §{ $less_than: [ $value, 3 ] }", "have no order"),
    "one of the values": ("type: integer, validation: { $valid_values: [ $value, [ 1, §x ] ] }", "must be an integer"),
    "part of a string": ("type: string, validation: { $has_suffix: [ $value, §5 ] }", "of a string takes a string, not `5`"),
    "part of a number": ("type: integer, validation: §{ $contains: [ $value, 5 ] }", "values of type `integer` have no parts"),
    "equal to a value": ("type: integer, validation: { $not: [ { $equal: [ $value, §x ] } ] }", "must be an integer"),
}


@pytest.mark.parametrize(("schema", "text"), WRONG_2.values(), ids=WRONG_2)
def test_validations_that_do_not_fit_the_type(templates, schema, text):
    """2.0 section 9.10: a Boolean expression, on values of the type that it is defined for."""
    found = templates.bad(validation(schema), "BBQ-T044")
    assert text in found[0].message and found[0].severity == "error"


RIGHT_2 = [
    "type: integer, validation: { $and: [ { $greater_than: [ $value, 1 ] }, { $less_than: [ 0, $value ] } ] }",
    "type: string, validation: { $or: [ { $matches: [ $value, '[a-z]+' ] }, { $equal: [ { $length: [ $value ] }, 2 ] } ] }",
    "type: integer, validation: { $less_than: [ $value, { $sum: [ 1, 2 ] } ] }",
    "type: float, validation: { $less_than: [ { $sum: [ $value, 1 ] }, 2 ] }",
    "type: list, entry_schema: string, validation: { $has_entry: [ $value, x ] }",
    "type: version, validation: { $greater_or_equal: [ $value, '1.2' ] }",
    "type: integer, validation: { $greater_or_equal: [ $value, { $get_property: [ SELF, q ] } ] }",
]


@pytest.mark.parametrize("schema", RIGHT_2)
def test_validations_that_fit(templates, schema):
    templates.good(validation(f"{schema} }}, q: {{ type: integer"))
