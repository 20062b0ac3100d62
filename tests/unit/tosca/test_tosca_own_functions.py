"""Functions that templates define. TOSCA 2.0 section 10.4."""

from __future__ import annotations

import pytest
from tosca_heads import HEAD_2

FUNCTIONS = """\
functions:
  none: { signatures: [ { result: string } ] }
  root:
    signatures:
      - arguments: [ { type: integer, validation: { $greater_or_equal: [ $value, 0 ] } } ]
        result: float
        implementation: root.py
      - { arguments: [ { type: float, validation: { $greater_or_equal: [ $value, 0.0 ] } } ], result: float }
  some: { signatures: [ { arguments: [ string ], optional_arguments: [ integer, boolean ], result: { type: string } } ] }
  most: { signatures: [ { arguments: [ string, integer ], variadic: true, result: string } ] }
  maybe: { signatures: [ { arguments: [ string ], optional_arguments: [ integer ], variadic: true } ] }
  any: { signatures: [ { variadic: true } ], description: takes anything, metadata: { a: b } }
  deep: { signatures: [ { arguments: [ D, { type: list, entry_schema: D } ], result: D } ] }
"""
TYPES = """\
data_types: { D: { properties: { x: { type: integer } } } }
node_types:
  N:
    properties:
      s: { type: string, required: false }
      f: { type: float, required: false }
      d: { type: D, required: false }
"""


def template(value, name="s", inner=""):
    nodes = f"service_template:\n{inner}  inputs: {{ text: {{ type: string }} }}\n  node_templates:\n"
    return HEAD_2 + FUNCTIONS + TYPES + nodes + f"    n: {{ type: N, properties: {{ {name}: {value} }} }}\n"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("$none", "s"),
        ("{ $none: [] }", "s"),
        ("{ $root: [ 4 ] }", "f"),
        ("{ $root: [ 4.0 ] }", "f"),
        ("{ $root: [ { $root: [ 4 ] } ] }", "f"),
        ("{ $some: [ a ] }", "s"),
        ("{ $some: [ a, 1, true ] }", "s"),
        ("{ $some: [ { $get_input: text }, { $length: abc } ] }", "s"),
        ("{ $most: [ a, 1, 2, 3 ] }", "s"),
        ("{ $maybe: [ a ] }", "s"),
        ("{ $maybe: [ a, 1, 2, 3 ] }", "s"),
        ("{ $any: [] }", "s"),
        ("{ $any: [ { a: 1 }, [ b ] ] }", "f"),
        ("{ $deep: [ { x: 1 }, [ { x: 2 } ] ] }", "d"),
    ],
)
def test_calls(templates, value, name):
    templates.write("root.py", "")
    templates.good(template(value, name))


@pytest.mark.parametrize(
    ("value", "name", "code", "words"),
    [
        ("{ §$none: [ 1 ] }", "s", "BBQ-T051", "0 of them, not 1"),
        ("{ §$root: [ -4 ] }", "f", "BBQ-T051", "`root` takes other arguments"),
        ("{ §$root: [ a ] }", "f", "BBQ-T051", "`root` takes other arguments"),
        ("{ §$root: [] }", "f", "BBQ-T051", "`root` takes other arguments"),
        ("{ §$root: [ { $some: [ a ] } ] }", "f", "BBQ-T051", "`root` takes other arguments"),
        ("{ §$some: [ a, 1, true, 2 ] }", "s", "BBQ-T051", "1 to 3 of them, not 4"),
        ("{ §$some: [ a, true ] }", "s", "BBQ-T051", "must be an integer"),
        ("{ §$some: [ { $root: [ 1 ] } ] }", "s", "BBQ-T051", "number 0 must be a string, not a float"),
        ("{ §$most: [ a ] }", "s", "BBQ-T051", "2 or more of them, not 1"),
        ("{ §$most: [ a, 1, b ] }", "s", "BBQ-T051", "must be an integer"),
        ("{ §$deep: [ { y: 1 }, [] ] }", "d", "BBQ-T051", "`y`"),
        ("{ §$root: [ 4 ] }", "s", "BBQ-T046", "must be a string; $root gives a float"),
        ("{ $concat: [ { §$none: [ 1 ] } ] }", "s", "BBQ-T051", "`none`"),
        ("{ §$nome: [] }", "s", "BBQ-T050", "unknown function `$nome`"),
    ],
)
def test_wrong_calls(templates, value, name, code, words):
    templates.write("root.py", "")
    (found,) = templates.bad(template(value, name), code)
    assert words in found.message


def test_the_signatures_are_told(templates):
    templates.write("root.py", "")
    (found,) = templates.bad(template("{ §$root: [ a ] }", "f"), "BBQ-T051")
    assert found.hint == "known: root(float), root(integer)"


def test_defaults_of_types_are_checked(templates):
    types = "node_types: { M: { properties: { f: { type: string, default: { §$none: [ 1 ] } } } } }\n"
    templates.bad(HEAD_2 + "functions: { none: { signatures: [ { result: string } ] } }\n" + types, "BBQ-T051")


@pytest.mark.parametrize(
    ("function", "code"),
    [
        ("§f: {}", "BBQ-T011"),
        ("f: { signatures: §[] }", "BBQ-T011"),
        ("f: { signatures: §{ a: {} } }", "BBQ-T012"),
        ("f: { signatures: [ { §argument: [] } ] }", "BBQ-T010"),
        ("f: { signatures: [ { arguments: §string } ] }", "BBQ-T012"),
        ("f: { signatures: [ { arguments: [ §strin ] } ] }", "BBQ-T030"),
        ("f: { signatures: [ { arguments: [ §list ] } ] }", "BBQ-T011"),
        ("f: { signatures: [ { variadic: §maybe } ] }", "BBQ-T012"),
        ("f: { signatures: [ { result: { type: §strin } } ] }", "BBQ-T030"),
        ("f: { signatures: [ {} ], §implementation: x }", "BBQ-T010"),
    ],
)
def test_definitions(templates, function, code):
    templates.bad(HEAD_2 + f"functions: {{ {function} }}\n", code)


def test_a_built_in_function_stays(templates):
    text = HEAD_2 + "functions: { §union: { signatures: [ { result: float } ] } }\n"
    _, found, marks = templates.read(text)
    assert [(item.code, item.severity, item.column) for item in found] == [("BBQ-T217", "warning", marks[0][1])]


def test_refinements_in_the_service_template(templates):
    templates.write("root.py", "")
    templates.write("other.py", "")
    more = "{ arguments: [ string ], result: float }"
    inner = f"  functions: {{ root: {{ signatures: [ {{}}, {{ implementation: other.py }}, {more} ] }} }}\n"
    service = templates.good(template("{ $root: [ abc ] }", "f", inner))
    first, second, third = service.functions["root"].signatures
    assert first.implementation.implementation.endswith("root.py")
    assert second.implementation.implementation.endswith("other.py") and second.result.type == "float"
    assert [item.type for item in third.arguments] == ["string"]
    inner = "  functions: { root: { signatures: [ §{ arguments: [ boolean ] } ] } }\n"
    templates.bad(template("{ $root: [ 1 ] }", "f", inner), "BBQ-T033")
    inner = "  functions: { inside: { signatures: [ { result: string } ] } }\n"
    templates.good(template("$inside", "s", inner))


def test_functions_of_imports(templates):
    templates.write("lib.yaml", HEAD_2 + "functions: { f: { signatures: [ { arguments: [ string ], result: string } ] } }\n")
    text = HEAD_2 + "imports: [ { url: lib.yaml, namespace: lib } ]\n" + TYPES + "service_template:\n  node_templates:\n"
    service = templates.good(text + "    n: { type: N, properties: { s: { $lib:f: [ a ] } } }\n")
    assert service.node_templates["n"].properties["s"].name == "f"
    templates.bad(text + "    n: { type: N, properties: { s: { §$lib:f: [] } } }\n", "BBQ-T051")
    templates.bad(text + "    n: { type: N, properties: { s: { §$f: [ a ] } } }\n", "BBQ-T050")
    own = text.replace("service_template", "functions: { f: { signatures: [ { result: float } ] } }\nservice_template")
    service = templates.good(own + "    n: { type: N, properties: { s: { $lib:f: [ a ] }, f: $f } }\n")
    assert {item.name for item in service.node_templates["n"].properties.values()} == {"f", "lib:f"}
    clash = HEAD_2 + "imports: [ lib.yaml ]\nfunctions: { §f: { signatures: [ {} ] } }\n"
    (found,) = templates.bad(clash, "BBQ-T027")
    assert found.severity == "error" and "is defined by an import, too" in found.message
