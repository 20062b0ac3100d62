"""Class files of MuranoPL: names, parents, properties, and which resources they read. Methods are not run.

https://docs.openstack.org/murano/latest/admin/appdev-guide/muranopl/index.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from yaml import MappingNode, Node, ScalarNode

from bbq.murano import codes
from bbq.murano.model import NO_DEFAULT, ClassDef, Property
from bbq.murano.reading import Reader
from bbq.yamlreader import at, data, is_null

APPLICATION: Final = "io.murano.Application"
ROOTS: Final = frozenset({APPLICATION, "io.murano.Object"})
"""What has no properties of its own."""
_CALL: Final = re.compile(r"\$(?:this)?\.(string|int|bool|class|template|owned|map|list)\(")
_KINDS: Final = {"string": "string", "int": "int", "bool": "bool", "class": "object", "template": "object", "owned": "object"}
_RESOURCE: Final = re.compile(r"[Rr]esources\.(?:string|yaml|json|call)\(\s*['\"]?([\w./-]+\.\w+)['\"]?\s*\)")


def read_classes(roots: Sequence[Node], reader: Reader) -> dict[str, ClassDef]:
    """The classes of one file, whose documents share the namespaces of the one before."""
    found: dict[str, ClassDef] = {}
    spaces: dict[str, str] = {}
    for root in roots:
        keys = reader.entries(root, "the class")
        if "Namespaces" in keys:
            given = reader.entries(keys["Namespaces"][1], "`Namespaces`")
            spaces = {prefix: reader.text(value, "a namespace") for prefix, (_, value) in given.items()}
        if "Name" in keys:
            one = _class(keys, spaces, reader)
            found[one.name] = one
        elif len(roots) == 1 or set(keys) != {"Namespaces"}:
            reader.error(codes.MISSING, "the class lacks its `Name`", root)
    return found


def _class(keys: Mapping[str, tuple[Node, Node]], spaces: Mapping[str, str], reader: Reader) -> ClassDef:
    _, name = keys["Name"]
    full = _full(reader.text(name, "the class's name"), spaces)
    parents = [
        _full(reader.text(item, "a parent"), spaces)
        for item in reader.items(keys.get("Extends", (None, None))[1], "`Extends`", single=True)
    ]
    properties = {
        key: _property(key, where, body, reader)
        for key, (where, body) in reader.entries(keys.get("Properties", (None, None))[1], "`Properties`").items()
    }
    return ClassDef(full, at(name), tuple(parents), properties)


def _full(name: str, spaces: Mapping[str, str]) -> str:
    """A class's full name: `std:Application`, `Tomcat`, or a full one already."""
    prefix, colon, rest = name.partition(":")
    if colon:
        return f"{spaces.get(prefix, prefix)}.{rest}"
    if "." in name or not spaces.get("="):
        return name
    return f"{spaces['=']}.{name}"


def _property(name: str, where: Node, body: Node, reader: Reader) -> Property:
    keys = reader.entries(body, f"the property `{name}`")
    contract = keys.get("Contract", (None, None))[1]
    kind, required = "", False
    if isinstance(contract, ScalarNode) and not is_null(contract):
        call = _CALL.search(contract.value)
        kind = _KINDS.get(call[1], "") if call else ""
        required = ".notNull()" in contract.value
    elif isinstance(contract, MappingNode):
        kind = "map"
    elif contract is not None and not is_null(contract):
        kind = "list"
    default = data(keys["Default"][1]) if "Default" in keys else NO_DEFAULT
    usage = reader.text(keys.get("Usage", (None, None))[1], "`Usage`") or "In"
    return Property(name, kind, at(where), required and default is NO_DEFAULT, default, usage)


def inherited(classes: dict[str, ClassDef]) -> dict[str, ClassDef]:
    """The classes with their parents' properties, as far as the package has the parents."""

    def of(name: str, seen: frozenset[str]) -> tuple[dict[str, Property], bool]:
        found: dict[str, Property] = {}
        unknown = False
        for parent in classes[name].extends:
            if parent in classes and parent not in seen:
                more, open_ = of(parent, seen | {parent})
                found |= more
                unknown |= open_
            elif parent not in ROOTS:
                unknown = True
        return found | classes[name].properties, unknown

    result = {}
    for name, one in classes.items():
        properties, unknown = of(name, frozenset({name}))
        result[name] = replace(one, properties=properties, open=unknown)
    return result


def resources_named(root: Node) -> Iterator[tuple[str, Node]]:
    """Files of the folder Resources that a class reads by a name that stands there."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ScalarNode):
            yield from ((match[1], node) for match in _RESOURCE.finditer(node.value))
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                waiting += [key, value]
        else:
            waiting += node.value
