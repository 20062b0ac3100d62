"""What each function takes, by version, and what it comes to."""

from __future__ import annotations

import pytest
import yaml

from bbq.hot.computing import UNKNOWN, Fault, TooLarge
from bbq.hot.evaluate import Evaluator
from bbq.hot.values import Call
from bbq.hot.versions import version_of

NEWEST = "2021-04-16"


def stack(value: str, version: str = NEWEST) -> str:
    """A template whose one resource takes any value."""
    conditions = "conditions: { c: { equals: [ 1, 2 ] } }" if version >= "2016-10-14" else ""
    return f"""
heat_template_version: {version}
parameters: {{ p: {{ type: string }}, j: {{ type: json }} }}
{conditions}
resources:
  r:
    type: OS::Heat::StructuredConfig
    properties: {{ config: {{ x: {value} }} }}
  s: {{ type: OS::Heat::RandomString }}
"""


GOOD = [
    ("{ get_param: p }", "2013-05-23"),
    ("{ get_param: [ j, a, 0 ] }", "2013-05-23"),
    ("{ get_param: OS::stack_id }", "2013-05-23"),
    ("{ get_attr: [ s, value ] }", "2013-05-23"),
    ("{ get_attr: [ s ] }", "2015-10-15"),
    ("{ get_resource: s }", "2013-05-23"),
    ("{ list_join: [ ',', [ a, { get_param: p } ] ] }", "2013-05-23"),
    ("{ list_join: [ ',', [ a ], [ { b: 1 }, [ c ] ], { get_param: j } ] }", "2015-10-15"),
    ("{ str_replace: { template: a $b, params: { $b: 1 } } }", "2013-05-23"),
    ("{ str_replace: { template: a $b, params: { $b: { c: d } } } }", "2015-10-15"),
    ("{ str_replace_strict: { template: a $b, params: { $b: '' } } }", "2017-02-24"),
    ("{ str_replace_vstrict: { template: a $b, params: { $b: c } } }", "2017-09-01"),
    ("{ digest: [ sha256, a ] }", "2015-04-30"),
    ("{ repeat: { template: { '%a%': x }, for_each: { '%a%': [ b, c ] } } }", "2015-04-30"),
    ("{ repeat: { template: '%a%', for_each: { '%a%': { b: 1 } } } }", "2016-10-14"),
    ("{ repeat: { template: '%a%', for_each: { '%a%': [ b ], '%c%': [ d ] }, permutations: false } }", "2017-09-01"),
    ("{ str_split: [ ',', 'a,b', 1 ] }", "2015-10-15"),
    ("{ map_merge: [ { a: 1 }, { get_param: j } ] }", "2016-04-08"),
    ("{ map_replace: [ { a: 1 }, { keys: { a: b }, values: { 1: 2 } } ] }", "2016-10-14"),
    ("{ yaql: { expression: '$.data.a.where($ > \")\").sum()', data: { a: [ 1 ] } } }", "2016-10-14"),
    ("{ if: [ c, a, b ] }", "2016-10-14"),
    ("{ if: [ { not: c }, a, b ] }", "2016-10-14"),
    ("{ if: [ c, a ] }", "2021-04-16"),
    ("{ filter: [ [ a ], [ a, b ] ] }", "2017-02-24"),
    ("{ list_concat: [ [ a ], { get_param: j } ] }", "2017-09-01"),
    ("{ list_concat_unique: [ [ a ], [ a ] ] }", "2017-09-01"),
    ("{ contains: [ a, [ a ] ] }", "2017-09-01"),
    ("{ make_url: { scheme: http, host: h, port: 80, path: /, query: { a: b }, fragment: f } }", "2017-09-01"),
    ("{ resource_facade: metadata }", "2013-05-23"),
    ("{ Fn::Select: [ 0, [ a ] ] }", "2015-04-30"),
    ("{ Fn::Join: [ '', [ a ] ] }", "2013-05-23"),
    ("{ Ref: p }", "2013-05-23"),
    ("{ a: { b: [ 1, plain map ] } }", "2013-05-23"),
]


@pytest.mark.parametrize(("value", "version"), GOOD)
def test_right_calls(templates, value, version):
    template = templates.good(stack(value, version))
    found = template.resources["r"].properties["config"]["x"]
    assert isinstance(found, Call) or value.startswith("{ a:")


BAD = [
    ("{ get_param: §[] }", "BBQ-H042"),
    ("{ get_param: §{ a: b, c: d } }", "BBQ-H042"),
    ("{ get_param: §5 }", "BBQ-H042"),
    ("{ §get_param: }", "BBQ-H042"),
    ("{ get_attr: §s }", "BBQ-H042"),
    ("{ get_attr: [ s, §1 ] }", "BBQ-H042"),
    ("{ get_attr: [ s, value, §[ a ] ] }", "BBQ-H042"),
    ("{ get_resource: §[ s ] }", "BBQ-H042"),
    ("{ list_join: §[ ',' ] }", "BBQ-H042"),
    ("{ list_join: [ §5, [ a ] ] }", "BBQ-H042"),
    ("{ list_join: [ ',', §abc ] }", "BBQ-H042"),
    ("{ list_join: [ ',', [ a, §5 ] ] }", "BBQ-H042"),
    ("{ str_replace: §abc }", "BBQ-H042"),
    ("{ str_replace: §{ template: a } }", "BBQ-H042"),
    ("{ str_replace: { template: a, params: §[ b ] } }", "BBQ-H042"),
    ("{ str_replace: { template: a, params: {}, §parms: 1 } }", "BBQ-H042?"),
    ("{ str_replace_strict: { template: a, params: { §$b: c } } }", "BBQ-H042"),
    ("{ str_replace_vstrict: { template: $b, params: { $b: §'' } } }", "BBQ-H042"),
    ("{ digest: [ §md55, a ] }", "BBQ-H042"),
    ("{ digest: §[ md5 ] }", "BBQ-H042"),
    ("{ repeat: §{ template: a } }", "BBQ-H042"),
    ("{ repeat: { template: a, for_each: §[ b ] } }", "BBQ-H042"),
    ("{ repeat: { template: a, for_each: { b: §c } } }", "BBQ-H042"),
    ("{ repeat: { template: a, for_each: { b: [ c ] }, permutations: §maybe } }", "BBQ-H042"),
    ("{ repeat: { template: a, for_each: { b: [ c ], d: §[ e, f ] }, permutations: false } }", "BBQ-H042"),
    ("{ str_split: §abc }", "BBQ-H042"),
    ("{ str_split: [ §'', abc ] }", "BBQ-H042"),
    ("{ str_split: [ ',', abc, §x ] }", "BBQ-H042"),
    ("{ map_merge: [ §a ] }", "BBQ-H042"),
    ("{ map_replace: §[ {} ] }", "BBQ-H042"),
    ("{ map_replace: [ {}, { §kyes: {} } ] }", "BBQ-H042"),
    ("{ yaql: §{ data: {} } }", "BBQ-H042"),
    ("{ yaql: { expression: a, §dta: {} } }", "BBQ-H042"),
    ("{ yaql: { expression: §'$.a(' } }", "BBQ-H042"),
    ("{ yaql: { expression: §'$.a]' } }", "BBQ-H042"),
    ('{ yaql: { expression: §"$.a = \'b" } }', "BBQ-H042"),
    ("{ if: §[ c ] }", "BBQ-H042"),
    ("{ if: [ §d, a, b ] }", "BBQ-H046"),
    ("{ if: [ §5, a, b ] }", "BBQ-H046"),
    ("{ if: [ { §get_attr: [ s, value ] }, a, b ] }", "BBQ-H041"),
    ("{ filter: §[ a ] }", "BBQ-H042"),
    ("{ filter: [ §a, [ b ] ] }", "BBQ-H042"),
    ("{ list_concat: [ §a ] }", "BBQ-H042"),
    ("{ contains: §[ a ] }", "BBQ-H042"),
    ("{ make_url: { §hots: h } }", "BBQ-H042"),
    ("{ make_url: { port: §70000 } }", "BBQ-H042"),
    ("{ make_url: { query: §a } }", "BBQ-H042"),
    ("{ make_url: { scheme: §'http:' } }", "BBQ-H042"),
    ("{ resource_facade: §properties }", "BBQ-H042"),
    ("{ §equals: [ 1, 2 ] }", "BBQ-H041?"),
    ("{ §Ref: p }", "BBQ-H040"),
    ("{ §Fn::GetAtt: [ s, value ] }", "BBQ-H040"),
    ("{ §get_input: p }", "BBQ-H040?"),
    ("{ §str_replac: p }", "BBQ-H040?"),
]


@pytest.mark.parametrize(("value", "code"), BAD)
def test_wrong_calls(templates, value, code):
    templates.bad(stack(value), code)


@pytest.mark.parametrize(
    ("value", "version", "code", "hint"),
    [
        ("{ §list_concat: [ [ a ] ] }", "2016-10-14", "BBQ-H040", "it came with heat_template_version 2017-09-01"),
        ("{ §yaql: { expression: a } }", "2013-05-23", "BBQ-H040", "it came with heat_template_version 2016-10-14"),
        ("{ §Fn::Join: [ '', [ a ] ] }", "2014-10-16", "BBQ-H040", "use list_join"),
        ("{ §Fn::Select: [ 0, [ a ] ] }", "2015-10-15", "BBQ-H040", "use the path of get_attr and get_param"),
        ("{ §if: [ c, a, b ] }", "2015-10-15", "BBQ-H040?", "it came with heat_template_version 2016-10-14"),
        ("{ get_attr: §[ s ] }", "2015-04-30", "BBQ-H042", None),
        ("{ list_join: §[ ',', [ a ], [ b ] ] }", "2015-04-30", "BBQ-H042", None),
        ("{ list_join: [ ',', [ §{ a: b } ] ] }", "2015-04-30", "BBQ-H042", None),
        (
            "{ str_replace: { template: a, params: { a: §[ b ] } } }",
            "2015-04-30",
            "BBQ-H042",
            "maps and lists are replaced since",
        ),
        ("{ repeat: { template: '%a%', for_each: { '%a%': §{ b: 1 } } } }", "2016-04-08", "BBQ-H042", None),
        ("{ repeat: { template: a, for_each: { b: [ c ] }, §permutations: false } }", "2016-10-14", "BBQ-H042?", None),
        ("{ if: §[ c, a ] }", "2018-08-31", "BBQ-H042", None),
    ],
)
def test_functions_of_other_versions(templates, value, version, code, hint):
    found = templates.bad(stack(value, version), code)
    assert hint is None or found[0].hint.startswith(hint)


def test_outputs_are_broken_alone(templates):
    """What Heat finds when it computes an output costs the output, not the stack."""
    templates.bad(
        """
        heat_template_version: 2018-08-31
        outputs:
          a: { value: { list_join: [ ',', [ §5 ] ] } }
          b: { value: { list_join: §[ ',' ] } }
        """,
        "BBQ-H042?",
        "BBQ-H042",
    )


def evaluated(text: str, version: str = NEWEST, **parameters: object) -> object:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    _untag(node)
    return Evaluator(version_of("heat_template_version", version), parameters, {}, {"m": {"k": {"v": 7}}}).value(node)


def _untag(node: object) -> None:
    """As bbq's reader leaves nodes: what a plain scalar means is decided by who reads it."""
    node.tag = ""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _untag(key)
            _untag(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _untag(item)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{ get_param: p }", "x,y"),
        ("{ get_param: [ j, a, 1 ] }", "two"),
        ("{ get_param: [ j, nothing ] }", ""),
        ("{ get_param: q }", UNKNOWN),
        ("{ get_attr: [ a, b ] }", UNKNOWN),
        ("{ list_join: [ '-', [ a, null, b ], [ { c: 1 } ] ] }", 'a--b-{"c": 1}'),
        ("{ str_replace: { template: 'aab b', params: { a: b, b: c, aa: X } } }", "Xc c"),
        ("{ str_replace: { template: '$a', params: { $a: [ 1, 2 ] } } }", "[1, 2]"),
        ("{ digest: [ md5, a ] }", "0cc175b9c0f1b6a831c399e269772661"),
        (
            "{ repeat: { template: { n: '%a%-%b%' }, for_each: { '%a%': [ x, y ], '%b%': [ z ] } } }",
            [{"n": "x-z"}, {"n": "y-z"}],
        ),
        (
            "{ repeat: { template: '%a%%b%', for_each: { '%a%': [ x, y ], '%b%': [ v, w ] }, permutations: false } }",
            ["xv", "yw"],
        ),
        ("{ str_split: [ ',', { get_param: p } ] }", ["x", "y"]),
        ("{ str_split: [ ',', { get_param: p }, 1 ] }", "y"),
        ("{ map_merge: [ { a: 1 }, null, { a: 2, b: 3 } ] }", {"a": 2, "b": 3}),
        ("{ map_replace: [ { a: x, b: y }, { keys: { a: c }, values: { y: z } } ] }", {"c": "x", "b": "z"}),
        ("{ filter: [ [ a ], [ a, b, a ] ] }", ["b"]),
        ("{ list_concat: [ [ a ], null, [ a, b ] ] }", ["a", "a", "b"]),
        ("{ list_concat_unique: [ [ a ], [ a, b ] ] }", ["a", "b"]),
        ("{ contains: [ b, [ a, b ] ] }", True),
        (
            "{ make_url: { scheme: http, username: u, password: 'p@', host: '::1', port: 80, path: /a b, query: { q: 1 } } }",
            "http://u:p%40@[::1]:80/a%20b?q=1",
        ),
        ("{ if: [ { equals: [ { get_param: p }, 'x,y' ] }, a, b ] }", "a"),
        ("[ { if: [ { not: true }, a ] }, b ]", ["b"]),
        ("{ a: { if: [ false, x ] } }", {}),
        ("{ if: [ { and: [ { equals: [ 1, 1 ] }, { or: [ false, true ] } ] }, a, b ] }", "a"),
        ("{ yaql: { expression: $.data } }", UNKNOWN),
    ],
)
def test_values(text, value):
    assert evaluated(text, p="x,y", j={"a": ["one", "two"]}) == value


def test_functions_of_the_oldest_versions():
    assert evaluated("{ Fn::Select: [ 1, [ a, b ] ] }", "2013-05-23") == "b"
    assert evaluated("{ Fn::Select: [ k, { k: v } ] }", "2013-05-23") == "v"
    assert evaluated("{ Fn::Split: [ ',', 'a,b' ] }", "2013-05-23") == ["a", "b"]
    assert evaluated("{ Fn::Replace: [ { a: b }, 'aa' ] }", "2013-05-23") == "bb"
    members = "{ Fn::MemberListToMap: [ Name, Value, [ '.member.0.Name=k', '.member.0.Value=v' ] ] }"
    assert evaluated(members, "2013-05-23") == {"k": "v"}


@pytest.mark.parametrize(
    "text",
    [
        "{ list_join: [ ',', [ { get_param: n } ] ] }",
        "{ str_replace_strict: { template: { get_param: p }, params: { z: 1 } } }",
        "{ str_replace_vstrict: { template: x, params: { x: { get_param: e } } } }",
        "{ str_split: [ ',', { get_param: p }, 5 ] }",
        "{ map_merge: [ { get_param: p } ] }",
        "{ map_replace: [ { a: 1, b: 2 }, { keys: { a: b } } ] }",
        "{ list_concat: [ { get_param: p } ] }",
        "{ if: [ { get_param: n }, a, b ] }",
    ],
)
def test_values_that_do_not_fit(text):
    with pytest.raises(Fault):
        evaluated(text, p="x,y", n=5, e="")


def test_sizes_are_bounded():
    lists = ", ".join(f"'%{name}%': [ {', '.join('0123456789')} ]" for name in "abcdef")
    with pytest.raises(TooLarge):
        evaluated(f"{{ repeat: {{ template: x, for_each: {{ {lists} }} }} }}")
    doubling = "{ get_param: big }"
    for _ in range(12):
        doubling = f"{{ str_replace: {{ template: xx, params: {{ x: {doubling} }} }} }}"
    with pytest.raises(TooLarge):
        evaluated(doubling, big="y" * 1000)
    joined = "{ get_param: big }"
    for _ in range(12):
        joined = f"{{ list_join: [ '', [ {joined}, {joined} ] ] }}"
    with pytest.raises(TooLarge):
        evaluated(joined, big="y" * 1000)
