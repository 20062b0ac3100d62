"""Property values against what the resource's type has.

Source: `heat/engine/properties.py`. A value that a function gives is checked as far as it is known: by what the function can
give at all, and by its value where the parameters' values say it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.hot.computing import OMITTED, UNKNOWN, Fault, TooLarge, known
from bbq.hot.evaluate import Evaluator
from bbq.hot.limits import broken, number
from bbq.hot.names import Names
from bbq.hot.reading import Reader
from bbq.hot.types import ResourceType, Schema
from bbq.hot.values import call_of, data, entries, is_base_60, scalar
from bbq.hot.versions import COMMON_WORDS, FUNCTION_NAMES
from bbq.wording import quoted, shape
from bbq.yamlreader import is_null

_TEXTS: Final = (
    "get_resource get_file list_join str_replace str_replace_strict str_replace_vstrict digest make_url Fn::Join Fn::Replace"
)
_GIVES: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys((*_TEXTS.split(), "Fn::Base64"), (str,)),
    **dict.fromkeys(("repeat", "filter", "list_concat", "list_concat_unique", "Fn::Split", "Fn::GetAZs"), (list,)),
    **dict.fromkeys(("map_merge", "map_replace", "Fn::MemberListToMap"), (dict,)),
    "contains": (bool,),
}
_OF_PARAMETER: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "comma_delimited_list": (list,),
}
_TAKES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str, int, bool),
    "integer": (str, int, float, bool),
    "number": (str, int, float, bool),
    "boolean": (str, bool),
    "list": (list,),
    "map": (dict,),
    "any": (str, int, float, bool, list, dict),
}
_WANTED: Final = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "map": "a map",
}
_KIND_NAMES: Final[dict[type, str]] = {str: "a string", int: "a number", bool: "true or false", list: "a list", dict: "a map"}


class Properties:
    """Checks the properties of one template's resources. `index_variables` are texts that a group puts its members' numbers in
    the place of: a value with one of them is not known."""

    def __init__(self, reader: Reader, names: Names, evaluator: Evaluator) -> None:
        self.reader = reader
        self.names = names
        self.evaluator = evaluator
        self.index_variables: tuple[str, ...] = ()

    def check(self, node: Node | None, kind: ResourceType, what: str, owner: Node) -> None:
        """All properties of a resource. `owner` is where a missing one is reported."""
        if node is not None and not is_null(node) and not isinstance(node, MappingNode):
            self.reader.error("BBQ-H012", f"the properties of {what} must be a map, not {shape(node)}", node)
            return
        if kind.any_property or (node is not None and call_of(node, self.reader.version) is not None):
            return
        replaced = {path[0]: older[0] for path, older in kind.replaces if len(path) == len(older) == 1}
        more = "an environment's parameter_defaults may give it: --environment FILE" if kind.nested else None
        self._members(node, kind.properties, what, owner, "property", replaced, kind.replaces, more)

    def _members(
        self,
        node: Node | None,
        schemas: Mapping[str, Schema],
        what: str,
        owner: Node,
        noun: str,
        replaced: Mapping[str, str],
        replaces: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (),
        more: str | None = None,
    ) -> None:
        found = entries(node) if node is not None else {}
        for name, (key, value) in found.items():
            schema = schemas.get(name)
            if schema is None:
                hint = self.reader.hint(name, schemas, f"{what} takes none", limit=20)
                self.reader.error("BBQ-H032", f"{what} has no {noun} {quoted(name)}", key, hint)
                continue
            self._status(schema, f"{noun} {quoted(name)} of {what}", key)
            deeper = tuple(
                (path[1:], older[1:])
                for path, older in replaces
                if len(path) > 1 and len(older) > 1 and path[0] == older[0] == name
            )
            self._value(value, schema, f"{noun} {quoted(name)} of {what}", deeper)
        for name, schema in schemas.items():
            if schema.required and schema.default is None and name not in found and replaced.get(name) not in found:
                self.reader.error("BBQ-H033", f"{what} lacks the required {noun} {quoted(name)}", owner, more)

    def _status(self, schema: Schema, what: str, where: Node) -> None:
        if not schema.implemented:
            self.reader.error("BBQ-H037", f"{what} is not implemented in Heat", where, "remove it")
        elif schema.status:
            note = schema.note.rstrip(".") or None
            self.reader.warning("BBQ-H036", f"{what} is {schema.status}", where, note)

    def _value(self, node: Node, schema: Schema, what: str, replaces: Any = ()) -> None:
        found = call_of(node, self.reader.version)
        if found is not None:
            self._call(node, found[0], found[2], schema, what, replaces)
        elif self._is_foreign(node):
            return  # told with the functions
        elif is_null(node):
            if schema.required:
                self.reader.warning("BBQ-H033", f"required {what} has no value", node)
        elif schema.type == "map" and isinstance(node, MappingNode):
            if schema.properties is not None:
                pairs = {path[0]: older[0] for path, older in replaces if len(path) == len(older) == 1}
                self._members(node, schema.properties, what, node, "member", pairs, replaces)
            self._limits(node, data(node), schema, what)
        elif schema.type == "list" and isinstance(node, SequenceNode):
            if schema.entry is not None:
                for item in node.value:
                    self._value(item, schema.entry, f"an entry of {what}", replaces)
            self._limits(node, data(node), schema, what)
        else:
            if schema.type in ("string", "any") and is_base_60(node):
                text = f"{what}, {shape(node)}, is the number {data(node)} for Heat"
                self.reader.warning("BBQ-H013", text, node, "put it in quotes")
            self._plain(node, data(node), schema, what)

    def _is_foreign(self, node: Node) -> bool:
        """A call of a function that this version does not have."""
        if not isinstance(node, MappingNode) or len(node.value) != 1:
            return False
        name = node.value[0][0].value
        return name in FUNCTION_NAMES - COMMON_WORDS

    def _call(self, node: Node, name: str, args: Node, schema: Schema, what: str, replaces: Any) -> None:
        if name in ("if", "Fn::If") and isinstance(args, SequenceNode) and len(args.value) in (2, 3):
            chosen = self._quietly(self.evaluator.condition, args.value[0])
            for index, branch in enumerate(args.value[1:]):
                if chosen is UNKNOWN or chosen is (index == 0):
                    self._value(branch, schema, what, replaces)
                else:  # it is for other values of the parameters
                    self._static(branch, schema, what)
            return
        if not self._static(node, schema, what):
            return
        try:
            value = self.evaluator.value(node)
        except TooLarge as error:
            self.reader.error("BBQ-H080", f"{what}: {error}", node)
            return
        except Fault as error:
            self.reader.error("BBQ-H042", str(error), node)
            return
        if value is not OMITTED and value is not None and known(value) and schema.type != "any":
            self._plain(node, value, schema, what)

    def _quietly(self, evaluate: Callable[[Node], Any], node: Node) -> Any:
        try:
            return evaluate(node)
        except Fault:  # told where the condition is defined
            return UNKNOWN

    def _static(self, node: Node, schema: Schema, what: str) -> bool:
        """Whether what a function gives can be of the type at all; with an error where it cannot."""
        found = call_of(node, self.reader.version)
        if found is None:
            return True
        gives = self._gives(found[0], found[2])
        takes = _TAKES[schema.type]
        if schema.conversion:
            takes = (*takes, str, list)
        if gives is None or any(kind in takes for kind in gives):
            return True
        wanted, given = _WANTED[schema.type], _KIND_NAMES[gives[0]]
        self.reader.error("BBQ-H034", f"{what} must be {wanted}, and {quoted(found[0])} gives {given}", node)
        return False

    def _gives(self, name: str, args: Node) -> tuple[type, ...] | None:
        """The kinds of values that a call can give; None where it is open."""
        if name == "str_split":
            one = isinstance(args, SequenceNode) and len(args.value) == 3
            return (str,) if one else (list,)
        if name not in ("get_param", "Ref"):
            return _GIVES.get(name)
        if not isinstance(args, ScalarNode):
            return None
        if args.value in self.names.parameters:
            return _OF_PARAMETER.get(self.names.parameters[args.value].type)
        return (str,) if args.value in self.reader.version.pseudo_parameters or args.value in self.names.resources else None

    def _plain(self, node: Node, value: Any, schema: Schema, what: str) -> None:
        """A value that is known. `node` is where it stands, or the call that gives it."""
        if isinstance(value, str) and any(variable in value for variable in self.index_variables):
            return
        wrong = self._misfit(value, schema)
        if wrong is not None:
            given = self._shown(node, value)
            hint = "put it in quotes" if schema.type == "string" and isinstance(value, float) else None
            self.reader.error("BBQ-H034", f"{what} must be {wrong}, not {given}", node, hint)
            return
        if schema.type == "integer" and isinstance(value, float) and value != int(value):
            self.reader.warning("BBQ-H034", f"{what} is {value}, of which Heat takes {int(value)}", node)
        self._limits(node, value, schema, what)

    def _misfit(self, value: Any, schema: Schema) -> str | None:
        """What the value must be and is not."""
        kind = schema.type
        if schema.conversion and isinstance(value, (str, list, dict)):
            return None
        if kind != "any" and not isinstance(value, _TAKES[kind]):
            return _WANTED[kind]
        if kind == "boolean" and isinstance(value, int) and not isinstance(value, bool):
            return _WANTED[kind]
        try:
            if kind == "integer":
                int(value if not isinstance(value, str) or len(value) < 300 else "")
            elif kind == "number":
                number(value)
            elif kind == "boolean" and isinstance(value, str) and value.lower() not in ("true", "false"):
                return _WANTED[kind]
        except (ValueError, OverflowError):
            return _WANTED[kind]
        return None

    def _limits(self, node: Node, value: Any, schema: Schema, what: str) -> None:
        if not schema.constraints or not self._settled(node):
            return
        for limit in schema.limits:
            wrong = broken(limit, value, schema.type)
            if wrong is not None:
                given = self._shown(node, value)
                self.reader.error("BBQ-H035", f"{what} {wrong}, not {given}", node, limit.description or None)
                return

    def _settled(self, node: Node) -> bool:
        """Whether a literal has no calls at its top level, which give entries of another number or value."""
        if isinstance(node, SequenceNode):
            return not any(call_of(item, self.reader.version) for item in node.value)
        if isinstance(node, MappingNode) and call_of(node, self.reader.version) is None:
            return not any(call_of(value, self.reader.version) for _, value in node.value)
        return True

    def _shown(self, node: Node, value: Any) -> str:
        """The value for a message; what comes from a parameter is called by its name, for it may be a secret."""
        found = call_of(node, self.reader.version)
        if found is not None:
            name, _, args = found
            first = args.value[0] if isinstance(args, SequenceNode) and args.value else args
            if name in ("get_param", "Ref") and isinstance(first, ScalarNode):
                return f"the value of parameter {quoted(first.value)}"
            return f"what {quoted(name)} gives"
        if isinstance(value, (list, dict)):
            return _KIND_NAMES[type(value)] if not isinstance(value, list) else f"a list of {len(value)}"
        return quoted(value) if isinstance(node, ScalarNode) and scalar(node) == value else _KIND_NAMES.get(type(value), "this")
