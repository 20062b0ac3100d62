"""The parameters of a template: what they are, and whether a value fits.

Source: `heat/engine/parameters.py`, `heat/engine/hot/parameters.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from yaml import MappingNode, Node, ScalarNode

from bbq.hot.limits import FITS, KINDS, Kind, Limit, boolean, broken, limit_of, number, problem
from bbq.hot.model import Parameter
from bbq.hot.reading import Reader
from bbq.hot.types import index
from bbq.hot.values import data, is_base_60
from bbq.hot.versions import PARAMETER_TYPES
from bbq.wording import nearest, one_of, quoted, shape
from bbq.yamlreader import at, is_null

_HOT_KINDS: Final = (*KINDS, "description")
_CFN_RANGES: Final = {"range": ("MinValue", "MaxValue"), "length": ("MinLength", "MaxLength")}


def read_parameters(reader: Reader, node: Node | None) -> dict[str, Parameter]:
    """The section `parameters`, defaults checked."""
    found = {}
    for name, (key, body) in reader.entries(node, quoted(reader.version.spelled("parameters"))).items():
        found[name] = _parameter(reader, name, key, body)
        if name in reader.version.pseudo_parameters:
            reader.error("BBQ-H014", f"parameter {quoted(name)} is Heat's own", key, "choose another name")
    return found


def _parameter(reader: Reader, name: str, key: Node, body: Node) -> Parameter:
    spelled, what = reader.version.spelled, f"parameter {quoted(name)}"
    parameter = Parameter(name, "", at(key))
    if not isinstance(body, MappingNode):
        reader.error("BBQ-H012", f"{what} must be a map with a type, not {shape(body)}", body if not is_null(body) else key)
        return parameter
    keys = reader.keyed(body, what, reader.version.parameter_keys, later=("tags",))
    parameter.type = _type(reader, keys.get(spelled("type")), what, key)
    parameter.description = reader.string(keys.get(spelled("description")), f"the description of {what}")
    parameter.label = reader.string(keys.get(spelled("label")), f"the label of {what}")
    parameter.hidden = reader.boolean(keys.get(spelled("hidden")), f"{spelled('hidden')} of {what}")
    parameter.immutable = reader.boolean(keys.get("immutable"), f"immutable of {what}")
    parameter.tags = tuple(reader.string(item, "a tag") for item in reader.items(keys.get("tags"), f"the tags of {what}"))
    limits = _cfn_limits(keys) if reader.version.cfn else _hot_limits(reader, keys, what)
    parameter.constraints = tuple(_checked(reader, parameter, limits, what))
    default = keys.get(spelled("default"))
    if default is not None and not is_null(default):
        _default(reader, parameter, default, what)
    return parameter


def _type(reader: Reader, node: Node | None, what: str, key: Node) -> str:
    if node is None:
        reader.error("BBQ-H011", f"{what} lacks its {quoted(reader.version.spelled('type'))}", key)
        return ""
    names = {cfn: hot for hot, cfn in PARAMETER_TYPES.items()} if reader.version.cfn else {hot: hot for hot in PARAMETER_TYPES}
    if isinstance(node, ScalarNode) and node.value in names:
        return names[node.value]
    folded = {known.lower().replace("_", ""): known for known in names}
    likely = folded.get(str(node.value).lower().replace("_", "")) if isinstance(node, ScalarNode) else None
    hint = f"did you mean `{likely}`?" if likely else one_of(names)
    if reader.version.cfn and str(node.value).startswith(("AWS::", "List<")):
        hint = "types of AWS are not known to Heat: use String or CommaDelimitedList"
    reader.error("BBQ-H020", f"unknown type {shape(node)} of {what}", node, hint)
    return ""


Found = Iterator[tuple[str, Any, str, Node]]
"""kind, argument, description, where"""


def _hot_limits(reader: Reader, keys: dict[str, Node], what: str) -> Found:
    for item in reader.items(keys.get("constraints"), f"the constraints of {what}"):
        if not isinstance(item, MappingNode):
            reader.error("BBQ-H021", f"a constraint of {what} must be a map, not {shape(item)}", item)
            continue
        entries = reader.entries(item, "a constraint")
        for key, (key_node, _) in entries.items():
            if key not in _HOT_KINDS:
                hint = reader.hint(key, _HOT_KINDS)
                reader.error("BBQ-H021", f"unknown constraint {quoted(key)} of {what}", key_node, hint)
        kinds = [kind for kind in entries if kind in KINDS]
        if "modulo" in kinds and not reader.version.since("2017-02-24"):
            kinds.remove("modulo")
            text = f"constraint `modulo` of {what} is not in version {reader.version.name}"
            reader.error("BBQ-H021", text, entries["modulo"][0], "it came with heat_template_version 2017-02-24")
        elif not kinds and set(entries) <= {"description"}:
            reader.error("BBQ-H021", f"a constraint of {what} constrains nothing", item, one_of(KINDS))
        elif len(kinds) > 1:
            text = f"one constraint of {what} has {' and '.join(map(quoted, kinds))}: Heat takes one of them"
            reader.warning("BBQ-H021", text, entries[kinds[1]][0], "write an entry of the list for each")
        description = entries["description"][1] if "description" in entries else None
        for kind in kinds:
            value = entries[kind][1]
            allowed = {"range": ("min", "max"), "length": ("min", "max"), "modulo": ("step", "offset")}.get(kind)
            if allowed and isinstance(value, MappingNode):
                reader.keyed(value, f"constraint {quoted(kind)} of {what}", allowed)
            yield kind, data(value), reader.string(description, "the description of a constraint"), value


def _cfn_limits(keys: dict[str, Node]) -> Found:
    description = str(keys["ConstraintDescription"].value) if "ConstraintDescription" in keys else ""
    for kind, (low, high) in _CFN_RANGES.items():
        nodes = {name: keys[key] for name, key in (("min", low), ("max", high)) if key in keys}
        if nodes:
            yield kind, {name: data(node) for name, node in nodes.items()}, description, next(iter(nodes.values()))
    for kind, key in (("allowed_values", "AllowedValues"), ("allowed_pattern", "AllowedPattern")):
        if key in keys:
            yield kind, data(keys[key]), description, keys[key]


def _checked(reader: Reader, parameter: Parameter, found: Found, what: str) -> Iterator[Limit]:
    for kind, argument, description, where in found:
        text = problem(kind, argument)
        if text is not None:
            reader.error("BBQ-H021", f"a constraint of {what} is wrong: {text}", where)
            continue
        if parameter.type and parameter.type not in FITS[kind]:
            known = one_of(other for other in KINDS if parameter.type in FITS[other])
            reader.error("BBQ-H021", f"constraint {quoted(kind)} does not fit the type of {what}", where, known)
            continue
        if kind == "allowed_values" and parameter.type in ("number", "boolean"):
            strange = [item for item in argument if not _converts(parameter.type, item)]
            if strange:
                text = f"{quoted(strange[0])}, an allowed value of {what}, is not {_WANTED[parameter.type]}"
                reader.error("BBQ-H021", text, where)
                continue
        if kind == "custom_constraint" and argument not in index().constraints:
            text = f"custom constraint {quoted(argument)} of {what} is not one of Heat's"
            reader.warning("BBQ-H023", text, where, nearest(argument, index().constraints) or "a plugin has to bring it")
        yield limit_of(cast(Kind, kind), argument, description)


def _converts(type_name: str, value: Any) -> bool:
    try:
        _CONVERT[type_name](value)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _default(reader: Reader, parameter: Parameter, node: Node, what: str) -> None:
    def report(message: str, hint: str | None) -> None:
        if parameter.hidden:
            message, hint = f"the default of {what} does not have the form that its type and constraints ask for", None
        reader.error("BBQ-H022", message, node, hint)

    parameter.has_default = True
    if parameter.hidden and reader.bag.sources is not None:
        reader.bag.sources.secret(at(node))
    if is_base_60(node):
        text = f"the default of {what}, {shape(node)}, is the number {data(node)} for Heat"
        reader.warning("BBQ-H013", text, node, "put it in quotes")
    parameter.default = converted(parameter, data(node), report, f"the default of {what}")


def converted(parameter: Parameter, value: Any, report: Callable[[str, str | None], None], what: str) -> Any:
    """`value` as the parameter's type; None with a `report(message, hint)` where it does not fit.

    Texts, which all values from a command line are, are converted as Heat does it.
    """
    try:
        result = _CONVERT[parameter.type](value) if parameter.type else value
    except (ValueError, TypeError, OverflowError, RecursionError):
        wanted = _WANTED[parameter.type]
        hint = None
        if parameter.type == "string" and isinstance(value, (list, dict)):
            hint = (
                "the type `json` takes maps and lists"
                if isinstance(value, dict)
                else "the type `comma_delimited_list` takes lists"
            )
        report(f"{what} must be {wanted}, not {_described(value)}", hint)
        return None
    for limit in parameter.constraints:
        if limit.kind == "custom_constraint" and value == "":
            continue  # an empty text means that there is none
        wrong = broken(limit, result, parameter.type)
        if wrong is not None:
            report(f"{what} {wrong}, not {_described(value)}", limit.description or None)
            return None
    return result


def _described(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else quoted(value)


def _string(value: Any) -> str:
    if isinstance(value, (list, dict)):
        raise ValueError(value)
    return value if isinstance(value, str) else str(value)


def _list(value: Any) -> list[str]:
    if isinstance(value, list):
        return [item if isinstance(item, str) else str(item) for item in value]
    if not isinstance(value, str):
        raise ValueError(value)
    return value.split(",") if value else []


def _json(value: Any) -> Any:
    if isinstance(value, str) and value:
        return json.loads(value)
    return value


_CONVERT: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _string,
    "number": number,
    "boolean": boolean,
    "comma_delimited_list": _list,
    "json": _json,
}
_WANTED: Final = {
    "string": "a string",
    "number": "a number",
    "boolean": "true or false",
    "comma_delimited_list": "a list, or text with commas",
    "json": "JSON, or a map or list",
}


def read_groups(reader: Reader, node: Node | None, parameters: dict[str, Parameter]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The section `parameter_groups`: (label, names) each."""
    groups, seen = [], set[str]()
    for item in reader.items(node, "`parameter_groups`"):
        if not isinstance(item, MappingNode):
            reader.error("BBQ-H012", f"a parameter group must be a map, not {shape(item)}", item)
            continue
        keys = reader.keyed(item, "a parameter group", ("label", "description", "parameters"), lenient=True)
        label = reader.string(keys.get("label"), "the label of a parameter group")
        if keys.get("parameters") is None or is_null(keys["parameters"]):
            reader.error("BBQ-H011", "a parameter group lacks its `parameters`", item)
            continue
        names = []
        for entry in reader.items(keys["parameters"], "the parameters of a group"):
            name = reader.name(entry, "a parameter's name")
            if name is None:
                continue
            if name not in parameters and name not in reader.version.pseudo_parameters:
                hint = reader.hint(name, parameters)
                reader.error("BBQ-H043", f"unknown parameter {quoted(name)}", entry, hint)
            elif name in seen:
                reader.error("BBQ-H024", f"parameter {quoted(name)} is in a parameter group already", entry)
            seen.add(name)
            names.append(name)
        groups.append((label, tuple(names)))
    return tuple(groups)
