"""Parameters: types, constraints, defaults, groups, given values."""

from __future__ import annotations

import pytest

from bbq.diagnostics import DiagnosticBag
from bbq.hot.limits import Limit
from bbq.yamlreader import Given, read_file

HEAD = "heat_template_version: 2018-08-31\n"


def parameter(body: str, version: str = "2018-08-31") -> str:
    return f"heat_template_version: {version}\nparameters:\n  p: {{ {body} }}\n"


def test_everything_is_in_the_model(templates):
    template = templates.good(
        """
        heat_template_version: 2018-08-31
        parameters:
          size:
            type: number
            label: Size
            description: How large.
            default: '8'
            hidden: true
            immutable: true
            tags: [ a, b ]
            constraints:
              - range: { min: 1, max: 16 }
                description: between
              - modulo: { step: 2, offset: 0 }
          names: { type: comma_delimited_list, default: 'a,b' }
          data: { type: json, default: '{ "a": [ 1 ] }' }
          on: { type: boolean, default: 'yes' }
          plain: { type: string }
        parameter_groups:
          - { label: first, parameters: [ size, names ] }
        """
    )
    size = template.parameters["size"]
    assert (size.type, size.label, size.default, size.hidden, size.immutable, size.tags) == (
        "number",
        "Size",
        8,
        True,
        True,
        ("a", "b"),
    )
    assert size.constraints == (
        Limit("range", {"min": 1, "max": 16}, "between"),
        Limit("modulo", {"step": 2, "offset": 0}),
    )
    assert template.values == {"size": 8, "names": ["a", "b"], "data": {"a": [1]}, "on": True}
    assert template.parameter_groups == (("first", ("size", "names")),)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("§type: int", ["BBQ-H020"]),
        ("type: §String", ["BBQ-H020"]),
        ("type: string, default: §[ a ]", ["BBQ-H022"]),
        ("type: string, default: 8", []),
        ("type: number, default: §abc", ["BBQ-H022"]),
        ("type: boolean, default: §maybe", ["BBQ-H022"]),
        ("type: json, default: §'{ a'", ["BBQ-H022"]),
        ("type: comma_delimited_list, default: §5", ["BBQ-H022"]),
        ("type: string, default: ab, constraints: [ { length: { min: 3 } } ]", ["BBQ-H022"]),
        ("type: string, default: a, constraints: [ { allowed_values: [ b ] } ]", ["BBQ-H022"]),
        ("type: string, default: a1, constraints: [ { allowed_pattern: '[a-z]' } ]", ["BBQ-H022"]),
        ("type: number, default: 3, constraints: [ { modulo: { step: 2, offset: 0 } } ]", ["BBQ-H022"]),
        ("type: string, default: 300.1.1.1, constraints: [ { custom_constraint: ip_addr } ]", ["BBQ-H022"]),
        ("type: string, default: 10.0.0.1, constraints: [ { custom_constraint: ip_addr } ]", []),
        ("type: string, default: '', constraints: [ { custom_constraint: ip_addr } ]", []),
        ("type: string, constraints: §x", ["BBQ-H012"]),
        ("type: string, constraints: [ §x ]", ["BBQ-H021"]),
        ("type: string, constraints: [ { §lenght: 1 } ]", ["BBQ-H021"]),
        ("type: string, constraints: [ §{ description: x } ]", ["BBQ-H021"]),
        ("type: string, constraints: [ { length: §3 } ]", ["BBQ-H021"]),
        ("type: string, constraints: [ { length: §{ min: 1.5 } } ]", ["BBQ-H021"]),
        ("type: string, constraints: [ { length: §{ min: 3, max: 2 } } ]", ["BBQ-H021"]),
        ("type: string, constraints: [ { range: §{ min: 1 } } ]", ["BBQ-H021"]),
        ("type: json, constraints: [ { allowed_values: §[ a ] } ]", ["BBQ-H021"]),
        ("type: string, constraints: [ { allowed_values: §a } ]", ["BBQ-H021"]),
        ("type: number, constraints: [ { allowed_values: §[ 1, a ] } ]", ["BBQ-H021"]),
        ("type: boolean, constraints: [ { allowed_values: [ 'true', 'no' ] } ]", []),
        ("type: string, constraints: [ { allowed_pattern: §'(' } ]", ["BBQ-H021"]),
        ("type: number, constraints: [ { modulo: §{ step: 0, offset: 0 } } ]", ["BBQ-H021"]),
        ("type: number, constraints: [ { modulo: §{ step: 2, offset: -1 } } ]", ["BBQ-H021"]),
        ("type: number, constraints: [ { range: §{ §minimum: 1 } } ]", ["BBQ-H021", "BBQ-H010"]),
        ("type: string, constraints: [ { custom_constraint: §nova.flavour } ]", ["BBQ-H023?"]),
        ("type: string, constraints: [ { length: { min: 1 }, §allowed_values: [ a ] } ]", ["BBQ-H021?"]),
        ("type: string, default: §22:30", ["BBQ-H013?"]),
        ("type: string, hidden: §maybe", ["BBQ-H012"]),
    ],
)
def test_one_parameter(templates, body, codes):
    if codes == ["BBQ-H022"] and "§" not in body:
        body = body.replace("default: ", "default: §")
    if body.startswith("§type"):
        body = body.replace("§type: ", "type: §")
    templates.bad(parameter(body), *codes)


def test_modulo_came_late(templates):
    text = parameter("type: number, constraints: [ { §modulo: { step: 2, offset: 0 } } ]", "2016-10-14")
    assert "2017-02-24" in templates.bad(text, "BBQ-H021")[0].hint


def test_a_parameter_needs_a_type(templates):
    templates.bad(HEAD + "parameters:\n  §p: { default: 1 }\n  §q:\n  r: §x\n", "BBQ-H011", "BBQ-H012", "BBQ-H012")


def test_cfn_parameters(templates):
    template = templates.good(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Parameters:
          P: { Type: Number, Default: '4', MinValue: '1', MaxValue: 5, NoEcho: 'true' }
          S: { Type: String, Default: abc, MinLength: 1, MaxLength: 3, AllowedPattern: '[a-z]*', AllowedValues: [ abc ] }
        """
    )
    assert template.parameters["P"].constraints == (Limit("range", {"min": 1, "max": 5}),)
    assert template.parameters["P"].hidden
    found = templates.bad(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Parameters:
          P: { Type: Number, Default: §9, MaxValue: 5, ConstraintDescription: at most five }
          K: { Type: §'AWS::EC2::KeyPair::KeyName' }
        """,
        "BBQ-H022",
        "BBQ-H020",
    )
    assert found[0].hint == "at most five"


def test_groups(templates):
    templates.bad(
        """
        heat_template_version: 2013-05-23
        parameters: { a: { type: string }, b: { type: string } }
        parameter_groups:
          - { parameters: [ a, §c ] }
          - { parameters: [ §a, b ], §name: x }
          - §{ label: x }
          - §x
        """,
        "BBQ-H043",
        "BBQ-H024",
        "BBQ-H010?",
        "BBQ-H011",
        "BBQ-H012",
    )


GIVEN = """
heat_template_version: 2018-08-31
parameters:
  n: { type: number, description: How many., constraints: [ { range: { max: 5 } } ] }
  secret: { type: string, hidden: true, constraints: [ { length: { min: 8 } } ] }
  list: { type: comma_delimited_list, default: '' }
"""


def test_given_values_are_converted(templates):
    template = templates.good(GIVEN, parameters={"n": "4", "secret": "12345678", "list": "a,b"})
    assert template.values == {"n": 4, "secret": "12345678", "list": ["a", "b"]}


def test_given_values_are_checked(templates):
    found = templates.bad(GIVEN, "BBQ-H070", "BBQ-H072", "BBQ-H072", parameters={"n": "9", "secret": "geheim", "lsit": "x"})
    assert [item.file for item in found] == ["<input>"] * 3
    assert found[0].hint == "did you mean `list`?"
    assert any("must be at most 5, not `9`" in item.message and item.hint == "How many." for item in found)
    assert not any("geheim" in str(item) for item in found)


def test_what_a_file_gives_is_told_where_it_stands(templates):
    path, marks = templates.write("inputs.yaml", "§lsit: x\nn: §9\nsecret: '12345678'\n")
    given = Given()
    given.read(read_file(path, DiagnosticBag()))
    _, found, _ = templates.read(GIVEN, parameters=given)
    assert [(item.file, item.line, item.column) for item in found] == [(str(path), *mark[1:]) for mark in marks]


def test_missing_values_are_told_when_values_are_given(templates):
    assert templates.good(GIVEN).values == {"list": []}
    found = templates.bad(GIVEN, "BBQ-H071", "BBQ-H071", parameters={})
    assert found[0].hint == "give it with --input n=... (How many.)"


def test_a_hidden_default_is_not_shown(templates):
    text = parameter("type: string, hidden: true, default: §geheim, constraints: [ { length: { max: 2 } } ]")
    found = templates.bad(text, "BBQ-H022")[0]
    assert "geheim" not in str(found) and "geheim" not in found.excerpt.text
