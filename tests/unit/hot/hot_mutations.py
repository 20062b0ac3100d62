"""Breaks templates in the ways in which people break them; the same seed gives the same broken templates."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from bbq.hot.versions import FUNCTION_NAMES

Document = dict[str, Any]
JUNK: list[Any] = [
    None,
    5,
    1.5,
    True,
    "x",
    "",
    [],
    {},
    [1],
    ["a", "b"],
    {"a": 1},
    [["a"]],
    {"get_param": "nowhere"},
    ["a", 1, 2, 3],
]


def calls(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every map with one key that is a function's name, and that name."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in FUNCTION_NAMES:
            yield value, next(iter(value))
        for item in value.values():
            yield from calls(item)
    elif isinstance(value, list):
        for item in value:
            yield from calls(item)


def section(document: Document, name: str) -> dict[str, Any]:
    found = document.get(name) or document.get(name.capitalize()) or {}
    return {key: body for key, body in found.items() if isinstance(body, dict)}


def part(body: dict[str, Any], name: str) -> Any:
    return body.get(name) or body.get("".join(word.capitalize() for word in name.split("_")))


def some_resource(document: Document, rng: random.Random) -> dict[str, Any]:
    return rng.choice(list(section(document, "resources").values()))


def some_properties(document: Document, rng: random.Random) -> dict[str, Any]:
    return rng.choice(
        [
            found
            for body in section(document, "resources").values()
            if isinstance(found := part(body, "properties"), dict) and found
        ]
    )


def some_call(document: Document, rng: random.Random, *names: str) -> tuple[dict[str, Any], str]:
    return rng.choice([(call, name) for call, name in calls(document) if not names or name in names])


def cfn(document: Document) -> bool:
    return "heat_template_version" not in document


def unknown_property(document: Document, rng: random.Random) -> None:
    found = some_properties(document, rng)
    name = rng.choice(list(found))
    found[name + "s"] = found.pop(name)


def missing_property(document: Document, rng: random.Random) -> None:
    found = some_properties(document, rng)
    del found[rng.choice(list(found))]


def wrong_type(document: Document, rng: random.Random) -> None:
    found = some_properties(document, rng)
    found[rng.choice(list(found))] = copy.deepcopy(rng.choice([["a"], {"a": "b"}, "abc", 7, True, [{"x": 1}], 1.5]))


def unknown_parameter(document: Document, rng: random.Random) -> None:
    call, name = some_call(document, rng, "get_param", "Ref")
    call[name] = "nowhere"


def unknown_resource(document: Document, rng: random.Random) -> None:
    call, name = some_call(document, rng, "get_resource", "get_attr", "Fn::GetAtt")
    call[name] = "nowhere" if isinstance(call[name], str) else ["nowhere", *call[name][1:]]


def unknown_dependency(document: Document, rng: random.Random) -> None:
    some_resource(document, rng)["DependsOn" if cfn(document) else "depends_on"] = "nowhere"


def unknown_attribute(document: Document, rng: random.Random) -> None:
    call, name = some_call(document, rng, "get_attr", "Fn::GetAtt")
    call[name] = [call[name][0], "nothing", *call[name][2:]]


def cycle(document: Document, rng: random.Random) -> None:
    found = section(document, "resources")
    first, second = rng.sample(list(found), 2)
    for one, other in ((first, second), (second, first)):
        found[one]["DependsOn" if cfn(document) else "depends_on"] = [other]


def bad_arguments(document: Document, rng: random.Random) -> None:
    call, name = some_call(document, rng)
    call[name] = copy.deepcopy(rng.choice(JUNK))


def bad_argument(document: Document, rng: random.Random) -> None:
    call, name = rng.choice(
        [(call, name) for call, name in calls(document) if isinstance(call[name], (list, dict)) and call[name]]
    )
    args = call[name]
    key = rng.choice(list(args) if isinstance(args, dict) else range(len(args)))
    args[key] = copy.deepcopy(rng.choice(JUNK))


def other_function(document: Document, rng: random.Random) -> None:
    call, name = some_call(document, rng)
    call[rng.choice(sorted(FUNCTION_NAMES))] = call.pop(name)


def other_version(document: Document, rng: random.Random) -> None:
    if cfn(document):
        document.pop("AWSTemplateFormatVersion", None)
        document["HeatTemplateFormatVersion"] = "2012-12-12"
    else:
        document["heat_template_version"] = rng.choice(["2013-05-23", "2014-10-16", "2015-10-15", "2016-10-14", "2018-08-31"])


def unknown_version(document: Document, rng: random.Random) -> None:
    document[next(iter(document)) if cfn(document) else "heat_template_version"] = "2013-05-24"


def unknown_type(document: Document, rng: random.Random) -> None:
    body = some_resource(document, rng)
    body["Type" if cfn(document) else "type"] = part(body, "type") + "x"


def other_type(document: Document, rng: random.Random) -> None:
    body = some_resource(document, rng)
    body["Type" if cfn(document) else "type"] = rng.choice(["OS::Nova::KeyPair", "OS::Heat::RandomString", "OS::Neutron::Net"])


def keyname(document: Document, rng: random.Random) -> None:
    rng.choice([document, some_resource(document, rng)])[rng.choice(["propertys", "condition", "external_id", "name"])] = "x"


def parameter_keyname(document: Document, rng: random.Random) -> None:
    rng.choice(list(section(document, "parameters").values()))["defualt"] = "x"


def parameter_type(document: Document, rng: random.Random) -> None:
    body = rng.choice(list(section(document, "parameters").values()))
    names = (
        ["String", "Number", "Json", "Integer"]
        if cfn(document)
        else ["string", "number", "json", "boolean", "comma_delimited_list", "int"]
    )
    body["Type" if cfn(document) else "type"] = rng.choice(names)


def default(document: Document, rng: random.Random) -> None:
    body = rng.choice(list(section(document, "parameters").values()))
    body["Default" if cfn(document) else "default"] = copy.deepcopy(rng.choice(JUNK))


def constraint(document: Document, rng: random.Random) -> None:
    body = rng.choice(list(section(document, "parameters").values()))
    if cfn(document):
        body[rng.choice(["MinLength", "MaxLength", "MinValue", "MaxValue"])] = rng.choice([3, "x", "2"])
        return
    body["constraints"] = [
        copy.deepcopy(
            rng.choice(
                [
                    {"range": {"min": 100}},
                    {"length": {"min": 3, "max": 5}},
                    {"allowed_values": ["only"]},
                    {"allowed_values": "only"},
                    {"allowed_pattern": "[0-9]+"},
                    {"allowed_pattern": 5},
                    {"modulo": {"step": 2, "offset": 0}},
                    {"modulo": {"step": 2, "offset": 3}},
                    {"lenght": {"min": 1}},
                    {"description": "nothing"},
                    {"range": {"minimum": 1}},
                    {"length": 3},
                    [],
                ]
            )
        )
    ]


def no_value(document: Document, rng: random.Random) -> None:
    body = rng.choice(list(section(document, "outputs").values()))
    body.pop("value", None)
    body.pop("Value", None)


def no_type(document: Document, rng: random.Random) -> None:
    body = some_resource(document, rng)
    body.pop("type", None)
    body.pop("Type", None)


def deletion_policy(document: Document, rng: random.Random) -> None:
    some_resource(document, rng)["DeletionPolicy" if cfn(document) else "deletion_policy"] = rng.choice(
        ["Keep", "Snapshot", "retain", 5]
    )


def update_policy(document: Document, rng: random.Random) -> None:
    some_resource(document, rng)["UpdatePolicy" if cfn(document) else "update_policy"] = {"rolling": {"a": 1}}


def condition(document: Document, rng: random.Random) -> None:
    body = some_resource(document, rng)
    body["Condition" if cfn(document) else "condition"] = rng.choice(
        ["nowhere", True, {"equals": ["a", "b"]}, {"get_attr": ["a", "b"]}, 5]
    )


def clash(document: Document, rng: random.Random) -> None:
    name = rng.choice(list(section(document, "resources")))
    key = "Parameters" if cfn(document) else "parameters"
    document.setdefault(key, {})[name] = (
        {"Type": "String", "Default": "a"} if cfn(document) else {"type": "string", "default": "a"}
    )


def emptied(document: Document, rng: random.Random) -> None:
    body = rng.choice([document, some_resource(document, rng)])
    body[rng.choice(list(body))] = copy.deepcopy(rng.choice(JUNK))


MUTATIONS: list[Callable[[Document, random.Random], None]] = [
    unknown_property,
    missing_property,
    wrong_type,
    unknown_parameter,
    unknown_resource,
    unknown_dependency,
    unknown_attribute,
    cycle,
    bad_arguments,
    bad_argument,
    other_function,
    other_version,
    unknown_version,
    unknown_type,
    other_type,
    keyname,
    parameter_keyname,
    parameter_type,
    default,
    constraint,
    no_value,
    no_type,
    deletion_policy,
    update_policy,
    condition,
    clash,
    emptied,
]


def mutated(document: Document, mutation: Callable[[Document, random.Random], None], rng: random.Random) -> Document | None:
    """A broken copy; None where the template has nothing that the mutation could break."""
    result = copy.deepcopy(document)
    try:
        mutation(result, rng)
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return result
