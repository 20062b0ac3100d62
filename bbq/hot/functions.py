"""What each function takes, by version; references are looked up, dependencies noted.

Only what stands in the template is looked at; what it comes to with values is `evaluate`'s. Source:
`heat/engine/hot/functions.py`, `heat/engine/cfn/functions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.hot import arguments, references
from bbq.hot.files import Files
from bbq.hot.names import Names
from bbq.hot.reading import Reader
from bbq.hot.values import call_of, scalar
from bbq.hot.versions import COMMON_WORDS, FUNCTION_NAMES, HOT, introduced, last_with
from bbq.wording import nearest, one_of, quoted, shape
from bbq.yamlreader import is_null

NATIVE: Final = {
    "Fn::Join": "list_join",
    "Fn::Split": "str_split",
    "Fn::Replace": "str_replace",
    "Fn::Select": "the path of get_attr and get_param",
    "Fn::ResourceFacade": "resource_facade",
    "Fn::GetAtt": "get_attr",
    "Fn::If": "if",
    "Fn::Equals": "equals",
    "Fn::Not": "not",
    "Fn::And": "and",
    "Fn::Or": "or",
    "Ref": "get_param or get_resource",
    "Fn::Base64": "the value itself",
}
"""What HOT has in the place of CFN's functions."""

TOSCA: Final = {
    "get_input": "use get_param",
    "get_property": "use get_param, or get_attr",
    "get_attribute": "use get_attr",
    "get_artifact": "use get_file",
    "get_operation_output": "use get_attr",
    "get_nodes_of_type": None,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands. `owner` is the resource that it belongs to, "" in outputs and conditions; `conditional`: in an
    `if`, or in an output with a condition; `in_condition`: in the definition of one, where fewer functions may be used."""

    owner: str = ""
    conditional: bool = False
    in_condition: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """`owner` (a resource, or "" for an output) needs `target`. `ordering`: by `depends_on` only, not for a value of it."""

    owner: str
    target: str
    conditional: bool
    where: Node
    ordering: bool = False


class Scanner:
    """Walks the values of one template."""

    def __init__(self, reader: Reader, names: Names, files: Files) -> None:
        self.reader = reader
        self.version = reader.version
        self.names = names
        self.files = files
        self.needs: list[Need] = []
        self.condition_uses: list[tuple[str, str]] = []
        """(condition, condition that it names)"""
        self.defining = ""
        """The condition whose definition is walked."""
        self._in_condition = False
        self.in_output = False
        """An output is walked: what Heat finds only when it computes the value costs the output, not the stack."""

    def scan(self, node: Node, place: Place) -> None:
        """Check every call in a value."""
        if isinstance(node, SequenceNode):
            for item in node.value:
                self.scan(item, place)
        if not isinstance(node, MappingNode):
            return
        found = call_of(node, self.version, condition=True)
        if found is not None and self._allowed(*found[:2], place):
            self._call(*found, place)
            return
        if found is None and len(node.value) == 1:
            self._foreign(node.value[0][0], node.value[0][1])
        for _, value in node.value:
            self.scan(value, place)

    def condition(self, node: Node, place: Place, what: str) -> None:
        """A condition where it is used: a name, a boolean, or a call of a condition function."""
        found = call_of(node, self.version, condition=True)
        if found is not None:
            if found[0] in self.version.conditions:
                before, self._in_condition = self._in_condition, True
                self._call(*found, replace(place, in_condition=True))
                self._in_condition = before
            else:
                self._not_in_conditions(found[0], found[1])
            return
        value = scalar(node) if isinstance(node, ScalarNode) else None
        if isinstance(value, bool):
            return
        if not isinstance(value, str):
            self.error("BBQ-H046", f"{what} must be a condition's name, true, false or a function, not {shape(node)}", node)
        elif value not in self.names.conditions:
            hint = self.reader.hint(value, self.names.conditions, "the template has no conditions")
            self.error("BBQ-H046", f"unknown condition {quoted(value)}", node, hint)
        elif self.defining:
            self.condition_uses.append((self.defining, value))

    def error(self, code: str, message: str, where: Node, hint: str | None = None) -> None:
        self.reader.error(code, message, where, hint)

    def wrong(self, name: str, message: str, where: Node, hint: str | None = None) -> None:
        """Arguments that Heat refuses when it reads the template."""
        self.reader.error("BBQ-H042", f"{name}: {message}", where, hint)

    def late(self, name: str, message: str, where: Node, hint: str | None = None) -> None:
        """Arguments that Heat refuses when it computes the value."""
        report = self.reader.warning if self.in_output else self.reader.error
        report("BBQ-H042", f"{name}: {message}", where, hint)

    def is_call(self, node: Node) -> bool:
        return call_of(node, self.version, condition=self._in_condition) is not None

    def items(self, name: str, args: Node, low: int, high: int | None, form: str) -> list[Node] | None:
        """The arguments of a function that takes a list of `low` to `high`."""
        if not isinstance(args, SequenceNode) or len(args.value) < low or (high is not None and len(args.value) > high):
            found = f"{len(args.value)} of them" if isinstance(args, SequenceNode) else shape(args)
            self.wrong(name, f"takes a list {form}, not {found}", args)
            return None
        return list(args.value)

    def keys(self, name: str, args: Node, allowed: Iterable[str], required: Iterable[str]) -> dict[str, Node] | None:
        """The arguments of a function that takes a map; Heat does not look at keys that it does not know, mostly."""
        names = tuple(allowed)
        if not isinstance(args, MappingNode):
            self.wrong(name, f"takes a map with {', '.join(map(quoted, names))}, not {shape(args)}", args)
            return None
        found = {}
        strict = name in ("yaql", "make_url")
        for key, value in args.value:
            if key.value in names:
                found[key.value] = value
            elif strict:
                self.wrong(name, f"has no argument {quoted(key.value)}", key, self.reader.hint(key.value, names))
            else:
                text = f"{name}: argument {quoted(key.value)} is not read by Heat {self.version.name}"
                self.reader.warning("BBQ-H042", text, key, self.reader.hint(key.value, names))
        missing = [key for key in required if key not in found]
        for key in missing:
            self.wrong(name, f"lacks the argument {quoted(key)}", args)
        return None if missing else found

    def literal(self, name: str, node: Node, kinds: tuple[type, ...], wanted: str) -> Any:
        """The plain value of an argument that must be one of `kinds`; None for a call (or, with an error, anything else)."""
        if self.is_call(node):
            return None
        refuse = self.wrong if name in references.HANDLERS else self.late
        value: Any = scalar(node) if isinstance(node, ScalarNode) else list if isinstance(node, SequenceNode) else dict
        if isinstance(value, type):
            if value not in kinds:
                refuse(name, f"{wanted}, not {shape(node)}", node)
            return None
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            hint = "put it in quotes" if str in kinds and value is not None else None
            refuse(name, f"{wanted}, not {shape(node)}", node, hint)
            return None
        return value

    def _allowed(self, name: str, key: Node, place: Place) -> bool:
        """False for what is no call here; it is walked on as a map."""
        if place.in_condition:
            if name in self.version.conditions:
                return True
            self._not_in_conditions(name, key)
            return False
        if name in self.version.functions:
            return True
        text = f"{quoted(name)} is a function in conditions only; here it is a plain map"
        self.reader.warning("BBQ-H041", text, key, "define a condition, and use it with `if`")
        return False

    def _not_in_conditions(self, name: str, key: Node) -> None:
        known = one_of(self.version.conditions, 20)
        self.error("BBQ-H041", f"function {quoted(name)} cannot be used in a condition", key, known)

    def _foreign(self, key: Node, args: Node) -> None:
        """A single key that is a function in another version, or nearly one."""
        name = key.value
        if name in TOSCA:
            text = f"{quoted(name)} is a function of TOSCA, and none of {self.version}; it is taken as a plain map"
            self.reader.warning("BBQ-H040", text, key, TOSCA[name])
            return
        if name not in FUNCTION_NAMES:
            if name.startswith(("get_", "str_", "list_", "map_", "Fn::")) and (hint := nearest(name, self.version.functions)):
                self.reader.warning("BBQ-H040", f"{quoted(name)} is no function; it is taken as a plain map", key, hint)
            return
        since, last = introduced(name), last_with(name)
        if self.version.key != HOT:
            text = "is HOT's" if not name.startswith(("Fn::", "Ref")) else f"is not in {self.version}"
            hint = next((cfn for cfn, native in NATIVE.items() if native == name), None)
            hint = f"use {hint}" if hint in self.version.functions else one_of(self.version.functions, 20)
        elif since is not None:
            text, hint = f"is not in version {self.version.name}", f"it came with heat_template_version {since}"
        else:
            text = f"is not in version {self.version.name}" if last else "is CFN's, and in no version of HOT"
            hint = f"use {NATIVE[name]}" if name in NATIVE else f"it was there until {last}" if last else None
        plain = name in COMMON_WORDS
        report = self.reader.warning if plain else self.reader.error
        report("BBQ-H040", f"function {quoted(name)} {text}" + ("; it is taken as a plain map" if plain else ""), key, hint)

    def _call(self, name: str, key: Node, args: Node, place: Place) -> None:
        handler = HANDLERS[name]
        if is_null(args) and name not in ("Fn::GetAZs", "map_merge", "list_concat", "list_concat_unique"):
            self.wrong(name, "has no argument", key)
            return
        handler(self, name, args, place)


Handler = Callable[[Scanner, str, Node, Place], None]
HANDLERS: Final[dict[str, Handler]] = {**references.HANDLERS, **arguments.HANDLERS}
