"""The functions that compute: what their arguments must be, as far as the template says it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.hot.values import call_of, entries, scalar
from bbq.wording import quoted, shape
from bbq.yamlreader import is_null

if TYPE_CHECKING:
    from bbq.hot.functions import Handler, Place, Scanner

URL_PARTS: Final = ("scheme", "username", "password", "host", "port", "path", "query", "fragment")
ALGORITHMS: Final = frozenset(name.lower() for name in hashlib.algorithms_available if not name.lower().startswith("shake"))


def _each(scan: Scanner, name: str, node: Node, place: Place, kinds: tuple[type, ...], wanted: str) -> None:
    """The entries of a list (a call gives one later, nothing is an empty one)."""
    if isinstance(node, SequenceNode):
        for item in node.value:
            if not is_null(item):
                scan.literal(name, item, kinds, wanted)
    elif not scan.is_call(node) and not is_null(node):
        scan.late(name, f"works on a list, not {shape(node)}", node)
    scan.scan(node, place)


def list_join(scan: Scanner, name: str, args: Node, place: Place) -> None:
    several = name == "list_join" and scan.version.since("2015-10-15")
    form = "[ delimiter, list, list ... ]" if several else "[ delimiter, list ]"
    items = scan.items(name, args, 2, None if several else 2, form)
    if items is None:
        return
    scan.literal(name, items[0], (str,), "the delimiter is a string")
    scan.scan(items[0], place)
    kinds: tuple[type, ...] = (str, list, dict) if several else (str,)
    for item in items[1:]:
        _each(scan, name, item, place, kinds, "joins " + ("strings, lists and maps" if several else "strings"))


def str_replace(scan: Scanner, name: str, args: Node, place: Place) -> None:
    if name == "Fn::Replace":
        items = scan.items(name, args, 2, 2, "[ { text: replacement }, string ]")
        if items is None:
            return
        params, template = items
    else:
        found = scan.keys(name, args, ("template", "params"), ("template", "params"))
        if found is None:
            return
        params, template = found["params"], found["template"]
    text = scan.literal(name, template, (str,), "the template is a string")
    if isinstance(params, MappingNode):
        if call_of(params, scan.version) is None:
            _replacements(scan, name, params, text)
    else:
        scan.wrong(name, f"params is a map, not {shape(params)}", params)
    scan.scan(template, place)
    scan.scan(params, place)


def _replacements(scan: Scanner, name: str, params: Node, text: str | None) -> None:
    json = name != "Fn::Replace" and scan.version.since("2015-10-15")
    for key, (key_node, value) in entries(params).items():
        if name.endswith("strict") and text is not None and key not in text:
            scan.late(name, f"{quoted(key)} is not in the template", key_node)
        if not key:
            scan.late(name, "the text to replace is empty", key_node)
        if name == "str_replace_vstrict" and not scan.is_call(value) and not (value.value and not is_null(value)):
            scan.late(name, f"the replacement of {quoted(key)} is empty", value)
        if not json and not isinstance(value, ScalarNode) and not scan.is_call(value):
            hint = None if scan.version.cfn else "maps and lists are replaced since heat_template_version 2015-10-15"
            scan.late(name, f"the replacement of {quoted(key)} is a string or number, not {shape(value)}", value, hint)


def repeat(scan: Scanner, name: str, args: Node, place: Place) -> None:
    nested = scan.version.since("2017-09-01")
    allowed = ("template", "for_each", "permutations") if nested else ("template", "for_each")
    found = scan.keys(name, args, allowed, ("template", "for_each"))
    if found is None:
        return
    permutations: Any = True
    if "permutations" in found:
        # Heat looks at it before it resolves functions: a call is refused, too
        permutations = scalar(found["permutations"]) if isinstance(found["permutations"], ScalarNode) else None
        if not isinstance(permutations, bool):
            scan.wrong(name, f"permutations is true or false, not {shape(found['permutations'])}", found["permutations"])
    each = found["for_each"]
    if not isinstance(each, MappingNode):
        scan.wrong(name, f"for_each is a map, not {shape(each)}", each)
    elif call_of(each, scan.version) is None:
        if not each.value:
            scan.late(name, "for_each is empty", each)
        maps = scan.version.since("2016-10-14") and permutations is not False
        sizes = {len(value.value): value for _, value in each.value if isinstance(value, SequenceNode)}
        if permutations is False and len(sizes) > 1:
            scan.late(name, "the lists of for_each must be equally long", list(sizes.values())[-1])
        for key, value in each.value:
            fits = isinstance(value, SequenceNode) or (isinstance(value, MappingNode) and (maps or scan.is_call(value)))
            if not fits and not is_null(value):
                wanted = "a list or a map" if maps else "a list"
                scan.late(name, f"the values for {quoted(key.value)} are {wanted}, not {shape(value)}", value)
    scan.scan(found["template"], place)
    scan.scan(each, place)


def digest(scan: Scanner, name: str, args: Node, place: Place) -> None:
    items = scan.items(name, args, 2, 2, "[ algorithm, string ]")
    if items is None:
        return
    algorithm = scan.literal(name, items[0], (str,), "the algorithm is a string")
    if algorithm is not None and algorithm.lower() not in ALGORITHMS:
        known = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
        scan.late(name, f"unknown algorithm {quoted(algorithm)}", items[0], scan.reader.hint(algorithm, known))
    scan.literal(name, items[1], (str,), "takes the digest of a string")
    scan.scan(args, place)


def str_split(scan: Scanner, name: str, args: Node, place: Place) -> None:
    index = name == "str_split"
    form = "[ delimiter, string, index ]" if index else "[ delimiter, string ]"
    items = scan.items(name, args, 2, 3 if index else 2, form)
    if items is None:
        return
    delimiter = scan.literal(name, items[0], (str,), "the delimiter is a string")
    if delimiter == "":
        scan.late(name, "the delimiter is empty", items[0])
    if not is_null(items[1]):
        scan.literal(name, items[1], (str,), "splits a string")
    if len(items) == 3:
        found = scan.literal(name, items[2], (int, str), "the index is a number")
        if isinstance(found, str) and not found.strip().lstrip("+-").isdecimal():
            scan.late(name, f"the index is a number, not {shape(items[2])}", items[2])
    scan.scan(args, place)


def yaql(scan: Scanner, name: str, args: Node, place: Place) -> None:
    found = scan.keys(name, args, ("expression", "data"), ("expression",))
    if found is None:
        return
    text = scan.literal(name, found["expression"], (str,), "the expression is a string")
    if text is not None and (problem := expression_problem(text)):
        scan.wrong(name, problem, found["expression"])
    for value in found.values():
        scan.scan(value, place)


def expression_problem(text: str) -> str | None:
    """What is certainly wrong with a YAQL expression: it is empty, or quotes or brackets do not pair. Heat has the grammar."""
    if not text.strip():
        return "the expression is empty"
    pairs, opened, index = {")": "(", "]": "[", "}": "{"}, [], 0
    while index < len(text):
        char = text[index]
        if char in "'\"`":
            end = index + 1
            while end < len(text) and text[end] != char:
                end += 2 if text[end] == "\\" else 1
            if end >= len(text):
                return f"a {char} in the expression is not closed"
            index = end
        elif char in "([{":
            opened.append(char)
        elif char in pairs and (not opened or opened.pop() != pairs[char]):
            return f"a {char} in the expression has no partner"
        index += 1
    return f"a {opened[-1]} in the expression is not closed" if opened else None


def maps(scan: Scanner, name: str, args: Node, place: Place) -> None:
    _each(scan, name, args, place, (dict,), "merges maps")


def map_replace(scan: Scanner, name: str, args: Node, place: Place) -> None:
    items = scan.items(name, args, 2, 2, "[ map, { keys: map, values: map } ]")
    if items is None:
        return
    for item in items:
        if not is_null(item):
            scan.literal(name, item, (dict,), "works on maps")
    if not scan.is_call(items[1]):
        for key, (key_node, value) in entries(items[1]).items():
            if key not in ("keys", "values"):
                scan.late(name, f"has no argument {quoted(key)}", key_node, scan.reader.hint(key, ("keys", "values")))
            elif not is_null(value):
                scan.literal(name, value, (dict,), f"{key} is a map")
    scan.scan(args, place)


def filter_(scan: Scanner, name: str, args: Node, place: Place) -> None:
    items = scan.items(name, args, 2, 2, "[ values, list ]")
    for item in items or []:
        if not is_null(item):
            scan.literal(name, item, (list,), "takes lists")
        scan.scan(item, place)


def list_concat(scan: Scanner, name: str, args: Node, place: Place) -> None:
    _each(scan, name, args, place, (list,), "concatenates lists")


def contains(scan: Scanner, name: str, args: Node, place: Place) -> None:
    items = scan.items(name, args, 2, 2, "[ value, list ]")
    if items is not None:
        scan.literal(name, items[1], (list, str), "looks into a list")
    for item in items or []:
        scan.scan(item, place)


def make_url(scan: Scanner, name: str, args: Node, place: Place) -> None:
    found = scan.keys(name, args, URL_PARTS, ())
    for key, value in (found or {}).items():
        if key == "query":
            scan.literal(name, value, (dict,), "query is a map")
        elif key == "port":
            _port(scan, name, value)
        else:
            text = scan.literal(name, value, (str,), f"{key} is a string")
            if key == "scheme" and text is not None and ":" in text:
                scan.wrong(name, "the scheme has no colon", value)
        scan.scan(value, place)


def _port(scan: Scanner, name: str, node: Node) -> None:
    value: Any = scan.literal(name, node, (int, str), "port is a number")
    if value is None:
        return
    text = str(value).strip()
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= 65535:
        scan.wrong(name, f"port is a number from 1 to 65535, not {quoted(value)}", node)


def select(scan: Scanner, name: str, args: Node, place: Place) -> None:
    items = scan.items(name, args, 2, 2, "[ index, list or map ]")
    if items is not None:
        index = scan.literal(name, items[0], (int, str), "the index is a number or a key")
        is_list = isinstance(items[1], SequenceNode)
        if is_list and isinstance(index, str) and not index.strip().lstrip("+-").isdecimal():
            scan.late(name, f"the index into a list is a number, not {quoted(index)}", items[0])
        if isinstance(items[1], MappingNode) and not scan.is_call(items[1]) and isinstance(index, int):
            scan.late(name, "the key into a map is a string", items[0], "put it in quotes")
    for item in items or []:
        scan.scan(item, place)


def base64(scan: Scanner, name: str, args: Node, place: Place) -> None:
    scan.literal(name, args, (str,), "takes a string")
    scan.scan(args, place)


def any_argument(scan: Scanner, name: str, args: Node, place: Place) -> None:
    scan.scan(args, place)


def member_list(scan: Scanner, name: str, args: Node, place: Place) -> None:
    items = scan.items(name, args, 3, 3, "[ name of keys, name of values, list ]")
    if items is None:
        return
    for item in items[:2]:
        if not isinstance(item, ScalarNode) or not isinstance(scalar(item), str):
            scan.wrong(name, f"the names of keys and values are strings, not {shape(item)}", item)
    _each(scan, name, items[2], place, (str,), "the members are strings")


HANDLERS: Final[dict[str, Handler]] = {
    "list_join": list_join,
    "str_replace": str_replace,
    "str_replace_strict": str_replace,
    "str_replace_vstrict": str_replace,
    "repeat": repeat,
    "digest": digest,
    "str_split": str_split,
    "yaql": yaql,
    "map_merge": maps,
    "map_replace": map_replace,
    "filter": filter_,
    "list_concat": list_concat,
    "list_concat_unique": list_concat,
    "contains": contains,
    "make_url": make_url,
    "Fn::GetAZs": any_argument,
    "Fn::Select": select,
    "Fn::Join": list_join,
    "Fn::Split": str_split,
    "Fn::Replace": str_replace,
    "Fn::Base64": base64,
    "Fn::MemberListToMap": member_list,
}
